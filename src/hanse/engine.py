"""The page: one query from text to stream, each line a stage (DESIGN.md section 1).

SQL text -> Statement -> bound Plan -> optimized Plan -> FragmentGraph -> RequestGraph -> Arrow batches
         parse        bind          optimize          split            render         execute
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from zoneinfo import ZoneInfo

from hanse import parameters
from hanse.asking import RemoteEstimates
from hanse.bind.binder import BindContext, BoundQuery, allow_all, bind
from hanse.bind.coercion import Untyped, coerce
from hanse.bind.outputs import ROWS_MAX, rows_of
from hanse.bind.tables import Tables
from hanse.cache import Fragment as SeenFragment
from hanse.cache import ObservedRuns, PlanCache, PlanHistory, PlanKey, Samples, Used
from hanse.catalog.browse import Catalog
from hanse.catalog.plugins import connect as connect_source
from hanse.catalog.sampled import completed
from hanse.catalog.store import CatalogStore
from hanse.clock import Clock, SystemClock
from hanse.commands import explain, show
from hanse.commands.analyze import Analysis, Analyzed, chosen
from hanse.commands.set import changed
from hanse.errors import (
    ConfigError,
    HanseError,
    InternalError,
    SourceUnreachable,
    StaleSnapshot,
    UnknownName,
    UserError,
)
from hanse.execute.executor import Run, execute
from hanse.execute.instances import InstancePool
from hanse.execute.report import PlanUse, Report
from hanse.execute.result import ResultStream
from hanse.execute.running import RunningQueries
from hanse.ir import types as t
from hanse.ir.choices import FORGETFUL, Choices
from hanse.ir.expr import Column, Literal
from hanse.ir.plan import Plan, Scan, Values
from hanse.ir.request import RequestGraph
from hanse.ir.shape import fingerprint, shape
from hanse.ir.tables import Table
from hanse.ir.walk import plans
from hanse.observing import known_fragments, seen
from hanse.optimize import Recording, optimize
from hanse.optimize.estimate import Estimator, estimated
from hanse.optimize.observed import NOTHING_SEEN, Observed
from hanse.optimize.sides import are_ordered
from hanse.parse.normal import normalized
from hanse.parse.parser import parse
from hanse.parse.statements import QUERY, Statement, query_text
from hanse.render import render
from hanse.settings import QuerySettings, load
from hanse.spi.capabilities import Capabilities
from hanse.spi.connector import Composite, Connector, Embedded
from hanse.spi.dialect import Dialect
from hanse.spi.duckdb.dialect import DuckDBDialect
from hanse.spi.pace import Pace
from hanse.spi.snapshot import Snapshot, SourceCatalog
from hanse.split import runs_there, split

T = TypeVar("T")
RECHECK_SECONDS = 1.0
"""A table that is not known is looked for again at the sources, if their catalogs are older than this."""
RUN_ONLY = frozenset({"statement_timeout", "batch_rows", "plan_cache", "timezone"})
"""Settings that planning does not read, and the zone, which it reads with the engine's as default."""
NOTHING = Values((), ((),))


@dataclass(slots=True)
class _Watch:
    """Times the stages of one query."""

    clock: Clock
    started: float = 0.0
    stages_ms: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started = self.clock.monotonic()

    def elapsed_ms(self) -> float:
        return (self.clock.monotonic() - self.started) * 1000

    def __call__(self, stage: str, work: Callable[[], T]) -> T:
        before = self.clock.monotonic()
        result = work()
        self.stages_ms[stage] = self.stages_ms.get(stage, 0.0) + (self.clock.monotonic() - before) * 1000
        return result


@dataclass(frozen=True, slots=True)
class _Query:
    """One statement with what its caller chose."""

    statement: Statement
    values: tuple[Any, ...]
    settings: QuerySettings
    context: BindContext
    watch: _Watch
    is_explained: bool = False
    """Whether the steps of the optimizer are kept; recording them costs a third of its time."""


@dataclass(frozen=True, slots=True)
class _Planned:
    """What running a plan needs; frozen all through, so that threads share a kept one."""

    bound: BoundQuery
    requests: RequestGraph
    snapshot: Snapshot
    fingerprint: str
    fragments: Mapping[int, SeenFragment]
    """What each fragment is known by whose rows are observed."""
    used: Used | None = None
    """What the history says of it, where there is one."""
    pinned: bool = False
    """Whether it is the plan that somebody has pinned for its query."""
    notice: str = ""
    """Why a pinned plan is not used."""


class _Known(dict[str, SourceCatalog]):
    """Every source by name, what is sharded and its shards. What stands for a shard that run time finds (``sales/$1``) is
    like any of them."""

    def __missing__(self, name: str) -> SourceCatalog:
        return self[name.partition("/")[0]].shards[0]


class Engine:
    """All sources of one configuration, and the queries over them. Thread-safe; SET changes it for all its users."""

    def __init__(self, config: str | Path | Mapping[str, Any], clock: Clock | None = None) -> None:
        """Read the configuration; sources are first contacted by the first query that needs the catalog."""
        settings, folder = load(config)
        self.settings = QuerySettings.model_construct()
        self._clock = clock or SystemClock()
        self._engine_settings = settings.engine
        self._connectors = {name: connect_source(name, block, folder) for name, block in settings.sources.items()}
        self._kinds = {name: str(block["kind"]) for name, block in settings.sources.items()}
        self._parts = _parts(self._connectors)
        self._part_kinds = dict(self._kinds)
        for connector in self._connectors.values():
            if isinstance(connector, Composite):
                self._part_kinds |= connector.kinds
                connector.meet(self._parts)
        state = folder / settings.engine.state if settings.engine.state else None
        self._samples = Samples(state) if state else None
        self._observed = ObservedRuns(state)
        self._remote = RemoteEstimates(self._parts, self._clock)
        self._store = CatalogStore(self._connectors, self._clock, settings.engine.catalog_ttl, self._completed)
        embedded = [connector for connector in self._parts.values() if isinstance(connector, Embedded)]
        self._pool = InstancePool(settings.engine, embedded)
        self._running = RunningQueries()
        self._dialect = DuckDBDialect()
        self._tables: tuple[int, Tables] = (0, Tables(()))
        self._plans = PlanCache[_Planned](settings.engine.plan_cache, settings.engine.plan_cache_bytes)
        self.history = PlanHistory(state) if state else None
        """Which plans answered which queries; None unless the configuration names a folder for it."""
        self.catalog = Catalog(self._store, self._kinds)

    def query(
        self, sql: str, params: parameters.Given = None, settings: Mapping[str, Any] | None = None
    ) -> ResultStream:
        """Start a statement and return its answer as a stream; raises HanseError.

        ``params`` are values for ``$1`` (a sequence) or ``:name`` (a mapping); ``settings`` overrides the session's.
        """
        query = self._query(sql, params, settings)
        match query.statement.kind:
            case "query":
                return self._run(query)
            case "explain":
                return self._explained(query)
            case "show":
                return self._show(query)
            case "set":
                return self._set(query)
            case kind:
                raise InternalError(f"no command runs a statement of kind {kind}")

    def _query(self, sql: str, params: parameters.Given, settings: Mapping[str, Any] | None) -> _Query:
        watch = _Watch(self._clock)
        chosen = self.settings
        for name, value in (settings or {}).items():
            chosen = _changed(chosen, name, value)
        known = self._plans.parameters(query_text(sql)) if chosen.plan_cache == "on" else None
        if known is None:
            statement = watch("parse", lambda: parse(sql))
        else:
            statement = Statement(QUERY, sql, parameters=known)
        values = parameters.ordered(params, statement.parameters)
        return _Query(statement, values, chosen, self._context(values, chosen), watch)

    def _run(self, query: _Query) -> ResultStream:
        def again(stale: StaleSnapshot) -> ResultStream:
            self._plans.drop(self._key(query, planned.snapshot))
            fresh = self._store.refresh(_configured(stale.source))
            return self._execute(query, self._plan(query, fresh)[0], cached=False)

        snapshot = self._store.snapshot()
        kept = query.watch("cache", lambda: self._kept(query, snapshot))
        planned = kept or self._plan_known(query, snapshot)[0]
        return self._execute(query, planned, cached=kept is not None).on_stale(again)

    def _kept(self, query: _Query, snapshot: Snapshot) -> _Planned | None:
        """The plan of an earlier query that this one would have too."""
        if query.settings.plan_cache == "off":
            return None
        found = self._plans.get(self._key(query, snapshot))
        return found if found and found.bound.holds_at(query.context) else None

    def _keep(self, query: _Query, planned: _Planned) -> None:
        """Let later queries have the plan, unless the clock makes it this one's alone."""
        if query.settings.plan_cache == "on" and not planned.bound.is_momentary:
            key = self._key(query, planned.snapshot)
            alone = replace(planned, bound=replace(planned.bound, plan=NOTHING))
            self._plans.put(key, query.statement.parameters, alone, len(key.text) + planned.requests.size())

    def _key(self, query: _Query, snapshot: Snapshot) -> PlanKey:
        pins = str(self.history.pins_version()) if self.history else ""
        settings = (query.context.timezone, *_planning(query.settings), pins)
        return PlanKey(query.statement.query_text, query.context.parameter_types, snapshot.version, settings)

    def _statement(self, query: _Query) -> tuple[str, str]:
        """The query as the history knows it: its fingerprint and its text, without values, but with what else decides
        about plans."""
        statement = normalized(query.statement.query_text)
        given = *map(str, query.context.parameter_types), *_planning(query.settings)
        return fingerprint("\n".join((statement, *given))), statement

    def _ended(self, query: _Query, planned: _Planned, report: Report) -> Callable[[], object]:
        """Say in the report that a query has a plan that it never had; returns what notes the run when it has ended."""
        history, used = self.history, planned.used
        is_noted = history is not None and used is not None and not query.is_explained
        if history and used and is_noted and report.plan and not report.plan.cached and history.is_change(used):
            report.notices.append(
                f"this query has a new plan, {used.plan}: hanse plans show {used.query} lists those that it had"
            )

        def ended() -> None:
            now = self._clock.now()
            if report.complete:
                self._observed.note(seen(report, planned.requests, planned.fragments), now)
                if history and used and is_noted:
                    history.record(used, now, report.elapsed_ms, report.bytes_moved)

        return ended

    def _context(self, values: tuple[Any, ...], settings: QuerySettings) -> BindContext:
        return BindContext(
            now=dt.datetime.fromtimestamp(self._clock.now(), dt.UTC),
            timezone=settings.timezone or self._engine_settings.timezone,
            parameter_types=tuple(parameters.type_of(value) for value in values),
        )

    def _plan_known(self, query: _Query, snapshot: Snapshot) -> tuple[_Planned, explain.Stages]:
        """Plan; what is not known, or did not answer, is looked for once more: sources change and come back."""
        try:
            return self._plan(query, snapshot)
        except (UnknownName, SourceUnreachable) as failure:
            lost = _configured(failure.source) if isinstance(failure, SourceUnreachable) else None
            if failure.code != "42P01" and lost is None:
                raise
            if self._store.refresh_older(RECHECK_SECONDS, lost):
                return self._plan_again(query)
            raise self._cause(failure) from None

    def _plan_again(self, query: _Query) -> tuple[_Planned, explain.Stages]:
        try:
            return self._plan(query, self._store.snapshot())
        except SourceUnreachable as failure:
            raise self._cause(failure) from None

    def _cause(self, failure: HanseError) -> HanseError:
        """Why the catalog of a source that a query names could not be read, at the place where the query names it."""
        cause = self._store.failure(failure.source) if failure.source else None
        if cause is None:
            return failure
        return type(cause)(
            cause.message, sqlstate=cause.code, source=failure.source, position=failure.position, hint=cause.hint
        )

    def _plan(self, query: _Query, snapshot: Snapshot) -> tuple[_Planned, explain.Stages]:
        watch, tables, context, statement = query.watch, self._tables_of(snapshot), query.context, query.statement
        if statement.syntax is None:  # its text is known from a plan for other types, or of an older snapshot
            statement = watch("parse", lambda: parse(query.statement.text))
        bound = watch("bind", lambda: bind(statement, tables, allow_all, context))
        if self.history is None:
            planned, stages = self._made(query, bound, snapshot, FORGETFUL)
        else:
            planned, stages = self._remembered(query, bound, snapshot, self.history)
        if query.is_explained:
            use = PlanUse(planned.fingerprint, self._kept(query, snapshot) is not None, planned.pinned)
            return planned, replace(stages, plan=use)
        self._keep(query, planned)
        return planned, stages

    def _remembered(
        self, query: _Query, bound: BoundQuery, snapshot: Snapshot, history: PlanHistory
    ) -> tuple[_Planned, explain.Stages]:
        """The plan that is pinned for the query, if the same choices still lead to it; else the best."""
        id, statement = self._statement(query)
        pin = history.pinned(id)
        choices = Choices.of_text(pin.choices) if pin else Choices()
        planned, stages = self._made(query, bound, snapshot, choices)
        is_other = pin is not None and planned.fingerprint != pin.plan
        if pin is not None and is_other:
            message = f"plan {pin.plan}, which is pinned, is not possible now: hanse plans unpin {id} forgets it"
            planned, stages = self._made(query, bound, snapshot, choices := Choices())
            planned = replace(planned, notice=message)
        used = Used(id, statement, planned.fingerprint, shape(stages.graph), choices.as_text())
        return replace(planned, used=used, pinned=pin is not None and not is_other), stages

    def _made(
        self, query: _Query, bound: BoundQuery, snapshot: Snapshot, choices: Choices
    ) -> tuple[_Planned, explain.Stages]:
        """The plan that follows from what is known and, where they are pinned, from earlier choices."""
        watch, recording = query.watch, Recording() if query.is_explained else None
        pushdown = query.settings.pushdown == "on"
        sources = _Known({**snapshot.sources, **snapshot.physical()})
        in_place = frozenset(name for name, source in sources.items() if source.capabilities.embedded)
        able = partial(runs_there, sources=sources) if pushdown else lambda _plan: False
        observed = self._observed if query.settings.observed == "on" else NOTHING_SEEN
        better = partial(optimize, embedded=in_place, runs_there=able)
        if pushdown and query.settings.remote_estimates == "on":
            first = better(bound.plan, estimator=Estimator(observed))
            observed = watch("ask", lambda: self._asked(observed, first, _Known(sources), query, bound))
        sizes = Estimator(observed, choices=choices)
        plan = watch("optimize", lambda: better(bound.plan, recorder=recording, estimator=sizes))
        sources |= _routed(plan, sources)
        dialects, capabilities = _sheets(sources)
        shipping = query.settings.key_shipping
        sizes = Estimator(observed, choices=choices)
        cut = partial(split, pushdown=pushdown, key_shipping=shipping, sizes=sizes)
        graph = watch("split", lambda: cut(plan, sources))
        graph = watch("optimize", lambda: estimated(graph, observed, plan)) if recording else graph
        requests = watch("render", lambda: render(graph, dialects, capabilities, self._dialect, bound.columns))
        local = {request.fragment for request in requests.requests if request.embedded}
        requests = replace(requests, as_written=requests.sql is not None and are_ordered(graph, local, sizes))
        planned = _Planned(bound, requests, snapshot, fingerprint(shape(graph)), known_fragments(graph))
        steps, orders = (tuple(recording.steps), tuple(recording.orders)) if recording else ((), ())
        return planned, explain.Stages(bound.plan, steps, plan, graph, requests, orders=orders)

    def _asked(self, observed: Observed, plan: Plan, sources: _Known, query: _Query, bound: BoundQuery) -> Observed:
        """What was observed, and what sources expect of the parts of a first plan that would be guesses."""
        sources |= _routed(plan, sources)
        graph = estimated(split(plan, sources, key_shipping="off", sizes=Estimator(observed)), observed)
        requests = render(graph, *_sheets(sources), self._dialect, bound.columns)
        return self._remote.over(observed, graph, requests, _literals(query.values, bound))

    def _tables_of(self, snapshot: Snapshot) -> Tables:
        """The snapshot's tables by name; the index is kept as long as the snapshot is."""
        version, tables = self._tables
        if version != snapshot.version:
            sources = snapshot.sources.values()
            tables = Tables(
                (table for source in sources for table in source.tables),
                {source.source: source.default_schema for source in sources},
                snapshot.unavailable,
            )
            self._tables = (snapshot.version, tables)
        return tables

    def _execute(self, query: _Query, planned: _Planned, cached: bool) -> ResultStream:
        zone = query.settings.timezone or self._engine_settings.timezone
        snapshot, use = planned.snapshot, PlanUse(planned.fingerprint, cached, planned.pinned)
        report = Report(self._clock.new_id(), zone, stages_ms=query.watch.stages_ms, plan=use)
        report.notices += [planned.notice] if planned.notice else []
        run = Run(
            connectors=self._parts,
            kinds=self._part_kinds,
            dialects={name: source.dialect for name, source in snapshot.physical().items()},
            fan_out={name: source.fan_out_max for name, source in snapshot.sources.items() if source.fan_out_max},
            snapshot_version=snapshot.version,
            dialect=self._dialect,
            parameters=_literals(query.values, planned.bound),
            timezone=zone,
            batch_rows=query.settings.batch_rows,
            timeout_s=query.settings.statement_timeout,
            report=report,
            elapsed=query.watch.elapsed_ms,
            running=self._running,
            ended=self._ended(query, planned, report),
        )
        return execute(planned.requests, self._pool, run)

    def explain(
        self,
        sql: str,
        analyze: bool = False,
        format: str = "text",
        params: parameters.Given = None,
        settings: Mapping[str, Any] | None = None,
    ) -> str:
        """How a query would be answered or, with ``analyze``, was.

        ``format`` is text or json, or the name of one stage to see it alone: bound, steps, optimized, fragments, sql.
        """
        return self._explain(self._query(sql, params, settings), analyze, format)

    def _explain(self, query: _Query, analyze: bool, format: str) -> str:
        if query.statement.kind not in ("query", "explain"):
            raise UserError("only queries can be explained", sqlstate="42601")
        query = replace(query, is_explained=True)
        planned, stages = self._plan_known(query, self._store.snapshot())
        report = None
        if analyze:
            with self._execute(query, planned, cached=False) as result:
                for _ in result:
                    pass
            report = result.report
        if format == "json":
            return json.dumps(explain.as_dict(stages, self._part_kinds, report), indent=2, default=str)
        return explain.as_text(stages, self._part_kinds, format, report)

    def _explained(self, query: _Query) -> ResultStream:
        options = query.statement.options
        format = str(options["stage"] or options["format"]).lower()
        text = self._explain(query, bool(options["analyze"]), format)
        lines = [text] if format == "json" else text.splitlines()
        return self._rows((Column(0, "QUERY PLAN", t.TEXT),), [(line,) for line in lines], query)

    def _show(self, query: _Query) -> ResultStream:
        snapshot = self._store.snapshot()
        name, arguments = query.statement.options["name"], tuple(query.statement.options["arguments"])
        match name, arguments:
            case "sources", ():
                answer = show.sources(snapshot, self._kinds)
            case "tables", ():
                answer = show.tables(snapshot)
            case "tables", (word, *parts) if word.lower() in ("from", "in"):
                answer = show.tables(snapshot, "".join(parts))
            case "columns", (word, *parts) if word.lower() in ("from", "in"):
                answer = show.describe(self.catalog.table("".join(parts)))
            case _:
                answer = show.setting(" ".join((name, *arguments)), query.settings)
        return self._rows(*answer, query)

    def _set(self, query: _Query) -> ResultStream:
        options = query.statement.options
        self.settings = _changed(self.settings, str(options["name"]), options.get("value"))
        return self._rows((), [], query)

    def _rows(self, columns: tuple[Column, ...], rows: list[tuple[Any, ...]], query: _Query) -> ResultStream:
        return ResultStream.of_rows(columns, rows, Report(self._clock.new_id(), stages_ms=query.watch.stages_ms))

    def analyze(
        self, name: str | None = None, progress: Callable[[Table, int, int], object] = lambda *_: None
    ) -> list[Analyzed]:
        """Sample the tables of a source, one table (``source.table``), or all tables of which their sources tell too little,
        and keep what is found in ``engine.state`` for the plans to come. Sources are read, at a bounded cost, and never
        written to. ``progress`` is called before each table with it, its place and their number.

        What cannot be sampled has a ``problem``; raises ConfigError without ``engine.state``, UnknownName.
        """
        if self._samples is None:
            hint = "engine: {state: .hanse} in hanse.yaml names one"
            raise ConfigError("there is no folder to keep statistics in", hint=hint)
        snapshot = self._store.snapshot()
        source = name.partition(".")[0] if name else None
        if source is not None and (lost := self._store.failure(source)) is not None:
            raise lost
        analysis = Analysis(snapshot.physical(), self._dialect, partial(self._ask, snapshot.version), self._clock.now)
        found = analysis.run(chosen(snapshot, name), self._samples.put, progress)
        for name in {_configured(one.table.source) for one in found if one.statistics}:
            self._store.refresh(name)
        return found

    def pace(self, source: str) -> Pace:
        """How fast a source has been answering, as far as queries have shown it."""
        return self._observed.pace(source)

    def _ask(self, version: int, requests: RequestGraph, seconds: float) -> ResultStream:
        """Run requests that no statement of a user's stands behind."""
        run = Run(
            connectors=self._parts,
            kinds=self._part_kinds,
            snapshot_version=version,
            dialect=self._dialect,
            parameters=(),
            timezone="UTC",
            batch_rows=self.settings.batch_rows,
            timeout_s=seconds,
            report=Report(self._clock.new_id()),
            elapsed=_Watch(self._clock).elapsed_ms,
            running=self._running,
        )
        return execute(requests, self._pool, run)

    def _completed(self, catalog: SourceCatalog) -> SourceCatalog:
        """A source's catalog with the samples that are kept of its tables."""
        return completed(catalog, self._samples.all()) if self._samples else catalog

    def close(self) -> None:
        """End what still runs, close every connection and remove what was spilled. Idempotent."""
        self._running.close()
        for connector in self._connectors.values():
            connector.close()
        self._pool.close()
        for kept in (self.history, self._samples, self._observed):
            if kept is not None:
                kept.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(config: str | Path | Mapping[str, Any] = "hanse.yaml") -> Engine:
    """An engine over the sources of a hanse.yaml, or of a mapping of the same shape; close it after use."""
    return Engine(config)


def _parts(connectors: Mapping[str, Connector]) -> dict[str, Connector]:
    """Every source that a request can go to: the shards in the place of what is sharded."""
    found: dict[str, Connector] = {}
    for name, connector in connectors.items():
        found |= connector.shards if isinstance(connector, Composite) else {name: connector}
    return found


def _planning(settings: QuerySettings) -> tuple[str, ...]:
    """What planning reads of a session's settings, except the zone."""
    return tuple(f"{name}={value}" for name, value in settings if name not in RUN_ONLY)


def _configured(source: str | None) -> str | None:
    """The name in the configuration of a source that may be a shard."""
    return source.partition("/")[0] if source else None


def _sheets(sources: Mapping[str, SourceCatalog]) -> tuple[dict[str, Dialect], dict[str, Capabilities]]:
    """How each source spells, and what it can do."""
    dialects = {name: source.dialect for name, source in sources.items()}
    return dialects, {name: source.capabilities for name, source in sources.items()}


def _routed(plan: Plan, known: _Known) -> dict[str, SourceCatalog]:
    """The sources in the plan that stand for a shard which run time finds."""
    tables = [node.table for node in plans(plan) if isinstance(node, Scan) and node.table.route]
    return {table.source: known[table.source] for table in tables}


def _literals(values: tuple[Any, ...], bound: BoundQuery) -> tuple[Literal, ...]:
    """The values as literals of the types that binding found for them, then the numbers of rows among them."""
    found: list[Literal] = []
    for value, type in zip(values, bound.parameter_types, strict=True):
        given = parameters.literal(value)
        expr = Untyped(t.TEXT, given) if isinstance(value, str) else given
        typed = Literal(type, None) if value is None else coerce(expr, type, None, "explicit")
        if not isinstance(typed, Literal):
            typed = Literal(given.type, given.value)
        found.append(typed)
    return (*found, *(_row_count(found[index], clause) for index, clause in bound.row_counts))


def _row_count(given: Literal, clause: str) -> Literal:
    """A parameter in LIMIT or OFFSET: NULL is as if the clause were not there."""
    typed = coerce(given, t.INT64, None, "explicit")
    count = rows_of(typed.value if isinstance(typed, Literal) else None, clause)
    return Literal(t.INT64, (0 if clause == "OFFSET" else ROWS_MAX) if count is None else count)


def _changed(settings: QuerySettings, name: str, value: Any) -> QuerySettings:
    """The settings with one of them changed, by SET or for one query."""
    found = changed(settings, name, value)
    if found.timezone and found.timezone != settings.timezone:
        _require_zone(found.timezone)
    return found


def _require_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UserError(
            f"there is no time zone {name}", sqlstate="22023", hint="such as Europe/Berlin or UTC"
        ) from None
