"""PostgreSQL's foreign data wrappers, set as somebody would who knows them: one for each kind of source that has one.

The option `extensions` has nothing to name here: TPC-H uses built-in functions alone, and these are sent as they are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from benchmarks.federated.loading import Source

FETCH = "10000"
"""Rows a FETCH; the default of 100 would make ten thousand round trips a million rows."""


@dataclass(frozen=True)
class Wrapper:
    """How a source becomes a foreign server, with options as SQL spells them."""

    extension: str
    options: Mapping[str, str]
    user_option: str
    schema: str = ""
    """The schema to import; empty where a database is a schema."""

    def place(self, source: Source, verb: str = "") -> str:
        """Where the server is; the verb is that of ALTER."""
        parts = urlsplit(source.url)
        return f"{verb} host '{parts.hostname}', {verb} port '{parts.port}'"

    def set_up(self, source: Source) -> list[str]:
        """The statements that make and analyze the source's tables."""
        parts = urlsplit(source.url)
        database = {"dbname": source.database} if self.schema else {}
        options = ", ".join(f"{name} '{value}'" for name, value in (database | dict(self.options)).items())
        login = f"{self.user_option} '{parts.username}', password '{parts.password}'"
        schema, tables = self.schema or source.database, ", ".join(source.tables)
        return [
            f"CREATE EXTENSION IF NOT EXISTS {self.extension}",
            f"CREATE SERVER {source.name} FOREIGN DATA WRAPPER {self.extension} OPTIONS ({self.place(source)}, {options})",
            f"CREATE USER MAPPING FOR CURRENT_USER SERVER {source.name} OPTIONS ({login})",
            f"IMPORT FOREIGN SCHEMA {schema} LIMIT TO ({tables}) FROM SERVER {source.name} INTO public",
            *(f"ANALYZE {table}" for table in source.tables),
        ]


WRAPPERS = {
    "postgres": Wrapper(
        "postgres_fdw",
        {
            "sslmode": "disable",
            "use_remote_estimate": "true",
            "fetch_size": FETCH,
            "async_capable": "true",
            "fdw_tuple_cost": "0.2",  # the default since PostgreSQL 17: 0.01 before took rows as nearly free
        },
        "user",
        "public",
    ),
    # mysql_fdw's remote estimates take every table of MariaDB for one row, and its ANALYZE does nothing
    "mysql": Wrapper("mysql_fdw", {"use_remote_estimate": "false", "fetch_size": FETCH}, "username"),
}
