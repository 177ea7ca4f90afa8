"""Requests to shards: what one is at each shard that run time may choose, and which rows it cannot do without."""

from collections.abc import Iterator
from dataclasses import replace

from hanse.ir import plan as p
from hanse.ir.request import Destination, SqlText
from hanse.ir.sharding import Home, Route
from hanse.ir.tables import Table
from hanse.ir.walk import map_plans, plans
from hanse.render.writer import write
from hanse.spi.dialect import Dialect


def destinations(plan: p.Plan, route: Route, sql: SqlText, dialect: Dialect) -> tuple[Destination, ...]:
    """The request at each shard. Shards that call their tables alike get the same text."""
    first = [scan.table.relation for scan in _scans(plan)]
    found: list[Destination] = []
    for place, table in enumerate(route.tables):
        there = _at(plan, place)
        tables = {id(scan.table): scan.table for scan in _scans(there)}
        same = [scan.table.relation for scan in _scans(there)] == first
        found.append(Destination(table.source, sql if same else write(there, dialect), tuple(tables.values())))
    return tuple(found)


def _scans(plan: p.Plan) -> Iterator[p.Scan]:
    return (node for node in plans(plan) if isinstance(node, p.Scan))


def _at(plan: p.Plan, place: int) -> p.Plan:
    """The plan over the tables of one shard."""

    def table(known: Table) -> Table:
        return known.route.tables[place] if known.route else known

    return map_plans(plan, lambda x: replace(x, table=table(x.table)) if isinstance(x, p.Scan) else x)


def deciding(plan: p.Plan) -> Iterator[Home]:
    """The parts of sharded tables without whose rows the plan yields none, if run time may find that they have none."""
    match plan:
        case p.Scan():
            if plan.table.home is not None and plan.table.home.tests:
                yield plan.table.home
        case p.Aggregate():
            if plan.keys and plan.sets is None:
                yield from deciding(plan.input)
        case p.Join():
            if plan.kind is not p.JoinKind.RIGHT and plan.kind is not p.JoinKind.FULL:
                yield from deciding(plan.left)
            if plan.kind in p.CONDITION_INTO_LEFT and not plan.lateral:
                yield from deciding(plan.right)
        case p.Filter() | p.Project() | p.Guard() | p.Sort() | p.Limit() | p.Distinct() | p.Window():
            yield from deciding(plan.input)
