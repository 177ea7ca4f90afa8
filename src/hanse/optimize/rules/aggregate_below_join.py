"""Form partial groups below a join whose other side is another source's, so that groups move and not rows.

    Aggregate: by b.r; sum(a.x)           Aggregate: by b.r; sum(sum)
    └─ Join: inner on a.k = b.k     =>    └─ Join: inner on a.k = b.k
       ├─ a                                  ├─ Aggregate: by a.k; sum(a.x)
       └─ b                                  │  └─ a
                                             └─ b

When     a part of the joined rows is one remote source's, which runs the partial aggregate as a whole; the partial groups are
         by all its columns that keys, conditions and other calls read; and by the statistics they are less than half of its
         rows, in bytes. Calls over that part split (``ir.decompose``); min, max and DISTINCT over other columns stay as
         they are; count, sum and avg over other columns count each row as often as the group has rows.
Safe     all rows of a partial group have the same partners, so each partner sees the group's whole or nothing of it: the
         path from the aggregate to the part is of inner joins, sides that outer joins preserve, semi and anti joins.
Not      the side of an outer join that may be missing: a row without partner would count. sum(a.x * b.y): neither side has it.
         Not by keys whose equal values differ (0.0 and -0.0); not without any key, where no rows would still make a row.
Order    after order_joins, which says what one source joins; before prune_columns.
See      Yan, Larson: Eager Aggregation and Lazy Aggregation, VLDB 1995.
"""

from collections.abc import Iterator

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.arithmetic import result
from hanse.ir.choices import Choice
from hanse.ir.decompose import (
    IDEMPOTENT,
    Decomposition,
    averaged,
    counted,
    exact_argument,
    is_exactly_grouped,
    parts_of,
)
from hanse.ir.types import BOOLEAN, FLOAT64, INT64, INTEGERS, Kind, decimal
from hanse.ir.walk import expressions, map_aggregate, plans, substitute, used, with_inputs
from hanse.optimize.estimate import width
from hanse.optimize.graph import home
from hanse.optimize.ordering import HERE
from hanse.optimize.rule import Context

CLEARLY_LESS = 0.5
"""Bytes of the groups per byte of the rows, at most."""
_COUNT = e.Aggregate(INT64, "count")
_WHOLE = decimal(19, 0)
J = p.JoinKind


class AggregateBelowJoin:
    """See the module."""

    name = "aggregate_below_join"
    matches = (p.Aggregate,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Group the part of the joined rows first for which it saves most."""
        assert isinstance(node, p.Aggregate)
        below = node.input.input if isinstance(node.input, p.Project) else node.input
        if not _joins(below) or not _meets(below, context) or not _is_plain(node, context):
            return None
        tried = [_Eager(node, path, context) for path in _paths(below, (), context)]
        possible = [eager for eager in tried if eager.is_right()]
        best = _chosen(possible, context.choices.pinned(self.name, node))
        context.choices.made(self.name, -1 if best is None else possible.index(best), node)
        return None if best is None else best.plan()


def _chosen(possible: "list[_Eager]", place: Choice | None) -> "_Eager | None":
    """That at the place which was chosen before, if its source still groups; else the one that saves most."""
    if isinstance(place, int) and place < len(possible) and (place < 0 or possible[place].runs()):
        return None if place < 0 else possible[place]
    return max((eager for eager in possible if eager.pays()), key=lambda eager: eager.saved, default=None)


def _joins(plan: p.Plan) -> bool:
    while isinstance(plan, (p.Filter, p.Project)):
        plan = plan.input
    return isinstance(plan, p.Join)


def _meets(plan: p.Plan, context: Context) -> bool:
    """Whether rows of a remote source meet those of another one."""
    sources = {node.table.source for node in plans(plan) if isinstance(node, p.Scan)}
    return len(sources) > 1 and not sources <= context.embedded


def _is_plain(node: p.Aggregate, context: Context) -> bool:
    """Whether the expressions may be computed elsewhere."""
    nodes = expressions(node) + (expressions(node.input) if isinstance(node.input, p.Project) else [])
    return all(map(context.is_copyable, nodes))


Path = tuple[p.Plan, ...]
"""Operators from below the aggregate down to a part of its rows, which is the last."""


def _paths(plan: p.Plan, above: Path, context: Context) -> Iterator[Path]:
    """The largest parts that are one remote source's, with the way to them."""
    path = (*above, plan)
    if above and home(plan, context) != HERE:
        yield path
        return
    match plan:
        case p.Filter():
            yield from _paths(plan.input, path, context)
        case p.Project() if all(isinstance(x, e.Ref) and x.id == column.id for column, x in plan.items):
            yield from _paths(plan.input, path, context)
        case p.Join(lateral=False):
            if plan.kind in p.FILTER_INTO_LEFT:
                yield from _paths(plan.left, path, context)
            if plan.kind in p.FILTER_INTO_RIGHT:
                yield from _paths(plan.right, path, context)


class _Eager:
    """One way to do it: partial groups of the part at the end of a path."""

    def __init__(self, node: p.Aggregate, path: Path, context: Context) -> None:
        self.node = node
        self.path = path
        self.part = path[-1]
        self.context = context
        self.ids = context.ids(self.part)
        self.work = Decomposition(context.column)
        self.kept: set[int] = {key.id for key in node.keys}
        """Columns of the aggregate's input that are read above the join."""
        self.keys: tuple[e.Column, ...] = ()
        self.saved = 0.0
        items = node.input.items if isinstance(node.input, p.Project) else ()
        self.values: dict[int, e.Expr] = {column.id: value for column, value in items}

    def is_right(self) -> bool:
        """Take all calls apart, and find what the part is grouped by."""
        if not all(self.call(column, call) for column, call in self.node.calls):
            return False
        reads = used(self.values.get(id, e.Ref(INT64, id, "")) for id in self.kept)
        for operator in self.path[:-1]:
            reads |= used(expressions(operator)) if isinstance(operator, (p.Filter, p.Join)) else set()
        self.keys = tuple(column for column in self.part.columns if column.id in reads)
        return bool(self.keys) and all(is_exactly_grouped(key.type) for key in self.keys)

    def call(self, column: e.Column, call: e.Aggregate) -> bool:
        """One call: below, above as it is, or weighted by the number of rows."""
        below = map_aggregate(call, lambda x: substitute(x, self.values))
        reads = used(_expressions(below))
        if call.distinct or (call.name in IDEMPOTENT and not reads <= self.ids):
            self.kept |= used(_expressions(call))
            self.work.keep(column, call)
            return not call.order_by or call.distinct
        if reads <= self.ids:
            return self.work.split(column, below)
        if reads & self.ids or call.order_by:
            return False
        self.kept |= used(_expressions(call))
        return self.weighted(column, call)

    def weighted(self, column: e.Column, call: e.Aggregate) -> bool:
        """A call over columns of the other side, whose rows meet whole groups."""
        if call.name not in ("count", "sum", "avg"):
            return False
        weight = self.work.partial(_COUNT).ref()
        if call.name == "count":
            present = e.Call(BOOLEAN, "is_not_null", call.args) if call.args else None
            self.work.items.append((column, counted(self.added(weight, present, call))))
            return True
        arg = exact_argument(call.args[0]) if call.name == "avg" else call.args[0]
        product = _product(arg, weight)
        if product is None:
            return False
        total = self.added(product, None, call)
        if call.name == "avg":
            count = counted(self.added(weight, e.Call(BOOLEAN, "is_not_null", (arg,)), call))
            self.work.items.append((column, averaged(total, count)))
        else:
            self.work.items.append((column, total if total.type == call.type else e.Cast(call.type, total)))
        return True

    def added(self, value: e.Expr, test: e.Expr | None, call: e.Aggregate) -> e.Expr:
        """A sum above, of rows that pass the test and the filter of the call."""
        tests = [x for x in (call.filter, test) if x is not None]
        return self.work.added(value, e.conjunction(tests) if tests else None)

    def partial(self) -> p.Aggregate:
        """The partial aggregate."""
        return p.Aggregate(self.part, self.keys, tuple(self.work.below))

    def pays(self) -> bool:
        """Whether less moves, by what is known of the part's values."""
        estimator, partial = self.context.estimator, self.partial()
        if estimator.is_guess(self.part) or estimator.is_guess(partial) or isinstance(self.part, p.Aggregate):
            return False
        read = used(expressions(partial))
        rows = estimator.rows(self.part) * sum(estimator.width_of(c) for c in self.part.columns if c.id in read)
        made = sum(width(column.type, estimator.origin(column.id).statistics) for column in partial.columns)
        groups = estimator.rows(partial) * made
        self.saved = rows - groups
        return groups < CLEARLY_LESS * rows and self.runs()

    def runs(self) -> bool:
        """Whether the source can group."""
        return self.context.runs_there(self.partial())

    def plan(self) -> p.Plan:
        """The new plan."""
        partial = self.partial()
        plan: p.Plan = partial
        for above, below in zip(reversed(self.path[:-1]), reversed(self.path[1:]), strict=True):
            plan = _above(above, below, plan, partial)
        if isinstance(self.node.input, p.Project):
            kept = tuple(item for item in self.node.input.items if item[0].id in self.kept)
            plan = p.Project(plan, kept + tuple((column, column.ref()) for column, _ in partial.calls))
        return parts_of(self.work, self.node, self.node.keys).final(self.node, plan)


def _above(above: p.Plan, old: p.Plan, new: p.Plan, partial: p.Aggregate) -> p.Plan:
    """An operator of the path over its new input, which lacks columns and has the partial results."""
    if isinstance(above, p.Project):
        ids = {column.id for column in new.columns}
        kept = tuple(item for item in above.items if item[0].id in ids)
        return p.Project(new, kept + tuple((column, column.ref()) for column, _ in partial.calls))
    return with_inputs(above, tuple(new if child is old else child for child in above.inputs))


def _product(arg: e.Expr, weight: e.Expr) -> e.Expr | None:
    """A number as often as the weight says."""
    if arg.type.kind is Kind.FLOAT64:
        return e.Call(FLOAT64, "*", (arg, e.Cast(FLOAT64, weight)))
    if arg.type.kind in INTEGERS:
        arg = e.Cast(decimal(20, 0), arg)
    if arg.type.kind is not Kind.DECIMAL:
        return None
    times = e.Cast(_WHOLE, weight)
    return e.Call(result("*", arg.type, _WHOLE), "*", (arg, times))


def _expressions(call: e.Aggregate) -> list[e.Expr]:
    """All that a call reads."""
    filters = [] if call.filter is None else [call.filter]
    return [*call.args, *filters, *(key.expr for key in call.order_by)]
