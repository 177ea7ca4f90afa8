"""Take the first rows before an outer join of several sources adds to them.

    Limit: 5                                       Limit: 5
    └─ Sort: o.placed                              └─ Sort: o.placed
       └─ Join: left on p.order = o.id     =>         └─ Join: left on p.order = o.id
          ├─ Scan: sales.orders o                        ├─ Limit: 5
          └─ Scan: bank.payments p                       │  └─ Sort: o.placed
                                                         │     └─ Scan: sales.orders o
                                                         └─ Scan: bank.payments p

When     the Sort, if there is one, reads the side alone whose rows are all kept; so down to what one source yields, join by
         join. The keys of five orders are then all that is asked of payments.
Safe     every row of that side is in the join at least once, so the first five rows of the join come from its first five.
Not      inner, semi and anti joins, which drop rows; FULL, whose other rows may be first; WITH TIES; what one source joins as a
         whole, for it knows best.
Order    after filters were pushed: one between the two drops rows. Before joins are ordered: what is limited is one relation.
"""

from dataclasses import replace

from hanse.ir.expr import Expr
from hanse.ir.plan import Join, JoinKind, Limit, Plan, Sort
from hanse.optimize.graph import home
from hanse.optimize.ordering import HERE
from hanse.optimize.rule import Context, is_limited, last_row


class PushLimitThroughJoin:
    """See the module."""

    name = "push_limit_through_join"
    matches = (Limit,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Limit the side that keeps its rows."""
        assert isinstance(node, Limit)
        sort = node.input if isinstance(node.input, Sort) else None
        join = sort.input if sort else node.input
        if node.count is None or node.with_ties or not isinstance(join, Join):
            return None
        if sort and not all(context.is_copyable(key.expr) for key in sort.keys):
            return None
        new = _limited(join, last_row(node.count, node.offset), sort, context)
        return new and replace(node, input=replace(sort, input=new) if sort else new)


def _limited(join: Join, count: Expr, sort: Sort | None, context: Context) -> Plan | None:
    """The join with so many rows of the side that keeps its rows; None if there is no such side."""
    side = join.left if join.kind is JoinKind.LEFT else join.right if join.kind is JoinKind.RIGHT else None
    if side is None or is_limited(side) or home(join, context) != HERE:
        return None
    if sort and not all(context.reads(key.expr) <= context.ids(side) for key in sort.keys):
        return None
    new = Limit(replace(sort, input=side) if sort else side, count)
    return replace(join, left=new) if side is join.left else replace(join, right=new)
