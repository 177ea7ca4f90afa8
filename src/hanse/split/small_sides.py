"""Small sides: the rows of a small fragment go into the query of a larger one, whose source then joins and groups.

    Aggregate: by c.region, i.kind; sum(...)            Union all
    └─ Join: inner on c.id = i.customer                 ├─ FragmentScan: f2
       ├─ FragmentScan: f0 @crm (c.id, c.region)   =>   └─ the same as before, over f0 and f1
       └─ FragmentScan: f1 @shop (i.customer, i.kind)   f2 @shop  Aggregate: by c.region, i.kind; sum(...)
                                                                  └─ Join: inner on c.id = i.customer
                                                                     ├─ FragmentScan: f0, whose rows are constants here
                                                                     └─ Scan: shop.items

Which of the two is read is decided when f0 is finished, or has more rows than a statement should hold: before anything of
f1 or f2 has been asked for. The other one yields no row, so that the union is the answer in either case.

When     the source runs the whole of it exactly, the rows being constants: the same verdicts as for any query say so.
         It costs clearly less by estimates, weighed by how fast the source's bytes come, or with ``force``; or that is a guess,
         and costs little more at worst. On one machine rows must be wide for that: sending them is as fast as joining them.
Safe     without rows of the larger fragments the operator yields none: every join in it is inner or semi, and an aggregate
         without keys is divided (``ir.decompose``), so that the part which is read twice adds nothing.
Not      below an outer or anti join, in subqueries and CTEs; where the larger fragments' rows are read elsewhere, too, or their
         keys go elsewhere; where a column of the small side is of a type without exact constants there, or is text whose
         equality is not proven there.
Order    after keys are shipped: the rows that are read instead may be read by keys.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.copies import renumbered
from hanse.ir.decompose import Parts, decompose
from hanse.ir.fragment import Decision, Fragment, FragmentGraph, SmallSide
from hanse.ir.tables import Table
from hanse.ir.types import INTEGERS, Type
from hanse.ir.walk import map_plans, nested, plans, unkeyed, used, with_inputs
from hanse.spi.snapshot import SourceCatalog
from hanse.split.facts import Fact, Facts
from hanse.split.sizes import Sizes
from hanse.split.stored import indexes, leads, stored
from hanse.split.worth import MEASURED_BYTES

CLEARLY_LESS = 0.7
"""What it may cost at most, per what it would otherwise."""
WORK_BYTES = 60.0
"""What joining a row with constants and grouping it takes a source longer than sending it takes, in bytes from a source on
the same machine: half a microsecond or more (37,500 rows of PostgreSQL took 0.17 s so, and 0.15 s to be sent)."""
SAVED_LEAST = 64_000.0
"""What is to be saved at least."""
ROW_BYTES = 24.0
"""What a row costs beside its bytes, in bytes."""
TEXT_BYTES = 128 * 1024
"""As much SQL as rows may be in one query."""
CHANCE = 100.0
"""So many times too large a guess of the small side's rows may be."""
CHANCE_TIMES = 4.0
"""So many times the least that is to be saved must be there for a chance."""
LIKELY, WORST = 0.1, 1.6
"""Where nothing is known of how many groups there are: most often columns to group by have few values. At worst every row is
a group, and may cost so much, per what it would otherwise."""
PLACEHOLDER = -1
WholeAt = Callable[[p.Plan, str, Mapping[str, SourceCatalog], Facts], tuple[p.Plan, tuple[Decision, ...]] | None]
_PASSED = (p.Filter, p.Project, p.Guard, p.Sort, p.Limit, p.Aggregate, p.Distinct)
_STREAMED = (p.Scan, p.Filter, p.Project, p.Guard)
_REDUCING = (p.Aggregate, p.Distinct, p.Limit)


def ship_rows(
    graph: FragmentGraph, sources: Mapping[str, SourceCatalog], force: bool, sizes: Sizes, whole_at: WholeAt
) -> FragmentGraph:
    """The graph with a fragment that answers for most of the coordinator's plan, if that is right and pays by ``sizes``."""
    if len(graph.fragments) < 2:
        return graph
    is_joined_there = len({fragment.source for fragment in graph.fragments}) < len(graph.fragments)
    tops = [top for top in _spine(graph.coordinator) if is_joined_there or _reduces(top)]
    if not tops:
        return graph
    search = _Search(graph, sources, sizes, whole_at)
    for top in tops:
        for place in search.places(top):
            is_wanted = sizes.choices.decided(f"rows into {place.source}", force or search.pays(place), place.top)
            whole = search.whole(place) if is_wanted else None  # what costs most comes last
            if whole is not None:
                return search.built(place, *whole)
    return graph


def _spine(plan: p.Plan) -> Iterator[p.Plan]:
    """The operators from the top down to the first that has several inputs, which is the last."""
    while not nested(plan):
        yield plan
        if not isinstance(plan, _PASSED):
            return
        plan = plan.input


@dataclass(frozen=True, slots=True)
class _Place:
    """An operator that a source might run whole, with the rows of other fragments."""

    top: p.Plan
    """As it stands in the coordinator's plan."""
    work: p.Plan
    """What is to be computed on either side: the operator, or its part below ``parts``."""
    parts: Parts | None
    source: str
    large: tuple[int, ...]
    small: tuple[int, ...]
    known: Facts
    """How the columns of the small fragments compare as constants there."""


class _Search:
    """One graph: where a source may do more with the rows of others."""

    def __init__(
        self, graph: FragmentGraph, sources: Mapping[str, SourceCatalog], sizes: Sizes, whole_at: WholeAt
    ) -> None:
        self.graph = graph
        self.sources = sources
        self.sizes = sizes
        self.whole_at = whole_at
        self.fragments = {fragment.id: fragment for fragment in graph.fragments}
        trees = [graph.coordinator, *(fragment.plan for fragment in graph.fragments)]
        self.ids = count(1 + max(c.id for tree in trees for node in plans(tree) for c in node.columns))
        self._unkeyed: dict[int, p.Plan] = {}
        self.scans = [node.fragment for node in plans(graph.coordinator) if isinstance(node, p.FragmentScan)]

    def column(self, name: str, type: Type) -> e.Column:
        """A new one."""
        return e.Column(next(self.ids), name, type)

    def places(self, top: p.Plan) -> Iterator[_Place]:
        """What sources may do of this operator, whose rows they would yield."""
        work, parts = top, None
        if isinstance(top, p.Aggregate) and not top.keys:
            parts = decompose(top, self.column) if top.sets is None else None
            if parts is None or parts.keys:
                return
            work = parts.only(top.input)
        if not _is_plain(work, parts is not None) or (_order(work) and not _is_visible(work)):
            return
        leaves = {node.fragment for node in plans(work) if isinstance(node, p.FragmentScan)}
        if any(self.scans.count(id) > 1 for id in leaves):
            return
        names = dict.fromkeys(self.fragments[id].source for id in sorted(leaves, key=self.volume, reverse=True))
        for source in names:
            large = tuple(sorted(id for id in leaves if self.fragments[id].source == source))
            small = tuple(sorted(leaves - set(large)))
            if small and self.is_possible(source, large, small) and (_reduces(work) or len(large) > 1):
                known = self.facts(source, small)
                if known is not None:
                    yield _Place(top, work, parts, source, large, small, known)

    def whole(self, place: _Place) -> tuple[p.Plan, tuple[Decision, ...]] | None:
        """The work as the source runs it, with what was decided; None if it cannot."""
        return self.whole_at(self.merged(place.work, place.large), place.source, self.sources, place.known)

    def is_possible(self, source: str, large: tuple[int, ...], small: tuple[int, ...]) -> bool:
        """Whether the source takes rows, and whether the larger fragments may stay unread."""
        there = self.sources[source]
        if there.capabilities.embedded or not there.dialect.rows_max:
            return False
        if any(table.route for id in large for table in _tables(self.fragments[id].plan)):
            return False
        origins = {hole: {origin.fragment for origin in hole.origins} for hole in self.graph.holes}
        return all(
            of.isdisjoint(large) and (hole.target not in large or of.issubset(small)) for hole, of in origins.items()
        )

    def facts(self, source: str, small: tuple[int, ...]) -> Facts | None:
        """How the columns of small fragments compare as constants there; None if one of them cannot be a constant."""
        found: Facts = {}
        for id in small:
            for column in self.fragments[id].columns:
                collation = self.sources[source].dialect.row_collation(column.type)
                if collation is None:
                    return None
                found[column.id] = Fact(collation)
        return found

    def merged(self, work: p.Plan, ids: tuple[int, ...]) -> p.Plan:
        """The operator over the plans of some fragments, without conditions on shipped keys."""

        def below(node: p.Plan) -> p.Plan:
            is_one = isinstance(node, p.FragmentScan) and node.fragment in ids
            return self.unkeyed(node.fragment) if is_one else node  # type: ignore[attr-defined]

        return map_plans(work, below)

    def unkeyed(self, id: int) -> p.Plan:
        """The plan of a fragment without conditions on shipped keys; always the same, so that it is estimated once."""
        found = self._unkeyed.get(id)
        if found is None:
            found = self._unkeyed[id] = unkeyed(self.fragments[id].plan)
        return found

    # what it costs

    def volume(self, id: int) -> float:
        """Bytes of a whole fragment."""
        return self.bytes(self.unkeyed(id))

    def bytes(self, plan: p.Plan) -> float:
        return self.sizes.rows(plan) * (ROW_BYTES + self.sizes.width(plan))

    def pays(self, place: _Place) -> bool:
        """Whether it costs clearly less, or most probably does, and the small sides are small, or could be. Costs are in bytes
        from a source on the same machine (``spi.pace``)."""
        if not all(self.is_small(id, place) for id in place.small):
            return False
        full = self.merged(place.work, (*place.large, *place.small))
        pace, most = self.sizes.pace(place.source), self.limits(place)[0]
        work = WORK_BYTES * self.joined(full)
        for id in place.small:
            plan = self.unkeyed(id)
            work += min(self.sizes.rows(plan), most) * (ROW_BYTES + self.sizes.width(plan)) * pace.price
        work += self.compared(place)
        answer, otherwise = self.bytes(full) * pace.price, self.otherwise(place, full) * pace.price
        least = max(SAVED_LEAST, pace.wait)
        if answer + work <= CLEARLY_LESS * otherwise and otherwise - answer - work >= least:
            return True
        is_likely = LIKELY * answer + work <= CLEARLY_LESS * otherwise and otherwise >= CHANCE_TIMES * least
        return is_likely and self.sizes.is_guess(full) and answer + work <= WORST * otherwise

    def joined(self, full: p.Plan) -> float:
        """Rows that are joined, before anything is made of them."""
        return self.sizes.rows(next(node for node in plans(full) if isinstance(node, p.Join)))

    def compared(self, place: _Place) -> float:
        """What it takes to compare every row of the larger fragments with every one of the small, where the source joins by
        nested loops and no index finds what belongs together."""
        pair = self.sources[place.source].dialect.key_costs.pair * (ROW_BYTES + MEASURED_BYTES)
        found = set(_equated(place.work)) if pair else set()
        few = sum(min(self.sizes.rows(self.unkeyed(id)), self.limits(place)[0]) for id in place.small)
        blind = [id for id in place.large if pair and not self.is_looked_up(id, found)]
        return pair * few * sum(self.sizes.rows(self.unkeyed(id)) for id in blind)

    def is_looked_up(self, id: int, columns: set[int]) -> bool:
        """Whether one of these columns is one of the fragment's that an index finds; text only where it is compared as the
        index has it. What is not known to have an index has none."""
        dialect = self.sources[self.fragments[id].source].dialect
        places = (stored(self.fragments[id].plan, column) for column in columns)
        return any(
            any(leads(index, (name,)) for index in indexes(table)) and dialect.looks_up(table.column(name))
            for table, name in filter(None, places)
        )

    def otherwise(self, place: _Place, full: p.Plan) -> float:
        """Bytes of the larger fragments, of which shipped keys leave what is joined."""
        joined = self.joined(full)
        keyed = {hole.target for hole in self.graph.holes}
        found = 0.0
        for id in place.large:
            plan = self.unkeyed(id)
            rows = min(self.sizes.rows(plan), joined) if id in keyed else self.sizes.rows(plan)
            found += rows * (ROW_BYTES + self.sizes.width(plan))
        return found

    def is_small(self, id: int, place: _Place) -> bool:
        """Whether a fragment has few rows; or whether more are a mere guess, and trying costs no more than the time until so
        many rows have come: the larger fragments wait for it anyway, or its first rows come at once."""
        plan, most = self.unkeyed(id), self.limits(place)[0]
        rows = self.sizes.rows(plan)
        if rows <= most:
            return True
        waiting = {hole.target for hole in self.graph.holes}
        is_cheap = waiting.issuperset(place.large) or all(isinstance(node, _STREAMED) for node in plans(plan))
        return is_cheap and self.sizes.is_guess(plan) and rows / CHANCE <= most

    def limits(self, place: _Place) -> tuple[int, int]:
        """Rows of each small fragment, and bytes of all as SQL, that the source is sent at most."""
        there = self.sources[place.source]
        rows = min(there.dialect.rows_max, there.key_caps.keys_max or there.dialect.rows_max)
        return rows, min(TEXT_BYTES, there.key_caps.bytes_max or TEXT_BYTES)

    # the graph that follows

    def built(self, place: _Place, whole: p.Plan, decisions: tuple[Decision, ...]) -> FragmentGraph:
        """The graph with both alternatives."""
        columns = place.work.columns
        there = [replace(column, id=next(self.ids)) for column in columns]
        outputs = tuple(replace(column, id=next(self.ids)) for column in columns)
        items = tuple((new, old.ref()) for new, old in zip(there, columns, strict=True))
        target = Fragment(len(self.graph.fragments), place.source, p.Project(whole, items), decisions)
        ids = {old.id: new.id for old, new in zip(columns, outputs, strict=True)}
        both = p.SetOperation(p.SetKind.UNION, True, p.FragmentScan(target.id, target.columns), place.work, outputs)
        side = SmallSide(target.id, place.small, place.large, *self.limits(place))
        return replace(
            self.graph,
            fragments=(*self.graph.fragments, target),
            coordinator=self.above(place, outputs, ids, both),
            small_sides=(*self.graph.small_sides, side),
        )

    def above(self, place: _Place, outputs: tuple[e.Column, ...], ids: dict[int, int], both: p.Plan) -> p.Plan:
        """The coordinator's plan with ``both`` in the place of the operator, whose columns are others now."""
        hidden: p.Plan = p.FragmentScan(PLACEHOLDER, outputs)
        if place.parts is not None and isinstance(place.top, p.Aggregate):
            hidden = renumbered(place.parts.final(place.top, hidden), ids, {})
        elif keys := _order(place.work):
            hidden = p.Sort(hidden, renumbered(keys, ids, {}))

        def around(node: p.Plan) -> p.Plan:
            if node is place.top:
                return hidden
            return with_inputs(node, (around(node.inputs[0]),))

        plan = renumbered(around(self.graph.coordinator), ids, {})
        return map_plans(plan, lambda x: both if isinstance(x, p.FragmentScan) and x.fragment == PLACEHOLDER else x)


def _is_plain(plan: p.Plan, may_be_single: bool) -> bool:
    """Whether the operator yields nothing where any of its inputs does, and holds a join; ``may_be_single``: the topmost may
    be an aggregate without keys."""
    for node in plans(plan):
        match node:
            case p.Aggregate():
                if node.sets is not None or not (node.keys or (may_be_single and node is plan)):
                    return False
            case p.Join():
                if node.lateral or node.kind not in (p.JoinKind.INNER, p.JoinKind.SEMI):
                    return False
            case p.Distinct(on=on) if on:
                return False
            case p.FragmentScan() | p.Values():
                pass
            case _ if not isinstance(node, _PASSED):
                return False
        if nested(node):
            return False
    return any(isinstance(node, p.Join) for node in plans(plan))


def _equated(plan: p.Plan) -> Iterator[int]:
    """Columns that a join of the plan demands to equal something."""
    for node in plans(plan):
        for test in e.conjuncts(node.condition) if isinstance(node, p.Join) else ():
            if isinstance(test, e.Call) and test.name == "=":
                plain = (
                    arg.arg if isinstance(arg, e.Cast) and arg.arg.type.kind in INTEGERS else arg for arg in test.args
                )
                yield from (arg.id for arg in plain if isinstance(arg, e.Ref))


def _reduces(plan: p.Plan) -> bool:
    """Whether anything above the first join may yield fewer rows than that."""
    while isinstance(plan, _PASSED):
        if isinstance(plan, _REDUCING):
            return True
        plan = plan.input
    return False


def _order(plan: p.Plan) -> tuple[e.SortKey, ...]:
    """What the rows of the operator are sorted by, in terms of its columns or of those below."""
    while isinstance(plan, p.Project | p.Filter | p.Guard | p.Limit):
        plan = plan.input
    return plan.keys if isinstance(plan, p.Sort) else ()


def _is_visible(plan: p.Plan) -> bool:
    """Whether the operator yields what it is sorted by."""
    return used(key.expr for key in _order(plan)) <= {column.id for column in plan.columns}


def _tables(plan: p.Plan) -> Iterator[Table]:
    return (node.table for node in plans(plan) if isinstance(node, p.Scan))
