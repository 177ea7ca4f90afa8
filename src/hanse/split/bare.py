"""The cut without pushdown: every fragment reads one whole table, everything else is done here."""

from hanse.ir import plan as p
from hanse.ir.columns import exactly
from hanse.ir.expr import Column
from hanse.ir.fragment import Decision, Fragment, FragmentGraph
from hanse.ir.tables import Verdict
from hanse.ir.walk import map_plans, plans


def bare_scans(plan: p.Plan) -> FragmentGraph:
    """One fragment per scan, with all columns of its table."""
    fragments: list[Fragment] = []
    free = 1 + max((column.id for node in plans(plan) for column in node.columns), default=0)

    def cut(node: p.Plan) -> p.Plan:
        nonlocal free
        if not isinstance(node, p.Scan):
            return node
        whole = _widened(node, free)
        free += len(whole.outputs)
        fragments.append(Fragment(len(fragments), node.table.source, whole))
        return exactly(p.FragmentScan(fragments[-1].id, whole.columns), node.columns)

    coordinator = map_plans(plan, cut)
    reason = Decision("everything above the scans", Verdict.NO, "pushdown is off")
    return FragmentGraph(tuple(fragments), coordinator, (reason,))


def _widened(node: p.Scan, free: int) -> p.Scan:
    """The scan with the columns that it left out, under ids from ``free`` on."""
    read = {name for _, name in node.outputs}
    missing = [column for column in node.table.columns if column.name not in read]
    more = tuple(
        (Column(free + place, column.name, column.type, column.nullable), column.name)
        for place, column in enumerate(missing)
    )
    return p.Scan(node.table, node.outputs + more)
