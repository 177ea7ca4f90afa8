"""Keeps the current snapshot; replaces it whole when sources are read again.

A reader waits for a source that he has no catalog of. One whose catalog is merely old he gives a moment; then he goes on with
what is known, and the source, which may be silent, is read behind him. A catalog outlives an outage of its source: what the
source says is told by whoever asks it.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed, wait
from dataclasses import replace

from hanse.clock import Clock
from hanse.errors import AGAIN, HanseError, SourceError, SourceUnreachable
from hanse.spi.connector import Connector, Embedded
from hanse.spi.snapshot import Snapshot, SourceCatalog

Loaded = SourceCatalog | HanseError
Completion = Callable[[SourceCatalog], SourceCatalog]
FOREVER = float("inf")
READING = "its catalog is still being read: it takes longer than planning may"
TOGETHER_SECONDS = 0.1
"""Catalogs that are read within that time change the snapshot at once; each change makes kept plans useless."""
OLD_SECONDS = 1.0
"""How long reading an old catalog again is waited for, by all together."""


def _as_it_is(catalog: SourceCatalog) -> SourceCatalog:
    return catalog


def _load(connector: Connector, complete: Completion) -> Loaded:
    try:
        return complete(connector.load_catalog())
    except HanseError as failure:
        return failure
    except Exception as failure:  # noqa: BLE001  # one broken connector must not take the others' catalogs away
        return SourceError(f"cannot read the catalog: {type(failure).__name__}: {failure}", source=connector.source)


class CatalogStore:
    """The snapshot of all sources, loaded when first asked for and after ``ttl_s`` seconds."""

    def __init__(
        self,
        connectors: Mapping[str, Connector],
        clock: Clock,
        ttl_s: float,
        complete: Completion = _as_it_is,
        own: SourceCatalog | None = None,
    ) -> None:
        """Watch these connectors; nothing is read yet. ``complete`` adds to each catalog what is known from elsewhere; ``own``
        is Hanse's own, which never changes."""
        self._connectors = connectors
        self._clock = clock
        self._ttl_s = ttl_s
        self._complete = complete
        self._turn = threading.Lock()
        """Held by whoever reads sources."""
        self._behind: threading.Thread | None = None
        """Reads what is old, while others go on."""
        self._behind_since = 0.0
        self._starting = threading.Lock()
        self._snapshot = Snapshot(0, {own.source: own} if own else {})
        self._failures: dict[str, HanseError] = {}
        self._read_at: dict[str, float] = {}

    def snapshot(self, seconds: float = FOREVER) -> Snapshot:
        """The current picture; sources that are too old are read first, if that does not take long. One that failed is not
        tried again here, so that it delays nobody but those who name it (the engine then calls ``refresh``).

        A source that has never been read is waited for, with ``seconds`` for half of them at most, so that there is some
        left for planning without it: then it is not available, and is read on for others."""
        stale = self._stale()
        if not stale:
            return self._snapshot
        if all(name in self._snapshot.sources for name in stale):
            behind = self._read_behind()
            behind.join(max(0.0, min(seconds, OLD_SECONDS - (self._clock.monotonic() - self._behind_since))))
            return self._snapshot
        if seconds == FOREVER:
            self._within(FOREVER, lambda: self._reload(self._stale()))
        else:
            self._read_behind().join(seconds / 2)
        return self._without(self._stale())

    def _within(self, seconds: float, work: Callable[[], None]) -> bool:
        """Do what changes the snapshot, alone; False where that takes longer than ``seconds``, and so goes on behind us."""
        latest = self._clock.monotonic() + seconds
        if not self._turn.acquire(timeout=-1 if seconds == FOREVER else seconds):
            return False

        def alone() -> None:
            try:
                work()
            finally:
                self._turn.release()

        if seconds == FOREVER:
            alone()
            return True
        thread = threading.Thread(target=alone, name="hanse-catalogs", daemon=True)
        thread.start()
        thread.join(max(0.0, latest - self._clock.monotonic()))
        return not thread.is_alive()

    def _without(self, names: list[str]) -> Snapshot:
        """The picture as far as it is known, which says why the others are missing from it."""
        known = self._snapshot
        missing = {name: READING for name in names if name not in known.sources}
        if not missing:
            return known
        return replace(known, unavailable={**known.unavailable, **missing})

    def _read_behind(self) -> threading.Thread:
        """The thread that reads what is old: one for all who wait."""
        with self._starting:
            if self._behind is None or not self._behind.is_alive():
                self._behind_since = self._clock.monotonic()
                self._behind = threading.Thread(target=self._read_stale, name="hanse-catalogs", daemon=True)
                self._behind.start()
            return self._behind

    def _read_stale(self) -> None:
        with self._turn:
            self._reload(self._stale())

    def refresh(self, source: str | None = None, seconds: float = FOREVER) -> Snapshot:
        """Read one source, or all, again now; raises SourceUnreachable where that takes longer."""
        names = [source] if source else list(self._connectors)
        if not self._within(seconds, lambda: self._reload(names)):
            raise SourceUnreachable(READING, source=source)
        return self._snapshot

    def refresh_older(self, seconds: float, source: str | None = None, within: float = FOREVER) -> bool:
        """Read again the source, or all, where the catalog is older than that; whether there were any, and they are read
        ``within`` so many seconds."""
        found: list[str] = []

        def reread() -> None:
            now = self._clock.monotonic()
            names = self._connectors if source is None else [source]
            found.extend(name for name in names if now - self._read_at.get(name, float("-inf")) > seconds)
            self._reload(list(found))

        return self._within(within, reread) and bool(found)

    def failure(self, source: str) -> HanseError | None:
        """Why the source's catalog could not be read last time, naming the source; None if it could."""
        failure = self._failures.get(source)
        if failure is not None and failure.source is None:
            failure.source = source
        return failure

    def _stale(self) -> list[str]:
        return [name for name in self._connectors if self._is_stale(name)]

    def _is_stale(self, name: str) -> bool:
        read_at = self._read_at.get(name)
        if read_at is None or name in self._failures:
            return read_at is None
        return self._clock.monotonic() - read_at > self._ttl_s

    def _reload(self, names: list[str]) -> None:
        """Read these, all at once, and then change the snapshot. Call with ``_turn`` held."""
        if not names:
            return
        with ThreadPoolExecutor(max_workers=min(16, len(names)), thread_name_prefix="hanse-catalog") as pool:
            running = {pool.submit(_load, self._connectors[name], self._complete): name for name in names}
            first = wait(running, TOGETHER_SECONDS)
            self._take({running[one]: one.result() for one in first.done})
            for one in as_completed(first.not_done):  # each that is late is told as soon as it is here
                self._take({running[one]: one.result()})

    def _take(self, loaded: Mapping[str, Loaded]) -> None:
        """Change the snapshot to what was read. Call with ``_turn`` held."""
        sources = dict(self._snapshot.sources)
        for name, result in loaded.items():
            self._read_at[name] = self._clock.monotonic()
            if not isinstance(result, HanseError):
                self._failures.pop(name, None)
                sources[name] = result
            elif not self._is_kept(name, result):
                self._failures[name] = result
                sources.pop(name, None)
        if all(isinstance(result, HanseError) and self._is_kept(name, result) for name, result in loaded.items()):
            return  # nothing is known that was not, and plans need not be made anew
        unavailable = {name: failure.message for name, failure in self._failures.items()}
        configured = [name for name in self._connectors if name in sources]  # in this order, whoever was read first
        in_order = {name: sources[name] for name in (*configured, *sources)}
        self._snapshot = Snapshot(self._snapshot.version + 1, in_order, unavailable)

    def _is_kept(self, name: str, failure: HanseError) -> bool:
        """Whether what is known of a source is still told: it is away, and a file that is away is none to plan with."""
        is_known = name in self._snapshot.sources
        return is_known and failure.fault in AGAIN and not isinstance(self._connectors[name], Embedded)
