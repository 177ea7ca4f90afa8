"""Which rows have a partner, and no second one, by what sources promise: keys, and foreign keys that they enforce.

A promise counts if no row that a statement can see breaks it, at any moment (``ForeignKey.enforced``), and if both sides
compare here as they do at their source: integers, uuids, and text that tells apart whatever bytes do.
"""

from collections.abc import Iterator

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.tables import Table, TableColumn
from hanse.ir.types import INTEGERS, Kind

EXACT = INTEGERS | {Kind.UUID, Kind.TEXT}
"""Kinds whose values differ here where they differ at their source."""
Reference = tuple[tuple[e.Column, e.Column], ...]
"""Pairs of a column that refers and one that is referred to."""


def has_key(table: Table, names: set[str]) -> bool:
    """Whether the columns hold a key of the table that is exact here."""
    exact = {column.name for column in table.columns if column.type.kind in EXACT and column.read_as is None}
    keys = (key for key in (table.primary_key, *table.unique_keys) if key)
    return not table.sharding and not table.route and any(names & exact >= set(key) for key in keys)


def reference(join: p.Join, side: p.Plan, other: p.Plan) -> Reference | None:
    """By which columns every row of ``other`` that has no NULL in them has exactly one partner in ``side``, a whole table;
    None if the join's condition is another, or nothing promises that."""
    scan = _whole_table(side)
    pairs = None if scan is None else _equated(join.condition, scan, other)
    if scan is None or not pairs:
        return None
    referring = _scan_of({column.id for column, _ in pairs}, other)
    if referring is None or not _is_plain(scan.table) or not _is_plain(referring.table):
        return None
    here, there = _stored(referring), _stored(scan)
    columns = [(here[column.id], there[key.id]) for column, key in pairs]
    if not all(_are_alike(column, key) for column, key in columns):
        return None
    names = {(column.name, key.name) for column, key in columns}
    return pairs if _is_promised(referring.table, scan.table, names) else None


def _whole_table(plan: p.Plan) -> p.Scan | None:
    """All rows of a table, as far as no policy hides any."""
    while isinstance(plan, p.Guard) and plan.is_open:
        plan = plan.input
    return plan if isinstance(plan, p.Scan) else None


def _equated(condition: e.Expr, scan: p.Scan, other: p.Plan) -> Reference | None:
    """The pairs of columns of ``other`` and the table that the condition equates; None if it tests anything else."""
    keys = {column.id: column for column in scan.columns}
    columns = {column.id: column for column in other.columns}
    found: list[tuple[e.Column, e.Column]] = []
    for test in e.conjuncts(condition):
        if not (isinstance(test, e.Call) and test.name == "="):
            return None
        one, another = (_column(arg) for arg in test.args)
        if one in keys:
            one, another = another, one
        if one not in columns or another not in keys:
            return None
        found.append((columns[one], keys[another]))
    return tuple(found)


def _column(node: e.Expr) -> int:
    """The column that the expression is, perhaps as a wider integer."""
    if isinstance(node, e.Cast) and {node.type.kind, node.arg.type.kind} <= INTEGERS:
        node = node.arg
    return node.id if isinstance(node, e.Ref) else -1


def _scan_of(ids: set[int], plan: p.Plan) -> p.Scan | None:
    """The scan that all these columns are from: operators pass a column's values on, together with those beside it."""
    return next((scan for scan in _scans(plan) if ids <= {column.id for column in scan.columns}), None)


def _scans(plan: p.Plan) -> Iterator[p.Scan]:
    if isinstance(plan, p.Scan):
        yield plan
    for child in plan.inputs:
        yield from _scans(child)


def _is_plain(table: Table) -> bool:
    """Whether the table is one of its source's own: not spread over shards, nor a part of such a one."""
    return not (table.is_view or table.sharding or table.route or table.home)


def _stored(scan: p.Scan) -> dict[int, TableColumn]:
    return {column.id: scan.table.column(name) for column, name in scan.outputs}


def _are_alike(column: TableColumn, key: TableColumn) -> bool:
    """Whether the two are equal here where their source holds them to be."""
    if {column.type.kind, key.type.kind} <= INTEGERS:
        return True
    exact = column.type == key.type and column.type.kind in EXACT and column.read_as is None and key.read_as is None
    return exact and (
        column.type.kind is not Kind.TEXT or (column.collation.equal_is_bytewise and key.collation.equal_is_bytewise)
    )


def _is_promised(referring: Table, referred: Table, names: set[tuple[str, str]]) -> bool:
    place = (referred.schema, referred.name)
    return (
        referring.source == referred.source
        and has_key(referred, {key for _, key in names})
        and any(
            key.enforced
            and (key.schema, key.table) == place
            and set(zip(key.columns, key.referenced, strict=True)) == names
            for key in referring.foreign_keys
        )
    )


def needs_values(columns: tuple[e.Column, ...], pairs: Reference) -> list[e.Expr]:
    """The tests that rows have values by which to refer, where those may be missing."""
    nullable = {column.id for column in columns if column.nullable}
    return [
        e.Call(e.TRUE.type, "is_not_null", (column.ref(),))
        for column in dict.fromkeys(column for column, _ in pairs)
        if column.id in nullable
    ]
