"""One answer, which may take several runs: after a source's tables have changed, and, where that is wanted, without sources
that fail.

A run that loses a source ends as a whole; nothing that it read is kept. The next one is that of another plan, in which the
tables of that source have no rows (``policy.losing``). So no answer mixes what was read before a loss with what was read
after it, and what is true of it (``policy.completeness``) does not depend on what is pushed where. Since a source may be lost
at the last row, the answer is held back until all of it is here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from hanse.catalog.store import CatalogStore
from hanse.commands import explain
from hanse.errors import Fault, HanseError, ResourceLimit, SourceTooSlow, StaleSnapshot
from hanse.execute.result import ResultStream
from hanse.execute.spool import Spool
from hanse.ir.completeness import Completeness, Part
from hanse.ir.request import RequestGraph
from hanse.ir.sharding import owner
from hanse.ir.tables import Table
from hanse.planning import Planned, Planner, Query
from hanse.policy import Refused, Tolerance, within
from hanse.settings import OnFailure

LOSSES = frozenset({Fault.DOWN, Fault.THROTTLED})
"""Failures that say that a source cannot be had now, after all that may help has been tried. Whatever the caller, a value or a
limit of ours is to blame for is none."""
OUT_OF_TIME = "57014"
"""With this code, a source has ended a statement that took longer than it may there."""
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

    def begun(self, query: Query, planned: Planned, cached: bool) -> "Answer":
        """The answer of a query that has been planned; nothing runs yet."""
        return Answer(self, query, planned, cached)


class Answer:
    """One query's answer."""

    def __init__(self, answers: Answers, query: Query, planned: Planned, cached: bool) -> None:
        """Nothing is lost yet."""
        self.stages: explain.Stages | None = None
        """Those of the last plan, if it is not the first."""
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
            return self._plan_without(failure)
        self._planned = self._answers.planner.plan_anew(self._query, self._planned, failure.source)
        self._snapshot = self._planned.snapshot
        return True

    def _plan_without(self, failure: HanseError) -> bool:
        """Plan without what is lost; says at the failure why that cannot be."""
        try:
            found = self._answers.planner.plan_without(self._query, self._snapshot, self._lost, self._choice)
        except Refused as refusal:
            why = f"no partial answer: {refusal}"
            failure.hint = f"{failure.hint}; {why}" if failure.hint else why
            return False
        if any(source not in found.lost for source in self._lost):
            return False  # what failed is none of the query's tables, such as one in which shards are looked up
        self._planned, self.stages, self._cached = found.planned, found.stages, False
        lost = tuple(_part(source, found.lost[source], error) for source, error in self._lost.items())
        self._completeness = Completeness(found.claim, lost, _read(found.planned.requests))
        return True

    def _choice(self, table: Table) -> OnFailure:
        return self._answers.tolerance.of(table, self._query.settings.partial_results)


def _is_loss(failure: HanseError) -> bool:
    is_late = isinstance(failure, SourceTooSlow) or (isinstance(failure, ResourceLimit) and failure.code == OUT_OF_TIME)
    return failure.fault in LOSSES or is_late


def _part(source: str, tables: tuple[str, ...], failure: HanseError) -> Part:
    return Part(source, tables, failure.message, str(failure.fault), failure.code)


def _read(graph: RequestGraph) -> tuple[Part, ...]:
    """The sources that are asked, each with its tables."""
    found: dict[str, dict[str, None]] = {}
    for request in graph.requests:
        found.setdefault(request.source, {}).update(dict.fromkeys(map(within, request.tables)))
    return tuple(Part(source, tuple(tables)) for source, tables in sorted(found.items()))
