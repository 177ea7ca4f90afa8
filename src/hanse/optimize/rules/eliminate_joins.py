"""Leave out an outer join whose other side nobody reads and which has at most one partner for each row.

    Project: a.x                           Project: a.x
    └─ Join: left on b.id = a.b_id    =>   └─ a
       ├─ a
       └─ b: id (unique)

When     no column of the side that may be missing is read above the join, and its condition equates a whole key of that side
         (a primary or unique key of a table, what an aggregate groups by, all columns of a DISTINCT) with values of the
         other one. A key is of integers, uuids or text that are read as they are.
Safe     each row of the other side comes out exactly once, with a partner or without. Only keys count that the source holds
         at every moment (no partial, deferred or inherited ones), as its catalog was read last.
Not      an inner join, which drops rows without partner: a foreign key that is not enforced, or seen at another moment than
         its table, proves none. Not SELECT a.x FROM a LEFT JOIN b ON b.k = a.k where k repeats: rows repeat. Not a key of
         each shard by itself. Not rows under a policy.
Order    after prune_columns, which says what is read; it runs once more then.
"""

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.tables import Table
from hanse.ir.types import INTEGERS, Kind
from hanse.ir.walk import expressions, plans, used, with_inputs
from hanse.optimize.rule import Context

EXACT = INTEGERS | {Kind.UUID, Kind.TEXT}
"""Kinds whose values differ here where they differ at their source."""
_ALL = (p.SetOperation, p.Cte, p.Distinct)
_MAKES_ITS_OWN = (p.Project, p.Aggregate)


class EliminateJoins:
    """See the module."""

    name = "eliminate_joins"
    matches = (p.Plan,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Leave out such joins everywhere but in subqueries of expressions."""
        if not _has_outer_joins(node):
            return None
        return _visit(node, context.ids(node), context)


def _has_outer_joins(node: p.Plan) -> bool:
    if isinstance(node, p.Join) and node.kind in (p.JoinKind.LEFT, p.JoinKind.RIGHT):
        return True
    return any(map(_has_outer_joins, node.inputs))


def _visit(node: p.Plan, needed: frozenset[int] | set[int], context: Context) -> p.Plan:
    if isinstance(node, p.Join):
        match node.kind:
            case p.JoinKind.LEFT if _adds_nothing(node, node.right, needed, context):
                return _visit(node.left, needed, context)
            case p.JoinKind.RIGHT if _adds_nothing(node, node.left, needed, context):
                return _visit(node.right, needed, context)
    new = []
    for child in node.inputs:
        whole = isinstance(node, _ALL) or (isinstance(node, p.Join) and node.lateral)
        above = set() if isinstance(node, _MAKES_ITS_OWN) else needed
        new.append(_visit(child, context.ids(child) if whole else above | used(expressions(node)), context))
    return with_inputs(node, tuple(new))


def _adds_nothing(join: p.Join, side: p.Plan, needed: frozenset[int] | set[int], context: Context) -> bool:
    """Whether rows of the other side come out once each, and only they are read."""
    ids = context.ids(side)
    if join.lateral or not ids.isdisjoint(needed) or context.has_subquery(join.condition):
        return False
    if any(isinstance(node, p.Guard) and not node.is_open for node in plans(side)):
        return False
    return _is_unique(side, {id for test in e.conjuncts(join.condition) for id in _fixed(test, ids, context)})


def _fixed(test: e.Expr, ids: frozenset[int], context: Context) -> set[int]:
    """The column of the side that an equality fixes by values of the other side."""
    match test:
        case e.Call(name="=", args=(e.Ref(id=id), other)) if id in ids and ids.isdisjoint(context.reads(other)):
            return {id} if context.is_movable(other) else set()
        case e.Call(name="=", args=(other, e.Ref(id=id))) if id in ids and ids.isdisjoint(context.reads(other)):
            return {id} if context.is_movable(other) else set()
    return set()


def _is_unique(plan: p.Plan, fixed: set[int]) -> bool:
    """Whether at most one row has given values in these columns."""
    match plan:
        case p.Filter() | p.Guard() | p.Sort():
            return _is_unique(plan.input, fixed)
        case p.Project():
            below = {x.id for column, x in plan.items if column.id in fixed and isinstance(x, e.Ref)}
            return _is_unique(plan.input, below)
        case p.Aggregate(sets=None):
            return {key.id for key in plan.keys} <= fixed
        case p.Distinct(on=()):
            return {column.id for column in plan.columns} <= fixed
        case p.Scan():
            return _has_key(plan.table, {name for column, name in plan.outputs if column.id in fixed})
    return False


def _has_key(table: Table, names: set[str]) -> bool:
    """Whether the columns hold a key of the table that is exact here."""
    exact = {column.name for column in table.columns if column.type.kind in EXACT and column.read_as is None}
    keys = (key for key in (table.primary_key, *table.unique_keys) if key)
    return not table.sharding and not table.route and any(names & exact >= set(key) for key in keys)
