"""What is distinct among keys while they arrive: of one column, or of the rows of several. NULL is no key."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hanse.ir.request import KeyRange
from hanse.ir.types import INTEGERS, Kind, Type
from hanse.spi.arrow import carrier

RANGED = frozenset(INTEGERS | {Kind.DATE})
"""Types of which the least and the greatest key are sent when there are too many."""
UNCOUNTED = 65_536
"""As many values as may wait to be counted, or as many as there are keys: counting looks at all."""


class DistinctValues:
    """One column of keys: its values as long as they are at most so many, then their range, if they have one."""

    def __init__(self, type: Type, most: int) -> None:
        """Nothing yet. ``type`` is that of what is compared with the keys: what does not fit there equals nothing there."""
        self._type = type
        self._most = most
        self._found: pa.Array = pa.array([], carrier(type))
        self._waiting: list[pa.Array] = []
        self._low: Any = None
        self._high: Any = None
        self.is_whole = True

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be said of them any more."""
        return not self.is_whole and self._type.kind not in RANGED

    def add(self, values: pa.Array) -> None:
        """Take the keys of one batch."""
        if self.is_lost:
            return
        fresh = fitting(pc.unique(values), self._found.type).drop_null()
        if self._type.kind in RANGED and len(fresh):
            ends = pc.min_max(fresh).as_py()
            self._low = ends["min"] if self._low is None else min(self._low, ends["min"])
            self._high = ends["max"] if self._high is None else max(self._high, ends["max"])
        if not self.is_whole:
            return
        self._waiting.append(fresh)
        if sum(map(len, self._waiting)) >= max(len(self._found), min(UNCOUNTED, self._most)):
            self.count()

    def count(self) -> None:
        """Keep one of each; whoever has too many has no list."""
        if self.is_whole:
            self._found = pc.unique(pa.concat_arrays([self._found, *self._waiting]))
            self.is_whole = len(self._found) <= self._most
        self._waiting.clear()

    def keys(self) -> tuple[Any, ...] | KeyRange | None:
        """The keys, sorted; their range if they are too many; None if nothing can be said."""
        self.count()
        if self.is_whole:
            return tuple(pc.take(self._found, pc.sort_indices(self._found)).to_pylist())
        return None if self._low is None else KeyRange(self._low, self._high)


class DistinctRows:
    """Keys of several columns, as long as they are at most so many."""

    def __init__(self, types: Sequence[Type], most: int) -> None:
        """Nothing yet."""
        self._most = most
        self._schema = pa.schema([pa.field(f"k{place}", carrier(type)) for place, type in enumerate(types)])
        self._found = self._schema.empty_table()
        self._waiting: list[pa.Table] = []
        self.is_whole = True

    def add(self, columns: Sequence[pa.Array]) -> None:
        """Take the keys of one batch."""
        if not self.is_whole:
            return
        fitted = [fitting(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._waiting.append(pa.Table.from_arrays(fitted, schema=self._schema).drop_null())
        if sum(map(len, self._waiting)) >= max(len(self._found), min(UNCOUNTED, self._most)):
            self.count()

    def count(self) -> None:
        """Keep one of each; whoever has too many has none."""
        if self.is_whole and self._waiting:
            every = pa.concat_tables([self._found, *self._waiting])
            self._found = every.group_by(self._schema.names, use_threads=False).aggregate([])
            self.is_whole = len(self._found) <= self._most
        self._waiting.clear()

    def keys(self) -> tuple[tuple[Any, ...], ...] | None:
        """The keys, sorted; None if they are too many."""
        self.count()
        if not self.is_whole:
            return None
        ordered = self._found.sort_by([(name, "ascending") for name in self._schema.names])
        return tuple(zip(*(column.to_pylist() for column in ordered.columns), strict=True))


def fitting(values: pa.Array, type: pa.DataType) -> pa.Array:
    """Integers as those of another width; NULL is what does not fit there."""
    if values.type == type:
        return values
    (low, high), (least, most) = _bounds(type), _bounds(values.type)
    at_least = pc.greater_equal(values, pa.scalar(max(low, least), values.type))
    at_most = pc.less_equal(values, pa.scalar(min(high, most), values.type))
    return pc.if_else(pc.and_(at_least, at_most), values, pa.scalar(None, values.type)).cast(type)


def _bounds(type: pa.DataType) -> tuple[int, int]:
    """The least and the greatest integer of a type."""
    bits = type.bit_width
    return (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if pa.types.is_signed_integer(type) else (0, 2**bits - 1)
