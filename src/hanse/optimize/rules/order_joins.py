"""Take inner joins in the order in which the fewest bytes move from sources to here, and the fewest rows are worked on.

    Join: inner on c.id = b.id                Join: inner on b.k = a.k and b.id = c.id
    ├─ Join: inner on a.k = b.k               ├─ Scan: sales.b
    │  ├─ Scan: crm.a                  =>     └─ Join: inner on a.id = c.id
    │  └─ Scan: sales.b                          ├─ Scan: crm.a
    └─ Scan: crm.c    (and a.id = c.id)          └─ Scan: crm.c

When     a tree of inner joins (not lateral) stands in any order, with outer, semi and anti joins of several sources in it.
         Relations of one source that are connected are joined there if that moves less than both of them; columns that are
         all equal connect all of their relations (a.k = b.k and b.k = c.k allow a.k = c.k). A small side's keys go to the
         source of a large one first. Where rows meet here, the smaller side stands on the right: a hash table is made of
         it, so what is only guessed counts as a hundred times as large, as far as its tables allow. What nothing connects
         comes last.
Safe     inner joins may be taken in any order; every conjunct is tested at the lowest join that has its columns, and of
         several columns that are equal to one another each is once compared with another one.
         (a LEFT JOIN b) JOIN c is (a JOIN c) LEFT JOIN b where c's condition reads a: each row of a has its partners, or
         its NULLs, whatever other rows it is joined with; semi and anti joins keep or drop it. A test that reads b is made
         above that join, never in its condition.
Not      into the right side of an outer join: (a LEFT JOIN b) JOIN c may drop rows of a that a LEFT JOIN (b JOIN c) shows; a
         join whose condition reads b comes after b. FULL joins stay. A join within one source stays: it orders for itself.
         Relations of one source that no equation connects stay apart: together they would be a product.
Order    after filters were pushed; before columns are pruned, which drops the projection that restores their order.
"""

from collections.abc import Iterable
from typing import Any

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.columns import exactly
from hanse.ir.types import BOOLEAN
from hanse.ir.walk import expressions, map_expressions, map_subqueries, plans, used, with_inputs
from hanse.optimize import ordering
from hanse.optimize.graph import JoinTree, Relations, home
from hanse.optimize.ordering import HERE, SWAP, Graph, Tree
from hanse.optimize.rule import Context, JoinOrder, filtered, parts

ORDERS_TOLD = 2
"""As many orders that were refused are told of in EXPLAIN."""

ATTACHING = frozenset({p.JoinKind.LEFT, p.JoinKind.RIGHT, p.JoinKind.SEMI, p.JoinKind.ANTI})


class OrderJoins:
    """See the module."""

    name = "order_joins"
    matches = (p.Plan,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Reorder every maximal tree of inner joins in the plan."""
        return _visit(node, {column.id for column in node.columns}, context)


def _visit(node: p.Plan, needed: set[int], context: Context) -> p.Plan:
    """Reorder below; ``needed`` are the columns of the operator that are read above it."""
    if context.holds_subquery(node):
        node = map_expressions(node, lambda x: map_subqueries(x, lambda plan: _subplan(plan, context)))
    if not (_is_inner(node) or _attaches(node, context)):
        below = _needed(node, needed)
        inputs = (_visit(child, _ids(child) if below is None else below, context) for child in node.inputs)
        return with_inputs(node, tuple(inputs))
    tree = JoinTree()
    _flatten(node, tree, context)
    wanted = needed | used([*tree.tests, *(join.condition for join in tree.attached.values())])
    tree.relations = [_visit(relation, wanted, context) for relation in tree.relations]
    new = _Ordering(Relations(tree, needed, context)).plan(node)
    return node if _same(node, new) else exactly(new, node.columns)


def _subplan(plan: p.Plan, context: Context) -> p.Plan:
    return _visit(plan, _ids(plan), context)


def _ids(plan: p.Plan) -> set[int]:
    return {column.id for column in plan.columns}


def _needed(node: p.Plan, above: set[int]) -> set[int] | None:
    """The columns that the operator needs of those below; None: all."""
    match node:
        case p.SetOperation() | p.Cte() | p.Distinct():
            return None
        case p.Project():
            return used(value for column, value in node.items if column.id in above)
        case p.Aggregate():
            return used(expressions(node))
        case p.Join() if node.lateral:
            return None
    return above | used(expressions(node))


def _is_inner(node: p.Plan) -> bool:
    return isinstance(node, p.Join) and node.kind is p.JoinKind.INNER and not node.lateral


def _attaches(node: p.Plan, context: Context) -> bool:
    """Whether the join's right side (of a RIGHT join: the left one) is a relation of the tree: the rows of the other side
    are those of its relations, whatever else is joined to them before. One source joins by itself as it likes."""
    if not isinstance(node, p.Join) or node.kind not in ATTACHING or node.lateral:
        return False
    kept = node.right if node.kind is p.JoinKind.RIGHT else node.left
    reads = context.reads(node.condition) & context.ids(kept)
    return bool(reads) and context.is_movable(node.condition) and home(node, context) == HERE


def _flatten(node: p.Plan, tree: JoinTree, context: Context) -> None:
    if isinstance(node, p.Join) and _is_inner(node):
        for side in node.inputs:
            _flatten(side, tree, context)
        tree.tests.extend(parts(node.condition))
    elif isinstance(node, p.Join) and _attaches(node, context):
        node = _left(node)
        _flatten(node.left, tree, context)
        tree.attached[1 << len(tree.relations)] = node
        tree.relations.append(node.right)
    else:
        tree.relations.append(node)


def _left(join: p.Join) -> p.Join:
    """A RIGHT join as the LEFT join that it is."""
    if join.kind is not p.JoinKind.RIGHT:
        return join
    return p.Join(p.JoinKind.LEFT, join.right, join.left, join.condition)


def _same(old: p.Plan, new: p.Plan) -> bool:
    """Whether two trees join the same relations in the same way."""
    if old is new:
        return True
    if not (isinstance(old, p.Join) and isinstance(new, p.Join)) or old.lateral or new.lateral:
        return False
    old, new = _left(old), _left(new)
    return (
        old.kind is new.kind
        and _same(old.left, new.left)
        and _same(old.right, new.right)
        and _alike(parts(old.condition), parts(new.condition))
    )


def _alike(one: list[e.Expr], other: list[e.Expr]) -> bool:
    return len(one) == len(other) and all(any(x is y or x == y for y in other) for x in one)


Order = int | tuple["Order", "Order"]
"""A relation by its place, or the left and the right side of a join."""


def _order_of(choice: Any) -> Order | None:
    """The order that a choice says; None if it is none."""
    if isinstance(choice, list) and len(choice) == 2:
        left, right = map(_order_of, choice)
        return None if left is None or right is None else (left, right)
    return choice if type(choice) is int else None


def _leaves(order: Order) -> list[int]:
    return [order] if isinstance(order, int) else [*_leaves(order[0]), *_leaves(order[1])]


def _bits(order: Order) -> int:
    return sum(1 << place for place in _leaves(order))


def _pairs(order: Order) -> list[tuple[Order, Order]]:
    """The sides of every join."""
    return [] if isinstance(order, int) else [order, *_pairs(order[0]), *_pairs(order[1])]


def _as_choice(order: Order) -> Any:
    return order if isinstance(order, int) else [_as_choice(order[0]), _as_choice(order[1])]


class _Ordering:
    """Makes the plan of the best tree; each test is used once, as low as it can be."""

    def __init__(self, relations: Relations) -> None:
        self.relations = relations
        self.left = list(relations.tests)

    def plan(self, node: p.Plan) -> p.Plan:
        """All relations joined, and what is left of the tests above them; ``node`` is the joins as they were."""
        choices, graph = self.relations.context.choices, self.relations.graph()
        order = _order_of(choices.pinned(OrderJoins.name, node))
        if order is None or not self.is_possible(order, graph):
            order = self.best(graph)
        choices.made(OrderJoins.name, _as_choice(order), node)
        plan, _ = self.build(order)
        return filtered(plan, [test for test, _ in self.left])

    def is_possible(self, order: Order, graph: Graph) -> bool:
        """Whether all relations are there, each once, and those that are attached stand on the right of what they need."""
        if sorted(_leaves(order)) != list(range(len(self.relations.plans))):
            return False
        return all(
            graph.may_join(left, right) and left not in graph.attached
            for left, right in ((_bits(one), _bits(other)) for one, other in _pairs(order))
        )

    def best(self, graph: Graph) -> Order:
        """The order that is thought to cost least."""
        homes = {home(plan, self.relations.context) for plan in self.relations.plans}
        if len(homes - {HERE}) == 1 and HERE not in graph.homes:
            tree = ordering.as_written(graph)  # their source orders them itself
        else:
            tree = ordering.order(graph)
            if self.relations.context.orders is not None:
                self.relations.context.orders += self.considered(tree, graph)
        return _sided(tree, graph)

    def considered(self, chosen: Tree, graph: Graph) -> Iterable[JoinOrder]:
        """The chosen order and the next best ones, as text."""
        trees = ordering.considered(graph)
        if len(trees) > 1:
            cost = ordering.whole_cost(graph, chosen)
            yield JoinOrder(self.spelt(chosen), cost, True)
            others = [tree for tree in trees if self.spelt(tree) != self.spelt(chosen)]
            for tree in others[:ORDERS_TOLD]:
                yield JoinOrder(self.spelt(tree), ordering.whole_cost(graph, tree), False)

    def spelt(self, tree: Tree) -> str:
        """A tree as ``(crm.a, crm.b), sales.c``."""
        if tree.left is None or tree.right is None:
            plan = self.relations.plans[tree.subset.bit_length() - 1]
            names = [str(node.table) for node in plans(plan) if isinstance(node, p.Scan)]
            return " and ".join(names) or type(plan).__name__.lower()
        sides = sorted((tree.left, tree.right), key=lambda side: side.subset & -side.subset)
        return ", ".join(f"({self.spelt(side)})" if side.left else self.spelt(side) for side in sides)

    def build(self, order: Order) -> tuple[p.Plan, int]:
        """The plan of an order, and the bits of its relations."""
        if isinstance(order, int):
            return self.relations.plans[order], 1 << order
        (left, here), (right, there) = map(self.build, order)
        if join := self.relations.attached.get(there):
            both = p.Join(join.kind, left, right, join.condition)
            return filtered(both, self.ready(here | there)), here | there  # its condition keeps rows that fail
        condition = e.conjunction([*self.equations(here, there), *self.ready(here | there)])
        return p.Join(p.JoinKind.INNER, left, right, condition), here | there

    def equations(self, left: int, right: int) -> Iterable[e.Expr]:
        """One equation between the two sides for each set of equal columns: one that was written, if there is one."""
        for members in self.relations.classes:
            on_left = [ref for bit, ref in members.refs if bit & left]
            on_right = [ref for bit, ref in members.refs if bit & right]
            if on_left and on_right:
                written = next(
                    (t for t, mask in members.tests if mask & left and mask & right and not mask & ~(left | right)),
                    None,
                )
                yield written or e.Call(BOOLEAN, "=", (on_left[0], on_right[0]))

    def ready(self, subset: int) -> list[e.Expr]:
        """The tests that the set's columns allow now."""
        now = [test for test, mask in self.left if mask and not mask & ~subset]
        self.left = [(test, mask) for test, mask in self.left if not mask or mask & ~subset]
        return now


def _sided(tree: Tree, graph: Graph) -> Order:
    """The tree, the smaller side on the right where rows meet here, one whose size is guessed counting as larger than it is
    thought to be; a source chooses for itself."""
    if tree.left is None or tree.right is None:
        return tree.subset.bit_length() - 1
    one, other = tree.left, tree.right
    if other.subset in graph.attached:
        return _sided(one, graph), _sided(other, graph)
    if one.subset & -one.subset > other.subset & -other.subset:
        one, other = other, one
    if tree.home == HERE and graph.most_of(one.subset) * SWAP < graph.most_of(other.subset):
        one, other = other, one
    return _sided(one, graph), _sided(other, graph)
