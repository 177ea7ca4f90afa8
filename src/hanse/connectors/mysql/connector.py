"""One configured MySQL or MariaDB source: its connections, its catalog, its sessions."""

import contextlib
from pathlib import Path

import pymysql

from hanse.connectors.mysql import catalog
from hanse.connectors.mysql.capabilities import capabilities
from hanse.connectors.mysql.decode import Policy
from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.connectors.mysql.errors import FAILURES, translate
from hanse.connectors.mysql.options import Options, database, login, session_settings
from hanse.connectors.mysql.session import Door, MysqlSession
from hanse.connectors.mysql.wire import Connection
from hanse.connectors.shared.pool import Pool
from hanse.spi.connector import Plugin, ReadContext
from hanse.spi.snapshot import SourceCatalog


class MysqlConnector:
    """The connector of ``spi.connector`` for MySQL 8.0.17 and later and MariaDB 10.3 and later."""

    def __init__(self, source: str, options: Options, folder: Path) -> None:
        """Connect to nothing yet."""
        self._source = source
        self._options = options
        self._login = login(options, folder)
        self._pool: Pool[Connection] = Pool(source, options.connections, options.connection_wait, self._connect)
        self._dialect = MysqlDialect()

    @property
    def source(self) -> str:
        """The name under which users know it."""
        return self._source

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
        self._dialect = MysqlDialect(server.is_mariadb, packet)
        facts = capabilities(server.is_mariadb, server.version)
        home = database(self._options)
        caps = self._options.key_shipping.caps
        return SourceCatalog(self._source, "mysql", tables, self._dialect, facts, str(server), home, key_caps=caps)

    def begin(self, context: ReadContext) -> MysqlSession:
        """Open a session for one query."""
        door = Door(
            self._source, self._pool, self._connect, Policy(self._source, self._options.zero_dates), self._dialect
        )
        return MysqlSession(door, context)

    def close(self) -> None:
        """Drop every connection."""
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
                cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        except FAILURES as failure:
            connection.close()
            raise translate(failure, self._source) from None
        connection._read_timeout = connection._current_timeout = None  # a statement may think as long as it likes
        connection._sock.settimeout(None)
        return connection


def _connect(source: str, options: Options, folder: Path) -> MysqlConnector:
    return MysqlConnector(source, options, folder)


plugin = Plugin("mysql", Options, _connect)
