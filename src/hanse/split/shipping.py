"""Key shipping: which fragment's keys go into which other fragment's query, found on the plan as it was cut.

An equality of two columns under a join says: of the one side only rows with a partner on the other side matter. Where one
column comes from a fragment that is small, its distinct values are sent into the query of a larger one:

    Join: inner on c.id = o.customer              f1 @shop  Filter: customer in keys k0
    ├─ FragmentScan: f0 (c.id)             =>               └─ Scan: shop.orders
    └─ FragmentScan: f1 (o.customer)              hole k0 <- f0.id, at most 100,000 keys

When     the join drops rows of the side without partners: both sides of an inner or semi join, the right of a left or anti
         join, the left of a right join; and every operator between the join and the fragment passes such a test down.
Safe     a row is left out only if its key is among no key of a superset of the other side; the join, which stays where it
         is, would have dropped it. So a source may answer with more rows (collations), never with fewer. NULL matches nothing.
Not      below a Limit or a window that is not partitioned by the column: SELECT * FROM a JOIN (SELECT * FROM b ORDER BY x
         LIMIT 3) AS t ON a.k = t.k has another three rows if b is narrowed first. Into a fragment as a whole it is allowed:
         its rows are final. Not from a fragment whose rows are not all read, and never in a circle.
Choice   by estimates, a row weighing what it has bytes: see ``is_cheaper``, ``is_useless`` and ``is_chance``.
See      Bernstein and Chiu, Using Semi-Joins to Solve Relational Queries, JACM 28(1), 1981.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.fragment import Fragment, FragmentGraph, Hole
from hanse.ir.sharding import Home
from hanse.ir.tables import Table
from hanse.ir.types import BOOLEAN, INTEGERS, Type
from hanse.ir.walk import plans
from hanse.spi.dialect import Dialect
from hanse.spi.snapshot import SourceCatalog
from hanse.split.sizes import Sizes

WORTH_IN_PLACE = 0.1
"""Keys are shipped from a fragment that would else be read in place if it has, by estimate, at most this part of the other's
rows: read first by itself, it is read by one thread."""
DROPPED_LEAST = 0.1
"""Keys that are expected to leave out a smaller part of the target's rows are not sent: reading both at once is faster."""
WAIT_MOST = 0.25
"""Where keys are a mere chance, the target may be that large beside its origin, so that waiting costs a quarter at most."""
CHANCE = 100.0
"""So many times too large a guess of the number of keys may be."""
CHANCE_BYTES = 64_000.0
"""What a chance must be able to save: as much as a slow network moves in one round trip, which waiting costs."""
ROW_BYTES, MEASURED_BYTES = 24.0, 48.0
"""What a row costs beside its bytes, in bytes; and how wide the rows were over which ``KeyCosts`` were measured."""
IN_ORDER = 0.9
"""A column with at least that correlation has the rows of neighbouring keys beside one another."""
REPEATABLE = (
    p.Scan,
    p.Filter,
    p.Guard,
    p.Project,
    p.Join,
    p.Aggregate,
    p.Distinct,
    p.SetOperation,
    p.Values,
)
"""Operators that yield the same rows each time in one snapshot. A limit or a window over equals does not."""
SETTLED = frozenset({"count", "sum", "min", "max", "avg", "bool_and", "bool_or"})
"""Aggregates that do not depend on the order of rows."""


@dataclass(frozen=True, slots=True)
class _Place:
    """A column of a fragment."""

    fragment: int
    column: int


_Test = Callable[[_Place, _Place], bool]


def ship_keys(graph: FragmentGraph, sources: Mapping[str, SourceCatalog], force: bool, sizes: Sizes) -> FragmentGraph:
    """The graph with holes where they pay by ``sizes``; with ``force`` wherever they are right, whatever these say."""
    if len(graph.fragments) < 2:
        return graph
    shipping = _Shipping(graph, sources, force, sizes)
    return shipping.run()


class _Shipping:
    """One graph: its candidate edges, and those that are kept."""

    def __init__(self, graph: FragmentGraph, sources: Mapping[str, SourceCatalog], force: bool, sizes: Sizes) -> None:
        self.graph = graph
        self.sources = sources
        self.force = force
        self.fragments = {fragment.id: fragment for fragment in graph.fragments}
        self.rows = {fragment.id: max(1.0, sizes.rows(fragment.plan)) for fragment in graph.fragments}
        self.row_bytes = {fragment.id: ROW_BYTES + sizes.width(fragment.plan) for fragment in graph.fragments}
        self.sizes = sizes
        scans = [node.fragment for node in plans(graph.coordinator) if isinstance(node, p.FragmentScan)]
        self.read_once = {id for id in scans if scans.count(id) == 1}

    # the crossover, in rows of a whole scan: see spi.keys.KeyCosts

    def worth(self, target: _Place) -> int:
        """With how many keys reading the target by keys would take as long as reading all of it."""
        plan, rows = self.fragments[target.fragment].plan, self.rows[target.fragment]
        distinct = self.sizes.distinct(plan, target.column)
        weight = max(1.0, self.row_bytes[target.fragment] / (ROW_BYTES + MEASURED_BYTES))
        return self.dialect(target).key_costs.worth(rows, distinct, not self.is_scattered(target), weight)

    def volume(self, place: _Place) -> float:
        """What reading a whole fragment comes to, in bytes."""
        return self.rows[place.fragment] * self.row_bytes[place.fragment]

    def keys(self, origin: _Place) -> float:
        """As many keys as are expected: no more than rows."""
        return min(self.sizes.distinct(self.fragments[origin.fragment].plan, origin.column), self.rows[origin.fragment])

    def is_scattered(self, target: _Place) -> bool:
        """Whether rows are looked up one by one, and not where the one before was."""
        found = _stored(self.fragments[target.fragment].plan, target.column)
        if found is None:
            return True
        table, column = found
        is_in_key_order = self.dialect(target).clusters and table.primary_key[:1] == (column,)
        if is_in_key_order or not _is_indexed(table, column):
            return False
        known = table.statistics.columns.get(column) if table.statistics else None
        return known is None or known.correlation is None or abs(known.correlation) < IN_ORDER

    def dialect(self, place: _Place) -> Dialect:
        """That of a fragment's source."""
        return self.sources[self.fragments[place.fragment].source].dialect

    def run(self) -> FragmentGraph:
        """Find the edges, keep those that pay and make no circle, then relays, then chances: a hole for each."""
        holes: list[Hole] = []
        edges = [edge for edge in dict.fromkeys(self.edges()) if self.is_possible(*edge)]
        others = [edge for edge in edges if not self.is_taken(*edge, holes, self.pays)]
        for origin, target in others:
            onward = [edge for edge in others if edge[0].fragment == target.fragment]
            waiting = {hole.target for hole in holes if hole.origin == origin.fragment}
            relays = [edge for edge in onward if edge[1].fragment in waiting and self.is_relay(origin, *edge, target)]
            if relays and self.is_taken(origin, target, holes, self.is_sendable):
                for edge in relays:
                    self.is_taken(*edge, holes, self.pays)
        for origin, target in others:
            if all(hole.origin != target.fragment for hole in holes):
                self.is_taken(origin, target, holes, self.is_chance)
        fragments = tuple(self.fragments[fragment.id] for fragment in self.graph.fragments)
        return replace(self.graph, fragments=fragments, holes=tuple(holes)) if holes else self.graph

    def is_taken(self, origin: _Place, target: _Place, holes: list[Hole], wanted: _Test) -> bool:
        """Whether the edge is wanted and makes no circle: then its hole is added."""
        edge = (origin.fragment, origin.column, target.fragment, target.column)
        if any(edge == (hole.origin, hole.column, hole.target, hole.target_column) for hole in holes):
            return False
        if _reaches(holes, target.fragment, origin.fragment) or not wanted(origin, target):
            return False
        caps = self.sources[self.fragments[target.fragment].source].key_caps
        limits = (self.keys_max(target), caps, self.is_divisible(target))
        holes.append(Hole(len(holes), *edge, *limits, self.home(target)))
        self.fragments[target.fragment] = _narrowed(self.fragments[target.fragment], target.column, holes[-1])
        return True

    def edges(self) -> Iterator[tuple[_Place, _Place]]:
        """Pairs of a column that has keys and one that they narrow, for each join, the smaller origin first."""
        found = [
            edge for node in plans(self.graph.coordinator) if isinstance(node, p.Join) for edge in self.of_join(node)
        ]
        yield from sorted(found, key=lambda edge: (self.rows[edge[0].fragment], edge[0].fragment, edge[1].fragment))

    def of_join(self, join: p.Join) -> Iterator[tuple[_Place, _Place]]:
        for left, right in _equalities(join):
            if join.kind in p.CONDITION_INTO_RIGHT:
                yield from self.pairs(join.left, left, join.right, right)
            if join.kind in p.CONDITION_INTO_LEFT:
                yield from self.pairs(join.right, right, join.left, left)

    def pairs(self, keyed: p.Plan, key: int, narrowed: p.Plan, column: int) -> Iterator[tuple[_Place, _Place]]:
        """The edges for one direction of one equality: none, unless all keys come from one fragment."""
        origins = _origins(keyed, key)
        if len(origins) == 1:
            for target in _targets(narrowed, column):
                yield origins[0], target

    def is_possible(self, origin: _Place, target: _Place) -> bool:
        """Whether keys may be sent along the edge."""
        if origin.fragment == target.fragment or target.fragment not in self.read_once:
            return False
        there = self.sources[self.fragments[target.fragment].source]
        if there.capabilities.embedded or not there.capabilities.filters:
            return False
        one, other = self.type_of(origin), self.type_of(target)
        if not there.dialect.takes_keys(other) or not (one == other or {one.kind, other.kind} <= INTEGERS):
            return False
        found = _stored(self.fragments[target.fragment].plan, target.column)
        return found is None or not found[0].column(found[1]).no_pushdown

    def pays(self, origin: _Place, target: _Place) -> bool:
        """Whether keys should be sent along a possible edge."""
        return self.force or (self.is_cheaper(origin, target) and not self.is_useless(origin, target))

    def is_cheaper(self, origin: _Place, target: _Place) -> bool:
        """Whether waiting for the origin and reading by its keys takes less than reading everything meanwhile."""
        keys, whole = self.keys(origin), self.volume(target)
        is_slower = (
            self.is_in_place(origin) and self.rows[origin.fragment] > WORTH_IN_PLACE * self.rows[target.fragment]
        )
        if keys > self.keys_max(target) or is_slower:
            return False
        return self.volume(origin) + keys * self.share(target) / self.worth(target) * whole <= whole

    def is_useless(self, origin: _Place, target: _Place) -> bool:
        """Whether nearly all rows of the target would be found, so that waiting for the keys gains nothing."""
        one, other = self.fragments[origin.fragment].plan, self.fragments[target.fragment].plan
        return self.sizes.kept((one, origin.column), (other, target.column)) > 1 - DROPPED_LEAST

    def is_sendable(self, origin: _Place, target: _Place) -> bool:
        """Whether the keys are not too many, and leave out something, whatever the wait for them costs."""
        return self.keys(origin) <= self.keys_max(target) and not self.is_useless(origin, target)

    def is_relay(self, first: _Place, out: _Place, last: _Place, into: _Place) -> bool:
        """Whether keys of ``first`` into a small fragment (``into``) would make its own (``out``) worth sending into
        ``last``, which waits for ``first`` anyway: nations to suppliers to items, where nations' customers go to items.
        What the small fragment loses by waiting is at most its own reading, a part of what ``last`` costs."""
        if self.is_in_place(first) or self.is_in_place(out) or self.volume(into) > WAIT_MOST * self.volume(last):
            return False
        one, between, other = (self.fragments[place.fragment].plan for place in (first, into, last))
        kept = self.sizes.kept((one, first.column), (between, into.column))
        passed = kept * self.sizes.kept((between, out.column), (other, last.column))
        return 0 < passed <= 1 - DROPPED_LEAST and kept * self.keys(out) <= self.keys_max(last)

    def is_chance(self, origin: _Place, target: _Place) -> bool:
        """Whether keys that do not pay by a mere guess would, were they far fewer, and waiting for them costs little.

        Without the edge both are read at once, in the time of the slower; with it one after the other. If the keys turn out
        to be too many (``keys_max``: then all is read after all), what is lost is the time of the target. So it must be
        small beside the origin (what that yields, or reads before it groups): the query takes at most ``WAIT_MOST`` longer
        where the guess was right. Where it was far too high, all but a few of the target's rows are saved. Nobody may wait
        for the target in turn, or waits would add up; and a cap that refuses a query for its keys is no place for chances.
        """
        plan, saved = self.fragments[origin.fragment].plan, self.volume(target)
        caps = self.sources[self.fragments[target.fragment].source].key_caps
        if self.is_in_place(origin) or caps.fails or not (self.sizes.is_guess(plan) and _selects(plan)):
            return False
        grouped = [self.sizes.rows(node.input) for node in plans(plan) if isinstance(node, p.Aggregate)]
        effort = max(self.volume(origin), ROW_BYTES * max(grouped, default=0.0))
        is_cheap = CHANCE_BYTES <= saved <= WAIT_MOST * effort
        return is_cheap and self.keys(origin) / CHANCE <= self.keys_max(target)

    def is_in_place(self, place: _Place) -> bool:
        """Whether the coordinator's own engine reads the fragment."""
        return self.sources[self.fragments[place.fragment].source].capabilities.embedded

    def home(self, target: _Place) -> Home | None:
        """The part of a sharded table that a column is the key of, if so: then keys are known to live there or not."""
        for scan in plans(self.fragments[target.fragment].plan):
            if isinstance(scan, p.Scan) and (home := scan.table.home) is not None and home.scheme is not None:
                for column, name in scan.outputs:
                    if column.id == target.column and name == home.key:
                        return home
        return None

    def share(self, target: _Place) -> float:
        """The part of all keys that will go there: the others live on other shards."""
        home = self.home(target)
        return 1.0 / home.scheme.count if home and home.scheme else 1.0

    def type_of(self, place: _Place) -> Type:
        """The type of a fragment's column."""
        return next(c.type for c in self.fragments[place.fragment].columns if c.id == place.column)

    def keys_max(self, target: _Place) -> int:
        """The most keys that are worth sending, or allowed."""
        caps = self.sources[self.fragments[target.fragment].source].key_caps
        most = self.dialect(target).keys_max
        if not (self.force or caps.fails):
            most = min(most, self.worth(target))
            if not self.is_divisible(target):
                most = min(most, self.dialect(target).key_costs.keys)
        return most if caps.keys_max is None else caps.keys_max if caps.fails else min(most, caps.keys_max)

    def is_divisible(self, target: _Place) -> bool:
        """Whether several statements yield together what one would, and none of them scans what the others scan."""
        plan = self.fragments[target.fragment].plan
        found = _stored(plan, target.column)
        is_lookup = self.force or (found is not None and _is_indexed(*found))
        return is_lookup and all(map(_is_repeatable, plans(plan)))


def _stored(plan: p.Plan, column: int) -> tuple[Table, str] | None:
    """The table's column that a plan's column is; None for what is computed."""
    for node in plans(plan):
        if isinstance(node, p.Scan):
            for found, name in node.outputs:
                if found.id == column:
                    return node.table, name
    return None


def _is_indexed(table: Table, column: str) -> bool:
    """Whether the source finds the column's values without looking at every row; where it does not say, it may."""
    known = (table.primary_key, *table.unique_keys, *table.indexes)
    return not any(known) or any(index[:1] == (column,) for index in known)


def _selects(plan: p.Plan) -> bool:
    """Whether a plan leaves out rows of its tables, so that they may be far fewer than they are thought to be."""
    return any(not isinstance(node, p.Scan | p.Project | p.Guard) for node in plans(plan))


def _is_repeatable(node: p.Plan) -> bool:
    match node:
        case p.Distinct(on=on):
            return not on
        case p.Aggregate(calls=calls):
            return all(call.name in SETTLED for _, call in calls)
    return isinstance(node, REPEATABLE)


def _narrowed(fragment: Fragment, column: int, hole: Hole) -> Fragment:
    """The fragment with the condition of a hole, which speaks of its final rows, as near to the tables as that is the same:
    a source tests groups only when it has computed all of them."""
    ref = next(c.ref() for c in fragment.columns if c.id == column)
    return replace(fragment, plan=_filtered(fragment.plan, ref, hole.id))


def _filtered(plan: p.Plan, ref: e.Ref, hole: int) -> p.Plan:
    match plan:
        case p.Project() if (below := _passed(plan, ref.id)) is not None:
            return replace(plan, input=_filtered(plan.input, replace(ref, id=below), hole))
        case p.Filter() | p.Sort():
            return replace(plan, input=_filtered(plan.input, ref, hole))
        case p.Distinct() | p.Aggregate() if _keeps_groups(plan, ref.id):
            return replace(plan, input=_filtered(plan.input, ref, hole))
    return p.Filter(plan, e.InKeys(BOOLEAN, ref, hole))


def _reaches(holes: Sequence[Hole], start: int, end: int) -> bool:
    """Whether keys flow, over however many fragments, from ``start`` to ``end``."""
    return start == end or any(_reaches(holes, hole.target, end) for hole in holes if hole.origin == start)


def _equalities(join: p.Join) -> Iterator[tuple[int, int]]:
    """Pairs of a left and a right column that a join demands to be equal. A widening of integers keeps equality."""
    left = {column.id for column in join.left.columns}
    right = {column.id for column in join.right.columns}
    for test in e.conjuncts(join.condition):
        if isinstance(test, e.Call) and test.name == "=":
            one, other = (_column(arg) for arg in test.args)
            if one in left and other in right:
                yield one, other
            elif other in left and one in right:
                yield other, one


def _column(node: e.Expr) -> int:
    if isinstance(node, e.Cast) and {node.type.kind, node.arg.type.kind} <= INTEGERS:
        node = node.arg
    return node.id if isinstance(node, e.Ref) else -1


def _origins(plan: p.Plan, column: int) -> tuple[_Place, ...]:
    """The fragments' columns from which every value (but NULL) of a column comes: too many keys do no harm, so that
    operators which drop rows are passed. Empty if some may come from elsewhere."""
    match plan:
        case p.FragmentScan():
            return (_Place(plan.fragment, column),)
        case p.Project() if (below := _passed(plan, column)) is not None:
            return _origins(plan.input, below)
        case p.SetOperation():
            place = _position(plan.outputs, column)
            sides = plan.inputs if plan.kind is p.SetKind.UNION else (plan.left,)
            found = [_origins(side, side.columns[place].id) for side in sides]
            return sum(found, ()) if all(found) else ()
        case p.Join() | p.Filter() | p.Guard() | p.Aggregate() | p.Window() | p.Sort() | p.Limit() | p.Distinct():
            child = next((child for child in plan.inputs if any(c.id == column for c in child.columns)), None)
            return () if child is None else _origins(child, column)
    return ()


def _targets(plan: p.Plan, column: int) -> Iterator[_Place]:
    """The fragments' columns that may be narrowed where a column's rows without partner are not wanted."""
    match plan:
        case p.FragmentScan():
            yield _Place(plan.fragment, column)
        case p.Project():
            if (below := _passed(plan, column)) is not None:
                yield from _targets(plan.input, below)
        case p.SetOperation():
            place = _position(plan.outputs, column)
            for side in plan.inputs:
                yield from _targets(side, side.columns[place].id)
        case p.Join():
            if plan.kind in p.FILTER_INTO_LEFT and any(c.id == column for c in plan.left.columns):
                yield from _targets(plan.left, column)
            elif plan.kind in p.FILTER_INTO_RIGHT and any(c.id == column for c in plan.right.columns):
                yield from _targets(plan.right, column)
        case p.Filter() | p.Guard() | p.Sort():
            yield from _targets(plan.input, column)
        case p.Distinct() | p.Aggregate() | p.Window() if _keeps_groups(plan, column):
            yield from _targets(plan.input, column)


def _keeps_groups(plan: p.Plan, column: int) -> bool:
    """Whether leaving out rows by ``column`` leaves out whole groups of the operator, and changes no other."""
    match plan:
        case p.Distinct():
            return not plan.on
        case p.Aggregate():
            return plan.sets is None and any(key.id == column for key in plan.keys)
        case p.Window():
            return all(_partitions(call, column) for _, call in plan.calls)
    return False


def _partitions(call: e.WindowCall, column: int) -> bool:
    return any(isinstance(node, e.Ref) and node.id == column for node in call.partition_by)


def _passed(plan: p.Project, column: int) -> int | None:
    """The input's column that a projection passes on as ``column``."""
    value = next((x for c, x in plan.items if c.id == column), None)
    return value.id if isinstance(value, e.Ref) else None


def _position(columns: Sequence[e.Column], id: int) -> int:
    return next(place for place, column in enumerate(columns) if column.id == id)
