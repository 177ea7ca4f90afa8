"""Test rows before they are sorted, and below the WITH of a statement.

    Filter: a.x = 1         Sort: a.y
    └─ Sort: a.y      =>    └─ Filter: a.x = 1
       └─ a                    └─ a

When     no conjunct is volatile.
Safe     sorting keeps every row, and filtering keeps the order.
Not      through a Limit over the Sort: SELECT * FROM (SELECT * FROM a ORDER BY y LIMIT 5) s WHERE x = 1.
Order    none.
"""

from dataclasses import replace

from hanse.ir.plan import Cte, Filter, Plan, Sort
from hanse.optimize.rule import Context, filtered, parts


class PushFilterThroughSort:
    """See the module."""

    name = "push_filter_through_sort"
    matches = (Filter,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Swap the two."""
        assert isinstance(node, Filter)
        below = node.input
        if not context.is_movable(node.predicate):
            return None
        if isinstance(below, Sort):
            return replace(below, input=filtered(below.input, parts(node.predicate)))
        if isinstance(below, Cte):
            return replace(below, body=filtered(below.body, parts(node.predicate)))
        return None
