"""The function library against a real PostgreSQL: the same call there and in DuckDB through our dialect."""
