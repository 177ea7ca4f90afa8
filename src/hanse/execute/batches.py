"""Puts keys into a request: as one statement or, where they are too many for one, as several with a part of them each.

No row comes twice: the keys are distinct, each of them stands in one statement only, and where several keys are equal to
the source (a collation that ignores case) a further condition keeps each statement to its part (``Dialect.key_part``).
What is more than a statement or a cap of the configuration allows becomes the keys' range, or no condition at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hanse.errors import ResourceLimit
from hanse.ir.fragment import Hole
from hanse.ir.request import KeyHole, KeyRange, Request, SqlText
from hanse.ir.types import INTEGERS, Kind, Type
from hanse.spi.dialect import Dialect, Operand

Keys = tuple[Any, ...] | KeyRange | None
RANGED = frozenset(INTEGERS | {Kind.DATE})
"""Types of which the least and the greatest key are sent when there are too many."""


@dataclass(slots=True)
class Filling:
    """One hole and what goes into it; None and a range are conditions too."""

    hole: Hole
    keys: Keys


def filled(request: Request, fillings: Mapping[int, Filling], dialect: Dialect) -> Request:
    """The request with its keys; raises ResourceLimit where a cap is to be kept by refusing."""
    work = _Work(request, fillings, dialect)
    statements = work.statements()
    return replace(request, sql=statements[0], more=statements[1:])


class _Work:
    """One request while its keys are brought to a size that the source takes."""

    def __init__(self, request: Request, fillings: Mapping[int, Filling], dialect: Dialect) -> None:
        self.request = request
        self.fillings = fillings
        self.dialect = dialect
        self.operands = {
            part.hole: Operand(part.operand, part.type, part.collation)
            for part in request.sql.parts
            if isinstance(part, KeyHole)
        }
        self.texts = {id: self.spell(id, filling.keys) for id, filling in fillings.items()}

    def spell(self, id: int, keys: Keys) -> str:
        return self.dialect.keys(self.operands[id], keys)

    def statements(self) -> tuple[SqlText, ...]:
        """All of them; keys that do not fit give way one after the other, the longest first."""
        for id in self.texts:
            if (over := self.over(id)) is not None:
                self.give_way(id, over)
        while not self.fits():
            longest_first = sorted(self.texts, key=lambda id: -len(self.texts[id]))
            id, parts = next(((id, parts) for id in longest_first if (parts := self.parts(id))), (longest_first[0], []))
            most = self.fillings[id].hole.caps.batches_max
            if parts and (most is None or len(parts) <= most):
                return tuple(self.statement({**self.texts, id: text}) for text in parts)
            self.give_way(id, f"batches_max, {len(parts):,} statements" if parts else None)
        return (self.statement(self.texts),)

    def fits(self) -> bool:
        """Whether one statement takes everything."""
        costs = self.dialect.key_costs
        total = sum(len(text.encode()) for text in self.texts.values())
        return total <= costs.bytes and not any(self.is_long(id) for id in self.texts)

    def is_long(self, id: int) -> bool:
        """Whether these keys had better be several statements. A text with less than a byte for each is of ranges."""
        keys = self.fillings[id].keys
        most = self.dialect.key_costs.keys
        return self.may_part(id) and isinstance(keys, tuple) and len(self.texts[id]) > len(keys) > most

    def may_part(self, id: int) -> bool:
        costs, keys = self.dialect.key_costs, self.fillings[id].keys
        if not (costs.batches and self.fillings[id].hole.divisible and isinstance(keys, tuple)):
            return False
        return self.dialect.key_part(self.operands[id], keys[0], keys[-1]) is not None

    def over(self, id: int) -> str | None:
        """The cap of the configuration that these keys break, if any, and by how much."""
        keys, caps = self.fillings[id].keys, self.fillings[id].hole.caps
        size = len(self.texts[id].encode())
        if isinstance(keys, tuple) and caps.bytes_max is not None and size > caps.bytes_max:
            return f"bytes_max, {size:,} bytes"
        return None

    def parts(self, id: int) -> list[str]:
        """The conditions of several statements; empty if the keys cannot be divided, or not far enough."""
        keys, costs = self.fillings[id].keys, self.dialect.key_costs
        others = sum(len(text.encode()) for other, text in self.texts.items() if other != id)
        if not isinstance(keys, tuple) or not self.may_part(id) or 2 * others > costs.bytes:
            return []
        count = -(-len(keys) // costs.keys)
        while count <= len(keys):
            step = -(-len(keys) // count)
            chunks = [self.part(id, keys[start : start + step]) for start in range(0, len(keys), step)]
            if all(len(chunk.encode()) + others <= costs.bytes for chunk in chunks):
                return chunks
            count *= 2
        return []

    def part(self, id: int, keys: tuple[Any, ...]) -> str:
        beside = self.dialect.key_part(self.operands[id], keys[0], keys[-1])
        text = self.spell(id, keys)
        return f"({text}) AND {beside}" if beside else text

    def give_way(self, id: int, over: str | None) -> None:
        """Send less for a hole, or refuse."""
        filling = self.fillings[id]
        if over is not None and filling.hole.caps.fails:
            raise refusal(over, self.request.source)
        filling.keys = narrower(filling.keys, self.operands[id].type)
        self.texts[id] = self.spell(id, filling.keys)

    def statement(self, texts: Mapping[int, str]) -> SqlText:
        return self.request.sql.filled(lambda part: f"({texts[part.hole]})")


def narrower(keys: Keys, type: Type) -> Keys:
    """The next shorter condition: of keys their range, of a range none."""
    return KeyRange(keys[0], keys[-1]) if isinstance(keys, tuple) and type.kind in RANGED else None


def refusal(cap: str, source: str) -> ResourceLimit:
    """The error for a query that needs more keys than its configuration allows."""
    name, _, found = cap.partition(", ")
    message = f"a join needs {found} of keys, which is more than key_shipping.{name} allows"
    hint = f"raise sources.{source}.key_shipping.{name}, or set its option over to scan"
    return ResourceLimit(message, sqlstate="54000", source=source, hint=hint)
