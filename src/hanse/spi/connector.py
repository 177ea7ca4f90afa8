"""What a source does: describe itself, then answer requests. Calls block; execution gives each its own thread."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, runtime_checkable
from typing import Literal as OneOf

import pyarrow as pa
from pydantic import BaseModel, Field

from hanse.errors import HanseError
from hanse.ir.expr import Literal
from hanse.ir.fragment import KeyCaps
from hanse.ir.request import Request
from hanse.spi.ceiling import Ceiling
from hanse.spi.deadlines import DeadlineOptions, Patience
from hanse.spi.protection import BreakerOptions, Protection, RetryOptions, SourceLimits
from hanse.spi.shares import NOBODY, Share
from hanse.spi.snapshot import SourceCatalog
from hanse.spi.spilling import ENDLESS, SpillSpace


def never() -> bool:
    """For a query that nobody can end."""
    return False


def uncounted(batch: pa.RecordBatch) -> None:  # it looks like what counts
    """For a query without limits."""


def uncounted_again(rows: int, bytes: int) -> None:  # it looks like what counts
    """For a query without limits."""


def nobody() -> None:
    """For a query of which nobody wants to be told."""


def unwatched(request: Request) -> None:
    """For a query of which nobody wants to know how far it is."""


def ignored(request: Request, failure: HanseError) -> None:
    """For a query of which nobody wants to know what happened to its requests."""


def unshared(request: Request, query_id: str) -> None:
    """For a query of which nobody wants to know whose statements answer it."""


def untold(message: str) -> None:
    """For a query whose user is told nothing but its answer."""


def endless() -> float:
    """For a query that may take as long as it likes."""
    return float("inf")


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What one query tells its sources. ``query_id`` is made of [0-9a-f] only, so that it can stand in a comment."""

    query_id: str
    requests: int
    """How many requests this query has for the source: with more than one, all must see the same snapshot."""
    batch_rows: int = 65_536
    timezone: str = "UTC"
    """The zone in which expressions over timestamptz are cut (``date_trunc``); values always travel as instants."""
    is_ended: Callable[[], bool] = never
    """Whether nobody wants the answer any more: what ``begin`` asks while it waits."""
    answered: Callable[[], object] = nobody
    """To be called, if a session can, as soon as the source has answered anything: a greeting, the begin of a transaction."""
    asking: Callable[[Request], object] = unwatched
    """To be called, if a session can, when a request's turn has come, so that from then on the source is waited for."""
    connected: Callable[[Request], object] = unwatched
    """To be called, if a session can, when a request has what it needs of the source, a connection in a transaction say, and
    is sent itself: who waits from then on waits for rows."""
    retried: Callable[[Request, HanseError], object] = ignored
    """Called when a request is to be sent again, with what ended it."""
    notice: Callable[[str], object] = untold
    """What the user should know though the answer is right."""
    seconds_left: Callable[[], float] = endless
    """How long somebody will want the answer: nobody need begin what takes longer."""
    patience: Patience = Patience()
    """How long it may take to answer."""
    spill_folder: Path | None = None
    """Where answers are kept that must wait for one another; None is the system's folder for temporary files."""
    spill_bytes: int | None = None
    """How many bytes of such answers a session may keep there; None is no limit."""
    spill_space: SpillSpace = ENDLESS
    """And all sessions together."""
    batch_bytes: int | None = None
    """How large a batch should be at most, so that limits on what is read bite soon; None: as the source likes."""
    ceiling: Ceiling | None = None
    """What the source's own EXPLAIN may say of a request; only for connectors that are ``Explaining``."""
    arrived: Callable[[pa.RecordBatch], None] = uncounted
    """Called with every batch that a session keeps aside until its reader comes; raises what must end the query then."""
    again: Callable[[int, int], object] = uncounted_again
    """Called with rows and bytes that were kept aside and that nobody will take: all is asked again."""
    share: Share = NOBODY
    """Whose turn the query takes where it waits for what is scarce."""
    shares: bool = False
    """Whether rows of another query's statement will do, if that is the same and is sent after this query arrived."""
    shared: Callable[[Request, str], object] = unshared
    """Called where they do, with the id of that query."""
    at_start: tuple[int, ...] = ()
    """Fragments whose requests wait for nobody's keys, in the query's order: where requests take turns, they do so in that."""
    at_once: int | None = None
    """As many requests may be run at a time, each by one connection; None: as the session likes."""
    pinned: bool = False
    """Whether ``Pinning.pin`` is called before anything is read, so that what that takes is to be reserved."""
    moment: Callable[[], float] = time.time
    """Seconds since 1970, by a clock that does not run backwards while the query runs."""


class Session(Protocol):
    """One query's stay at one source: all its requests see one snapshot, read only."""

    @property
    def snapshot(self) -> str | None:
        """What the answers are a picture of (an exported snapshot's name, a position), or None if that is unknown."""

    def read(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        """Run the request and yield batches of exactly ``arrow.wire_schema(request.columns)``.

        Called at most once per request, each in a thread of its own. A value that its carrier cannot hold raises
        InvalidValue naming source, table and column. Leaving the iterator early ends the statement at the source.
        """

    def cancel(self) -> None:
        """End every running statement of the session at the source, within a second. Thread-safe, idempotent."""

    def close(self) -> None:
        """Give the connections back (or drop them, after a cancel). Idempotent; never raises."""


@runtime_checkable
class Timed(Protocol):
    """A session that knows how far away its source is: optional, for sources over a network."""

    @property
    def round_trip(self) -> float | None:
        """Seconds that an exchange took which gave the source nothing to do, the shortest so far; None: unknown."""


class Connector(Protocol):
    """One configured source."""

    @property
    def source(self) -> str:
        """The name under which users know it."""

    def load_catalog(self) -> SourceCatalog:
        """Read tables, keys and facts from the source; raises SourceUnreachable, SourceRefused."""

    def begin(self, context: ReadContext) -> Session:
        """Open a session for one query: reserve all that it will ever need of what is limited (``spi.permits``), and
        connect to nothing yet. Waits for that if it must, with a limit, and as long as ``context.is_ended`` is false.

        Execution begins sessions one after another, in the order of the sources' names; a session must be able to run
        all ``context.requests`` whatever the order in which their answers are read, and without waiting for others.
        """

    def close(self) -> None:
        """Drop every connection. Idempotent."""


@runtime_checkable
class Limited(Protocol):
    """A connector that knows how many connections it may have: optional, for sources over a network."""

    @property
    def connections(self) -> tuple[int, int]:
        """How many queries have now, and how many there may be."""


@runtime_checkable
class Replicated(Protocol):
    """A connector whose source has copies elsewhere, which may be read in its place: optional."""

    @property
    def replicas(self) -> "tuple[Connector, ...]":
        """Connectors of the same name, each to a server that has a copy, in the order in which to try them. They are asked
        with the source's own catalog and dialect; the connector closes them."""

    @property
    def hedges(self) -> bool:
        """Whether one of them may be asked too, where the source's own server takes longer than nearly always."""


@runtime_checkable
class InTurns(Protocol):
    """A connector whose sessions run one request after another, on one connection: optional."""

    in_turns: ClassVar[bool]
    """Whether they do."""


@runtime_checkable
class Estimating(Protocol):
    """A connector whose source can say, without running a statement, how many rows it expects: optional."""

    def expected(self, request: Request, parameters: tuple[Literal, ...], seconds: float) -> float | None:
        """Rows that the source expects of a request, asked for within so many seconds; None if it has nothing to go by.

        Raises what asking raises: planning goes on without.
        """


@runtime_checkable
class Explaining(Protocol):
    """A connector whose sessions heed ``ReadContext.ceiling``: optional. Before they run a request they ask the source for
    the plans of its statements, with ``Ceiling.check``."""

    explains: ClassVar[bool]
    """Whether they do."""


@runtime_checkable
class Composite(Protocol):
    """A connector that is made of others: requests go to these."""

    @property
    def shards(self) -> "Mapping[str, Connector]":
        """The parts by their names as sources: ``sales/0``."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """The kind of each part."""

    def meet(
        self, sources: "Mapping[str, Connector]", recall: Callable[[str], tuple[SourceCatalog, float] | None]
    ) -> None:
        """Learn of all sources that have tables of their own, parts included, by name; called once, before all else.
        ``recall`` tells what the catalog of a part was when somebody last read it, and when."""


@runtime_checkable
class Embedded(Protocol):
    """A connector whose tables the coordinator's DuckDB reads in place (``Capabilities.embedded``)."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files and folders that its relations read; DuckDB may open nothing else."""

    def attach(self, connection: Any) -> str | None:
        """Make the source's relations readable in a DuckDB instance (ATTACH, CREATE VIEW); called once per instance
        before it reads the source, and again after ``load_catalog``; must be idempotent.

        What the instance holds open from then on, whatever becomes of the files, is told as the token that
        ``Versioned.version`` had at that moment; None: files are opened whenever they are read."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """What an entry point of the group ``hanse.connectors`` names: a kind, its options, and how to connect.

    ``options`` is a pydantic model that forbids extra fields; secrets in it are ``SecretStr``. ``connect`` gets the
    source's name, its options and the folder to which relative paths refer; it opens nothing yet.
    """

    kind: str
    options: type[BaseModel]
    connect: Callable[[str, Any, Path], Connector]


class KeyShipping(BaseModel):
    """How many keys of other sources may be sent to a source for one table; without a cap, as many as are worth it."""

    model_config = {"extra": "forbid", "frozen": True}
    keys_max: int | None = Field(default=None, ge=1)
    """How many distinct keys, for one join."""
    bytes_max: int | None = Field(default=None, ge=1)
    """How many bytes of SQL the keys may be, for one join."""
    batches_max: int | None = Field(default=None, ge=1)
    """Into how many statements keys may be divided that are too many for one."""
    over: OneOf["scan", "fail"] = "scan"
    """What becomes of more than a cap: scan reads by the keys' range, or the whole; fail refuses the query, and as long as
    the caps are kept keys are sent even where a scan seems cheaper."""

    @property
    def caps(self) -> KeyCaps:
        """The same for the planner."""
        return KeyCaps(self.keys_max, self.bytes_max, self.batches_max, self.over == "fail")


class TableFilter(BaseModel):
    """The options that every source has: which schemas and tables to show, as shell patterns; empty shows all."""

    model_config = {"extra": "forbid"}
    schemas: list[str] = []
    """Shell patterns of the schemas to show; by default all."""
    tables: list[str] = []
    """Shell patterns of the tables to show, as ``table`` or ``schema.table``; by default all."""


class ServerOptions(TableFilter):
    """The options of sources that are asked in SQL."""

    key_shipping: KeyShipping = KeyShipping()
    """Caps on the keys that joins send to the source."""
    breaker: BreakerOptions = BreakerOptions()
    """When the source is left alone because it fails."""
    retry: RetryOptions = RetryOptions()
    """How queries of the profile ``batch`` ask again."""
    limits: SourceLimits = SourceLimits()
    """What all queries together may ask of the source."""
    deadlines: DeadlineOptions = DeadlineOptions()
    """How long it may take to answer."""

    @property
    def reached_within(self) -> float | None:
        """Seconds in which it answers anything if it is there; None: its sessions do not say when it has."""
        return None

    @property
    def protection(self) -> Protection:
        """How the source is spared."""
        deadlines = self.deadlines
        if deadlines.connect is None:
            deadlines = deadlines.model_copy(update={"connect": self.reached_within})
        return Protection(self.breaker, self.retry, self.limits, deadlines)
