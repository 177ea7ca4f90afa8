"""One configured MySQL or MariaDB source: its connections, its catalog, its sessions."""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import pymysql

from hanse.connectors.mysql import catalog
from hanse.connectors.mysql.capabilities import capabilities
from hanse.connectors.mysql.decode import Policy
from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.connectors.mysql.errors import FAILURES, translate
from hanse.connectors.mysql.expected import explained, rows_of
from hanse.connectors.mysql.options import Options, database, login, session_settings
from hanse.connectors.mysql.session import Door, MysqlSession
from hanse.connectors.mysql.wire import Connection
from hanse.connectors.shared.pool import Pool
from hanse.connectors.shared.remote import Remote
from hanse.ir.expr import Literal
from hanse.ir.request import Request
from hanse.spi.connector import Plugin, ReadContext
from hanse.spi.snapshot import SourceCatalog


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
        self._round_trip: float | None = None

    @property
    def connections(self) -> tuple[int, int]:
        """How many queries have, and how many there may be."""
        return self._pool.leased, self._options.connections

    def load_catalog(self) -> SourceCatalog:
        """Read tables, keys and facts of comparison from the server."""
        connection = self._connect()
        try:
            server = catalog.server(connection)
            tables = catalog.tables(connection, self._source, self._options)
            packet = catalog.packet_bytes(connection)
        except FAILURES as failure:
            raise translate(failure, self._source) from None
        finally:
            connection.close()
        for connector in (self, *self._replicas):
            connector._dialect = MysqlDialect(server.is_mariadb, packet)
        facts = capabilities(server.is_mariadb, server.version)
        home = database(self._options)
        caps = self._options.key_shipping.caps
        return SourceCatalog(self._source, "mysql", tables, self._dialect, facts, str(server), home, key_caps=caps)

    def begin(self, context: ReadContext) -> MysqlSession:
        """Open a session for one query."""
        policy = Policy(self._source, self._options.zero_dates)
        door = Door(self._source, self._pool, self._connect, policy, self._dialect, self._round_trip)
        return MysqlSession(door, context)

    def expected(self, request: Request, parameters: tuple[Literal, ...], seconds: float) -> float | None:
        """The rows of the plan that the server would make; of ``spi.connector.Estimating``."""
        statement = explained(request, parameters, self._dialect)

        def asked(connection: Connection) -> tuple[Any, ...] | None:
            connection._sock.settimeout(seconds)
            with connection.cursor() as cursor:
                cursor.execute(statement)
                row: tuple[Any, ...] | None = cursor.fetchone()
            connection._sock.settimeout(None)
            return row

        try:
            row = self._pool.ask(asked, Connection.close)
        except FAILURES as failure:
            raise translate(failure, self._source) from None
        return None if row is None else rows_of(json.loads(row[0]))

    def close(self) -> None:
        """Drop every connection."""
        for replica in self._replicas:
            replica.close()
        for connection in self._pool.close():
            with contextlib.suppress(*FAILURES):
                connection.close()

    def _connect(self) -> Connection:
        """A connection, within the time that connecting may take, however silent the server is."""
        try:
            connection: Connection = pymysql.connect(**self._login)
        except FAILURES as failure:
            raise translate(failure, self._source) from None
        try:
            with connection.cursor() as cursor:
                server = catalog.server(connection)
                cursor.execute(session_settings(self._options, server.is_mariadb, server.version))
                before = time.monotonic()
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
                took = time.monotonic() - before
                self._round_trip = took if self._round_trip is None else min(took, self._round_trip)
        except FAILURES as failure:
            connection.close()
            raise translate(failure, self._source) from None
        connection._read_timeout = connection._current_timeout = None  # a statement may think as long as it likes
        connection._sock.settimeout(None)
        return connection


def _connect(source: str, options: Options, folder: Path) -> MysqlConnector:
    return MysqlConnector(source, options, folder)


plugin = Plugin("mysql", Options, _connect)
