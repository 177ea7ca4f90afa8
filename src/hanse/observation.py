"""All that tells of an engine's queries, in one place: records, counters, spans, the tables of ``system``."""

import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hanse import recording
from hanse.clock import Clock
from hanse.connectors.system import SystemConnector
from hanse.errors import ConfigError, InternalError
from hanse.observe import asked
from hanse.observe.metrics import Metrics, totals_of
from hanse.observe.noted import Noted
from hanse.observe.recorder import Recorder
from hanse.settings import SYSTEM, ObserveSettings
from hanse.spi.connector import Limited
from hanse.system import GROUPS, TABLES, Known, Moment

SEND_SECONDS = 2.0
"""How long a closing engine waits for a collector of spans."""


class Observation:
    """What is known of one engine's queries, and who is told. Thread-safe."""

    def __init__(self, settings: ObserveSettings, state: Path | None, clock: Clock) -> None:
        """Keep records in the folder ``state``, or in one of the engine's own as long as it lives; no thread runs yet.

        Raises ConfigError where what is asked for needs packages that are missing."""
        self._own: tempfile.TemporaryDirectory[str] | None = None
        if state is None:
            self._own = tempfile.TemporaryDirectory(prefix="hanse-queries-", ignore_cleanup_errors=True)
        folder = state or Path(self._own.name if self._own else "")
        self.recorder: Recorder = recording.recorder(settings, folder, clock)
        self.counted = Metrics()
        self.is_kept = state is not None and settings.queries > 0
        """Whether records outlive the engine, and other processes read them."""
        self._traces = asked.traces(settings)
        self.recorder.listeners += [self.counted, *([self._traces] if self._traces else [])]
        self.recorder.counted = self.counted if self.is_kept else None
        self._listen = settings.metrics_listen
        self._stop: Callable[[], None] = lambda: None
        self._known: Known | None = None
        self.source = SystemConnector(SYSTEM, TABLES, self._captured)
        """The source ``system``."""

    def _captured(self) -> Moment:
        if self._known is None:
            raise InternalError("the engine is not put together yet")
        return Moment(self._known)

    def watch(self, known: Known) -> None:
        """Learn where the engine keeps what it knows; metrics are served from now on, where they are to be."""
        self._known = known
        if self._listen is not None:
            self._stop = self._collected(False).serve(self._listen)

    def begin(self, sql: str) -> Noted:
        """A statement came."""
        return self.recorder.begin(sql)

    def metrics(self, shared: bool = False) -> str:
        """As Prometheus reads them: of this process, or the sum of all that share the folder. Raises ConfigError."""
        text: str = self._collected(shared).text()
        return text

    def serve(self, listen: str, shared: bool) -> Callable[[], None]:
        """The same over HTTP; returns what ends that."""
        stop: Callable[[], None] = self._collected(shared).serve(listen)
        return stop

    def _collected(self, shared: bool) -> Any:
        module = asked.exposition()
        if shared and not self.is_kept:
            raise ConfigError(
                "nothing is kept that other processes could read", hint="engine: {state: .hanse} in hanse.yaml"
            )

        def totals() -> Any:
            self.recorder.flush()
            store = self.recorder.store
            return totals_of(store.counters()) if shared and store is not None else self.counted.totals()

        return module.Collected(totals, lambda: self._gauges(module.Gauge))

    def _gauges(self, gauge: Any) -> Iterator[Any]:
        known = self._known
        yield gauge("hanse_queries_running", "Statements that run.", (), (((), self.recorder.running),))
        yield gauge("hanse_records_lost", "Queries of which nothing could be kept.", (), (((), self.recorder.dropped),))
        if known is None:
            return
        place = next(place for place, (name, _, _) in enumerate(GROUPS) if name == "queued")
        waiting = [row[place] for row in known.groups()][:1]  # the root's
        yield gauge("hanse_queries_queued", "Queries that wait to be admitted.", (), (((), sum(waiting)),))
        yield gauge(
            "hanse_coordinators_used", "Coordinator instances that serve a query.", (), (((), known.pool.used),)
        )
        states = {name: state.partition(" ")[0].rstrip(";,") for name, state in known.admission.states().items()}
        each = tuple(
            ((name, one), float(one == state))
            for name, state in states.items()
            for one in ("closed", "open", "half-open")
        )
        yield gauge(
            "hanse_source_breaker", "How a source's breaker stands: 1 for its state.", ("source", "state"), each
        )
        held = {name: one.connections for name, one in known.connectors.items() if isinstance(one, Limited)}
        used, most = (tuple(((name,), pair[place]) for name, pair in held.items()) for place in (0, 1))
        yield gauge("hanse_source_connections", "Connections that queries have.", ("source",), used)
        yield gauge("hanse_source_connections_max", "Connections that there may be.", ("source",), most)

    def close(self) -> None:
        """Write what is noted, send what waits to be sent, end every thread. Idempotent."""
        self._stop()
        self.recorder.close(self.is_kept or self._traces is not None)
        if self._traces is not None:
            closing = threading.Thread(target=self._traces.close, name="observing-hanse-close", daemon=True)
            closing.start()
            closing.join(SEND_SECONDS)
        if self._own is not None:
            self._own.cleanup()
