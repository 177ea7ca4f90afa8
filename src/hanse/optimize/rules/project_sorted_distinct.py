"""Compute what a sorted DISTINCT aggregate collects before the groups are formed.

    Aggregate: string_agg(distinct upper(s), ',' order by upper(s))    Aggregate: string_agg(distinct v, ',' order by v)
    └─ a                                                         =>    └─ Project: s, upper(s) as v
                                                                          └─ a

When     the call is DISTINCT, has an ORDER BY, and an argument of it is neither a column nor a constant.
Safe     the projection computes each row's value once, as the aggregate would; all other columns pass through.
Not      where the argument is volatile, or holds a subquery: such a one is computed where it was written.
Order    anywhere. An engine must see that what sorts is what is told apart, and compares expressions to do so: DuckDB does
         not know two calls with a lambda in them for the same.
"""

from dataclasses import replace

from hanse.ir import expr as e
from hanse.ir.plan import Aggregate, Plan, Project
from hanse.optimize.rule import Context, once

PLAIN = (e.Ref, e.Literal, e.Parameter)


class ProjectSortedDistinct:
    """See the module."""

    name = "project_sorted_distinct"
    matches = (Aggregate,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """The aggregate over columns."""
        assert isinstance(node, Aggregate)
        found = [arg for _, call in node.calls if call.distinct and call.order_by for arg in call.args]
        computed = once([x for x in found if _is_computed(x, context)])
        if not computed:
            return None
        items = tuple((context.column("distinct", value.type), value) for value in computed)
        passed = tuple((column, column.ref()) for column in node.input.columns)
        below = Project(node.input, passed + items)
        calls = tuple((column, _over(call, items)) for column, call in node.calls)
        return replace(node, input=below, calls=calls)


def _is_computed(value: e.Expr, context: Context) -> bool:
    return not isinstance(value, PLAIN) and context.is_copyable(value)


def _over(call: e.Aggregate, items: tuple[tuple[e.Column, e.Expr], ...]) -> e.Aggregate:
    def ref(value: e.Expr) -> e.Expr:
        return next((column.ref() for column, computed in items if computed == value), value)

    if not (call.distinct and call.order_by):
        return call
    keys = tuple(replace(key, expr=ref(key.expr)) for key in call.order_by)
    return replace(call, args=tuple(map(ref, call.args)), order_by=keys)
