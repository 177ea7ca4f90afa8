"""What the sources that DuckDB reads in place share: their types, a private engine, errors, reading a request."""
