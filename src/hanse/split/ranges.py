"""Large scans in parts: a fragment that reads most of one large table becomes several statements, which run at once.

One connection carries what one server process encodes and one stream of a network lets through; several carry more. The
source says into which parts a table falls (``Table.ranges``), and says nothing of small tables.

When     the fragment is conditions and columns over one scan, so that its parts' rows together are its rows.
Not      where a condition lets pass so few rows that the source would not scan: an index answers once what every part
         would look up again. Not below a limit, an order or groups; not with a subquery, which every part would run again;
         not where the shard is found at run time. Keys of other fragments are an index's business, too: with them the
         fragment is one statement, and divided where run time finds that they are too many to be sent.
"""

from dataclasses import replace

from hanse.ir import plan as p
from hanse.ir.fragment import Fragment, FragmentGraph
from hanse.ir.walk import nested, plans, unkeyed
from hanse.split.sizes import Sizes

SHARE_LEAST = 0.25
"""Of a table's rows: with fewer, the source may use an index."""


def in_ranges(graph: FragmentGraph, sizes: Sizes) -> FragmentGraph:
    """The graph with its large scans divided."""
    return replace(graph, fragments=tuple(_divided(fragment, sizes) for fragment in graph.fragments))


def _divided(fragment: Fragment, sizes: Sizes) -> Fragment:
    scan = _scanned(fragment.plan)
    if scan is None or not scan.table.ranges or scan.table.route is not None:
        return fragment
    if any(map(nested, plans(fragment.plan))):
        return fragment
    is_most = sizes.rows(unkeyed(fragment.plan)) >= SHARE_LEAST * sizes.rows(scan)
    return replace(fragment, ranges=scan.table.ranges) if is_most else fragment


def _scanned(plan: p.Plan) -> p.Scan | None:
    """The one table of which a plan chooses rows and columns, and nothing else."""
    while isinstance(plan, p.Filter | p.Project | p.Guard):
        plan = plan.input
    return plan if isinstance(plan, p.Scan) else None
