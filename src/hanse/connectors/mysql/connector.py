"""One configured MySQL or MariaDB source: its connections, its catalog, its sessions."""

import contextlib
import json
import math
import time
import weakref
from pathlib import Path
from typing import Any

from hanse.connectors.mysql import catalog, shots
from hanse.connectors.mysql.capabilities import capabilities
from hanse.connectors.mysql.decode import Policy
from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.connectors.mysql.errors import FAILURES, translate
from hanse.connectors.mysql.expected import explained, rows_of
from hanse.connectors.mysql.opening import opened, shut_connection
from hanse.connectors.mysql.options import Options, database, login, session_settings
from hanse.connectors.mysql.orphans import MysqlOwner
from hanse.connectors.mysql.session import Door, MysqlSession, Ways
from hanse.connectors.mysql.wire import Connection
from hanse.connectors.shared.attempts import Attempt, given_up_after
from hanse.connectors.shared.ownership import Ownership, weakly
from hanse.connectors.shared.pool import Pool
from hanse.connectors.shared.remote import Remote
from hanse.errors import Cancelled
from hanse.ir.expr import Literal
from hanse.ir.request import Request
from hanse.ir.tables import Table
from hanse.spi.connector import Plugin, ReadContext
from hanse.spi.snapshot import SourceCatalog

LIMIT = "hanse_max_execution_time"
"""What a connection to MySQL was told last, in milliseconds."""


class MysqlConnector(Remote[Options, "MysqlConnector"]):
    """The connector of ``spi.connector`` for MySQL 8.0.17 and later and MariaDB 10.3 and later."""

    explains = True
    in_turns = True

    def __init__(self, source: str, options: Options, folder: Path) -> None:
        """Connect to nothing yet."""
        super().__init__(source, options, lambda copy: MysqlConnector(source, copy, folder))
        self._login = login(options, folder)
        self._pool: Pool[Connection] = Pool(source, options.connections, options.connection_wait, self._connect)
        self._dialect = MysqlDialect()
        self._owner = Ownership(source, MysqlOwner(source, weakly(self._connect)), options.sweep)
        weakref.finalize(self, self._owner.let_go)
        self._round_trip: float | None = None
        self._is_copy = False

    @property
    def connections(self) -> tuple[int, int]:
        """How many queries have, and how many there may be."""
        return self._pool.leased, self._options.connections

    def load_catalog(self) -> SourceCatalog:
        """Read tables, keys and facts of comparison from the server."""
        server, tables, packet, self._is_copy = self.read_in_time(self._facts)
        for connector in (self, *self._replicas):
            connector._dialect = MysqlDialect(server.is_mariadb, packet)
        facts = capabilities(server.is_mariadb, server.version)
        home = database(self._options)
        caps = self._options.key_shipping.caps
        return SourceCatalog(self._source, "mysql", tables, self._dialect, facts, str(server), home, key_caps=caps)

    def _facts(self, attempt: Attempt) -> tuple[catalog.Server, tuple[Table, ...], int, bool]:
        connection = self._connect(attempt)
        attempt.ends_by(lambda: shut_connection(connection))
        try:
            tables = catalog.tables(connection, self._source, self._options)
            is_copy = shots.is_copy(shots.facts(connection))
            return catalog.server(connection), tables, catalog.packet_bytes(connection), is_copy
        except FAILURES as failure:
            raise translate(failure, self._source) from None
        finally:
            attempt.ends_by(None)
            connection.close()

    def begin(self, context: ReadContext) -> MysqlSession:
        """Open a session for one query."""
        policy = Policy(self._source, self._options.zero_dates)
        ways = Ways(self._connect, self._limited, self._owner)
        door = Door(self._source, self._pool, ways, policy, self._dialect, self._round_trip, self._is_copy)
        return MysqlSession(door, context)

    def _limited(self, connection: Connection, sql: str, seconds: float) -> str:
        """The statement with its end, where the server is MariaDB; MySQL is told before, if it is another one than it knows."""
        configured = self._options.statement_timeout
        most = min(seconds, configured) if configured else seconds
        if catalog.server(connection).is_mariadb:
            if most == float("inf"):
                return sql
            ends = f"max_statement_time = {most:.3f}, net_write_timeout = {math.ceil(most)}"
            return f"SET STATEMENT {ends} FOR {sql}"
        wanted = 0 if most == float("inf") else max(1, round(most * 1000))
        if wanted != getattr(connection, LIMIT, round(configured * 1000)):
            with connection.cursor() as cursor:
                cursor.execute(f"SET SESSION max_execution_time = {wanted}")
            setattr(connection, LIMIT, wanted)
        return sql

    def expected(self, request: Request, parameters: tuple[Literal, ...], seconds: float) -> float | None:
        """The rows of the plan that the server would make; of ``spi.connector.Estimating``."""
        statement = explained(request, parameters, self._dialect)

        def asked(connection: Connection) -> tuple[Any, ...] | None:
            attempt.ends_by(lambda: shut_connection(connection))
            with connection.cursor() as cursor:
                cursor.execute(statement)
                row: tuple[Any, ...] | None = cursor.fetchone()
            attempt.ends_by(None)
            return row

        with given_up_after(seconds) as attempt:
            try:
                row = self._pool.ask(asked, Connection.close, attempt)
            except FAILURES as failure:
                raise translate(failure, self._source) from None
        return None if row is None else rows_of(json.loads(row[0]))

    def close(self) -> None:
        """Drop every connection."""
        for replica in self._replicas:
            replica.close()
        self._owner.close()
        for connection in self._pool.close():
            with contextlib.suppress(*FAILURES):
                connection.close()

    def _connect(self, attempt: Attempt) -> Connection:
        """A connection, within the time that connecting may take, however silent the server is."""
        try:
            connection = opened(self._login, attempt)
            try:
                self._prepare(connection)
            except FAILURES:
                connection.close()
                raise
        except FAILURES as failure:
            if attempt.is_given_up:
                raise Cancelled("cancelled while connecting", source=self._source) from None
            raise translate(failure, self._source) from None
        finally:
            attempt.ends_by(None)
        connection._read_timeout = connection._current_timeout = None  # a statement may think as long as it likes
        connection._sock.settimeout(None)
        return connection

    def _prepare(self, connection: Connection) -> None:
        with connection.cursor() as cursor:
            server = catalog.server(connection)
            cursor.execute(session_settings(self._options, server.is_mariadb, server.version))
            before = time.monotonic()
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            took = time.monotonic() - before
            self._round_trip = took if self._round_trip is None else min(took, self._round_trip)


def _connect(source: str, options: Options, folder: Path) -> MysqlConnector:
    return MysqlConnector(source, options, folder)


plugin = Plugin("mysql", Options, _connect)
