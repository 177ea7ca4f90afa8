"""From a query's report to what is noted of it (``observe.records``), at any moment of its life."""

from dataclasses import dataclass
from pathlib import Path

from hanse.clock import Clock
from hanse.errors import Cancelled
from hanse.execute.report import CoordinatorReport, Report, SourceReport
from hanse.ir.consistency import Level, Picture
from hanse.ir.request import RequestGraph
from hanse.ir.shape import fingerprint
from hanse.observe.noted import Noted
from hanse.observe.recorder import Recorder
from hanse.observe.records import QUEUED, RUNNING, Coordination, Facts, Leg, Operator
from hanse.observe.store import QueryStore, Retention
from hanse.parse.normal import normalized, shown
from hanse.settings import ObserveSettings

UNREADABLE = "(not shown: it cannot be read)"
DAY = 86_400.0


def recorder(settings: ObserveSettings, folder: Path, clock: Clock) -> Recorder:
    """What notes the queries of an engine in a folder."""
    kept = Retention(settings.queries, settings.days * DAY, settings.bytes)
    store = QueryStore(folder, kept) if settings.queries else None
    return Recorder(store, clock, described, settings.literals)


def described(statement: str) -> tuple[str, str]:
    """A statement without its values, and its fingerprint."""
    try:
        return shown(statement), fingerprint(normalized(statement))
    except Exception:  # noqa: BLE001  # whatever is wrong with it, nothing of it may be shown
        return UNREADABLE, fingerprint(UNREADABLE)


@dataclass(frozen=True, slots=True)
class Seen:
    """What is looked at to know how a query is."""

    report: Report
    requests: RequestGraph
    query: str | None
    """Its fingerprint in the history of plans."""

    def __call__(self) -> Facts:
        """How it is now."""
        report, stages = self.report, dict(self.report.stages_ms)
        here, picture = report.coordinator, report.consistency
        return Facts(
            state=RUNNING if report.sources or here is not None else QUEUED,
            plan=report.plan.fingerprint if report.plan else None,
            query=self.query,
            planned_ms=sum(stages.values()),
            queued_ms=report.queued_ms,
            resource_group=report.group,
            first_row_ms=report.first_row_ms,
            total_ms=report.elapsed_ms,
            rows=report.rows,
            bytes=report.bytes,
            spilled_bytes=here.spilled_bytes if here else 0,
            complete=report.complete,
            consistency=str(picture.label) if picture else None,
            skew_ms=None if picture is None or picture.skew is None else picture.skew * 1000,
            stages=stages,
            legs=tuple(self._leg(one) for one in report.sources),
            coordination=_coordination(here),
        )

    def _leg(self, one: SourceReport) -> Leg:
        tables = next((r.tables for r in self.requests.requests if r.fragment == one.fragment), ())
        state = "done" if one.finished else "waiting" if one.first_row_ms is None else "reading"
        sent = [count for count in one.keys if count is not None]
        return Leg(
            one.fragment,
            one.source,
            one.kind,
            state,
            one.sql,
            one.lookup or ", ".join(f"{table.schema}.{table.name}" if table.schema else table.name for table in tables),
            one.embedded,
            one.statements,
            (one.rows_in_place or 0) if one.embedded else one.rows,
            one.bytes + one.bytes_left,
            len(one.retried_after),
            sum(sent) if sent else None,
            one.queued_ms,
            one.reserved_ms,
            one.started_ms,
            one.connected_ms,
            one.first_row_ms,
            one.last_row_ms,
            one.waited_ms,
            one.shared_with,
            *_told(one.picture),
        )


def _told(picture: Picture | None) -> tuple[str | None, str | None, float | None, float | None]:
    if picture is None:
        return None, None, None, None
    level = Level.NONE if picture.level is Level.SNAPSHOT and not picture.is_snapshot else picture.level
    return str(level), picture.token, picture.earliest, picture.latest


def _coordination(here: CoordinatorReport | None) -> Coordination | None:
    if here is None:
        return None
    operators = tuple(Operator(one.name, one.ms, one.rows, one.depth) for one in here.operators)
    return Coordination(here.started_ms, here.first_batch_ms, here.ended_ms, operators)


def ended(noted: Noted, report: Report) -> None:
    """Note the end of an answer."""
    if report.finished:
        noted.finished()
    else:
        noted.stopped(report.error or Cancelled.sqlstate, report.error_source)
