"""Plans: trees of relational operators over typed columns. A plan's ``columns`` are derived, never stored by hand.

Column ids are unique within a whole statement; a node passes its input's columns on or makes new ones. A constructor
refuses a node that cannot mean anything; ``ir.check`` tests whole trees.
"""

from dataclasses import dataclass
from enum import StrEnum

from hanse.ir.expr import Aggregate as AggregateCall
from hanse.ir.expr import Column, Expr, SortKey, WindowCall
from hanse.ir.tables import Table
from hanse.ir.types import BOOLEAN, Kind


class JoinKind(StrEnum):
    """How a join treats rows without a partner. SEMI and ANTI keep left rows with and without one, and yield left columns
    only; ANTI is NOT EXISTS (a NULL in the condition is no match), not NOT IN."""

    INNER = "inner"
    LEFT = "left"
    RIGHT = "right"
    FULL = "full"
    SEMI = "semi"
    ANTI = "anti"


FILTER_INTO_LEFT = frozenset({JoinKind.INNER, JoinKind.LEFT, JoinKind.SEMI, JoinKind.ANTI})
FILTER_INTO_RIGHT = frozenset({JoinKind.INNER, JoinKind.RIGHT})
"""The joins past which a filter on one side's columns may move into that side: they never fill these columns with NULL."""

CONDITION_INTO_LEFT = frozenset({JoinKind.INNER, JoinKind.RIGHT, JoinKind.SEMI})
CONDITION_INTO_RIGHT = frozenset({JoinKind.INNER, JoinKind.LEFT, JoinKind.SEMI, JoinKind.ANTI})
"""The joins whose condition, as far as it reads one side alone, may filter that side: a row of it without a partner is
not in the answer."""


class SetKind(StrEnum):
    """Set operations; each with and without ALL."""

    UNION = "union"
    INTERSECT = "intersect"
    EXCEPT = "except"


class _Remembering:
    """Room for what an operator derives from its fields; no field itself: neither compared nor shown nor copied."""

    __slots__ = ("_columns", "_nested", "_signature")
    _columns: tuple[Column, ...]
    _nested: tuple["Plan", ...]
    """See ``walk.nested``."""
    _signature: str | None
    """See ``signature.signature``."""


@dataclass(frozen=True, slots=True)
class Plan(_Remembering):
    """Any relational operator."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The output columns, in order; derived once, since every stage asks again and again."""
        try:
            return self._columns
        except AttributeError:
            found = self._yields()
            object.__setattr__(self, "_columns", found)
            return found

    def _yields(self) -> tuple[Column, ...]:
        """Derive the output columns from the fields."""
        raise TypeError(f"{type(self).__name__} has no columns")

    @property
    def inputs(self) -> tuple["Plan", ...]:
        """The operators below, left to right (subqueries inside expressions are not among them)."""
        return ()


@dataclass(frozen=True, slots=True)
class Scan(Plan):
    """A table read. ``outputs`` pairs each plan column with the column's name at the source."""

    table: Table
    outputs: tuple[tuple[Column, str], ...]

    def _yields(self) -> tuple[Column, ...]:
        """The columns read."""
        return tuple(column for column, _ in self.outputs)


@dataclass(frozen=True, slots=True)
class Guard(Plan):
    """Stands over every guarded scan. What may pass through it is decided by ``is_open``: an open guard (no policy) is
    transparent; a closed one lets only leak-proof expressions pass (DESIGN.md section 6)."""

    input: Plan
    obligation: str
    is_open: bool = True

    def _yields(self) -> tuple[Column, ...]:
        """Those of the input."""
        return self.input.columns

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """The guarded plan."""
        return (self.input,)


@dataclass(frozen=True, slots=True)
class Values(Plan):
    """Rows of expressions; one row without columns is the input of a SELECT without FROM."""

    outputs: tuple[Column, ...]
    rows: tuple[tuple[Expr, ...], ...]

    def __post_init__(self) -> None:
        if any(len(row) != len(self.outputs) for row in self.rows):
            raise ValueError("VALUES rows differ in length")

    def _yields(self) -> tuple[Column, ...]:
        """One per expression of a row."""
        return self.outputs


@dataclass(frozen=True, slots=True)
class TableFunction(Plan):
    """A set-returning function in FROM (generate_series, unnest, json_each ...); ``outputs`` in its own order, with the
    1-based row number last if ``ordinality``. Its arguments may refer to the left side of a lateral join."""

    name: str
    args: tuple[Expr, ...]
    outputs: tuple[Column, ...]
    ordinality: bool = False

    def _yields(self) -> tuple[Column, ...]:
        """The columns of the function."""
        return self.outputs


@dataclass(frozen=True, slots=True)
class Filter(Plan):
    """The rows for which ``predicate`` is true (not false, not NULL)."""

    input: Plan
    predicate: Expr

    def __post_init__(self) -> None:
        if self.predicate.type.kind not in (BOOLEAN.kind, Kind.NULL):
            raise ValueError(f"a predicate is boolean, not {self.predicate.type}")

    def _yields(self) -> tuple[Column, ...]:
        """Those of the input."""
        return self.input.columns

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """The filtered plan."""
        return (self.input,)


@dataclass(frozen=True, slots=True)
class Project(Plan):
    """New columns from expressions; a column passed on keeps its id (``items`` holds ``(column, column.ref())``)."""

    input: Plan
    items: tuple[tuple[Column, Expr], ...]

    def _yields(self) -> tuple[Column, ...]:
        """The columns of the items."""
        return tuple(column for column, _ in self.items)

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """The projected plan."""
        return (self.input,)


@dataclass(frozen=True, slots=True)
class Join(Plan):
    """A join. ``lateral``: the right side refers to columns of the left (inner and left joins only). A cross join is an
    inner join on TRUE. Columns of the side that may be missing become nullable."""

    kind: JoinKind
    left: Plan
    right: Plan
    condition: Expr
    lateral: bool = False

    def __post_init__(self) -> None:
        if self.lateral and self.kind not in (JoinKind.INNER, JoinKind.LEFT):
            raise ValueError(f"a lateral join cannot be {self.kind}")

    def _yields(self) -> tuple[Column, ...]:
        """Left then right; left only for semi and anti joins."""
        if self.kind in (JoinKind.SEMI, JoinKind.ANTI):
            return self.left.columns
        left, right = self.left.columns, self.right.columns
        if self.kind in (JoinKind.RIGHT, JoinKind.FULL):
            left = tuple(Column(c.id, c.name, c.type) for c in left)
        if self.kind in (JoinKind.LEFT, JoinKind.FULL):
            right = tuple(Column(c.id, c.name, c.type) for c in right)
        return left + right

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """Left and right."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Aggregate(Plan):
    """Groups: ``keys`` are plain columns of the input (bind projects key expressions below), which keep their ids.

    ``sets`` are grouping sets, as tuples of places in ``keys``; None is the one set of all keys. Without keys and sets
    there is one group, even over no rows. ``grouping(...)`` is an aggregate call named ``grouping`` over key refs.
    """

    input: Plan
    keys: tuple[Column, ...]
    calls: tuple[tuple[Column, AggregateCall], ...]
    sets: tuple[tuple[int, ...], ...] | None = None

    def _yields(self) -> tuple[Column, ...]:
        """Keys then aggregates; keys are nullable under grouping sets."""
        keys = self.keys if self.sets is None else tuple(Column(k.id, k.name, k.type) for k in self.keys)
        return keys + tuple(column for column, _ in self.calls)

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """The grouped plan."""
        return (self.input,)


@dataclass(frozen=True, slots=True)
class Window(Plan):
    """Adds one column per window call to the input's."""

    input: Plan
    calls: tuple[tuple[Column, WindowCall], ...]

    def _yields(self) -> tuple[Column, ...]:
        """The input's, then the calls'."""
        return self.input.columns + tuple(column for column, _ in self.calls)

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """The plan that windows range over."""
        return (self.input,)


@dataclass(frozen=True, slots=True)
class Sort(Plan):
    """Orders rows. Only a Limit, a Distinct with ``on`` or the end of the query see the order."""

    input: Plan
    keys: tuple[SortKey, ...]

    def _yields(self) -> tuple[Column, ...]:
        """Those of the input."""
        return self.input.columns

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """The sorted plan."""
        return (self.input,)


@dataclass(frozen=True, slots=True)
class Limit(Plan):
    """At most ``count`` rows after skipping ``offset``; both are constant expressions of type bigint, None is no limit.
    ``with_ties`` keeps the rows that equal the last under the Sort directly below."""

    input: Plan
    count: Expr | None
    offset: Expr | None = None
    with_ties: bool = False

    def _yields(self) -> tuple[Column, ...]:
        """Those of the input."""
        return self.input.columns

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """The limited plan."""
        return (self.input,)


@dataclass(frozen=True, slots=True)
class Distinct(Plan):
    """One row of each kind; with ``on`` the first row (under the Sort directly below, if any) per value of these."""

    input: Plan
    on: tuple[Expr, ...] = ()

    def _yields(self) -> tuple[Column, ...]:
        """Those of the input."""
        return self.input.columns

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """The plan with duplicates."""
        return (self.input,)


@dataclass(frozen=True, slots=True)
class SetOperation(Plan):
    """UNION, INTERSECT, EXCEPT by position; both sides have the types of ``outputs``, whose ids are new."""

    kind: SetKind
    all: bool
    left: Plan
    right: Plan
    outputs: tuple[Column, ...]

    def __post_init__(self) -> None:
        if not len(self.left.columns) == len(self.right.columns) == len(self.outputs):
            raise ValueError("the sides of a set operation differ in their number of columns")

    def _yields(self) -> tuple[Column, ...]:
        """The new columns."""
        return self.outputs

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """Left and right."""
        return (self.left, self.right)


@dataclass(frozen=True, slots=True)
class Cte(Plan):
    """A named plan, computed once, and the ``body`` that reads it through ``CteScan``s of the same ``name``.

    ``name`` is unique within the statement. A recursive one has ``definition`` = SetOperation(UNION) of base and step, in
    which the step reads ``CteScan(name)``.
    """

    name: str
    definition: Plan
    body: Plan
    recursive: bool = False

    def _yields(self) -> tuple[Column, ...]:
        """Those of the body."""
        return self.body.columns

    @property
    def inputs(self) -> tuple[Plan, ...]:
        """Definition, then body."""
        return (self.definition, self.body)


@dataclass(frozen=True, slots=True)
class CteScan(Plan):
    """Reads a ``Cte``: ``outputs`` stand, by position, for the columns of its definition, under new ids."""

    name: str
    outputs: tuple[Column, ...]

    def _yields(self) -> tuple[Column, ...]:
        """The new columns."""
        return self.outputs


@dataclass(frozen=True, slots=True)
class FragmentScan(Plan):
    """Reads the rows of a fragment; only in the coordinator's plan, after split."""

    fragment: int
    outputs: tuple[Column, ...]

    def _yields(self) -> tuple[Column, ...]:
        """The columns that the fragment yields."""
        return self.outputs
