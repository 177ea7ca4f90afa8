"""Counts what queries did: for Prometheus, for ``system.sources``, and for the sum over all processes of a folder.

Labels are names of sources, kinds, states and classes of errors: as many as there are of these, never a user, a statement or a
value.
"""

import json
import threading
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from hanse.observe.records import Leg, Record

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Bounds of the buckets of durations."""


@dataclass(frozen=True, slots=True)
class Family:
    """Metrics of one name. ``labels`` are their labels' names; of a histogram the amounts are in seconds."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    is_histogram: bool = False


QUERIES = Family("hanse_queries", "Statements that ended.", ("kind", "state", "error"))
DURATION = Family("hanse_query_seconds", "How long statements took.", ("kind",), True)
PLANNING = Family("hanse_query_planning_seconds", "Time spent on planning.")
QUEUED = Family("hanse_query_queue_seconds", "Time that queries waited to be admitted.")
ROWS = Family("hanse_query_rows", "Rows of answers.")
BYTES = Family("hanse_query_bytes", "Bytes of answers.")
SPILLED = Family("hanse_query_spilled_bytes", "What the coordinator put on disk.")
REQUESTS = Family("hanse_source_requests", "Requests to a source.", ("source",))
STATEMENTS = Family("hanse_source_statements", "Statements sent to a source.", ("source",))
SOURCE_ROWS = Family("hanse_source_rows", "Rows that a source gave.", ("source",))
SOURCE_BYTES = Family("hanse_source_bytes", "Bytes that a source sent.", ("source",))
RETRIES = Family("hanse_source_retries", "Requests that were sent again.", ("source",))
ERRORS = Family("hanse_source_errors", "Queries that a source ended, by the class of SQLSTATE.", ("source", "error"))
SOURCE_QUEUED = Family("hanse_source_queue_seconds", "Time that queries waited for connections.", ("source",))
FIRST_ROW = Family("hanse_source_first_row_seconds", "From a request to its first row.", ("source",), True)
FAMILIES = {
    one.name: one
    for one in (
        QUERIES,
        DURATION,
        PLANNING,
        QUEUED,
        ROWS,
        BYTES,
        SPILLED,
        REQUESTS,
        STATEMENTS,
        SOURCE_ROWS,
        SOURCE_BYTES,
        RETRIES,
        ERRORS,
        SOURCE_QUEUED,
        FIRST_ROW,
    )
}
Key = tuple[str, tuple[str, ...]]
"""A family's name, of a histogram with _bucket or _sum after it, and the labels' values, of a bucket with its bound last."""


class Metrics:
    """What one process has counted. Thread-safe."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._lock = threading.Lock()
        self._totals: defaultdict[Key, float] = defaultdict(float)
        self._fresh: defaultdict[Key, float] = defaultdict(float)

    def began(self) -> None:
        """Nothing need be known of a query's beginning."""

    def ended(self, record: Record, context: Any) -> None:  # noqa: ARG002  # a listener's
        """Count a query and its requests."""
        facts = record.facts
        with self._lock:
            self._add(QUERIES, 1, record.kind, facts.state, (record.error or "")[:2])
            self._observe(DURATION, facts.total_ms, record.kind)
            self._add(PLANNING, (facts.planned_ms or 0) / 1000)
            self._add(QUEUED, (facts.queued_ms or 0) / 1000)
            self._add(ROWS, facts.rows)
            self._add(BYTES, facts.bytes)
            self._add(SPILLED, facts.spilled_bytes)
            if record.error is not None and record.error_source is not None:
                self._add(ERRORS, 1, record.error_source, record.error[:2])
            for leg in facts.legs:
                self._count(leg)

    def _count(self, leg: Leg) -> None:
        self._add(REQUESTS, 1, leg.source)
        self._add(STATEMENTS, leg.statements, leg.source)
        self._add(SOURCE_ROWS, leg.rows, leg.source)
        self._add(SOURCE_BYTES, leg.bytes, leg.source)
        self._add(RETRIES, leg.retries, leg.source)
        self._add(SOURCE_QUEUED, (leg.queued_ms or 0) / 1000, leg.source)
        if leg.first_row_ms is not None and leg.started_ms is not None:
            self._observe(FIRST_ROW, leg.first_row_ms - leg.started_ms, leg.source)

    def _add(self, family: Family, amount: float, *labels: str, part: str = "") -> None:
        if amount or not labels:
            key = f"{family.name}{part}", labels
            self._totals[key] += amount
            self._fresh[key] += amount

    def _observe(self, family: Family, ms: float, *labels: str) -> None:
        place = bisect_left(SECONDS, ms / 1000)
        bound = str(SECONDS[place]) if place < len(SECONDS) else "+Inf"
        self._add(family, 1, *labels, bound, part="_bucket")
        self._add(family, ms / 1000, *labels, part="_sum")

    def taken(self) -> list[tuple[str, str, float]]:
        """What was counted since the last time, with the labels as JSON."""
        with self._lock:
            fresh, self._fresh = self._fresh, defaultdict(float)
        return [(name, json.dumps(labels), amount) for (name, labels), amount in fresh.items() if amount]

    def totals(self) -> dict[Key, float]:
        """What was counted since the process began."""
        with self._lock:
            return dict(self._totals)

    def of_source(self, source: str) -> dict[str, float]:
        """What was counted of one source, by the families' names; of histograms their sums and numbers."""
        found: defaultdict[str, float] = defaultdict(float)
        for (name, labels), amount in self.totals().items():
            if labels and labels[0] == source and name.startswith("hanse_source"):
                found[name] += amount
        return dict(found)


def totals_of(rows: list[tuple[str, str, float]]) -> dict[Key, float]:
    """What all processes have counted, from what ``taken`` gave."""
    return {(name, tuple(json.loads(labels))): amount for name, labels, amount in rows}
