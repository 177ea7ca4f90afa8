"""Trino: the sources as catalogs of a server that runs already, with the settings that they have by default."""

import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from benchmarks.federated.loading import Source
from benchmarks.federated.peers.base import Rows
from benchmarks.federated.splits import TABLES
from benchmarks.federated.trino.dialect import translated
from benchmarks.federated.trino.server import Running

CONNECTORS = {"postgres": "postgresql", "mysql": "mariadb", "files": "hive"}
URLS = {
    "postgres": "jdbc:postgresql://{place}/{database}?sslmode=disable",
    "mysql": "jdbc:mariadb://{place}?sslMode=disable",
}
CACHED = {"metadata.cache-ttl": "1h", "metadata.statistics.cache-ttl": "1h"}
"""The sources do not change; without it each query would read their catalogs again."""
SET_UP_SECONDS = 120.0
WARM_ROUNDS = 3
_numbers = count()


class Trino:
    """A catalog for each source, dropped when the peer is closed."""

    def __init__(self, server: Callable[[], Running], sources: Sequence[Source]) -> None:
        self.server = server()
        self.version = self.server.version
        self.names: dict[str, tuple[str, str]] = {}
        self.catalogs: list[str] = []
        for source in sources:
            self._attach(source)

    def _attach(self, source: Source) -> None:
        catalog = f"{source.name}_{next(_numbers)}"
        folder = self.server.folder / catalog
        options = self._of_files(folder) if source.kind == "files" else _of_database(source)
        create_catalog(self.server, catalog, CONNECTORS[source.kind], options)
        self.catalogs.append(catalog)
        if source.kind == "files":
            self._register(source, catalog, folder)
        schema = {"postgres": "public", "files": "lake"}.get(source.kind, source.database)
        self.names |= dict.fromkeys(source.tables, (catalog, schema))

    def _of_files(self, folder: Path) -> dict[str, str]:
        """A metastore in a folder, and the file system of this machine."""
        folder.mkdir()
        folder.chmod(0o777)  # the server is another user's
        release = self.server.release
        local = {name: value.format(folder=folder) for name, value in release.local_files}
        place = release.files_url.format(folder=folder)
        return {"hive.metastore": "file", "hive.metastore.catalog.dir": f"{place}metastore", **local}

    def _register(self, source: Source, catalog: str, folder: Path) -> None:
        """Make each file a table, and analyze it: a table is all that is in one folder."""
        place = self.server.release.files_url.format(folder=folder)
        self._run(f"CREATE SCHEMA {catalog}.lake")
        for table in source.tables:
            (folder / table).mkdir()
            file = Path(source.url) / f"{table}.parquet"
            shutil.copy(file, folder / table)
            columns = ", ".join(f"{name} {type}" for name, type, *_ in duckdb.sql(f"DESCRIBE FROM '{file}'").fetchall())
            storage = f"format = 'PARQUET', external_location = '{place}{table}'"
            self._run(f"CREATE TABLE {catalog}.lake.{table} ({columns}) WITH ({storage})")
            self._run(f"ANALYZE {catalog}.lake.{table}")

    def _run(self, sql: str) -> None:
        self.server.client.ask(sql, SET_UP_SECONDS)

    def ask(self, sql: str, timeout: float) -> Rows:
        """The whole answer."""
        return self.server.client.ask(translated(sql, self.names), timeout)

    def close(self) -> None:
        """Drop the catalogs, if the server is still there: who interrupts a run at a terminal interrupts it, too."""
        with contextlib.suppress(OSError):
            for catalog in self.catalogs:
                self._run(f"DROP CATALOG {catalog}")


def create_catalog(server: Running, name: str, connector: str, options: Mapping[str, str]) -> None:
    """Open a catalog on a running server."""
    spelled = ", ".join(f"\"{option}\" = '{value}'" for option, value in options.items())
    server.client.ask(f"CREATE CATALOG {name} USING {connector} WITH ({spelled})", SET_UP_SECONDS)


def _of_database(source: Source) -> dict[str, str]:
    parts = urlsplit(source.url)
    place = f"{parts.hostname}:{parts.port}"
    return {
        "connection-url": URLS[source.kind].format(place=place, database=source.database),
        "connection-user": parts.username or "",
        "connection-password": parts.password or "",
        **CACHED,
    }


def warm(server: Running, queries: Mapping[int, str]) -> None:
    """Ask the queries of Trino's own small TPC-H, so that none of the measured ones pays for compiling the server."""
    create_catalog(server, "warming", "tpch", {"tpch.column-naming": "STANDARD"})
    names = dict.fromkeys(TABLES, ("warming", "tiny"))
    for _ in range(WARM_ROUNDS):
        for sql in queries.values():
            server.client.ask(translated(sql, names), SET_UP_SECONDS)
    server.client.ask("DROP CATALOG warming", SET_UP_SECONDS)
