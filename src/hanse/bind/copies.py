"""Tells apart the copies of a subquery that stands in two places: each gets columns of its own.

``x BETWEEN a AND b`` means ``x >= a AND x <= b``, and comparisons of rows and CASE x WHEN repeat an operand as well. An
operand with a subquery in it would make the same columns twice, which no plan may do.
"""

from collections.abc import Callable

from hanse.ir.copies import copied
from hanse.ir.plan import Plan
from hanse.ir.walk import map_expressions, map_subqueries, nested, with_inputs


def apart(plan: Plan, fresh: Callable[[], int]) -> Plan:
    """The plan with every subquery's columns made once; ``fresh`` gives ids that no column has."""
    seen: set[int] = set()

    def visit(node: Plan) -> Plan:
        node = with_inputs(node, tuple(map(visit, node.inputs)))
        if nested(node):
            return map_expressions(node, lambda x: map_subqueries(x, once))
        return node

    def once(query: Plan) -> Plan:
        if _made(query) & seen:
            query = copied(query, fresh)
        seen.update(_made(query))
        return visit(query)

    return visit(plan)


def _made(plan: Plan) -> set[int]:
    """Ids of the columns of a query, without those of the subqueries in it."""
    return {column.id for column in plan.columns}.union(*map(_made, plan.inputs))
