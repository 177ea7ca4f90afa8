"""Push the conjuncts of a filter below a join: one-sided ones to their side, two-sided ones into an inner join's condition.

    Filter: a.x = 1 and a.y < b.y              Join: inner on a.id = b.id and a.y < b.y
    └─ Join: inner on a.id = b.id       =>     ├─ Filter: a.x = 1
       ├─ a                                    │  └─ a
       └─ b                                    └─ b

When     the conjunct is not volatile; into a side whose rows the join keeps (both of an inner join; the left of a left,
         semi or anti join; the right of a right join). A two-sided one that holds a subquery stays above.
Safe     the join keeps each row of that side, with partner or without, so testing earlier drops the same rows.
Not      into the side that may be missing: in SELECT * FROM a LEFT JOIN b ON a.id = b.id WHERE b.y IS NULL
         a row matched with y = 2 would come back null-extended and pass. Not into either side of a full join.
Order    after convert_outer_join, which may open the other side.
"""

from dataclasses import replace

from hanse.ir.expr import Expr, conjuncts
from hanse.ir.plan import FILTER_INTO_LEFT, FILTER_INTO_RIGHT, Filter, Join, JoinKind, Plan
from hanse.optimize.rule import Context, filtered, joined, parts


class PushFilterThroughJoin:
    """See the module."""

    name = "push_filter_through_join"
    matches = (Filter,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Push what may pass; the rest stays above."""
        assert isinstance(node, Filter)
        join = node.input
        if not isinstance(join, Join) or join.kind is JoinKind.FULL:
            return None
        places: dict[str, list[Expr]] = {"left": [], "right": [], "condition": [], "stay": []}
        for test in parts(node.predicate):
            places[_place(test, join, context)].append(test)
        if len(places["stay"]) == sum(map(len, places.values())):
            return None
        condition = join.condition
        if places["condition"]:
            condition = joined([*conjuncts(condition), *places["condition"]])
        left, right = filtered(join.left, places["left"]), filtered(join.right, places["right"])
        return filtered(replace(join, left=left, right=right, condition=condition), places["stay"])


def _place(test: Expr, join: Join, context: Context) -> str:
    if not context.is_movable(test):
        return "stay"
    reads = context.reads(test)
    on_left = not reads.isdisjoint(context.ids(join.left))
    on_right = not reads.isdisjoint(context.ids(join.right))
    if on_left and on_right:
        return "condition" if join.kind is JoinKind.INNER and not context.has_subquery(test) else "stay"
    if on_left and join.kind in FILTER_INTO_LEFT:
        return "left"
    return "right" if on_right and join.kind in FILTER_INTO_RIGHT else "stay"
