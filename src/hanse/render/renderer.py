"""Fragments to requests: SQL text for every source, and the coordinator's SQL over what they yield."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from hanse.ir import plan as p
from hanse.ir.expr import Column, Literal
from hanse.ir.fragment import Fragment, FragmentGraph
from hanse.ir.request import KeyHole, Request, RequestGraph, SqlText
from hanse.ir.tables import Table
from hanse.ir.types import Kind
from hanse.ir.walk import plans
from hanse.render.relations import Relation
from hanse.render.shards import deciding, destinations
from hanse.render.writer import Writer, write
from hanse.spi.capabilities import Capabilities
from hanse.spi.dialect import Dialect

_PLAIN = frozenset({Kind.BOOLEAN, Kind.INT16, Kind.INT32, Kind.INT64, Kind.TEXT})
"""Kinds whose Python values Arrow takes as they are."""


def render(
    graph: FragmentGraph,
    dialects: Mapping[str, Dialect],
    capabilities: Mapping[str, Capabilities],
    coordinator: Dialect,
    columns: tuple[Column, ...],
) -> RequestGraph:
    """Everything that execution needs, as text; ``columns`` are those of the answer, by position."""
    # their keys or rows are needed before the coordinator's statement runs
    feeding = {origin.fragment for hole in graph.holes for origin in hole.origins}
    feeding |= {id for side in graph.small_sides for id in side.origins}
    requests = tuple(
        _request(
            fragment,
            dialects[fragment.source],
            capabilities[fragment.source].embedded and fragment.id not in feeding,
        )
        for fragment in graph.fragments
    )
    direct = _direct(graph, requests)
    if direct is not None:
        return RequestGraph(requests, columns, None, direct)
    sql = _coordinator(graph, requests, dialects, coordinator)
    constant = _constant(graph.coordinator)
    return RequestGraph(requests, columns, sql, holes=graph.holes, small_sides=graph.small_sides, constant=constant)


def _request(fragment: Fragment, dialect: Dialect, embedded: bool) -> Request:
    """The request of one fragment."""
    request = Request(
        fragment.id,
        fragment.source,
        write(fragment.plan, dialect),
        fragment.columns,
        _tables(fragment.plan),
        embedded,
    )
    route = next((table.route for table in request.tables if table.route), None)
    if route is not None:
        there = destinations(fragment.plan, route, request.sql, dialect)
        return replace(request, route=route, destinations=there)
    if fragment.ranges and not embedded:
        first, *others = (write(fragment.plan, dialect, within=within) for within in fragment.ranges)
        if any(isinstance(part, KeyHole) for part in request.sql.parts):
            request = replace(request, divided=(first, *others))
        else:
            request = replace(request, sql=first, more=tuple(others))
    homes = tuple(dict.fromkeys(deciding(fragment.plan)))
    return replace(request, homes=homes) if homes and not embedded else request


def _tables(plan: p.Plan) -> tuple[Table, ...]:
    """The tables that a fragment reads, each once."""
    found = {id(scan.table): scan.table for scan in plans(plan) if isinstance(scan, p.Scan)}
    return tuple(found.values())


def _direct(graph: FragmentGraph, requests: tuple[Request, ...]) -> int | None:
    """The fragment whose rows are the answer as they come."""
    plan = graph.coordinator
    if not isinstance(plan, p.FragmentScan):
        return None
    request = next(request for request in requests if request.fragment == plan.fragment)
    types = [column.type for column in request.columns]
    same = len(requests) == 1 and types == [column.type for column in plan.outputs]
    return request.fragment if same and not request.embedded else None


def _constant(plan: p.Plan) -> tuple[Literal, ...] | None:
    """The row of ``SELECT 1``, by which pools of connections see that these are alive; None: it takes more than that."""
    if not (isinstance(plan, p.Project) and plan.input == p.Values((), ((),))):
        return None
    found = tuple(value for _, value in plan.items if isinstance(value, Literal))
    is_plain = all(value.type.kind in _PLAIN and value.type == column.type for column, value in plan.items)
    return found if len(found) == len(plan.items) and is_plain else None


def _reads(plan: p.Plan) -> Counter[int]:
    """How often each fragment is read; inside a recursive CTE as often as there are steps."""
    found: Counter[int] = Counter()
    for node in plans(plan):
        if isinstance(node, p.FragmentScan):
            found[node.fragment] += 1
        elif isinstance(node, p.Cte) and node.recursive:
            found.update(_reads(node.definition))
    return found


def _coordinator(
    graph: FragmentGraph, requests: tuple[Request, ...], dialects: Mapping[str, Dialect], dialect: Dialect
) -> SqlText:
    """The coordinator's SQL. A fragment can be read once, so that one which is read again is kept in a CTE."""
    if _is_whole(graph, requests, dialects, dialect):
        return requests[0].sql
    reads = _reads(graph.coordinator)
    writer = Writer(dialect)
    for fragment, request in zip(graph.fragments, requests, strict=True):
        names = tuple(f"c{column.id}" for column in fragment.columns)
        relation = Relation(f"f{fragment.id}", names)
        if request.embedded:
            relation = _in_place(fragment, names, dialects[fragment.source], writer)
        if reads[fragment.id] > 1:
            relation = writer.share(relation)
        writer.fragments[fragment.id] = relation
    return writer.statement(graph.coordinator)


def _is_whole(
    graph: FragmentGraph, requests: tuple[Request, ...], dialects: Mapping[str, Dialect], dialect: Dialect
) -> bool:
    """Whether the coordinator does no more than run the one fragment, which it reads in place and spells alike."""
    if len(requests) != 1 or not isinstance(graph.coordinator, p.FragmentScan):
        return False
    return requests[0].embedded and type(dialects[requests[0].source]) is type(dialect)


def _in_place(fragment: Fragment, names: tuple[str, ...], dialect: Dialect, writer: Writer) -> Relation:
    """What stands for a fragment that the coordinator's engine reads itself: the plan, if both spell alike, so that it
    shares a SELECT with what is above; else its own text as a derived table."""
    if type(dialect) is type(writer.dialect):
        return Relation("", names, fragment.plan)
    text = Writer(dialect).statement(fragment.plan, names)
    return Relation(f"({writer.marks.embed(text)})", names)
