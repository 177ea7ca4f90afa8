"""Key shipping: which fragment's keys go into which other fragment's query.

Where one side of a join comes from a fragment that is small, its distinct keys are sent into the query of a larger one:

    Join: inner on c.id = o.customer              f1 @shop  Filter: customer in keys k0
    ├─ FragmentScan: f0 (c.id)             =>               └─ Scan: shop.orders
    └─ FragmentScan: f1 (o.customer)              hole k0 <- f0.id, at most 100,000 keys

When     see ``edges``: where operators between the join and the fragments let keys pass, and ``Worth.is_possible``: where the
         source takes them.
Safe     a row is left out only if its key is among no key of a superset of the other side; the join, which stays where it
         is, would have dropped it. So a source may answer with more rows (collations), never with fewer. NULL matches nothing.
Not      from a fragment whose rows are not all read, and never in a circle.
Choice   by estimates: see ``Worth``. Of several columns between the same two fragments either whole rows of values are sent,
         or single columns, whichever costs less at the source.
See      Bernstein and Chiu, Using Semi-Joins to Solve Relational Queries, JACM 28(1), 1981.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.fragment import Fragment, FragmentGraph, Hole, KeyOrigin, Patience, RefusedKeys
from hanse.ir.types import BOOLEAN
from hanse.spi.snapshot import SourceCatalog
from hanse.split.edges import Edge, Place, edges, keeps_groups, passed
from hanse.split.sizes import Sizes
from hanse.split.worth import Worth

_Test = Callable[[Edge], bool]
_Waits = Callable[[Edge], Patience | None]
REFUSED_MAX = 12
"""As many keys that are not sent are told of in EXPLAIN."""


def _for_ever(_edge: Edge) -> None:
    return None


def ship_keys(graph: FragmentGraph, sources: Mapping[str, SourceCatalog], force: bool, sizes: Sizes) -> FragmentGraph:
    """The graph with holes where they pay by ``sizes``; with ``force`` wherever they are right, whatever these say."""
    if len(graph.fragments) < 2:
        return graph
    return Shipping(graph, Worth(graph, sources, force, sizes)).run()


class Shipping:
    """One graph: its candidate edges, and those that are kept."""

    def __init__(self, graph: FragmentGraph, worth: Worth) -> None:
        """``worth`` is that of the same graph, whose holes stay."""
        self.graph = graph
        self.worth = worth
        self.fragments = worth.fragments
        """Those that keys narrow already, too: what they will have to give is estimated so."""
        self.holes: list[Hole] = list(graph.holes)

    def run(self) -> FragmentGraph:
        """Find the edges, and keep those that were kept before, or else those that are worth it: a hole for each."""
        candidates, choices = self.candidates(), self.worth.sizes.choices
        before = choices.pinned("ship")
        if isinstance(before, list):
            for places in before:
                for edge in (edge for edge in candidates if self.places(edge) == places):
                    self.is_taken(edge, lambda _edge: True)
        else:
            self.take_best(candidates)
        choices.made("ship", self.chosen(self.holes))
        others = [edge for edge in candidates if not any(_overlap(edge, hole) for hole in self.holes)]
        refused = tuple(self.refusal(edge) for edge in others[:REFUSED_MAX] if not edge.is_composite)
        return replace(self.keyed(), refused=refused)

    def keyed(self) -> FragmentGraph:
        """The graph with its holes."""
        fragments = tuple(self.fragments[fragment.id] for fragment in self.graph.fragments)
        return replace(self.graph, fragments=fragments, holes=tuple(self.holes))

    def chosen(self, holes: Sequence[Hole]) -> list[list[list[int]]]:
        """What these holes' edges are, as ``places`` has it."""
        made = [Edge(tuple(Place(x.fragment, x.columns) for x in hole.origins), _target(hole)) for hole in holes]
        return list(map(self.places, made))

    def places(self, edge: Edge) -> list[list[int]]:
        """An edge as it is found again in a like plan: numbers of fragments, each with the places of its columns."""
        found: list[list[int]] = []
        for end in (*edge.origins, edge.target):
            ids = [column.id for column in self.fragments[end.fragment].columns]
            found.append([end.fragment, *map(ids.index, end.columns)])
        return found

    def take_best(self, candidates: Sequence[Edge]) -> None:
        """Take edges that pay and make no circle, then relays, then chances."""
        others = [edge for edge in candidates if not self.is_taken(edge, self.worth.pays, self.worth.patience)]
        others = [edge for edge in others if not edge.is_composite]
        for edge in others:
            self.relay(edge, others)
        for edge in others:
            if all(edge.target.fragment not in _fragments(hole) for hole in self.holes):
                self.is_taken(edge, self.worth.is_chance)

    def refusal(self, edge: Edge) -> RefusedKeys:
        """Why keys are not sent along an edge, for people."""
        target = edge.target
        is_circle = any(_reaches(self.holes, target.fragment, origin) for origin in edge.fragments)
        reason = "keys go the other way" if is_circle else self.worth.objection(edge)
        return RefusedKeys(_origins(edge), target.fragment, reason, self.worth.weighed(edge))

    def candidates(self) -> list[Edge]:
        """The possible edges, those from the smallest origins first; where there is a choice, the cheapest."""
        found = [edge for edge in dict.fromkeys(edges(self.graph.coordinator)) if self.worth.is_possible(edge)]
        contested = {(edge.fragments, edge.target.fragment) for edge in found if edge.is_composite}

        def order(edge: Edge) -> tuple[float, tuple[int, ...], int, float]:
            is_contested = (edge.fragments, edge.target.fragment) in contested
            cost = self.worth.cost(edge) if is_contested else 0.0
            if self.worth.force or self.worth.prefers_rows(edge):
                cost = -float(len(edge.target.columns))
            return self.worth.rows(edge), edge.fragments, edge.target.fragment, cost

        return sorted(map(self.worth.homeward, found), key=order)

    def relay(self, edge: Edge, others: Sequence[Edge]) -> None:
        """Take the edge for the sake of keys that its target can then send to who waits for the same origins."""
        waiting = {hole.target for hole in self.holes if _fragments(hole) == edge.fragments}
        onward = [other for other in others if other.fragments == (edge.target.fragment,)]
        relays = [other for other in onward if other.target.fragment in waiting and self.worth.is_relay(edge, other)]
        if relays and self.is_taken(edge, self.worth.is_sendable):
            for other in relays:
                self.is_taken(other, self.worth.pays, self.worth.patience)

    def is_taken(self, edge: Edge, wanted: _Test, patience: _Waits = _for_ever) -> bool:
        """Whether the edge is wanted and makes no circle: then its hole is added."""
        if any(_overlap(edge, hole) for hole in self.holes):
            return False
        if any(_reaches(self.holes, edge.target.fragment, origin) for origin in edge.fragments) or not wanted(edge):
            return False
        target, caps = edge.target, self.worth.source(edge.target).key_caps
        origins, weighed = _origins(edge), self.worth.weighed(edge)
        limits = (self.worth.keys_max(target), caps, self.worth.is_divisible(target))
        home = self.worth.home(target)
        spans = self.worth.spans(target)
        waits = patience(edge)
        hole = Hole(len(self.holes), origins, target.fragment, target.columns, *limits, waits, home, weighed, spans)
        hole = replace(hole, lead=self.worth.lead(edge))
        self.holes.append(hole)
        self.worth.narrow(_narrowed(self.fragments[target.fragment], target, hole))
        return True


def _origins(edge: Edge) -> tuple[KeyOrigin, ...]:
    return tuple(KeyOrigin(origin.fragment, origin.columns) for origin in edge.origins)


def _fragments(hole: Hole) -> tuple[int, ...]:
    return tuple(origin.fragment for origin in hole.origins)


def _overlap(edge: Edge, hole: Hole) -> bool:
    """Whether the hole already narrows by one of the edge's columns, with the same keys."""
    if edge.fragments != _fragments(hole) or edge.target.fragment != hole.target:
        return False
    there = set(zip(hole.target_columns, *(origin.columns for origin in hole.origins), strict=True))
    return not there.isdisjoint(zip(edge.target.columns, *(origin.columns for origin in edge.origins), strict=True))


def _narrowed(fragment: Fragment, place: Place, hole: Hole) -> Fragment:
    """The fragment with the condition of a hole, which speaks of its final rows, as near to the tables as that is the same:
    a source tests groups only when it has computed all of them."""
    columns = {column.id: column for column in fragment.columns}
    return replace(fragment, plan=_filtered(fragment.plan, tuple(columns[id].ref() for id in place.columns), hole.id))


def _filtered(plan: p.Plan, refs: tuple[e.Ref, ...], hole: int) -> p.Plan:
    match plan:
        case p.Project():
            below = [(ref, passed(plan, ref.id)) for ref in refs]
            known = tuple(replace(ref, id=id) for ref, id in below if id is not None)
            if len(known) == len(refs):
                return replace(plan, input=_filtered(plan.input, known, hole))
        case p.Filter() | p.Sort():
            return replace(plan, input=_filtered(plan.input, refs, hole))
        case p.Distinct() | p.Aggregate() if all(keeps_groups(plan, ref.id) for ref in refs):
            return replace(plan, input=_filtered(plan.input, refs, hole))
    return p.Filter(plan, e.InKeys(BOOLEAN, refs, hole))


def _reaches(holes: Sequence[Hole], start: int, end: int) -> bool:
    """Whether keys flow, over however many fragments, from ``start`` to ``end``."""
    return start == end or any(_reaches(holes, hole.target, end) for hole in holes if start in _fragments(hole))


def _target(hole: Hole) -> Place:
    return Place(hole.target, hole.target_columns)
