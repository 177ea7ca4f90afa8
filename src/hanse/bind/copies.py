"""Tells apart the copies of a subquery that stands in two places: each gets columns of its own.

``x BETWEEN a AND b`` means ``x >= a AND x <= b``, and comparisons of rows and CASE x WHEN repeat an operand as well. An
operand with a subquery in it would make the same columns twice, which no plan may do.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from hanse.ir.expr import Column, Ref
from hanse.ir.plan import Cte, CteScan, Plan
from hanse.ir.tables import Table
from hanse.ir.types import Type
from hanse.ir.walk import expressions, map_expressions, map_subqueries, plans, subqueries, with_inputs

T = TypeVar("T")


def apart(plan: Plan, fresh: Callable[[], int]) -> Plan:
    """The plan with every subquery's columns made once; ``fresh`` gives ids that no column has."""
    seen: set[int] = set()

    def visit(node: Plan) -> Plan:
        node = with_inputs(node, tuple(map(visit, node.inputs)))
        if any(map(subqueries, expressions(node))):
            return map_expressions(node, lambda x: map_subqueries(x, once))
        return node

    def once(query: Plan) -> Plan:
        if _made(query) & seen:
            query = _copy(query, fresh)
        seen.update(_made(query))
        return visit(query)

    return visit(plan)


def _made(plan: Plan) -> set[int]:
    """Ids of the columns of a query, without those of the subqueries in it."""
    return {column.id for column in plan.columns}.union(*map(_made, plan.inputs))


def _copy(query: Plan, fresh: Callable[[], int]) -> Plan:
    inside = list(plans(query))
    ids = {id: fresh() for id in sorted({column.id for node in inside for column in node.columns})}
    names = {node.name: f"{node.name}_{fresh()}" for node in inside if isinstance(node, Cte)}
    return _renumbered(query, ids, names)


def _renumbered(value: T, ids: Mapping[int, int], names: Mapping[str, str]) -> T:
    """The value with other ids in all columns and references below it, and other names of its CTEs."""
    if isinstance(value, tuple):
        return tuple(_renumbered(item, ids, names) for item in value)  # type: ignore[return-value]
    if not is_dataclass(value) or isinstance(value, (type, Table, Type)):
        return value
    changed: dict[str, Any] = {}
    for field in fields(value):
        old = getattr(value, field.name)
        new = _renumbered(old, ids, names)
        if new is not old:
            changed[field.name] = new
    if isinstance(value, (Column, Ref)):
        changed["id"] = ids.get(value.id, value.id)
    if isinstance(value, (Cte, CteScan)):
        changed["name"] = names.get(value.name, value.name)
    return replace(value, **changed) if changed else value
