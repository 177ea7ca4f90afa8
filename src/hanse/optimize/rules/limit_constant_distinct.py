"""Read one row where DISTINCT would tell none apart.

    Distinct                     Limit: 1
    └─ Project: 1.5, upper('a')  =>  └─ Project: 1.5, upper('a')
       └─ a                           └─ a

When     every column below is computed from constants and parameters alone.
Safe     all rows are the same one, and without rows there is none either way.
Not      where a column is volatile, or a subquery's; nor DISTINCT ON, which picks its row by an order.
Order    after projections have been merged, which shows what is constant. MariaDB forgets an OFFSET behind such a DISTINCT.
"""

from hanse.ir import expr as e
from hanse.ir.plan import Distinct, Limit, Plan, Project
from hanse.ir.properties import is_constant
from hanse.ir.types import INT64
from hanse.optimize.rule import Context

ONE = e.Literal(INT64, 1)


class LimitConstantDistinct:
    """See the module."""

    name = "limit_constant_distinct"
    matches = (Distinct,)

    def apply(self, node: Plan, context: Context) -> Plan | None:  # noqa: ARG002  # a rule's signature
        """The projection's first row."""
        assert isinstance(node, Distinct)
        below = node.input
        if node.on or not isinstance(below, Project) or not all(is_constant(value) for _, value in below.items):
            return None
        return Limit(below, ONE)
