"""What is known of each column of a plan: how its text compares at its source, and whether anything may be decided there."""

from dataclasses import dataclass

from hanse.ir import plan as p
from hanse.ir.expr import Column, Expr, Literal, Ref
from hanse.ir.tables import Collation
from hanse.ir.walk import nested
from hanse.spi.dialect import BYTEWISE


@dataclass(frozen=True, slots=True)
class Fact:
    """A column's collation, and the reason why its source may only read it."""

    collation: Collation = Collation()
    no_pushdown: str | None = None


UNKNOWN = Fact()
_CONSTANT = Fact(BYTEWISE)
Facts = dict[int, Fact]


def facts_of(plan: p.Plan, known: Facts | None = None) -> Facts:
    """The facts of every column in the plan, subqueries included, beside those that are known already; a column that is
    missing is UNKNOWN."""
    found: Facts = dict(known or {})
    _collect(plan, found, {})
    return found


def _collect(plan: p.Plan, found: Facts, ctes: dict[str, tuple[Column, ...]]) -> None:
    if isinstance(plan, p.Cte):
        _collect(plan.definition, found, ctes)
        ctes[plan.name] = plan.definition.columns
        _collect(plan.body, found, ctes)
        return
    for child in plan.inputs:
        _collect(child, found, ctes)
    for inner in nested(plan):
        _collect(inner, found, ctes)
    match plan:
        case p.Scan():
            _of_scan(plan, found)
        case p.Project():
            for column, value in plan.items:
                found[column.id] = _of_expression(value, found)
        case p.SetOperation():
            for output, left, right in zip(plan.outputs, plan.left.columns, plan.right.columns, strict=True):
                found[output.id] = _of_both(found.get(left.id, UNKNOWN), found.get(right.id, UNKNOWN))
        case p.CteScan() if plan.name in ctes:
            for output, column in zip(plan.outputs, ctes[plan.name], strict=True):
                found[output.id] = found.get(column.id, UNKNOWN)


def _of_scan(plan: p.Scan, found: Facts) -> None:
    columns = {column.name: column for column in plan.table.columns}
    for column, name in plan.outputs:
        known = columns[name]
        found[column.id] = Fact(known.collation, known.no_pushdown)


def _of_expression(value: Expr, found: Facts) -> Fact:
    if isinstance(value, Ref):
        return found.get(value.id, UNKNOWN)
    return _CONSTANT if isinstance(value, Literal) else UNKNOWN


def _of_both(left: Fact, right: Fact) -> Fact:
    collation = left.collation if left.collation == right.collation else Collation()
    return Fact(collation, left.no_pushdown or right.no_pushdown)
