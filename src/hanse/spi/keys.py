"""Facts and forms of keys that are sent to a source: what they cost there, what fits a statement, dense ones as ranges."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

RUNS_MAX = 16
"""As many ranges as may stand for keys: a source plans and tests each of them."""
RUN_KEYS = 4
"""Ranges are better than a list when they hold that many keys each, on average."""


@dataclass(frozen=True, slots=True)
class KeyCosts:
    """What keys cost at a source, and how many of them a statement holds.

    Costs are in rows: how many rows a whole scan yields in the time that one key more, or one row found by a key, takes.
    They are measured (``python -m benchmarks key_ways``); the crossover follows from them and from the size of the table.
    """

    near: float = 4.0
    """A key whose rows lie in the order of keys, or whose column has no index, so that the source scans."""
    far: float = 12.0
    """A key that is looked up in an index, and then its rows elsewhere."""
    row: float = 1.0
    """A row that was found by its key, beside what the key costs."""
    grouped: float | None = None
    """A row that the source groups, so that it does not move, whether a scan or a key finds it; None: as one that moves."""
    part: float = 1.0
    """A further part of a key of several columns."""
    apart: float = 0.0
    """A key of several columns, where some of them have indexes of their own and none has all of them."""
    pair: float = 0.0
    """Comparing a row with one that stands in the query as a constant, where the source joins by nested loops and no index
    finds it; 0: the source hashes."""
    keys: int = 10_000
    """As many keys as one statement should hold."""
    values: int = 1_000_000
    """As many values as keys of several columns may have together in one statement."""
    bytes: int = 500_000
    """As many bytes of keys as one statement may hold."""
    batches: bool = False
    """Whether the source's sessions run several statements of one request (``Request.more``)."""

    def key(self, is_near: bool, parts: int = 1) -> float:
        """A key of so many columns."""
        return (self.near if is_near else self.far) + self.part * (parts - 1)

    def keys_in_one(self, parts: int) -> int:
        """As many keys of so many columns as one statement should hold."""
        return self.keys if parts == 1 else max(1, min(self.keys, self.values // parts))

    def worth(self, rows: float, distinct: float, key: float, weight: float = 1.0, *, are_grouped: bool = False) -> int:
        """With how many keys reading by keys takes as long as reading everything: ``rows`` rows of ``distinct`` keys, each of
        which costs ``key``.

        A row's ``weight`` is what it costs in a scan, in rows as they were measured: what it costs more it costs in either
        way, and a key costs what it did.
        """
        each = rows / max(1.0, min(distinct, rows))
        found = self.row + weight - 1
        if are_grouped and self.grouped is not None:
            weight = found = max(weight, self.grouped)
        return max(1, int(rows * weight / (key + found * each)))


def runs(keys: Sequence[Any]) -> list[tuple[Any, Any]] | None:
    """Sorted integers or dates as few ranges without gaps, ends included; None if a list is better."""
    if len(keys) < RUN_KEYS:
        return None
    breaks: list[int] = []
    for place in _breaks(keys):
        breaks.append(place)
        if len(breaks) >= RUNS_MAX or (len(breaks) + 1) * RUN_KEYS > len(keys):
            return None
    edges = [0, *breaks, len(keys)]
    return [(keys[start], keys[end - 1]) for start, end in pairwise(edges)]


def _breaks(keys: Sequence[Any]) -> Iterator[int]:
    """Places of keys that do not follow upon the one before."""
    step: Any = dt.timedelta(days=1) if isinstance(keys[0], dt.date) else 1
    for place in range(1, len(keys)):
        if keys[place] - keys[place - 1] != step:
            yield place
