"""What is kept of a query and of each request that it sent: values, and the columns in which SQL shows them.

Times of day are seconds since 1970; all others milliseconds, those of a request since its query started. None: has not
happened, or nobody knows.

Records are made for every query, some hundreds in a second: a frozen value takes three times as long to make.
"""

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Any

from hanse.ir.types import BOOLEAN, FLOAT64, INT64, TEXT, TIMESTAMPTZ, Type

PLANNING, QUEUED, RUNNING = "planning", "queued", "running"
FINISHED, FAILED, CANCELLED, LOST = "finished", "failed", "cancelled", "lost"
OPEN = (PLANNING, QUEUED, RUNNING)
"""The states of a query that has not ended."""


@dataclass(slots=True)
class Leg:
    """One request to one source."""

    fragment: int
    source: str
    kind: str
    state: str
    """waiting, reading or done; of a query that ended early, as far as it came."""
    sql: str
    """What was sent, without the constants in it; of several statements the first."""
    tables: str
    """The tables that it reads, with a comma between them."""
    embedded: bool
    statements: int
    rows: int
    bytes: int
    retries: int
    keys: int | None
    """Keys of other sources that were sent with it."""
    queued_ms: float | None
    """How long the query waited for its connections there."""
    reserved_ms: float | None
    """When it had them; until it is sent, it waits for keys of other sources."""
    started_ms: float | None
    connected_ms: float | None
    first_row_ms: float | None
    last_row_ms: float | None
    waited_ms: float
    """How long its reader made it wait."""
    shared_with: str | None = None
    """The query whose statement, which was the same, answered it: nothing was sent for it."""
    level: str | None = None
    """Whether its rows are of one snapshot with all others of the source: snapshot, statement or none."""
    token: str | None = None
    taken_from: float | None = None
    taken_until: float | None = None


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of the coordinator's statement, as its engine measured it."""

    name: str
    ms: float
    rows: int
    depth: int


@dataclass(frozen=True, slots=True)
class Coordination:
    """What was done here."""

    started_ms: float
    first_batch_ms: float | None = None
    ended_ms: float | None = None
    operators: tuple[Operator, ...] = ()


@dataclass(slots=True)
class Facts:
    """What a query's own report says of it, at any moment."""

    state: str = PLANNING
    plan: str | None = None
    query: str | None = None
    planned_ms: float | None = None
    queued_ms: float | None = None
    first_row_ms: float | None = None
    total_ms: float = 0.0
    rows: int = 0
    bytes: int = 0
    spilled_bytes: int = 0
    complete: bool = False
    resource_group: str | None = None
    consistency: str | None = None
    """What the answer is a picture of: one snapshot, snapshot per source, mixed or none."""
    skew_ms: float | None = None
    stages: dict[str, float] = field(default_factory=dict)
    """Milliseconds of each stage of planning."""
    legs: tuple[Leg, ...] = ()
    coordination: Coordination | None = None


@dataclass(slots=True)
class Record:
    """One query."""

    id: str
    user: str
    kind: str
    """query, explain, show, set, kill; unknown where the statement does not parse."""
    statement: str
    """Without values, unless they are to be kept."""
    fingerprint: str
    """Of the statement without values: what queries of one form have in common."""
    started: float
    facts: Facts
    error: str | None = None
    """The SQLSTATE."""
    error_source: str | None = None
    process: str = ""
    heard: float = 0.0
    """When the process was last heard of."""

    @property
    def rows_moved(self) -> int:
        """Rows that the sources sent."""
        return sum(leg.rows for leg in self.facts.legs if not leg.embedded)

    @property
    def bytes_moved(self) -> int:
        """Bytes that the sources sent."""
        return sum(leg.bytes for leg in self.facts.legs)

    @property
    def retries(self) -> int:
        """How often requests were sent again."""
        return sum(leg.retries for leg in self.facts.legs)

    @property
    def sources(self) -> str:
        """The sources that it asked, with a comma between them."""
        return ", ".join(sorted({leg.source for leg in self.facts.legs}))


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the store and of SQL's table."""

    name: str
    type: Type
    comment: str


QUERIES = (
    Field("id", TEXT, "the query's id: sources see it in application_name or in a comment"),
    Field("state", TEXT, "planning, queued, running, finished, failed, cancelled, or lost with its process"),
    Field("user", TEXT, "who asked"),
    Field("kind", TEXT, "query, explain, show, set or kill"),
    Field("statement", TEXT, "the statement, with ? for its values"),
    Field("fingerprint", TEXT, "what statements have in common that differ in values only"),
    Field("query", TEXT, "the same with the settings that planning reads: system.plans.query"),
    Field("plan", TEXT, "the fingerprint of its plan: system.plans.plan"),
    Field("resource_group", TEXT, "the group that it was admitted by"),
    Field("started", TIMESTAMPTZ, "when it came"),
    Field("planned_ms", FLOAT64, "how long planning took"),
    Field("queued_ms", FLOAT64, "how long it waited to be admitted"),
    Field("first_row_ms", FLOAT64, "from its start to the first row of the answer"),
    Field("total_ms", FLOAT64, "from its start to its end, or until now"),
    Field("rows", INT64, "of the answer"),
    Field("bytes", INT64, "of the answer"),
    Field("rows_moved", INT64, "that sources sent"),
    Field("bytes_moved", INT64, "that sources sent"),
    Field("spilled_bytes", INT64, "what the coordinator put on disk"),
    Field("retries", INT64, "how often requests were sent again"),
    Field("complete", BOOLEAN, "whether nothing is missing in the answer"),
    Field("consistency", TEXT, "one snapshot, snapshot per source, mixed or none"),
    Field("skew_ms", FLOAT64, "how far apart the sources' snapshots may have been taken, at most"),
    Field("error", TEXT, "the SQLSTATE of what ended it"),
    Field("error_source", TEXT, "the source that it came from"),
    Field("sources", TEXT, "the sources that it asked"),
    Field("process", TEXT, "the process that runs it: host and number"),
)
"""The columns of ``system.queries``."""

LEGS = (
    Field("query_id", TEXT, "the query: system.queries.id"),
    Field("fragment", INT64, "its number in the plan: f0, f1 ..."),
    Field("source", TEXT, "the source that it is for"),
    Field("kind", TEXT, "the kind of source"),
    Field("state", TEXT, "waiting, reading or done"),
    Field("sql", TEXT, "what was sent, with ? for constants"),
    Field("tables", TEXT, "the tables that it reads"),
    Field("embedded", BOOLEAN, "whether the coordinator reads the source in place"),
    Field("statements", INT64, "how many were sent"),
    Field("rows", INT64, "that arrived"),
    Field("bytes", INT64, "that arrived"),
    Field("retries", INT64, "how often it was sent again"),
    Field("keys", INT64, "keys of other sources that were sent with it"),
    Field("queued_ms", FLOAT64, "how long it waited for a connection"),
    Field("reserved_ms", FLOAT64, "when it had its connection; then it waited for keys of other sources"),
    Field("started_ms", FLOAT64, "when it was sent, from the query's start"),
    Field("connected_ms", FLOAT64, "when the source first answered"),
    Field("first_row_ms", FLOAT64, "when the first row came"),
    Field("last_row_ms", FLOAT64, "when the last row came"),
    Field("waited_ms", FLOAT64, "how long its reader made it wait"),
    Field("shared_with", TEXT, "the query whose statement answered it, so that nothing was sent"),
    Field("level", TEXT, "whether its rows are of one snapshot with all of the source's: snapshot, statement or none"),
    Field("token", TEXT, "what the source calls the state that was seen"),
    Field("taken_from", TIMESTAMPTZ, "the snapshot was not taken before"),
    Field("taken_until", TIMESTAMPTZ, "nor after"),
)
"""The columns of ``system.query_sources``."""
_FACTS = frozenset(one.name for one in fields(Facts))
_row = attrgetter(*(f"facts.{one.name}" if one.name in _FACTS else one.name for one in QUERIES))
_leg_row = attrgetter(*(one.name for one in fields(Leg)))


def query_row(record: Record) -> tuple[Any, ...]:
    """A query as a row of ``QUERIES``; the moment is seconds since 1970."""
    row: tuple[Any, ...] = _row(record)
    return row


def leg_rows(record: Record) -> list[tuple[Any, ...]]:
    """Its requests as rows of ``LEGS``."""
    return [(record.id, *_leg_row(leg)) for leg in record.facts.legs]


def leg_of(row: tuple[Any, ...]) -> Leg:
    """What ``leg_rows`` made a row of."""
    return Leg(*row[1:])
