"""Make one projection of two, and drop one that passes its input's columns on as they are.

    Project: p * 2 as q               Project: (a.x + 1) * 2 as q
    └─ Project: a.x + 1 as p    =>    └─ a
       └─ a

When     nothing below is volatile, and what is not a plain column or constant below is read at most once above.
Safe     the same values are computed, each at most once.
Not      SELECT p + p FROM (SELECT random() AS p FROM a) s: the two p are the same number. Not where p is an expensive
         expression read twice.
Order    before push_filter_through_project, to which two projections are one.
"""

from collections import Counter

from hanse.ir.expr import Expr, Literal, Parameter, Ref
from hanse.ir.plan import Plan, Project
from hanse.ir.walk import substitute, walk_expr
from hanse.optimize.rule import Context


class MergeProjects:
    """See the module."""

    name = "merge_projects"
    matches = (Project,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Merge with a Project directly below, or disappear."""
        assert isinstance(node, Project)
        if _passes_all(node):
            return node.input
        below = node.input
        if not isinstance(below, Project) or not _may_merge(node, below, context):
            return None
        values = {column.id: value for column, value in below.items if not _is_passed(column.id, value)}
        return Project(below.input, tuple((column, substitute(value, values)) for column, value in node.items))


def _is_passed(id: int, value: Expr) -> bool:
    return isinstance(value, Ref) and value.id == id


def _passes_all(node: Project) -> bool:
    columns = node.input.columns
    return len(columns) == len(node.items) and all(
        _is_passed(column.id, value) and column.id == old.id
        for (column, value), old in zip(node.items, columns, strict=True)
    )


def _may_merge(node: Project, below: Project, context: Context) -> bool:
    costly = {column.id for column, value in below.items if not isinstance(value, (Ref, Literal, Parameter))}
    if not costly:
        return True
    if not all(context.is_movable(value) for column, value in below.items if column.id in costly):
        return False
    reads: Counter[int] = Counter()
    for _, value in node.items:
        if context.has_subquery(value) and not costly.isdisjoint(context.reads(value)):
            return False
        reads.update(part.id for part in walk_expr(value) if isinstance(part, Ref))
    return all(reads[id] <= 1 for id in costly)
