"""The coordinator's dialect: every expression of the plan in DuckDB's SQL, with exactly PostgreSQL's meaning. Text only."""
