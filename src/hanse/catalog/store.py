"""Keeps the current snapshot; replaces it whole when sources are read again. A reader never waits for a source it has."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

from hanse.clock import Clock
from hanse.errors import HanseError, SourceError
from hanse.spi.connector import Connector
from hanse.spi.snapshot import Snapshot, SourceCatalog

Loaded = SourceCatalog | HanseError


Completion = Callable[[SourceCatalog], SourceCatalog]


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
        self, connectors: Mapping[str, Connector], clock: Clock, ttl_s: float, complete: Completion = _as_it_is
    ) -> None:
        """Watch these connectors; nothing is read yet. ``complete`` adds to each catalog what is known from elsewhere."""
        self._connectors = connectors
        self._clock = clock
        self._ttl_s = ttl_s
        self._complete = complete
        self._lock = threading.Lock()
        self._snapshot = Snapshot(0, {})
        self._failures: dict[str, HanseError] = {}
        self._read_at: dict[str, float] = {}

    def snapshot(self) -> Snapshot:
        """The current picture; sources that are too old are read first. One that failed is not tried again here, so that
        it delays nobody but those who name it (the engine then calls ``refresh``)."""
        with self._lock:
            stale = [name for name in self._connectors if self._is_stale(name)]
            if stale:
                self._reload(stale)
            return self._snapshot

    def refresh(self, source: str | None = None) -> Snapshot:
        """Read one source, or all, again now."""
        with self._lock:
            self._reload([source] if source else list(self._connectors))
            return self._snapshot

    def refresh_older(self, seconds: float, source: str | None = None) -> bool:
        """Read again the source, or all, where the catalog is older than that; whether there were any."""
        with self._lock:
            now = self._clock.monotonic()
            names = self._connectors if source is None else [source]
            old = [name for name in names if now - self._read_at.get(name, float("-inf")) > seconds]
            if old:
                self._reload(old)
            return bool(old)

    def failure(self, source: str) -> HanseError | None:
        """Why the source's catalog could not be read last time, naming the source; None if it could."""
        failure = self._failures.get(source)
        if failure is not None and failure.source is None:
            failure.source = source
        return failure

    def _is_stale(self, name: str) -> bool:
        read_at = self._read_at.get(name)
        if read_at is None or name in self._failures:
            return read_at is None
        return self._clock.monotonic() - read_at > self._ttl_s

    def _reload(self, names: list[str]) -> None:
        sources = dict(self._snapshot.sources)
        with ThreadPoolExecutor(max_workers=min(16, len(names)), thread_name_prefix="hanse-catalog") as pool:
            loaded = dict(
                zip(names, pool.map(lambda name: _load(self._connectors[name], self._complete), names), strict=True)
            )
        for name, result in loaded.items():
            self._read_at[name] = self._clock.monotonic()
            if isinstance(result, HanseError):
                self._failures[name] = result
                sources.pop(name, None)
            else:
                self._failures.pop(name, None)
                sources[name] = result
        unavailable = {name: failure.message for name, failure in self._failures.items()}
        self._snapshot = Snapshot(self._snapshot.version + 1, sources, unavailable)
