"""What ANALYZE left in the server's catalog, as ``ir.tables`` has it: values decoded from their text, by their type."""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hanse.ir.tables import ColumnStatistics, ForeignKey, TableStatistics
from hanse.ir.types import FLOATS, INTEGERS, Kind, Type

ORIGIN = "pg_stats"
UNDECODED = (ValueError, ArithmeticError)
"""What decoders raise for dates beyond our calendar, infinities and the like."""


@dataclass(frozen=True, slots=True)
class Known:
    """Statistics, indexes and foreign keys of all tables, by oid, as read."""

    columns: Mapping[int, list[tuple[Any, ...]]] = field(default_factory=dict)
    times: Mapping[int, float] = field(default_factory=dict)
    indexes: Mapping[int, list[tuple[str, ...]]] = field(default_factory=dict)
    foreign_keys: Mapping[int, list[ForeignKey]] = field(default_factory=dict)


def known(
    columns: Iterable[tuple[Any, ...]],
    times: Iterable[tuple[Any, ...]],
    indexes: Iterable[tuple[Any, ...]],
    foreign_keys: Iterable[tuple[Any, ...]],
) -> Known:
    """The answers of ``queries.STATISTICS``, ``TIMES``, ``INDEXES`` and ``FOREIGN_KEYS`` by table."""
    by_table: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for oid, *row in columns:
        by_table[oid].append(tuple(row))
    found: dict[int, list[tuple[str, ...]]] = defaultdict(list)
    for oid, names in indexes:
        usable = tuple(names[: names.index(None)] if None in names else names)
        if usable:
            found[oid].append(usable)
    keys: dict[int, list[ForeignKey]] = defaultdict(list)
    for oid, schema, table, names, referenced in foreign_keys:
        keys[oid].append(ForeignKey(tuple(names), schema, table, tuple(referenced)))
    return Known(by_table, dict(times), found, keys)


def statistics(known: Known, oid: int, rows: int | None, types: Mapping[str, Type]) -> TableStatistics | None:
    """What is known of one table of which columns of these types are shown; None if nothing is."""
    found = known.columns.get(oid, [])
    if rows is None and not found:
        return None
    columns = {row[0]: _column(row, rows, types[row[0]]) for row in found if row[0] in types}
    return TableStatistics(rows, columns, known.times.get(oid), ORIGIN)


def _column(row: tuple[Any, ...], rows: int | None, type: Type) -> ColumnStatistics:
    _, nulls, width, distinct, correlation, values, shares, bounds = row
    decode = _DECODERS.get(type.kind)
    common: list[tuple[Any, float]] = []
    histogram: list[Any] = []
    if decode is not None:
        common = [
            (x, share) for text, share in zip(values or (), shares or (), strict=True) if _is(x := _try(decode, text))
        ]
        histogram = [x for text in bounds or () if _is(x := _try(decode, text))] if type.kind in ORDERED else []
    # The source sorts text by its collation and here code points count: the same sample, in our order.
    histogram = sorted(histogram) if len(histogram) > 1 else []
    ends = [*histogram[:1], *histogram[-1:], *(value for value, _ in common)] if type.kind in ORDERED else []
    return ColumnStatistics(
        distinct=_distinct(distinct, rows, nulls),
        null_fraction=nulls,
        minimum=min(ends, default=None),
        maximum=max(ends, default=None),
        common=tuple(common),
        histogram=tuple(histogram),
        width=float(width),
        correlation=correlation,
    )


def _distinct(stored: float, rows: int | None, nulls: float) -> float | None:
    """Zero is unknown; below zero it is a share of the rows (pg_stats in the manual)."""
    if stored >= 0:
        return stored or (0.0 if nulls == 1 else None)
    return None if rows is None else max(1.0, -stored * rows)


def _try(decode: Callable[[str], Any], text: str | None) -> Any:
    if text is not None:
        with suppress(*UNDECODED):
            return decode(text)
    return None


def _is(value: Any) -> bool:
    """Whether a value was decoded, and has a place in an order."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).astimezone(dt.UTC)


ORDERED = (
    INTEGERS | FLOATS | {Kind.DECIMAL, Kind.TEXT, Kind.UUID, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}
)
"""Types whose order here is that of the server, or of which a sample may be sorted again."""

_DECODERS: dict[Kind, Callable[[str], Any]] = {
    Kind.BOOLEAN: lambda text: text == "t",
    Kind.DECIMAL: Decimal,
    Kind.TEXT: lambda text: text.rstrip(" "),
    Kind.ENUM: str,
    Kind.UUID: str,
    Kind.DATE: dt.date.fromisoformat,
    Kind.TIME: dt.time.fromisoformat,
    Kind.TIMESTAMP: dt.datetime.fromisoformat,
    Kind.TIMESTAMPTZ: _utc,
    **dict.fromkeys(INTEGERS, int),
    **dict.fromkeys(FLOATS, float),
}
