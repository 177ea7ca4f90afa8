"""Joins in SQL: sides become tables of one FROM where that means the same, and derived tables otherwise."""

from dataclasses import replace

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir import types as t
from hanse.ir.plan import JoinKind
from hanse.ir.walk import free, type_of_subquery, used, walk_expr
from hanse.render import block as b
from hanse.render.block import Block, Value
from hanse.render.relations import Relations

ALWAYS = "1 = 1"

UP = "up"
"""Where the WHERE of a join's side goes: to that of the whole, into the join's condition, or nowhere."""
ON = "on"
NOWHERE = "nowhere"

_LEFT_WHERE = {JoinKind.INNER: UP, JoinKind.LEFT: UP, JoinKind.SEMI: UP, JoinKind.ANTI: UP, JoinKind.RIGHT: ON}
_RIGHT_WHERE = {JoinKind.INNER: UP, JoinKind.RIGHT: UP, JoinKind.LEFT: ON, JoinKind.SEMI: ON, JoinKind.ANTI: ON}


class Joins(Relations):
    """Writes joins."""

    def join(self, plan: p.Join) -> Block:
        """Any join."""
        if plan.lateral:
            return self._lateral(plan)
        if self._is_apart(plan):
            return self.cte(
                p.Cte(f"full join {len(self._apart)}", plan, p.CteScan(f"full join {len(self._apart)}", plan.columns))
            )
        asks = _has_subquery(plan.condition)
        if plan.kind in (JoinKind.SEMI, JoinKind.ANTI):
            return self._semi(plan) if self.dialect.semi_joins and not asks else self._exists(plan)
        if asks and not self.dialect.subqueries_in_on and plan.kind in (JoinKind.LEFT, JoinKind.RIGHT):
            return self._around_subquery(plan)
        left = self._side(plan.left, _LEFT_WHERE.get(plan.kind, NOWHERE), plan.kind in (JoinKind.RIGHT, JoinKind.FULL))
        right = self._side(
            plan.right, _RIGHT_WHERE.get(plan.kind, NOWHERE), plan.kind in (JoinKind.LEFT, JoinKind.FULL)
        )
        return self._joined(plan, left, right, {**left.values, **right.values})

    def _is_apart(self, plan: p.Join) -> bool:
        """Whether a FULL join inside a subquery is written as a CTE, once: see ``Dialect.full_joins_in_subqueries``."""
        if plan.kind is not JoinKind.FULL or self.dialect.full_joins_in_subqueries or not self.expressions.outer:
            return False
        if id(plan) in self._apart or free(plan):
            return False
        self._apart[id(plan)] = plan
        return True

    def _side(self, plan: p.Plan, where: str, may_be_missing: bool) -> Block:
        """One side as a member of FROM. A column that the join may fill with NULL must be one that is stored: an
        expression over it, such as a constant, would have a value where there is no row."""
        block = self.below(plan)
        stays = not block.is_rows() or bool(block.ctes) or not block.source
        if block.where:
            stays |= where == NOWHERE or bool(block.where_flags & b.VOLATILE)
            stays |= where == ON and bool(block.where_flags & b.SUBQUERY)
        if may_be_missing:
            stays = stays or not all(value.plain for value in block.values.values())
        else:
            stays = stays or not all(value.repeatable() for value in block.values.values())
        if stays:
            return self.wrap(block, ordered=False)
        block.order = []
        return block

    def _joined(self, plan: p.Join, left: Block, right: Block, values: dict[int, Value]) -> Block:
        """Both sides and the condition in one FROM and WHERE."""
        on: list[str] = []
        where: list[str] = []
        flags = 0
        for side, goes in ((left, _LEFT_WHERE), (right, _RIGHT_WHERE)):
            (on if goes.get(plan.kind) == ON else where).extend(side.where)
            flags |= side.where_flags
        both = {**left.values, **right.values}
        for part in e.conjuncts(plan.condition):
            value = self.expressions.write(part, both)
            # a subquery may refer to both sides, which some engines do not take in ON
            late = plan.kind is JoinKind.INNER and value.flags & b.SUBQUERY
            flags |= value.flags if late else 0
            (where if late else on).append(value.conjunct())
        source = f"({right.source})" if right.joined else right.source
        if plan.kind is JoinKind.INNER:
            word = "JOIN" if on else "CROSS JOIN"
        else:
            word = f"{plan.kind.upper()} JOIN"
            on = on or [ALWAYS]
        condition = f" ON {' AND '.join(on)}" if on else ""
        lateral = "LATERAL " if plan.lateral else ""
        text = f"{left.source} {word} {lateral}{source}{condition}"
        return Block(values, text, joined=True, where=where, where_flags=flags)

    def _semi(self, plan: p.Join) -> Block:
        """``a SEMI JOIN b``, after which only a's columns are there."""
        left, right = self._side(plan.left, UP, False), self._side(plan.right, ON, False)
        return self._joined(plan, left, right, left.values)

    def _exists(self, plan: p.Join) -> Block:
        """A semi-join as EXISTS in the WHERE of the left side."""
        left = self._outer_side(plan.left, plan.condition)
        if (test := _membership(plan)) is not None:
            left.where.append(self.expressions.write(test, left.values).conjunct())
            left.where_flags |= b.SUBQUERY
            return left
        word = "NOT EXISTS" if plan.kind is JoinKind.ANTI else "EXISTS"
        text = self.expressions.inside(left.values, lambda: self.exists(p.Filter(plan.right, plan.condition)))
        left.where.append(f"{word} ({text})")
        left.where_flags |= b.SUBQUERY
        return left

    def _outer_side(self, plan: p.Plan, condition: e.Expr) -> Block:
        """A plan to whose columns ``condition`` refers from inside a subquery."""
        block = self.below(plan)
        ids = used([condition])
        simple = block.is_rows() and all(value.repeatable() for id, value in block.values.items() if id in ids)
        return block if simple else self.wrap(block)

    def _around_subquery(self, plan: p.Join) -> Block:
        """An outer join whose condition holds a subquery, as a lateral join of the rows that meet the condition."""
        kept, other = (plan.left, plan.right) if plan.kind is JoinKind.LEFT else (plan.right, plan.left)
        filtered = p.Filter(other, plan.condition)
        return self._lateral(p.Join(JoinKind.LEFT, kept, filtered, e.TRUE, lateral=True))

    def _lateral(self, plan: p.Join) -> Block:
        """A join whose right side refers to columns of the left."""
        left = self._side(plan.left, UP, False)
        right = self.expressions.inside(left.values, lambda: self._lateral_side(plan))
        return self._joined(replace(plan, lateral=True), left, right, {**left.values, **right.values})

    def _lateral_side(self, plan: p.Join) -> Block:
        block = self.below(plan.right)
        if isinstance(plan.right, p.TableFunction) and self.merge:
            return block
        return self.wrap(block, ordered=False)


def _has_subquery(node: e.Expr) -> bool:
    return any(isinstance(part, type_of_subquery) for part in walk_expr(node))


def _groups(plan: p.Plan) -> bool:
    return isinstance(plan, p.Aggregate) or any(map(_groups, plan.inputs))


def _membership(plan: p.Join) -> e.Expr | None:
    """A semi-join with groups as IN, which computes them once: a condition inside would do so for every row of the left.
    In a WHERE the two are the same; NOT IN is another thing than NOT EXISTS."""
    if plan.kind is not JoinKind.SEMI or not _groups(plan.right):
        return None
    right = {column.id: column for column in plan.right.columns}
    args: list[e.Expr] = []
    items: list[tuple[e.Column, e.Expr]] = []
    for part in e.conjuncts(plan.condition):
        match part:
            case e.Call(name="=", args=(e.Ref() as one, e.Ref() as two)) if (one.id in right) != (two.id in right):
                outer, inner = (two, one) if one.id in right else (one, two)
                args.append(outer)
                items.append((right[inner.id], inner))
            case _:
                return None
    distinct = len({column.id for column, _ in items}) == len(items) > 0
    return e.Quantified(t.BOOLEAN, tuple(args), "=", False, p.Project(plan.right, tuple(items))) if distinct else None
