"""The connector for PostgreSQL 14 and later: rows through ADBC's binary COPY, catalog and control through psycopg."""

from hanse.connectors.postgres.connector import plugin

__all__ = ["plugin"]
