"""What two fragments would both read is read once: the coordinator keeps the rows and reads them twice.

    Join: inner on a.id = b.boss             f0 @hr  Filter: dept = 3             f0 @hr  Filter: dept = 3
    ├─ FragmentScan: f0 (a.id)                       └─ Scan: hr.emp (id)    =>           └─ Scan: hr.emp (id, boss)
    └─ FragmentScan: f1 (b.boss)             f1 @hr  Filter: dept = 3
                                                     └─ Scan: hr.emp (boss)

When     two fragments of one source are the same plan, but for the numbers and names of columns; or read the same rows of one
         table, by the same conditions, and perhaps other columns of it. Both are read whole, and small enough to be kept.
Safe     a fragment that is read more often is kept in a materialized CTE (``render``). All requests of one query see one
         snapshot, so that the rows are those that would have come twice; where a source may choose (LIMIT without an order),
         one choice is as good as two.
Not      where conditions differ: rows that only one of the two wants would come for both. Nor a fragment that keys narrow: it
         has fewer rows than the other. Nor one whose rows may be written into another's query, or that is read instead. Nor
         what is read in place, which costs less than keeping it. Nor parts of a sharded table that only parameters choose.
         Nor what is volatile: two calls of random() are two numbers.
Order    after keys were given their ways: what they narrow stays apart.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from itertools import count
from typing import Any

from hanse.errors import InternalError
from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.columns import exactly
from hanse.ir.fragment import Fragment, FragmentGraph, Hole, KeyOrigin
from hanse.ir.properties import is_volatile_operator
from hanse.ir.tables import Table
from hanse.ir.types import Type
from hanse.ir.walk import map_plans, plans
from hanse.spi.snapshot import SourceCatalog
from hanse.split.sizes import Sizes

KEPT_BYTES = 512_000_000.0
"""What the coordinator keeps rather than that a source sends it twice."""
Form = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Read:
    """One fragment as it may be shared: what rows it yields, and what each column is among those of all that yield them."""

    form: Form
    columns: tuple[Any, ...]
    """By position: the column's number in a whole plan, or its name in a table."""


def share_fragments(graph: FragmentGraph, sources: Mapping[str, SourceCatalog], sizes: Sizes) -> FragmentGraph:
    """The graph with no two fragments that would read the same rows."""
    apart = {hole.target for hole in graph.holes}
    apart |= {id for one in graph.small_sides for id in (one.target, *one.origins, *one.instead)}
    asked = Counter(fragment.source for fragment in graph.fragments if fragment.id not in apart)
    groups: dict[Form, list[tuple[Fragment, _Read]]] = {}
    for fragment in graph.fragments:
        if fragment.id in apart or asked[fragment.source] < 2 or not _may_be_kept(fragment, sources):
            continue
        read = _read(fragment.plan)
        groups.setdefault((fragment.source, *read.form), []).append((fragment, read))
    for group in groups.values():
        first = group[0][0].plan
        if (
            len(group) > 1
            and not _give_together(graph, group)
            and sizes.choices.decided("share", _is_small(first, sizes), first)
        ):
            graph = _Sharing(graph, group).graph_of_one()
    return graph


def _give_together(graph: FragmentGraph, group: list[tuple[Fragment, _Read]]) -> bool:
    """Whether two of the fragments give keys for one hole: these are collected once from each."""
    ids = {fragment.id for fragment, _ in group}
    return any(sum(origin.fragment in ids for origin in hole.origins) > 1 for hole in graph.holes)


def _may_be_kept(fragment: Fragment, sources: Mapping[str, SourceCatalog]) -> bool:
    plan = fragment.plan
    if sources[fragment.source].capabilities.embedded or not plan.columns:
        return False
    if any(map(is_volatile_operator, plans(plan))):
        return False
    return not any(isinstance(node, p.Scan) and node.table.home and node.table.home.tests for node in plans(plan))


def _is_small(plan: p.Plan, sizes: Sizes) -> bool:
    return sizes.at_most(plan) * sizes.width(plan) <= KEPT_BYTES


def _read(plan: p.Plan) -> _Read:
    """Rows of one table under conditions, whatever columns of it; else the whole plan."""
    *above, scan = _chain(plan)
    if isinstance(scan, p.Scan):
        numbers: dict[Any, Any] = {column.id: name for column, name in scan.outputs}
        names = tuple(numbers[column.id] for column in plan.columns)
        if len(set(names)) == len(names):
            conditions = (_own(node, numbers) for node in above if not isinstance(node, p.Project))
            return _Read(("rows", _form(scan.table, {}), *conditions), names)
    return _Read(("plan", _form(plan, {})), tuple(range(len(plan.columns))))


def _chain(plan: p.Plan) -> Iterator[p.Plan]:
    """The operators down to the first that does more than to choose among the rows or columns below it."""
    yield plan
    match plan:
        case p.Filter() | p.Guard():
            yield from _chain(plan.input)
        case p.Project() if all(isinstance(value, e.Ref) and value.id == c.id for c, value in plan.items):
            yield from _chain(plan.input)


def _own(node: p.Plan, numbers: dict[Any, Any]) -> Form:
    """A Filter or a Guard, without what it stands over."""
    return tuple(_form(getattr(node, field.name), numbers) for field in fields(node) if field.name != "input")


def _form(value: Any, numbers: dict[Any, Any]) -> Any:
    """What is the same for values that differ in the ids and names of columns alone; ``numbers`` are those in its place."""
    match value:
        case tuple():
            return tuple(_form(item, numbers) for item in value)
        case e.Column(id=id, type=type_, nullable=nullable):
            return numbers.setdefault(id, len(numbers)), type_, nullable
        case e.Ref(id=id):
            return "ref", numbers.setdefault(id, len(numbers))
        case p.Cte(name=name) | p.CteScan(name=name):
            number = numbers.setdefault(name, len(numbers))
            rest = (_form(getattr(value, field.name), numbers) for field in fields(value) if field.name != "name")
            return type(value).__name__, number, *rest
        case Table():
            return value.source, value.schema, value.name, value.relation
        case Type():
            return value
    if is_dataclass(value):
        return type(value).__name__, *(_form(getattr(value, field.name), numbers) for field in fields(value))
    return type(value).__name__, repr(value)  # not the value: 0.0 is -0.0, and 1 is True


class _Sharing:
    """Fragments that become one: the first of them, with the columns of all."""

    def __init__(self, graph: FragmentGraph, group: list[tuple[Fragment, _Read]]) -> None:
        self.graph = graph
        self.reads = {fragment.id: read for fragment, read in group}
        self.columns = {fragment.id: dict(zip(read.columns, fragment.columns, strict=True)) for fragment, read in group}
        self.first = group[0][0]
        every = {key: column for columns in self.columns.values() for key, column in columns.items()}
        stored = (
            {name: column for column, name in scan.outputs}
            if isinstance(scan := _base(self.first.plan), p.Scan)
            else {}
        )
        self.wanted = {
            key: self.columns[self.first.id].get(key, stored.get(key, column)) for key, column in every.items()
        }
        """The columns of the one fragment: its own as far as it has them."""
        made = [*plans(graph.coordinator), *(node for one in graph.fragments for node in plans(one.plan))]
        self.ids = count(1 + max((column.id for node in made for column in node.columns), default=0))

    def graph_of_one(self) -> FragmentGraph:
        """The graph with one fragment in the place of all."""
        plan, wanted = self.first.plan, tuple(self.wanted.values())
        if {column.id for column in wanted} != {column.id for column in plan.columns}:
            plan = _widened(plan, self.wanted)
        plan = exactly(plan, wanted)
        kept = [one for one in self.graph.fragments if one.id == self.first.id or one.id not in self.reads]
        return replace(
            self.graph,
            fragments=tuple(replace(one, plan=plan) if one.id == self.first.id else one for one in kept),
            coordinator=map_plans(self.graph.coordinator, self.scan),
            holes=tuple(map(self.hole, self.graph.holes)),
        )

    def scan(self, node: p.Plan) -> p.Plan:
        """The rows of the one fragment in the place of those of another."""
        if not isinstance(node, p.FragmentScan) or node.fragment not in self.reads:
            return node
        own = dict(zip(self.reads[node.fragment].columns, node.outputs, strict=True))
        outputs = tuple(own.get(key) or replace(column, id=next(self.ids)) for key, column in self.wanted.items())
        return exactly(p.FragmentScan(self.first.id, outputs), node.outputs)

    def hole(self, hole: Hole) -> Hole:
        """The hole with the one fragment in the place of an origin that was one of these."""
        return replace(hole, origins=tuple(map(self.origin, hole.origins)))

    def origin(self, origin: KeyOrigin) -> KeyOrigin:
        """What gives the keys now."""
        columns = self.columns.get(origin.fragment)
        if columns is None:
            return origin
        keys = {column.id: key for key, column in columns.items()}
        return KeyOrigin(self.first.id, tuple(self.wanted[keys[id]].id for id in origin.columns))


def _base(plan: p.Plan) -> p.Plan:
    return list(_chain(plan))[-1]


def _widened(plan: p.Plan, wanted: Mapping[Any, e.Column]) -> p.Plan:
    """A choice among rows of a table that yields more columns of it, by name."""
    match plan:
        case p.Scan():
            known = {column.id for column in plan.columns}
            more = tuple((column, name) for name, column in wanted.items() if column.id not in known)
            return replace(plan, outputs=plan.outputs + more)
        case p.Filter() | p.Guard():
            return replace(plan, input=_widened(plan.input, wanted))
        case p.Project():
            return _widened(plan.input, wanted)
    raise InternalError(f"a {type(plan).__name__} does not choose among the rows of a table")
