"""Subqueries as expressions: scalar, EXISTS, and ARRAY(SELECT ...)."""

from sqlglot import exp

from hanse.bind import functions
from hanse.bind.place import Bound, Place
from hanse.bind.syntax import position
from hanse.errors import TypeMismatch
from hanse.ir import plan as p
from hanse.ir import types as t
from hanse.ir.expr import Aggregate, Expr, Literal, Ref, Scalar, SortKey
from hanse.ir.expr import Exists as ExistsExpr


def scalar(node: exp.Expr, place: Place) -> Expr:
    """``(SELECT ...)`` used as a value."""
    bound = _one_column(node, place)
    return Scalar(bound.columns[0].type, bound.plan)


def _one_column(node: exp.Expr, place: Place) -> Bound:
    bound = place.query(node)
    if len(bound.columns) != 1:
        raise TypeMismatch("subquery must return only one column", sqlstate="42601", position=position(node))
    return bound


def exists(node: exp.Exists, place: Place) -> Expr:
    """``EXISTS (SELECT ...)``."""
    return ExistsExpr(t.BOOLEAN, place.query(node.this).plan)


def array(node: exp.Expr, place: Place) -> Expr:
    """``ARRAY(SELECT ...)``: the rows in the subquery's order; no rows give an empty array."""
    bound = _one_column(node, place)
    value, type = bound.columns[0], t.array(bound.columns[0].type)
    plan, keys = _ordered(bound.plan, value.ref())
    call = Aggregate(type, "array_agg", (value.ref(),), order_by=keys)
    column = place.session.column("array", type)
    items = Scalar(type, p.Aggregate(plan, (), ((column, call),)))
    return functions.resolve("coalesce", (items, Literal(type, ())), position(node))


def _ordered(plan: p.Plan, value: Ref) -> tuple[p.Plan, tuple[SortKey, ...]]:
    """The plan below the one that drops hidden sort columns, and the order of its rows."""
    inner = plan
    if isinstance(plan, p.Project) and any(expr == value for _, expr in plan.items):
        inner = plan.input
    below = inner.input if isinstance(inner, p.Limit) else inner
    if not isinstance(below, p.Sort):
        return plan, ()
    return (inner if isinstance(inner, p.Limit) else below.input), below.keys
