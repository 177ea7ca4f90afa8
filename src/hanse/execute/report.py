"""How an answer came about: what each source was asked, what it sent, and how long everything took.

A report is live: it is filled while the query runs, so that a progress display can read it at any time.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from hanse.ir.completeness import Completeness
from hanse.ir.consistency import Consistency, Picture, consistency_of, merged


@dataclass(slots=True)
class SourceReport:
    """One request to one source. Times are milliseconds since the query started; None: has not happened (yet)."""

    fragment: int
    source: str
    kind: str
    sql: str
    embedded: bool = False
    """Read in place by the coordinator's engine: no rows and bytes move."""
    rows_in_place: int | None = None
    """Rows that the scans of an embedded request gave on; None where they cannot be told from another request's."""
    rows: int = 0
    bytes: int = 0
    """Size of the Arrow batches that arrived."""
    bytes_left: int = 0
    """Size of batches that are no rows of the answer: of a scan that was begun while keys were late, and left when they came;
    of what had come, and was kept aside, when all was asked again."""
    batches: int = 0
    statements: int = 0
    """Statements that were sent: none where no keys were found, several where they did not fit one."""
    queued_ms: float | None = None
    """How long the query waited until it had what is limited there: its connections."""
    reserved_ms: float | None = None
    """When it had them."""
    started_ms: float | None = None
    connected_ms: float | None = None
    """When the source first answered anything."""
    first_row_ms: float | None = None
    last_row_ms: float | None = None
    round_trip_ms: float | None = None
    """What an exchange with the source takes that gives it nothing to do, as far as its session knows."""
    first_bytes: int = 0
    """What arrived with the first row: a driver may have kept it until it had that much, so nobody knows how long it took."""
    waited_ms: float = 0.0
    """How long the request's reader made it wait, until its last row."""
    retried_after: list[str] = field(default_factory=list)
    """The failures after each of which the request was sent again."""
    shared_with: str | None = None
    """The query whose statement, which was the same, answered this request: nothing was sent for it."""
    finished: bool = False
    snapshot: str | None = None
    picture: Picture | None = None
    """What its rows are a picture of; None: unknown, or none have come."""
    keys: list[int | None] = field(default_factory=list)
    """Keys that were sent with each condition on shipped keys; None where it was given up, or only their range sent."""
    is_whole: bool = False
    """Whether keys were awaited, and everything was read instead."""
    lookup: str | None = None
    """The table that was read, whole, to know on which shards keys are; ``fragment`` is then a number below 0."""

    @property
    def is_read(self) -> bool:
        """Whether the answer rests on it: rows have come, or it was asked and had none."""
        is_asked = bool(self.statements) or self.shared_with is not None
        if self.lookup is not None:
            return False  # it says where to look, not what is there
        return self.embedded or self.batches > 0 or (self.finished and is_asked)


@dataclass(frozen=True, slots=True)
class OperatorReport:
    """One operator of the coordinator's statement, as its engine measured it."""

    name: str
    ms: float
    rows: int
    depth: int
    """Below how many others it stands: what it yields is read by the last one before it that is less deep."""


@dataclass(slots=True)
class CoordinatorReport:
    """What was done here. Times are milliseconds since the query started."""

    started_ms: float
    first_batch_ms: float | None = None
    ended_ms: float | None = None
    spilled_bytes: int = 0
    """The most that was seen on disk, once its first batch was there."""
    operators: list[OperatorReport] = field(default_factory=list)
    """Empty unless they were to be measured."""


@dataclass(frozen=True, slots=True)
class PlanUse:
    """Which plan gave the answer. ``fingerprint`` stands for its shape, whatever the constants in it."""

    fingerprint: str
    cached: bool
    """Whether it was made for an earlier query and used again."""
    pinned: bool = False
    """Whether somebody has decided that the query has this plan."""


@dataclass(slots=True)
class Report:
    """The whole query. ``complete`` becomes true when the last row has been read and nothing was left out."""

    query_id: str
    timezone: str = "UTC"
    """The zone in which timestamptz was cut, and in which to show it."""
    notices: list[str] = field(default_factory=list)
    """What the user should know though the answer is right, such as that the query has a new plan."""
    sources: list[SourceReport] = field(default_factory=list)
    coordinator_sql: str | None = None
    stages_ms: dict[str, float] = field(default_factory=dict)
    """Time spent in parse, bind, optimize, split and render; ``cache`` is the time to find a kept plan."""
    plan: PlanUse | None = None
    """None for statements that need none, such as SHOW."""
    coordinator: CoordinatorReport | None = None
    """None: the answer is what one source sent, or what the statement says."""
    group: str | None = None
    """The resource group in which the query ran; None where there are none."""
    queued_ms: float | None = None
    """How long it waited there for its turn."""
    bytes_before: int = 0
    """What sources sent to runs that ended before this one, since a source failed or had changed."""
    rows: int = 0
    bytes: int = 0
    first_row_ms: float | None = None
    """When the first batch of the answer was handed on."""
    elapsed_ms: float = 0.0
    complete: bool = False
    completeness: Completeness | None = None
    """What is true of an answer from which something was left out; None: nothing was."""
    finished: bool = False
    """Whether the answer was read to its end."""
    error: str | None = None
    """The SQLSTATE of what ended it before that."""
    error_source: str | None = None

    @property
    def consistency(self) -> Consistency | None:
        """What the answer is a picture of, as far as it has been read; None: of nothing."""
        read: dict[str, list[Picture | None]] = {}
        for source in self.sources:
            if source.is_read:
                read.setdefault(source.source, []).append(source.picture)
        return consistency_of({source: merged(pictures) for source, pictures in read.items()})

    @property
    def bytes_moved(self) -> int:
        """What all sources sent, also in vain."""
        return self.bytes_before + sum(source.bytes + source.bytes_left for source in self.sources)

    @property
    def rows_moved(self) -> int:
        """Rows that all sources sent."""
        return sum(source.rows for source in self.sources)

    @property
    def retries(self) -> int:
        """How often requests were sent again."""
        return sum(len(source.retried_after) for source in self.sources)

    def read_in_place(self, rows: Mapping[int, int]) -> None:
        """Note how many rows each embedded request read, by fragment."""
        for source in self.sources:
            if source.embedded:
                source.rows_in_place = rows.get(source.fragment)
                source.finished = True

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values, for JSON."""
        found = self.consistency
        derived = {"rows_moved": self.rows_moved, "bytes_moved": self.bytes_moved, "retries": self.retries}
        return {**asdict(self), **derived, "consistency": None if found is None else found.as_dict()}
