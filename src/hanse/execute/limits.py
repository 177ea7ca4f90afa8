"""Counts what sources send and what an answer has, and ends the query that has more than it may: never a part of an answer.

What arrives is counted as it arrives, also where it is kept aside for a reader that is not there yet. With the batch that
goes over a limit the query fails, and its statements are ended at their sources.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from hanse.errors import ResourceLimit
from hanse.guardrails import EngineGuardrails, GroupGuardrails, SourceGuardrails
from hanse.ir.sharding import owner
from hanse.settings import QuerySettings
from hanse.spi.ceiling import Ceiling

REACHED = "53400"
ALL = ""
"""Stands for all sources together."""
PART = 8
"""A batch is to have no more than that part of the bytes that may come."""
LEAST_BYTES = 65_536
LEAST_WIDTH = 64
"""Bytes of a row, where nobody knows better."""


@dataclass(frozen=True, slots=True)
class Limit:
    """As many of something as there may be, and who says so: ``guardrail max_rows of pay``, ``setting result_bytes``."""

    most: int
    what: str
    """rows or bytes"""
    rule: str
    of: str
    """What may have as many: ``a query may read``."""

    def __str__(self) -> str:
        return f"{self.rule}: {self.of} {self.most:,} {self.what}"

    def error(self, source: str | None) -> ResourceLimit:
        """What a query is told that has more."""
        message = f"{self}, and this one has more; it was ended, without an answer"
        hint = "restrict the rows, group them at the source, or raise the limit where it is set"
        return ResourceLimit(message, sqlstate=REACHED, source=source, hint=hint)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one query may read and yield."""

    sources: Mapping[str, tuple[Limit, ...]] = field(default_factory=dict)
    """By the name in the configuration; ``ALL`` for all together."""
    answer: tuple[Limit, ...] = ()
    ceilings: Mapping[str, Ceiling] = field(default_factory=dict)
    """What sources' own planners may expect, by the name in the configuration."""

    def ceiling(self, source: str) -> Ceiling | None:
        """That of a source, or of what it is a shard of."""
        return self.ceilings.get(owner(source))

    def over(self, sources: Iterable[str]) -> list[str]:
        """All that concern a query of these sources, for people."""
        names = dict.fromkeys((*map(owner, sources), ALL))
        limits = [limit for name in names for limit in self.sources.get(name, ())]
        ceilings = [self.ceilings[name] for name in names if name in self.ceilings]
        return [*map(str, ceilings), *map(str, limits), *map(str, self.answer)]

    def reading(self, source: str) -> tuple[Limit, ...]:
        """Those on what a query may read from a source."""
        return (*self.sources.get(owner(source), ()), *self.sources.get(ALL, ()))

    def bind(self, source: str) -> bool:
        """Whether a query may read no more than so much from a source, or ask for no more."""
        return bool(self.reading(source)) or self.ceiling(source) is not None

    def batch_bytes(self, source: str) -> int | None:
        """How large batches from a source should be, so that its limits bite soon; None: they may be as they are."""
        found = self.reading(source)
        sizes = [limit.most // PART if limit.what == "bytes" else limit.most * LEAST_WIDTH for limit in found]
        return max(LEAST_BYTES, min(sizes)) if sizes else None


def limits_of(
    engine: EngineGuardrails,
    sources: Mapping[str, SourceGuardrails],
    settings: QuerySettings,
    groups: Iterable[tuple[str, GroupGuardrails]] = (),
) -> Limits:
    """What the configuration, resource groups and the session allow, each on its own: the narrower one bites first."""
    found = {
        name: _limits((block.max_rows, block.max_bytes), f"of {name}", f"a query may read from {name}")
        for name, block in sources.items()
    }
    reading, having = "a query may read", "an answer may have"
    found[ALL] = _limits((engine.max_rows, engine.max_bytes), "of engine", reading) + _limits(
        (settings.max_rows, settings.max_bytes), None, reading
    )
    answer = _limits((engine.result_rows, engine.result_bytes), "of engine", having, "result") + _limits(
        (settings.result_rows, settings.result_bytes), None, having, "result"
    )
    for name, group in groups:
        whose = f"of resource group {name}"
        found[ALL] += _limits((group.max_rows, group.max_bytes), whose, reading)
        answer += _limits((group.result_rows, group.result_bytes), whose, having, "result")
    ceilings = {
        name: Ceiling(name, block.explain_rows, block.explain_cost)
        for name, block in sources.items()
        if block.explain_rows is not None or block.explain_cost is not None
    }
    return Limits({name: limits for name, limits in found.items() if limits}, answer, ceilings)


def _limits(most: tuple[int | None, int | None], whose: str | None, of: str, prefix: str = "max") -> tuple[Limit, ...]:
    pairs = zip(("rows", "bytes"), most, strict=True)
    first, last = ("setting", "") if whose is None else ("guardrail", f" {whose}")
    return tuple(Limit(count, what, f"{first} {prefix}_{what}{last}", of) for what, count in pairs if count is not None)


class _Count:
    """Of one source: what a reader took, what had arrived before it was taken, what nobody will take, what was asked again."""

    __slots__ = ("again", "arrived", "left", "taken")

    def __init__(self) -> None:
        self.taken, self.arrived, self.left, self.again = [0, 0], [0, 0], [0, 0], [0, 0]

    def of(self, place: int) -> int:
        return max(self.taken[place], self.arrived[place]) + self.left[place]

    def moved(self, place: int) -> int:
        return self.of(place) + self.again[place]


class Meter:
    """What one query has read so far. Thread-safe. Every method raises ResourceLimit where that is more than may be."""

    def __init__(self, limits: Limits) -> None:
        """Nothing is read yet."""
        self._limits = limits.sources
        self._lock = threading.Lock()
        self._counts: defaultdict[str, _Count] = defaultdict(_Count)
        self._told: Callable[[int, int], object] | None = None
        self._charged = (0, 0)
        """What was told so far; nothing twice, though what is kept aside comes here twice."""

    def tell(self, used: Callable[[int, int], object]) -> None:
        """Tell of all that arrives, rows and bytes; what that raises ends the query."""
        self._told = used

    def took(self, source: str, batch: pa.RecordBatch) -> None:
        """A batch was handed to its reader, whether or not it was kept aside before."""
        self._count(source, "taken", batch.num_rows, batch.nbytes)

    def arrived(self, source: str) -> "Callable[[pa.RecordBatch], None]":
        """What counts a batch that is kept aside until its reader comes."""
        return lambda batch: self._count(source, "arrived", batch.num_rows, batch.nbytes)

    def lost(self, source: str, rows: int, bytes: int) -> None:
        """So much of what has arrived will never be taken."""
        self._count(source, "arrived", -rows, -bytes)
        self._count(source, "left", rows, bytes)

    def again(self, source: str, rows: int, bytes: int) -> None:
        """So much of what has arrived is asked for again: it has moved, and takes nothing from what a query may read."""
        with self._lock:
            count = self._counts[source]
            for place, amount in enumerate((rows, bytes)):
                count.arrived[place] -= amount
                count.again[place] += amount

    def _count(self, source: str, how: str, rows: int, bytes: int) -> None:
        if not self._limits and self._told is None:
            return
        whole = owner(source)
        with self._lock:
            count = getattr(self._counts[source], how)
            count[0] += rows
            count[1] += bytes
            mine = self._amounts(count for name, count in self._counts.items() if owner(name) == whole)
            total = self._amounts(self._counts.values())
            moved = [sum(count.moved(place) for count in self._counts.values()) for place in (0, 1)]
            new = tuple(max(0, now - before) for now, before in zip(moved, self._charged, strict=True))
            self._charged = (self._charged[0] + new[0], self._charged[1] + new[1])
        if self._told is not None:
            self._told(*new)
        for name, amounts in ((whole, mine), (ALL, total)):
            for limit in self._limits.get(name, ()):
                if amounts[limit.what == "bytes"] > limit.most:
                    raise limit.error(whole if name else None)

    def _amounts(self, counts: Iterable[_Count]) -> tuple[int, int]:
        found = list(counts)
        return sum(count.of(0) for count in found), sum(count.of(1) for count in found)


def check_answer(limits: tuple[Limit, ...], rows: int, bytes: int) -> None:
    """Raise ResourceLimit where an answer has more than it may."""
    for limit in limits:
        if (bytes if limit.what == "bytes" else rows) > limit.most:
            raise limit.error(None)
