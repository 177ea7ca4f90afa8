"""Put the definition of a WITH where it is read, if it is read once.

    With: s = Filter: a.x = 1          Project: a.x as x
    │         └─ a               =>    └─ Filter: a.x = 1
    └─ Scan: s                            └─ a

When     it is neither recursive nor volatile, and exactly one scan reads it. (One that nobody reads, bind leaves out.)
Safe     computed once before, computed once now; filters and columns of the reader can now be pushed into it.
Not      WITH s AS (SELECT random() AS r) read twice: both readers see the same number. Nor one read twice at all: it
         would be fetched twice, from two moments.
Order    first, so that the others see through it.
"""

from hanse.ir import plan as p
from hanse.ir.properties import is_volatile_operator
from hanse.ir.walk import map_plans, plans
from hanse.optimize.rule import Context


class InlineCtes:
    """See the module."""

    name = "inline_ctes"
    matches = (p.Cte,)

    def apply(self, node: p.Plan, _context: Context) -> p.Plan | None:
        """Replace the only scan by a projection over the definition."""
        assert isinstance(node, p.Cte)
        if node.recursive or any(map(is_volatile_operator, plans(node.definition))):
            return None
        readers = [x for x in plans(node.body) if isinstance(x, p.CteScan) and x.name == node.name]
        if len(readers) != 1:
            return None
        items = tuple(
            (output, column.ref()) for output, column in zip(readers[0].outputs, node.definition.columns, strict=True)
        )
        inlined = p.Project(node.definition, items)
        return map_plans(node.body, lambda x: inlined if x is readers[0] else x)
