"""Make one filter of two that stand on one another, and drop a filter that tests nothing.

    Filter: a.x = 1              Filter: a.y = 2 and a.x = 1
    └─ Filter: a.y = 2     =>    └─ a
       └─ a

When     always; a filter on TRUE disappears.
Safe     both keep the rows for which every condition is true.
Not      across a Limit: SELECT * FROM (SELECT * FROM a LIMIT 5) s WHERE x = 1 tests five rows, not the first five that pass.
Order    before every rule that takes a filter apart.
"""

from hanse.ir.expr import TRUE
from hanse.ir.plan import Filter, Plan
from hanse.optimize.rule import Context, filtered, parts


class MergeFilters:
    """See the module."""

    name = "merge_filters"
    matches = (Filter,)

    def apply(self, node: Plan, _context: Context) -> Plan | None:
        """Merge with a Filter directly below."""
        assert isinstance(node, Filter)
        if node.predicate == TRUE:
            return node.input
        return filtered(node.input, parts(node.predicate)) if isinstance(node.input, Filter) else None
