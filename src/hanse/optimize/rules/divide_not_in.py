"""Ask of a large NOT IN over nullable columns what has to be known, instead of reading all of it.

    Filter: not x = any (subquery)        Filter: not exists (Filter: y = x)
    │           └─ S (y)              =>  │       and not exists (Limit 1: Filter: y is null)
    └─ a                                  │       and (x is not null or not exists (Limit 1: S))
                                          └─ a

The first of these becomes an anti join, into which keys are shipped; the others are statements of one row.

When     a whole conjunct is x NOT IN (S) with one column; S is conditions over one table of another source than all of the
         outer plan, has by estimate more rows than that, and not few.
Safe     x NOT IN (S) is true if S is empty; else if x is not NULL, no y is NULL, and none equals x. What cannot be NULL is not
         asked. All requests to one source see one snapshot.
Not      where S is the outer plan's source's own: that answers the whole. Where x or S is volatile, or S is correlated.
Order    before EXISTS become joins.
"""

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.copies import copied
from hanse.ir.properties import is_volatile_operator
from hanse.ir.types import BOOLEAN, INT64
from hanse.ir.walk import free, nested, plans
from hanse.optimize.graph import home
from hanse.optimize.ordering import HERE
from hanse.optimize.rule import Context, filtered, parts
from hanse.optimize.rules.unnest_subqueries import is_value, may_be_null

ONE = e.Literal(INT64, 1)
ROWS_LEAST = 5_000
"""Of fewer rows, all are read as soon as two more statements are sent."""


class DivideNotIn:
    """See the module."""

    name = "divide_not_in"
    matches = (p.Filter,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Replace the first such conjunct."""
        assert isinstance(node, p.Filter)
        if not context.has_subquery(node.predicate):
            return None
        tests = parts(node.predicate)
        for place, test in enumerate(tests):
            found = _not_in(test)
            if found is not None and _is_divisible(node.input, found, context):
                return filtered(
                    node.input, [*tests[:place], *_divided(node.input, found, context), *tests[place + 1 :]]
                )
        return None


def _not_in(test: e.Expr) -> e.Quantified | None:
    """The IN of a NOT IN with one column."""
    match test:
        case e.Call(name="not", args=(e.Quantified(operator="=", every=False, args=(_,)) as inner,)):
            return inner
        case e.Quantified(operator="<>", every=True, args=(_,)):
            return test
    return None


def _is_divisible(outer: p.Plan, test: e.Quantified, context: Context) -> bool:
    """Whether it is right, and of use."""
    (arg,), inner = test.args, test.plan
    if not context.is_copyable(arg) or not context.reads(arg) <= context.ids(outer) or not context.reads(arg):
        return False
    if not all(isinstance(node, p.Scan | p.Filter | p.Project | p.Guard) for node in plans(inner)):
        return False
    if free(inner) or any(is_volatile_operator(node) or nested(node) for node in plans(inner)):
        return False
    if _is_never_null(outer, arg) and not may_be_null(inner, inner.columns[0]):
        return False  # an anti join as it is
    there = home(inner, context)
    if there == HERE or home(outer, context) == there:
        return False
    rows, most = context.estimator.rows(outer), context.estimator.rows(inner)
    return context.choices.decided("divide", most >= max(ROWS_LEAST, rows), inner)


def _is_never_null(plan: p.Plan, arg: e.Expr) -> bool:
    known = {column.id for column in plan.columns if not column.nullable}
    return is_value(arg) or (isinstance(arg, e.Ref) and arg.id in known)


def _divided(outer: p.Plan, test: e.Quantified, context: Context) -> list[e.Expr]:
    """Conditions that together are true exactly where the NOT IN is."""
    (arg,), inner = test.args, test.plan
    column = inner.columns[0]
    found = [_none(p.Filter(inner, e.Call(BOOLEAN, "=", (column.ref(), arg))))]
    if may_be_null(inner, column):
        other = _copied(inner, context)
        found.append(_none(p.Limit(p.Filter(other, e.Call(BOOLEAN, "is_null", (other.columns[0].ref(),))), ONE)))
    if not _is_never_null(outer, arg):
        is_known = e.Call(BOOLEAN, "is_not_null", (arg,))
        found.append(e.Call(BOOLEAN, "or", (is_known, _none(p.Limit(_copied(inner, context), ONE)))))
    return found


def _none(plan: p.Plan) -> e.Expr:
    return e.Call(BOOLEAN, "not", (e.Exists(BOOLEAN, plan),))


def _copied(plan: p.Plan, context: Context) -> p.Plan:
    return copied(plan, lambda: context.column("", BOOLEAN).id)
