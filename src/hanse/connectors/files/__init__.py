"""Files as tables: Parquet, CSV and JSON, alone, in folders, by glob, with hive partitions."""

from hanse.connectors.files.connector import plugin

__all__ = ["plugin"]
