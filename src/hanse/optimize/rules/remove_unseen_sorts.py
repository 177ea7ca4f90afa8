"""Drop a sort whose order nobody sees.

    Aggregate: count()         Aggregate: count()
    └─ Sort: a.x         =>    └─ a
       └─ a

When     between the Sort and the end of the query, a LIMIT or a DISTINCT ON stands an operator that has no order.
Safe     SQL promises an order only to those.
Not      SELECT * FROM (SELECT * FROM a ORDER BY x LIMIT 5) s: the LIMIT sees it. An aggregate that collects values
         (array_agg, string_agg, json_agg) keeps the order of a subquery below it, as PostgreSQL's manual says it usually does.
Order    none.
"""

from dataclasses import replace

from hanse.ir import plan as p
from hanse.ir.expr import Aggregate, Expr
from hanse.ir.walk import map_expr, map_expressions, type_of_subquery, with_inputs
from hanse.optimize.rule import Context

COLLECTING = frozenset({"array_agg", "string_agg", "json_agg", "jsonb_agg", "json_object_agg"})
_PASSES_ORDER = (p.Project, p.Filter, p.Guard)
_SEES_ORDER = (p.Limit,)


class RemoveUnseenSorts:
    """See the module."""

    name = "remove_unseen_sorts"
    matches = (p.Plan,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Walk the whole plan, top down."""
        return _visit(node, True, context)


def _visit(node: p.Plan, seen: bool, context: Context) -> p.Plan:
    if context.holds_subquery(node):
        node = map_expressions(node, lambda x: _within(x, context))
    if isinstance(node, p.Sort) and not seen:
        return _visit(node.input, False, context)
    if isinstance(node, p.Cte):
        return with_inputs(node, (_visit(node.definition, False, context), _visit(node.body, seen, context)))
    below = _shows_order(node) or (seen and isinstance(node, _PASSES_ORDER))
    return with_inputs(node, tuple(_visit(child, below, context) for child in node.inputs))


def _shows_order(node: p.Plan) -> bool:
    if isinstance(node, p.Aggregate):
        return any(_collects(call) for _, call in node.calls)
    return isinstance(node, _SEES_ORDER) or (isinstance(node, p.Distinct) and bool(node.on))


def _collects(call: Aggregate) -> bool:
    return call.name in COLLECTING and not call.order_by


def _within(value: Expr, context: Context) -> Expr:
    def visit(part: Expr) -> Expr:
        if not isinstance(part, type_of_subquery):
            return part
        plan = _visit(part.plan, False, context)
        return part if plan is part.plan else replace(part, plan=plan)

    return map_expr(value, visit)
