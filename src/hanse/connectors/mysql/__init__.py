"""The connector for MySQL and MariaDB: PyMySQL's connection, whose rows are split into Arrow columns here (ADR 3)."""

from hanse.connectors.mysql.connector import plugin

__all__ = ["plugin"]
