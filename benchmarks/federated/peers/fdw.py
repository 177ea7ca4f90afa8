"""PostgreSQL with foreign data wrappers: a server of its own, whose foreign tables are the sources' tables.

What is imported and analyzed stays in a database at that server, from which each mediator is copied: ANALYZE of a foreign
table reads all of it.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import psycopg
from psycopg.errors import UndefinedTable

from benchmarks.federated.loading import Source, named
from benchmarks.federated.peers.base import Rows, Unavailable
from benchmarks.federated.peers.wrappers import WRAPPERS
from tests.servers.databases import Database
from tests.servers.packages import ServerMissing, programs

SESSION = {"work_mem": "'256MB'", "jit": "off"}
"""Memory as for one analyst on such a machine; compiling costs more than it saves where others do the work."""
_numbers = count()


class PostgresFdw:
    """A mediator over the sources that its wrappers read; queries over the other sources' tables are refused."""

    def __init__(self, server: Callable[[], str], sources: Sequence[Source]) -> None:
        self.admin = Database("", server())
        reasons = {source: unreadable(source, self.admin) for source in sources}
        self.missing = [f"{source.name} is left out: {reason}" for source, reason in reasons.items() if reason]
        readable = [source for source, reason in reasons.items() if not reason]
        if not readable:
            raise Unavailable("; ".join(self.missing))
        wrappers = sorted({WRAPPERS[source.kind].extension for source in readable})
        self.version = "; ".join([f"PostgreSQL {_version(self.admin)} with {' and '.join(wrappers)}", *self.missing])
        self.name = f"mediator_{os.getpid()}_{next(_numbers)}"
        self.admin.run(f"CREATE DATABASE {self.name} TEMPLATE {template(readable, self.admin)}")
        self.connection = psycopg.connect(named(self.admin.url, self.name), autocommit=True)
        for source in readable:
            self._run(f"ALTER SERVER {source.name} OPTIONS ({WRAPPERS[source.kind].place(source, 'SET')})")
        for setting, value in SESSION.items():
            self._run(f"SET {setting} = {value}")

    def _run(self, sql: str) -> None:
        self.connection.execute(sql)

    def ask(self, sql: str, timeout: float) -> Rows:
        """The whole answer; raises Unavailable where a table is of a source that no wrapper reads."""
        self._run(f"SET statement_timeout = {int(timeout * 1000)}")
        try:
            rows: Rows = self.connection.execute(sql).fetchall()
        except UndefinedTable:
            if self.missing:
                raise Unavailable("; ".join(self.missing)) from None
            raise
        return rows

    def close(self) -> None:
        """Drop the mediator."""
        self.connection.close()
        with contextlib.suppress(psycopg.Error):
            self.admin.run(f"DROP DATABASE {self.name} WITH (FORCE)")


def unreadable(source: Source, admin: Database) -> str:
    """Why no wrapper reads a source; nothing if one does, which root installs as it does the servers."""
    if source.kind not in WRAPPERS:
        return f"no wrapper here reads {source.kind}"
    extension = WRAPPERS[source.kind].extension
    libraries = Path(admin.rows("SELECT setting FROM pg_config WHERE name = 'PKGLIBDIR'")[0][0])
    package = f"postgresql-{_version(admin).split('.')[0]}-{extension.replace('_', '-')}"
    try:
        programs(f"{extension}.so", package, [libraries])
    except ServerMissing:
        return f"{extension} is not installed (Debian's package is {package})"
    return ""


def template(sources: Sequence[Source], admin: Database) -> str:
    """The database that has the sources' tables, analyzed; made when it is first asked for, anew with other options."""
    what = [(source.name, source.database, source.tables, WRAPPERS[source.kind]) for source in sources]
    name = "foreign_" + hashlib.sha256(repr(what).encode()).hexdigest()[:12]
    if not admin.rows(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        admin.run(f"DROP DATABASE IF EXISTS {name}_new", f"CREATE DATABASE {name}_new")
        steps = [step for source in sources for step in WRAPPERS[source.kind].set_up(source)]
        Database("", named(admin.url, f"{name}_new")).run(*steps)
        admin.run(f"ALTER DATABASE {name}_new RENAME TO {name}")
    return name


def _version(admin: Database) -> str:
    return str(admin.rows("SHOW server_version")[0][0]).split()[0]
