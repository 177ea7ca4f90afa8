"""Which relations to join first: the cheapest bushy tree over a graph of joins, given as bits, rows and bytes.

A set of relations is an integer, a bit for each. What a set yields does not depend on the tree that makes it, so trees
are compared by what their joins cost: bytes that leave a source, and rows that are worked on here and there. Connected
sets are paired as in Moerkotte and Neumann, "Analysis of Two Existing and One New Dynamic Programming Algorithm" (VLDB
2006); where there are too many pairs, the best pair is joined, again and again, by each of three measures of best.

The right side of an outer, semi or anti join is a relation too, but one that cannot be joined before all relations that
its condition reads: a set with it and without these has no tree (Moerkotte, Fender and Eich, "On the Correct and Complete
Enumeration of the Core Search Space", SIGMOD 2013, for joins whose left side is never the side that may be missing).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from hanse.spi.pace import UNKNOWN, Pace

HERE = -1
"""Rows that need not move: those of embedded sources, and of joins across sources."""
DYNAMIC_MAX = 10
"""Relations up to which all trees are looked at."""
PAIRS_MAX = 500
"""Pairs of connected sets up to which all of them are looked at: about two milliseconds."""
ROW_HERE = 3.0
"""What working on a row here costs, in bytes that could have moved instead (at about 1 Gbit/s)."""
ROW_THERE = 1.0
"""What a row of a join at a source costs it, in the same bytes."""
KEYS_MAX, KEYS_SHARE = 50_000.0, 0.5
"""Keys are sent from a side with at most so many rows, and at most this part of the other side's."""
KEY_BYTES = 12.0
KEY_THERE = 290.0
"""What a source does with a key: it looks up its rows, one by one (as measured: ``spi.keys``), in the same bytes."""
REQUEST = 2_000.0
"""What a request costs besides its bytes."""
SWAP = 1.2
"""Sides of a join change places if the left one is smaller by this factor: estimates are not better than that."""


@dataclass(frozen=True, slots=True)
class Key:
    """A column that only conditions between relations read: it travels until the last of them is met."""

    relation: int
    readers: int
    """The relations of all conditions that read it."""
    width: float


@dataclass(frozen=True, slots=True)
class Attached:
    """What is known of a relation that is the right side of an outer, semi or anti join."""

    needs: int
    """The relations that must be joined before."""
    factor: float
    """Rows of that join, for each row of its left side."""
    narrows: bool
    """Whether left rows without a partner leave: only then may its keys narrow the left side."""


@dataclass(slots=True)
class Graph:
    """Relations and what connects them."""

    rows: list[float]
    widths: list[float]
    """Bytes of those columns of each relation that are read above all the joins."""
    homes: list[int]
    """The number of the remote source that has all of a relation; else HERE."""
    neighbours: list[int]
    """For each relation those that an equation of two columns connects with it."""
    classes: list[list[tuple[int, float]]] = field(default_factory=list)
    """Columns that are all equal: the bit of the relation of each, and how many values the column has."""
    factors: list[tuple[int, float]] = field(default_factory=list)
    """The share of rows that other conditions leave, by the relations that they read."""
    keys: list[Key] = field(default_factory=list)
    doubts: list[float] = field(default_factory=list)
    """How many times more rows each relation may have than is thought; empty: none."""
    attached: dict[int, Attached] = field(default_factory=dict)
    """By the bit of the relation."""
    paces: list[Pace] = field(default_factory=list)
    """How fast each source answers, by its number in ``homes``; what is missing is unknown."""
    _around: dict[int, int] = field(default_factory=dict)
    _rows: dict[int, float] = field(default_factory=dict)
    _bytes: dict[int, float] = field(default_factory=dict)

    def rows_of(self, subset: int) -> float:
        """Rows of the join of a set of relations."""
        found = self._rows.get(subset)
        if found is None:
            found = self.rows[subset.bit_length() - 1] if subset in self.attached else self._product(subset)
            for members in self.classes:
                counts = [count for bit, count in members if bit & subset]
                if len(counts) > 1:
                    found /= math.prod(counts) / min(counts)
            for mask, share in self.factors:
                if mask & subset == mask:
                    found *= share
            found = self._rows[subset] = max(1.0, found)
        return found

    def most_of(self, subset: int) -> float:
        """Rows of the join of a set of relations, if the one that is known least has as many as it may have."""
        doubt = max((self.doubts[place] for place in bits(subset)), default=1.0) if self.doubts else 1.0
        return self.rows_of(subset) * doubt

    def _product(self, subset: int) -> float:
        """Rows as if nothing connected the relations; what is attached multiplies the others."""
        return math.prod(
            self.attached[1 << place].factor if 1 << place in self.attached else self.rows[place]
            for place in bits(subset)
        )

    def may_join(self, one: int, other: int) -> bool:
        """Whether two sets may be joined: a relation that is attached needs the others of its condition."""
        return not self.attached or all(
            not self.attached[alone].needs & ~rest
            for alone, rest in ((one, other), (other, one))
            if alone in self.attached
        )

    def bytes_of(self, subset: int) -> float:
        """Bytes of the join of a set of relations, as far as anybody reads them."""
        found = self._bytes.get(subset)
        if found is None:
            width = sum(width for place, width in enumerate(self.widths) if subset >> place & 1)
            outside = ~subset
            width += sum(key.width for key in self.keys if subset >> key.relation & 1 and key.readers & outside)
            found = self._bytes[subset] = self.rows_of(subset) * max(1.0, width)
        return found

    def correct(self, subset: int, rows: float) -> None:
        """Take what was observed for the rows of a set, and of those that hold it."""
        share = max(1.0, rows) / self.rows_of(subset)
        self.factors.append((subset, share))
        self._rows.clear()
        self._bytes.clear()

    def pace(self, home: int) -> Pace:
        """How fast a source answers."""
        return self.paces[home] if 0 <= home < len(self.paces) else UNKNOWN

    def connected(self) -> Iterator[int]:
        """The largest sets that equations connect, by their first relations."""
        rest = (1 << len(self.rows)) - 1
        while rest:
            found = rest & -rest
            while grown := self.around(found):
                found |= grown
            yield found
            rest &= ~found

    def around(self, subset: int) -> int:
        """The neighbours of a set that are not in it."""
        found = self._around.get(subset)
        if found is None:
            found = 0
            for place in bits(subset):
                found |= self.neighbours[place]
            found = self._around[subset] = found & ~subset
        return found


class Tree(NamedTuple):
    """The best way to make a set of relations."""

    subset: int
    cost: float
    home: int
    left: "Tree | None" = None
    right: "Tree | None" = None


def bits(subset: int) -> Iterator[int]:
    """The places of the bits of a set, ascending."""
    while subset:
        low = subset & -subset
        yield low.bit_length() - 1
        subset ^= low


def order(graph: Graph) -> Tree:
    """The cheapest tree found: of each connected set by itself, and then of these, which nothing connects."""
    trees = [_connected(graph, subset) for subset in graph.connected()]
    result = trees[0]
    for tree in trees[1:]:
        result = joined(graph, result, tree)
    return result


def considered(graph: Graph) -> list[Tree]:
    """The cheapest tree and what else was looked at, by cost: the best tree for each other way to join last, or what each of
    the other measures of best led to; and the relations as they were written. Only of relations that are all connected."""
    subsets = list(graph.connected())
    if len(subsets) != 1:
        return []
    search = _Search(graph, subsets[0])
    places = list(bits(subsets[0]))
    found = search.tops if len(places) <= DYNAMIC_MAX and search.run() is not None else _attempts(graph, places)
    whole = [tree for tree in found if tree.subset == subsets[0]]
    trees = sorted([*whole, as_written(graph)], key=lambda tree: whole_cost(graph, tree))
    return list({_form(tree): tree for tree in reversed(trees)}.values())[::-1]


def whole_cost(graph: Graph, tree: Tree) -> float:
    """What a tree costs whose rows must come here."""
    return tree.cost + moved(graph, tree)


def _form(tree: Tree) -> object:
    """What two trees have in common that join the same sets."""
    if tree.left is None or tree.right is None:
        return tree.subset
    return frozenset((_form(tree.left), _form(tree.right)))


def joined(graph: Graph, one: Tree, other: Tree) -> Tree:
    """Two trees as one, at the source of both or here; a relation that is attached is on the right."""
    if one.subset in graph.attached:
        one, other = other, one
    subset = one.subset | other.subset
    attached = graph.attached.get(other.subset)
    rows = graph.rows_of(subset)
    cost = one.cost + other.cost
    if one.home == other.home != HERE:
        return Tree(subset, cost + ROW_THERE * rows, one.home, one, other)
    sides = graph.rows_of(one.subset), graph.rows_of(other.subset)
    if one.home != HERE:
        whole, pace = moved(graph, one), graph.pace(one.home)
        cost += whole if attached and not attached.narrows else _reduced(whole, *sides, rows, pace)
    if other.home != HERE:
        cost += _reduced(moved(graph, other), *sides[::-1], rows, graph.pace(other.home))
    return Tree(subset, cost + ROW_HERE * (sum(sides) + rows), HERE, one, other)


def _reduced(whole: float, here: float, there: float, rows: float, pace: Pace) -> float:
    """What it costs to bring a side's rows (``here``, which costs ``whole``) for a join that yields ``rows``: if the other
    side is small, its keys are sent first, and only rows with partners come."""
    if there > min(KEYS_MAX, KEYS_SHARE * here):
        return whole
    return min(
        whole, whole * min(1.0, rows / here) + there * (KEY_BYTES * pace.price + KEY_THERE) + REQUEST + pace.wait
    )


def moved(graph: Graph, tree: Tree) -> float:
    """What it costs to bring a tree's rows here."""
    if tree.home == HERE:
        return 0.0
    pace = graph.pace(tree.home)
    return graph.bytes_of(tree.subset) * pace.price + REQUEST + pace.wait


def _leaf(graph: Graph, place: int) -> Tree:
    return Tree(1 << place, 0.0, graph.homes[place])


def _connected(graph: Graph, subset: int) -> Tree:
    places = list(bits(subset))
    if len(places) <= DYNAMIC_MAX:
        found = _Search(graph, subset).run()
        if found is not None:
            return found
    whole = [tree for tree in _attempts(graph, places) if tree.subset == subset]
    return min(whole, key=lambda tree: tree.cost) if whole else _as_written(graph, subset)


def _attempts(graph: Graph, places: list[int]) -> list[Tree]:
    """A tree by each of three measures of best."""
    leaves = [_leaf(graph, place) for place in places]
    return [_greedy(graph, leaves, choose) for choose in (_added, _smallest, _growth)]


Choice = Callable[[Graph, Tree], float]


def _added(graph: Graph, pair: Tree) -> float:
    """What a join adds to the cost of its sides, if its rows must come here afterwards."""
    return pair.cost - sum(part.cost for part in (pair.left, pair.right) if part) + moved(graph, pair)


def _smallest(graph: Graph, pair: Tree) -> float:
    """How many bytes the join yields."""
    return graph.bytes_of(pair.subset)


def _growth(graph: Graph, pair: Tree) -> float:
    """How many bytes more the join yields than its sides do."""
    parts = sum(graph.bytes_of(part.subset) for part in (pair.left, pair.right) if part)
    return graph.bytes_of(pair.subset) - parts


def _greedy(graph: Graph, trees: list[Tree], choose: Choice) -> Tree:
    """Join the connected pair that is best by the choice, until one tree is left."""
    pairs: dict[tuple[int, int], tuple[float, Tree]] = {}

    def add(one: Tree, other: Tree) -> None:
        if graph.around(one.subset) & other.subset and graph.may_join(one.subset, other.subset):
            pair = joined(graph, one, other)
            pairs[one.subset, other.subset] = choose(graph, pair), pair

    for place, tree in enumerate(trees):
        for later in trees[place + 1 :]:
            add(tree, later)
    while pairs:
        _, best = min(pairs.values(), key=lambda pair: pair[0])
        pairs = {pair: tree for pair, tree in pairs.items() if not (pair[0] | pair[1]) & best.subset}
        trees = [tree for tree in trees if not tree.subset & best.subset]
        for tree in trees:
            add(best, tree)
        trees.append(best)
    return trees[-1]


class _Search:
    """All trees over one connected set, as long as they are not too many."""

    def __init__(self, graph: Graph, subset: int) -> None:
        self.graph = graph
        self.subset = subset
        self.best = {1 << place: _leaf(graph, place) for place in bits(subset)}
        self.pairs = 0
        self.tops: list[Tree] = []
        """The best trees for each pair of sets that may be joined last."""

    def run(self) -> Tree | None:
        """The best tree; None if there were too many pairs, or equations alone connect no tree that is allowed."""
        for place in reversed(list(bits(self.subset))):
            start = 1 << place
            below = (start << 1) - 1
            self.complements(start)
            self.grow(start, below)
            if self.pairs > PAIRS_MAX:
                return None
        return self.best.get(self.subset)

    def grow(self, subset: int, excluded: int) -> None:
        """Every connected set that extends this one by relations that are not excluded."""
        around = self.graph.around(subset) & ~excluded
        for more in _subsets(around):
            if self.pairs > PAIRS_MAX:
                return
            self.complements(subset | more)
        for more in _subsets(around):
            self.grow(subset | more, excluded | around)

    def complements(self, subset: int) -> None:
        """Every connected set that is connected with this one, and was not its partner before."""
        first = subset & -subset
        excluded = ((first << 1) - 1) | subset
        around = self.graph.around(subset) & ~excluded
        for place in reversed(list(bits(around))):
            start = 1 << place
            self.pair(subset, start)
            self.grow_complement(subset, start, excluded | ((start << 1) - 1) & around)

    def grow_complement(self, subset: int, other: int, excluded: int) -> None:
        around = self.graph.around(other) & ~excluded
        for more in _subsets(around):
            if self.pairs > PAIRS_MAX:
                return
            if (other | more) in self.best:
                self.pair(subset, other | more)
        for more in _subsets(around):
            self.grow_complement(subset, other | more, excluded | around)

    def pair(self, one: int, other: int) -> None:
        """Keep the join of two sets if it is the best of theirs; of equal ones that which is most like what was written."""
        self.pairs += 1
        left, right = self.best.get(one), self.best.get(other)
        if left is None or right is None or not self.graph.may_join(one, other):
            return
        new = joined(self.graph, left, right)
        if new.subset == self.subset:
            self.tops.append(new)
        known = self.best.get(new.subset)
        if known is None or new.cost <= known.cost:
            self.best[new.subset] = new


def _subsets(whole: int) -> Iterator[int]:
    """Every part of a set but the empty one, small numbers first."""
    part = whole & -whole
    while part:
        yield part
        part = (part - whole) & whole


def as_written(graph: Graph) -> Tree:
    """Along the connections, else in the order in which the relations stand."""
    trees = [_as_written(graph, subset) for subset in graph.connected()]
    result = trees[0]
    for tree in trees[1:]:
        result = joined(graph, result, tree)
    return result


def _as_written(graph: Graph, subset: int) -> Tree:
    """What is attached stands behind all that it needs, so that the first of the others can always be joined."""
    found = _leaf(graph, next(bits(subset)))
    while rest := subset & ~found.subset:
        near = [place for place in bits(graph.around(found.subset)) if graph.may_join(found.subset, 1 << place)]
        found = joined(graph, found, _leaf(graph, near[0] if near else next(bits(rest))))
    return found
