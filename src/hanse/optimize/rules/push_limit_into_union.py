"""Take no more rows of each side of a UNION ALL than the whole may yield.

    Limit: 5 offset 2        Limit: 5 offset 2
    └─ Union all       =>    └─ Union all
       ├─ a                     ├─ Limit: 7
       └─ b                     │  └─ a
                                └─ Limit: 7
                                   └─ b

When     the sides are not limited already; under a Sort, each side is sorted by the same keys first (a TopN).
Safe     rows that are not among the first of their side are not among the first of the whole.
Not      UNION, INTERSECT, EXCEPT: the first five rows of each side may all be the same row. Not WITH TIES.
Order    after push_limit_through_project.
"""

from dataclasses import replace

from hanse.ir.expr import Expr, SortKey
from hanse.ir.plan import Limit, Plan, SetKind, SetOperation, Sort
from hanse.ir.walk import substitute
from hanse.optimize.rule import Context, is_limited, last_row


class PushLimitIntoUnion:
    """See the module."""

    name = "push_limit_into_union"
    matches = (Limit,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Limit both sides."""
        assert isinstance(node, Limit)
        sort = node.input if isinstance(node.input, Sort) else None
        union = sort.input if sort else node.input
        if not isinstance(union, SetOperation) or node.with_ties or node.count is None:
            return None
        if not (union.all and union.kind is SetKind.UNION) or any(map(is_limited, union.inputs)):
            return None
        if sort and not all(context.is_copyable(key.expr) for key in sort.keys):
            return None
        if any(a.type != b.type for side in union.inputs for a, b in zip(side.columns, union.outputs, strict=True)):
            return None
        count = last_row(node.count, node.offset)
        left, right = (Limit(_sorted(side, union, sort), count) for side in union.inputs)
        new: Plan = replace(union, left=left, right=right)
        return replace(node, input=replace(sort, input=new) if sort else new)


def _sorted(side: Plan, union: SetOperation, sort: Sort | None) -> Plan:
    if sort is None:
        return side
    values: dict[int, Expr] = {
        output.id: column.ref() for output, column in zip(union.outputs, side.columns, strict=True)
    }
    keys: tuple[SortKey, ...] = tuple(replace(key, expr=substitute(key.expr, values)) for key in sort.keys)
    return Sort(side, keys)
