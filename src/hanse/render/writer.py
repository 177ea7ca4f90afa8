"""Any plan in any dialect: adjacent operators share a SELECT where that cannot change the meaning, and nest otherwise."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hanse.errors import InternalError
from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.request import SqlText
from hanse.ir.types import INT64
from hanse.render import block as b
from hanse.render.block import Block, Order, Value
from hanse.render.joins import Joins
from hanse.render.relations import Relation
from hanse.spi.dialect import Dialect

ON = "DISTINCT ON"


def write(plan: p.Plan, dialect: Dialect, fragments: Mapping[int, Relation] | None = None, within: str = "") -> SqlText:
    """The plan as one statement, its columns by position; ``fragments`` says what stands for each FragmentScan, ``within``
    is a condition in the source's SQL on the rows of its one table.

    Raises InternalError if the plan holds something that the dialect cannot spell: split asks the same tables before.
    """
    writer = Writer(dialect, fragments=fragments)
    writer.within = within
    return writer.statement(plan)


class Writer(Joins):
    """Writes one statement. The operators with one input are here; leaves and joins in the classes below."""

    def __init__(self, dialect: Dialect, merge: bool = True, fragments: Mapping[int, Relation] | None = None) -> None:
        super().__init__(dialect, merge, fragments)
        self._writers: dict[type[p.Plan], Callable[[Any], Block]] = {
            p.Scan: self.scan,
            p.Guard: self._guard,
            p.Values: self.values,
            p.TableFunction: self.table_function,
            p.Filter: self._filter,
            p.Project: self._project,
            p.Join: self.join,
            p.Aggregate: self._aggregate,
            p.Window: self._window,
            p.Sort: self._sort,
            p.Limit: self._limit,
            p.Distinct: self._distinct,
            p.SetOperation: self.set_operation,
            p.Cte: self.cte,
            p.CteScan: self.cte_scan,
            p.FragmentScan: self.fragment_scan,
        }

    def statement(self, plan: p.Plan, names: Sequence[str] | None = None) -> SqlText:
        """The whole statement, its columns by position, or under ``names``."""
        sql, _ = self.query(plan, None, names)
        if self.with_:
            sql = f"{self.with_clause(self.with_)} {sql}"
        return self.marks.resolve(sql)

    def block(self, plan: p.Plan) -> Block:
        """The plan as a SELECT that may still grow."""
        writer = self._writers.get(type(plan))
        if writer is None:
            raise InternalError(f"no SQL for the operator {type(plan).__name__}")
        return writer(plan)

    def _guard(self, plan: p.Guard) -> Block:
        """What a closed guard protects is a SELECT of its own: nothing above is tested beside the policy's predicates."""
        block = self.below(plan.input)
        block.sealed |= not plan.is_open
        return block

    def _filter(self, plan: p.Filter) -> Block:
        block = self.below(plan.input)
        parts = list(e.conjuncts(plan.predicate))
        if block.is_closed() or block.windowed or not self.fits(block, parts, kept=True):
            block = self.wrap(block)
        for part in parts:
            value = self.expressions.write(part, block.values)
            block.where_flags |= value.flags
            (block.having if block.grouped else block.where).append(value.conjunct())
        return block

    def _project(self, plan: p.Project) -> Block:
        block = self.below(plan.input)
        nodes = [node for _, node in plan.items]
        if not (self._may_choose(block, nodes) and self.fits(block, nodes, kept=False)):
            block = self.wrap(block)
        values = self._items(plan, block)
        if block.single_group and not any(value.flags & b.AGGREGATE for value in values.values()):
            block = self.wrap(block)
            values = self._items(plan, block)
        block.values = values
        return block

    def _items(self, plan: p.Project, block: Block) -> dict[int, Value]:
        return {column.id: self.expressions.write(node, block.values) for column, node in plan.items}

    @staticmethod
    def _may_choose(block: Block, nodes: list[e.Expr]) -> bool:
        """Whether the select list of the block may be these expressions. After DISTINCT all columns must stay; after
        LIMIT only plain choices are made, because an expression might fail on rows that the limit leaves out."""
        if not block.is_closed():
            return True
        chosen = [node.id for node in nodes if isinstance(node, e.Ref) and node.id in block.values]
        if len(chosen) != len(nodes) or block.branches:
            return False
        return block.distinct != "DISTINCT" or set(chosen) == set(block.values)

    def _aggregate(self, plan: p.Aggregate) -> Block:
        if not (plan.keys or plan.calls or plan.sets is not None):
            return Block({})
        block = self.below(plan.input)
        nodes = [node for _, call in plan.calls for node in _parts(call)]
        nodes += [key.ref() for key in plan.keys]
        if not (block.is_rows() and self._may_group(block, plan) and self.fits(block, nodes, kept=False)):
            block = self.wrap(block, ordered=False)
        block.order = []
        rows = block.values
        keys = {key.id: self._group_key(rows[key.id]) for key in plan.keys}
        values = dict(keys)
        for column, call in plan.calls:
            scope = {**rows, **keys} if call.name == "grouping" else rows
            values[column.id] = self.calls.aggregate(call, scope)
        block.values, block.grouped, block.group = values, True, _group_by(plan, keys)
        block.single_group = not block.group
        return block

    def _group_key(self, row: Value) -> Value:
        """The key's form; what a group is made by costs nothing to write again."""
        key = self.expressions.key(row)
        return key if key.repeatable() else replace(key, cost=1)

    @staticmethod
    def _may_group(block: Block, plan: p.Aggregate) -> bool:
        """Whether keys may be written twice, in GROUP BY and in the select list: a constant there would be a column's
        place, a hole would be two parameters, and under grouping sets each key must be a column of its own."""
        keys = [block.values[key.id] for key in plan.keys]
        if any(key.flags & (b.VOLATILE | b.SUBQUERY | b.HOLE | b.CONSTANT) for key in keys):
            return False
        return plan.sets is None or (all(key.plain for key in keys) and len({key.sql for key in keys}) == len(keys))

    def _window(self, plan: p.Window) -> Block:
        block = self.below(plan.input)
        nodes = [node for _, call in plan.calls for node in _window_parts(call)]
        if block.is_closed() or block.grouped or not self.fits(block, nodes, kept=True):
            block = self.wrap(block)
        made = {column.id: self.calls.window(call, block.values) for column, call in plan.calls}
        block.values, block.windowed = {**block.values, **made}, True
        return block

    def _sort(self, plan: p.Sort) -> Block:
        block = self.below(plan.input)
        if not self._may_sort(block, plan):
            block = self.wrap(block, ordered=False)
        block.order = self._orders(plan, block)
        return block

    def _orders(self, plan: p.Sort, block: Block) -> list[Order]:
        found = (self.calls.order(key, block.values) for key in plan.keys)
        return [order for order in found if order is not None]

    def _may_sort(self, block: Block, plan: p.Sort) -> bool:
        if block.limit or block.branches or block.sealed or block.distinct.startswith(ON):
            return False
        if not self.fits(block, [key.expr for key in plan.keys], kept=True):
            return False
        if block.distinct:  # its ORDER BY may only hold what stands in the select list
            listed = {text for value in block.values.values() for text in (value.sql, value.tight())}
            return all(order.key in listed for order in self._orders(plan, block))
        return True

    def _ordered_below(self, plan: p.Plan) -> Block:
        """The input of an operator that picks rows by their order: a Sort directly below shares its SELECT."""
        return self.block(plan) if isinstance(plan, p.Sort) else self.below(plan)

    def _limit(self, plan: p.Limit) -> Block:
        block = self._ordered_below(plan.input)
        if block.limit or block.branches or block.sealed:
            block = self.wrap(block)
        count, offset = self._row_count(plan.count, "LIMIT"), self._row_count(plan.offset, "OFFSET")
        if plan.with_ties and count is not None and not (self.dialect.with_ties and block.order):
            return self._limit_by_rank(block, count, offset)
        block.limit = self.dialect.limit(count, offset, plan.with_ties)
        return block

    def _row_count(self, node: e.Expr | None, clause: str) -> str | None:
        if node is None:
            return None
        text = self.expressions.write(node, {}).tight()
        return text if isinstance(node, e.Literal | e.Parameter) else self.dialect.row_count(text, clause)

    def _limit_by_rank(self, block: Block, count: str, offset: str | None) -> Block:
        """WITH TIES by rank(): a row comes along if fewer than offset + count rows sort before it."""
        block = self.wrap(block)
        columns = list(block.values)
        rank = max(columns, default=0) + 1
        over = "ORDER BY " + ", ".join(map(self.calls.term, block.order)) if block.order else ""
        block.values[rank] = Value(f"rank() OVER ({over})", INT64)
        last, conditions = count, [f"{count} > 0"]
        if offset is not None:
            block.values[rank + 1] = Value(f"row_number() OVER ({over})", INT64)
            last = f"{last} + {offset}"
        block = self.wrap(block)
        block.where = [*conditions, f"{block.values[rank].sql} <= {last}"]
        if offset is not None:
            block.where.append(f"{block.values[rank + 1].sql} > {offset}")
        block.values = {id: block.values[id] for id in columns}
        return block

    def _distinct(self, plan: p.Distinct) -> Block:
        if plan.on:
            return self._distinct_on(plan)
        block = self.below(plan.input)
        if block.is_closed():
            block = self.wrap(block, ordered=False)
        block.order = []
        block.values = {
            id: value if value.flags & b.CONSTANT else self.expressions.key(value) for id, value in block.values.items()
        }
        block.distinct = "DISTINCT"
        return block

    def _distinct_on(self, plan: p.Distinct) -> Block:
        """The first row per value. Under a sort by the same expressions both clauses must say them in one form, and in
        that which sorts, only equal values are equal."""
        block = self._ordered_below(plan.input)
        if block.is_closed() or not self.fits(block, plan.on, kept=True):
            block = self.wrap(block)
        keys: list[str] = []
        for node in plan.on:
            value = self.expressions.write(node, block.values)
            if not value.flags & b.CONSTANT:
                sorted_as = next((order.key for order in block.order if order.expr == node), None)
                keys.append(sorted_as or self.expressions.key(value).sql)
        if keys:
            block.distinct = f"{ON} ({', '.join(keys)})"
        else:
            block.limit = self.dialect.limit("1", None, False)
        return block


def _parts(call: e.Aggregate) -> list[e.Expr]:
    found = [*call.args, *(key.expr for key in call.order_by)]
    return found if call.filter is None else [*found, call.filter]


def _window_parts(call: e.WindowCall) -> list[e.Expr]:
    found = [*call.args, *call.partition_by, *(key.expr for key in call.order_by)]
    return found if call.filter is None else [*found, call.filter]


def _group_by(plan: p.Aggregate, keys: dict[int, Value]) -> str:
    texts = [keys[key.id].sql for key in plan.keys]
    if plan.sets is not None:
        sets = ", ".join(f"({', '.join(texts[place] for place in places)})" for places in plan.sets)
        return f"GROUP BY GROUPING SETS ({sets})"
    return f"GROUP BY {', '.join(texts)}" if texts else ""
