"""Put the shards in the place of a sharded table: the largest part of a plan that every shard can answer for itself becomes
the UNION ALL of that part over the shards that can have rows.

    Aggregate: by c.id; sum(o.total)                Union all
    └─ Join: inner on c.id = o.customer      =>     ├─ Aggregate: by c.id; sum(o.total)
       ├─ Scan: sales.customers as c                │  └─ Join: inner on c.id = o.customer
       └─ Scan: sales.orders as o                   │     ├─ Scan: sales/0.customers as c
                                                    │     └─ Scan: sales/0.orders as o
                                                    └─ ... the same over sales/1

When     always: no source has a sharded table. The part reaches up through filters, projections, joins on the key of tables
         that are spread alike (or with a table of which every shard has a copy), and grouping by the key.
Safe     rows with equal keys are on one shard, so that partners and members of a group are. A shard is left out where no
         key that passes the conditions can be. Where all rows must have one key that is a parameter, there is one branch,
         and run time says on which shard.
Not      SELECT status, count(*) FROM orders GROUP BY status, orders being spread by customer: a group has members on every
         shard. Not a join on other columns than the keys; not LEFT JOIN from a copy: its rows would come once per shard.
         Not GROUP BY a key that may be NULL: such rows are anywhere.
Order    after filters, inferred constants and joins have found their places, and columns that nobody needs are gone; before
         limits are pushed into unions.
"""

from collections.abc import Callable
from dataclasses import replace

from hanse.ir import plan as p
from hanse.ir.copies import copied
from hanse.ir.expr import Column, Expr
from hanse.ir.routing import parameter
from hanse.ir.sharding import Route, Scheme
from hanse.ir.tables import Table
from hanse.ir.types import BOOLEAN
from hanse.ir.walk import map_expressions, map_plans, map_subqueries, nothing, plans, with_inputs
from hanse.optimize.rule import Context
from hanse.optimize.spread import Spread, spread


class ExpandShards:
    """See the module."""

    name = "expand_shards"
    matches = (p.Plan,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Expand every sharded table of the whole plan."""
        if not any(isinstance(part, p.Scan) and part.table.sharding for part in plans(node)):
            return None
        return _Expansion(context).outside(node)


class _Expansion:
    """One plan; where its parts are is found bottom-up and remembered."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.fresh: Callable[[], int] = lambda: context.column("", BOOLEAN).id
        self.known: dict[int, Spread | None] = {}
        self.routes: dict[tuple[str, Scheme, int], str] = {}

    def spread(self, node: p.Plan) -> Spread | None:
        """Where the rows of a part are; None if no shard can answer it for itself."""
        if id(node) not in self.known:
            self.known[id(node)] = spread(node, self.spread)
        return self.known[id(node)]

    def outside(self, node: p.Plan) -> p.Plan:
        """The plan with the largest such parts in it expanded."""
        where = self.spread(node)
        if where is not None:
            return self.expanded(node, where)
        new = with_inputs(node, tuple(map(self.outside, node.inputs)))
        if self.context.holds_subquery(new):
            new = map_expressions(new, lambda x: map_subqueries(x, self.outside))
        return new

    def expanded(self, node: p.Plan, where: Spread) -> p.Plan:
        """The part over its shards: one, several, none, or the one that run time finds."""
        if not where.shards:
            return nothing(node)
        if where.copies or len(where.shards) == 1:
            return _at(node, min(where.shards))
        value = where.route
        if value is not None and all(map(_is_uniform, plans(node))):
            return self.routed(node, where, value)
        branches = [_at(node, shard, where) for shard in sorted(where.shards)]
        return self.union([copied(branch, self.fresh) for branch in branches], node.columns)

    def routed(self, node: p.Plan, where: Spread, value: Expr) -> p.Plan:
        """The part on the shard that run time finds; parts with the same key of the same scheme are on the same."""
        given = parameter(value)
        assert given
        assert where.scheme
        others = sum(index == given.index for _, _, index in self.routes)
        fresh = f"{where.source}/${given.index + 1}" + (f"#{others + 1}" if others else "")
        name = self.routes.setdefault((where.source, where.scheme, given.index), fresh)

        scheme = where.scheme

        def route(table: Table) -> Table:
            assert table.sharding
            parts, unread = table.sharding.tables, table.sharding.unread
            known = next(place for place in range(len(parts)) if place not in unread)
            return replace(parts[known], source=name, home=None, route=Route(scheme, value, parts, known))

        return _retabled(node, route)

    def union(self, branches: list[p.Plan], outputs: tuple[Column, ...]) -> p.Plan:
        """UNION ALL of the branches, as a tree that is as low as can be."""
        if len(branches) == 1:
            return branches[0]
        middle = len(branches) // 2
        sides = []
        for half in (branches[:middle], branches[middle:]):
            made = tuple(replace(column, id=self.fresh()) for column in outputs) if len(half) > 1 else ()
            sides.append(self.union(half, made))
        return p.SetOperation(p.SetKind.UNION, True, sides[0], sides[1], outputs)


def _is_uniform(node: p.Plan) -> bool:
    return not isinstance(node, p.Scan) or (node.table.sharding is not None and node.table.sharding.uniform)


def _at(node: p.Plan, shard: int, where: Spread | None = None) -> p.Plan:
    """The part over one shard; run time may still find that none of its rows pass ``where.tests``."""

    def part(table: Table) -> Table:
        assert table.sharding
        found = table.sharding.tables[shard]
        if where is None or not where.tests or found.home is None:
            return found
        home = replace(found.home, scheme=where.scheme, tests=where.tests, ids=where.ids)
        return replace(found, home=home)

    return _retabled(node, part)


def _retabled(node: p.Plan, change: Callable[[Table], Table]) -> p.Plan:
    return map_plans(node, lambda x: replace(x, table=change(x.table)) if isinstance(x, p.Scan) else x)
