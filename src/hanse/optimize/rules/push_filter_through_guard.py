"""Test rows at the scan, below its guard, where the guard lets the condition pass.

    Filter: a.x = 1           Guard g1
    └─ Guard g1         =>    └─ Filter: a.x = 1
       └─ a                      └─ a

When     the conjunct is not volatile; through a closed guard only if it is leak-proof: comparisons, LIKE, IN and null tests
         of plain columns with constants of the same type.
Safe     the guard only says which rows exist; what passes it cannot tell anybody about the others.
Not      SELECT * FROM a WHERE 1 / (x - 7) > 0 over a closed guard: the error would tell that a hidden row has x = 7.
Order    none.
"""

from dataclasses import replace

from hanse.ir.expr import Expr
from hanse.ir.plan import Filter, Guard, Plan
from hanse.ir.properties import is_leakproof
from hanse.optimize.rule import Context, filtered, parts


class PushFilterThroughGuard:
    """See the module."""

    name = "push_filter_through_guard"
    matches = (Filter,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Push what the guard lets pass."""
        assert isinstance(node, Filter)
        guard = node.input
        if not isinstance(guard, Guard):
            return None
        down: list[Expr] = []
        stay: list[Expr] = []
        for test in parts(node.predicate):
            passes = context.is_movable(test) and (guard.is_open or is_leakproof(test))
            (down if passes else stay).append(test)
        if not down:
            return None
        return filtered(replace(guard, input=filtered(guard.input, down)), stay)
