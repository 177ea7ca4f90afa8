"""GROUP BY: its keys and grouping sets, and what an expression above the groups may still read."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from itertools import combinations, product

from sqlglot import exp

from hanse.bind.place import Collector, Session, pairs
from hanse.bind.scope import Scope
from hanse.bind.syntax import only, position, unsupported
from hanse.errors import ResourceLimit, TypeMismatch
from hanse.ir import plan as p
from hanse.ir.expr import Column, Expr, Ref
from hanse.ir.walk import free, map_expressions, map_plans, operands, type_of_subquery, with_operands

SETS_MAX = 4096
Set = tuple[int, ...]


@dataclass(slots=True)
class Groups:
    """The keys of one GROUP BY. ``made`` are those that must be projected below; ``sets`` is None without grouping sets."""

    session: Session
    input: dict[int, Column]
    bind: Callable[[exp.Expr], Expr]
    keys: list[Column] = field(default_factory=list)
    made: list[tuple[Column, Expr]] = field(default_factory=list)
    sets: tuple[Set, ...] | None = None
    expressions: dict[Expr, Column] = field(default_factory=dict)

    def read(self, group: exp.Group) -> None:
        """Take in the whole clause."""
        only(group, frozenset({"expressions"}), "GROUP BY")
        elements = [self._element(element) for element in group.expressions]
        plain = all(isinstance(element, exp.Expr) and not self._is_set(element) for element in group.expressions)
        if plain:
            return
        total = 1
        for element in elements:
            total *= len(element)
        if total > SETS_MAX:
            message = f"too many grouping sets present (maximum {SETS_MAX})"
            raise ResourceLimit(message, sqlstate="54001", position=position(group))
        self.sets = tuple(tuple(dict.fromkeys(sum(choice, ()))) for choice in product(*elements))

    @staticmethod
    def _is_set(node: exp.Expr) -> bool:
        empty = isinstance(node, exp.Tuple) and not node.expressions
        return empty or isinstance(node, exp.Rollup | exp.Cube | exp.GroupingSets)

    def _element(self, node: exp.Expr) -> list[Set]:
        match node:
            case exp.Rollup():
                parts = [self._composite(part) for part in node.expressions]
                return [sum(parts[:size], ()) for size in range(len(parts), -1, -1)]
            case exp.Cube():
                parts = [self._composite(part) for part in node.expressions]
                if len(parts) > 12:
                    raise ResourceLimit("CUBE is limited to 12 elements", sqlstate="54011", position=position(node))
                sizes = range(len(parts), -1, -1)
                return [sum(choice, ()) for size in sizes for choice in combinations(parts, size)]
            case exp.GroupingSets():
                return [one for part in node.expressions for one in self._element(part)]
        return [self._composite(node)]

    def _composite(self, node: exp.Expr) -> Set:
        """``a`` or ``(a, b)``: keys that go together."""
        if isinstance(node, exp.Tuple):
            return tuple(place for part in node.expressions for place in self._composite(part))
        if isinstance(node, exp.Rollup | exp.Cube | exp.GroupingSets):
            raise unsupported(node)
        return (self._key(self.bind(node)),)

    def _key(self, expr: Expr) -> int:
        column = self.expressions.get(expr)
        if column is None:
            known = self.input.get(expr.id) if isinstance(expr, Ref) else None
            column = known or self.session.column(getattr(expr, "name", "key"), expr.type)
            if known is None:
                self.made.append((column, expr))
            self.expressions[expr] = column
            self.keys.append(column)
        return self.keys.index(column)

    def plan(self, below: p.Plan, collector: Collector) -> p.Plan:
        """The Aggregate over ``below``, with key expressions projected first."""
        if self.made:
            below = p.Project(below, (*pairs(below.columns), *self.made))
        calls = tuple((column, call) for call, column in collector.aggregates.items())
        return p.Aggregate(below, tuple(self.keys), calls, self.sets)

    def add_dependent(self, column: Column) -> None:
        """Group by one more column, which the keys determine."""
        self.keys.append(column)
        self.expressions[column.ref()] = column


class AboveGroups:
    """Rewrites expressions over the input into expressions over the groups, or says which column is not grouped."""

    def __init__(self, groups: Groups, scope: Scope, own: Iterable[int]) -> None:
        """``own`` are the columns that the aggregates yield."""
        self.groups = groups
        self.scope = scope
        self.own = set(own)
        self.kinds = {type(expr) for expr in groups.expressions}

    def __call__(self, expr: Expr) -> Expr:
        """The expression over keys and aggregates; raises TypeMismatch (42803)."""
        if type(expr) in self.kinds:
            column = self.groups.expressions.get(expr)
            if column is not None:
                return column.ref() if not isinstance(expr, Ref) else expr
        if isinstance(expr, Ref):
            self._allow(expr.id, expr.name)
            return expr
        if isinstance(expr, type_of_subquery):
            return self._subquery(expr)
        parts = operands(expr)
        new = tuple(self(part) for part in parts)
        return expr if all(a is b for a, b in zip(parts, new, strict=True)) else with_operands(expr, new)

    def _subquery(self, expr: Expr) -> Expr:
        assert isinstance(expr, type_of_subquery)
        plan = expr.plan
        if self.groups.made:
            plan = map_plans(plan, lambda node: map_expressions(node, self._keys_within))
        for column in free(plan):
            self._allow(column, "")
        parts = tuple(self(part) for part in operands(expr))
        changed = with_operands(expr, parts)
        assert isinstance(changed, type_of_subquery)
        return replace(changed, plan=plan)

    def _keys_within(self, expr: Expr) -> Expr:
        """Inside a subquery only whole key expressions are replaced; its own columns are none of our business."""
        column = self.groups.expressions.get(expr) if type(expr) in self.kinds else None
        if column is not None:
            return column.ref()
        parts = operands(expr)
        new = tuple(self._keys_within(part) for part in parts)
        return expr if all(a is b for a, b in zip(parts, new, strict=True)) else with_operands(expr, new)

    def _allow(self, column: int, name: str) -> None:
        if column not in self.groups.input or column in self.own:
            return
        plain = {key.id for key in self.groups.keys}
        if column in plain:
            return
        key = self.groups.session.keys.get(column)
        if key and key <= plain and self.groups.sets is None:
            self.groups.add_dependent(self.groups.input[column])
            return
        name = name or self.groups.input[column].name
        message = f'column "{name}" must appear in the GROUP BY clause or be used in an aggregate function'
        raise TypeMismatch(message, sqlstate="42803", position=self.scope.reads.get(column))
