"""One configured PostgreSQL source: its connections, its catalog, its sessions."""

import contextlib
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import adbc_driver_manager
import adbc_driver_postgresql
import psycopg
from psycopg.conninfo import conninfo_to_dict

from hanse.connectors.postgres import catalog
from hanse.connectors.postgres.capabilities import CAPABILITIES
from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.connectors.postgres.errors import FAILURES, translate
from hanse.connectors.postgres.options import Options, conninfo, session_settings, unbounded
from hanse.connectors.postgres.orphans import PostgresOwner
from hanse.connectors.postgres.refusal import refusal
from hanse.connectors.postgres.running import Wire
from hanse.connectors.postgres.session import CHECKS, READ_ONLY, PostgresSession, Server
from hanse.connectors.postgres.sockets import FIRST_MS, Mark, shut_control
from hanse.connectors.postgres.types import Policy
from hanse.connectors.shared.attempts import Attempt, given_up_after
from hanse.connectors.shared.ownership import Ownership, weakly
from hanse.connectors.shared.pool import Pool
from hanse.connectors.shared.remote import Remote
from hanse.errors import Cancelled, HanseError, Unsupported
from hanse.ir.expr import Literal
from hanse.ir.request import Request
from hanse.spi.connector import Plugin, ReadContext
from hanse.spi.snapshot import SourceCatalog

VERSION_MIN = 140000
CHECKED = {CHECKS: "1000"}
"""In milliseconds: so often the server looks whether we are still there, and so ends what nobody can cancel any more."""
TURN_SECONDS = 0.05
"""How often who waits for others that connect looks whether he is still wanted."""
LOOK_SECONDS = 0.001


class PostgresConnector(Remote[Options, "PostgresConnector"]):
    """The connector of ``spi.connector`` for PostgreSQL 14 and later."""

    explains = True

    def __init__(self, source: str, options: Options, folder: Path) -> None:
        """Connect to nothing yet."""
        super().__init__(source, options, lambda copy: PostgresConnector(source, copy, folder))
        self._conninfo = conninfo(options, folder)
        self._settings = session_settings(options, options.application_name)
        size, wait = options.connections, options.connection_wait
        self._readers: Pool[Wire] = Pool(source, size, wait, self._connect_reader)
        self._controls = Pool(source, size, wait, self._connect)
        self._dialect = PostgresDialect()
        owner = PostgresOwner(source, options.application_name, weakly(self._connect))
        self._owner = Ownership(source, owner, options.sweep)
        weakref.finalize(self, self._owner.let_go)
        self._opening = threading.Lock()
        self._database: Any = None
        self._turn = threading.Condition()
        self._naming: Mark | None = None
        """That of the connection whose name ADBC may still be reading."""
        self._first_mark = int(conninfo_to_dict(self._conninfo).get("tcp_user_timeout") or FIRST_MS)

    @property
    def connections(self) -> tuple[int, int]:
        """How many queries have, and how many there may be."""
        return self._readers.leased, self._options.connections

    def load_catalog(self) -> SourceCatalog:
        """Read tables, keys and facts of comparison from the server, within the time that this may take."""
        facts = self.read_in_time(self._facts)
        server = facts.server
        if server.version < VERSION_MIN:
            message = f"PostgreSQL {server.version_text} is older than version 14, whose extract() first was exact"
            raise Unsupported(message, source=self._source)
        for connector in (self, *self._replicas):
            connector._dialect = PostgresDialect(server.encoding == "UTF8")
            connector._settings |= CHECKED if server.sees_clients_go else {}
        policy = Policy(unbounded(self._options.numeric), self._options.infinity)
        tables = catalog.tables(self._source, facts, policy, self._options)
        return SourceCatalog(
            self._source,
            "postgres",
            tables if self._options.trust_foreign_keys else catalog.untrusted(tables),
            self._dialect,
            CAPABILITIES,
            f"PostgreSQL {server.version_text}",
            server.default_schema,
            key_caps=self._options.key_shipping.caps,
        )

    def _facts(self, attempt: Attempt) -> catalog.Facts:
        connection = self._connect(attempt)
        attempt.ends_by(lambda: shut_control(connection))
        try:
            connection.execute(self._prologue().encode())
            return catalog.read(connection)
        except FAILURES as failure:
            raise translate(failure, self._source) from None
        finally:
            attempt.ends_by(None)
            connection.close()

    def _prologue(self) -> str:
        """A transaction for the catalog: as for requests, but the search path is the user's, for its default schema."""
        sets = [f"SET LOCAL {name} = '{value}'" for name, value in self._settings.items() if name != "search_path"]
        return "; ".join([READ_ONLY, *sets])

    def begin(self, context: ReadContext) -> PostgresSession:
        """Open a session for one query."""
        server = Server(
            self._source,
            self._readers,
            self._controls,
            self._owner,
            self._settings,
            self._options.fetch_bytes,
            self._dialect,
            self._options.parallel_scans.connections,
        )
        return PostgresSession(server, context)

    def expected(self, request: Request, parameters: tuple[Literal, ...], seconds: float) -> float | None:
        """The rows of the plan that the server would make; of ``spi.connector.Estimating``."""
        limits = {**self._settings, "statement_timeout": str(max(1, round(seconds * 1000)))}
        begin = "; ".join([READ_ONLY, *(f"SET LOCAL {name} = '{value}'" for name, value in limits.items())])
        statement = explained(request, parameters, self._dialect)

        def asked(connection: "psycopg.Connection[Any]") -> tuple[Any, ...] | None:
            attempt.ends_by(lambda: shut_control(connection))
            connection.execute(begin.encode())
            row = connection.execute(statement.encode()).fetchone()
            connection.execute(b"ROLLBACK")
            attempt.ends_by(None)
            return row

        with given_up_after(seconds) as attempt:
            try:
                row = self._controls.ask(asked, psycopg.Connection.close, attempt)
            except FAILURES as failure:
                raise translate(failure, self._source) from None
        return None if row is None else float(row[0][0]["Plan"]["Plan Rows"])

    def close(self) -> None:
        """Drop every connection."""
        for replica in self._replicas:
            replica.close()
        self._owner.close()
        for close in [one.close for one in self._readers.close()] + [one.close for one in self._controls.close()]:
            with contextlib.suppress(Exception):
                close()
        with contextlib.suppress(Exception):
            if self._database is not None:
                self._database.close()

    def _connect(self, attempt: Attempt) -> "psycopg.Connection[Any]":
        before, mark = time.monotonic(), Mark(self._first_mark)
        attempt.ends_by(mark.shut)
        try:
            connection = psycopg.connect(self._conninfo + mark.setting, autocommit=True, prepare_threshold=None)
            mark.belongs_to(connection)
            return connection
        except FAILURES as failure:
            self._raise_if_given_up(attempt)
            code = refusal(self._conninfo, self._options.connect_timeout) if self._is_early(before) else None
            raise translate(failure, self._source, refusal=code) from None
        finally:
            attempt.ends_by(None)

    def _raise_if_given_up(self, attempt: Attempt) -> None:
        if attempt.is_given_up:
            raise Cancelled("cancelled while connecting", source=self._source)

    def _is_early(self, before: float) -> bool:
        """Whether connecting failed long before it took too long: a silent server is not asked again, for as long, why."""
        return time.monotonic() - before < self._options.connect_timeout / 2

    def _connect_reader(self, attempt: Attempt) -> Wire:
        """A connection of ADBC. All share one handle, which has read the server's types once."""
        before, mark = time.monotonic(), Mark(self._first_mark)
        attempt.ends_by(mark.shut)
        try:
            database = self._database or self._opened(attempt, mark)
            with self._named(database, attempt, mark):
                return Wire(adbc_driver_manager.AdbcConnection(database), mark)
        except FAILURES as failure:
            self._raise_if_given_up(attempt)
            raise (self._diagnosis() if self._is_early(before) else None) or translate(failure, self._source) from None
        finally:
            attempt.ends_by(None)

    @contextlib.contextmanager
    def _named(self, database: Any, attempt: Attempt, mark: Mark) -> Iterator[None]:
        """Have the handle's next connection be of that mark. Whoever wants another one waits until a socket has it, since libpq
        has read the name then."""
        with self._turn:
            pause = LOOK_SECONDS
            while self._naming is not None and not self._naming.is_seen:
                self._raise_if_given_up(attempt)
                self._turn.wait(pause)
                pause = min(TURN_SECONDS, pause * 2)
            self._naming = mark
            database.set_options(uri=self._conninfo + mark.setting)
        try:
            yield
        finally:
            with self._turn:
                if self._naming is mark:
                    self._naming = None
                    self._turn.notify_all()

    def _opened(self, attempt: Attempt, mark: Mark) -> Any:
        """The handle. Who finds another opening it waits for that, but not for longer than connecting may take."""
        deadline = time.monotonic() + self._options.connect_timeout
        turn = False
        while not turn and time.monotonic() < deadline:
            self._raise_if_given_up(attempt)
            turn = self._opening.acquire(timeout=TURN_SECONDS)
        try:
            if self._database is None:
                self._database = adbc_driver_postgresql.connect(self._conninfo + mark.setting)
            return self._database
        finally:
            if turn:
                self._opening.release()

    def _diagnosis(self) -> HanseError | None:
        """Why ADBC cannot connect: psycopg, over the same library, knows more about a failure."""
        try:
            self._connect(Attempt()).close()
        except HanseError as known:
            return known
        return None


def explained(request: Request, parameters: tuple[Literal, ...], dialect: PostgresDialect) -> str:
    """The statement that asks for the plan of a request."""
    return (
        f"EXPLAIN (FORMAT JSON) {request.sql.spelled(lambda hole: dialect.literal(parameters[hole.index]) or 'NULL')}"
    )


def _connect(source: str, options: Options, folder: Path) -> PostgresConnector:
    return PostgresConnector(source, options, folder)


plugin = Plugin("postgres", Options, _connect)
