"""Put the smaller side of an outer join that is made here on the right: a hash table is made of that one.

    Join: left on o.customer = c.id        Project: c.id, o.customer
    ├─ Scan: crm.customers (100 rows) =>   └─ Join: right on o.customer = c.id
    └─ Scan: sales.orders (1 M rows)          ├─ Scan: sales.orders
                                              └─ Scan: crm.customers

When     the sides are of different sources, or read in place, and the left one is smaller by a factor that estimates are
         good for; what is only guessed counts as a hundred times as large, as far as its tables allow.
Safe     a LEFT JOIN b is b RIGHT JOIN a, and a FULL JOIN b is b FULL JOIN a, but for the order of columns, which a projection
         restores.
Not      semi and anti joins, whose right side has no columns to be swapped; LATERAL, whose right side reads the left one.
         Where one source makes the join, it chooses for itself.
Order    after the order of joins below is known; before columns are pruned, which drops the projection.
"""

from hanse.ir import plan as p
from hanse.ir.columns import exactly
from hanse.optimize.graph import home
from hanse.optimize.ordering import HERE, SWAP
from hanse.optimize.rule import Context

SWAPPED = {
    p.JoinKind.LEFT: p.JoinKind.RIGHT,
    p.JoinKind.RIGHT: p.JoinKind.LEFT,
    p.JoinKind.FULL: p.JoinKind.FULL,
}


class SwapOuterJoinSides:
    """See the module."""

    name = "swap_outer_join_sides"
    matches = (p.Join,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """The join with its sides swapped, under a projection of the old columns."""
        if not isinstance(node, p.Join) or node.kind not in SWAPPED or node.lateral:
            return None
        if home(node, context) != HERE:
            return None
        most = context.estimator.at_most
        if not context.choices.decided("swap", most(node.left) * SWAP < most(node.right), node):
            return None
        return exactly(p.Join(SWAPPED[node.kind], node.right, node.left, node.condition), node.columns)
