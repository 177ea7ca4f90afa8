"""The page: one query from text to stream (DESIGN.md section 1).

SQL text -> Statement -> bound Plan -> optimized Plan -> FragmentGraph -> RequestGraph -> Arrow batches
         parse        `------------------------ planning -----------------------'      execute
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from zoneinfo import ZoneInfo

from hanse import parameters
from hanse.admission.connector import Admission
from hanse.admission.gate import Gate
from hanse.admission.group import GroupState
from hanse.answers import Answers
from hanse.asking import RemoteEstimates
from hanse.bind.binder import BindContext
from hanse.cache import KnownCatalogs, ObservedRuns, PlanCache, PlanHistory, Samples
from hanse.catalog.browse import Catalog
from hanse.catalog.plugins import connect as connect_source
from hanse.catalog.sampled import completed
from hanse.catalog.sharded.absent import AbsentShards
from hanse.catalog.store import CatalogStore
from hanse.clock import Clock, SystemClock
from hanse.commands import explain, show
from hanse.commands.analyze import Analysis, Analyzed, chosen
from hanse.commands.set import changed
from hanse.errors import (
    ConfigError,
    HanseError,
    InternalError,
    UserError,
)
from hanse.execute.instances import InstancePool
from hanse.execute.report import Report
from hanse.execute.result import ResultStream
from hanse.execute.running import RunningQueries
from hanse.execute.spool import Spool
from hanse.execute.threads import Threads
from hanse.executing import Executing
from hanse.groups import Caller, said
from hanse.guardrails import EngineGuardrails
from hanse.ir import types as t
from hanse.ir.expr import Column
from hanse.ir.request import RequestGraph
from hanse.ir.sharding import owner
from hanse.ir.tables import Table
from hanse.observation import Observation
from hanse.observe.noted import Noted
from hanse.observe.recorder import Recorder
from hanse.parse.parser import parse
from hanse.parse.path import entries
from hanse.parse.statements import EXPLAIN, QUERY, Statement, query_text
from hanse.parse.terms import divided
from hanse.planning import Planner, Query, Watch
from hanse.policy import Rules, Tolerance, refuse_whole, require_explaining
from hanse.settings import SYSTEM, QuerySettings, load
from hanse.spi.alarms import Alarms
from hanse.spi.connector import Composite, Connector, Embedded
from hanse.spi.pace import Pace
from hanse.spi.snapshot import SourceCatalog
from hanse.system import Known

PLAN_COLUMN = Column(0, "QUERY PLAN", t.TEXT)
"""What EXPLAIN yields."""
DESCRIPTION_BYTES = 300
"""About as much a column takes in what is kept of statements that were described."""
End = Callable[[HanseError], None]
"""What ends a statement, and tells its reader why."""


@dataclass(frozen=True, slots=True)
class Description:
    """A statement as it is known before it runs; ``kind`` as of ``parse.statements``."""

    kind: str
    columns: tuple[Column, ...]
    parameter_types: tuple[t.Type, ...]


class Engine:
    """All sources of one configuration, and the queries over them. Thread-safe; SET changes it for all its users."""

    def __init__(
        self, config: str | Path | Mapping[str, Any], clock: Clock | None = None, caller: Caller | None = None
    ) -> None:
        """Read the configuration; sources are first contacted by the first query that needs the catalog. ``caller`` is who asks
        where a query does not say."""
        settings, folder = load(config)
        self._caller = caller or Caller()
        self.settings = QuerySettings.model_construct()
        self._clock = clock or SystemClock()
        self._engine_settings = settings.engine
        self._connectors = {name: connect_source(name, block, folder) for name, block in settings.sources.items()}
        self._kinds = {name: str(block["kind"]) for name, block in settings.sources.items()}
        self._parts = _parts(self._connectors)
        self._part_kinds = dict(self._kinds)
        alarms = Alarms(self._clock.monotonic)
        self._admission = Admission({**self._connectors, **self._parts}, self._clock, alarms)
        protected = self._admission.connectors()
        for connector in self._connectors.values():
            if isinstance(connector, Composite):
                self._part_kinds |= connector.kinds
                connector.meet({name: protected[name] for name in self._parts}, self._recalled)
        state = folder / settings.engine.state if settings.engine.state else None
        self._samples = Samples(state) if state else None
        self._catalogs = KnownCatalogs(state, _blocks(settings.sources, self._connectors)) if state else None
        self._observation = Observation(settings.engine.observe, state, self._clock)
        self._part_kinds[SYSTEM] = SYSTEM
        self._gate = Gate(settings.resource_groups, self._clock) if settings.resource_groups else None
        rules = settings.engine.guardrails, settings.guardrails(), settings.engine.timezone
        self._rules = Rules(*rules, self._gate.guardrails_of_plans() if self._gate else {})
        sources = {name: protected[name] for name in self._connectors}
        own = self._observation.source.load_catalog()
        self._store = CatalogStore(sources, self._clock, settings.engine.catalog_ttl, self._completed, own)
        require_explaining(self._rules, self._connectors)
        embedded = [connector for connector in self._parts.values() if isinstance(connector, Embedded)]
        self._pool = InstancePool(settings.engine, embedded)
        self._running = RunningQueries()
        self._threads = Threads()
        kept = settings.engine.plan_cache, settings.engine.plan_cache_bytes
        self._described = PlanCache[Description](*kept)
        self._planner = Planner(
            self._store,
            PlanCache(*kept),
            ObservedRuns(state),
            RemoteEstimates(protected, self._clock),
            PlanHistory(state) if state else None,
            self._rules,
            standing=partial(_standing, self._gate),
        )
        self._executing = Executing(
            settings.engine,
            self._clock,
            self._admission,
            alarms,
            self._gate,
            self._part_kinds,
            self._observation,
            self._planner,
            self._pool,
            self._rules,
            self._running,
            self._threads,
            AbsentShards(self._clock),
        )
        tolerance = Tolerance(settings.failures(), settings.engine.on_failure)
        self._answers = Answers(
            self._planner, self._store, tolerance, self._executing.query, self._spool, self._recalled
        )
        self.catalog = Catalog(self._store, self._kinds)
        self._observation.watch(self._known())

    def _known(self) -> Known:
        """What the source ``system`` tells of the engine."""
        return Known(
            self._observation.recorder,
            self._observation.counted,
            self._parts,
            self._part_kinds,
            self._admission,
            self._store,
            self._planner.observed,
            self._planner.history,
            self._pool,
            lambda: [astuple(state) for state in self.resource_groups()],
        )

    @property
    def timezone(self) -> str:
        """The zone of sessions that choose none."""
        return self.settings.timezone or self._engine_settings.timezone

    @property
    def history(self) -> PlanHistory | None:
        """Which plans answered which queries; None unless the configuration names a folder for it."""
        return self._planner.history

    def query(
        self,
        sql: str,
        params: parameters.Given = None,
        settings: Mapping[str, Any] | None = None,
        caller: Caller | None = None,
        begun: Callable[[End], object] = lambda _: None,
    ) -> ResultStream:
        """Start a statement and return its answer as a stream; raises HanseError.

        ``params`` are values for ``$1`` (a sequence) or ``:name`` (a mapping); ``settings`` overrides the session's;
        ``caller`` is who asks, instead of the engine's; ``begun`` is given at once what ends the statement early, from
        whatever thread and however far it is, with the failure that its reader is then told.
        """
        with self._observation.begin(sql) as noted:
            begun(noted.kill)
            noted.user = (caller or self._caller).user or noted.user
            query = self._query(sql, params, settings, noted)
            return self._answer(query if caller is None else replace(query, caller=caller))

    def _answer(self, query: Query) -> ResultStream:
        match query.statement.kind:
            case "query":
                return self._run(query)
            case "explain":
                return self._explained(query)
            case "show":
                return self._show(query)
            case "set":
                return self._set(query)
            case "kill":
                self._observation.recorder.kill(str(query.statement.options["query"]), but=query.noted.id)
                return self._rows((), [], query)
            case kind:
                raise InternalError(f"no command runs a statement of kind {kind}")

    def _query(self, sql: str, params: parameters.Given, settings: Mapping[str, Any] | None, noted: Noted) -> Query:
        watch = Watch(self._clock)
        chosen = self.chosen(settings or {})
        watch.limit(chosen)
        text, terms = divided(sql)
        known = self._planner.plans.parameters(query_text(text)) if chosen.plan_cache == "on" else None
        if known is None:
            statement = watch("parse", lambda: parse(sql))
        else:
            statement = Statement(QUERY, text, parameters=known, terms=terms)
        noted.kind = statement.kind
        values = parameters.ordered(params, statement.parameters)
        return Query(statement, values, chosen, self._context(values, chosen), watch, noted, self._caller)

    def chosen(self, settings: Mapping[str, Any]) -> QuerySettings:
        """The engine's settings with those of a query or session; raises what SET would raise for one that cannot be."""
        found = self.settings
        for name, value in settings.items():
            found = _changed(found, name, value, self._rules.engine)
        return found

    def describe(
        self, sql: str, types: Sequence[t.Type] = (), settings: Mapping[str, Any] | None = None
    ) -> "Description":
        """What a query's answer has for columns, and of which types its parameters are; nothing runs. Raises HanseError.

        ``types`` are those of the first parameters, as far as somebody has said them: NULL's where the context decides. A
        statement that is no query has neither."""
        chosen = self.chosen(settings or {})
        context = replace(self._context((), chosen), parameter_types=tuple(types))
        key = self._planner.key_of(sql, context, chosen, self._store.snapshot())
        found = self._described.get(key) if chosen.plan_cache == "on" else None
        if found is None:
            found = self._describe(parse(sql), context)
            self._described.put(key, (), found, len(sql) + DESCRIPTION_BYTES * len(found.columns))
        return found

    def _describe(self, statement: Statement, context: BindContext) -> Description:
        if statement.syntax is None:
            return Description(statement.kind, (), ())
        count, types = len(statement.parameters), context.parameter_types
        declared = (*types, *[t.NULL] * (count - len(types)))[:count]
        bound = self._planner.described(statement, replace(context, parameter_types=declared))
        columns = bound.columns if statement.kind == QUERY else (PLAN_COLUMN,)
        return Description(statement.kind, columns, bound.parameter_types)

    def _run(self, query: Query) -> ResultStream:
        snapshot = self._store.snapshot(query.watch.seconds_left())
        return self._answers.planned(query, snapshot).stream()

    def _context(self, values: tuple[Any, ...], settings: QuerySettings) -> BindContext:
        return BindContext(
            now=dt.datetime.fromtimestamp(self._clock.now(), dt.UTC),
            timezone=settings.timezone or self._engine_settings.timezone,
            parameter_types=tuple(parameters.type_of(value) for value in values),
            search_path=entries(settings.search_path),
        )

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
        with self._observation.begin(sql) as noted:
            query = self._query(sql, params, settings, noted)
            noted.kind, noted.user = EXPLAIN, self._caller.user or noted.user
            text = self._explain(query, analyze, format)
            noted.finished()
            return text

    def _explain(self, query: Query, analyze: bool, format: str) -> str:
        if query.statement.kind not in ("query", "explain"):
            raise UserError("only queries can be explained", sqlstate="42601")
        query = replace(query, is_explained=True)
        answer = self._answers.planned(query, self._store.snapshot(query.watch.seconds_left()), is_whole=not analyze)
        report = None
        if analyze:
            with answer.stream() as result:
                for _ in result:
                    pass
            report = result.report
        if (stages := answer.stages) is None:
            raise InternalError("a plan was made without its stages")
        if format == "json":
            return json.dumps(explain.as_dict(stages, self._part_kinds, report), indent=2, default=str)
        return explain.as_text(stages, self._part_kinds, format, report)

    def _explained(self, query: Query) -> ResultStream:
        options = query.statement.options
        format = str(options["stage"] or options["format"]).lower()
        text = self._explain(query, bool(options["analyze"]), format)
        lines = [text] if format == "json" else text.splitlines()
        return self._rows((PLAN_COLUMN,), [(line,) for line in lines], query)

    def _show(self, query: Query) -> ResultStream:
        snapshot = self._store.snapshot()
        name, arguments = query.statement.options["name"], tuple(query.statement.options["arguments"])
        match name, arguments:
            case "sources", ():
                answer = show.sources(snapshot, self._kinds, self.breakers())
            case "resource", (word,) if word.lower() == "groups":
                answer = show.resource_groups(self.resource_groups())
            case "guardrails", ():
                answer = show.guardrails(self._rules, said(self._gate.groups) if self._gate else ())
            case "tables", ():
                answer = show.tables(snapshot)
            case "tables", (word, *parts) if word.lower() in ("from", "in"):
                answer = show.tables(snapshot, "".join(parts))
            case "columns", (word, *parts) if word.lower() in ("from", "in"):
                answer = show.describe(self.catalog.table("".join(parts)))
            case _:
                answer = show.setting(" ".join((name, *arguments)), query.settings)
        return self._rows(*answer, query)

    def _set(self, query: Query) -> ResultStream:
        options = query.statement.options
        self.settings = _changed(self.settings, str(options["name"]), options.get("value"), self._rules.engine)
        return self._rows((), [], query)

    def _rows(self, columns: tuple[Column, ...], rows: list[tuple[Any, ...]], query: Query) -> ResultStream:
        query.noted.finished(len(rows))
        return ResultStream.of_rows(columns, rows, Report(query.noted.id, stages_ms=query.watch.stages_ms))

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
        standing = self._gate.standing(self._caller, self.settings.tags, "analyze") if self._gate else ()
        source = name.partition(".")[0] if name else None
        if source is not None and (lost := self._store.failure(source)) is not None:
            raise lost
        analysis = Analysis(
            snapshot.physical(),
            self._planner.dialect,
            self._asked(snapshot.version),
            self._clock.now,
            lambda table, now: refuse_whole(table, self._rules, dt.datetime.fromtimestamp(now, dt.UTC), standing),
        )
        found = analysis.run(chosen(snapshot, name), self._samples.put, progress)
        for name in {owner(one.table.source) for one in found if one.statistics}:
            self._store.refresh(name)
        return found

    def pace(self, source: str) -> Pace:
        """How fast a source has been answering, as far as queries have shown it."""
        return self._planner.observed.pace(source)

    def breakers(self) -> dict[str, str]:
        """How each source's breaker stands: closed, or open since when, until when and why."""
        return self._admission.states()

    @property
    def queries(self) -> Recorder:
        """What is kept of queries: ``records``, ``find``, ``kill``. ``system.queries`` tells the same in SQL."""
        return self._observation.recorder

    @property
    def keeps_queries(self) -> bool:
        """Whether other processes can see this engine's queries, and it theirs: with ``engine.state``."""
        return self._observation.is_kept

    def metrics(self, shared: bool = False) -> str:
        """Metrics as Prometheus reads them: of this process, or the sum of all that share ``engine.state``.

        Raises ConfigError where ``hanse[metrics]`` is not installed."""
        return self._observation.metrics(shared)

    def serve_metrics(self, listen: str, shared: bool = False) -> Callable[[], None]:
        """Answer with the metrics over HTTP at ``host:port``; returns what ends that. Raises ConfigError."""
        return self._observation.serve(listen, shared)

    def resource_groups(self) -> list[GroupState]:
        """How each resource group stands, the root first; nothing where the configuration has none."""
        return self._gate.states() if self._gate else []

    def _asked(self, version: int) -> Callable[[RequestGraph, float], ResultStream]:
        """What reads sources as the catalog of that version has them, in the turn of the engine's own caller."""
        return lambda requests, seconds: self._executing.ask(version, requests, seconds, self._caller, self.settings)

    def _spool(self) -> Spool:
        return Spool(self._pool.folder, self._pool.spill_bytes)

    def _completed(self, catalog: SourceCatalog) -> SourceCatalog:
        """A source's catalog with the samples that are kept of its tables; raises ConfigError where guardrails would
        protect nothing."""
        self._rules.verify(catalog)
        if self._catalogs is not None:
            self._catalogs.keep(catalog, self._clock.now())
        return completed(catalog, self._samples.all()) if self._samples else catalog

    def _recalled(self, source: str) -> tuple[SourceCatalog, float] | None:
        return self._catalogs.recall(source, self._planner.dialect) if self._catalogs else None

    def close(self) -> None:
        """End what still runs, close every connection and remove what was spilled. Idempotent."""
        self._running.close()
        self._observation.close()
        for connector in self._connectors.values():
            connector.close()
        self._pool.close()
        self._threads.close()
        for kept in (self.history, self._samples, self._catalogs, self._planner.observed):
            if kept is not None:
                kept.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def connect(
    config: str | Path | Mapping[str, Any] = "hanse.yaml",
    user: str = "",
    groups: Sequence[str] = (),
    client: str = "",
) -> Engine:
    """An engine over the sources of a hanse.yaml, or of a mapping of the same shape; close it after use.

    ``user``, the ``groups`` that the user belongs to, and ``client``, the program that asks, decide about resource groups.
    """
    return Engine(config, caller=Caller(user, tuple(groups), client))


def _parts(connectors: Mapping[str, Connector]) -> dict[str, Connector]:
    """Every source that a request can go to: the shards in the place of what is sharded."""
    found: dict[str, Connector] = {}
    for name, connector in connectors.items():
        found |= connector.shards if isinstance(connector, Composite) else {name: connector}
    return found


def _blocks(
    sources: Mapping[str, Mapping[str, Any]], connectors: Mapping[str, Connector]
) -> dict[str, Mapping[str, Any]]:
    """What the configuration says of every source, shards included."""
    found = dict(sources)
    for name, connector in connectors.items():
        if isinstance(connector, Composite):
            found |= zip(connector.shards, sources[name]["shards"], strict=True)
    return found


def _standing(gate: Gate | None, query: Query) -> tuple[str, ...]:
    """The resource groups that a query is in."""
    return gate.standing(query.caller, query.settings.tags, query.kind) if gate else ()


def _changed(settings: QuerySettings, name: str, value: Any, most: EngineGuardrails) -> QuerySettings:
    """The settings with one of them changed, by SET or for one query."""
    found = changed(settings, name, value, most)
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
