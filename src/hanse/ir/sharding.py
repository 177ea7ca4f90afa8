"""How a table's rows are spread over shards, and on which shards a value lives.

A *sharded* table is logical: no source has it; each shard has a physical table with some of its rows. A ``Scheme`` says
where the row of a key lives. Everything here errs to the safe side: a shard too many costs a statement, one too few a row.
Rows whose key is NULL may be anywhere.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from hanse.ir import expr as e
from hanse.ir.hashes import hasher
from hanse.ir.types import Kind

if TYPE_CHECKING:
    from hanse.ir.request import Request
    from hanse.ir.tables import Table

Shards = frozenset[int]


def owner(source: str) -> str:
    """The name in the configuration of a source that may be a shard: ``sales`` of ``sales/3``."""
    return source.partition("/")[0]


class Ask(Protocol):
    """Asks sources in the name of a query."""

    def check(self) -> None:
        """Raise what has ended the query."""

    def rows(self, request: "Request") -> list[tuple[Any, ...]]:
        """All rows of a request; raises HanseError, GuardrailRefused where its table may not be read whole."""


class Directory(Protocol):
    """Knows, for a while, where each key lives: what planning must not rely on, for a plan may be used for longer."""

    @property
    def is_old(self) -> bool:
        """Whether ``freshen`` would ask."""

    def freshen(self, ask: Ask) -> None:
        """See to it that what is known is not too old. Called when a run starts; raises HanseError."""

    def shards_of(self, key: Any) -> Shards | None:
        """Where rows with the key can be; None if it is not known. Raises UserError if every key should be known."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """Where the row of a key lives. Two tables of one source with equal schemes keep equal keys on the same shard."""

    method: str
    """``hash``, ``range``, ``list`` or ``lookup``."""
    kind: Kind
    """That of the key; every integer is INT64 here, since equal numbers live together whatever their width."""
    count: int
    """How many shards there are."""
    function: str = ""
    assignment: tuple[int, ...] = ()
    """For hash: the shard of each remainder; as many as the modulus says."""
    ranges: tuple[tuple[Any, Any, int], ...] = ()
    """For range: from (included) and to (not included), None where it is open, and the shard."""
    values: tuple[tuple[Any, int], ...] = ()
    """For list: each value and its shard."""
    other: int | None = None
    """For list: the shard of all values that are not listed; None: there are no others."""

    directory: Directory | None = None
    """For lookup: who knows."""
    strays: bool = False
    """For lookup: rows of a key that is not known may be on any shard, on several too."""

    @property
    def all(self) -> Shards:
        """Every shard."""
        return frozenset(range(self.count))

    def shards_of(self, value: Any) -> Shards:
        """Where rows with that key can be: at most one shard, unless there are strays. ``value`` is the carrier of the key's
        type, not None."""
        if self.directory is not None:
            found = self.directory.shards_of(value)
            return self.all if found is None else found
        match self.method:
            case "hash":
                number = hasher(self.function, self.kind)(value)
                return frozenset((self.assignment[number % len(self.assignment)],))
            case "range":
                return frozenset(
                    shard
                    for low, high, shard in self.ranges
                    if (low is None or low <= value) and (high is None or value < high)
                )
            case _:
                listed = frozenset(shard for known, shard in self.values if known == value)
                return listed or (frozenset() if self.other is None else frozenset((self.other,)))

    def shards_within(self, low: Any, high: Any) -> Shards:
        """Where rows with a key between the two, both included, can be; None is open."""
        if self.method == "range":
            return frozenset(
                shard
                for start, end, shard in self.ranges
                if (high is None or start is None or start <= high) and (low is None or end is None or low < end)
            )
        if self.method == "list" and self.other is None:
            return frozenset(
                shard
                for value, shard in self.values
                if (low is None or low <= value) and (high is None or value <= high)
            )
        return self.all


@dataclass(frozen=True, slots=True)
class Sharding:
    """What makes a table a logical one."""

    tables: "tuple[Table, ...]" = field(compare=False, repr=False)
    """The physical table of each shard, in the shards' order."""
    key: str = ""
    """The column by whose value rows are spread; empty where nobody knows."""
    scheme: Scheme | None = None
    copies: bool = False
    """Every shard has all the rows."""
    uniform: bool = False
    """All shards are of one kind and version and declare the table alike, so that a plan for one is good for any."""
    lost: Shards = frozenset()
    """Shards without whose rows the answer is made."""
    unread: Shards = frozenset()
    """Shards of which nobody knows what tables they have: theirs are assumed, and they are not asked by them."""

    @property
    def read(self) -> "tuple[Table, ...]":
        """The physical tables that are known."""
        return tuple(table for place, table in enumerate(self.tables) if place not in self.unread)


@dataclass(frozen=True, slots=True)
class Home:
    """Stands at a physical table: which part of what it is."""

    source: str
    """The sharded source."""
    shard: int
    key: str
    scheme: Scheme | None
    tests: tuple[e.Expr, ...] = ()
    """Conditions that all rows pass which matter, over parameters: run time knows whether this shard has any."""
    ids: Shards = frozenset()
    """Ids of the columns that hold the key, in ``tests``."""


@dataclass(frozen=True, slots=True)
class Route:
    """Stands at a table of which the one shard is meant where a constant lives that only run time knows."""

    scheme: Scheme
    value: e.Expr
    """A parameter, perhaps widened."""
    tables: "tuple[Table, ...]" = field(compare=False, repr=False)
    nowhere: int = 0
    """The shard to ask where no shard can have the constant: any knows that there are no such rows."""
