"""Where a subplan stands while the plan is being cut: as a whole at one source, or (partly) here."""

from dataclasses import dataclass, replace

from hanse.ir.expr import Expr
from hanse.ir.fragment import Decision
from hanse.ir.plan import Plan, Scan
from hanse.ir.walk import plans


@dataclass(frozen=True, slots=True)
class Remote:
    """A plan that one source runs as a whole, not yet cut; above it ``residual`` conditions wait to be tested here.

    A plan without residual yields exactly the rows of the original; with it, rows that the residual still has to drop.
    """

    source: str
    plan: Plan
    residual: tuple[Expr, ...] = ()
    decisions: tuple[Decision, ...] = ()
    is_closed: bool = False
    """A closed guard stands inside: only leak-proof conditions may join it."""

    @property
    def ids(self) -> set[int]:
        """Ids of the columns."""
        return {column.id for column in self.plan.columns}

    def under(self, plan: Plan) -> "Remote":
        """The same with another operator on top."""
        return replace(self, plan=plan)


Placed = Remote | Plan
"""A plan that is not a Remote is the coordinator's; what it needs of sources is already cut off."""


def sources_of(plan: Plan) -> set[str]:
    """The sources whose tables a plan reads, subqueries included."""
    return {node.table.source for node in plans(plan) if isinstance(node, Scan)}
