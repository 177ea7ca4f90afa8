"""Test rows before columns are computed from them.

    Filter: p = 3                     Project: a.x + 1 as p
    └─ Project: a.x + 1 as p    =>    └─ Filter: a.x + 1 = 3
       └─ a                              └─ a

When     what the conjunct reads is not volatile and holds no subquery.
Safe     a projection keeps every row and the condition sees the same values.
Not      SELECT * FROM (SELECT random() AS p FROM a) s WHERE p < 0.5: the number shown would not be the number tested.
Order    before push_filter_through_join.
"""

from hanse.ir.expr import Expr, Ref
from hanse.ir.plan import Filter, Plan, Project
from hanse.ir.walk import substitute
from hanse.optimize.rule import Context, filtered, parts


class PushFilterThroughProject:
    """See the module."""

    name = "push_filter_through_project"
    matches = (Filter,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Push the conjuncts that may pass."""
        assert isinstance(node, Filter)
        project = node.input
        if not isinstance(project, Project):
            return None
        values = {c.id: x for c, x in project.items if not (isinstance(x, Ref) and x.id == c.id)}
        fixed = {id for id, x in values.items() if not context.is_copyable(x)}
        down: list[Expr] = []
        stay: list[Expr] = []
        for test in parts(node.predicate):
            passes = context.is_movable(test) and fixed.isdisjoint(context.reads(test))
            (down if passes else stay).append(test)
        if not down:
            return None
        below = filtered(project.input, [substitute(test, values) for test in down])
        return filtered(Project(below, project.items), stay)
