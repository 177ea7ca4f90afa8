"""Stands for a shard whose tables are assumed: whoever would ask it is told why it cannot be asked, or that it answers now.

In the second case the failure is a StaleSnapshot, after which the catalog is read and the query planned anew. Nothing is ever
sent by a plan that was made with assumed tables.
"""

import copy
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from hanse.clock import Clock
from hanse.errors import HanseError, SourceError, SourceUnreachable, StaleSnapshot
from hanse.spi.connector import Connector, ReadContext, Session
from hanse.spi.snapshot import Assumed, Snapshot, SourceCatalog

TRY_SECONDS = 1.0
"""A shard is tried again for a query that needs it, if nobody has tried it for so long."""
WAIT_SECONDS = 0.5
"""So long that query waits for it; what comes later is for the next one, and nobody else waits."""


@dataclass(slots=True)
class _Seen:
    """What is known of one shard."""

    assumed: Assumed
    failure: HanseError
    tried_at: float
    is_tried: bool = False
    """It is being tried now."""
    answers: bool = False
    """It does, and nobody has been told yet."""


class AbsentShards:
    """Those of one engine. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        """None has been asked for."""
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[str, _Seen] = {}

    def of(self, snapshot: Snapshot, connectors: Mapping[str, Connector]) -> "dict[str, AbsentShard]":
        """What stands for each shard that the snapshot has assumed tables of."""
        return {
            name: AbsentShard(self, connectors[name], catalog.assumed)
            for name, catalog in snapshot.physical().items()
            if catalog.assumed is not None
        }

    def failure(self, connector: Connector, assumed: Assumed) -> HanseError:
        """Why it cannot be asked: as it was told before, or as trying it again tells now; StaleSnapshot: it can. Only one who
        asks is told so, since that has all catalogs read again, for everybody."""
        seen, is_mine = self._turn(connector.source, assumed)
        if is_mine:
            trying = threading.Thread(target=self._try, args=(seen, connector), name="hanse-shards", daemon=True)
            trying.start()
            trying.join(WAIT_SECONDS)
        with self._lock:
            answers, seen.answers = seen.answers, False
        if answers:
            return StaleSnapshot("it answers again, and its tables are to be read", source=connector.source)
        return seen.failure

    def _try(self, seen: _Seen, connector: Connector) -> None:
        """Read the shard's catalog, to see whether that is possible."""
        found: HanseError | None = None
        try:
            connector.load_catalog()
        except HanseError as failure:
            found = failure
        except Exception as failure:  # noqa: BLE001  # a broken connector is not to be tried for ever
            found = SourceError(
                f"cannot read the catalog: {type(failure).__name__}: {failure}", source=connector.source
            )
        with self._lock:
            seen.failure, seen.answers = found or seen.failure, found is None
            seen.tried_at, seen.is_tried = self._clock.monotonic(), False

    def _turn(self, name: str, assumed: Assumed) -> tuple[_Seen, bool]:
        """What is known, and whether it is the caller's turn to have it tried."""
        with self._lock:
            now, seen = self._clock.monotonic(), self._seen.get(name)
            if seen is None or seen.assumed is not assumed:
                failure = SourceUnreachable(assumed.why, sqlstate=assumed.sqlstate, source=name)
                seen = self._seen[name] = _Seen(assumed, failure, now)
            is_mine = not seen.is_tried and now - seen.tried_at >= TRY_SECONDS
            seen.is_tried = seen.is_tried or is_mine
            return seen, is_mine


class AbsentShard:
    """The connector of ``spi.connector`` that has no sessions."""

    def __init__(self, all: AbsentShards, connector: Connector, assumed: Assumed) -> None:
        """In the place of that connector."""
        self._all = all
        self._connector = connector
        self._assumed = assumed

    @property
    def source(self) -> str:
        """The shard's name."""
        return self._connector.source

    def refuse(self) -> NoReturn:
        """Raise why it is not asked."""
        failure = copy.copy(self._all.failure(self._connector, self._assumed))  # others may have the same
        failure.source = self.source
        if not isinstance(failure, StaleSnapshot):
            failure.message = f"{failure.message}; {self._assumed.like}"
        raise failure

    def load_catalog(self) -> SourceCatalog:
        """The shard's own."""
        return self._connector.load_catalog()

    def begin(self, context: ReadContext) -> Session:  # noqa: ARG002  # a connector's
        """Raise why it is not asked."""
        self.refuse()

    def close(self) -> None:
        """Nothing is open."""
