"""Test groups by their keys before they are formed.

    Filter: a.k = 1 and n > 2          Filter: n > 2
    └─ Aggregate: by a.k; count()  =>  └─ Aggregate: by a.k; count() as n
       └─ a                               └─ Filter: a.k = 1
                                             └─ a

When     the conjunct reads grouping keys only, at least one, is not volatile, and each key stands in every grouping set.
Safe     all rows of a group agree on its keys, so the whole group passes or fails.
Not      GROUP BY ROLLUP (k) HAVING k = 1: the rows of the other k belong to the grand total too. Not without keys:
         SELECT count(*) FROM a HAVING $1 > 2 has no row where the condition fails, not a row of zero.
Order    before prune_columns.
"""

from dataclasses import replace

from hanse.ir.expr import Expr
from hanse.ir.plan import Aggregate, Filter, Plan
from hanse.optimize.rule import Context, filtered, parts


class PushFilterBelowAggregate:
    """See the module."""

    name = "push_filter_below_aggregate"
    matches = (Filter,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Push what reads only keys of every set."""
        assert isinstance(node, Filter)
        groups = node.input
        if not isinstance(groups, Aggregate):
            return None
        keys = _keys_of_every_set(groups)
        made = context.ids(groups)
        down: list[Expr] = []
        stay: list[Expr] = []
        for test in parts(node.predicate):
            reads = context.reads(test) & made
            (down if reads and reads <= keys and context.is_movable(test) else stay).append(test)
        if not down:
            return None
        return filtered(replace(groups, input=filtered(groups.input, down)), stay)


def _keys_of_every_set(groups: Aggregate) -> set[int]:
    places = set(range(len(groups.keys)))
    for chosen in groups.sets or ():
        places &= set(chosen)
    return {groups.keys[place].id for place in places}
