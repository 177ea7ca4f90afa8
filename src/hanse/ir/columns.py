"""Choosing among the columns of a plan: exactly these, or the least that keeps its rows."""

from hanse.ir.expr import Column
from hanse.ir.plan import Plan, Project
from hanse.ir.types import NUMBERS, Kind

_SMALL = NUMBERS | {Kind.BOOLEAN, Kind.DATE}


def exactly(plan: Plan, columns: tuple[Column, ...]) -> Plan:
    """The plan with these of its columns, in this order."""
    have = plan.columns
    if len(have) == len(columns) and all(a.id == b.id for a, b in zip(have, columns, strict=True)):
        return plan
    known = {column.id: column for column in have}
    return Project(plan, tuple((known[column.id], known[column.id].ref()) for column in columns))


def cheapest(columns: tuple[Column, ...]) -> Column:
    """The column that is least to move: the first of a small fixed width, else the first."""
    return next((column for column in columns if column.type.kind in _SMALL), columns[0])
