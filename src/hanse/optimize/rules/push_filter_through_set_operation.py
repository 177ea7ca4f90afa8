"""Test the rows of both sides of a set operation before it is formed.

    Filter: u.x = 1            Union all
    └─ Union all         =>    ├─ Filter: a.x = 1
       ├─ a                    │  └─ a
       └─ b                    └─ Filter: b.x = 1
                                  └─ b

When     the conjunct is not volatile, holds no subquery (a plan is never copied), and both sides have the output's types.
Safe     equal rows pass or fail alike, so each kind of row is counted as before or not at all.
Not      SELECT * FROM (SELECT x FROM a EXCEPT SELECT x FROM b) s WHERE random() < 0.5: two tests are not one.
Order    none.
"""

from dataclasses import replace

from hanse.ir.expr import Expr
from hanse.ir.plan import Filter, Plan, SetOperation
from hanse.ir.walk import substitute
from hanse.optimize.rule import Context, filtered, parts


class PushFilterThroughSetOperation:
    """See the module."""

    name = "push_filter_through_set_operation"
    matches = (Filter,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Push a copy of each conjunct into both sides."""
        assert isinstance(node, Filter)
        operation = node.input
        if not isinstance(operation, SetOperation):
            return None
        typed = {
            output.id
            for output, left, right in zip(
                operation.outputs, operation.left.columns, operation.right.columns, strict=True
            )
            if output.type == left.type == right.type
        }
        made = context.ids(operation)
        down: list[Expr] = []
        stay: list[Expr] = []
        for test in parts(node.predicate):
            reads = context.reads(test) & made
            passes = reads and reads <= typed and context.is_copyable(test)
            (down if passes else stay).append(test)
        if not down:
            return None
        left, right = (_side(operation, side, down) for side in operation.inputs)
        return filtered(replace(operation, left=left, right=right), stay)


def _side(operation: SetOperation, side: Plan, tests: list[Expr]) -> Plan:
    values: dict[int, Expr] = {
        output.id: column.ref() for output, column in zip(operation.outputs, side.columns, strict=True)
    }
    return filtered(side, [substitute(test, values) for test in tests])
