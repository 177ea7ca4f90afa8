"""What decides how many rows a plan yields, as a text in which equal parts are equal whatever the plan's form.

    Project: id, name                                     [shop.orders as o, crm.customers as c |
    └─ Join: inner on c.id = o.customer              =>    crm.customers.id = shop.orders.customer, crm.customers.region = 'EU']
       ├─ Filter: region = 'EU' ...

Inner joins and filters are a set of tables and a set of conditions, in which columns that are all equal are one set; columns
have the names that they have at their tables. So what was observed of a fragment that ran is found again while the next
plan is still being ordered. A plan with subqueries, shipped keys, or twice the same table has no such text.
"""

from collections.abc import Iterable

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.text import expression
from hanse.ir.walk import type_of_subquery, walk_expr

SYMMETRIC = frozenset({"=", "<>", "is_distinct", "is_not_distinct"})
NAME_MAX = 2_000
"""Characters of a computed column's name: projections over projections may double it each time."""


class _NoSignature(Exception):
    """The plan holds something that a text could not tell apart."""


def signature(plan: p.Plan) -> str | None:
    """The text, or None; remembered, for the plan that is estimated is the one that is run."""
    try:
        return plan._signature
    except AttributeError:
        found = _signature(plan)
        object.__setattr__(plan, "_signature", found)
        return found


def _signature(plan: p.Plan) -> str | None:
    try:
        return _Reader().text(plan)
    except _NoSignature:
        return None


def tables_of(plan: p.Plan) -> frozenset[str]:
    """The tables of a plan, as its signature calls them."""
    if isinstance(plan, p.Scan):
        return frozenset((str(plan.table),))
    return frozenset().union(*map(tables_of, plan.inputs))


class _Reader:
    """One plan: the names of its columns, and the tables met."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.tables: set[str] = set()

    def text(self, plan: p.Plan) -> str:
        match plan:
            case p.Scan():
                return self.scan(plan)
            case p.Filter() | p.Project() | p.Guard() | p.Sort() | p.Window():
                return self.block(plan)
            case p.Join():
                return self.block(plan) if _is_inner(plan) else self.outer(plan)
            case p.Aggregate():
                return self.groups(plan)
            case p.Distinct():
                return self.distinct(plan)
            case p.Limit():
                counts = ", ".join(self.expr(x) for x in (plan.count, plan.offset) if x is not None)
                return f"limit({self.text(plan.input)}, {counts}{', with ties' if plan.with_ties else ''})"
            case p.SetOperation():
                return self.set_operation(plan)
        raise _NoSignature

    def scan(self, plan: p.Scan) -> str:
        table = str(plan.table)
        if table in self.tables:
            raise _NoSignature  # which of the two a column belongs to could not be told
        self.tables.add(table)
        self.names |= {column.id: f"{table}.{name}" for column, name in plan.outputs}
        return table

    def block(self, plan: p.Plan) -> str:
        """Inner joins and filters, in whatever order."""
        leaves: list[str] = []
        tests: list[e.Expr] = []
        self.collect(plan, leaves, tests)
        conditions = self.conditions(tests)
        if not conditions and len(leaves) == 1:
            return leaves[0]
        return f"[{', '.join(sorted(leaves))} | {', '.join(conditions)}]"

    def collect(self, plan: p.Plan, leaves: list[str], tests: list[e.Expr]) -> None:
        match plan:
            case p.Filter():
                self.collect(plan.input, leaves, tests)
                tests.extend(e.conjuncts(plan.predicate))
            case p.Project():
                self.collect(plan.input, leaves, tests)
                for column, value in plan.items:
                    self.names[column.id] = self.expr(value)
            case p.Guard(is_open=True) | p.Sort():
                self.collect(plan.inputs[0], leaves, tests)
            case p.Guard():
                leaves.append(f"{plan.obligation}({self.text(plan.input)})")
            case p.Window():
                # its rows are those of its input; a filter above it must not be told to be one below
                leaves.append(f"window({self.text(plan.input)})")
            case p.Join() if _is_inner(plan):
                for side in plan.inputs:
                    self.collect(side, leaves, tests)
                tests.extend(e.conjuncts(plan.condition))
            case _:
                leaves.append(self.text(plan))

    def conditions(self, tests: Iterable[e.Expr]) -> list[str]:
        """Each once; of columns that are equal to one another, all of them together."""
        classes: list[set[str]] = []
        others: set[str] = set()
        for test in tests:
            match test:
                case e.Call(name="=", args=(e.Ref() as one, e.Ref() as other)):
                    both = {self.expr(one), self.expr(other)}
                    touched = [known for known in classes if known & both]
                    classes = [known for known in classes if not known & both] + [both.union(*touched)]
                case _:
                    others.add(self.expr(test))
        return sorted([" = ".join(sorted(known)) for known in classes] + list(others))

    def outer(self, plan: p.Join) -> str:
        if plan.lateral:
            raise _NoSignature
        left, right = self.text(plan.left), self.text(plan.right)
        return f"{plan.kind.value}({left}; {right} | {', '.join(self.conditions(e.conjuncts(plan.condition)))})"

    def groups(self, plan: p.Aggregate) -> str:
        below = self.text(plan.input)
        keys = [self.name(key.id) for key in plan.keys]
        sets = "" if plan.sets is None else f", {sorted(sorted(keys[place] for place in one) for one in plan.sets)}"
        for column, call in plan.calls:
            if call.filter is None and not call.order_by:  # others have no name, and what reads them no signature
                args = ", ".join(map(self.expr, call.args))
                self.names[column.id] = f"{call.name}({'distinct ' if call.distinct else ''}{args})"
        return f"groups({below} by {', '.join(sorted(keys))}{sets})"

    def distinct(self, plan: p.Distinct) -> str:
        below = self.text(plan.input)
        by = map(self.expr, plan.on) if plan.on else (self.name(column.id) for column in plan.columns)
        return f"distinct({below} by {', '.join(sorted(by))})"

    def set_operation(self, plan: p.SetOperation) -> str:
        sides = [self.text(side) for side in plan.inputs]
        for output, left, right in zip(plan.outputs, plan.left.columns, plan.right.columns, strict=True):
            self.names[output.id] = f"({self.name(left.id)} or {self.name(right.id)})"
        columns = "" if plan.all else f" by {', '.join(self.name(column.id) for column in plan.outputs)}"
        return f"{plan.kind.value}{' all' if plan.all else ''}({'; '.join(sides)}{columns})"

    def name(self, id: int) -> str:
        found = self.names.get(id)
        if found is None:
            raise _NoSignature  # a column from around
        return found

    def expr(self, node: e.Expr) -> str:
        """An expression under the tables' names; the sides of an equation in their order."""
        for part in walk_expr(node):
            if isinstance(part, (e.InKeys, *type_of_subquery)):
                raise _NoSignature
            if isinstance(part, e.Ref):
                self.name(part.id)
        if isinstance(node, e.Call) and node.name in SYMMETRIC:
            return f" {node.name} ".join(sorted(map(self.expr, node.args)))
        text = expression(node, self.names)
        if len(text) > NAME_MAX:
            raise _NoSignature
        return text


def _is_inner(plan: p.Plan) -> bool:
    return isinstance(plan, p.Join) and plan.kind is p.JoinKind.INNER and not plan.lateral
