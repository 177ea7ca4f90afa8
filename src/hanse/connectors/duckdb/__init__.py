"""DuckDB database files, attached read only and read in place."""

from hanse.connectors.duckdb.connector import plugin

__all__ = ["plugin"]
