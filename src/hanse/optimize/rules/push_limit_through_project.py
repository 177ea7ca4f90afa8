"""Take the first rows before columns are computed from them; sort before that, too, where the keys are plain columns.

    Limit: 5                          Project: f(a.x) as p, a.y
    └─ Project: f(a.x) as p, a.y  =>  └─ Limit: 5
       └─ Sort: a.y                      └─ Sort: a.y
          └─ a                              └─ a

When     always for a Limit; for a Sort if its keys read only columns that pass through the projection unchanged.
Safe     a projection makes one row of each, in order.
Not      a Sort by p above: before the projection there is no p, and f would be computed twice.
Order    after merge_projects.
"""

from dataclasses import replace

from hanse.ir.expr import Ref
from hanse.ir.plan import Limit, Plan, Project, Sort
from hanse.optimize.rule import Context


class PushLimitThroughProject:
    """See the module."""

    name = "push_limit_through_project"
    matches = (Limit, Sort)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Swap the two."""
        assert isinstance(node, (Limit, Sort))
        project = node.input
        if not isinstance(project, Project):
            return None
        if isinstance(node, Sort):
            passed = {column.id for column, value in project.items if isinstance(value, Ref) and value.id == column.id}
            made = context.ids(project) - passed
            if not all(made.isdisjoint(context.reads(key.expr)) and context.is_movable(key.expr) for key in node.keys):
                return None
        return replace(project, input=replace(node, input=project.input))
