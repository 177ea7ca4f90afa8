"""What split yields: one subplan per source, and the plan that the coordinator runs over their rows."""

from dataclasses import dataclass, field
from typing import Any

from hanse.ir.expr import Column
from hanse.ir.plan import Plan
from hanse.ir.sharding import Home
from hanse.ir.tables import Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """What became of one operator or conjunct: sent (EXACT), sent and tested again here (SUPERSET), kept here (NO)."""

    what: str
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the planner expects; ``guess``: a part of it rests on nothing that is known."""

    rows: float
    bytes: float
    guess: bool = False

    def __str__(self) -> str:
        return f"~{self.rows:,.0f} row{'' if round(self.rows) == 1 else 's'}{' (a guess)' if self.guess else ''}"


@dataclass(frozen=True, slots=True)
class Fragment:
    """A subplan that one source answers as one request. Self-contained and free of secrets: a source id, never a URL."""

    id: int
    source: str
    plan: Plan
    decisions: tuple[Decision, ...] = ()
    estimate: Estimate | None = field(default=None, compare=False)
    """None: nobody has estimated."""
    ranges: tuple[str, ...] = field(default=(), compare=False)
    """Its statement is divided by these conditions on its one table (``Table.ranges``), unless keys narrow it; empty: it is
    one statement."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """What the fragment yields."""
        return self.plan.columns


@dataclass(frozen=True, slots=True)
class KeyCaps:
    """What the configuration allows of the keys of one join into one source; None is no cap."""

    keys_max: int | None = None
    bytes_max: int | None = None
    """Of the conditions on keys, as SQL."""
    batches_max: int | None = None
    fails: bool = False
    """Whether more than that is refused; else the fragment is read by the keys' range, or whole."""


@dataclass(frozen=True, slots=True)
class KeyOrigin:
    """A fragment that gives keys: the values of its columns, row by row."""

    fragment: int
    columns: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a fragment waits for keys, before all of it is begun to be read on trial (``Hole``)."""

    seconds: float | None
    """None: however late they are, as long as they are no more than expected."""
    rows: float
    """As many as all of it is expected to be."""
    worth: int
    """With that many keys reading by keys takes as long as reading all of it."""
    keys: int
    """More keys than that are not expected, and not awaited."""
    beside: float | None = None
    """None: keys are expected to pay. Else nobody expects it, and the scan that is begun is the answer unless few keys come:
    once no more of it can be kept, it waits for them that many seconds."""


@dataclass(frozen=True, slots=True)
class Hole:
    """Keys that run time ships: what is distinct of the finished ``origins``, all together, fills every ``InKeys`` condition
    of this ``id`` in the fragment ``target``. A key of several columns has as many parts, none of which is NULL."""

    id: int
    origins: tuple[KeyOrigin, ...]
    target: int
    target_columns: tuple[int, ...]
    keys_max: int
    """With more distinct keys than that, their range is sent, or nothing: the whole is then cheaper."""
    caps: KeyCaps = KeyCaps()
    """Those of the target's source."""
    divisible: bool = False
    """Whether the target's rows may be asked for in several statements, each with a part of the keys."""
    patience: Patience | None = None
    """None: keys are awaited as long as it takes."""
    home: Home | None = None
    """The part of a sharded table whose keys these are, by their first part: only those that live there are sent. None: all
    are."""
    weighed: "Weighed | None" = field(default=None, compare=False)
    """Why they are sent."""
    spans: tuple[tuple[Any, Any] | None, ...] = ()
    """The least and the greatest value of each of the target's columns, as far as statistics know: a range of keys that
    covers them leaves out nothing. Empty: nothing is known."""
    required: bool = False
    """Whether a guardrail allows the target to be read by these keys alone: without all of them one by one, nothing is sent."""

    lead: int | None = None
    """The part of a key of several columns whose column has an index, where none has all of them: its values are sent beside
    the rows of values, where that helps the source to find these."""

    @property
    def is_tried(self) -> bool:
        """Whether nobody expects that the keys pay, so that all of the target is read beside."""
        return self.patience is not None and self.patience.beside is not None


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the planner expected of keys. Costs are in bytes from a source on the same machine (``spi.pace``)."""

    keys: float
    by_keys: float
    """Reading what they come from, waiting for it, and then what they find."""
    whole: float
    """Reading the target whole, meanwhile."""

    def __str__(self) -> str:
        return f"~{self.keys:,.0f} keys, ~{amount(self.by_keys)} by keys, ~{amount(self.whole)} whole"


@dataclass(frozen=True, slots=True)
class RefusedKeys:
    """Keys that might have been sent and are not."""

    origins: tuple[KeyOrigin, ...]
    target: int
    reason: str
    weighed: Weighed


@dataclass(frozen=True, slots=True)
class SmallSide:
    """Rows that run time writes into a query: those of the ``origins`` stand in the text of ``target`` as tables, if they are
    few, and it answers in the place of the fragments ``instead``, which are not read then. Else these are, and it is not."""

    target: int
    origins: tuple[int, ...]
    instead: tuple[int, ...]
    rows_max: int
    """Of each origin."""
    bytes_max: int
    """Of all, as SQL."""


@dataclass(frozen=True, slots=True)
class FragmentGraph:
    """All fragments and the coordinator's plan, whose leaves are ``FragmentScan``s, ``Values`` and table functions."""

    fragments: tuple[Fragment, ...]
    coordinator: Plan
    decisions: tuple[Decision, ...] = ()
    """Why operators stayed at the coordinator, where no fragment is to blame."""
    holes: tuple[Hole, ...] = ()
    """Edges from fragment to fragment, without a cycle."""
    small_sides: tuple[SmallSide, ...] = ()
    """Further edges, from origins to targets and to those that are read instead. The plan of a target reads its origins by
    ``FragmentScan``; the coordinator's takes the rows of both alternatives, of which one yields none."""
    refused: tuple[RefusedKeys, ...] = field(default=(), compare=False)
    """Further edges that were possible, and did not pay."""
    estimate: Estimate | None = field(default=None, compare=False)
    """What the whole query is expected to yield; None: nobody has estimated."""


def amount(bytes: float) -> str:
    """A number of bytes as people write it."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if bytes >= size:
            return f"{bytes / size:,.1f} {unit}"
    return f"{bytes:,.0f} bytes"
