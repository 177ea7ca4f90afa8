"""Notes every query of an engine, and has a thread of its own write what was noted: queries wait for nobody.

What waits to be written is bounded; what is more is counted and lost. While queries run, the thread writes how far they are,
says that the process is alive, and looks whether somebody wants one of them ended.
"""

import getpass
import os
import socket
import threading
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any, Protocol

from hanse.clock import Clock
from hanse.errors import Cancelled, UnknownName
from hanse.observe.noted import Noted
from hanse.observe.records import OPEN, Record
from hanse.observe.redaction import redacted
from hanse.observe.store import QueryStore

FLUSH_SECONDS = 0.25
"""How long what has happened waits to be written."""
PENDING_MAX = 10_000
"""As many ended queries wait to be written."""
TEXTS_KEPT = 1_000
Described = Callable[[str], tuple[str, str]]
"""A statement without its values, and its fingerprint."""


class Listener(Protocol):
    """Who is told of queries: metrics, traces."""

    def began(self) -> object:
        """What the listener wants to know again of a query at its end."""

    def ended(self, record: Record, context: Any) -> None:
        """A query has ended; called by the thread that writes."""


class Counted(Protocol):
    """Who counts what is kept for all processes."""

    def taken(self) -> list[tuple[str, str, float]]:
        """What was counted since the last time: name, labels, amount."""


class Recorder:
    """The queries of one engine. Thread-safe."""

    def __init__(
        self, store: QueryStore | None, clock: Clock, described: Described, keeps_values: bool = False
    ) -> None:
        """Nothing is noted yet, no thread runs. Without a store only running queries are known."""
        self.clock = clock
        self.store = store
        self.process = uuid.uuid4().hex
        self.dropped = 0
        """Records that were lost: nobody could write them in time, or at all."""
        self.listeners: list[Listener] = []
        self.counted: Counted | None = None
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._user = _user()
        self._keeps_values = keeps_values
        self._described = lru_cache(TEXTS_KEPT)(described)
        self._redacted = lru_cache(TEXTS_KEPT)(redacted)
        self._running: dict[str, Noted] = {}
        self._pending: deque[Noted] = deque()
        self._flushing = threading.Lock()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    # -- what queries call

    def begin(self, sql: str) -> Noted:
        """A statement came."""
        noted = Noted(self, self.clock.new_id(), sql, self._user)
        if self.listeners:
            noted.context = [listener.began() for listener in self.listeners]
        self._running[noted.id] = noted
        if not self._wake.is_set():
            self._awake()
        return noted

    def ended(self, noted: Noted) -> None:
        """A query has ended; ``Noted`` calls this once."""
        if len(self._pending) >= PENDING_MAX:
            self.dropped += 1
        else:
            self._pending.append(noted)
        self._running.pop(noted.id, None)

    def _awake(self) -> None:
        with self._lock:
            if self._thread is None and not self._stop.is_set():
                self._thread = threading.Thread(target=self._serve, name="observing-hanse", daemon=True)
                self._thread.start()
        self._wake.set()

    # -- the thread

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._wake.wait()
            self._stop.wait(FLUSH_SECONDS)
            if self._stop.is_set():
                return
            self._wake.clear()
            with suppress(Exception):  # whatever it is, queries go on, and the next round tries again
                self.flush()
                self._kill_wanted()
            if self._running or self._pending:
                self._wake.set()

    def flush(self) -> None:
        """Write what is noted now, and tell the listeners of what has ended."""
        with self._flushing:
            ended = [self._pending.popleft() for _ in range(len(self._pending))]
            records = []
            for noted in ended:
                records.append(record := self._record(noted))
                for listener, context in zip(self.listeners, noted.context or (), strict=False):
                    with suppress(Exception):  # an exporter's trouble is not the query's
                        listener.ended(record, context)
            if self.store is None:
                return
            counted = self.counted.taken() if self.counted is not None else []
            open_ = [self._record(noted) for noted in list(self._running.values())]
            if (records or open_ or counted) and not self.store.write(
                [*records, *open_], self.process, self.clock.now(), counted
            ):
                self.dropped += len(records)

    def _kill_wanted(self) -> None:
        if self.store is None or not self._running:
            return
        for id in self.store.to_kill() & self._running.keys():
            noted = self._running.get(id)
            if noted is not None:
                noted.kill()
            self.store.killed(id)

    def _record(self, noted: Noted) -> Record:
        facts = noted.facts()
        if noted.state:
            facts.state, facts.total_ms, facts.rows = noted.state, noted.total_ms, facts.rows or noted.rows
        else:
            facts.total_ms = (self.clock.monotonic() - noted.began) * 1000
        if not self._keeps_values:
            for leg in facts.legs:
                leg.sql = self._redacted(leg.sql)
        statement, fingerprint = self._described(noted.sql)
        return Record(
            noted.id,
            noted.user,
            noted.kind,
            noted.sql if self._keeps_values else statement,
            fingerprint,
            noted.started,
            facts,
            noted.error,
            noted.source,
            self._name,
            self.clock.now(),
        )

    # -- who asks

    @property
    def user(self) -> str:
        """Whose queries are that nobody else is said to have asked: the user's who runs the process."""
        return self._user

    @property
    def name(self) -> str:
        """The process, as its records name it."""
        return self._name

    @property
    def running(self) -> int:
        """How many queries run in this process."""
        return len(self._running)

    def records(self, where: str = "", values: Sequence[Any] = ()) -> list[Record]:
        """All queries that are known, of other processes too, the latest first; ``where``: see ``QueryStore.records``, which
        does not see what this process cannot write."""
        self.flush()
        found = (
            {} if self.store is None else {one.id: one for one in self.store.records(self.clock.now(), where, values)}
        )
        if not where:
            found |= {one.id: one for one in map(self._record, list(self._running.values()))}
        return sorted(found.values(), key=lambda one: one.started, reverse=True)

    def find(self, prefix: str) -> Record:
        """The query whose id begins so; raises UnknownName (42704) if there is not exactly one."""
        return _only(
            [one for one in self.records("id >= ? AND id < ?", (prefix, prefix + "g")) if one.id.startswith(prefix)],
            prefix,
        )

    def kill(self, prefix: str, but: str = "") -> str:
        """End the running query whose id begins so, of whatever process, but not the one that asks; returns its id. Another
        process does it within half a second. Raises UnknownName (42704) if there is not exactly one."""
        mine = [noted for id, noted in list(self._running.items()) if id.startswith(prefix) and id != but]
        if len(mine) == 1 and prefix:
            mine[0].kill()
            return mine[0].id
        known = self.records("id >= ? AND id < ?", (prefix, prefix + "g"))
        other = _only([one for one in known if one.id != but and one.facts.state in OPEN], prefix, "running ")
        if self.store is not None:
            self.store.ask_to_kill(other.id, self.clock.now())
        return other.id

    def close(self, keep: bool = True) -> None:
        """Write what is noted, if somebody can read it later, and end the thread. Idempotent."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        for noted in list(self._running.values()):  # whose readers never came back
            noted.stopped(Cancelled.sqlstate, None)
        if keep:
            with suppress(Exception):
                self.flush()
        if self.store is not None:
            self.store.close()


def _only(found: list[Record], prefix: str, what: str = "") -> Record:
    if len(found) != 1:
        number = "no" if not found else str(len(found))
        message = f"{number} {what}{'query begins' if not found else 'queries begin'} with {prefix}"
        raise UnknownName(message, sqlstate="42704", hint="system.queries lists them")
    return found[0]


def _user() -> str:
    with suppress(Exception):  # a user id without a name
        return getpass.getuser()
    return str(os.getuid()) if hasattr(os, "getuid") else ""
