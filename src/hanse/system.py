"""The tables of the source ``system``: what the engine knows of its queries, sources, groups and plans, at one moment."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hanse.admission.connector import Admission
from hanse.cache import ObservedRuns, PlanHistory
from hanse.catalog.store import CatalogStore
from hanse.connectors.system import SystemTable
from hanse.execute.instances import InstancePool
from hanse.ir.sharding import owner
from hanse.ir.types import BOOLEAN, FLOAT64, INT64, TEXT, TIMESTAMPTZ
from hanse.observe.metrics import ERRORS, FIRST_ROW, REQUESTS, RETRIES, SOURCE_BYTES, SOURCE_ROWS, STATEMENTS, Metrics
from hanse.observe.recorder import Recorder
from hanse.observe.records import LEGS, QUERIES, Record, leg_rows, query_row
from hanse.spi.connector import Connector, Limited

SOURCES = (
    ("source", TEXT, "its name; of a sharded source each shard"),
    ("kind", TEXT, "the kind of source"),
    ("server", TEXT, "product and version"),
    ("tables", INT64, "how many it shows"),
    ("problem", TEXT, "why its catalog cannot be read"),
    ("breaker", TEXT, "closed, open or half-open; NULL for what is read in place"),
    ("breaker_details", TEXT, "since when, until when and why it is left alone"),
    ("connections", INT64, "connections that queries have now"),
    ("connections_max", INT64, "connections that there may be"),
    ("round_trip_ms", FLOAT64, "what an exchange takes that gives it nothing to do"),
    ("bandwidth", FLOAT64, "bytes in a second"),
    ("scan_rows", FLOAT64, "rows in a second that scans yield"),
    ("first_row_ms", FLOAT64, "mean time to a request's first row, in this process"),
    ("requests", INT64, "requests of this process"),
    ("statements", INT64, "statements of this process"),
    ("rows", INT64, "that it sent to this process"),
    ("bytes", INT64, "that it sent to this process"),
    ("retries", INT64, "requests of this process that were sent again"),
    ("errors", INT64, "queries of this process that it ended"),
)
PLANS = (
    ("query", TEXT, "the query: system.queries.query"),
    ("plan", TEXT, "the plan: system.queries.plan"),
    ("first_seen", TIMESTAMPTZ, "when the query first had it"),
    ("last_seen", TIMESTAMPTZ, "when the query last had it"),
    ("runs", INT64, "how often"),
    ("median_ms", FLOAT64, "of the latest runs"),
    ("median_bytes", FLOAT64, "that moved, of the latest runs"),
    ("pinned", BOOLEAN, "whether the query is to have this plan and no other"),
    ("statement", TEXT, "the statement, with ? for its values"),
    ("shape", TEXT, "the plan, with ? for its constants"),
)
GROUPS = (
    ("resource_group", TEXT, "its path"),
    ("running", INT64, "queries that run in it and below"),
    ("concurrency", INT64, "queries that may run"),
    ("queued", INT64, "queries that wait"),
    ("queue", INT64, "queries that may wait"),
    ("memory", INT64, "bytes that its running queries may have"),
    ("memory_max", INT64, "bytes that they may have together"),
    ("weight", FLOAT64, "its share beside its neighbours"),
    ("priority", INT64, "whose turn comes first"),
    ("quota", TEXT, "what it has used of its quota"),
    ("admitted", INT64, "queries that it has let in"),
    ("refused", INT64, "queries that it did not"),
    ("waited_seconds", FLOAT64, "all waits of those let in, together"),
)
Groups = Callable[[], list[tuple[Any, ...]]]
"""The rows of ``system.resource_groups``."""
TABLES = (
    SystemTable("queries", tuple((one.name, one.type, one.comment) for one in QUERIES), "queries, running and ended"),
    SystemTable(
        "query_sources", tuple((one.name, one.type, one.comment) for one in LEGS), "what each query asked of whom"
    ),
    SystemTable("sources", SOURCES, "how the sources are"),
    SystemTable("resource_groups", GROUPS, "who may run how many queries"),
    SystemTable("plans", PLANS, "which plans answered which queries"),
)


def no_groups() -> list[tuple[Any, ...]]:
    """Of an engine without resource groups."""
    return []


@dataclass(frozen=True, slots=True)
class Known:
    """Where the engine keeps what it knows."""

    recorder: Recorder
    metrics: Metrics
    connectors: Mapping[str, Connector]
    """Every source that requests go to."""
    kinds: Mapping[str, str]
    """Of all of these, and of what they are parts of."""
    admission: Admission
    catalogs: CatalogStore
    observed: ObservedRuns
    history: PlanHistory | None
    pool: InstancePool
    groups: Groups = no_groups

    def health(self) -> list[tuple[Any, ...]]:
        """The rows of ``system.sources``."""
        snapshot, states = self.catalogs.snapshot(), self.admission.states()
        physical = snapshot.physical()
        rows: list[tuple[Any, ...]] = []
        for name, connector in sorted(self.connectors.items()):
            catalog, pace, counted = physical.get(name), self.observed.pace(name), self.metrics.of_source(name)
            assumed = catalog.assumed if catalog else None
            catalog = None if assumed else catalog
            state = states.get(name)
            firsts = counted.get(f"{FIRST_ROW.name}_bucket", 0.0)
            first = counted.get(f"{FIRST_ROW.name}_sum", 0.0) * 1000 / firsts if firsts else None
            used, most = connector.connections if isinstance(connector, Limited) else (None, None)
            rows.append(
                (
                    name,
                    self.kinds.get(name),
                    catalog.server if catalog else None,
                    len(catalog.tables) if catalog else None,
                    str(assumed) if assumed else snapshot.unavailable.get(owner(name)),
                    None if state is None else state.partition(" ")[0].rstrip(";,"),
                    state,
                    used,
                    most,
                    None if pace.round_trip is None else pace.round_trip * 1000,
                    pace.bandwidth,
                    pace.scan,
                    first,
                    *(int(counted.get(one.name, 0)) for one in COUNTED),
                )
            )
        return rows


COUNTED = (REQUESTS, STATEMENTS, SOURCE_ROWS, SOURCE_BYTES, RETRIES, ERRORS)


class Moment:
    """What one query sees."""

    def __init__(self, known: Known) -> None:
        """Nothing is looked at yet."""
        self._known = known

    @cached_property
    def _records(self) -> list[Record]:
        return self._known.recorder.records()

    def __call__(self, table: str) -> Sequence[Sequence[Any]]:
        """The rows of a table."""
        match table:
            case "queries":
                return [query_row(record) for record in self._records]
            case "query_sources":
                return [row for record in self._records for row in leg_rows(record)]
            case "sources":
                self._known.recorder.flush()
                return self._known.health()
            case "plans":
                return self._plans()
        return self._known.groups()

    def _plans(self) -> list[tuple[Any, ...]]:
        history = self._known.history
        return [
            (
                e.query,
                e.plan,
                e.first_seen,
                e.last_seen,
                e.runs,
                e.median_ms,
                e.median_bytes,
                e.pinned,
                e.statement,
                e.shape,
            )
            for e in (history.entries() if history else [])
        ]
