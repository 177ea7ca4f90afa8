"""Take what all branches of an OR have in common out of it.

    Filter: (a.k = b.k and a.x = 1) or (a.k = b.k and b.y = 2)   =>   Filter: a.k = b.k and (a.x = 1 or b.y = 2)

When     in filters and join conditions, for conjuncts that stand, equal, in every branch and are not volatile.
Safe     the distributive law, which holds in three-valued logic. What comes out may be an equation to join on.
Not      (random() < 0.5 and a.x = 1) or (random() < 0.5 and a.y = 2): two throws are not one.
Order    after simplify_predicates; before filters are pushed.
"""

from dataclasses import replace

from hanse.ir.expr import TRUE, Call, Expr, conjunction, conjuncts
from hanse.ir.plan import Filter, Join, Plan
from hanse.ir.types import BOOLEAN
from hanse.optimize.rule import Context


class FactorDisjunctions:
    """See the module."""

    name = "factor_disjunctions"
    matches = (Filter, Join)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Factor each conjunct that is an OR."""
        predicate = node.predicate if isinstance(node, Filter) else node.condition if isinstance(node, Join) else TRUE
        tests = list(conjuncts(predicate))
        new = [_factored(test, context) for test in tests]
        if all(a is b for a, b in zip(tests, new, strict=True)):
            return None
        if isinstance(node, Filter):
            return replace(node, predicate=conjunction([x for test in new for x in conjuncts(test)]))
        assert isinstance(node, Join)
        return replace(node, condition=conjunction([x for test in new for x in conjuncts(test)]))


def _factored(test: Expr, context: Context) -> Expr:
    if not (isinstance(test, Call) and test.name == "or"):
        return test
    branches = [list(conjuncts(arg)) for arg in test.args]
    shared = [
        part for part in branches[0] if context.is_movable(part) and all(part in branch for branch in branches[1:])
    ]
    if not shared:
        return test
    rest = [conjunction([part for part in branch if part not in shared]) for branch in branches]
    if TRUE in rest:
        return conjunction(shared)
    return conjunction([*shared, Call(BOOLEAN, "or", tuple(rest))])
