"""Form partial groups on each side of a UNION ALL, so that sources send groups and not rows.

    Aggregate: by k; sum(x), count()        Project: k, sum, coalesce(count, 0)
    └─ Union all                            └─ Aggregate: by k; sum(sum) , sum(count)
       ├─ a: k, x                      =>      └─ Union all
       └─ b: k, x                                 ├─ Aggregate: by k; sum(x), count()
                                                  │  └─ a
                                                  └─ Aggregate: by k; sum(x), count()
                                                     └─ b

When     all calls split (``ir.decompose``), and one side at least is a source's that can run its partial aggregate as a
         whole and, as far as is known, sends fewer rows then. A projection in between goes below the union as well.
Safe     every row is in one side exactly; sums of sums, counts of counts and the like are the whole's.
Not      UNION: SELECT count(*) FROM (SELECT x FROM a UNION SELECT x FROM b) s counts a value of both sides once.
         Not string_agg(x, ','), whose order goes across sides; not where all sides are one source's, which takes the whole;
         not by keys whose equal values differ (0.0 and -0.0).
Order    after filters were pushed below the union; before prune_columns.
"""

from collections.abc import Iterator

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.decompose import Parts, decompose
from hanse.ir.walk import expressions, substitute, used
from hanse.optimize.graph import home
from hanse.optimize.ordering import HERE
from hanse.optimize.rule import Context

FEWER = 0.8
"""Groups per row from which on partial groups are not worth their making."""


class AggregateBelowUnion:
    """See the module."""

    name = "aggregate_below_union"
    matches = (p.Aggregate,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Split an aggregate over a union, with a projection in between or not."""
        assert isinstance(node, p.Aggregate)
        union = node.input.input if isinstance(node.input, p.Project) else node.input
        if not (isinstance(union, p.SetOperation) and union.all and union.kind is p.SetKind.UNION):
            return None
        if not _is_plain(node, context) or not _is_plain(node.input, context) or home(union, context) != HERE:
            return None
        parts = decompose(node, context.column)
        if parts is None:
            return None
        partials = [_partial(node, parts, side, context) for side in _sides(union)]
        if not any(_pays(partial, context) for partial in partials):
            return None
        return parts.final(node, _united(partials, parts, context))


def _is_plain(node: p.Plan, context: Context) -> bool:
    """Whether the operator's expressions may be copied."""
    return not isinstance(node, (p.Project, p.Aggregate)) or all(map(context.is_copyable, expressions(node)))


Side = tuple[p.Plan, dict[int, e.Expr]]
"""A plan below unions, and what stands in it for the columns of the topmost union."""


def _sides(union: p.Plan) -> Iterator[Side]:
    """The plans that a tree of UNION ALL puts together."""
    assert isinstance(union, p.SetOperation)
    for side in union.inputs:
        values = {out.id: _typed(column, out) for out, column in zip(union.outputs, side.columns, strict=True)}
        if isinstance(side, p.SetOperation) and side.all and side.kind is p.SetKind.UNION:
            for below, inner in _sides(side):
                yield below, {id: substitute(value, inner) for id, value in values.items()}
        else:
            yield side, values


def _typed(column: e.Column, output: e.Column) -> e.Expr:
    return column.ref() if column.type == output.type else e.Cast(output.type, column.ref())


def _partial(node: p.Aggregate, parts: Parts, side: Side, context: Context) -> p.Aggregate:
    """The partial aggregate over one side: what it reads is projected first."""
    plan, values = side
    if isinstance(node.input, p.Project):
        values = {column.id: substitute(value, values) for column, value in node.input.items}
    read = used(expressions(node))
    columns: dict[int, e.Column] = {}
    items: list[tuple[e.Column, e.Expr]] = []
    known = {column.id: column for column in plan.columns}
    for column in node.input.columns:
        value = values.get(column.id)
        if column.id not in read or value is None:
            continue
        passed = isinstance(value, e.Ref) and value.id in known and value.id not in {c.id for c, _ in items}
        made = known[value.id] if passed and isinstance(value, e.Ref) else context.column(column.name, column.type)
        columns[column.id] = made
        items.append((made, value))
    if all(isinstance(value, e.Ref) and value.id == column.id for column, value in items):
        return parts.partial(plan, columns, context.column)
    return parts.partial(p.Project(plan, tuple(items)), columns, context.column)


def _pays(partial: p.Aggregate, context: Context) -> bool:
    """Whether a source runs the partial aggregate and sends fewer rows for it."""
    if _is_grouped(partial) or home(partial, context) == HERE:
        return False
    estimator = context.estimator
    rows, groups = estimator.rows(partial.input), estimator.rows(partial)
    known = not (estimator.is_guess(partial.input) or estimator.is_guess(partial))
    pays = context.choices.decided("group below union", not (known and groups > FEWER * rows), partial)
    return pays and context.runs_there(partial)


def _is_grouped(partial: p.Aggregate) -> bool:
    """Whether the rows are groups by these keys already."""
    below = partial.input
    return isinstance(below, p.Aggregate) and {key.id for key in below.keys} <= {key.id for key in partial.keys}


def _united(partials: list[p.Aggregate], parts: Parts, context: Context) -> p.Plan:
    """The UNION ALL of all partial rows; the topmost has the columns of the parts."""
    plan: p.Plan = partials[0]
    for place, partial in enumerate(partials[1:], 2):
        last = place == len(partials)
        made = parts.columns if last else tuple(context.column(c.name, c.type) for c in parts.columns)
        plan = p.SetOperation(p.SetKind.UNION, True, plan, partial, made)
    return plan
