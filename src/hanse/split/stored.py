"""Which columns of tables a fragment's columns are, and which of them an index of their source finds."""

from typing import Any

from hanse.ir import plan as p
from hanse.ir.tables import Table
from hanse.ir.walk import plans


def stored(plan: p.Plan, column: int) -> tuple[Table, str] | None:
    """The table's column that a plan's column is; None for what is computed."""
    for node in plans(plan):
        if isinstance(node, p.Scan):
            for found, name in node.outputs:
                if found.id == column:
                    return node.table, name
    return None


def span(plan: p.Plan, column: int) -> tuple[Any, Any] | None:
    """The least and the greatest value of a plan's column, where statistics know them."""
    found = stored(plan, column)
    known = found[0].statistics.columns.get(found[1]) if found and found[0].statistics else None
    return None if known is None or known.minimum is None or known.maximum is None else (known.minimum, known.maximum)


def indexes(table: Table) -> tuple[tuple[str, ...], ...]:
    """The columns of all that finds rows of a table by values, its keys among them."""
    return (table.primary_key, *table.unique_keys, *table.indexes)


def leads(index: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Whether an index finds values of all these columns together."""
    return set(index[: len(names)]) == set(names)


def is_indexed(table: Table, names: tuple[str, ...]) -> bool:
    """Whether the source finds the columns' values without looking at every row; where it does not say, it may."""
    known = indexes(table)
    return not any(known) or any(leads(index, names) for index in known)
