"""From a statement to what is asked of whom: each line a stage (DESIGN.md section 1). Planning waits for nobody but for the
sources' own estimates, where those are wanted.

    Statement -> bound Plan -> optimized Plan -> FragmentGraph -> RequestGraph
              bind          optimize          split            render
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

from hanse import parameters
from hanse.asking import RemoteEstimates
from hanse.bind.binder import BindContext, BoundQuery, allow_all, bind
from hanse.bind.tables import Tables
from hanse.cache import Fragment as SeenFragment
from hanse.cache import ObservedRuns, PlanCache, PlanHistory, PlanKey, Used
from hanse.catalog.store import CatalogStore
from hanse.clock import Clock
from hanse.commands import explain
from hanse.errors import DeadlineMissed, HanseError, SourceUnreachable, UnknownName
from hanse.execute.limits import limits_of
from hanse.execute.report import PlanUse
from hanse.groups import Caller, Kind
from hanse.ir.choices import FORGETFUL, Choices
from hanse.ir.completeness import Claim
from hanse.ir.consistency import Terms
from hanse.ir.expr import Expr, Literal, Parameter
from hanse.ir.plan import Plan, Scan, Values
from hanse.ir.request import RequestGraph
from hanse.ir.shape import fingerprint, shape
from hanse.ir.sharding import owner
from hanse.ir.tables import Table
from hanse.ir.walk import map_expr, map_expressions, map_plans, plans
from hanse.observe.noted import Noted
from hanse.observing import known_fragments
from hanse.optimize import Recording, optimize
from hanse.optimize.estimate import Estimator, estimated
from hanse.optimize.observed import NOTHING_SEEN, Observed
from hanse.optimize.sides import are_ordered
from hanse.parse.normal import normalized
from hanse.parse.parser import parse
from hanse.parse.statements import Statement
from hanse.policy import (
    Case,
    Demand,
    Rules,
    applying,
    checked,
    claimed,
    demanded,
    loss,
    tables_of,
    with_required_keys,
    without,
)
from hanse.render import render
from hanse.settings import OnFailure, QuerySettings
from hanse.spi.capabilities import Capabilities
from hanse.spi.dialect import Dialect
from hanse.spi.duckdb.dialect import DuckDBDialect
from hanse.spi.snapshot import Snapshot, SourceCatalog
from hanse.split import runs_there, split

T = TypeVar("T")
RECHECK_SECONDS = 1.0
"""A table that is not known is looked for again at the sources, if their catalogs are older than this."""
RUN_ONLY = frozenset(
    {
        "statement_timeout",
        "operators",
        "queue_timeout",
        "plan_timeout",
        "connect_timeout",
        "first_row_timeout",
        "idle_timeout",
        "reader_timeout",
        "batch_rows",
        "plan_cache",
        "timezone",
        "search_path",
        "profile",
        "partial_results",
        "tags",
        "work_sharing",
        "require_snapshot",
        "max_skew",
        "strict",
        "max_rows",
        "max_bytes",
        "result_rows",
        "result_bytes",
    }
)
"""Settings that planning does not read, and two that it reads in another way: the zone, with the engine's as default, and the
search path, which most do not say."""
NOTHING = Values((), ((),))


@dataclass(slots=True)
class Watch:
    """Times the stages of one query."""

    clock: Clock
    started: float = 0.0
    stages_ms: dict[str, float] = field(default_factory=dict)
    plan_s: float = float("inf")
    """How long planning may take."""
    whole_s: float = float("inf")
    """How long all may take."""
    planned_from: float = 0.0

    def __post_init__(self) -> None:
        self.started = self.clock.monotonic()

    def elapsed_ms(self) -> float:
        """Milliseconds since the query came."""
        return (self.clock.monotonic() - self.started) * 1000

    def __call__(self, stage: str, work: Callable[[], T]) -> T:
        """Do the work of a stage; what it takes is added to what the stage took before."""
        before = self.clock.monotonic()
        if before > self._latest()[0]:
            raise self._late(stage)
        result = work()
        self.stages_ms[stage] = self.stages_ms.get(stage, 0.0) + (self.clock.monotonic() - before) * 1000
        return result

    def limit(self, settings: QuerySettings) -> None:
        """Let planning take as long as the settings say: what it has of its own, and what the whole query has."""
        self.plan_s, self.whole_s = settings.plan_timeout or self.plan_s, settings.statement_timeout or self.whole_s

    def plan_again(self) -> None:
        """Another plan is to be made, which has as much time as the first had."""
        self.planned_from = self.clock.monotonic()

    def seconds_left(self) -> float:
        """For planning."""
        return max(0.0, self._latest()[0] - self.clock.monotonic())

    def _latest(self) -> tuple[float, str, float]:
        """When planning must be over, which setting says so, and what it says."""
        whole = self.started + self.whole_s, "statement_timeout", self.whole_s
        return min(whole, ((self.planned_from or self.started) + self.plan_s, "plan_timeout", self.plan_s))

    def _late(self, stage: str) -> DeadlineMissed:
        _, name, seconds = self._latest()
        message = f"timeout of {seconds:g} s for planning ({name}): it came as far as {stage}"
        return DeadlineMissed(message, hint=f"SET {name} raises it; SHOW SOURCES tells which source is silent")


@dataclass(frozen=True, slots=True)
class Query:
    """One statement with what its caller chose."""

    statement: Statement
    values: tuple[Any, ...]
    settings: QuerySettings
    context: BindContext
    watch: Watch
    noted: Noted
    """What is kept of it."""
    caller: Caller = Caller()
    is_explained: bool = False
    """Whether the steps of the optimizer are kept; recording them costs a third of its time."""

    @property
    def kind(self) -> Kind:
        """As resource groups tell queries apart."""
        return "explain" if self.is_explained else self.settings.profile

    @property
    def terms(self) -> Terms:
        """What its clauses and its settings demand of its answer's consistency."""
        chosen = self.settings
        if not (chosen.max_skew or chosen.require_snapshot == "on" or chosen.strict == "on"):
            return self.statement.terms
        asked = Terms(chosen.require_snapshot == "on", chosen.max_skew or None, chosen.strict == "on")
        return asked.and_also(self.statement.terms)


@dataclass(frozen=True, slots=True)
class Planned:
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
    demands: tuple[Demand, ...] = ()
    """What guardrails demand of it, which is tested before every run."""


@dataclass(frozen=True, slots=True)
class Remainder:
    """What is left of a query without some of its sources."""

    planned: Planned
    stages: explain.Stages
    claim: Claim
    """What is true of the answer."""
    lost: Mapping[str, tuple[str, ...]]
    """The tables that are not read, by their source."""


class _Known(dict[str, SourceCatalog]):
    """Every source by name, what is sharded and its shards. What stands for a shard that run time finds (``sales/$1``) is
    like any of them."""

    def __missing__(self, name: str) -> SourceCatalog:
        shards = self[owner(name)].shards
        return next((shard for shard in shards if shard.assumed is None), shards[0])


@dataclass(slots=True)
class Planner:
    """Plans queries, and keeps the plans for others like them. Thread-safe."""

    store: CatalogStore
    plans: PlanCache[Planned]
    observed: ObservedRuns
    remote: RemoteEstimates
    history: PlanHistory | None
    rules: Rules = Rules()
    dialect: Dialect = field(default_factory=DuckDBDialect)
    """The coordinator's."""
    standing: Callable[["Query"], Collection[str]] = lambda _: ()
    """The resource groups that a query is in, as the configuration names them."""
    _tables: tuple[tuple[object, ...], Tables] = field(default_factory=lambda: ((), Tables(())), init=False)

    def plan(self, query: Query, snapshot: Snapshot) -> tuple[Planned, explain.Stages]:
        """Plan; what is not known, or did not answer, is looked for once more: sources change and come back."""
        try:
            return self._planned(query, snapshot)
        except (UnknownName, SourceUnreachable) as failure:
            lost = failure.source if isinstance(failure, SourceUnreachable) else None
            if failure.code != "42P01" and lost is None:
                raise
            if self.store.refresh_older(RECHECK_SECONDS, lost and owner(lost), query.watch.seconds_left()):
                return self._plan_again(query)
            raise self._cause(failure) from None

    def described(self, statement: Statement, context: BindContext) -> BoundQuery:
        """Bind alone, for who wants to know an answer's columns and the types of parameters before there are values."""
        try:
            return bind(statement, self._tables_of(self.store.snapshot()), allow_all, context)
        except (UnknownName, SourceUnreachable) as failure:
            lost = failure.source if isinstance(failure, SourceUnreachable) else None
            if failure.code == "42P01" or lost is not None:
                if self.store.refresh_older(RECHECK_SECONDS, lost and owner(lost)):
                    return bind(statement, self._tables_of(self.store.snapshot()), allow_all, context)
                raise self._cause(failure) from None
            raise

    def plan_anew(self, query: Query, outdated: Planned, source: str | None) -> Planned:
        """The plan for a source as it is now: it is not any more as the plan took it to be."""
        self.plans.drop(self._key(query, outdated.snapshot))
        return self._planned(query, self.store.refresh(source and owner(source), query.watch.seconds_left()))[0]

    def plan_without(
        self, query: Query, snapshot: Snapshot, lost: Collection[str], choices: Callable[[Table], OnFailure]
    ) -> "Remainder":
        """The plan that asks these sources nothing, for these parameters alone; raises Refused where its answer would be
        wrong, SourceUnreachable where tables of another one are not known."""
        statement = query.statement
        if statement.syntax is None:
            statement = parse(statement.text)
        try:
            bound = bind(statement, self._tables_of(snapshot), allow_all, query.context)
        except SourceUnreachable as failure:
            raise self._cause(failure) from None
        values = parameters.literals(query.values, bound)
        whole = map_plans(bound.plan, lambda node: map_expressions(node, partial(_given, values=values)))
        claim = claimed(whole, partial(loss, lost=lost), choices).named(column.name for column in bound.columns)
        bound = replace(bound, plan=without(whole, lost))
        planned, stages = self._made(query, bound, snapshot, FORGETFUL)
        return Remainder(planned, stages, claim, tables_of(whole, lost))

    def _plan_again(self, query: Query) -> tuple[Planned, explain.Stages]:
        try:
            return self._planned(query, self.store.snapshot(query.watch.seconds_left()))
        except SourceUnreachable as failure:
            raise self._cause(failure) from None

    def _cause(self, failure: HanseError) -> HanseError:
        """Why the catalog of a source that a query names could not be read, at the place where the query names it."""
        cause = self.store.failure(failure.source) if failure.source else None
        if cause is None:
            return failure
        again = type(cause)(
            cause.message, sqlstate=cause.code, source=failure.source, position=failure.position, hint=cause.hint
        )
        return again.with_fault(cause.fault)

    def _planned(self, query: Query, snapshot: Snapshot) -> tuple[Planned, explain.Stages]:
        watch, tables, context, statement = query.watch, self._tables_of(snapshot), query.context, query.statement
        if statement.syntax is None:  # its text is known from a plan for other types, or of an older snapshot
            statement = watch("parse", lambda: parse(query.statement.text))
        bound = watch("bind", lambda: bind(statement, tables, allow_all, context))
        if self.history is None:
            planned, stages = self._made(query, bound, snapshot, FORGETFUL)
        else:
            planned, stages = self._remembered(query, bound, snapshot, self.history)
        if query.is_explained:
            use = PlanUse(planned.fingerprint, self.kept(query, snapshot) is not None, planned.pinned)
            return planned, replace(stages, plan=use, terms=query.terms)
        self._keep(query, planned)
        return planned, stages

    def _remembered(
        self, query: Query, bound: BoundQuery, snapshot: Snapshot, history: PlanHistory
    ) -> tuple[Planned, explain.Stages]:
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
        self, query: Query, bound: BoundQuery, snapshot: Snapshot, choices: Choices
    ) -> tuple[Planned, explain.Stages]:
        """The plan that follows from what is known and, where they are pinned, from earlier choices."""
        watch, recording = query.watch, Recording() if query.is_explained else None
        pushdown = query.settings.pushdown == "on"
        sources = _Known({**snapshot.sources, **snapshot.physical()})
        in_place = frozenset(name for name, source in sources.items() if source.capabilities.embedded)
        able = partial(runs_there, sources=sources) if pushdown else lambda _plan: False
        observed = self.observed if query.settings.observed == "on" else NOTHING_SEEN
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
        demands = watch("split", lambda: demanded(graph, plan, self.rules, sizes))
        graph = with_required_keys(graph, demands)
        requests = watch("render", lambda: render(graph, dialects, capabilities, self.dialect, bound.columns))
        local = {request.fragment for request in requests.requests if request.embedded}
        requests = replace(requests, as_written=requests.sql is not None and are_ordered(graph, local, sizes))
        planned = Planned(bound, requests, snapshot, fingerprint(shape(graph)), known_fragments(graph), demands=demands)
        if recording is None:
            return planned, explain.Stages(bound.plan, (), plan, graph, requests)
        steps, orders = tuple(recording.steps), tuple(recording.orders)
        limits = limits_of(self.rules.engine, self.rules.sources, query.settings)
        counted = limits.over(fragment.source for fragment in graph.fragments)
        guardrails = checked(applying(demands, self.standing(query)), case(query, bound), counted)
        stages = explain.Stages(bound.plan, steps, plan, graph, requests, orders=orders, guardrails=guardrails)
        unread = {
            one.source: str(sources[one.source].assumed) for one in requests.requests if sources[one.source].assumed
        }
        return planned, replace(stages, unread=unread)

    def _asked(self, observed: Observed, plan: Plan, sources: _Known, query: Query, bound: BoundQuery) -> Observed:
        """What was observed, and what sources expect of the parts of a first plan that would be guesses."""
        sources |= _routed(plan, sources)
        sizes = Estimator(observed)
        graph = estimated(split(plan, sources, key_shipping="off", sizes=sizes), observed)
        demands = applying(demanded(graph, plan, self.rules, sizes), self.standing(query))
        if any(one.refused for one in checked(demands, case(query, bound))):
            return observed  # it will not run: nobody is asked anything
        requests = render(graph, *_sheets(sources), self.dialect, bound.columns)
        known = tuple(one for one in requests.requests if sources[one.source].assumed is None)
        requests = replace(requests, requests=known)
        return self.remote.over(
            observed, graph, requests, parameters.literals(query.values, bound), query.watch.seconds_left()
        )

    def _tables_of(self, snapshot: Snapshot) -> Tables:
        """The snapshot's tables by name; the index is kept as long as the snapshot is."""
        key, tables = self._tables
        wanted = snapshot.version, snapshot.recalled, *snapshot.unavailable
        if key != wanted:
            sources = snapshot.sources.values()
            tables = Tables(
                (table for source in sources for table in source.tables),
                {source.source: source.default_schema for source in sources},
                snapshot.unavailable,
                (source.source for source in sources if not source.is_listed),
            )
            self._tables = (wanted, tables)
        return tables

    def kept(self, query: Query, snapshot: Snapshot) -> Planned | None:
        """The plan of an earlier query that this one would have too."""
        if query.settings.plan_cache == "off":
            return None
        found = self.plans.get(self._key(query, snapshot))
        return found if found and found.bound.holds_at(query.context) else None

    def _keep(self, query: Query, planned: Planned) -> None:
        """Let later queries have the plan, unless the clock makes it this one's alone."""
        if query.settings.plan_cache == "on" and not planned.bound.is_momentary:
            key = self._key(query, planned.snapshot)
            alone = replace(planned, bound=replace(planned.bound, plan=NOTHING))
            self.plans.put(key, query.statement.parameters, alone, len(key.text) + planned.requests.size())

    def _key(self, query: Query, snapshot: Snapshot) -> PlanKey:
        return self.key_of(query.statement.query_text, query.context, query.settings, snapshot)

    def key_of(self, text: str, context: BindContext, settings: QuerySettings, snapshot: Snapshot) -> PlanKey:
        """What decides about the plan of a text."""
        pins = str(self.history.pins_version()) if self.history else ""
        chosen = (context.timezone, *_planning(settings), pins)
        return PlanKey(text, context.parameter_types, snapshot.version, chosen)

    def _statement(self, query: Query) -> tuple[str, str]:
        """The query as the history knows it: its fingerprint and its text, without values, but with what else decides
        about plans."""
        statement = normalized(query.statement.query_text)
        given = *map(str, query.context.parameter_types), *_planning(query.settings)
        return fingerprint("\n".join((statement, *given))), statement


def _given(node: Expr, values: Sequence[Literal]) -> Expr:
    """The expression with the values of its parameters."""
    return map_expr(node, lambda part: values[part.index] if isinstance(part, Parameter) else part)


def case(query: Query, bound: BoundQuery) -> Case:
    """What guardrails are tested with."""
    return Case(parameters.literals(query.values, bound), query.context.now, query.context.timezone)


def _sheets(sources: Mapping[str, SourceCatalog]) -> tuple[dict[str, Dialect], dict[str, Capabilities]]:
    """How each source spells, and what it can do."""
    dialects = {name: source.dialect for name, source in sources.items()}
    return dialects, {name: source.capabilities for name, source in sources.items()}


def _routed(plan: Plan, known: _Known) -> dict[str, SourceCatalog]:
    """The sources in the plan that stand for a shard which run time finds."""
    tables = [node.table for node in plans(plan) if isinstance(node, Scan) and node.table.route]
    return {table.source: known[table.source] for table in tables}


def _planning(settings: QuerySettings) -> tuple[str, ...]:
    """What planning reads of a session's settings, except the zone."""
    found = tuple(f"{name}={value}" for name, value in settings if name not in RUN_ONLY)
    return (*found, f"search_path={settings.search_path}") if settings.search_path else found
