"""The file: connections to it, read only, and what identifies its contents at a moment."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from adbc_driver_sqlite import dbapi

from hanse.connectors.shared.embedded.versions import State, state
from hanse.connectors.sqlite.failures import translate
from hanse.errors import SourceUnreachable


class Database:
    """One SQLite file."""

    def __init__(self, source: str, path: Path, busy_timeout_s: float) -> None:
        """Opens nothing."""
        self.source = source
        self.path = path
        self._busy_timeout_s = busy_timeout_s

    @property
    def _uri(self) -> str:
        return f"file:{quote(str(self.path))}?mode=ro"

    def connect(self) -> sqlite3.Connection:
        """A connection that may be interrupted from any thread, inside a transaction that has begun to read."""
        if not self.path.is_file():
            raise SourceUnreachable(f"there is no file {self.path}", source=self.source)
        try:
            connection = sqlite3.connect(
                self._uri, uri=True, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as failure:
            raise translate(failure, self.source) from None
        try:
            connection.execute("BEGIN")
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.Error as failure:
            connection.close()
            raise translate(failure, self.source) from None
        return connection

    @contextmanager
    def connected(self) -> Iterator[sqlite3.Connection]:
        """A connection that is closed at the end; SQLite's errors become ours."""
        connection = self.connect()
        try:
            yield connection
        except sqlite3.Error as failure:
            raise translate(failure, self.source) from None
        finally:
            connection.close()

    def bulk(self) -> dbapi.Connection:
        """A connection that reads straight into Arrow (several times faster), but cannot be interrupted."""
        connection = dbapi.connect(self._uri)
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {int(self._busy_timeout_s * 1000)}")
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM sqlite_schema")
            cursor.fetchall()
        return connection

    def state(self) -> State:
        """What the file and its write-ahead log are at this moment."""
        return state((self.path, Path(f"{self.path}-wal")))
