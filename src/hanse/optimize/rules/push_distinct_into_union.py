"""Let sources send each row of a UNION ALL once, where only different rows count.

    Distinct                 Distinct
    └─ Union all       =>    └─ Union all
       ├─ a                     ├─ Distinct
       └─ b                     │  └─ a
                                └─ Distinct
                                   └─ b

When     DISTINCT without ON stands over UNION ALL, also over a tree of them; a side is one source's.
Safe     rows that are equal in one side are so in the whole, and one of them is enough.
Not      DISTINCT ON: SELECT DISTINCT ON (k) * FROM (a UNION ALL b) ORDER BY k, x asks which row is first of all. Not over what
         is done here anyhow: it would be done twice. Not where all sides are one source's, which takes the whole.
Order    after shards were put in the place of sharded tables; projections stand below the union by then.
"""

from dataclasses import replace

from hanse.ir.plan import Distinct, Plan, SetKind, SetOperation
from hanse.optimize.graph import home
from hanse.optimize.ordering import HERE
from hanse.optimize.rule import Context


class PushDistinctIntoUnion:
    """See the module."""

    name = "push_distinct_into_union"
    matches = (Distinct,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Put a DISTINCT over each side that a source can answer."""
        assert isinstance(node, Distinct)
        if node.on or not _is_union(node.input) or home(node.input, context) != HERE:
            return None
        below = _once(node.input, context)
        return None if below is node.input else replace(node, input=below)


def _is_union(plan: Plan) -> bool:
    return isinstance(plan, SetOperation) and plan.all and plan.kind is SetKind.UNION


def _once(plan: Plan, context: Context) -> Plan:
    if isinstance(plan, SetOperation) and _is_union(plan):
        left, right = _once(plan.left, context), _once(plan.right, context)
        return plan if left is plan.left and right is plan.right else replace(plan, left=left, right=right)
    is_once = isinstance(plan, Distinct) and not plan.on
    return plan if is_once or home(plan, context) == HERE else Distinct(plan)
