"""One answer, which may take several runs: after a source's tables have changed, and, where that is wanted, without sources
that fail.

A run that loses a source ends as a whole; nothing that it read is kept. The next one is that of another plan, in which the
tables of that source have no rows (``policy.losing``). So no answer mixes what was read before a loss with what was read
after it, and what is true of it (``policy.completeness``) does not depend on what is pushed where. Since a source may be lost
at the last row, the answer is held back until all of it is here.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from hanse.catalog.store import CatalogStore
from hanse.commands import explain
from hanse.errors import Fault, HanseError, ResourceLimit, SourceTooSlow, SourceUnreachable, StaleSnapshot
from hanse.execute.result import ResultStream
from hanse.execute.spool import Spool
from hanse.ir.completeness import Completeness, Part
from hanse.ir.request import RequestGraph
from hanse.ir.sharding import owner
from hanse.ir.tables import Table
from hanse.planning import Planned, Planner, Query, Remainder
from hanse.policy import Refused, Tolerance, within
from hanse.settings import OnFailure
from hanse.spi.snapshot import Snapshot, SourceCatalog

LOSSES = frozenset({Fault.DOWN, Fault.THROTTLED})
"""Failures that say that a source cannot be had now, after all that may help has been tried. Whatever the caller, a value or a
limit of ours is to blame for is none."""
OUT_OF_TIME = "57014"
"""With this code, a source has ended a statement that took longer than it may there."""
NEVER_READ = (
    "no partial answer: the tables of {} are not known, and so neither is what the query means; with engine.state, what was"
    " read of a source is kept for when it is down"
)
Start = Callable[[Query, Planned, bool], ResultStream]


@dataclass(frozen=True, slots=True)
class Answers:
    """What the answers of one engine are made with."""

    planner: Planner
    store: CatalogStore
    tolerance: Tolerance
    start: Start
    """Runs a plan, given whether it was kept from an earlier query."""
    spool: Callable[[], Spool]
    recall: Callable[[str], tuple[SourceCatalog, float] | None] = lambda _: None
    """What a source's tables were when somebody last read them, and when."""

    def planned(self, query: Query, snapshot: Snapshot, is_whole: bool = False) -> "Answer":
        """The answer of a query that is yet to be planned, where need be (unless it is to be whole) without sources whose
        catalogs were never read. Nothing runs yet."""
        kept = None if query.is_explained else query.watch("cache", lambda: self.planner.kept(query, snapshot))
        if kept is not None:
            return Answer(self, query, kept, True)
        try:
            planned, stages = self.planner.plan(query, snapshot)
        except HanseError as failure:
            if is_whole:
                raise
            return self.unread(query, failure)
        answer = Answer(self, query, planned, False)
        answer.stages = stages
        return answer

    def unread(self, query: Query, failure: HanseError) -> "Answer":
        """The answer without the sources whose catalogs cannot be read, the first of which this failure names; raises it
        where there is none."""
        lost: dict[str, HanseError] = {}
        while True:
            source = failure.source
            if source is None or source in lost or not self._may_lack(query, failure):
                raise failure
            known = self.store.snapshot(0.0)  # what is there now: for the rest there was time while planning
            if source in known.sources:
                raise failure
            found = self.recall(source)
            if found is None:
                failure.hint = _and(failure.hint, NEVER_READ.format(source))
                raise failure
            lost[source] = _as_of(failure, found[1])
            query.watch.plan_again()
            snapshot = self.recalled(known, lost)
            try:
                remainder = self.planner.plan_without(query, snapshot, lost, partial(self.choice, query))
            except Refused as refusal:
                failure.hint = _and(failure.hint, f"no partial answer: {refusal}")
                raise failure from None
            except SourceUnreachable as other:
                failure = other
                continue
            answer = Answer(self, query, remainder.planned, False)
            answer.lacks(lost, remainder)
            return answer

    def _may_lack(self, query: Query, failure: HanseError) -> bool:
        return _is_loss(failure) and self.tolerance.concerns(str(failure.source), query.settings.partial_results)

    def recalled(self, snapshot: Snapshot, lost: Collection[str]) -> Snapshot:
        """The snapshot with what these sources were, as far as it does not have them."""
        found = {source: self.recall(source) for source in lost if source not in snapshot.sources}
        known = {source: one[0] for source, one in found.items() if one is not None}
        if not known:
            return snapshot
        missing = {source: why for source, why in snapshot.unavailable.items() if source not in known}
        return Snapshot(snapshot.version, {**snapshot.sources, **known}, missing, tuple(sorted(known)))

    def choice(self, query: Query, table: Table) -> OnFailure:
        """What is done without a table."""
        return self.tolerance.of(table, query.settings.partial_results)


class Answer:
    """One query's answer."""

    def __init__(self, answers: Answers, query: Query, planned: Planned, cached: bool) -> None:
        """Nothing is lost yet."""
        self.stages: explain.Stages | None = None
        """Those of the last plan; None for one that was kept."""
        self._answers = answers
        self._query = query
        self._planned = planned
        self._cached = cached
        self._snapshot = planned.snapshot
        self._is_stale = False
        self._lost: dict[str, HanseError] = {}
        self._completeness: Completeness | None = None
        setting = query.settings.partial_results
        asked = {request.source for request in planned.requests.requests}
        self._may_lose = any(answers.tolerance.concerns(source, setting) for source in asked)

    def lacks(self, lost: Mapping[str, HanseError], found: Remainder) -> None:
        """Its plan, so far, is what is left without these sources."""
        self._lost.update(lost)
        self.stages = found.stages
        parts = tuple(_part(source, found.lost.get(source, ()), error) for source, error in self._lost.items())
        self._completeness = Completeness(found.claim, parts, _read(found.planned.requests))

    def stream(self) -> ResultStream:
        """Start, again and again while sources fail at once that need not be there; raises HanseError."""
        while True:
            try:
                result = self._answers.start(self._query, self._planned, self._cached)
            except HanseError as failure:
                if not (self.follows(failure) and self._goes_on(failure)):
                    raise
                continue
            result.report.completeness = self._completeness
            return (result.held(self._answers.spool()) if self._may_lose else result).followed(self)

    def follows(self, failure: HanseError) -> bool:
        """Whether the failure may be one after which there is another plan."""
        if isinstance(failure, StaleSnapshot):
            return not self._is_stale
        return self._may_lose and _is_loss(failure) and failure.source not in (None, *self._lost)

    def begun(self, failure: HanseError) -> ResultStream | None:
        """The run of the plan after this failure, if there is one."""
        with self._query.noted:
            return self.stream() if self._goes_on(failure) else None

    def _goes_on(self, failure: HanseError) -> bool:
        """Make another plan after a failure that says so; returns whether there is one."""
        self._query.noted.check()
        self._query.watch.plan_again()
        if not isinstance(failure, StaleSnapshot):
            self._lost[str(failure.source)] = failure
            return self._plan_without(failure)
        self._is_stale, self._cached = True, False
        if self._lost:
            self._snapshot = self._answers.store.refresh(
                failure.source and owner(failure.source), self._query.watch.seconds_left()
            )
            self._snapshot = self._answers.recalled(self._snapshot, self._lost)
            return self._plan_without(failure)
        self._planned = self._answers.planner.plan_anew(self._query, self._planned, failure.source)
        self._snapshot = self._planned.snapshot
        return True

    def _plan_without(self, failure: HanseError) -> bool:
        """Plan without what is lost; says at the failure why that cannot be."""
        try:
            choice = partial(self._answers.choice, self._query)
            found = self._answers.planner.plan_without(self._query, self._snapshot, self._lost, choice)
        except Refused as refusal:
            failure.hint = _and(failure.hint, f"no partial answer: {refusal}")
            return False
        if any(source not in found.lost for source in self._lost):
            return False  # what failed is none of the query's tables, such as one in which shards are looked up
        self._planned, self._cached = found.planned, False
        self.lacks({}, found)
        return True


def _is_loss(failure: HanseError) -> bool:
    is_late = isinstance(failure, SourceTooSlow) or (isinstance(failure, ResourceLimit) and failure.code == OUT_OF_TIME)
    return failure.fault in LOSSES or is_late


def _as_of(failure: HanseError, at: float) -> HanseError:
    """The failure of a source of which it is known what it was at a time."""
    when = dt.datetime.fromtimestamp(at, dt.UTC)
    message = f"{failure.message}; its tables are taken to be what they were at {when:%Y-%m-%d %H:%M} UTC"
    again = type(failure)(message, sqlstate=failure.code, source=failure.source, hint=failure.hint)
    return again.with_fault(failure.fault)


def _and(hint: str | None, more: str) -> str:
    return f"{hint}; {more}" if hint else more


def _part(source: str, tables: tuple[str, ...], failure: HanseError) -> Part:
    return Part(source, tables, failure.message, str(failure.fault), failure.code)


def _read(graph: RequestGraph) -> tuple[Part, ...]:
    """The sources that are asked, each with its tables."""
    found: dict[str, dict[str, None]] = {}
    for request in graph.requests:
        found.setdefault(request.source, {}).update(dict.fromkeys(map(within, request.tables)))
    return tuple(Part(source, tuple(tables)) for source, tables in sorted(found.items()))
