"""PostgreSQL's postgres_fdw: a database of its own, whose foreign tables are the sources' tables."""

import contextlib
import os
from collections.abc import Sequence
from urllib.parse import urlsplit

import psycopg

from benchmarks.federated.loading import Source
from benchmarks.federated.peers.base import Rows, Unavailable
from tests.servers.databases import Database

OPTIONS = "use_remote_estimate 'true', fetch_size '10000', async_capable 'true'"


class PostgresFdw:
    """The mediator lives at the server whose administrator it is given; what it asks goes by the sources' own ports."""

    def __init__(self, admin: str, sources: Sequence[Source]) -> None:
        if any(source.kind != "postgres" for source in sources):
            raise Unavailable("postgres_fdw reads PostgreSQL only")
        self.admin = Database("", admin)
        self.name = f"mediator_{os.getpid()}_{id(self)}"
        self.admin.run(f"CREATE DATABASE {self.name}")
        self.connection = psycopg.connect(admin.rsplit("/", 1)[0] + f"/{self.name}", autocommit=True)
        self.version = f"PostgreSQL {self.connection.info.server_version // 10000}"
        self._run("CREATE EXTENSION postgres_fdw")
        for source in sources:
            self._attach(source)

    def _attach(self, source: Source) -> None:
        parts = urlsplit(source.url)
        place = f"host '{parts.hostname}', port '{parts.port}', dbname '{parts.path.strip('/')}', sslmode 'disable'"
        self._run(f"CREATE SERVER {source.name} FOREIGN DATA WRAPPER postgres_fdw OPTIONS ({place}, {OPTIONS})")
        login = f"user '{parts.username}', password '{parts.password}'"
        self._run(f"CREATE USER MAPPING FOR CURRENT_USER SERVER {source.name} OPTIONS ({login})")
        self._run(f"IMPORT FOREIGN SCHEMA public FROM SERVER {source.name} INTO public")

    def _run(self, sql: str) -> None:
        self.connection.execute(sql)

    def ask(self, sql: str, timeout: float) -> Rows:
        """The whole answer."""
        self._run(f"SET statement_timeout = {int(timeout * 1000)}")
        rows: Rows = self.connection.execute(sql).fetchall()
        return rows

    def close(self) -> None:
        """Drop the mediator."""
        self.connection.close()
        with contextlib.suppress(psycopg.Error):
            self.admin.run(f"DROP DATABASE {self.name} WITH (FORCE)")
