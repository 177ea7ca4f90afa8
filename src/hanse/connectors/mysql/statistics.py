"""What the server knows of values: how many an index holds, and the histograms that ANALYZE made where it was asked to.

MySQL keeps histograms in information_schema.COLUMN_STATISTICS (manual, "Optimizer Statistics"), MariaDB in
mysql.column_stats ("Engine-independent table statistics"), which not everybody may read.
"""

import base64
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hanse.connectors.shared.statistics import bounds, decoded, ends
from hanse.ir.tables import ColumnStatistics, ForeignKey, TableStatistics
from hanse.ir.types import Type

INDEXES = """
SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART, CARDINALITY, INDEX_TYPE
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA IN ({schemas})
ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"""
FOREIGN_KEYS = """
SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME,
REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE
WHERE TABLE_SCHEMA IN ({schemas}) AND REFERENCED_TABLE_NAME IS NOT NULL
ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION"""
COLUMNS_MARIADB = """
SELECT db_name, table_name, column_name, CAST(min_value AS CHAR), CAST(max_value AS CHAR), nulls_ratio, avg_length,
avg_frequency, CASE WHEN hist_type = 'JSON_HB' AND length(histogram) <= 50000 THEN CAST(histogram AS CHAR) END
FROM mysql.column_stats WHERE db_name IN ({schemas})"""
COLUMNS_MYSQL = """
SELECT SCHEMA_NAME, TABLE_NAME, COLUMN_NAME, CAST(HISTOGRAM AS CHAR)
FROM information_schema.COLUMN_STATISTICS WHERE SCHEMA_NAME IN ({schemas})"""

ORIGIN = "information_schema"
BY_VALUE = frozenset({"BTREE", "HASH"})
ONE_VALUE_SHARE = 0.001
"""A bucket of one value counts as a common value from this share of rows on."""
Place = tuple[str, str]
Rows = list[tuple[Any, ...]]


@dataclass(slots=True)
class Known:
    """What is known of one table."""

    indexes: dict[str, list[str | None]] = field(default_factory=lambda: defaultdict(list))
    """The columns of each index by value; None where only a part of a column or an expression is in it."""
    cardinalities: dict[str, float] = field(default_factory=dict)
    """Values of columns that are the first of an index, NULL among them."""
    foreign_keys: dict[str, list[tuple[str, str, str, str]]] = field(default_factory=lambda: defaultdict(list))
    histograms: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    """By column, the rest of its row."""

    def usable(self) -> tuple[tuple[str, ...], ...]:
        """The indexes by whole columns, as far as these go."""
        found = []
        for columns in self.indexes.values():
            whole = columns[: columns.index(None)] if None in columns else columns
            if whole:
                found.append(tuple(map(str, whole)))
        return tuple(found)

    def references(self, trusted: bool) -> tuple[ForeignKey, ...]:
        """The foreign keys; ``trusted``: they are relied on."""
        return tuple(
            ForeignKey(tuple(x[0] for x in key), key[0][1], key[0][2], tuple(x[3] for x in key), trusted)
            for key in self.foreign_keys.values()
        )

    def statistics(self, rows: int | None, types: Mapping[str, Type]) -> TableStatistics | None:
        """Numbers of the columns of these types; None without any."""
        columns = {name: _column(row, rows, types[name]) for name, row in self.histograms.items() if name in types}
        for name, count in self.cardinalities.items():
            if name in types and columns.get(name, _NOTHING).distinct is None:
                columns[name] = replace(columns.get(name, _NOTHING), distinct=max(1.0, count))
        return None if rows is None and not columns else TableStatistics(rows, columns, None, ORIGIN)


_NOTHING = ColumnStatistics()


def known(indexes: Rows, foreign_keys: Rows, histograms: Rows) -> dict[Place, Known]:
    """The answers of the queries, by table."""
    found: dict[Place, Known] = defaultdict(Known)
    for schema, table, index, column, prefix, cardinality, kind in indexes:
        if kind not in BY_VALUE:
            continue
        one = found[schema, table]
        first = index not in one.indexes
        one.indexes[index].append(None if prefix is not None else column)
        if first and prefix is None and column is not None and cardinality is not None:
            one.cardinalities[column] = max(float(cardinality), one.cardinalities.get(column, 0.0))
    for schema, table, constraint, *key in foreign_keys:
        found[schema, table].foreign_keys[constraint].append(tuple(key))
    for schema, table, column, *row in histograms:
        found[schema, table].histograms[column] = tuple(row)
    return found


def _column(row: tuple[Any, ...], rows: int | None, type: Type) -> ColumnStatistics:
    return _of_mysql(json.loads(row[0]), type) if len(row) == 1 else _of_mariadb(row, rows, type)


def _of_mariadb(row: tuple[Any, ...], rows: int | None, type: Type) -> ColumnStatistics:
    low, high, nulls, width, frequency, histogram = row
    share = None if nulls is None else float(nulls)
    distinct = None
    if rows is not None and frequency:
        distinct = max(1.0, rows * (1 - (share or 0.0)) / float(frequency))
    minimum, maximum = ends([decoded(low, type), decoded(high, type)], type)
    common, limits = _buckets(json.loads(histogram), type, 1 - (share or 0.0)) if histogram else ((), ())
    return ColumnStatistics(
        distinct, share, minimum, maximum, common, limits, None if width is None else float(width), None
    )


def _buckets(
    stored: Mapping[str, Any], type: Type, whole: float
) -> tuple[tuple[tuple[Any, float], ...], tuple[Any, ...]]:
    """Common values and bounds from MariaDB's JSON_HB: buckets with a start, a share of the rows, and a count of values."""
    buckets = [x for x in stored.get("histogram_hb", ()) if "start" in x]
    end = next((x["end"] for x in reversed(stored.get("histogram_hb", ())) if "end" in x), None)
    single = [x for x in buckets if x.get("ndv") == 1 and x["size"] >= ONE_VALUE_SHARE]
    common = [(value, x["size"] * whole) for x in single if (value := decoded(x["start"], type)) is not None]
    texts = [x["start"] for x in buckets if x not in single]
    return tuple(sorted(common, key=lambda pair: -pair[1])), bounds([*texts, end] if texts else [], type)


def _of_mysql(stored: Mapping[str, Any], type: Type) -> ColumnStatistics:
    """MySQL's histogram: ``[value, share so far]``, or ``[first, last, share so far, values]``; shares of all rows."""
    buckets: list[list[Any]] = stored.get("buckets", [])
    nulls = float(stored.get("null-values", 0.0))
    if stored.get("histogram-type") == "singleton":
        before = [0.0, *(bucket[1] for bucket in buckets)]
        shares = [(decoded(_text(x[0]), type), x[1] - start) for x, start in zip(buckets, before, strict=False)]
        common = tuple(sorted(((v, s) for v, s in shares if v is not None), key=lambda pair: -pair[1]))
        minimum, maximum = ends([value for value, _ in common], type)
        return ColumnStatistics(float(len(buckets)), nulls, minimum, maximum, common)
    texts = [_text(bucket[0]) for bucket in buckets] + [_text(bucket[1]) for bucket in buckets[-1:]]
    limits = bounds(texts, type)
    minimum, maximum = ends(limits, type)
    return ColumnStatistics(sum(float(x[3]) for x in buckets) or None, nulls, minimum, maximum, (), limits)


def _text(value: Any) -> str:
    """A value of a histogram as text; strings stand as ``base64:type254:...``."""
    text = str(value)
    if text.startswith("base64:"):
        return base64.b64decode(text.rpartition(":")[2]).decode("utf-8", "replace")
    return text
