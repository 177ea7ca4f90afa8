"""Aggregate and window calls: a spelling from the dialect's tables with DISTINCT, ORDER BY, FILTER and OVER in place."""

from collections.abc import Sequence

from hanse.ir import expr as e
from hanse.render import block as b
from hanse.render.block import Order, Value
from hanse.render.expressions import Expressions, Values
from hanse.render.spelling import aggregate_template, bare, level, with_clauses
from hanse.spi.dialect import Rules, find

ORDERED_SETS = frozenset({"percentile_cont", "percentile_disc", "mode"})
"""Aggregates whose ORDER BY stands in WITHIN GROUP."""


class Calls:
    """Writes aggregate and window calls."""

    def __init__(self, expressions: Expressions) -> None:
        self._expressions = expressions
        self._dialect = expressions.dialect

    def aggregate(self, call: e.Aggregate, values: Values) -> Value:
        """An aggregate over the rows of the block that has ``values``."""
        if call.name == "grouping":
            keys = ", ".join(self._expressions.write(arg, values).sql for arg in call.args)
            return Value(f"GROUPING({keys})", call.type, cost=1, flags=b.AGGREGATE)
        args = self._args(call, values)
        terms = self._terms(call.order_by, values)
        within = call.name in ORDERED_SETS
        clauses = {
            "distinct": "DISTINCT " if call.distinct else "",
            "order": f" ORDER BY {terms}" if terms and not within else "",
            "over": (f" WITHIN GROUP (ORDER BY {terms})" if terms and within else "")
            + self._filter(call.filter, values),
        }
        value = self._spell(self._dialect.aggregates, call, args, clauses)
        value.flags |= b.AGGREGATE
        return value

    def window(self, call: e.WindowCall, values: Values) -> Value:
        """A window function over the rows of the block that has ``values``."""
        rules = self._dialect.windows if call.name in self._dialect.windows else self._dialect.aggregates
        clauses = {
            "distinct": "DISTINCT " if call.distinct else "",
            "order": " IGNORE NULLS" if call.ignore_nulls else "",
            "over": f"{self._filter(call.filter, values)} OVER ({self._over(call, values)})",
        }
        value = self._spell(rules, call, self._args(call, values), clauses)
        value.flags |= b.WINDOW
        return value

    def order(self, key: e.SortKey, values: Values) -> Order | None:
        """A sort key as a term; None for a constant, which sorts nothing (and a number would mean a column's place)."""
        value = self._expressions.write(key.expr, values)
        if value.flags & b.CONSTANT:
            return None
        return Order(self._expressions.sorted(value).conjunct(), key.descending, key.nulls_first, key.expr)

    def term(self, order: Order) -> str:
        """The text of a sort term."""
        return self._dialect.sort_term(order.key, order.descending, order.nulls_first)

    def _terms(self, keys: Sequence[e.SortKey], values: Values) -> str:
        orders = (self.order(key, values) for key in keys)
        return ", ".join(self.term(order) for order in orders if order is not None)

    def _args(self, call: e.Aggregate | e.WindowCall, values: Values) -> list[Value]:
        """The arguments in the form that the call compares: MIN and MAX sort them, DISTINCT tells them apart. PostgreSQL
        wants the keys of a DISTINCT call's ORDER BY among its arguments, so these too have the form that sorts."""
        args = [self._expressions.write(arg, values) for arg in call.args]
        if call.name in ("min", "max"):
            return [self._expressions.sorted(arg) for arg in args]
        if call.distinct:
            keys = [key.expr for key in call.order_by] if isinstance(call, e.Aggregate) else []
            pairs = zip(call.args, args, strict=True)
            return [self._expressions.sorted(arg) if x in keys else self._distinct(arg) for x, arg in pairs]
        return args

    def _distinct(self, arg: Value) -> Value:
        return arg if arg.flags & b.CONSTANT else self._expressions.key(arg)

    def _filter(self, condition: e.Expr | None, values: Values) -> str:
        return "" if condition is None else f" FILTER (WHERE {self._expressions.write(condition, values).sql})"

    def _over(self, call: e.WindowCall, values: Values) -> str:
        parts: list[str] = []
        written = [self._expressions.write(key, values) for key in call.partition_by]
        keys = [self._expressions.key(key).sql for key in written if not key.flags & b.CONSTANT]
        if keys:
            parts.append("PARTITION BY " + ", ".join(keys))
        terms = self._terms(call.order_by, values)
        if terms:
            parts.append("ORDER BY " + terms)
        elif call.name in self._dialect.ordered_windows:
            parts.append("ORDER BY NULL")
        if call.frame is not None:
            parts.append(self._frame(call.frame, values))
        return " ".join(parts)

    def _frame(self, frame: e.Frame, values: Values) -> str:
        text = f"{frame.mode.upper()} BETWEEN {self._bound(frame.start, values)} AND {self._bound(frame.end, values)}"
        return text if frame.exclude == "no others" else f"{text} EXCLUDE {frame.exclude.upper()}"

    def _bound(self, bound: e.Bound, values: Values) -> str:
        if bound.direction == "current":
            return "CURRENT ROW"
        amount = "UNBOUNDED" if bound.offset is None else self._expressions.write(bound.offset, values).tight()
        return f"{amount} {bound.direction.upper()}"

    def _spell(
        self, rules: Rules, call: e.Aggregate | e.WindowCall, args: list[Value], clauses: dict[str, str]
    ) -> Value:
        rule = find(rules, call.name, [arg.operand() for arg in args])
        if rule is None:
            raise self._expressions.refusal(f"{call.name}({', '.join(str(arg.type) for arg in args)})")
        if isinstance(rule.sql, str):
            sql, firm = aggregate_template(rule.sql).fill([(arg.sql, arg.level) for arg in args], clauses)
        else:
            spelling = bare(rule.sql(self._expressions.opaque(args)))
            sql, firm = with_clauses(spelling, clauses), level(spelling)
        flags = 0
        for arg in args:
            flags |= arg.flags & (b.VOLATILE | b.SUBQUERY | b.HOLE)
        return Value(sql, call.type, firm, cost=1, flags=flags)
