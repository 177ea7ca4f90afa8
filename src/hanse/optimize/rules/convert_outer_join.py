"""Make an outer join an inner one (or a full one a left or right one) where a condition drops the null-extended rows.

    Filter: b.y > 2                       Filter: b.y > 2
    └─ Join: left on a.id = b.id    =>    └─ Join: inner on a.id = b.id
       ├─ a                                  ├─ a
       └─ b                                  └─ b

When     a conjunct above cannot be true when all columns of the side that may be missing are NULL.
Safe     the rows that the outer join adds are exactly those, and the condition drops each of them.
Not      SELECT * FROM a LEFT JOIN b ON a.id = b.id WHERE b.y IS NULL OR b.y > 2: the condition keeps them.
         Not for coalesce(b.y, 3) > 2, which is true of a missing b.
Order    before push_filter_through_join, for which it opens the other side.
"""

from dataclasses import replace

from hanse.ir.expr import Expr
from hanse.ir.plan import Filter, Join, JoinKind, Plan
from hanse.ir.properties import rejects_null
from hanse.optimize.rule import Context, parts

_LEFT_MAY_MISS = frozenset({JoinKind.RIGHT, JoinKind.FULL})
_RIGHT_MAY_MISS = frozenset({JoinKind.LEFT, JoinKind.FULL})


class ConvertOuterJoin:
    """See the module."""

    name = "convert_outer_join"
    matches = (Filter, Join)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Look at the joins directly below a filter or an inner or semi join."""
        if isinstance(node, Filter):
            new = _stronger(node.input, parts(node.predicate), context)
            return None if new is None else replace(node, input=new)
        assert isinstance(node, Join)
        if node.kind not in (JoinKind.INNER, JoinKind.SEMI) or node.lateral:
            return None
        tests = parts(node.condition)
        left = _stronger(node.left, tests, context)
        right = _stronger(node.right, tests, context)
        return replace(node, left=left or node.left, right=right or node.right) if left or right else None


def _stronger(plan: Plan, tests: list[Expr], context: Context) -> Join | None:
    """The join with a stricter kind, if the tests prove one."""
    if not isinstance(plan, Join) or plan.kind not in (JoinKind.LEFT, JoinKind.RIGHT, JoinKind.FULL):
        return None
    left_missing = plan.kind in _LEFT_MAY_MISS and not _drops(tests, context.ids(plan.left))
    right_missing = plan.kind in _RIGHT_MAY_MISS and not _drops(tests, context.ids(plan.right))
    kind = {
        (False, False): JoinKind.INNER,
        (False, True): JoinKind.LEFT,
        (True, False): JoinKind.RIGHT,
        (True, True): JoinKind.FULL,
    }[left_missing, right_missing]
    return None if kind is plan.kind else replace(plan, kind=kind)


def _drops(tests: list[Expr], missing: frozenset[int]) -> bool:
    return any(rejects_null(test, missing) for test in tests)
