"""Starts every part of a query, in an order that cannot deadlock, and hands out the stream that ends them."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from hanse.errors import Cancelled, HanseError
from hanse.execute.cancel import CancelScope
from hanse.execute.consistency import Pictures
from hanse.execute.coordinator import Coordinator, Settings, row, statement
from hanse.execute.deadlines import QueueWatch, out_of_time
from hanse.execute.failures import translate
from hanse.execute.fetch import Fetch
from hanse.execute.instances import Instance, InstancePool
from hanse.execute.keys import Located, ShippedKeys
from hanse.execute.limits import Limits, Meter
from hanse.execute.lookups import Looking, freshen
from hanse.execute.memory import UNCOUNTED, QueryMemory
from hanse.execute.probing import Way
from hanse.execute.queue import BatchQueue
from hanse.execute.report import Report, SourceReport
from hanse.execute.result import ResultStream
from hanse.execute.routing import directories, routed
from hanse.execute.running import RunningQueries
from hanse.execute.small_sides import Choice
from hanse.execute.threads import Threads, Work
from hanse.ir.consistency import NOTHING, Terms
from hanse.ir.expr import Literal
from hanse.ir.fragment import KeyOrigin
from hanse.ir.request import Request, RequestGraph
from hanse.ir.sharding import Scheme
from hanse.ir.tables import Table
from hanse.spi.admission import EVERYBODY, Admit, Admitted, unasked
from hanse.spi.alarms import Alarm, Alarms
from hanse.spi.connector import Connector, Embedded, ReadContext, Session
from hanse.spi.deadlines import Patience
from hanse.spi.dialect import Dialect

CONNECTION_SECONDS = 0.1
"""How long a scan that is begun on trial waits for a connection."""
JOIN_SECONDS = 0.45
"""How long a closing result waits for its threads, all together, before it leaves them to end by themselves."""


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
    dialects: Mapping[str, Dialect] = field(default_factory=dict)
    """Those of the sources, which spell shipped keys."""
    fan_out: Mapping[str, int] = field(default_factory=dict)
    """As many shards of each sharded source as the query may ask; what is missing has no limit."""
    running: RunningQueries = field(default_factory=RunningQueries)
    """Where the query is known while it holds anything."""
    threads: Threads = field(default_factory=Threads)
    """Those that are there for all queries."""
    limits: Limits = Limits()
    """What the query may read and yield."""
    whole: Callable[[Table], Limits] = lambda _: Limits()
    """How much may be read of a table that is read whole to know where keys are; raises GuardrailRefused if it may not be."""
    admit: Admit = unasked
    """Waits for the query's turn."""
    patience: Patience = Patience()
    """How long sources may take to answer."""
    queue_s: float = 0.0
    """How long the query waits for what others hold; 0: as long as the pools have it."""
    reader_s: float = 0.0
    """How long the answer may be left unread; 0: for ever."""
    alarms: Alarms = field(default_factory=Alarms)
    """What keeps deadlines."""
    ended: Callable[[], object] = lambda: None
    """Called once, when everything has been given back and the report is final."""
    scope: CancelScope = field(default_factory=CancelScope)
    """What ends the query early."""
    shares: bool = False
    """Whether rows of other queries' statements will do."""
    operators: bool = False
    """Whether the coordinator's operators are measured."""
    terms: Terms = NOTHING
    """What is demanded of the answer's consistency."""
    began: float = field(default_factory=time.time)
    """When the query started, in seconds since 1970."""

    def moment(self) -> float:
        """Now, in seconds since 1970; it never runs backwards."""
        return self.began + self.elapsed() / 1000

    def answered(self, source: str) -> None:
        """Note that a source has answered something."""
        now = self.elapsed()
        for report in self.report.sources:
            if report.source == source and report.started_ms is not None and report.connected_ms is None:
                report.connected_ms = now

    def shared(self, request: Request, query_id: str) -> None:
        """Note that the statement of another query has answered a request."""
        for report in self.report.sources:
            if report.fragment == request.fragment:
                report.shared_with, report.statements = query_id, 0

    def retried(self, request: Request, failure: HanseError) -> None:
        """Note that a request is sent again."""
        for report in self.report.sources:
            if report.fragment == request.fragment:
                report.retried_after.append(str(failure))

    def again(self, source: str, meter: Meter, rows: int, bytes: int) -> None:
        """Note that so much has come from a source of which all is asked again."""
        meter.again(source, rows, bytes)
        for report in [report for report in self.report.sources if report.source == source][:1]:
            report.bytes_left += bytes

    def seconds_left(self) -> float:
        """Until the deadline."""
        return self.timeout_s - self.elapsed() / 1000 if self.timeout_s else float("inf")


class _Held:
    """Everything a running query holds, released once, on every path."""

    def __init__(self, pool: InstancePool, run: Run, scope: CancelScope) -> None:
        self.sessions: dict[str, Session] = {}
        self._works: list[Work] = []
        self.computing: Work | None = None
        """The coordinator's."""
        self.instance: Instance | None = None
        self._pool = pool
        self._run = run
        self.scope = scope
        self._deadline: Alarm | None = None
        self.queue = QueueWatch(run.queue_s, run.alarms, scope)
        self._lock = threading.RLock()
        self._released = False
        self.meter = Meter(run.limits)
        self.admitted: Admitted = EVERYBODY
        self.memory = UNCOUNTED

    def enter(self, has_coordinator: bool) -> None:
        """Wait for the query's turn; raises AdmissionRefused, Cancelled."""
        report = self._run.report
        before = self._run.elapsed()
        with self.queue.waiting("place in its resource group"):
            self.admitted = self._run.admit(lambda: self.scope.ended)
        if self.admitted is not EVERYBODY:
            report.group, report.queued_ms = self.admitted.group, self._run.elapsed() - before
        if self.admitted.memory is not None:
            self.memory = QueryMemory(self.admitted.memory, self.admitted.group, has_coordinator=has_coordinator)
        if self.admitted.is_counted:
            self.meter.tell(self.admitted.used)

    def start(self, work: Work) -> Work:
        """Have it done in a thread of its own; returns it."""
        self._works.append(self._run.threads.start(work))
        return work

    def set_deadline(self) -> None:
        """End the query when its time is over, of which planning has taken some."""
        run, scope = self._run, self.scope
        self._deadline = run.alarms.after(
            run.seconds_left(), lambda: scope.end(out_of_time(run.timeout_s, run.report, self.queue.waits_for))
        )

    def release(self) -> None:
        """Give everything back. Idempotent; a second caller waits for the first.

        Sessions end here even under a thread that is stuck in a driver: others get its connections. An instance is given
        back only when nobody is in it.
        """
        with self._lock:
            if self._released:
                return
            self._released = True
            self._run.report.elapsed_ms = self._run.elapsed()
            self._note_end()
            self.queue.off()
            if self._deadline is not None:
                self._deadline.off()
            is_over = False
            try:
                is_over = self._join(JOIN_SECONDS)
            finally:
                for session in self.sessions.values():
                    session.close()
                self.admitted.end(self._cpu_seconds())
                if is_over:
                    self._leave()
                else:
                    threading.Thread(target=self._leave_later, name="hanse-release", daemon=True).start()
                self._run.ended()

    def _note_end(self) -> None:
        failure, report = self.scope.error, self._run.report
        if not report.finished:
            report.error = Cancelled.sqlstate if failure is None else failure.code
            report.error_source = None if failure is None else failure.source

    def _cpu_seconds(self) -> float:
        """About what the query took of the processors: the coordinator's further threads are DuckDB's own, so that they are
        taken to do as much as the one that is ours."""
        more = self.computing.cpu_seconds * (self._pool.threads - 1) if self.computing else 0.0
        return sum(work.cpu_seconds for work in self._works) + more

    def _join(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        others = [work for work in self._works if not work.is_mine]
        for work in others:
            work.join(max(0.0, deadline - time.monotonic()))
        return self.scope.wait(0) and all(work.is_over for work in others)

    def _leave_later(self) -> None:
        for work in self._works:
            work.join()
        self.scope.wait()
        self._leave()

    def _leave(self) -> None:
        if self.instance is not None:
            self._pool.release(self.instance)
        self.admitted.free()
        self._run.running.leave(self.scope)


def execute(graph: RequestGraph, pool: InstancePool, run: Run) -> ResultStream:
    """Start the query and return its stream. What fails before a stream exists is raised here, with all released."""
    scope = run.scope
    held = _Held(pool, run, scope)
    run.running.enter(scope, scope.end)
    try:
        if run.timeout_s:
            held.set_deadline()
        with held.queue.waiting("turn"):
            held.enter(graph.direct is None)
        queue, pictures = _start(graph, pool, run, scope, held)
        run.running.enter(scope, held.release)
    except BaseException as failure:
        ours = translate(failure) if isinstance(failure, Exception) else None
        scope.end(ours)
        error = scope.error or ours
        held.release()
        if ours is None or error is None:
            raise
        raise error from (None if isinstance(failure, HanseError) else failure)
    answer = ResultStream(graph.columns, queue, scope, run.report, held.release)
    answer.limited(run.limits.answer).timed(run.elapsed).checked(pictures.check_all)
    if run.reader_s:
        answer.watched(run.reader_s, run.alarms)
    return answer.counted(held.admitted.answered) if held.admitted.is_counted else answer


def _start(
    graph: RequestGraph, pool: InstancePool, run: Run, scope: CancelScope, held: _Held
) -> tuple[BatchQueue, Pictures]:
    _look_up(graph, pool, run, held)
    graph = routed(graph, run.parameters, run.fan_out)
    pictures = Pictures(graph, run.connectors, run.terms, run.report, run.moment)
    reports = {request.fragment: _report(request, run) for request in graph.requests}
    run.report.sources.extend(reports[request.fragment] for request in graph.requests if not request.idle)
    fetches = {
        request.fragment: Fetch(request, reports[request.fragment], scope, run.elapsed, held.memory)
        for request in graph.requests
        if not request.embedded
    }
    for fragment, fetch in fetches.items():
        fetch.count(held.meter)
        fetch.tell(pictures.check, *((pictures.look_again,) if fragment == graph.direct else ()))
    _ship(graph, fetches, run, scope)
    _choose(graph, fetches, run, scope)
    queue = fetches[graph.direct].queue if graph.direct is not None else BatchQueue(scope, memory=held.memory)
    is_known = graph.constant is not None and not run.operators
    coordinator = None if graph.direct is not None or is_known else _coordinator(graph, pool, run, scope, held)
    _begin_sessions(graph, pool, run, scope, held)
    pictures.look({} if held.instance is None else held.instance.states)
    pictures.pin(held.sessions, scope, held.start)
    if not pictures.are_demanded:
        _probe(graph, fetches, pool, run, held)
    scope.check()
    held.queue.off()
    for fetch in fetches.values():
        held.start(fetch.work(held.sessions.get(fetch.request.source), run.parameters))
    if coordinator is not None and graph.sql is not None:
        coordinator.read(fetches, queue)
        coordinator.tell(pictures.look_again)
        text = statement(graph.sql, run.parameters, run.dialect)
        run.report.coordinator_sql = text
        held.computing = coordinator.work(text, graph, queue, run.report)
        held.start(held.computing)
    elif is_known and graph.constant is not None:
        queue.put(row(graph.constant, graph.columns))
        queue.finish()
    return queue, pictures


def _look_up(graph: RequestGraph, pool: InstancePool, run: Run, held: _Held) -> None:
    """Read what says where keys live, if it is too old."""

    def metered(table: Table) -> Meter:
        meter = Meter(run.whole(table))
        if held.admitted.is_counted:
            meter.tell(held.admitted.used)
        return meter

    def begin(source: str, meter: Meter) -> Session:
        context = _context(source, pool, run, held, lambda: held.scope.ended)
        return run.connectors[source].begin(replace(context, arrived=meter.arrived(source)))

    looking = Looking(begin, metered, run.kinds.__getitem__, held.scope, run.report, run.elapsed)
    freshen(directories(graph), looking, held.start)


def _ship(graph: RequestGraph, fetches: Mapping[int, Fetch], run: Run, scope: CancelScope) -> None:
    """Connect fetches along the holes: the origins' keys are collected, and the target waits for them."""
    located: dict[tuple[tuple[KeyOrigin, ...], Scheme], Located] = {}
    for hole in graph.holes:
        target = fetches[hole.target]
        types = {column.id: column.type for column in target.request.columns}
        scheme = hole.home.scheme if hole.home else None
        shared = located.setdefault((hole.origins, scheme), Located(scheme)) if scheme else None
        shipped = ShippedKeys(hole, [types[id] for id in hole.target_columns], scope, shared)
        for origin in hole.origins:
            fetches[origin.fragment].feed(shipped, origin.columns)
        target.await_keys(shipped, run.dialects[target.request.source])


def _choose(graph: RequestGraph, fetches: Mapping[int, Fetch], run: Run, scope: CancelScope) -> None:
    """Connect fetches of small sides: the origins' rows are collected, and both alternatives wait for them."""
    for side in graph.small_sides:
        target = fetches[side.target]
        choice = Choice(side, target.request, run.dialects[target.request.source], scope)
        for origin, rows in choice.rows.items():
            fetches[origin].feed_rows(rows)
        for fragment in (side.target, *side.instead):
            fetches[fragment].await_choice(choice)


def _report(request: Request, run: Run) -> SourceReport:
    return SourceReport(
        request.fragment, request.source, run.kinds[request.source], str(request.sql), embedded=request.embedded
    )


def _coordinator(graph: RequestGraph, pool: InstancePool, run: Run, scope: CancelScope, held: _Held) -> Coordinator:
    with held.queue.waiting("coordinator instance"):
        held.instance = pool.acquire(lambda: scope.ended, held.admitted.share)
    embedded = {
        request.source: connector
        for request in graph.requests
        if request.embedded and isinstance(connector := run.connectors[request.source], Embedded)
    }
    held.instance.attach(embedded, run.snapshot_version)
    settings = Settings(
        run.timezone, run.batch_rows, graph.as_written, run.operators, run.elapsed, held.memory.coordinator
    )
    return Coordinator(held.instance, scope, settings)


def _context(source: str, pool: InstancePool, run: Run, held: _Held, is_ended: Callable[[], bool]) -> ReadContext:
    """What a session for one request is told."""
    return ReadContext(
        run.report.query_id,
        1,
        run.batch_rows,
        run.timezone,
        is_ended=is_ended,
        answered=partial(run.answered, source),
        spill_folder=pool.folder,
        spill_bytes=pool.spill_bytes,
        spill_space=pool.aside,
        batch_bytes=held.memory.batch_bytes(run.limits.batch_bytes(source)),
        retried=run.retried,
        shared=run.shared,
        notice=run.report.notices.append,
        seconds_left=run.seconds_left,
        patience=run.patience,
        ceiling=run.limits.ceiling(source),
        share=held.admitted.share,
        moment=run.moment,
    )


def _probe(graph: RequestGraph, fetches: Mapping[int, Fetch], pool: InstancePool, run: Run, held: "_Held") -> None:
    """Let requests that wait for keys begin without them where these are late, or are not expected to pay (``probing``). Only
    such as are alone at their source: others would have to see the same snapshot. Not where a query may only read so much:
    what is read in vain would count."""
    counts = Counter(request.source for request in graph.requests if not request.idle)
    for hole in graph.holes:
        source = fetches[hole.target].request.source
        if hole.patience is not None and counts[source] == 1 and not run.limits.bind(source):
            own = held.sessions.get(source) if hole.is_tried else None
            if hole.is_tried == (own is not None):
                begin = _opener(source, pool, run, held)
                way = Way(begin, run.dialects[source], run.parameters, held.meter, held.memory, own)
                fetches[hole.target].probe(way)


def _opener(source: str, pool: InstancePool, run: Run, held: _Held) -> Callable[[Callable[[], bool]], Session]:
    """What opens one more session, if there is a connection for it at once: who holds others does not wait for long."""

    def begin(is_unwanted: Callable[[], bool]) -> Session:
        latest = time.monotonic() + CONNECTION_SECONDS
        is_ended = lambda: held.scope.ended or is_unwanted() or time.monotonic() > latest  # noqa: E731
        return run.connectors[source].begin(_context(source, pool, run, held, is_ended))

    return begin


def _begin_sessions(graph: RequestGraph, pool: InstancePool, run: Run, scope: CancelScope, held: _Held) -> None:
    """Reserve connections at every source, one source after another in an order that is the same for all queries.

    With the instance, which is taken before, nobody can hold what another waits for while he waits for him. Connecting
    itself happens in the requests' threads, at all sources at once.
    """
    chosen = {side.target for side in graph.small_sides}  # in the place of others, which then are not asked
    asked = [request for request in graph.requests if not (request.embedded or request.idle)]
    counts = Counter(request.source for request in asked if request.fragment not in chosen)
    counts.update({request.source: 1 for request in asked if not counts[request.source]})
    waiting = chosen | {hole.target for hole in graph.holes} | {id for side in graph.small_sides for id in side.instead}
    for source in sorted(counts):
        context = _context(source, pool, run, held, lambda: scope.ended)
        arrived, is_demanding = held.meter.arrived(source), run.terms.is_any
        first = tuple(one.fragment for one in asked if one.source == source and one.fragment not in waiting)
        context = replace(context, requests=counts[source], arrived=arrived, pinned=is_demanding, at_start=first)
        context = replace(context, shares=run.shares and not is_demanding, again=partial(run.again, source, held.meter))
        before = run.elapsed()
        with held.queue.waiting("connection", source):
            session = held.sessions[source] = run.connectors[source].begin(context)
        scope.on_end(session.cancel)
        for report in run.report.sources:
            if report.source == source:
                report.reserved_ms = run.elapsed()
                report.queued_ms = report.reserved_ms - before
