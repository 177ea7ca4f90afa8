"""Push a conjunct of a join's condition that concerns one side only below the join.

    Join: left on a.id = b.id and b.y = 2             Join: left on a.id = b.id
    ├─ a                                       =>     ├─ a
    └─ b                                              └─ Filter: b.y = 2
                                                         └─ b

When     the conjunct is not volatile; into a side whose rows count only as partners (both of an inner or semi join, the
         right of a left or anti join, the left of a right join).
Safe     a row that fails the conjunct is nobody's partner, and is not kept for its own sake either.
Not      into the side that is kept: SELECT * FROM a LEFT JOIN b ON a.id = b.id AND a.x = 1 shows every row of a,
         also those whose x is not 1. Not into either side of a full join.
Order    after push_filter_through_join has filled the conditions.
"""

from dataclasses import replace

from hanse.ir.expr import Expr
from hanse.ir.plan import CONDITION_INTO_LEFT, CONDITION_INTO_RIGHT, Join, Plan
from hanse.optimize.rule import Context, filtered, joined, parts


class PushJoinCondition:
    """See the module."""

    name = "push_join_condition"
    matches = (Join,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Push one-sided conjuncts."""
        assert isinstance(node, Join)
        left: list[Expr] = []
        right: list[Expr] = []
        stay: list[Expr] = []
        for test in parts(node.condition):
            _side(test, node, context, (left, right, stay)).append(test)
        if not left and not right:
            return None
        return replace(node, left=filtered(node.left, left), right=filtered(node.right, right), condition=joined(stay))


def _side(test: Expr, join: Join, context: Context, places: tuple[list[Expr], list[Expr], list[Expr]]) -> list[Expr]:
    left, right, stay = places
    if not context.is_movable(test):
        return stay
    reads = context.reads(test)
    on_left = not reads.isdisjoint(context.ids(join.left))
    on_right = not reads.isdisjoint(context.ids(join.right))
    if on_left and not on_right and join.kind in CONDITION_INTO_LEFT:
        return left
    return right if on_right and not on_left and join.kind in CONDITION_INTO_RIGHT else stay
