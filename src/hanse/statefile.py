"""Small SQLite files in the folder ``engine.state``, which threads and processes share."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WAIT_SECONDS = 2.0
"""How long a process waits for another that writes."""


class StateFile:
    """One file with one schema. Thread-safe; several processes may hold it."""

    def __init__(self, path: Path, schema: str) -> None:
        """Open nothing yet: the folder is made, for its owner only, when there is something to keep."""
        self._path = path
        self._schema = schema
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """The connection, for one thread at a time; raises sqlite3.Error and OSError."""
        with self._lock:
            if self._connection is None:
                self._connection = self._connect()
            yield self._connection

    @contextmanager
    def written(self) -> Iterator[sqlite3.Connection]:
        """The connection in a transaction that is committed at the end."""
        with self.opened() as store, store:
            store.execute("BEGIN IMMEDIATE")
            yield store

    def _connect(self) -> sqlite3.Connection:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.touch(mode=0o600)
        connection = sqlite3.connect(self._path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")  # readers and one writer at a time, of whatever process
        connection.execute(
            "PRAGMA synchronous = NORMAL"
        )  # a crash of the machine may lose the last notes, nothing else
        connection.executescript(self._schema)
        return connection

    @property
    def exists(self) -> bool:
        """Whether anything was ever kept."""
        return self._path.exists()

    def close(self) -> None:
        """Close the file. Idempotent."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
