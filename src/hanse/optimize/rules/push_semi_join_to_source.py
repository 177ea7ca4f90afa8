"""Take a semi- or anti-join to the relation whose source has the other side too, below the joins with other sources.

    Join: semi on b.k = d.k                    Join: inner on a.id = b.id
    ├─ Join: inner on a.id = b.id      =>      ├─ Scan: crm.a
    │  ├─ Scan: crm.a                          └─ Join: semi on b.k = d.k
    │  └─ Scan: sales.b                           ├─ Scan: sales.b
    └─ Scan: sales.d                              └─ Scan: sales.d

When     all of the left side's columns that the condition reads come from one input below whose tables are at the right
         side's source, while the left side as a whole is not; on the way there are only joins that keep each row of that
         input, and filters. The condition is not volatile.
Safe     a semi- or anti-join keeps or drops a row by that row's columns alone, like a filter, and passes wherever one may.
Not      into the side that may be missing: (a LEFT JOIN b) with NOT EXISTS (... d.k = b.k) keeps rows without b. Not to another
         source than the right side's: that would take apart what one source can join by itself.
Order    before joins are ordered: the pair is one relation there.
"""

from dataclasses import replace

from hanse.ir.plan import FILTER_INTO_LEFT, FILTER_INTO_RIGHT, Filter, Join, JoinKind, Plan
from hanse.optimize.graph import home
from hanse.optimize.ordering import HERE
from hanse.optimize.rule import Context


class PushSemiJoinToSource:
    """See the module."""

    name = "push_semi_join_to_source"
    matches = (Join,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Rebuild the left side with the join at its place."""
        assert isinstance(node, Join)
        if node.kind not in (JoinKind.SEMI, JoinKind.ANTI) or node.lateral or not context.is_movable(node.condition):
            return None
        place = home(node.right, context)
        reads = context.reads(node.condition) & context.ids(node.left)
        if place == HERE or not reads or home(node.left, context) == place:
            return None
        return _taken(node, node.left, (reads, place), context)


def _taken(semi: Join, plan: Plan, wanted: tuple[frozenset[int], str | int], context: Context) -> Plan | None:
    """The plan with the join in it, at the input that has the columns and is at the source; None if there is none."""
    reads, place = wanted
    if home(plan, context) == place:
        return replace(semi, left=plan)
    if isinstance(plan, Filter):
        below = _taken(semi, plan.input, wanted, context)
        return below and replace(plan, input=below)
    if not isinstance(plan, Join) or plan.lateral:
        return None
    if plan.kind in FILTER_INTO_LEFT and reads <= context.ids(plan.left):
        below = _taken(semi, plan.left, wanted, context)
        return below and replace(plan, left=below)
    if plan.kind in FILTER_INTO_RIGHT and reads <= context.ids(plan.right):
        below = _taken(semi, plan.right, wanted, context)
        return below and replace(plan, right=below)
    return None
