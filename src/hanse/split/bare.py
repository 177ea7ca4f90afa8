"""The cut without pushdown: every fragment reads all rows of one table, everything else is done here."""

from hanse.ir import plan as p
from hanse.ir.fragment import Decision, Fragment, FragmentGraph
from hanse.ir.tables import Verdict
from hanse.ir.walk import map_plans


def bare_scans(plan: p.Plan) -> FragmentGraph:
    """One fragment per scan, with the columns that the plan reads: a value that nobody reads cannot fail."""
    fragments: list[Fragment] = []

    def cut(node: p.Plan) -> p.Plan:
        if not isinstance(node, p.Scan):
            return node
        fragments.append(Fragment(len(fragments), node.table.source, node))
        return p.FragmentScan(fragments[-1].id, node.columns)

    coordinator = map_plans(plan, cut)
    reason = Decision("everything above the scans", Verdict.NO, "pushdown is off")
    return FragmentGraph(tuple(fragments), coordinator, (reason,))
