"""A SQLite file as a source: SQLite runs what it computes exactly; rows come straight as Arrow where that is safe."""

import sqlite3
import threading
from pathlib import Path

from hanse.connectors.sqlite.capabilities import CAPABILITIES
from hanse.connectors.sqlite.catalog import SCHEMA, Facts, Look
from hanse.connectors.sqlite.database import Database
from hanse.connectors.sqlite.dialect import DIALECT
from hanse.connectors.sqlite.options import SQLiteOptions
from hanse.connectors.sqlite.session import SQLiteSession
from hanse.spi.connector import Plugin, ReadContext, Session
from hanse.spi.protection import Protection
from hanse.spi.snapshot import SourceCatalog


class SQLiteConnector:
    """One database file."""

    def __init__(self, source: str, options: SQLiteOptions, folder: Path) -> None:
        """Opens nothing yet."""
        self._source = source
        self._options = options
        self._database = Database(source, (folder / options.path).resolve(), options.busy_timeout_s)
        self._lock = threading.Lock()
        self._known: dict[str, Facts] = {}
        self._schema_version = 0

    @property
    def source(self) -> str:
        """The name under which users know it."""
        return self._source

    @property
    def protection(self) -> Protection:
        """As configured."""
        return self._options.protection

    def load_catalog(self) -> SourceCatalog:
        """Read the catalog and test the tables' values against it."""
        before = self._database.state().digest
        with self._database.connected() as connection:
            version = connection.execute("PRAGMA schema_version").fetchone()[0]
            found = Look(connection, self._source, self._options, before).tables()
        with self._lock:
            self._known = {name: facts for name, (_, facts) in found.items()}
            self._schema_version = version
        tables = tuple(table for table, _ in found.values())
        server = f"SQLite {sqlite3.sqlite_version}"
        caps = self._options.key_shipping.caps
        return SourceCatalog(self._source, "sqlite", tables, DIALECT, CAPABILITIES, server, SCHEMA, key_caps=caps)

    def begin(self, context: ReadContext) -> Session:
        """A session; the file is opened with the first read."""
        with self._lock:
            return SQLiteSession(self._database, self._known, self._schema_version, context)

    def close(self) -> None:
        """Nothing is kept open between queries."""


def connect(source: str, options: SQLiteOptions, folder: Path) -> SQLiteConnector:
    """The source, not opened yet."""
    return SQLiteConnector(source, options, folder)


plugin = Plugin("sqlite", SQLiteOptions, connect)
