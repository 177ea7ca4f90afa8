"""The relations of a tree of inner joins as ``ordering`` sees them: numbers and bits, from plans, tests and statistics."""

from dataclasses import dataclass, field
from itertools import combinations

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.types import BOOLEAN
from hanse.ir.walk import plans
from hanse.optimize.estimate import Estimator, equation
from hanse.optimize.ordering import HERE, Attached, Graph, Key, bits
from hanse.optimize.rule import Context
from hanse.optimize.selectivity import distinct_of


@dataclass(slots=True)
class Equal:
    """Columns of different relations that conditions make equal."""

    refs: list[tuple[int, e.Ref]] = field(default_factory=list)
    """The bit of its relation, and the column."""
    tests: list[tuple[e.Expr, int]] = field(default_factory=list)
    """The equations as they were written, and the bits of their relations."""


@dataclass(slots=True)
class JoinTree:
    """A tree of joins, taken apart."""

    relations: list[p.Plan] = field(default_factory=list)
    tests: list[e.Expr] = field(default_factory=list)
    """Of the inner joins."""
    attached: dict[int, p.Join] = field(default_factory=dict)
    """The outer, semi and anti joins by the bit of the relation on their right side; RIGHT ones are turned to LEFT."""


class Relations:
    """Relations, the sets of equal columns between them, and all other tests with the bits of what they read (0: what
    cannot be tested before everything is joined)."""

    def __init__(self, tree: JoinTree, needed: set[int], context: Context) -> None:
        relations, tests = tree.relations, tree.tests
        self.plans = relations
        self.attached = tree.attached
        self.needed = needed
        self.context = context
        self.bits: dict[int, int] = {}
        for place, plan in enumerate(relations):
            self.bits.update(dict.fromkeys(context.ids(plan), 1 << place))
        self.classes: list[Equal] = []
        self.tests: list[tuple[e.Expr, int]] = []
        self.edges: list[tuple[int, int]] = []
        for test in tests:
            if not self._equates(test):
                self.tests.append((test, self._mask(test)))
                self._connects(test)

    def _mask(self, test: e.Expr) -> int:
        """The bits of what a test reads; none if it reads from around, or must not move."""
        mask = 0
        for id in self.context.reads(test):
            if id not in self.bits:
                return 0
            mask |= self.bits[id]
        return mask if self.context.is_movable(test) else 0

    def _connects(self, test: e.Expr) -> None:
        """Note an equation of an expression over one relation with one over another."""
        if isinstance(test, e.Call) and test.name in ("=", "is_not_distinct"):
            one, other = map(self._mask, test.args)
            if one and other and one != other and not (one & one - 1 or other & other - 1):
                self.edges.append((one, other))

    def _equates(self, test: e.Expr) -> bool:
        """Put the two columns of an equation into one set, unless that would have two columns of one relation."""
        match test:
            case e.Call(name="=", args=(e.Ref() as one, e.Ref() as other)) if one.type == other.type:
                pass
            case _:
                return False
        if one.id not in self.bits or other.id not in self.bits:
            return False
        if self.bits[one.id] in self.attached or self.bits[other.id] in self.attached:
            return False  # NULL where there is no partner: equal to nothing, below that join it may be
        first, second = self._class_of(one), self._class_of(other)
        if first is not second:
            if {bit for bit, _ in first.refs} & {bit for bit, _ in second.refs}:
                return False
            first.refs += second.refs
            first.tests += second.tests
            self.classes = [known for known in self.classes if known is not second and known is not first]
            self.classes.append(first)
        elif self.bits[one.id] == self.bits[other.id]:
            return False
        first.tests.append((test, self.bits[one.id] | self.bits[other.id]))
        return True

    def _class_of(self, ref: e.Ref) -> Equal:
        for known in self.classes:
            if any(other.id == ref.id for _, other in known.refs):
                return known
        return Equal([(self.bits[ref.id], ref)])

    def graph(self) -> Graph:
        """The numbers."""
        estimator = self.context.estimator
        sources: dict[str, int] = {}
        homes = [home(plan, self.context) for plan in self.plans]
        numbers = [HERE if name == HERE else sources.setdefault(str(name), len(sources)) for name in homes]
        rows = [estimator.rows(plan) for plan in self.plans]
        graph = Graph(rows, [0.0] * len(rows), numbers, self._neighbours())
        graph.classes = [self._counts(members, estimator) for members in self.classes]
        graph.factors = [*self._factors(estimator), *self._corrections(graph)]
        graph.doubts = [estimator.at_most(plan) / max(1.0, count) for plan, count in zip(self.plans, rows, strict=True)]
        self._attach(graph, estimator)
        self._widths(graph, estimator)
        observed = estimator.observed
        if observed.any:
            graph.paces = [observed.pace(source) for source in sources]
            self._observed(graph, estimator)
        return graph

    def _attach(self, graph: Graph, estimator: Estimator) -> None:
        """Lower bits first, so that what a needed relation needs itself is known."""
        for bit, join in sorted(self.attached.items()):
            whole = direct = self._reads(join.condition) & ~bit
            for other, known in graph.attached.items():
                whole |= known.needs if direct & other else 0
            factor = estimator.rows(join) / max(1.0, estimator.rows(join.left))
            graph.attached[bit] = Attached(whole, factor, join.kind is p.JoinKind.SEMI)

    def _reads(self, condition: e.Expr) -> int:
        """The bits of the relations that a condition reads; columns from around are always there."""
        mask = 0
        for id in self.context.reads(condition):
            mask |= self.bits.get(id, 0)
        return mask

    def _observed(self, graph: Graph, estimator: Estimator) -> None:
        """Correct the rows of inner joins that ran as fragments before, the smaller ones first."""
        tables = [estimator.tables(plan) for plan in self.plans]
        for wanted in sorted(estimator.observed.joins(frozenset().union(*tables)), key=len):
            members = [place for place, those in enumerate(tables) if those and those <= wanted]
            if len(members) < 2 or any(1 << place in self.attached for place in members):
                continue
            if frozenset().union(*(tables[place] for place in members)) != wanted:
                continue
            mask = sum(1 << place for place in members)
            seen = estimator.seen(self._joined(members, mask))
            if seen is not None:
                graph.correct(mask, seen)

    def _joined(self, members: list[int], mask: int) -> p.Plan:
        """The inner join of some relations, with all conditions between them."""
        tests = [test for test, needed in self.tests if needed and not needed & ~mask and needed & (needed - 1)]
        for equal in self.classes:
            refs = [ref for bit, ref in equal.refs if bit & mask]
            tests += [e.Call(BOOLEAN, "=", (refs[0], ref)) for ref in refs[1:]]
        joined = self.plans[members[0]]
        for place in members[1:]:
            joined = p.Join(p.JoinKind.INNER, joined, self.plans[place], e.TRUE)
        return p.Filter(joined, e.conjunction(tests)) if tests else joined

    def _neighbours(self) -> list[int]:
        found = [0] * len(self.plans)
        for members in self.classes:
            whole = 0
            for bit, _ in members.refs:
                whole |= bit
            for bit, _ in members.refs:
                found[bit.bit_length() - 1] |= whole & ~bit
        for bit, join in self.attached.items():
            whole = self._reads(join.condition) | bit
            for place in bits(whole):  # what it needs is connected through it
                found[place] |= whole & ~(1 << place)
        for one, other in self.edges:
            found[one.bit_length() - 1] |= other
            found[other.bit_length() - 1] |= one
        return found

    def _counts(self, members: Equal, estimator: Estimator) -> list[tuple[int, float]]:
        """How many values each of the equal columns has; what is not known is somebody's key, most probably: of the
        smallest table."""
        known: list[tuple[int, float | None, float]] = []
        for bit, ref in members.refs:
            plan, origin = self.plans[bit.bit_length() - 1], estimator.origin(ref.id)
            count = None if distinct_of(origin) is None else estimator.distinct(plan, ref.id)
            known.append((bit, count, origin.rows or estimator.rows(plan)))
        most = max((count for _, count, _ in known if count is not None), default=None)
        least = min(total for _, _, total in known)
        return [
            (bit, count if count is not None else max(1.0, least if most is None else min(total, most)))
            for bit, count, total in known
        ]

    def _factors(self, estimator: Estimator) -> list[tuple[int, float]]:
        """The shares of rows that tests of several relations leave."""
        found = []
        for test, mask in self.tests:
            if mask & mask - 1:
                pair = equation(test)
                value = estimator.share([test]).value
                if pair is not None:
                    sides = [self.plans[self.bits[id].bit_length() - 1] for id in pair]
                    value = estimator.meeting(*pair, (estimator.profile(sides[0]), estimator.profile(sides[1]))).value
                found.append((mask, value))
        return found

    def _corrections(self, graph: Graph) -> list[tuple[int, float]]:
        """Two relations that are connected by several columns have more partners than these would leave one by one,
        where they are the key of one of them together."""
        connecting: dict[tuple[int, int], list[int]] = {}
        for number, members in enumerate(graph.classes):
            for pair in combinations(sorted(bit for bit, _ in members), 2):
                connecting.setdefault(pair, []).append(number)
        found = []
        for (one, other), both in sorted(connecting.items()):
            if len(both) < 2:
                continue
            pairs = [self._pair(number, one, other) for number in both]
            share = self.context.estimator.together(pairs)
            single = 1.0
            for number in both:
                single /= max(count for bit, count in graph.classes[number] if bit in (one, other))
            if share is not None and share > single:
                found.append((one | other, share / single))
        return found

    def _pair(self, number: int, one: int, other: int) -> tuple[int, int]:
        refs = {bit: ref.id for bit, ref in self.classes[number].refs}
        return refs[one], refs[other]

    def _widths(self, graph: Graph, estimator: Estimator) -> None:
        """Columns that are read above travel all the way; others until the last test that reads them."""
        readers: dict[int, int] = {}
        for members in self.classes:
            whole = 0
            for bit, _ in members.refs:
                whole |= bit
            for _, ref in members.refs:
                readers[ref.id] = readers.get(ref.id, 0) | whole
        for test, mask in self.tests:
            for id in self.context.reads(test):
                readers[id] = readers.get(id, 0) | (mask or -1)
        for bit, join in self.attached.items():
            for id in self.context.reads(join.condition):
                readers[id] = readers.get(id, 0) | self._reads(join.condition) | bit
        for place, plan in enumerate(self.plans):
            for column in plan.columns:
                if column.id in self.needed:
                    graph.widths[place] += estimator.width_of(column)
                elif column.id in readers:
                    graph.keys.append(Key(place, readers[column.id], estimator.width_of(column)))


def home(plan: p.Plan, context: Context) -> str | int:
    """The remote source of all tables of a plan; HERE where there are several, or none, or it is read in place."""
    sources = {node.table.source for node in plans(plan) if isinstance(node, p.Scan)}
    return next(iter(sources)) if len(sources) == 1 and not sources & context.embedded else HERE
