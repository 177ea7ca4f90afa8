"""What stands between a fragment and the operators here: tests to repeat, columns to drop, an order to restore."""

from dataclasses import replace

from hanse.ir import plan as p
from hanse.ir.columns import cheapest, exactly
from hanse.ir.expr import SortKey
from hanse.ir.walk import used


def narrowed(plan: p.Plan, needed: set[int]) -> p.Plan:
    """The plan without the columns that nobody needs; at least one stays."""
    columns = plan.columns
    kept = tuple(column for column in columns if column.id in needed) or (cheapest(columns),) if columns else ()
    if len(kept) == len(columns):
        return plan
    ids = {column.id for column in kept}
    if isinstance(plan, p.Project):
        return replace(plan, items=tuple(item for item in plan.items if item[0].id in ids))
    if isinstance(plan, p.Scan):
        return replace(plan, outputs=tuple(output for output in plan.outputs if output[0].id in ids))
    return exactly(plan, kept)


def revealed(plan: p.Plan, keep: bool = False) -> tuple[p.Plan, tuple[SortKey, ...]]:
    """The plan with its order made visible: what it is sorted by, with the columns for that in its output.

    A Sort that only orders the fragment's rows goes, since the order is made here; below a Limit it must stay.
    """
    match plan:
        case p.Sort():
            return plan if keep else plan.input, plan.keys
        case p.Project() | p.Filter() | p.Guard() | p.Limit():
            below, keys = revealed(plan.input, keep or isinstance(plan, p.Limit))
            if not keys:
                return plan, ()
            plan = replace(plan, input=below)
            return _with_columns(plan, used(key.expr for key in keys)) if isinstance(plan, p.Project) else plan, keys
        case _:
            return plan, ()


def _with_columns(plan: p.Project, ids: set[int]) -> p.Project:
    missing = ids - {column.id for column, _ in plan.items}
    more = tuple((column, column.ref()) for column in plan.input.columns if column.id in missing)
    return replace(plan, items=plan.items + more)
