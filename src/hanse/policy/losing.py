"""The plan of a query without some of its sources: their tables have no rows, and what then yields none is not asked for."""

from collections.abc import Collection
from dataclasses import replace

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.completeness import Loss
from hanse.ir.tables import Table
from hanse.ir.types import BOOLEAN
from hanse.ir.walk import map_expr, map_expressions, map_plans, nested, nothing, plans

J = p.JoinKind
FALSE = e.Literal(BOOLEAN, False)


def parts(table: Table) -> tuple[str, ...]:
    """The sources that have the table's rows: its own, or every shard."""
    return (table.source,) if table.sharding is None else tuple(part.source for part in table.sharding.tables)


def loss(table: Table, lost: Collection[str]) -> Loss:
    """What a table lacks without these sources; of a table of which every shard has a copy, one shard is enough."""
    missing = [source for source in parts(table) if source in lost]
    if len(missing) == len(parts(table)):
        return Loss.WHOLE
    return Loss.PART if missing and not (table.sharding and table.sharding.copies) else Loss.NONE


def within(table: Table) -> str:
    """The table's name in its source."""
    return ".".join(part for part in (table.schema, table.name) if part)


def tables_of(plan: p.Plan, lost: Collection[str]) -> dict[str, tuple[str, ...]]:
    """The tables of a plan that each of these sources has rows of; a source that has none is left out."""
    found: dict[str, dict[str, None]] = {}
    for node in plans(plan):
        if isinstance(node, p.Scan):
            for source in parts(node.table):
                if source in lost:
                    found.setdefault(source, {})[within(node.table)] = None
    return {source: tuple(tables) for source, tables in found.items()}


def without(plan: p.Plan, lost: Collection[str]) -> p.Plan:
    """The plan, of the same columns, that asks these sources nothing."""

    def change(node: p.Plan) -> p.Plan:
        if isinstance(node, p.Scan):
            return _scan(node, lost)
        return _shrunk(map_expressions(node, lambda x: map_expr(x, _answered)) if nested(node) else node)

    return map_plans(plan, change)


def _scan(node: p.Scan, lost: Collection[str]) -> p.Plan:
    if loss(node.table, lost) is Loss.WHOLE:
        return p.Values(node.columns, ())
    if node.table.sharding is None:
        return node
    missing = frozenset(place for place, source in enumerate(parts(node.table)) if source in lost)
    return replace(node, table=replace(node.table, sharding=replace(node.table.sharding, lost=missing)))


def _answered(node: e.Expr) -> e.Expr:
    """A subquery without rows is answered."""
    match node:
        case e.Scalar() if _is_nothing(node.plan):
            return e.Literal(node.type, None)
        case e.Exists() if _is_nothing(node.plan):
            return FALSE
        case e.Quantified() if _is_nothing(node.plan):
            return e.Literal(BOOLEAN, node.every)
    return node


def _is_nothing(node: p.Plan) -> bool:
    while isinstance(node, p.Guard):
        node = node.input
    return isinstance(node, p.Values) and not node.rows


def _shrunk(node: p.Plan) -> p.Plan:
    """The operator, if it still has something to do."""
    empty = [_is_nothing(side) for side in node.inputs]
    match node:
        case p.Filter(predicate=predicate) if any(test == FALSE for test in e.conjuncts(predicate)):
            return nothing(node)
        case p.Filter() | p.Project() | p.Sort() | p.Limit() | p.Distinct() | p.Window() if empty[0]:
            return nothing(node)
        case p.Aggregate(keys=keys, sets=None) if keys and empty[0]:
            return nothing(node)
        case p.Join() if any(empty):
            return _join(node, *empty)
        case p.SetOperation(kind=p.SetKind.UNION) if all(empty):
            return nothing(node)
        case p.SetOperation(kind=p.SetKind.INTERSECT) if any(empty):
            return nothing(node)
        case p.Cte(recursive=True, definition=definition) if not isinstance(definition, p.SetOperation):
            return replace(node, recursive=False)
    return node


def _join(node: p.Join, no_left: bool, no_right: bool) -> p.Plan:
    """A join of which one side has no rows: nothing, or the other side's rows beside NULLs."""
    kind = node.kind
    if no_left and kind in (J.INNER, J.LEFT, J.SEMI, J.ANTI):
        return nothing(node)
    if no_right and kind in (J.INNER, J.RIGHT, J.SEMI):
        return nothing(node)
    if kind is J.FULL and no_left and no_right:
        return nothing(node)
    if kind is J.ANTI:
        return node.left
    kept = {column.id for column in (node.right if no_left else node.left).columns}
    items = tuple((c, c.ref() if c.id in kept else e.Literal(c.type, None)) for c in node.columns)
    return p.Project(node.right if no_left else node.left, items)
