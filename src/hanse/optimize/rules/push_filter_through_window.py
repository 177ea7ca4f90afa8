"""Test rows before window functions run over their partitions.

    Filter: a.k = 1                                     Window: row_number() over (partition by a.k)
    └─ Window: row_number() over (partition by a.k)  => └─ Filter: a.k = 1
       └─ a                                                └─ a

When     the conjunct reads, as plain columns, partition keys that all window calls share, and is not volatile.
Safe     a partition passes or fails as a whole; the others do not see it.
Not      SELECT * FROM (SELECT x, lag(x) OVER (ORDER BY x) FROM a) s WHERE x > 2: lag of the first row that passes is the
         value of one that does not.
Order    none.
"""

from dataclasses import replace

from hanse.ir.expr import Expr, Ref
from hanse.ir.plan import Filter, Plan, Window
from hanse.optimize.rule import Context, filtered, parts


class PushFilterThroughWindow:
    """See the module."""

    name = "push_filter_through_window"
    matches = (Filter,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Push what reads only common partition keys."""
        assert isinstance(node, Filter)
        window = node.input
        if not isinstance(window, Window):
            return None
        shared = set.intersection(
            *({x.id for x in call.partition_by if isinstance(x, Ref)} for _, call in window.calls)
        )
        made = context.ids(window)
        down: list[Expr] = []
        stay: list[Expr] = []
        for test in parts(node.predicate):
            reads = context.reads(test) & made
            (down if reads and reads <= shared and context.is_movable(test) else stay).append(test)
        if not down:
            return None
        return filtered(replace(window, input=filtered(window.input, down)), stay)
