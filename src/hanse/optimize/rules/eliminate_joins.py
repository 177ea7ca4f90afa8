"""Leave out a join with a table of which nothing is read, and which adds and drops no rows.

    Project: a.x                           Project: a.x
    └─ Join: left on b.id = a.b_id    =>   └─ a
       ├─ a
       └─ b: id (unique)

    Project: a.x, b.id                     Project: a.x, b.id
    └─ Join: inner on b.id = a.b_id   =>   └─ Project: a.x, a.b_id as b.id
       ├─ a: b_id references b                └─ Filter: a.b_id is not null
       └─ b: id (unique)                         └─ a

When     an outer join whose side that may be missing is not read above it, and whose condition equates a whole key of that
         side (a primary or unique key of a table, what an aggregate groups by, all columns of a DISTINCT) with values of the
         other one. Or an inner or semi join with a whole table by a foreign key that its source enforces, of which no other
         columns are read above than those of the key. A key is of integers, uuids or text that are read as they are.
Safe     each row of the other side comes out exactly once: with a partner or without; or, if it has no NULL in the columns of a
         foreign key, with the one partner that these promise, whose key they are. Only keys count that the source holds at
         every moment (no partial, deferred or inherited ones), as its catalog was read last.
Not      an inner join by a foreign key that is not enforced, or one that tests anything else: SELECT a.x FROM a JOIN b ON
         b.id = a.b_id WHERE b.y = 1 drops rows, and so does b.id = a.b_id AND a.x > 1. Not SELECT a.x FROM a LEFT JOIN b ON
         b.k = a.k where k repeats: rows repeat. Not a key of each shard by itself. Not rows under a policy. An anti join keeps
         the rows without partner.
Order    after prune_columns, which says what is read; it runs once more then.
"""

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.walk import expressions, plans, used, with_inputs
from hanse.optimize.references import has_key, needs_values, reference
from hanse.optimize.rule import Context, filtered

_ALL = (p.SetOperation, p.Cte, p.Distinct)
_MAKES_ITS_OWN = (p.Project, p.Aggregate)


class EliminateJoins:
    """See the module."""

    name = "eliminate_joins"
    matches = (p.Plan,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Leave out such joins everywhere but in subqueries of expressions."""
        if not _has_joins(node):
            return None
        return _visit(node, context.ids(node), context)


def _has_joins(node: p.Plan) -> bool:
    return isinstance(node, p.Join) or any(map(_has_joins, node.inputs))


def _visit(node: p.Plan, needed: frozenset[int] | set[int], context: Context) -> p.Plan:
    if isinstance(node, p.Join):
        match node.kind:
            case p.JoinKind.LEFT if _adds_nothing(node, node.right, needed, context):
                return _visit(node.left, needed, context)
            case p.JoinKind.RIGHT if _adds_nothing(node, node.left, needed, context):
                return _visit(node.right, needed, context)
            case p.JoinKind.INNER | p.JoinKind.SEMI if (rest := _without_referred(node, needed, context)) is not None:
                return _visit(rest, needed, context)
    new = []
    for child in node.inputs:
        whole = isinstance(node, _ALL) or (isinstance(node, p.Join) and node.lateral)
        above = set() if isinstance(node, _MAKES_ITS_OWN) else needed
        new.append(_visit(child, context.ids(child) if whole else above | used(expressions(node)), context))
    return with_inputs(node, tuple(new))


def _without_referred(join: p.Join, needed: frozenset[int] | set[int], context: Context) -> p.Plan | None:
    """The rows of the side that refers to the other one, if all of them but those with NULL have one partner there."""
    if join.lateral:
        return None
    sides = (
        [(join.right, join.left)]
        if join.kind is p.JoinKind.SEMI
        else [(join.right, join.left), (join.left, join.right)]
    )
    for side, other in sides:
        read = {column.id for column in side.columns if column.id in needed}
        pairs = reference(join, side, other)
        values = {key.id: column for column, key in pairs or () if key.type == column.type}
        if pairs and read <= values.keys():
            rows = filtered(other, needs_values(other.columns, pairs))
            kept = context.ids(other)
            items = tuple(
                (c, c.ref() if c.id in kept else values[c.id].ref())
                for c in join.columns
                if c.id in kept or c.id in read
            )
            return p.Project(rows, items) if read else rows
    return None


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
            return has_key(plan.table, {name for column, name in plan.outputs if column.id in fixed})
    return False
