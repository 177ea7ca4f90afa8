"""Read and compute only the columns that somebody needs.

    Aggregate: by a.k; count()              Aggregate: by a.k; count()
    └─ Project: a.k, a.x + 1 as p     =>    └─ Scan: a (k)
       └─ Scan: a (k, x, y)

When     a column is neither in the output of the statement nor read by an operator above.
Safe     nobody sees it. Duplicate rows are kept: a scan of which nothing is needed still reads one column.
Not      below DISTINCT, UNION, INTERSECT or EXCEPT: SELECT count(*) FROM (SELECT DISTINCT k, x FROM a) s counts
         pairs, though neither column is needed. Keys of a GROUP BY stay for the same reason.
Order    after every rule that moves expressions; projections that only choose columns disappear here.
"""

from dataclasses import replace

from hanse.ir import plan as p
from hanse.ir.columns import cheapest, exactly
from hanse.ir.expr import Column, Exists, Expr, Ref
from hanse.ir.walk import expressions, free, map_expr, map_expressions, map_plans, type_of_subquery, used, with_inputs
from hanse.optimize.rule import Context

Ids = frozenset[int] | set[int]


class PruneColumns:
    """See the module."""

    name = "prune_columns"
    matches = (p.Plan,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Prune the whole plan, subqueries included."""
        return exactly(_Pruning(context).prune(node, {column.id for column in node.columns}), node.columns)


def _is_passed(column: Column, value: Expr) -> bool:
    return isinstance(value, Ref) and value.id == column.id


class _Pruning:
    """One walk, top down. A pruned plan may yield more than was asked for, never less; the order may differ."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.read_of_cte: dict[str, set[int]] = {}
        """Places of the columns that scans of a CTE need."""

    def prune(self, node: p.Plan, needed: Ids) -> p.Plan:
        """The plan with at least the columns ``needed``."""
        if self.context.holds_subquery(node):
            node = map_expressions(node, self.within)
        match node:
            case p.Scan():
                return _prune_scan(node, needed)
            case p.Project():
                return self.project(node, needed)
            case p.Join():
                return self.join(node, needed)
            case p.Aggregate():
                return self.aggregate(node, needed)
            case p.Window():
                return self.window(node, needed)
            case p.SetOperation():
                return self.set_operation(node, needed)
            case p.Cte():
                return self.cte(node, needed)
            case p.CteScan():
                return self.cte_scan(node, needed)
            case p.Values():
                return _prune_values(node, needed)
            case p.Distinct(on=()):
                return with_inputs(node, (self.whole(node.input),))
            case _:
                return self.passing(node, needed)

    def passing(self, node: p.Plan, needed: Ids) -> p.Plan:
        """Filter, Sort, Limit, Guard, Distinct on, leaves: what is needed above, and what the operator reads itself."""
        wanted = needed | used(expressions(node))
        return with_inputs(node, tuple(self.prune(child, wanted) for child in node.inputs))

    def whole(self, node: p.Plan) -> p.Plan:
        """The plan with exactly the columns that it has."""
        columns = node.columns
        return exactly(self.prune(node, {column.id for column in columns}), columns)

    def within(self, value: Expr) -> Expr:
        """Prune the plans of subqueries."""

        def visit(part: Expr) -> Expr:
            if not isinstance(part, type_of_subquery):
                return part
            plan = self.prune(part.plan, frozenset()) if isinstance(part, Exists) else self.whole(part.plan)
            return part if plan is part.plan else replace(part, plan=plan)

        return map_expr(value, visit)

    def project(self, node: p.Project, needed: Ids) -> p.Plan:
        items = tuple(item for item in node.items if item[0].id in needed)
        below = self.prune(node.input, used(value for _, value in items))
        if all(_is_passed(column, value) for column, value in items):
            return below
        return node if below is node.input and len(items) == len(node.items) else p.Project(below, items)

    def join(self, node: p.Join, needed: Ids) -> p.Plan:
        wanted = needed | self.context.reads(node.condition)
        if node.lateral:
            wanted = wanted | free(node.right)
        left = self.prune(node.left, wanted & self.context.ids(node.left))
        right = self.prune(node.right, wanted & self.context.ids(node.right))
        return with_inputs(node, (left, right))

    def aggregate(self, node: p.Aggregate, needed: Ids) -> p.Plan:
        calls = tuple(call for call in node.calls if call[0].id in needed)
        if not calls and not node.keys:
            calls = node.calls[:1]
        if len(calls) < len(node.calls):
            node = replace(node, calls=calls)
        return with_inputs(node, (self.prune(node.input, used(expressions(node))),))

    def window(self, node: p.Window, needed: Ids) -> p.Plan:
        calls = tuple(call for call in node.calls if call[0].id in needed)
        if not calls:
            return self.prune(node.input, needed)
        if len(calls) < len(node.calls):
            node = replace(node, calls=calls)
        return with_inputs(node, (self.prune(node.input, needed | used(expressions(node))),))

    def set_operation(self, node: p.SetOperation, needed: Ids) -> p.Plan:
        if not (node.all and node.kind is p.SetKind.UNION):
            return with_inputs(node, tuple(map(self.whole, node.inputs)))
        places = [place for place, column in enumerate(node.outputs) if column.id in needed]
        if not places:
            places = [node.outputs.index(cheapest(node.outputs))]
        left, right = (self.places(side, places) for side in node.inputs)
        if len(places) == len(node.outputs):
            return with_inputs(node, (left, right))
        return replace(node, left=left, right=right, outputs=tuple(node.outputs[place] for place in places))

    def places(self, side: p.Plan, places: list[int]) -> p.Plan:
        """The plan with exactly the columns at these places."""
        columns = side.columns
        chosen = tuple(columns[place] for place in places)
        return exactly(self.prune(side, {column.id for column in chosen}), chosen)

    def cte(self, node: p.Cte, needed: Ids) -> p.Plan:
        if node.recursive:
            return with_inputs(node, (with_inputs_whole(self, node.definition), self.prune(node.body, needed)))
        self.read_of_cte[node.name] = set()
        body = self.prune(node.body, needed)
        places = sorted(self.read_of_cte.pop(node.name)) or [0]
        definition = self.places(node.definition, places)
        if len(places) < len(node.definition.columns):
            body = _map_scans(body, node.name, places)
        return with_inputs(node, (definition, body))

    def cte_scan(self, node: p.CteScan, needed: Ids) -> p.Plan:
        if node.name in self.read_of_cte:
            places = {place for place, column in enumerate(node.outputs) if column.id in needed}
            if not places:
                places = {node.outputs.index(cheapest(node.outputs))}
            self.read_of_cte[node.name] |= places
        return node


def with_inputs_whole(pruning: _Pruning, node: p.Plan) -> p.Plan:
    """The union of a recursive CTE keeps all columns; what is below its two sides is pruned."""
    return with_inputs(node, tuple(map(pruning.whole, node.inputs)))


def _map_scans(plan: p.Plan, name: str, places: list[int]) -> p.Plan:
    def shrink(node: p.Plan) -> p.Plan:
        if isinstance(node, p.CteScan) and node.name == name:
            return replace(node, outputs=tuple(node.outputs[place] for place in places))
        return node

    return map_plans(plan, shrink)


def _prune_scan(node: p.Scan, needed: Ids) -> p.Plan:
    outputs = tuple(output for output in node.outputs if output[0].id in needed)
    if len(outputs) == len(node.outputs):
        return node
    if not outputs:
        # rows without columns still have to come with one, better not with one whose values are known to be doubtful
        sound = tuple(column for column, name in node.outputs if node.table.column(name).no_pushdown is None)
        chosen = cheapest(sound or node.columns)
        outputs = tuple(output for output in node.outputs if output[0] is chosen)
    return replace(node, outputs=outputs)


def _prune_values(node: p.Values, needed: Ids) -> p.Plan:
    places = [place for place, column in enumerate(node.outputs) if column.id in needed]
    if not places or len(places) == len(node.outputs):
        return node
    rows = tuple(tuple(row[place] for place in places) for row in node.rows)
    return p.Values(tuple(node.outputs[place] for place in places), rows)
