"""What the planner knows of a table: its columns and the facts on which a verdict rests. Captured, never asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from hanse.ir.sharding import Home, Route, Sharding
from hanse.ir.types import Type


class Verdict(StrEnum):
    """What a source may be trusted with: its answer is right, contains the right one, or must not be asked for."""

    EXACT = "EXACT"
    SUPERSET = "SUPERSET"
    NO = "NO"


@dataclass(frozen=True, slots=True)
class Collation:
    """How a source compares a text column, as its catalog says. The default is the worst case."""

    name: str = ""
    equal_is_bytewise: bool = False
    """``=``, IN, GROUP BY and DISTINCT tell apart every two different strings (deterministic, NO PAD)."""
    order_is_codepoint: bool = False
    """``<`` and ORDER BY go by code point (the collations C, POSIX, utf8mb4_bin with NO PAD, BINARY)."""
    bytes_max: int | None = None
    """The most bytes that a value can have, where the source's sorts look at no more than so many; None: unknown."""


@dataclass(frozen=True, slots=True)
class TableColumn:
    """One column of a table as the source declares it."""

    name: str
    """As stored at the source, in its own case."""
    type: Type
    nullable: bool = True
    remote_type: str = ""
    """The declared type in the source's words, for DESCRIBE."""
    read_as: str | None = None
    """How the source must be asked for the value, in its SQL with ``{0}`` for the column: ``{0}::text``; None: plainly.
    Predicates that are pushed use the same form, so that both sides speak of the same value."""
    no_pushdown: str | None = None
    """Why nothing about this column may be decided at the source (lossy or doubtful there); None: it may."""
    collation: Collation = Collation()
    comment: str = ""


@dataclass(frozen=True, slots=True)
class HiddenColumn:
    """A column that cannot be read, with the reason: shown by DESCRIBE, never left out silently."""

    name: str
    remote_type: str
    reason: str


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What is known of a column's values. Values are the Python carriers of the column's type (``ir.types``); whatever is
    None or empty is unknown. Estimates may rest on this, answers never."""

    distinct: float | None = None
    """Different values, NULL not counted."""
    null_fraction: float | None = None
    minimum: Any = None
    maximum: Any = None
    common: tuple[tuple[Any, float], ...] = ()
    """The most frequent values, each with its share of all rows (those with NULL included), most frequent first."""
    histogram: tuple[Any, ...] = ()
    """Bounds of buckets with equally many rows, over the values that are not among ``common``; at least two."""
    width: float | None = None
    """Average bytes of a value that is not NULL."""
    correlation: float | None = None
    """Between the order of values and that of rows on disk, from -1 to 1."""


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """What is known of a table's rows; ``columns`` by name, only those of which something is known."""

    row_count: float | None = None
    columns: Mapping[str, ColumnStatistics] = field(default_factory=dict, hash=False)
    taken_at: float | None = None
    """Seconds since 1970 at which the source counted, as far as it says."""
    origin: str = ""
    """Where the numbers are from: pg_stats, index cardinalities, file footers ..."""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Every row's ``columns`` (if none is NULL) are the ``referenced`` columns of a row of another table of the source."""

    columns: tuple[str, ...]
    schema: str
    table: str
    referenced: tuple[str, ...]
    enforced: bool = False
    """Whether no row that a statement sees can break it; else it is but what somebody meant."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table or view of one source. ``relation`` is how that source's SQL names it, quoted, free of secrets."""

    source: str
    schema: str
    name: str
    columns: tuple[TableColumn, ...]
    relation: str
    hidden: tuple[HiddenColumn, ...] = ()
    primary_key: tuple[str, ...] = ()
    unique_keys: tuple[tuple[str, ...], ...] = ()
    row_count: int | None = None
    """As the source's catalog estimates it; None: unknown."""
    is_view: bool = False
    comment: str = ""
    details: tuple[tuple[str, str], ...] = field(default=())
    """More facts for DESCRIBE, such as the files of a files source."""
    foreign_keys: tuple[ForeignKey, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    """The columns of each index by which the source finds rows, in order."""
    statistics: TableStatistics | None = field(default=None, compare=False, repr=False)
    """None: the source has none. Two tables that differ in this alone are the same table."""
    ranges: tuple[str, ...] = field(default=(), compare=False, repr=False)
    """Conditions in the source's SQL, of which every row of the table meets exactly one, at any time: so it may be read in
    parts at once. Empty: it may not, or had better not."""
    sharding: Sharding | None = field(default=None, compare=False, repr=False)
    """Its shards, if the table is a logical one: ``optimize`` puts what is physical in its place."""
    home: Home | None = field(default=None, compare=False, repr=False)
    """Which part of a logical table it is; None: it is a whole table."""
    route: Route | None = field(default=None, compare=False, repr=False)
    """How run time finds the shard that is meant; None: the table is where ``source`` says."""

    def column(self, name: str) -> TableColumn:
        """The column of exactly that name; raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def __str__(self) -> str:
        return ".".join(part for part in (self.source, self.schema, self.name) if part)
