"""The catalog that clients of PostgreSQL see: one private database for all sessions, anew for each snapshot."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hanse.ir.tables import Table
from hanse.server.pgcatalog import Answer, CatalogDatabase, Client, Description
from hanse.server.pgcatalog.catalog import End
from hanse.server.pgcatalog.naming import DATABASE
from hanse.server.registry import Registry
from hanse.server.session import Session
from hanse.spi.snapshot import Snapshot

Shown = tuple[str, str, tuple[Table, ...]]
"""What is shown of a source: its name, its own schema, its tables."""
WAIT_SECONDS = 20.0
"""Half of it is waited for sources whose catalogs were never read: those are not shown yet."""


class Catalogs:
    """The catalog as it is now. Thread-safe; blocks, some tenths of a second where sources were read again."""

    def __init__(self, snapshot: Callable[[float], Snapshot], registry: Registry, users: Sequence[str] = ()) -> None:
        """``snapshot`` is asked for the sources' catalogs, with seconds to wait; ``registry`` knows who is there; ``users`` are
        the roles that are shown."""
        self._snapshot = snapshot
        self._registry = registry
        self._users = tuple(users)
        self._lock = threading.Lock()
        self._database: CatalogDatabase | None = None
        self._version = -1
        self._shown: list[Shown] = []

    def _current(self) -> CatalogDatabase:
        """The database of the snapshot; who asks while it is made waits. An older one ends with the last who reads it, and
        stays where sources were read again and were as before."""
        snapshot = self._snapshot(WAIT_SECONDS)
        with self._lock:
            if self._database is None or self._version < snapshot.version:
                shown = [(one.source, one.default_schema, one.tables) for one in snapshot.listed().values()]
                if self._database is None or shown != self._shown:
                    self._database = CatalogDatabase(snapshot, DATABASE, self._users)
                self._version, self._shown = snapshot.version, shown
            return self._database

    def describe(self, sql: str, session: Session, oids: Sequence[int]) -> Description:
        """What a statement about the catalog needs and gives. Raises HanseError."""
        return self._current().describe(sql, self._client(session), oids)

    def query(
        self,
        sql: str,
        session: Session,
        values: Sequence[Any],
        oids: Sequence[int],
        begun: Callable[[End], object],
    ) -> Answer:
        """Its rows; what set_config() changes is changed in the session. Raises HanseError."""
        answer = self._current().query(sql, self._client(session), values, oids, begun)
        for name, (value, is_local) in answer.changed.items():
            session.variables.configure(name, value, is_local)
        return answer

    def _client(self, session: Session) -> Client:
        """Who asks; the database has one name, whatever the client called it."""
        sessions, signal = self._registry.activity(), partial(self._registry.signal, session)
        return Client(session.name, DATABASE, session.variables.texts(), session.id, sessions=sessions, signal=signal)
