"""The coordinator's own dialect: what runs on this source runs inside the coordinator."""

from hanse.spi.duckdb.dialect import DuckDBDialect

DIALECT = DuckDBDialect()
