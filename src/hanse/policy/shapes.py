"""What completeness asks of the shape of plans: which order a limit sees, and whether a join finds one partner at most."""

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.walk import used


def sort_below(node: p.Plan) -> p.Sort | None:
    """The sort that a limit sees."""
    while isinstance(node, p.Project | p.Guard):
        node = node.inputs[0]
    return node if isinstance(node, p.Sort) else None


def equated(condition: e.Expr, side: p.Plan) -> set[int]:
    """Columns of one side of a join that are equal to something of the other."""
    mine = {column.id for column in side.columns}
    found: set[int] = set()
    for test in e.conjuncts(condition):
        if isinstance(test, e.Call) and test.name == "=":
            for one, other in (test.args, test.args[::-1]):
                if isinstance(one, e.Ref) and one.id in mine and not used([other]) & mine:
                    found.add(one.id)
    return found


def is_unique(plan: p.Plan, ids: set[int]) -> bool:
    """Whether no two rows have equal values in all of the columns."""
    match plan:
        case p.Guard() | p.Filter():
            return is_unique(plan.inputs[0], ids)
        case p.Project(items=items):
            return is_unique(plan.input, {x.id for column, x in items if column.id in ids and isinstance(x, e.Ref)})
        case p.Scan(table=table, outputs=outputs):
            names = {name for column, name in outputs if column.id in ids}
            return any(key and names.issuperset(key) for key in (table.primary_key, *table.unique_keys))
        case p.Aggregate(keys=keys, sets=None):
            return ids.issuperset(key.id for key in keys)
    return False
