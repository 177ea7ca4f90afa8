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
PATH_COMMA = ", "
CHUNKS = """
SELECT path_in_schema, stats_min_value, stats_max_value, stats_null_count, num_values
FROM parquet_metadata({patterns}) LIMIT {limit}
"""


def statistics(
    cursor: duckdb.DuckDBPyConnection, patterns: str, rows: int, columns: Sequence[TableColumn]
) -> TableStatistics:
    """Row count, ends and NULLs of the files together; a column of which a chunk says nothing has none. DuckDB takes columns
    of several files for the same whose names differ in case alone, and rows of files that lack a column hold NULL in it."""
    found: dict[str, ColumnStatistics] = {}
    chunks = cursor.execute(CHUNKS.format(patterns=patterns, limit=CHUNKS_MAX + 1)).fetchall()
    if len(chunks) <= CHUNKS_MAX:
        by_column: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for path, *facts in chunks:
            by_column[path.lower()].append(tuple(facts))
        for column in columns:
            known = _column(by_column[column.name.lower()], rows, column)
            # a path with a comma may also be that of a field in a struct
            if known != ColumnStatistics() and PATH_COMMA not in column.name:
                found[column.name] = known
    return TableStatistics(rows, found, None, "file footers")


def _column(chunks: list[tuple[Any, ...]], rows: int, column: TableColumn) -> ColumnStatistics:
    """``chunks``: least, greatest, NULLs and values of the column in each row group."""
    chunks = [chunk for chunk in chunks if chunk[3]]
    if not chunks:
        return ColumnStatistics()
    absent = rows - sum(chunk[3] for chunk in chunks)
    nulls = None if any(chunk[2] is None for chunk in chunks) else absent + sum(chunk[2] for chunk in chunks)
    share = None if nulls is None else nulls / rows
    least = greatest = None
    if column.type.kind in TRUSTED:
        # a chunk of NULLs alone has no ends
        filled = [chunk for chunk in chunks if chunk[2] is None or chunk[2] < chunk[3]]
        lows, highs = ([decoded(chunk[place], column.type) for chunk in filled] for place in (0, 1))
        if None not in lows and None not in highs:
            least, greatest = ends([*lows, *highs], column.type)
    return ColumnStatistics(None, share, least, greatest)
