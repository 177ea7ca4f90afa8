"""SQLite database files, queried by SQLite itself."""

from hanse.connectors.sqlite.connector import plugin

__all__ = ["plugin"]
