"""Puts keys into a request: as one statement or, where they are too many for one, as several with a part of them each.

No row comes twice: the keys are distinct, each of them stands in one statement only, and where several keys are equal to
the source (a collation that ignores case) a further condition keeps each statement to its part (``Dialect.key_part``).
What is more than a statement or a cap of the configuration allows becomes conditions on each column, the keys' range, or
no condition at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hanse.errors import ResourceLimit
from hanse.execute.distinct import RANGED
from hanse.ir.fragment import Hole
from hanse.ir.request import KeyHole, KeyRange, Request, SqlText
from hanse.ir.types import Type
from hanse.spi.dialect import DENSE, Dialect, Operand

ColumnKeys = tuple[Any, ...] | KeyRange | None


@dataclass(frozen=True, slots=True)
class Filling:
    """One hole and what goes into it: for each column its values, their range or nothing, which is a condition too; or
    whole rows of values, and the columns' only if these do not fit."""

    hole: Hole
    columns: tuple[ColumnKeys, ...]
    rows: tuple[tuple[Any, ...], ...] | None = None

    @property
    def keys(self) -> Sequence[Any] | None:
        """The keys one by one, where they are sent so; each of several columns is a tuple."""
        if self.rows is not None:
            return self.rows
        return self.columns[0] if len(self.columns) == 1 and isinstance(self.columns[0], tuple) else None

    @property
    def count(self) -> int | None:
        """How many keys are sent one by one; None if others come along. Without a key for a column there is none."""
        if self.rows is None and () in self.columns:
            return 0
        return None if self.keys is None else len(self.keys)

    @property
    def is_empty(self) -> bool:
        """Whether it leaves out nothing: keys were too many in any form."""
        return self.rows is None and all(keys is None for keys in self.columns)

    def narrower(self, types: Sequence[Type]) -> "Filling":
        """The next shorter condition: for rows those of each column, for lists their ranges, for ranges none."""
        if self.rows is not None:
            return replace(self, rows=None)
        columns = self.columns
        if any(isinstance(keys, tuple) for keys in columns):
            kept = (_range(keys, type) for keys, type in zip(columns, types, strict=True))
            return replace(self, columns=tuple(kept))
        return replace(self, columns=(None,) * len(columns))


def _range(keys: ColumnKeys, type: Type) -> KeyRange | None:
    if isinstance(keys, tuple):
        return KeyRange(keys[0], keys[-1]) if type.kind in RANGED else None
    return keys


def filled(request: Request, fillings: dict[int, Filling], dialect: Dialect) -> Request:
    """The request with its keys, and what is left of them in ``fillings``; raises ResourceLimit where a cap is to be kept
    by refusing."""
    work = _Work(request, fillings, dialect)
    statements = work.statements()
    return replace(request, sql=statements[0], more=statements[1:])


class _Work:
    """One request while its keys are brought to a size that the source takes."""

    def __init__(self, request: Request, fillings: dict[int, Filling], dialect: Dialect) -> None:
        self.request = request
        self.fillings = fillings
        self.dialect = dialect
        self.operands = {
            part.hole: [Operand(one.sql, one.type, one.collation) for one in part.operands]
            for part in request.sql.parts
            if isinstance(part, KeyHole)
        }
        self._texts: dict[int, str] = {}

    def text(self, id: int) -> str:
        """What stands for all keys of a hole; spelt when somebody asks, for very many take their time, and go in parts."""
        found = self._texts.get(id)
        if found is None:
            found = self._texts[id] = self.spell(id, self.fillings[id])
        return found

    def spell(self, id: int, filling: Filling) -> str:
        operands = self.operands[id]
        if filling.rows is not None:
            return self.spell_rows(operands, filling.rows, filling.hole.lead)
        pairs = zip(operands, filling.columns, strict=True)
        found = [self.dialect.keys(arg, keys) for arg, keys in pairs if keys is not None]
        if len(found) < 2:
            return found[0] if found else self.dialect.keys(operands[0], None)
        return " AND ".join(f"({text})" for text in found)

    def spell_rows(self, operands: Sequence[Operand], rows: Sequence[tuple[Any, ...]], lead: int | None) -> str:
        """The condition on whole rows of values, and where the source finds them by one of their parts, on that one."""
        text = self.dialect.key_rows(operands, rows)
        if lead is None or not rows:
            return text
        return f"({self.dialect.keys(operands[lead], sorted({row[lead] for row in rows}))}) AND {text}"

    def statements(self) -> tuple[SqlText, ...]:
        """All of them; keys that do not fit give way one after the other, the longest first."""
        for id in self.fillings:
            while (over := self.over(id)) is not None:
                self.give_way(id, over)
        while not self.fits():
            several = len(self.fillings) > 1
            longest_first = sorted(self.fillings, key=lambda id: -len(self.text(id)) if several else 0)
            id, parts = next(((id, parts) for id in longest_first if (parts := self.parts(id))), (longest_first[0], []))
            most = self.fillings[id].hole.caps.batches_max
            if parts and (most is None or len(parts) <= most):
                return tuple(self.statement({id: text}) for text in parts)
            self.give_way(id, f"batches_max, {len(parts):,} statements" if parts else None)
        if self.request.divided and all(filling.is_empty for filling in self.fillings.values()):
            return tuple(self.statement({}, sql) for sql in self.request.divided)
        return (self.statement({}),)

    def fits(self) -> bool:
        """Whether one statement takes everything."""
        if any(map(self.is_long, self.fillings)):
            return False
        return sum(len(self.text(id).encode()) for id in self.fillings) <= self.dialect.key_costs.bytes

    def is_long(self, id: int) -> bool:
        """Whether these keys had better be several statements. A text with less than a byte for each is of ranges."""
        filling = self.fillings[id]
        if filling.keys is None or len(filling.keys) <= self.in_one(id):
            return False
        is_listed = filling.rows is not None or self.operands[id][0].type.kind not in DENSE
        return (is_listed or len(self.text(id)) > len(filling.keys)) and self.parting(id) is not None

    def in_one(self, id: int) -> int:
        """As many of these keys as one statement should hold."""
        return self.dialect.key_costs.keys_in_one(1 if self.fillings[id].rows is None else len(self.operands[id]))

    def over(self, id: int) -> str | None:
        """The cap of the configuration that these keys break, if any, and by how much."""
        filling = self.fillings[id]
        most = filling.hole.caps.bytes_max
        if most is None or not any(map(_is_list, (filling.rows, *filling.columns))):
            return None
        size = len(self.text(id).encode())
        return f"bytes_max, {size:,} bytes" if size > most else None

    def parting(self, id: int) -> int | None:
        """The part of the keys by whose order they may be divided: each row must have its place in one statement only."""
        filling = self.fillings[id]
        if filling.keys is None or not (self.dialect.key_costs.batches and filling.hole.divisible):
            return None
        found = [self.beside(id, place, filling.keys) for place in range(len(self.operands[id]))]
        if "" in found:
            return found.index("")
        return next((place for place, text in enumerate(found) if text is not None), None)

    def beside(self, id: int, place: int, keys: Sequence[Any]) -> str | None:
        """What else must hold where only these keys are asked for."""
        low, high = (key if self.fillings[id].rows is None else key[place] for key in (keys[0], keys[-1]))
        return self.dialect.key_part(self.operands[id][place], low, high)

    def parts(self, id: int) -> list[str]:
        """The conditions of several statements; empty if the keys cannot be divided, or not far enough."""
        filling, costs = self.fillings[id], self.dialect.key_costs
        others = sum(len(self.text(other).encode()) for other in self.fillings if other != id)
        place = self.parting(id)
        if filling.keys is None or place is None or 2 * others > costs.bytes:
            return []
        keys = filling.keys
        if filling.rows is not None:
            keys = sorted(filling.rows, key=lambda row: row[place])
        count = -(-len(keys) // self.in_one(id))
        while count <= len(keys):
            step = -(-len(keys) // count)
            chunks = [self.part(id, place, chunk) for chunk in _chunks(keys, step, place, filling.rows is not None)]
            if all(len(chunk.encode()) + others <= costs.bytes for chunk in chunks):
                return chunks
            count *= 2
        return []

    def part(self, id: int, place: int, keys: Sequence[Any]) -> str:
        filling = self.fillings[id]
        some = (
            replace(filling, rows=tuple(keys)) if filling.rows is not None else replace(filling, columns=(tuple(keys),))
        )
        text, beside = self.spell(id, some), self.beside(id, place, keys)
        return f"({text}) AND {beside}" if beside else text

    def give_way(self, id: int, over: str | None) -> None:
        """Send less for a hole, or refuse."""
        filling = self.fillings[id]
        if over is not None and filling.hole.caps.fails:
            raise refusal(over, self.request.source)
        self.fillings[id] = filling.narrower([operand.type for operand in self.operands[id]])
        self._texts.pop(id, None)

    def statement(self, instead: Mapping[int, str], sql: SqlText | None = None) -> SqlText:
        """The text with all keys in their holes, and in some of them others."""
        return (sql or self.request.sql).filled(lambda part: f"({instead.get(part.hole) or self.text(part.hole)})")


def _is_list(keys: object) -> bool:
    return isinstance(keys, tuple)


def _chunks(keys: Sequence[Any], step: int, place: int, is_rows: bool) -> list[Sequence[Any]]:
    """The keys in parts of about ``step``; rows that have one value at ``place`` stay together."""
    chunks: list[Sequence[Any]] = []
    start = 0
    while start < len(keys):
        end = min(start + step, len(keys))
        while is_rows and end < len(keys) and keys[end][place] == keys[end - 1][place]:
            end += 1
        chunks.append(keys[start:end])
        start = end
    return chunks


def refusal(cap: str, source: str) -> ResourceLimit:
    """The error for a query that needs more keys than its configuration allows."""
    name, _, found = cap.partition(", ")
    message = f"a join needs {found} of keys, which is more than key_shipping.{name} allows"
    hint = f"raise sources.{source}.key_shipping.{name}, or set its option over to scan"
    return ResourceLimit(message, sqlstate="54000", source=source, hint=hint)
