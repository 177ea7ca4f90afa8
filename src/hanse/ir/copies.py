"""Copies of plans whose columns are made anew: no two operators of one statement may make the same column."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from hanse.ir.expr import Column, Ref
from hanse.ir.plan import Cte, CteScan, Plan
from hanse.ir.tables import Table
from hanse.ir.types import Type
from hanse.ir.walk import plans

T = TypeVar("T")


def copied(plan: Plan, fresh: Callable[[], int]) -> Plan:
    """The plan with other columns and other names of its CTEs; ``fresh`` gives ids that no column has."""
    inside = list(plans(plan))
    ids = {id: fresh() for id in sorted({column.id for node in inside for column in node.columns})}
    names = {node.name: f"{node.name}_{fresh()}" for node in inside if isinstance(node, Cte)}
    return renumbered(plan, ids, names)


def renumbered(value: T, ids: Mapping[int, int], names: Mapping[str, str]) -> T:
    """The value with other ids in all columns and references below it, and other names of its CTEs."""
    if isinstance(value, tuple):
        return tuple(renumbered(item, ids, names) for item in value)  # type: ignore[return-value]
    if not is_dataclass(value) or isinstance(value, (type, Table, Type)):
        return value
    changed: dict[str, Any] = {}
    for field in fields(value):
        old = getattr(value, field.name)
        new = renumbered(old, ids, names)
        if new is not old:
            changed[field.name] = new
    if isinstance(value, (Column, Ref)):
        changed["id"] = ids.get(value.id, value.id)
    if isinstance(value, (Cte, CteScan)):
        changed["name"] = names.get(value.name, value.name)
    return replace(value, **changed) if changed else value
