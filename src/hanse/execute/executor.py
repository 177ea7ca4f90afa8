"""Starts every part of a query, in an order that cannot deadlock, and hands out the stream that ends them."""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from hanse.errors import Cancelled, HanseError, ResourceLimit
from hanse.execute.cancel import CancelScope
from hanse.execute.coordinator import Coordinator, statement
from hanse.execute.failures import translate
from hanse.execute.fetch import Fetch
from hanse.execute.instances import Instance, InstancePool
from hanse.execute.queue import BatchQueue
from hanse.execute.report import Report, SourceReport
from hanse.execute.result import ResultStream
from hanse.ir.expr import Literal
from hanse.ir.request import Request, RequestGraph
from hanse.spi.connector import Connector, Embedded, ReadContext, Session
from hanse.spi.dialect import Dialect

JOIN_SECONDS = 1.0
"""How long a closing result waits for its threads before it leaves them to end by themselves."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one execution needs besides its requests."""

    connectors: Mapping[str, Connector]
    kinds: Mapping[str, str]
    snapshot_version: int
    dialect: Dialect
    """The coordinator's."""
    parameters: tuple[Literal, ...]
    timezone: str
    batch_rows: int
    timeout_s: float
    report: Report
    elapsed: Callable[[], float]
    """Milliseconds since the query started."""


class _Held:
    """Everything a running query holds, released once, on every path."""

    def __init__(self) -> None:
        self.sessions: dict[str, Session] = {}
        self.threads: list[threading.Thread] = []
        self.instance: Instance | None = None
        self.timer: threading.Timer | None = None

    def release(self, pool: InstancePool, report: Report, elapsed: Callable[[], float]) -> None:
        report.elapsed_ms = elapsed()
        if self.timer is not None:
            self.timer.cancel()
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join(JOIN_SECONDS)
        if any(thread.is_alive() for thread in self.threads):
            threading.Thread(target=self._finish, args=(pool,), name="hanse-release", daemon=True).start()
        else:
            self._finish(pool)

    def _finish(self, pool: InstancePool) -> None:
        for thread in self.threads:
            if thread is not threading.current_thread():
                thread.join()
        for session in self.sessions.values():
            session.close()
        if self.instance is not None:
            pool.release(self.instance)


def execute(graph: RequestGraph, pool: InstancePool, run: Run) -> ResultStream:
    """Start the query and return its stream. What fails before a stream exists is raised here, with all released."""
    scope = CancelScope()
    held = _Held()
    try:
        queue = _start(graph, pool, run, scope, held)
    except BaseException as failure:
        scope.end(failure if isinstance(failure, HanseError) else None)
        held.release(pool, run.report, run.elapsed)
        if isinstance(failure, HanseError) or not isinstance(failure, Exception):
            raise
        raise translate(failure) from failure
    if run.timeout_s:
        error = Cancelled(f"statement timeout of {run.timeout_s:g} s", hint="SET statement_timeout raises it")
        held.timer = threading.Timer(run.timeout_s, scope.end, args=(error,))
        held.timer.daemon = True
        held.timer.start()
    return ResultStream(graph.columns, queue, scope, run.report, lambda: held.release(pool, run.report, run.elapsed))


def _start(graph: RequestGraph, pool: InstancePool, run: Run, scope: CancelScope, held: _Held) -> BatchQueue:
    reports = {request.fragment: _report(request, run) for request in graph.requests}
    run.report.sources.extend(reports.values())
    fetches = {
        request.fragment: Fetch(request, reports[request.fragment], scope, run.elapsed)
        for request in graph.requests
        if not request.embedded
    }
    queue = fetches[graph.direct].queue if graph.direct is not None else BatchQueue(scope)
    coordinator = None if graph.direct is not None else _coordinator(graph, pool, run, scope, held)
    _open_sessions(graph, run, scope, held)
    for fetch in fetches.values():
        held.threads.append(fetch.start(held.sessions[fetch.request.source], run.parameters))
    if coordinator is not None and graph.sql is not None:
        coordinator.register(fetches, queue)
        text = statement(graph.sql, run.parameters, run.dialect)
        run.report.coordinator_sql = text
        held.threads.append(coordinator.start(text, graph, queue, run.report))
    return queue


def _report(request: Request, run: Run) -> SourceReport:
    return SourceReport(
        request.fragment, request.source, run.kinds[request.source], str(request.sql), embedded=request.embedded
    )


def _coordinator(graph: RequestGraph, pool: InstancePool, run: Run, scope: CancelScope, held: _Held) -> Coordinator:
    held.instance = pool.acquire(run.timeout_s or None)
    if held.instance is None:
        raise ResourceLimit("no coordinator instance became free in time", sqlstate="53300", hint="engine.instances")
    embedded = {
        request.source: connector
        for request in graph.requests
        if request.embedded and isinstance(connector := run.connectors[request.source], Embedded)
    }
    held.instance.attach(embedded, run.snapshot_version)
    return Coordinator(held.instance, scope, run.timezone, run.batch_rows)


def _open_sessions(graph: RequestGraph, run: Run, scope: CancelScope, held: _Held) -> None:
    counts: dict[str, int] = {}
    for request in graph.requests:
        if not request.embedded:
            counts[request.source] = counts.get(request.source, 0) + 1
    if not counts:
        return

    def begin(source: str) -> None:
        context = ReadContext(run.report.query_id, counts[source], run.batch_rows, run.timezone)
        session = run.connectors[source].begin(context)
        held.sessions[source] = session
        scope.on_end(session.cancel)
        for report in run.report.sources:
            if report.source == source:
                report.connected_ms = run.elapsed()

    if len(counts) == 1:
        begin(next(iter(counts)))
        return
    with ThreadPoolExecutor(max_workers=len(counts), thread_name_prefix="hanse-begin") as threads:
        for done in [threads.submit(begin, source) for source in counts]:
            done.result()
