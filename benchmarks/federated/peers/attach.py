"""DuckDB with its scanners: ATTACH for databases, views for Parquet."""

import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

import duckdb

from benchmarks.federated.loading import Source, extension
from benchmarks.federated.peers.base import Rows, Unavailable

SCANNERS = {"postgres": "postgres_scanner", "mysql": "mysql_scanner"}


class DuckDB:
    """A database in memory, to which the sources are attached read-only."""

    version = duckdb.__version__

    def __init__(self, sources: Sequence[Source]) -> None:
        self.connection = duckdb.connect()
        schemas = ["memory.main"]
        for source in sources:
            schema = self._attach(source)
            schemas += [schema] if schema else []
        self.connection.execute(f"SET search_path = '{','.join(schemas)}'")

    def _attach(self, source: Source) -> str | None:
        if source.kind == "files":
            for table in source.tables:
                self.connection.execute(f"CREATE VIEW {table} AS SELECT * FROM '{source.url}/{table}.parquet'")
            return None
        scanner = SCANNERS[source.kind]
        try:
            self.connection.execute(f"LOAD '{extension(scanner)}'")
        except ModuleNotFoundError as failure:
            raise Unavailable(str(failure)) from None
        parts = urlsplit(source.url)
        name = source.database
        login = f"host={parts.hostname} port={parts.port} user={parts.username} password={parts.password}"
        more = f"dbname={name} sslmode=disable" if source.kind == "postgres" else f"database={name} ssl_mode=disabled"
        self.connection.execute(f"ATTACH '{login} {more}' AS {source.name} (TYPE {source.kind}, READ_ONLY)")
        return f"{source.name}.{'public' if source.kind == 'postgres' else name}"

    def ask(self, sql: str, timeout: float) -> Rows:
        """The whole answer."""
        alarm = threading.Timer(timeout, self.connection.interrupt)
        alarm.start()
        try:
            return self.connection.execute(sql).fetchall()
        finally:
            alarm.cancel()

    def close(self) -> None:
        """Close connections."""
        self.connection.close()
