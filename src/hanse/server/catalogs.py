"""The catalog that clients of PostgreSQL see: one private database for all sessions, anew for each snapshot."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hanse.server.pgcatalog import Answer, CatalogDatabase, Client, Description
from hanse.server.pgcatalog.catalog import End
from hanse.server.pgcatalog.naming import DATABASE
from hanse.server.registry import Registry
from hanse.server.session import Session
from hanse.spi.snapshot import Snapshot

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

    def _current(self) -> CatalogDatabase:
        """The database of the snapshot; who asks while it is made waits. An older one ends with the last who reads it."""
        snapshot = self._snapshot(WAIT_SECONDS)
        with self._lock:
            if self._database is None or self._database.version < snapshot.version:
                self._database = CatalogDatabase(snapshot, DATABASE, self._users)
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
