"""Tell each relation of a join what an OR over several of them says of it alone.

    Join: inner on a.id = b.id and (a.x = 1 and b.y = 2 or a.x = 3 and b.y = 4)
    ├─ a                                                          =>      ├─ Filter: a.x = 1 or a.x = 3
    └─ b                                                                  │  └─ a
                                                                          └─ Filter: b.y = 2 or b.y = 4
                                                                             └─ b

When     every branch of an OR in a join's condition, or in a filter above a join, has conjuncts that read the relation's
         columns and no others, and are neither volatile nor hold a subquery. The OR itself stays where it is.
Safe     where the OR is true one branch is, with all of its conjuncts, and so is what is derived; rows for which it is not
         true have no partner, and filters of this kind may be tested at the relation (see push_join_condition and
         push_filter_through_join).
Not      if a branch says nothing of the relation: (a.x = 1 and b.y = 2) or b.y = 4 leaves every a possible. Not into the side
         that an outer join keeps: a LEFT JOIN b ON a.id = b.id AND (a.x = 1 AND b.y = 2 OR a.x = 3) shows every a.
Order    after filters were pushed; filters are pushed once more afterwards.
"""

from collections.abc import Iterator
from dataclasses import replace

from hanse.ir.expr import Call, Expr, conjunction
from hanse.ir.plan import (
    CONDITION_INTO_LEFT,
    CONDITION_INTO_RIGHT,
    FILTER_INTO_LEFT,
    FILTER_INTO_RIGHT,
    Filter,
    Guard,
    Join,
    JoinKind,
    Plan,
)
from hanse.ir.types import BOOLEAN
from hanse.ir.walk import with_inputs
from hanse.optimize.rule import Context, filtered, parts


class DeriveFromDisjunctions:
    """See the module."""

    name = "derive_from_disjunctions"
    matches = (Plan,)

    def apply(self, node: Plan, context: Context) -> Plan | None:
        """Walk the whole plan."""
        return _visit(node, context)


def _visit(node: Plan, context: Context) -> Plan:
    match node:
        case Filter(input=Join() as join) if join.kind is not JoinKind.FULL:
            told = _told(join, parts(node.predicate), (FILTER_INTO_LEFT, FILTER_INTO_RIGHT), context)
            node = node if told is join else replace(node, input=told)
        case Join():
            node = _told(node, parts(node.condition), (CONDITION_INTO_LEFT, CONDITION_INTO_RIGHT), context)
    return with_inputs(node, tuple(_visit(child, context) for child in node.inputs))


def _told(
    join: Join, tests: list[Expr], into: tuple[frozenset[JoinKind], frozenset[JoinKind]], context: Context
) -> Join:
    """The join with what the tests say of the relations on those sides that may be told."""
    disjunctions = [test.args for test in tests if isinstance(test, Call) and test.name == "or"]
    if not disjunctions:
        return join
    sides = []
    for side, kinds in zip(join.inputs, into, strict=True):
        relations = list(_relations(side)) if join.kind in kinds else []
        new = [_derived(branches, context.ids(one), context) for one in relations for branches in disjunctions]
        sides.append(filtered(side, [test for test in new if test is not None]))
    if sides[0] is join.left and sides[1] is join.right:
        return join
    return replace(join, left=sides[0], right=sides[1])


def _relations(plan: Plan) -> Iterator[Plan]:
    """What a tree of inner joins joins."""
    match plan:
        case Join(kind=JoinKind.INNER):
            for side in plan.inputs:
                yield from _relations(side)
        case Filter() | Guard():
            yield from _relations(plan.input)
        case _:
            yield plan


def _derived(branches: tuple[Expr, ...], ids: frozenset[int], context: Context) -> Expr | None:
    """What an OR says of a relation with these columns; None if a branch says nothing."""
    found: list[Expr] = []
    for branch in branches:
        alone = [test for test in parts(branch) if _is_about(test, ids, context)]
        if not alone:
            return None
        test = conjunction(alone)
        if test not in found:
            found.append(test)
    return found[0] if len(found) == 1 else Call(BOOLEAN, "or", tuple(found))


def _is_about(test: Expr, ids: frozenset[int], context: Context) -> bool:
    reads = context.reads(test)
    return bool(reads) and reads <= ids and context.is_copyable(test)
