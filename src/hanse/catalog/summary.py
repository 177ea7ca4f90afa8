"""Statistics of a table's columns from some of its rows, as PostgreSQL's ANALYZE makes them.

Different values of the whole are estimated from a sample by Duj1 of Haas and Stokes, "Estimating the Number of Classes in a
Finite Population" (Journal of the American Statistical Association 93, 1998): n d / (n - f1 + f1 n / N), of n sampled of N
rows, with d different values of which f1 were met once.
"""

import datetime as dt
import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hanse.ir.expr import Column
from hanse.ir.tables import ColumnStatistics
from hanse.ir.types import FLOATS, INTEGERS, Kind, Type

POINTS = 50
"""As many common values, and as many buckets, at most."""
COMMONER = 1.25
"""A common value is met that many times as often as the average one."""
WIDTH_MAX = 64.0
"""Of values that are longer on average none is kept."""
ORDERED = (
    INTEGERS | FLOATS | {Kind.DECIMAL, Kind.TEXT, Kind.UUID, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}
)
COUNTED = ORDERED | {Kind.BOOLEAN, Kind.ENUM}


@dataclass(frozen=True, slots=True)
class Sampled:
    """Rows of a table, and what they are of it."""

    columns: tuple[Column, ...]
    rows: pa.Table
    """One column for each, by position."""
    total: float
    """How many rows the table has, as far as is known: not fewer than were sampled."""
    spread: bool
    """Whether they are from all over the table: if not, they say nothing of how its values are spread. A part of the rows
    says nothing of the least and the greatest of them in either case."""

    @property
    def is_whole(self) -> bool:
        """Whether they are all that there are."""
        return bool(self.rows.num_rows >= self.total)


def summarized(sampled: Sampled) -> dict[str, ColumnStatistics]:
    """What the rows say of each column, by its name."""
    return {
        column.name: _column(values, column.type, sampled)
        for column, values in zip(sampled.columns, sampled.rows.columns, strict=True)
    }


def distinct(sampled: int, different: int, once: int, total: float) -> float:
    """Duj1: different values among ``total`` rows, from a sample with so many rows, different values, and values met once."""
    if not sampled or sampled >= total:
        return float(different)
    if once == sampled:
        return total
    return min(total, sampled * different / (sampled - once + once * sampled / total))


def _column(values: pa.ChunkedArray, type: Type, sampled: Sampled) -> ColumnStatistics:
    count = len(values)
    if not count:
        return ColumnStatistics()
    nulls = values.null_count / count
    present = values.drop_null()
    found = ColumnStatistics(null_fraction=nulls, width=_width(present, type))
    if type.kind in FLOATS:
        present = present.filter(pc.is_finite(present))
    if type.kind not in COUNTED or not len(present):
        return found if len(present) else ColumnStatistics(0.0 if nulls == 1 else None, nulls)
    counts = pc.value_counts(present.combine_chunks())
    times, filled = counts.field("counts"), sampled.total * (1 - nulls)
    once = pc.sum(pc.equal(times, 1)).as_py() or 0
    different = distinct(len(present), len(counts), once, filled)
    common: tuple[tuple[Any, float], ...] = ()
    rest = present
    long = (found.width or 0.0) > WIDTH_MAX
    if not long and (sampled.spread or sampled.is_whole):
        common, rest = _common(counts, present, count, different)
    bounds = _bounds(rest, type) if sampled.spread and not long else ()
    least, greatest = _ends(present, type) if sampled.is_whole else (None, None)
    return ColumnStatistics(different, nulls, least, greatest, common, bounds, found.width)


def _common(
    counts: pa.StructArray, present: pa.ChunkedArray, rows: int, different: float
) -> tuple[tuple[tuple[Any, float], ...], pa.ChunkedArray]:
    """Values that are clearly more frequent than the average one, with their shares of all rows; and the other values."""
    times = counts.field("counts")
    if len(counts) <= POINTS and different <= len(counts) * COMMONER:
        least = 1.0  # these are all the values that there are
    else:
        least = max(2.0, COMMONER * len(present) / max(different, 1.0))
    chosen = counts.filter(pc.greater_equal(times, least))
    order = pc.array_sort_indices(chosen.field("counts"), order="descending")[:POINTS]
    chosen = chosen.take(order)
    values = chosen.field("values")
    rest = present.filter(pc.invert(pc.is_in(present, value_set=values)))
    found = [
        (value, share / rows) for value, share in zip(_python(values), chosen.field("counts").to_pylist(), strict=True)
    ]
    return tuple((value, share) for value, share in found if value is not None), rest


def _bounds(values: pa.ChunkedArray, type: Type) -> tuple[Any, ...]:
    """Ends of buckets with equally many values."""
    if type.kind not in ORDERED or len(values) < 2:
        return ()
    ordered = values.take(pc.sort_indices(values))
    buckets = min(POINTS, len(ordered) - 1)
    places = [round(place * (len(ordered) - 1) / buckets) for place in range(buckets + 1)]
    found = [value for value in _python(ordered.take(pa.array(places))) if value is not None]
    return tuple(found) if len(found) > 1 else ()


def _ends(values: pa.ChunkedArray, type: Type) -> tuple[Any, Any]:
    if type.kind not in ORDERED:
        return None, None
    ends = pc.min_max(values)
    with suppress(ValueError, OverflowError):
        least, greatest = (_plain(ends[name].as_py()) for name in ("min", "max"))
        return (least, greatest) if least is not None and greatest is not None else (None, None)
    return None, None


def _python(values: Any) -> Sequence[Any]:
    """Values as their carriers in Python; None for those that it cannot hold."""
    found: list[Any] = []
    for value in values:
        with suppress(ValueError, OverflowError):
            found.append(_plain(value.as_py()))
            continue
        found.append(None)
    return found


def _plain(value: Any) -> Any:
    """As statistics hold values: texts without blanks at their ends, instants in UTC, no numbers that are none."""
    match value:
        case str():
            return value.rstrip(" ")
        case dt.datetime() if value.tzinfo is not None:
            return value.astimezone(dt.UTC)
        case float() if not math.isfinite(value):
            return None
    return value


def _width(values: pa.ChunkedArray, type: Type) -> float | None:
    """Average bytes of values that have no fixed width."""
    if type.kind not in (Kind.TEXT, Kind.BYTES, Kind.JSON, Kind.ENUM, Kind.UUID) or not len(values):
        return None
    return float(pc.mean(pc.binary_length(values)).as_py())
