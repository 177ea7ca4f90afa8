"""What ANALYZE left in the server's catalog, as ``ir.tables`` has it: values decoded from their text, by their type."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hanse.connectors.shared.statistics import bounds, decoded, ends
from hanse.ir.tables import ColumnStatistics, ForeignKey, TableStatistics
from hanse.ir.types import Type

ORIGIN = "pg_stats"


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
    for oid, schema, table, names, referenced, enforced in foreign_keys:
        keys[oid].append(ForeignKey(tuple(names), schema, table, tuple(referenced), enforced))
    return Known(by_table, dict(times), found, keys)


def statistics(known: Known, oid: int, rows: int | None, types: Mapping[str, Type]) -> TableStatistics | None:
    """What is known of one table of which columns of these types are shown; None if nothing is."""
    found = known.columns.get(oid, [])
    if rows is None and not found:
        return None
    columns = {row[0]: _column(row, rows, types[row[0]]) for row in found if row[0] in types}
    return TableStatistics(rows, columns, known.times.get(oid), ORIGIN)


def _column(row: tuple[Any, ...], rows: int | None, type: Type) -> ColumnStatistics:
    _, nulls, width, distinct, correlation, values, shares, texts = row
    pairs = zip(values or (), shares or (), strict=True)
    common = tuple((value, share) for text, share in pairs if (value := decoded(text, type)) is not None)
    histogram = bounds(texts or (), type)
    minimum, maximum = ends([*histogram[:1], *histogram[-1:], *(value for value, _ in common)], type)
    return ColumnStatistics(
        distinct=_distinct(distinct, rows, nulls),
        null_fraction=nulls,
        minimum=minimum,
        maximum=maximum,
        common=common,
        histogram=histogram,
        width=float(width),
        correlation=correlation,
    )


def _distinct(stored: float, rows: int | None, nulls: float) -> float | None:
    """Zero is unknown; below zero it is a share of the rows (pg_stats in the manual)."""
    if stored >= 0:
        return stored or (0.0 if nulls == 1 else None)
    return None if rows is None else max(1.0, -stored * rows)
