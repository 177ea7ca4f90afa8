"""From a plan to its running: what execution is given of the engine, of the query, and of who asks."""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from hanse import recording
from hanse.admission.connector import Admission
from hanse.admission.gate import Gate
from hanse.catalog.sharded.absent import AbsentShards
from hanse.clock import Clock
from hanse.errors import CLOSED, GuardrailRefused
from hanse.execute.executor import Run, execute
from hanse.execute.instances import InstancePool
from hanse.execute.limits import Limits, limits_of
from hanse.execute.memory import wanted
from hanse.execute.report import PlanUse, Report
from hanse.execute.result import ResultStream
from hanse.execute.running import RunningQueries
from hanse.execute.threads import Threads
from hanse.groups import Caller, Kind, guarded
from hanse.guardrails import GroupGuardrails
from hanse.ir.request import RequestGraph
from hanse.ir.tables import Table
from hanse.observation import Observation
from hanse.observing import seen
from hanse.planning import Planned, Planner, Query, Watch, case
from hanse.policy import Rules, applying, enforce, refuse_whole
from hanse.settings import SYSTEM, EngineSettings, QuerySettings
from hanse.spi.admission import Admit, unasked
from hanse.spi.alarms import Alarms
from hanse.spi.deadlines import Patience


@dataclass(frozen=True, slots=True)
class Executing:
    """All that runs the queries of one engine, and that they share."""

    settings: EngineSettings
    clock: Clock
    admission: Admission
    alarms: Alarms
    gate: Gate | None
    """None: there are no resource groups."""
    kinds: Mapping[str, str]
    """Of every source that requests can go to, by its name."""
    observation: Observation
    planner: Planner
    pool: InstancePool
    rules: Rules
    running: RunningQueries
    threads: Threads
    absent: AbsentShards

    def query(self, query: Query, planned: Planned, cached: bool) -> ResultStream:
        """Run a user's query by its plan, which may have been made for an earlier one (``cached``); raises HanseError, where
        guardrails forbid it before anything is sent."""
        test = case(query, planned.bound)
        standing = self.planner.standing(query) if planned.demands else ()
        enforce(applying(planned.demands, standing), test, planned.bound.places)
        zone = query.settings.timezone or self.settings.timezone
        snapshot, use = planned.snapshot, PlanUse(planned.fingerprint, cached, planned.pinned)
        report = Report(query.noted.id, zone, stages_ms=query.watch.stages_ms, plan=use)
        report.notices += [planned.notice] if planned.notice else []
        profile = query.settings.profile
        connectors = self.admission.connectors(profile)
        absent = self.absent.of(snapshot, connectors)
        asked = planned.requests.asked
        for name in sorted(asked & absent.keys()):
            absent[name].refuse()
        self.admission.check(asked, profile)
        groups = self._groups(query.caller, query.settings, query.kind)
        run = Run(
            connectors={**connectors, SYSTEM: self.observation.source, **absent},
            kinds=self.kinds,
            dialects={name: source.dialect for name, source in snapshot.physical().items()},
            fan_out={name: source.fan_out_max for name, source in snapshot.sources.items() if source.fan_out_max},
            snapshot_version=snapshot.version,
            dialect=self.planner.dialect,
            parameters=test.values,
            timezone=zone,
            limits=limits_of(self.rules.engine, self.rules.sources, query.settings, groups),
            batch_rows=query.settings.batch_rows,
            timeout_s=query.settings.statement_timeout,
            queue_s=query.settings.queue_timeout,
            patience=_patience(query.settings),
            reader_s=_narrower(query.settings.reader_timeout, self.settings.reader_timeout),
            alarms=self.alarms,
            report=report,
            elapsed=query.watch.elapsed_ms,
            running=self.running,
            threads=self.threads,
            ended=self._ended(query, planned, report),
            shares=query.settings.work_sharing == "on",
            operators=query.is_explained or query.settings.operators == "on",
            whole=self._whole,
            admit=self._admit(query.caller, query.settings, query.kind, planned.requests),
            terms=query.terms,
            began=self.clock.now() - query.watch.elapsed_ms() / 1000,
        )
        facts = recording.Seen(report, planned.requests, planned.used.query if planned.used else None)
        query.noted.runs(run.scope.end, facts)
        self.admission.sharing.enter(report.query_id, query.watch.started)
        return execute(planned.requests, self.pool, run).told(partial(recording.ended, query.noted))

    def ask(
        self, version: int, requests: RequestGraph, seconds: float, caller: Caller, settings: QuerySettings
    ) -> ResultStream:
        """Run requests that no statement of a user's stands behind, of the catalog's ``version``, for so long."""
        groups = self._groups(caller, settings, "analyze")
        run = Run(
            connectors=self.admission.connectors(),
            kinds=self.kinds,
            snapshot_version=version,
            dialect=self.planner.dialect,
            parameters=(),
            timezone="UTC",
            limits=limits_of(self.rules.engine, self.rules.sources, QuerySettings.model_construct(), groups),
            batch_rows=settings.batch_rows,
            timeout_s=seconds,
            alarms=self.alarms,
            report=Report(self.clock.new_id()),
            elapsed=Watch(self.clock).elapsed_ms,
            running=self.running,
            threads=self.threads,
            admit=self._admit(caller, settings, "analyze", requests),
        )
        return execute(requests, self.pool, run)

    def _whole(self, table: Table) -> Limits:
        """How much may be read of a table that says where keys are; raises GuardrailRefused where it may not be read whole."""
        try:
            refuse_whole(table, self.rules, dt.datetime.fromtimestamp(self.clock.now(), dt.UTC))
        except GuardrailRefused as failure:
            message = f"the lookup table {table}, which is read whole: {failure.message}"
            hint = "keep the places of keys in a table without that guardrail"
            raise GuardrailRefused(message, sqlstate=failure.code, source=table.source, hint=hint) from None
        return limits_of(self.rules.engine, self.rules.sources, QuerySettings.model_construct())

    def _groups(self, caller: Caller, settings: QuerySettings, kind: Kind) -> list[tuple[str, GroupGuardrails]]:
        """The guardrails of a query's groups, each with its name; raises GuardrailRefused at other hours than theirs."""
        if self.gate is None or not self.gate.groups.any_guardrails:
            return []
        found = guarded(self.gate.groups, self.gate.path(caller, settings.tags, kind), caller)
        now = dt.datetime.fromtimestamp(self.clock.now(), dt.UTC)
        for name, block in found:
            if block.hours is not None and not block.hours.hold(now, self.settings.timezone):
                message = f"guardrail hours of resource group {name}: its queries may run {block.hours}"
                raise GuardrailRefused(message, sqlstate=CLOSED, hint="ask again then, or in another group")
        return found

    def _admit(self, caller: Caller, settings: QuerySettings, kind: Kind, requests: RequestGraph) -> Admit:
        """What waits for a query's turn in its resource group; whoever asks what runs, and who waits, does not wait."""
        gate = self.gate
        if gate is None or {request.source for request in requests.requests} == {SYSTEM}:
            return unasked
        path = gate.path(caller, settings.tags, kind)
        memory = wanted(self.settings.memory_limit, requests.direct is None)
        return lambda is_ended: gate.enter(path, caller, memory, is_ended)

    def _ended(self, query: Query, planned: Planned, report: Report) -> Callable[[], object]:
        """Say in the report that a query has a plan that it never had; returns what notes the run when it has ended."""
        history, used = self.planner.history, planned.used
        is_noted = history is not None and used is not None and not query.is_explained
        if history and used and is_noted and report.plan and not report.plan.cached and history.is_change(used):
            report.notices.append(
                f"this query has a new plan, {used.plan}: hanse plans show {used.query} lists those that it had"
            )

        def ended() -> None:
            self.admission.sharing.leave(report.query_id)
            now = self.clock.now()
            if report.complete:
                self.planner.observed.note(seen(report, planned.requests, planned.fragments), now)
                if history and used and is_noted:
                    history.record(used, now, report.elapsed_ms, report.bytes_moved)

        return ended


def _patience(settings: QuerySettings) -> Patience:
    """How long sources may take to answer."""
    return Patience(settings.connect_timeout, settings.first_row_timeout, settings.idle_timeout)


def _narrower(*seconds: float) -> float:
    """The shortest of limits, of which 0 is none."""
    return min(filter(None, seconds), default=0.0)
