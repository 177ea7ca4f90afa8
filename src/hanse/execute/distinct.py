"""What is distinct among keys while they arrive: of one column, or of the rows of several. NULL is no key."""

import datetime as dt
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
RANGE_MOST = 0.7
"""A range of keys that covers more of the values which a column has is not worth waiting for."""
Span = tuple[Any, Any]
"""The least and the greatest value of a column."""


class DistinctValues:
    """One column of keys: its values as long as they are at most so many, then their range, if they have one."""

    def __init__(self, type: Type, most: int, uncounted: int = UNCOUNTED, span: Span | None = None) -> None:
        """Nothing yet. ``type`` is that of what is compared with the keys: what does not fit there equals nothing there.
        ``uncounted`` values may wait to be counted; ``span`` is that of what is compared, if it is known."""
        self._type = type
        self._most = most
        self._uncounted = min(uncounted, most)
        self._span = span if _is_span(span, type.kind) else None
        self._found: pa.Array = pa.array([], carrier(type))
        self._waiting: list[pa.Array] = []
        self._low: Any = None
        self._high: Any = None
        self.is_whole = True

    @property
    def found(self) -> int:
        """As many different ones as have been counted."""
        return len(self._found)

    @property
    def share(self) -> float | None:
        """The part of the column's span in which all of them lie so far; None if nothing is known of one of the two."""
        if self._span is None or self._low is None:
            return None
        least, greatest = self._span
        low, high = max(self._low, least), min(self._high, greatest)
        return 0.0 if high < low else float((high - low) / (greatest - least))

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be said of them any more, or nothing that would leave out much."""
        if self.is_whole:
            return False
        return self._type.kind not in RANGED or (self.share or 0.0) > RANGE_MOST

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
        if sum(map(len, self._waiting)) >= max(len(self._found), self._uncounted):
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

    def __init__(self, types: Sequence[Type], most: int, uncounted: int = UNCOUNTED) -> None:
        """Nothing yet. ``uncounted`` rows may wait to be counted."""
        self._most = most
        self._uncounted = min(uncounted, most)
        self._schema = pa.schema([pa.field(f"k{place}", carrier(type)) for place, type in enumerate(types)])
        self._found = self._schema.empty_table()
        self._waiting: list[pa.Table] = []
        self.is_whole = True

    @property
    def found(self) -> int:
        """As many different ones as have been counted."""
        return len(self._found)

    def add(self, columns: Sequence[pa.Array]) -> None:
        """Take the keys of one batch."""
        if not self.is_whole:
            return
        fitted = [fitting(values, field.type) for values, field in zip(columns, self._schema, strict=True)]
        self._waiting.append(pa.Table.from_arrays(fitted, schema=self._schema).drop_null())
        if sum(map(len, self._waiting)) >= max(len(self._found), self._uncounted):
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


def _is_span(span: Span | None, kind: Kind) -> bool:
    """Whether keys of that kind may be compared with it: statistics are a source's own words."""
    wanted = dt.date if kind is Kind.DATE else int
    return span is not None and all(end.__class__ is wanted for end in span) and span[0] < span[1]


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
