"""Make a left join with groups of a subquery that aggregates the rows which correspond to a row around it.

    Filter: a.x < (Aggregate: avg(b.y))         Filter: a.x < avg
    │              └─ Filter: b.k = a.k     =>  └─ Join: left on b.k = a.k
    │                 └─ b                         ├─ a
    └─ a                                           └─ Aggregate: by b.k; avg(b.y)
                                                      └─ b

When     a scalar subquery is (an expression over) one aggregate without groups, correlated by equalities of its columns with
         expressions of the row around, which can be lifted; and more than one source is concerned, of which one at least
         is remote: then whole tables would move. One source runs the subquery as it is.
Safe     there is at most one group for a row. Where there is none (a NULL on either side included) the aggregate is over no
         rows: NULL, as the join says, or 0 for a count. Groups that nobody asks for cannot fail: only plain arithmetic,
         comparisons and widening conversions stand inside.
Not      b.k < a.k, which many groups match. Not sum(1 / b.y), which may divide by zero for a row that is not asked for. Not
         where the correlation stands below a LIMIT, an outer join or another aggregate.
Order    before filters are pushed: those that drop NULL make the join an inner one.
See      Seshadri, Pirahesh, Leung: Complex Query Decorrelation, ICDE 1996; Neumann, Kemper: Unnesting Arbitrary Queries, 2015.
"""

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.columns import exactly
from hanse.ir.properties import COMPARISONS
from hanse.ir.types import INT64, INTEGERS, NUMBERS, Array, Decimal, Kind, Type
from hanse.ir.walk import expressions, free, map_expr, map_expressions, plans, substitute, walk_expr, with_inputs
from hanse.optimize.graph import home
from hanse.optimize.ordering import HERE
from hanse.optimize.rule import Context
from hanse.optimize.rules.unnest_subqueries import lifted

COUNTS = frozenset({"count", "regr_count"})
"""Aggregates that are 0 over no rows; all others are NULL."""
_HARMLESS = COMPARISONS | {"and", "or", "not", "+", "-", "*", "neg", "coalesce", "nullif", "is_null", "is_not_null"}
_UNFIT = frozenset({Kind.JSON, Kind.INTERVAL})
"""Kinds whose equality is not that of groups."""


class DecorrelateAggregates:
    """See the module."""

    name = "decorrelate_aggregates"
    matches = (p.Filter, p.Project)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Join the groups of every such subquery of the operator."""
        if not context.holds_subquery(node) or not _moves(node, context):
            return None
        joining = _Joining(node.inputs[0], context)
        new = map_expressions(node, lambda x: map_expr(x, joining.value))
        if joining.plan is node.inputs[0]:
            return None
        return exactly(with_inputs(new, (joining.plan,)), node.columns)


def _moves(node: p.Plan, context: Context) -> bool:
    """Whether rows of a remote source would have to come here for the subqueries."""
    if home(node, context) != HERE:
        return False
    return any(isinstance(x, p.Scan) and x.table.source not in context.embedded for x in plans(node))


class _Joining:
    """The input of an operator, with the groups of its subqueries joined so far."""

    def __init__(self, plan: p.Plan, context: Context) -> None:
        self.plan = plan
        self.context = context

    def value(self, node: e.Expr) -> e.Expr:
        """What stands for (a part of) an expression above the join."""
        if not isinstance(node, e.Scalar):
            return node
        value, groups = _parts(node.plan)
        if groups is None or value is None or not self._may_move(value, groups):
            return node
        outer = self.context.ids(self.plan)
        found = lifted(groups.input, outer, self.context)
        if found is None or not found[1] or not outer.isdisjoint(free(found[0])):
            return node
        below, tests = found
        keys = [self._key(test, below) for test in tests]
        if any(key is None for key in keys):
            return node
        chosen = {key.id: key for key in keys if key is not None}
        grouped = p.Aggregate(below, tuple(chosen.values()), groups.calls)
        self.plan = p.Join(p.JoinKind.LEFT, self.plan, grouped, e.conjunction(tests))
        return substitute(value, {column.id: _present(column, call) for column, call in groups.calls})

    def _may_move(self, value: e.Expr, groups: p.Aggregate) -> bool:
        """Whether the aggregate can be computed for all rows, and the value of it above the join."""
        inside = expressions(groups)
        outer = self.context.ids(self.plan)
        if not self.context.is_copyable(value):
            return False
        return all(_is_harmless(x) and outer.isdisjoint(self.context.reads(x)) for x in inside) and not any(
            call.name == "grouping" for _, call in groups.calls
        )

    def _key(self, test: e.Expr, below: p.Plan) -> e.Column | None:
        """The column of the subquery that an equality fixes by the row around."""
        if not (isinstance(test, e.Call) and test.name == "="):
            return None
        outer, inner = self.context.ids(self.plan), self.context.ids(below)
        for one, other in (test.args, reversed(test.args)):
            reads = self.context.reads(other)
            if not (reads and reads <= outer):
                continue
            ref = one.arg if isinstance(one, e.Cast) and _is_integers(one) else one
            if isinstance(ref, e.Ref) and ref.id in inner and _has_groups(ref.type):
                return next(column for column in below.columns if column.id == ref.id)
        return None


def _parts(plan: p.Plan) -> tuple[e.Expr | None, p.Aggregate | None]:
    """The value of a subquery, over the one group that it makes."""
    match plan:
        case p.Project(input=p.Aggregate(keys=(), sets=None) as groups, items=((_, value),)):
            return value, groups
        case p.Aggregate(keys=(), sets=None, calls=((column, _),)):
            return column.ref(), plan
    return None, None


def _present(column: e.Column, call: e.Aggregate) -> e.Expr:
    if call.name not in COUNTS:
        return column.ref()
    return e.Call(INT64, "coalesce", (column.ref(), e.Literal(INT64, 0)))


def _is_integers(cast: e.Cast) -> bool:
    return {cast.type.kind, cast.arg.type.kind} <= INTEGERS and _widens(cast.arg.type, cast.type)


def _has_groups(type: Type) -> bool:
    return _has_groups(type.item) if isinstance(type, Array) else type.kind not in _UNFIT


def _is_harmless(node: e.Expr) -> bool:
    """Whether the expression fails for no row, but where numbers grow too large."""
    return all(_is_harmless_part(part) for part in walk_expr(node))


def _is_harmless_part(node: e.Expr) -> bool:
    match node:
        case e.Ref() | e.Literal() | e.Parameter() | e.InList() | e.Case():
            return True
        case e.Call(name=name):
            return name in _HARMLESS
        case e.Cast(arg=arg, type=type):
            return _widens(arg.type, type)
    return False


_ORDER = (Kind.INT8, Kind.UINT8, Kind.INT16, Kind.UINT16, Kind.INT32, Kind.UINT32, Kind.INT64)


def _widens(source: Type, target: Type) -> bool:
    """Whether every number of the one type is a number of the other (but for digits that double precision rounds)."""
    if source.kind not in NUMBERS or target.kind not in NUMBERS:
        return False
    if source == target or target.kind is Kind.FLOAT64:
        return True
    if source.kind in _ORDER and target.kind in (Kind.INT16, Kind.INT32, Kind.INT64):
        return _ORDER.index(source.kind) < _ORDER.index(target.kind)
    if isinstance(source, Decimal) and isinstance(target, Decimal):
        return source.scale <= target.scale and source.precision - source.scale <= target.precision - target.scale
    return isinstance(target, Decimal) and source.kind in _ORDER and target.precision - target.scale >= 19
