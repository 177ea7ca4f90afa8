"""Typed expressions. ``bind`` makes every coercion an explicit ``Cast``: an operator's operands already have its types.

A column is a number, unique within one plan; its name is for people. So a rule may move an expression anywhere below
or above without renaming. Operators are calls under their PostgreSQL spelling (``=``, ``+``, ``||``, ``and``, ``->>``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hanse.ir.types import BOOLEAN, Type

if TYPE_CHECKING:
    from hanse.ir.plan import Plan


@dataclass(frozen=True, slots=True)
class Interval:
    """PostgreSQL's interval: three counts that are not folded into one another (manual, section 8.5.4)."""

    months: int = 0
    days: int = 0
    microseconds: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a plan: ``id`` is unique within the plan, ``name`` is what a user called it."""

    id: int
    name: str
    type: Type
    nullable: bool = True

    def ref(self) -> "Ref":
        """The expression that reads this column."""
        return Ref(self.type, self.id, self.name)


class _Remembering:
    """Room for what a walk derives from an expression; no field itself: neither compared nor shown nor copied."""

    __slots__ = ("_reads", "_subqueries")
    _reads: frozenset[int]
    """See ``walk.reads``."""
    _subqueries: tuple["Plan", ...]
    """See ``walk.subqueries``."""


@dataclass(frozen=True, slots=True)
class Expr(_Remembering):
    """Any scalar expression; ``type`` is what it yields."""

    type: Type


@dataclass(frozen=True, slots=True)
class Ref(Expr):
    """The value of a column of the input, or, inside a subquery, of an enclosing plan (correlation)."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Literal(Expr):
    """A constant. ``value`` is None for NULL, else the Python carrier of ``type`` (``ir.types``)."""

    value: Any


@dataclass(frozen=True, slots=True)
class Parameter(Expr):
    """A value that the caller gives with each run, by its place (0-based) among the parameters of the statement."""

    index: int


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """A scalar function or operator, by PostgreSQL's name in lower case; ``and``/``or`` take two or more operands."""

    name: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Cast(Expr):
    """A conversion to ``type`` with PostgreSQL's rules; a value that does not fit is an error, never a rounding of digits
    before the point. ``safe`` is TRY_CAST: what does not convert is NULL."""

    arg: Expr
    safe: bool = False


@dataclass(frozen=True, slots=True)
class Case(Expr):
    """CASE WHEN: the first branch whose condition is true, else ``otherwise``; every branch has the type of the whole."""

    branches: tuple[tuple[Expr, Expr], ...]
    otherwise: Expr | None = None


@dataclass(frozen=True, slots=True)
class InList(Expr):
    """``arg IN (items)`` under SQL's three-valued logic; NOT IN is ``not`` around it."""

    arg: Expr
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class InKeys(Expr):
    """True for rows whose ``args`` together are among the keys that fill the hole at run time (``fragment.Hole``); never
    where one of them is NULL.

    A source may answer with more rows: what the keys came from is joined with them again at the coordinator."""

    args: tuple[Expr, ...]
    hole: int


@dataclass(frozen=True, slots=True)
class Scalar(Expr):
    """A subquery of one column used as a value: NULL without a row, an error (21000) with more than one."""

    plan: "Plan"


@dataclass(frozen=True, slots=True)
class Exists(Expr):
    """EXISTS (subquery); NOT EXISTS is ``not`` around it."""

    plan: "Plan"


@dataclass(frozen=True, slots=True)
class Quantified(Expr):
    """``args operator ANY|ALL (subquery)``; IN is ``= any``, NOT IN is ``not`` around that. Row-wise if several args."""

    args: tuple[Expr, ...]
    operator: str
    every: bool
    plan: "Plan"


@dataclass(frozen=True, slots=True)
class SortKey:
    """One term of an ORDER BY; NULL order is always explicit (PostgreSQL's default: NULLs are the greatest)."""

    expr: Expr
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """An aggregate call: ``name`` in lower case (``count`` without args is ``count(*)``), of type ``type``.

    ``order_by`` is what stands within the parentheses, or WITHIN GROUP for the ordered-set aggregates.
    """

    type: Type
    name: str
    args: tuple[Expr, ...] = ()
    distinct: bool = False
    filter: Expr | None = None
    order_by: tuple[SortKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a frame: ``unbounded preceding|following``, ``current row`` (offset None) or an offset to either side."""

    direction: str
    """``preceding``, ``following`` or ``current``."""
    offset: Expr | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A window frame; ``mode`` is rows, range or groups; ``exclude`` is no others, current row, group or ties."""

    mode: str
    start: Bound
    end: Bound
    exclude: str = "no others"


@dataclass(frozen=True, slots=True)
class WindowCall:
    """A window function: any aggregate, or row_number, rank, lag ...; ``frame`` None is PostgreSQL's default."""

    type: Type
    name: str
    args: tuple[Expr, ...] = ()
    partition_by: tuple[Expr, ...] = ()
    order_by: tuple[SortKey, ...] = ()
    frame: Frame | None = None
    distinct: bool = False
    filter: Expr | None = None
    ignore_nulls: bool = False


TRUE = Literal(BOOLEAN, True)


def conjuncts(predicate: Expr) -> Iterator[Expr]:
    """The conditions that ``predicate`` joins by AND, each on its own; TRUE yields none."""
    if isinstance(predicate, Call) and predicate.name == "and":
        for arg in predicate.args:
            yield from conjuncts(arg)
    elif not (isinstance(predicate, Literal) and predicate.value is True):
        yield predicate


def conjunction(parts: "list[Expr] | tuple[Expr, ...]") -> Expr:
    """The parts joined by AND; TRUE when there are none."""
    if not parts:
        return TRUE
    return parts[0] if len(parts) == 1 else Call(BOOLEAN, "and", tuple(parts))
