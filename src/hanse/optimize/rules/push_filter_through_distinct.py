"""Test rows before duplicates are removed.

    Filter: a.x = 1        Distinct
    └─ Distinct      =>    └─ Filter: a.x = 1
       └─ a                   └─ a

When     the conjunct is not volatile; below DISTINCT ON only if it reads nothing but its expressions, as plain columns.
Safe     duplicates agree on every column, so all of them pass or none does.
Not      SELECT * FROM (SELECT DISTINCT ON (k) k, x FROM a ORDER BY k, x) s WHERE x > 2: the first row of a group would be
         the first that passes.
Order    none.
"""

from dataclasses import replace

from hanse.ir.expr import Expr, Ref
from hanse.ir.plan import Distinct, Filter, Plan
from hanse.optimize.rule import Context, filtered, parts


class PushFilterThroughDistinct:
    """See the module."""

    name = "push_filter_through_distinct"
    matches = (Filter,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Push what cannot tell duplicates apart."""
        assert isinstance(node, Filter)
        distinct = node.input
        if not isinstance(distinct, Distinct):
            return None
        made = context.ids(distinct)
        keys = {x.id for x in distinct.on if isinstance(x, Ref)} if distinct.on else made
        down: list[Expr] = []
        stay: list[Expr] = []
        for test in parts(node.predicate):
            reads = context.reads(test) & made
            (down if reads and reads <= keys and context.is_movable(test) else stay).append(test)
        if not down:
            return None
        return filtered(replace(distinct, input=filtered(distinct.input, down)), stay)
