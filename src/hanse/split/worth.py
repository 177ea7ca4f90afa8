"""Whether keys are worth sending along an edge: by estimates of sizes, and what keys cost at the target's source.

A row weighs what it has bytes, and a byte what it was observed to take from its source.
See ``pays``, ``is_relay`` and ``is_chance`` for the three reasons to send keys.
"""

import math
from collections.abc import Mapping
from typing import Any

from hanse.ir import plan as p
from hanse.ir.fragment import Fragment, FragmentGraph, Patience, Weighed
from hanse.ir.sharding import Home
from hanse.ir.tables import Table
from hanse.ir.types import INTEGERS, Type
from hanse.ir.walk import plans, unkeyed
from hanse.spi.dialect import Dialect
from hanse.spi.pace import NOMINAL, Pace
from hanse.spi.snapshot import SourceCatalog
from hanse.split.edges import Edge, Place
from hanse.split.sizes import Sizes
from hanse.split.stored import indexes, is_indexed, leads, span, stored

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
MEASURED_ROWS = 1.1e6
"""Rows of that width in a second, of the scans beside which they were measured."""
KEY_BYTES = 12.0
"""What a key is, as SQL, in bytes."""
UNSENT = 0.5
"""What a row that the source looks at and does not send costs, as a part of one that it sends."""
LEADING = 0.5
"""A part of keys that finds more of the rows is not looked up first."""
IN_ORDER = 0.9
"""A column with at least that correlation has the rows of neighbouring keys beside one another."""
PATIENCE = 0.3
"""Keys whose number is a guess are awaited for that part of the time which reading all of the target takes: so that, if it
was wrong and all is read after all, the query takes at most so much longer."""
PATIENCE_LEAST = 0.25
"""In seconds: nothing is begun on trial for less."""
SURPRISE = 0.1
"""That part of the keys with which reading everything takes no longer may come unexpectedly. If the true number is any c of
them, and they come evenly while their origin is read (in a time t), then keys cost t + c and a scan that begins now t / c / 10
+ 1, in times of a whole scan: at worst a third more than both at once, where t is 1 and c is 0.3."""
EXPECTED = 1.3
"""So many times the keys that are expected are no surprise."""
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
BLOCKING = (p.Aggregate, p.Distinct, p.Window)
"""Operators that yield nothing before they have read all."""
SETTLED = frozenset({"count", "sum", "min", "max", "avg", "bool_and", "bool_or"})
"""Aggregates that do not depend on the order of rows."""


class Worth:
    """What is known of one graph's fragments and their sources."""

    def __init__(self, graph: FragmentGraph, sources: Mapping[str, SourceCatalog], force: bool, sizes: Sizes) -> None:
        """``force``: keys are sent wherever they are right, whatever ``sizes`` say."""
        self.sources = sources
        self.force = force
        self.sizes = sizes
        self.fragments = {fragment.id: fragment for fragment in graph.fragments}
        """As far as they have been narrowed by keys."""
        self._rows = {fragment.id: max(1.0, sizes.rows(fragment.plan)) for fragment in graph.fragments}
        self._row_bytes = {fragment.id: ROW_BYTES + sizes.width(fragment.plan) for fragment in graph.fragments}
        self._guessed = {fragment.id for fragment in graph.fragments if sizes.is_guess(fragment.plan)}
        scans = [node.fragment for node in plans(graph.coordinator) if isinstance(node, p.FragmentScan)]
        self._read_once = {id for id in scans if scans.count(id) == 1}
        self._of_shards = {
            fragment.id
            for fragment in graph.fragments
            if any(isinstance(node, p.Scan) and node.table.home is not None for node in plans(fragment.plan))
        }
        self._values: dict[Place, float] = {}
        self._crossovers: dict[Place, int] = {}

    def narrow(self, fragment: Fragment) -> None:
        """Keys go into the fragment: this is what it is now."""
        self.fragments[fragment.id] = fragment
        self._values.clear()
        self._crossovers.clear()

    # what is possible

    def is_possible(self, edge: Edge) -> bool:
        """Whether keys may be sent along the edge."""
        target = edge.target
        if not all(map(self._gives, (*edge.origins, target))):
            return False
        if target.fragment in edge.fragments or target.fragment not in self._read_once:
            return False
        there = self.source(target)
        if there.capabilities.embedded or not there.capabilities.filters:
            return False
        if edge.is_composite and not (there.dialect.takes_key_rows and self._read_once.issuperset(edge.fragments)):
            return False
        return all(self._fits(edge, part) for part in range(len(target.columns)))

    def _gives(self, place: Place) -> bool:
        """Whether these are columns of the fragment, and not those of a further reading of it, which is shared."""
        ids = {column.id for column in self.fragments[place.fragment].columns}
        return ids.issuperset(place.columns)

    def _fits(self, edge: Edge, part: int) -> bool:
        """Whether one part of the keys may be compared with its column at the target's source."""
        column = edge.target.columns[part]
        there = self.type_of(edge.target.fragment, column)
        if not self.dialect(edge.target).takes_keys(there):
            return False
        for origin in edge.origins:
            here = self.type_of(origin.fragment, origin.columns[part])
            if not (here == there or {here.kind, there.kind} <= INTEGERS):
                return False
        found = stored(self.fragments[edge.target.fragment].plan, column)
        return found is None or not found[0].column(found[1]).no_pushdown

    # what pays

    def pays(self, edge: Edge) -> bool:
        """Whether keys should be sent along a possible edge."""
        return self.force or (self.is_cheaper(edge) and not self.is_useless(edge))

    def is_cheaper(self, edge: Edge) -> bool:
        """Whether waiting for the origins and reading by their keys takes less than reading everything meanwhile."""
        rows = self.rows(edge)
        is_slower = self.is_in_place(edge) and rows > WORTH_IN_PLACE * self._rows[edge.target.fragment]
        if self.keys(edge) > self.keys_max(edge.target) or is_slower:
            return False
        whole = self.effort(edge.target)
        return self.wait(edge) + self.cost(edge) * whole <= whole

    def is_useless(self, edge: Edge) -> bool:
        """Whether nearly all rows of the target would be found, so that waiting for the keys gains nothing."""
        return self.kept(edge) > 1 - DROPPED_LEAST

    def is_sendable(self, edge: Edge) -> bool:
        """Whether the keys are not too many, and leave out something, whatever the wait for them costs."""
        return self.keys(edge) <= self.keys_max(edge.target) and not self.is_useless(edge)

    def is_relay(self, edge: Edge, onward: Edge) -> bool:
        """Whether keys along ``edge`` into a small fragment would make its own worth sending ``onward``, to one that waits
        for the same origins anyway: nations to suppliers to items, where nations' customers go to items. What the small
        fragment loses by waiting is at most its own reading, a part of what the last one costs."""
        into, last = edge.target, onward.target
        if self.is_in_place(edge) or self.is_in_place(onward):
            return False
        if self.volume(into) > WAIT_MOST * self.volume(last):
            return False
        kept = self.kept(edge)
        passed = kept * self.kept(onward)
        return 0 < passed <= 1 - DROPPED_LEAST and kept * self.keys(onward) <= self.keys_max(last)

    def is_chance(self, edge: Edge) -> bool:
        """Whether keys that do not pay by a mere guess would, were they far fewer, and waiting for them costs little.

        Without the edge both are read at once, in the time of the slower; with it one after the other. If the keys turn out
        to be too many (``keys_max``: then all is read after all), what is lost is the time of the target. So it must be
        small beside the origin (what that yields, or reads before it groups): the query takes at most ``WAIT_MOST`` longer
        where the guess was right. Where it was far too high, all but a few of the target's rows are saved. Nobody may wait
        for the target in turn, or waits would add up; and a cap that refuses a query for its keys is no place for chances.
        """
        saved = self.expense(edge.target)
        if self.is_in_place(edge) or self.source(edge.target).key_caps.fails:
            return False
        origins = [self.fragments[origin.fragment].plan for origin in edge.origins]
        if not any(self.sizes.is_guess(plan) and selects(plan) for plan in origins):
            return False
        grouped = [
            self.sizes.rows(node.input) for plan in origins for node in plans(plan) if isinstance(node, p.Aggregate)
        ]
        effort = max(self.wait(edge), ROW_BYTES * max(grouped, default=0.0))
        is_cheap = max(CHANCE_BYTES, self.pace(edge.target).wait) <= saved <= WAIT_MOST * effort
        return is_cheap and self.keys(edge) / CHANCE <= self.keys_max(edge.target)

    # what people are told

    def weighed(self, edge: Edge) -> Weighed:
        """What keys along an edge are expected to come to."""
        whole = self.effort(edge.target)
        return Weighed(self.keys(edge), self.wait(edge) + min(1.0, self.cost(edge)) * whole, whole)

    def objection(self, edge: Edge) -> str:
        """Why keys along a possible edge do not pay."""
        most = self.keys_max(edge.target)
        if self.keys(edge) > most:
            return f"more than the {most:,} that are worth it"
        if self.is_useless(edge):
            return "they would find nearly all rows"
        if self.is_in_place(edge):
            return "they come from rows that are read in place, with all threads"
        return "waiting for them costs more than they spare"

    # sizes

    def cost(self, edge: Edge) -> float:
        """What reading by the keys comes to, as a part of reading everything."""
        return self.keys(edge) * self.share(edge.target) / self.worth(edge.target)

    def patience(self, edge: Edge) -> Patience | None:
        """How long the keys of an edge that pays are awaited: where their number is a guess, or shows only when there are no
        more, for some time; else until it shows that it was wrong, and so where the target's own source computes them: a scan
        beside that would only take its time from it. For ever where a cap refuses to read all, where their number does not
        matter, and where reading all takes so little that waiting for it afterwards is no loss."""
        whole = self.effort(edge.target) / NOMINAL
        seconds = max(PATIENCE_LEAST, PATIENCE * whole)
        is_guess = not self._guessed.isdisjoint(edge.fragments)
        if whole < PATIENCE * seconds or (self.force and not is_guess):
            return None
        if self.source(edge.target).key_caps.fails or self.home(edge.target) is not None:
            return None
        worth = self.worth(edge.target)
        most = max(1, int(max(SURPRISE * worth, EXPECTED * self.keys(edge))))
        is_unsure = is_guess or self.is_blind(edge)
        is_late = is_unsure and self.fragments[edge.target.fragment].source not in self._sources(edge)
        return Patience(seconds if is_late else None, self._rows[edge.target.fragment], worth, most)

    def is_blind(self, edge: Edge) -> bool:
        """Whether the origins give no keys before they have them all, and there is room for far more of them than are expected,
        and for too many: groups of what conditions select, of columns that have many values."""
        origins = [self.fragments[origin.fragment].plan for origin in edge.origins]
        if not any(isinstance(node, BLOCKING) for plan in origins for node in plans(plan)):
            return False
        most = max(math.prod(self._room(origin.fragment, id) for id in origin.columns) for origin in edge.origins)
        return most > max(SURPRISE * self.worth(edge.target), EXPECTED * self.keys(edge))

    def _room(self, fragment: int, column: int) -> float:
        """As many values as a column of a fragment has where it comes from; infinite where it is computed."""
        for node in plans(self.fragments[fragment].plan):
            if isinstance(node, p.Scan) and any(found.id == column for found, _ in node.outputs):
                return self.sizes.distinct(node, column)
        return math.inf

    def _sources(self, edge: Edge) -> set[str]:
        return {self.fragments[origin.fragment].source for origin in edge.origins}

    def spans(self, target: Place) -> tuple[tuple[Any, Any] | None, ...]:
        """The least and the greatest value of each column, where statistics know them."""
        plan = self.fragments[target.fragment].plan
        return tuple(span(plan, column) for column in target.columns)

    def rows(self, edge: Edge) -> float:
        """Rows of all origins."""
        return sum(self._rows[origin.fragment] for origin in edge.origins)

    def size(self, place: Place) -> float:
        """Rows of a whole fragment."""
        return self._rows[place.fragment]

    def volume(self, place: Place) -> float:
        """What reading a whole fragment comes to, in bytes."""
        return self._rows[place.fragment] * self._row_bytes[place.fragment]

    def pace(self, place: Place) -> Pace:
        """How fast the fragment's source answers, as far as that is known."""
        return self.sizes.pace(self.fragments[place.fragment].source)

    def expense(self, place: Place) -> float:
        """What reading a whole fragment costs, in bytes from a source at the nominal pace."""
        return self.pace(place).whole(self._rows[place.fragment], self.volume(place))

    def effort(self, target: Place) -> float:
        """What reading a whole target costs, in the same bytes: what it groups is read there, however little it yields."""
        return max(self.expense(target), ROW_BYTES * self._grouped(target))

    def _grouped(self, target: Place) -> float:
        """As many rows as the source groups, to yield fewer."""
        plan = self.fragments[target.fragment].plan
        return max((self.sizes.rows(unkeyed(x.input)) for x in plans(plan) if isinstance(x, p.Aggregate)), default=0.0)

    def wait(self, edge: Edge) -> float:
        """What waiting for the origins costs, in the same bytes: all of them are read at once."""
        return max(self.expense(origin) + self.pace(origin).wait for origin in edge.origins)

    def keys(self, edge: Edge) -> float:
        """As many keys as are expected: no more than rows."""
        return sum(min(self._distinct(origin), self._rows[origin.fragment]) for origin in edge.origins)

    def _distinct(self, place: Place) -> float:
        """Different keys of a fragment."""
        found = self._values.get(place)
        if found is None:
            plan, sizes = self.fragments[place.fragment].plan, self.sizes
            is_one = len(place.columns) == 1
            found = sizes.distinct(plan, place.column) if is_one else sizes.combinations(plan, place.columns)
            self._values[place] = found
        return found

    def kept(self, edge: Edge) -> float:
        """The part of the target's rows that the keys find; 0 if nothing is known. Each key of several columns finds the rows
        of one, so that few keys find few rows even where each part of them finds many."""
        plan = self.fragments[edge.target.fragment].plan
        parts = range(len(edge.target.columns))
        found = sum(math.prod(self._kept(origin, edge, part, plan) for part in parts) for origin in edge.origins)
        return min(1.0, found, self.keys(edge) / self._distinct(edge.target) if edge.is_composite else 1.0)

    def _kept(self, origin: Place, edge: Edge, part: int, plan: p.Plan) -> float:
        keyed = self.fragments[origin.fragment].plan, origin.columns[part]
        return self.sizes.kept(keyed, (plan, edge.target.columns[part]))

    def prefers_rows(self, edge: Edge) -> bool:
        """Whether rows of values are to be sent rather than single columns, whatever these seem to cost: it is not known how
        many values each of them has, at both ends, and the source finds rows of values as well."""
        places = (*edge.origins, edge.target)
        plans_of = ((self.fragments[place.fragment].plan, column) for place in places for column in place.columns)
        if not edge.is_composite or all(self.sizes.is_counted(plan, column) for plan, column in plans_of):
            return False
        table, names = self._table(edge.target)
        return table is None or is_indexed(table, names) or not any(is_indexed(table, (name,)) for name in names)

    def share(self, target: Place) -> float:
        """The part of all keys that will go there: the others live on other shards."""
        home = self.home(target)
        return 1.0 / home.scheme.count if home and home.scheme else 1.0

    # the crossover, in rows of a whole scan: see spi.keys.KeyCosts

    def worth(self, target: Place) -> int:
        """With how many keys reading the target by keys would take as long as reading all of it."""
        found = self._crossovers.get(target)
        if found is None:
            found = self._crossovers[target] = self._crossover(target)
        return found

    def _crossover(self, target: Place) -> int:
        costs = self.dialect(target).key_costs
        key = costs.key(not self.is_scattered(target), len(target.columns)) + self._on_the_way(target)
        key += self._strangers(target)
        rows, grouped = self._rows[target.fragment], self._grouped(target)
        distinct, weight = self._distinct(target), self._weight(target)
        return costs.worth(max(rows, grouped), distinct, key, weight, are_grouped=grouped > rows)

    def _strangers(self, target: Place) -> float:
        """What a key of several columns costs further where no index has all of them: the source looks at every row that one
        of them finds; and with an index of each, it may weigh ways to combine them, which costs more than they are worth."""
        table, names = self._table(target)
        if table is None or len(names) == 1 or is_indexed(table, names):
            return 0.0
        alone = [place for place, name in enumerate(names) if is_indexed(table, (name,))]
        if not alone:
            return 0.0
        plan, costs = self.fragments[target.fragment].plan, self.dialect(target).key_costs
        values = max(self.sizes.distinct(plan, target.columns[place]) for place in alone)
        found = UNSENT * costs.row * self._rows[target.fragment] / max(1.0, values)
        return costs.far - costs.near + found + (costs.apart if len(alone) > 1 else 0.0)

    def lead(self, edge: Edge) -> int | None:
        """The part of a key of several columns by which the source finds its rows, where no index has all of them: of those
        that have an index, and leave out much, the one with most values."""
        table, names = self._table(edge.target)
        if table is None or not (edge.is_composite and self.dialect(edge.target).leads_key_rows):
            return None
        if not any(indexes(table)) or is_indexed(table, names):
            return None
        plan = self.fragments[edge.target.fragment].plan
        found = [
            (self.sizes.distinct(plan, edge.target.columns[part]), part)
            for part, name in enumerate(names)
            if is_indexed(table, (name,))
            and sum(self._kept(origin, edge, part, plan) for origin in edge.origins) <= LEADING
        ]
        return max(found)[1] if found else None

    def _weight(self, target: Place) -> float:
        """What a row costs in a scan, in rows as they were measured: by its bytes, or by the time which these take where the
        network is slower than a server is. No more where the source only reads slowly: keys are found slowly there, too."""
        row, bandwidth = self._row_bytes[target.fragment], self.pace(target).bandwidth
        slowly = 0.0 if bandwidth is None else (row - ROW_BYTES) * MEASURED_ROWS / max(1.0, bandwidth)
        return max(1.0, row / (ROW_BYTES + MEASURED_BYTES), slowly)

    def _on_the_way(self, target: Place) -> float:
        """What a key costs on its way there beyond what was measured, in the same rows."""
        bandwidth = self.pace(target).bandwidth
        slowly = 0.0 if bandwidth is None else MEASURED_ROWS / max(1.0, bandwidth) - 1 / MEASURED_BYTES
        return max(0.0, slowly) * KEY_BYTES * len(target.columns)

    def keys_max(self, target: Place) -> int:
        """The most keys that are worth sending, or allowed."""
        caps = self.source(target).key_caps
        most = self.dialect(target).keys_max
        if not (self.force or caps.fails):
            most = min(most, self.worth(target))
            if not self.is_divisible(target):
                most = min(most, self.dialect(target).key_costs.keys_in_one(len(target.columns)))
        return most if caps.keys_max is None else caps.keys_max if caps.fails else min(most, caps.keys_max)

    # places

    def homeward(self, edge: Edge) -> Edge:
        """The same edge, beginning with the column by which the target's table is sharded: by it keys find their shard."""
        for part, column in enumerate(edge.target.columns):
            if part and self.home(Place(edge.target.fragment, (column,))) is not None:
                return edge.reordered((part, *(other for other in range(len(edge.target.columns)) if other != part)))
        return edge

    def source(self, place: Place) -> SourceCatalog:
        """That of a fragment."""
        return self.sources[self.fragments[place.fragment].source]

    def dialect(self, place: Place) -> Dialect:
        """That of a fragment's source."""
        return self.source(place).dialect

    def type_of(self, fragment: int, column: int) -> Type:
        """The type of a fragment's column."""
        return next(c.type for c in self.fragments[fragment].columns if c.id == column)

    def is_in_place(self, edge: Edge) -> bool:
        """Whether the coordinator's own engine reads one of the origins."""
        return any(self.source(origin).capabilities.embedded for origin in edge.origins)

    def is_scattered(self, target: Place) -> bool:
        """Whether rows are looked up one by one, and not where the one before was."""
        table, names = self._table(target)
        if table is None:
            return True
        is_in_key_order = self.dialect(target).clusters and leads(table.primary_key, names)
        index = next((index for index in indexes(table) if leads(index, names)), None)
        if is_in_key_order or (index is None and any(indexes(table))):
            return False
        known = table.statistics.columns.get(index[0] if index else names[0]) if table.statistics else None
        return known is None or known.correlation is None or abs(known.correlation) < IN_ORDER

    def is_divisible(self, target: Place) -> bool:
        """Whether several statements yield together what one would, and none of them scans what the others scan."""
        table, names = self._table(target)
        is_lookup = self.force or (table is not None and is_indexed(table, names))
        return is_lookup and all(map(_is_repeatable, plans(self.fragments[target.fragment].plan)))

    def _table(self, place: Place) -> tuple[Table | None, tuple[str, ...]]:
        """The table whose columns all those of a place are, and their names there; None for what is computed."""
        found = [stored(self.fragments[place.fragment].plan, column) for column in place.columns]
        known = [column for column in found if column is not None]
        if len(known) < len(found) or any(table is not known[0][0] for table, _ in known):
            return None, ()
        return known[0][0], tuple(name for _, name in known)

    def home(self, target: Place) -> Home | None:
        """The part of a sharded table that the first column is the key of, if so: then keys are known to live there or
        not."""
        if target.fragment not in self._of_shards:
            return None
        for scan in plans(self.fragments[target.fragment].plan):
            if isinstance(scan, p.Scan) and (home := scan.table.home) is not None and home.scheme is not None:
                for column, name in scan.outputs:
                    if column.id == target.column and name == home.key:
                        return home
        return None


def selects(plan: p.Plan) -> bool:
    """Whether a plan leaves out rows of its tables, so that they may be far fewer than they are thought to be."""
    return any(not isinstance(node, p.Scan | p.Project | p.Guard) for node in plans(plan))


def _is_repeatable(node: p.Plan) -> bool:
    match node:
        case p.Distinct(on=on):
            return not on
        case p.Aggregate(calls=calls):
            return all(call.name in SETTLED for _, call in calls)
    return isinstance(node, REPEATABLE)
