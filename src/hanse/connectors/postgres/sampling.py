"""Some blocks of a table, chosen at random by the server (TABLESAMPLE SYSTEM): what ANALYZE itself starts from."""

from hanse.ir.tables import Table
from hanse.spi.sampling import Sample

ROWS_OF_BLOCK = 50
"""As many rows at least a block of 8 kB is taken to have."""
SAMPLED = frozenset({"table", "materialized view", "partitioned table"})
EXTENT = """
WITH RECURSIVE parts(oid) AS (
  SELECT '{relation}'::pg_catalog.regclass::pg_catalog.oid
  UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i JOIN parts ON i.inhparent = parts.oid
)
SELECT coalesce(sum(pg_catalog.pg_relation_size(oid)), 0)::int8
       / pg_catalog.current_setting('block_size')::int8, 0::int8
FROM parts
"""


def extent(table: Table) -> str | None:
    """How many blocks the table and its parts have; None for what cannot be sampled by blocks."""
    if dict(table.details).get("relation") not in SAMPLED:
        return None
    return EXTENT.format(relation=table.relation.replace("'", "''"))


def sample(table: Table, blocks: int, rows: int) -> Sample:
    """About so many rows that they make ``rows`` where blocks are not fuller than usual; the same ones each time."""
    share = min(1.0, rows / ROWS_OF_BLOCK / max(1, blocks))
    if share == 1.0:
        return Sample(f"{table.relation} AS sample", 1.0)
    return Sample(f"{table.relation} AS sample TABLESAMPLE SYSTEM ({100 * share:.6f}) REPEATABLE (0)", share)
