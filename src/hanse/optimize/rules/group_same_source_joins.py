"""Reorder inner joins so that relations of one source that are connected stand together, where one source can join them.

    Join: inner on c.id = b.id                Join: inner on c.id = b.id and a.k = b.k
    ├─ Join: inner on a.k = b.k               ├─ Join: inner on a.id = c.id
    │  ├─ Scan: crm.a                  =>     │  ├─ Scan: crm.a
    │  └─ Scan: sales.b                       │  └─ Scan: crm.c
    └─ Scan: crm.c    (and a.id = c.id)       └─ Scan: sales.b

When     a tree of inner joins (not lateral) stands in any order. Heuristics, and no more than that: connected
         relations of one source first; else in the order written; a join that nothing connects last.
Safe     inner joins may be taken in any order; every conjunct is tested at the lowest join that has its columns.
Not      across an outer join: (a LEFT JOIN b) JOIN c may drop rows of a that a LEFT JOIN (b JOIN c) shows. Relations of one
         source that no equation connects stay apart: together they would be a product.
Order    after filters were pushed; before columns are pruned, which drops the projection that restores their order.
"""

from dataclasses import dataclass

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.columns import exactly
from hanse.ir.walk import map_expressions, map_subqueries, plans, with_inputs
from hanse.optimize.rule import Context, filtered, parts


@dataclass(frozen=True, slots=True)
class _Unit:
    """A relation, or several already joined: its plan, its columns, and its source if it has only one."""

    plan: p.Plan
    ids: frozenset[int]
    source: str | None
    place: int
    """Of its first relation in the order written."""


class GroupSameSourceJoins:
    """See the module."""

    name = "group_same_source_joins"
    matches = (p.Plan,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        """Reorder every maximal tree of inner joins in the plan."""
        return _visit(node, context)


def _visit(node: p.Plan, context: Context) -> p.Plan:
    if context.holds_subquery(node):
        node = map_expressions(node, lambda x: map_subqueries(x, lambda plan: _visit(plan, context)))
    if not _is_inner(node):
        return with_inputs(node, tuple(_visit(child, context) for child in node.inputs))
    relations: list[p.Plan] = []
    tests: list[e.Expr] = []
    _flatten(node, relations, tests)
    relations = [_visit(relation, context) for relation in relations]
    units = [_Unit(x, context.ids(x), _source(x), place) for place, x in enumerate(relations)]
    new = _Ordering(tests, context).whole(units)
    return node if _same(node, new) else exactly(new, node.columns)


def _is_inner(node: p.Plan) -> bool:
    return isinstance(node, p.Join) and node.kind is p.JoinKind.INNER and not node.lateral


def _flatten(node: p.Plan, relations: list[p.Plan], tests: list[e.Expr]) -> None:
    if not (isinstance(node, p.Join) and _is_inner(node)):
        relations.append(node)
        return
    for side in node.inputs:
        _flatten(side, relations, tests)
    tests.extend(parts(node.condition))


def _source(plan: p.Plan) -> str | None:
    sources = {node.table.source for node in plans(plan) if isinstance(node, p.Scan)}
    return next(iter(sources)) if len(sources) == 1 else None


def _same(old: p.Plan, new: p.Plan) -> bool:
    """Whether two trees join the same relations in the same way."""
    if old is new:
        return True
    if not (isinstance(old, p.Join) and isinstance(new, p.Join) and _is_inner(old)):
        return False
    return _same(old.left, new.left) and _same(old.right, new.right) and old.condition == new.condition


class _Ordering:
    """Joins units along the equations that connect them; each test is used once, as low as it can be."""

    def __init__(self, tests: list[e.Expr], context: Context) -> None:
        self.context = context
        self.left = list(tests)
        self.edges = [
            tuple(map(context.reads, test.args))
            for test in tests
            if isinstance(test, e.Call) and test.name in ("=", "is_not_distinct")
        ]

    def whole(self, units: list[_Unit]) -> p.Plan:
        """All units joined: those of one source first, then along the connections, then the rest."""
        sources = dict.fromkeys(unit.source for unit in units if unit.source)
        grouped = [unit for unit in units if unit.source is None]
        for source in sources:
            grouped += self.components([unit for unit in units if unit.source == source])
        trees = self.components(sorted(grouped, key=lambda unit: unit.place))
        joined = trees[0]
        for tree in trees[1:]:
            joined = self.join(joined, tree)
        return filtered(joined.plan, self.left)

    def components(self, units: list[_Unit]) -> list[_Unit]:
        """Each connected set of units as one, in the order written."""
        found: list[_Unit] = []
        rest = list(units)
        while rest:
            joined = rest.pop(0)
            while (other := next((unit for unit in rest if self.connects(joined, unit)), None)) is not None:
                rest.remove(other)
                joined = self.join(joined, other)
            found.append(joined)
        return found

    def connects(self, one: _Unit, other: _Unit) -> bool:
        """Whether an equation has one side on each."""
        return any(
            (a and b and a <= one.ids and b <= other.ids) or (a and b and b <= one.ids and a <= other.ids)
            for a, b in self.edges
        )

    def join(self, one: _Unit, other: _Unit) -> _Unit:
        """Two units as one, under all tests that they allow and that are left."""
        ids = one.ids | other.ids
        ready = [test for test in self.left if (reads := self.context.reads(test)) and reads <= ids]
        self.left = [test for test in self.left if not any(test is used for used in ready)]
        source = one.source if one.source == other.source else None
        plan = p.Join(p.JoinKind.INNER, one.plan, other.plan, e.conjunction(ready))
        return _Unit(plan, ids, source, min(one.place, other.place))
