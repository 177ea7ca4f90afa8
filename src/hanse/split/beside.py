"""Keys that are tried beside a whole scan: where nobody expects that they pay, but who knows.

That keys were refused rests on an estimate of their number. If it is far too high, all of the target is read where a few rows
would have done. So the scan begins as if there were no keys, they are collected meanwhile, and the scan is left if they turn
out to be few (``Patience.beside``, ``execute.probing``).

When     the number of keys may be far lower: it is a guess, or the origin's rows are selected, joined or grouped; the target is
         large enough for that to matter; and its request is alone at its source, so that what is read is of one snapshot.
Safe     as all keys are: see ``shipping``. What a scan yielded that is left is forgotten.
Not      where the scan would lose by it: nobody may wait for the target's keys in turn, no rows of it or of the origin may
         stand in another's query, and nothing is read in place. Not where a cap refuses queries for their keys.
Order    last, over the graph as it is: these keys give way to every other.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from hanse.ir.fragment import FragmentGraph, Patience
from hanse.ir.plan import Scan
from hanse.ir.walk import plans
from hanse.spi.pace import NOMINAL
from hanse.spi.snapshot import SourceCatalog
from hanse.split.edges import Edge
from hanse.split.shipping import Shipping
from hanse.split.sizes import Sizes
from hanse.split.worth import SURPRISE, Worth, selects

TRIED_LEAST = 4e6
"""Bytes of a target, or what takes as long, below which it is simply read."""
GRACE, GRACE_MOST = 0.1, 0.25
"""Before the scan begins, the keys may come for that part of the time that it takes, and so many seconds at most: so that a
source need not begin what it soon has to end, and nobody who was right waits much longer."""
STALL = 0.1
"""A scan of which enough is kept waits for keys that do not come for that part of the time which all of it takes."""


def try_keys(graph: FragmentGraph, sources: Mapping[str, SourceCatalog], sizes: Sizes) -> FragmentGraph:
    """The graph with holes for keys that nobody expects to pay: at most one into each fragment."""
    asked = Counter(fragment.source for fragment in graph.fragments)
    if len(asked) < 2 or 1 not in asked.values():
        return graph
    return _Trial(graph, Worth(graph, sources, force=False, sizes=sizes), asked).run()


class _Trial:
    """One graph, while keys are found that may be tried."""

    def __init__(self, graph: FragmentGraph, worth: Worth, asked: Mapping[str, int]) -> None:
        self.graph = graph
        self.worth = worth
        self.asked = asked
        self.shipping = Shipping(graph, worth)
        self.in_rows = {id for side in graph.small_sides for id in (side.target, *side.origins, *side.instead)}

    def run(self) -> FragmentGraph:
        """Add the holes, as they were chosen before or else where they may be of use."""
        choices, holes = self.worth.sizes.choices, self.shipping.holes
        before = choices.pinned("try")
        if before is None and choices.pinned("ship") is not None:
            before = []
        for edge in self.shipping.candidates():
            is_chosen = self.shipping.places(edge) in before if isinstance(before, list) else self.is_of_use(edge)
            if is_chosen and self.is_free(edge):
                self.shipping.is_taken(edge, lambda _edge: True, self.patience)
        made = holes[len(self.graph.holes) :]
        choices.made("try", self.shipping.chosen(made))
        known = {(hole.origins, hole.target) for hole in made}
        refused = tuple(one for one in self.graph.refused if (one.origins, one.target) not in known)
        return replace(self.shipping.keyed(), refused=refused) if made else self.graph

    def is_free(self, edge: Edge) -> bool:
        """Whether nobody loses by it: where all are right, the query does what it would do without."""
        target, worth = edge.target, self.worth
        fragment = worth.fragments[target.fragment]
        if self.asked[fragment.source] > 1 or worth.is_in_place(edge) or worth.source(target).key_caps.fails:
            return False
        tables = [node.table for node in plans(fragment.plan) if isinstance(node, Scan)]
        if any(table.home is not None or table.route is not None for table in tables):
            return False
        tried = {hole.target for hole in self.shipping.holes if hole.is_tried}
        narrowed = {hole.target for hole in self.shipping.holes}
        giving = {origin.fragment for hole in self.shipping.holes for origin in hole.origins}
        ends = {target.fragment, *edge.fragments}
        return not (ends & self.in_rows or {*edge.fragments} & tried or target.fragment in narrowed | giving)

    def is_of_use(self, edge: Edge) -> bool:
        """Whether the keys may be far fewer than is thought, and would then spare much."""
        if self.worth.effort(edge.target) < TRIED_LEAST:
            return False
        origins = [self.worth.fragments[origin.fragment].plan for origin in edge.origins]
        return any(selects(plan) or self.worth.sizes.is_guess(plan) for plan in origins)

    def patience(self, edge: Edge) -> Patience:
        """How long the scan waits to begin, and to go on."""
        target = edge.target
        whole = self.worth.effort(target) / NOMINAL
        worth = self.worth.worth(target)
        most = max(1, int(SURPRISE * worth))
        rows = self.worth.size(target)
        return Patience(min(GRACE * whole, GRACE_MOST), rows, worth, most, beside=STALL * whole)
