"""Make a join of an EXISTS or IN that a filter tests: with partner a semi join, without an anti join.

    Filter: exists (Filter: b.k = a.k and b.y = 2)        Join: semi on b.k = a.k
    │               └─ b                            =>    ├─ a
    └─ a                                                  └─ Filter: b.y = 2
                                                             └─ b

When     a whole conjunct is [NOT] EXISTS (correlated by conjuncts that can be lifted: from filters and inner joins, not
         from below an aggregate, a LIMIT or the like), or [NOT] IN (subquery).
Safe     a filter keeps a row if the condition is true; EXISTS is never NULL, and IN is true exactly if a row matches.
Not      NOT IN over nullable columns: SELECT * FROM a WHERE x NOT IN (SELECT y FROM b) is empty as soon as one y is
         NULL, an anti join is not. IN below OR or NOT, where NULL and false differ. Lifting out of a closed guard.
Order    before filters are pushed, which move the rest of the filter below the new join.
"""

from dataclasses import replace

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.types import BOOLEAN
from hanse.ir.walk import free
from hanse.optimize.rule import Context, filtered, parts

Lifted = tuple[p.Plan, list[e.Expr]]


class UnnestSubqueries:
    """See the module."""

    name = "unnest_subqueries"
    matches = (p.Filter,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Turn the conjuncts that can be joins into joins."""
        assert isinstance(node, p.Filter)
        if not context.has_subquery(node.predicate):
            return None
        plan = node.input
        stay: list[e.Expr] = []
        for test in parts(node.predicate):
            joined = _joined(plan, test, context) if context.has_subquery(test) else None
            plan = joined or plan
            if joined is None:
                stay.append(test)
        return None if plan is node.input else filtered(plan, stay)


def _joined(plan: p.Plan, test: e.Expr, context: Context) -> p.Join | None:
    kind, inner = p.JoinKind.SEMI, test
    if isinstance(test, e.Call) and test.name == "not":
        kind, inner = p.JoinKind.ANTI, test.args[0]
    if isinstance(inner, e.Quantified) and inner.operator == "<>" and inner.every:
        kind = p.JoinKind.SEMI if kind is p.JoinKind.ANTI else p.JoinKind.ANTI
        inner = replace(inner, operator="=", every=False)
    outer = context.ids(plan)
    if isinstance(inner, e.Exists):
        found = lifted(_core(inner.plan), outer, context)
    elif isinstance(inner, e.Quantified) and inner.operator == "=" and not inner.every:
        found = _matching(plan, inner, kind, context)
    else:
        return None
    if found is None or not outer.isdisjoint(free(found[0])):
        return None
    if isinstance(inner, e.Exists) and not found[1]:
        return None  # uncorrelated: one value for all rows, which a join would not know
    if any(not context.reads(test) <= outer | context.ids(found[0]) for test in found[1]):
        return None  # correlated with a plan further out, too: no condition of this join
    return p.Join(kind, plan, found[0], e.conjunction(found[1]))


def _core(plan: p.Plan) -> p.Plan:
    """What decides whether a subquery has rows: without its select list, order and duplicates."""
    while True:
        match plan:
            case p.Project() | p.Sort() | p.Distinct():
                plan = plan.input
            case p.Limit(count=e.Literal(value=int(count)), offset=None) if count > 0:
                plan = plan.input
            case _:
                return plan


def _matching(plan: p.Plan, test: e.Quantified, kind: p.JoinKind, context: Context) -> Lifted | None:
    """The right side and the condition of an IN."""
    if not all(map(context.is_copyable, test.args)):
        return None
    if kind is p.JoinKind.ANTI and not _never_null(plan, test):
        return None
    columns: list[e.Expr] = [column.ref() for column in test.plan.columns]
    below = test.plan
    if isinstance(below, p.Distinct) and not below.on:
        below = below.input
    if isinstance(below, p.Project) and all(context.is_copyable(value) for _, value in below.items):
        values = {column.id: value for column, value in below.items}
        columns = [values[column.id] for column in below.columns]
        below = below.input
    found = lifted(below, context.ids(plan), context)
    if found is None:
        return None
    pairs: list[e.Expr] = [e.Call(BOOLEAN, "=", (arg, column)) for arg, column in zip(test.args, columns, strict=True)]
    return found[0], pairs + found[1]


def _never_null(plan: p.Plan, test: e.Quantified) -> bool:
    known = {column.id for column in plan.columns if not column.nullable}
    args = all((isinstance(arg, e.Ref) and arg.id in known) or is_value(arg) for arg in test.args)
    return args and not any(may_be_null(test.plan, column) for column in test.plan.columns)


def is_value(arg: e.Expr) -> bool:
    """Whether it is a constant that is not NULL."""
    return isinstance(arg, e.Literal) and arg.value is not None


def may_be_null(plan: p.Plan, column: e.Column) -> bool:
    """Whether nobody rules out that a subquery's column is NULL in one of its rows."""
    if isinstance(plan, p.Project):
        value = next(value for item, value in plan.items if item.id == column.id)
        if isinstance(value, e.Ref):
            return next((c.nullable for c in plan.input.columns if c.id == value.id), True)
        return not is_value(value)
    return column.nullable


def lifted(plan: p.Plan, outer: frozenset[int], context: Context) -> Lifted | None:
    """The plan without the conjuncts that read ``outer`` columns, and those conjuncts; None if one cannot be lifted."""
    if outer.isdisjoint(free(plan)):
        return plan, []
    match plan:
        case p.Filter():
            return _out_of_filter(plan, outer, context)
        case p.Project():
            return _out_of_project(plan, outer, context)
        case p.Join(lateral=False):
            return _out_of_join(plan, outer, context)
        case p.Guard(is_open=True):
            found = lifted(plan.input, outer, context)
            return None if found is None else (replace(plan, input=found[0]), found[1])
        case _:
            return None


def _sorted_out(
    tests: list[e.Expr], outer: frozenset[int], context: Context
) -> tuple[list[e.Expr], list[e.Expr]] | None:
    """Tests that stay and tests to lift; None if one of the latter must not move."""
    lift = [test for test in tests if not outer.isdisjoint(context.reads(test))]
    if not all(map(context.is_copyable, lift)):
        return None
    return [test for test in tests if outer.isdisjoint(context.reads(test))], lift


def _out_of_filter(plan: p.Filter, outer: frozenset[int], context: Context) -> Lifted | None:
    out = _sorted_out(parts(plan.predicate), outer, context)
    found = lifted(plan.input, outer, context)
    if out is None or found is None:
        return None
    stay, lift = out
    return filtered(found[0], stay), found[1] + lift


def _out_of_project(plan: p.Project, outer: frozenset[int], context: Context) -> Lifted | None:
    found = lifted(plan.input, outer, context)
    if found is None or any(not outer.isdisjoint(context.reads(value)) for _, value in plan.items):
        return None
    below, tests = found
    values = {column.id for column, _ in plan.items}
    missing = {id for test in tests for id in context.reads(test)} - values
    more = tuple((column, column.ref()) for column in below.columns if column.id in missing)
    return p.Project(below, plan.items + more), tests


def _out_of_join(plan: p.Join, outer: frozenset[int], context: Context) -> Lifted | None:
    inner = plan.kind is p.JoinKind.INNER
    if not inner and plan.kind not in (p.JoinKind.LEFT, p.JoinKind.SEMI, p.JoinKind.ANTI):
        return None
    out = _sorted_out(parts(plan.condition), outer, context)
    left = lifted(plan.left, outer, context)
    right = lifted(plan.right, outer, context)
    if out is None or left is None or right is None or (not inner and (out[1] or right[1])):
        return None
    new = replace(plan, left=left[0], right=right[0], condition=e.conjunction(out[0]))
    return new, left[1] + right[1] + out[1]
