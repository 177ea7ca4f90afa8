"""What the footers of Parquet files say of their columns: ends and NULLs, by row group; not of floats (trap R37)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import duckdb

from hanse.connectors.shared.statistics import decoded, ends
from hanse.ir.tables import ColumnStatistics, TableColumn, TableStatistics
from hanse.ir.types import INTEGERS, Kind

CHUNKS_MAX = 20_000
"""Column chunks up to which footers are looked at: with more, reading their statistics takes longer than it helps."""
TRUSTED = INTEGERS | {Kind.DATE, Kind.DECIMAL, Kind.TEXT, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}
"""Writers leave NaN out of the ends of floats."""
CHUNKS = """
SELECT path_in_schema, stats_min_value, stats_max_value, stats_null_count, num_values
FROM parquet_metadata({patterns}) LIMIT {limit}
"""


def statistics(
    cursor: duckdb.DuckDBPyConnection, patterns: str, rows: int, columns: Sequence[TableColumn]
) -> TableStatistics:
    """Row count, ends and NULLs of the files together; a column of which a chunk says nothing has none."""
    found: dict[str, ColumnStatistics] = {}
    chunks = cursor.execute(CHUNKS.format(patterns=patterns, limit=CHUNKS_MAX + 1)).fetchall()
    if len(chunks) <= CHUNKS_MAX:
        by_column: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for path, *facts in chunks:
            by_column[path].append(tuple(facts))
        found = {column.name: _column(by_column[column.name], column) for column in columns if column.name in by_column}
    return TableStatistics(rows, found, None, "file footers")


def _column(chunks: list[tuple[Any, ...]], column: TableColumn) -> ColumnStatistics:
    total = sum(chunk[3] for chunk in chunks)
    nulls = None if any(chunk[2] is None for chunk in chunks) else sum(chunk[2] for chunk in chunks)
    share = None if nulls is None or not total else nulls / total
    least = greatest = None
    if column.type.kind in TRUSTED:
        lows, highs = ([decoded(chunk[place], column.type) for chunk in chunks] for place in (0, 1))
        if None not in lows and None not in highs:
            least, greatest = ends([*lows, *highs], column.type)
    return ColumnStatistics(None, share, least, greatest)
