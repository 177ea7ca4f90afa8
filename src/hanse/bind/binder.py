"""The entry: a statement, the tables and a guard in; a typed plan out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlglot import exp

from hanse.bind import coercion, expressions, queries
from hanse.bind.copies import apart
from hanse.bind.place import BindContext, Bound, Guard, Moment, Session
from hanse.bind.special import moment_at
from hanse.bind.syntax import position
from hanse.bind.tables import Tables
from hanse.errors import ResourceLimit, Unsupported
from hanse.ir.expr import Column, Expr, Literal, Parameter
from hanse.ir.plan import Guard as GuardPlan
from hanse.ir.plan import Plan, Scan
from hanse.ir.types import DATE, INT64, NULL, TEXT, Type
from hanse.ir.walk import expressions as expressions_of
from hanse.ir.walk import map_expr, map_expressions, map_plans, walk_expr
from hanse.ir.walk import plans as plans_of

__all__ = ["BindContext", "BoundQuery", "Parsed", "Tables", "allow_all", "bind"]


class Parsed(Protocol):
    """What bind reads of a parsed statement."""

    @property
    def syntax(self) -> exp.Expr | None:
        """The query's tree."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters."""


@dataclass(frozen=True, slots=True)
class BoundQuery:
    """A typed plan whose columns are the query's, under the names that a user sees.

    ``parameter_types`` are what each parameter was taken for, by index; text where nothing decided. ``row_counts`` are
    further parameters of the plan, after those: a parameter's index and the clause (LIMIT, OFFSET) in which it stands.
    """

    plan: Plan
    columns: tuple[Column, ...]
    parameter_types: tuple[Type, ...] = ()
    row_counts: tuple[tuple[int, str], ...] = ()
    moments: tuple[tuple[Moment, Literal], ...] = ()
    """What was made of the statement's start: ``now()``, CURRENT_DATE and the like."""
    places: Mapping[str, int] = field(default_factory=dict, hash=False)
    """Where the statement names each of its tables first, as 0-based offsets."""

    @property
    def is_momentary(self) -> bool:
        """Whether no later statement can have the same plan: it reads the clock more finely than by days."""
        return any(value.type != DATE for _, value in self.moments)

    def holds_at(self, context: BindContext) -> bool:
        """Whether a statement that starts then would be bound to the same plan, as far as the clock decides."""
        return all(moment_at(what, context) == value for what, value in self.moments)


def allow_all(scan: Scan) -> Plan:
    """The guard without policies: everything may be seen, and nothing is in the way of a rule."""
    return GuardPlan(scan, obligation="open", is_open=True)


def bind(statement: Parsed, tables: Tables, guard: Guard, context: BindContext) -> BoundQuery:
    """Resolve names and types; raises UserError with a position, or SourceUnreachable for an unreadable source."""
    if statement.syntax is None:
        raise Unsupported("there is no query to bind")
    session = Session(tables, guard, context, expressions.expression, queries.query)
    token = coercion.session_zone.set(context.timezone)
    try:
        bound = queries.query(statement.syntax, None, {}, session)
    except RecursionError:
        raise ResourceLimit("the statement is nested too deeply", sqlstate="54001") from None
    finally:
        coercion.session_zone.reset(token)
    if not bound.columns:
        raise Unsupported("the query has no columns", position=position(statement.syntax), hint="select something")
    bound = replace(bound, plan=apart(bound.plan, lambda: next(session.ids)))
    query = _with_parameters(bound, statement, session)
    return replace(query, moments=tuple(session.moments.items()), places=session.places)


def _with_parameters(bound: Bound, statement: Parsed, session: Session) -> BoundQuery:
    """Fix each parameter to one type: the declared one, else the first that its surroundings gave it."""
    plan = bound.plan
    if not statement.parameters:
        return BoundQuery(plan, plan.columns)
    declared = dict(enumerate(session.context.parameter_types))
    found: dict[int, Type] = {index: type for index, type in declared.items() if type != NULL}
    for node in plans_of(plan):
        for expr in expressions_of(node):
            for part in walk_expr(expr):
                if isinstance(part, Parameter):
                    found.setdefault(part.index, part.type)
    for index, _ in session.row_counts:
        found.setdefault(index, INT64)
    count = len(statement.parameters)
    types = tuple(found.get(index, TEXT) for index in range(count))

    def one_type(part: Expr) -> Expr:
        if isinstance(part, Parameter) and part.index < 0:
            return Parameter(part.type, count - 1 - part.index)
        if isinstance(part, Parameter) and part.type != types[part.index]:
            same = Parameter(types[part.index], part.index)
            return coercion.coerce(same, part.type, None, "explicit")
        return part

    plan = map_plans(plan, lambda node: map_expressions(node, lambda x: map_expr(x, one_type)))
    return BoundQuery(plan, plan.columns, types, tuple(session.row_counts))
