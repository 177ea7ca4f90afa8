"""Where an expression stands: what it may see, what it may contain, and what it contributes to its query.

``Session`` is what one statement shares: ids, tables, the start time. A ``Place`` is one clause of one query level;
aggregates, window calls and set-returning functions found there go to its collectors.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from sqlglot import exp

from hanse.bind.coercion import Untyped, coerce, is_untyped
from hanse.bind.scope import Scope
from hanse.bind.syntax import position
from hanse.bind.tables import Tables
from hanse.ir.expr import Aggregate, Column, Expr, Literal, Parameter, WindowCall
from hanse.ir.plan import Plan, Scan
from hanse.ir.types import BOOLEAN, INT64, NULL, TEXT, Type

Guard = Callable[[Scan], Plan]
"""Turns every scan into what the principal may see of it; the only way in which a table enters a plan."""


Moment = tuple[str, int | None]
"""``now``, ``current_date`` and the like, with the digits of a second that were asked for."""


@dataclass(frozen=True, slots=True)
class BindContext:
    """What a plan depends on besides text and tables.

    ``now`` is the statement's start (UTC). ``parameter_types`` go by index: NULL where the type is not known.
    ``search_path`` are sources, or ``source.schema``, in which a bare table name is looked for first.
    """

    now: dt.datetime
    timezone: str = "UTC"
    parameter_types: tuple[Type, ...] = ()
    search_path: tuple[str, ...] = ()


@dataclass(slots=True)
class Session:
    """What the binding of one statement shares. ``expression`` and ``query`` are the two recursive entries."""

    tables: Tables
    guard: Guard
    context: BindContext
    expression: "Callable[[exp.Expr, Place], Expr]"
    query: "Callable[[exp.Expr, Scope | None, Mapping[str, Any], Session], Bound]"
    """Takes the enclosing scope, if the query may see one, and the WITH names that it may use."""
    ids: Iterator[int] = field(default_factory=lambda: count(1))
    keys: dict[int, frozenset[int]] = field(default_factory=dict)
    """For a column of a table with a primary key, the ids of that key's columns."""
    cte_names: set[str] = field(default_factory=set)
    row_counts: list[tuple[int, str]] = field(default_factory=list)
    """Parameters that stand alone in LIMIT or OFFSET, with the clause: each use is a parameter of its own, which is
    never NULL nor negative (``outputs.rows_of``), so that every source can take it."""
    places: dict[str, int] = field(default_factory=dict)
    """Where the statement names each table first, by what ``str`` makes of the table."""
    moments: dict[Moment, Literal] = field(default_factory=dict)
    """What the statement made of its start: the plan holds only for statements that would make the same of theirs."""

    def column(self, name: str, type: Type, nullable: bool = True) -> Column:
        """A new column."""
        return Column(next(self.ids), name, type, nullable)

    def row_count(self, index: int, clause: str) -> Parameter:
        """What stands for a parameter in LIMIT or OFFSET; until all is bound, its number is negative."""
        use = (index, clause)
        if use not in self.row_counts:
            self.row_counts.append(use)
        return Parameter(INT64, -1 - self.row_counts.index(use))

    def parameter_type(self, index: int) -> Type:
        """The declared type of a parameter, NULL if none is."""
        types = self.context.parameter_types
        return types[index] if index < len(types) else NULL


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound query: its plan, whose columns carry the output names. ``untyped`` are output places that hold a literal or
    parameter whose type a set operation may still decide; in the plan they are text."""

    plan: Plan
    untyped: dict[int, Expr] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[Column, ...]:
        """The output columns."""
        return self.plan.columns


@dataclass(slots=True)
class Collector:
    """What the expressions of one query level contribute: calls to compute below them."""

    aggregates: dict[Aggregate, Column] = field(default_factory=dict)
    windows: dict[WindowCall, Column] = field(default_factory=dict)
    rows: list[tuple[str, tuple[Expr, ...], Column]] = field(default_factory=list)
    keys: dict[Expr, Column] = field(default_factory=dict)
    """Group keys, by the expression that they stand for."""
    named_windows: dict[str, exp.Window] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """One clause of one query level. A flag that is off means that PostgreSQL refuses such a call there."""

    session: Session
    scope: Scope
    clause: str
    collector: Collector | None = None
    aggregates: bool = False
    windows: bool = False
    rows: bool = False

    def bind(self, node: exp.Expr) -> Expr:
        """The expression, which may still be ``Untyped``."""
        return self.session.expression(node, self)

    def value(self, node: exp.Expr) -> Expr:
        """The expression with a type: what nothing decides is text."""
        return typed(self.bind(node))

    def query(self, node: exp.Expr) -> Bound:
        """A subquery, which sees this place from within."""
        return self.session.query(node, self.scope, self.scope.ctes, self.session)

    def condition(self, node: exp.Expr) -> Expr:
        """The expression as a boolean."""
        expr = self.bind(node)
        return expr if expr.type == BOOLEAN and not is_untyped(expr) else coerce(expr, BOOLEAN, position(node))

    def without(self, clause: str, *, windows: bool = False, aggregates: bool = False) -> "Place":
        """The same level inside a call: fewer kinds of calls are allowed there."""
        return replace(
            self, clause=clause, windows=windows and self.windows, aggregates=aggregates and self.aggregates, rows=False
        )


def typed(expr: Expr) -> Expr:
    """Text for a literal or parameter whose type nothing decided."""
    if isinstance(expr, Untyped) or (isinstance(expr, Literal) and expr.type == NULL):
        return coerce(expr, TEXT, None)
    return expr


def pairs(columns: tuple[Column, ...] | list[Column]) -> list[tuple[Column, Any]]:
    """Projection items that pass columns on."""
    return [(column, column.ref()) for column in columns]
