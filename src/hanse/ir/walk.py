"""The only recursion over plans and expressions: children, rebuilding, folding. Rules do not recurse themselves.

Two kinds of children must not be confused: the *inputs* of a plan are plans; the *expressions* of a plan may hold
subqueries, which are plans again. ``plans`` and ``map_plans`` descend into both.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from operator import is_not
from typing import Any

from hanse.ir import expr as e
from hanse.ir import plan as p

type_of_subquery = (e.Scalar, e.Exists, e.Quantified)


def operands(node: e.Expr) -> tuple[e.Expr, ...]:
    """The expressions directly below an expression (not those inside a subquery's plan)."""
    read = _OPERANDS.get(type(node))
    return read(node) if read else ()


def _of_in_list(node: e.InList) -> tuple[e.Expr, ...]:
    return (node.arg, *node.items)


def _of_case(node: e.Case) -> tuple[e.Expr, ...]:
    flat = tuple(part for branch in node.branches for part in branch)
    return flat if node.otherwise is None else (*flat, node.otherwise)


_OPERANDS: dict[type[e.Expr], Callable[[Any], tuple[e.Expr, ...]]] = {
    e.Call: lambda node: node.args,
    e.Quantified: lambda node: node.args,
    e.InKeys: lambda node: node.args,
    e.Cast: lambda node: (node.arg,),
    e.InList: _of_in_list,
    e.Case: _of_case,
}
"""By class, for most expressions are references and literals, about which every stage asks: they are not listed."""
_LEAVES = frozenset({e.Ref, e.Literal, e.Parameter})
"""Nothing is below them."""


def with_operands(node: e.Expr, new: tuple[e.Expr, ...]) -> e.Expr:
    """The expression with its operands replaced, in the order of ``operands``."""
    match node:
        case e.Call() | e.Quantified() | e.InKeys():
            return replace(node, args=new)
        case e.Cast():
            return replace(node, arg=new[0])
        case e.InList():
            return replace(node, arg=new[0], items=new[1:])
        case e.Case(branches=branches, otherwise=otherwise):
            pairs = tuple((new[2 * i], new[2 * i + 1]) for i in range(len(branches)))
            return replace(node, branches=pairs, otherwise=None if otherwise is None else new[-1])
        case _:
            return node


def map_expr(node: e.Expr, change: Callable[[e.Expr], e.Expr]) -> e.Expr:
    """Rebuild an expression bottom-up through ``change``; untouched parts keep their identity."""
    old = operands(node)
    if old:
        new = tuple([map_expr(part, change) for part in old])
        if any(map(is_not, old, new)):
            node = with_operands(node, new)
    return change(node)


def walk_expr(node: e.Expr) -> Iterator[e.Expr]:
    """The expression and all below it, outermost first, not entering subqueries."""
    stack = [node]
    while stack:
        part = stack.pop()
        yield part
        stack += operands(part)[::-1]


def subqueries(node: e.Expr) -> tuple[p.Plan, ...]:
    """The plans of the subqueries inside an expression, not of those nested in them; looked for once."""
    if type(node) in _LEAVES:
        return ()
    try:
        return node._subqueries
    except AttributeError:
        found: tuple[p.Plan, ...] = (node.plan,) if isinstance(node, type_of_subquery) else ()
        for part in operands(node):
            found += subqueries(part)
        object.__setattr__(node, "_subqueries", found)
        return found


def _map_keys(keys: tuple[e.SortKey, ...], change: Callable[[e.Expr], e.Expr]) -> tuple[e.SortKey, ...]:
    return tuple(replace(key, expr=change(key.expr)) for key in keys)


def _optional(node: e.Expr | None, change: Callable[[e.Expr], e.Expr]) -> e.Expr | None:
    return None if node is None else change(node)


def map_aggregate(call: e.Aggregate, change: Callable[[e.Expr], e.Expr]) -> e.Aggregate:
    """The aggregate call with ``change`` applied to each expression that it holds."""
    return replace(
        call,
        args=tuple(map(change, call.args)),
        filter=_optional(call.filter, change),
        order_by=_map_keys(call.order_by, change),
    )


def _map_bound(bound: e.Bound, change: Callable[[e.Expr], e.Expr]) -> e.Bound:
    return replace(bound, offset=_optional(bound.offset, change))


def map_window(call: e.WindowCall, change: Callable[[e.Expr], e.Expr]) -> e.WindowCall:
    """The window call with ``change`` applied to each expression that it holds."""
    frame = call.frame
    if frame is not None:
        frame = replace(frame, start=_map_bound(frame.start, change), end=_map_bound(frame.end, change))
    return replace(
        call,
        args=tuple(map(change, call.args)),
        partition_by=tuple(map(change, call.partition_by)),
        order_by=_map_keys(call.order_by, change),
        filter=_optional(call.filter, change),
        frame=frame,
    )


def map_expressions(plan: p.Plan, change: Callable[[e.Expr], e.Expr]) -> p.Plan:
    """The same operator with ``change`` applied to each whole expression that it holds itself."""
    match plan:
        case p.Filter():
            return replace(plan, predicate=change(plan.predicate))
        case p.Join():
            return replace(plan, condition=change(plan.condition))
        case p.Project():
            return replace(plan, items=tuple((c, change(x)) for c, x in plan.items))
        case p.Aggregate():
            return replace(plan, calls=tuple((c, map_aggregate(x, change)) for c, x in plan.calls))
        case p.Window():
            return replace(plan, calls=tuple((c, map_window(x, change)) for c, x in plan.calls))
        case p.Sort():
            return replace(plan, keys=_map_keys(plan.keys, change))
        case p.Limit():
            return replace(plan, count=_optional(plan.count, change), offset=_optional(plan.offset, change))
        case p.Distinct():
            return replace(plan, on=tuple(map(change, plan.on)))
        case p.Values():
            return replace(plan, rows=tuple(tuple(map(change, row)) for row in plan.rows))
        case p.TableFunction():
            return replace(plan, args=tuple(map(change, plan.args)))
        case _:
            return plan


def _of_keys(keys: tuple[e.SortKey, ...]) -> list[e.Expr]:
    return [key.expr for key in keys]


def _of_aggregate(call: e.Aggregate) -> list[e.Expr]:
    found = [*call.args, *_of_keys(call.order_by)]
    return found if call.filter is None else [*found, call.filter]


def _of_window(call: e.WindowCall) -> list[e.Expr]:
    found = [*call.args, *call.partition_by, *_of_keys(call.order_by)]
    if call.filter is not None:
        found.append(call.filter)
    if call.frame is not None:
        found += [bound.offset for bound in (call.frame.start, call.frame.end) if bound.offset is not None]
    return found


def expressions(plan: p.Plan) -> list[e.Expr]:
    """Every whole expression that the operator holds itself; an Aggregate's keys count as references."""
    read = _EXPRESSIONS.get(type(plan))
    return read(plan) if read else []


def _of_aggregates(plan: p.Aggregate) -> list[e.Expr]:
    return [x for _, call in plan.calls for x in _of_aggregate(call)] + [key.ref() for key in plan.keys]


_EXPRESSIONS: dict[type[p.Plan], Callable[[Any], list[e.Expr]]] = {
    p.Filter: lambda plan: [plan.predicate],
    p.Join: lambda plan: [plan.condition],
    p.Project: lambda plan: [item for _, item in plan.items],
    p.Aggregate: _of_aggregates,
    p.Window: lambda plan: [x for _, call in plan.calls for x in _of_window(call)],
    p.Sort: lambda plan: _of_keys(plan.keys),
    p.Limit: lambda plan: [x for x in (plan.count, plan.offset) if x is not None],
    p.Distinct: lambda plan: list(plan.on),
    p.Values: lambda plan: [x for row in plan.rows for x in row],
    p.TableFunction: lambda plan: list(plan.args),
}
"""By class; operators that are not listed hold none."""


def with_inputs(plan: p.Plan, new: tuple[p.Plan, ...]) -> p.Plan:
    """The same operator over other inputs, in the order of ``inputs``."""
    old = plan.inputs
    if not old or (old[0] is new[0] and old[-1] is new[-1]):
        return plan
    match plan:
        case p.Join():
            return p.Join(plan.kind, new[0], new[1], plan.condition, plan.lateral)
        case p.Filter():
            return p.Filter(new[0], plan.predicate)
        case p.Guard():
            return p.Guard(new[0], plan.obligation, plan.is_open)
        case p.Project():
            return p.Project(new[0], plan.items)
        case p.SetOperation():
            return replace(plan, left=new[0], right=new[1])
        case p.Cte():
            return replace(plan, definition=new[0], body=new[1])
        case _:
            return replace(plan, input=new[0])  # type: ignore[call-arg]  # every other operator with inputs has one


def map_subqueries(node: e.Expr, change: Callable[[p.Plan], p.Plan]) -> e.Expr:
    """The expression with ``change`` applied to the plan of each subquery directly inside it."""

    def visit(part: e.Expr) -> e.Expr:
        if isinstance(part, type_of_subquery):
            new = change(part.plan)
            return part if new is part.plan else replace(part, plan=new)
        return part

    return map_expr(node, visit)


def map_plans(plan: p.Plan, change: Callable[[p.Plan], p.Plan]) -> p.Plan:
    """Rebuild a plan bottom-up through ``change``: its inputs and the plans of its subqueries first."""

    def below(node: p.Plan) -> p.Plan:
        return map_plans(node, change)

    plan = with_inputs(plan, tuple([below(child) for child in plan.inputs]))
    if nested(plan):
        plan = map_expressions(plan, lambda x: map_subqueries(x, below))
    return change(plan)


def nothing(plan: p.Plan) -> p.Plan:
    """No rows, under the guards of those that could have been."""
    found: p.Plan = p.Values(plan.columns, ())
    for part in plans(plan):
        if isinstance(part, p.Guard):
            found = replace(part, input=found)
    return found


def unkeyed(plan: p.Plan) -> p.Plan:
    """The plan without conditions on shipped keys."""

    def kept(node: p.Plan) -> p.Plan:
        if not isinstance(node, p.Filter):
            return node
        every = list(e.conjuncts(node.predicate))
        tests = [test for test in every if not isinstance(test, e.InKeys)]
        if every and len(tests) == len(every):
            return node
        return p.Filter(node.input, e.conjunction(tests)) if tests else node.input

    return map_plans(plan, kept)


def plans(plan: p.Plan) -> Iterator[p.Plan]:
    """The plan and every operator below it, also inside subqueries, top first."""
    stack = [plan]
    while stack:
        node = stack.pop()
        yield node
        stack += children(node)[::-1]


def children(plan: p.Plan) -> tuple[p.Plan, ...]:
    """Inputs, then the plans of subqueries in the operator's expressions."""
    return plan.inputs + nested(plan)


def nested(plan: p.Plan) -> tuple[p.Plan, ...]:
    """The plans of the subqueries in the operator's own expressions; looked for once, since every walk asks."""
    try:
        return plan._nested
    except AttributeError:
        found = tuple([inner for node in expressions(plan) for inner in subqueries(node)])
        object.__setattr__(plan, "_nested", found)
        return found


def used(nodes: Iterable[e.Expr]) -> set[int]:
    """Ids of all columns that expressions read, including what their subqueries read from outside."""
    return set().union(*map(reads, nodes))


def reads(node: e.Expr) -> frozenset[int]:
    """As ``used``, of one expression; looked for once, since rules move expressions about that stay what they are."""
    if isinstance(node, e.Ref):
        return frozenset((node.id,))
    try:
        return node._reads
    except AttributeError:
        inner = free(node.plan) if isinstance(node, type_of_subquery) else ()
        found = frozenset(inner).union(*[reads(part) for part in operands(node)])
        object.__setattr__(node, "_reads", found)
        return found


def produced(plan: p.Plan) -> set[int]:
    """Ids of every column made anywhere in the tree of inputs (not inside subqueries)."""
    ids = {column.id for column in plan.columns}
    for child in plan.inputs:
        ids |= produced(child)
    return ids


def free(plan: p.Plan) -> set[int]:
    """Ids that the plan reads but nothing in it makes: what correlates it with an enclosing plan."""
    read: set[int] = set()
    made: set[int] = set()
    stack = [plan]
    while stack:
        node = stack.pop()
        read |= used(expressions(node))
        made |= {column.id for column in node.columns}
        stack.extend(node.inputs)
    return read - made


def substitute(node: e.Expr, values: dict[int, e.Expr]) -> e.Expr:
    """The expression with references replaced, also inside its subqueries."""

    def visit(part: e.Expr) -> e.Expr:
        if isinstance(part, e.Ref):
            return values.get(part.id, part)
        if isinstance(part, type_of_subquery):
            plan = map_plans(part.plan, lambda x: map_expressions(x, lambda y: substitute(y, values)))
            return part if plan == part.plan else replace(part, plan=plan)
        return part

    return map_expr(node, visit)
