"""Aggregates in two steps: partial calls over parts of the rows, final calls over their results.

A caller gives one ``Decomposition`` all calls of an Aggregate and builds, for parts of the rows that together are all of
them (shards, sides of a UNION ALL) or for groups that are finer than those of the Aggregate (eager aggregation):

    parts = decompose(node, column)           # column(name, type) makes a new column; None: some call cannot be split
    partial = parts.partial(part, columns, column)   # for each part; ``columns``: what stands there for the node's input
    result = parts.final(node, all_partials)         # Project over Aggregate; the columns of ``node``, in order

``all_partials`` (a UNION ALL, a join) has the columns of ``parts.keys`` and of ``parts.below``; each partial has columns
of its own in this order, unless it is the only one: then ``parts.only(part)`` makes these themselves.

``parts.keys`` are the node's keys and the arguments of its DISTINCT calls: partial groups by these as well, so that
count(DISTINCT x) above counts what it would have counted. Over no partial row at all a count is 0 and the rest NULL.

What splits: count, sum, avg, min, max, bool_and, bool_or, bit_and, bit_or, bit_xor, any_value, grouping, and every one
of these with DISTINCT over columns; FILTER goes below. A sum has in both steps the type that holds it (sum(bigint) is
numeric(38,0)), so that it overflows exactly where the whole would. Sums of double precision are added in another order,
as any source may add them. avg of exact numbers is their exact sum over their count.

What does not: statistics (var_samp, stddev_pop, corr ...), since sum(x^2) - sum(x)^2 / n cancels the digits that count;
sums of real, which would be rounded between the steps; lists (string_agg, array_agg, json_agg), whose order spans the
parts; percentiles and mode; DISTINCT with a FILTER or over expressions, sums of intervals.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.types import (
    FLOAT64,
    INT64,
    INTEGER_DIGITS,
    INTEGERS,
    Array,
    Decimal,
    Kind,
    Type,
    decimal,
)
from hanse.ir.walk import map_aggregate, substitute

MakeColumn = Callable[[str, Type], e.Column]
Call = tuple[e.Column, e.Aggregate]

IDEMPOTENT = frozenset({"min", "max", "bool_and", "bool_or", "bit_and", "bit_or", "any_value"})
"""Repeated rows change nothing, and the final call is the partial one."""
_AGAIN = IDEMPOTENT | {"bit_xor"}
_DISTINCT = IDEMPOTENT | {"count", "sum", "avg"}
_SUMMED = INTEGERS | {Kind.DECIMAL, Kind.FLOAT64}
EXACT_DIGITS_MAX = 28
"""Digits of numbers of which 10^10 can be added in 38 digits."""
_NARROW = frozenset({Kind.INT8, Kind.INT16, Kind.INT32, Kind.UINT8, Kind.UINT16})
ZERO = e.Literal(INT64, 0)


def sum_type(type: Type) -> Type:
    """The type of a sum over numbers of a type, as ``bind`` gives it."""
    if isinstance(type, Decimal):
        return decimal(38, type.scale)
    if type.kind in _NARROW:
        return INT64
    return decimal(38, 0) if type.kind in INTEGERS else type


def is_exactly_grouped(type: Type) -> bool:
    """Whether values that are equal are the same value, so that one may stand for all of its group."""
    if isinstance(type, Array):
        return is_exactly_grouped(type.item)
    return type.kind not in (Kind.FLOAT32, Kind.FLOAT64, Kind.INTERVAL, Kind.JSON)


class Decomposition:
    """The calls so far: what is computed below, what above of that, and what the whole calls are then."""

    def __init__(self, make_column: MakeColumn) -> None:
        self._make = make_column
        self.below: list[Call] = []
        self.above: list[Call] = []
        self.items: list[tuple[e.Column, e.Expr]] = []
        self.more_keys: list[e.Ref] = []

    def split(self, column: e.Column, call: e.Aggregate) -> bool:
        """Take one call apart; False, and nothing happens, where it cannot be."""
        if call.distinct and call.name not in IDEMPOTENT:
            return self._distinct(column, call)
        if call.order_by:
            return False
        match call:
            case e.Aggregate(name="grouping"):
                self.keep(column, call)
            case e.Aggregate(name=name) if name in _AGAIN:
                part = self.partial(replace(call, distinct=False))
                self._finish(column, e.Aggregate(call.type, name, (part.ref(),)))
            case e.Aggregate(name="count"):
                self.items.append((column, self.count(call)))
            case e.Aggregate(name="sum", args=(arg,)) if arg.type.kind in _SUMMED:
                self.items.append((column, self.total(call)))
            case e.Aggregate(name="avg", args=(arg,)) if arg.type.kind is Kind.FLOAT64:
                self.items.append((column, self._average(call)))
            case _:
                return False
        return True

    def keep(self, column: e.Column, call: e.Aggregate) -> None:
        """Leave a call above as it is: its arguments are columns of the partial rows."""
        self._finish(column, call)

    def partial(self, call: e.Aggregate) -> e.Column:
        """The column of a partial call, which is computed once however many calls need it."""
        known = next((column for column, other in self.below if other == call), None)
        if known is None:
            known = self._make(call.name, call.type)
            self.below.append((known, call))
        return known

    def count(self, call: e.Aggregate) -> e.Expr:
        """A count from partial counts; 0 where there is none."""
        return counted(self.added(self.partial(call).ref()))

    def total(self, call: e.Aggregate) -> e.Expr:
        """A sum from partial sums, in the type of the whole."""
        return _as(call.type, self.added(self.partial(call).ref()))

    def added(self, value: e.Expr, test: e.Expr | None = None) -> e.Expr:
        """The sum above of a value of the partial rows (of those for which the test is true)."""
        call = e.Aggregate(sum_type(value.type), "sum", (value,), filter=test)
        known = next((column for column, other in self.above if other == call), None)
        if known is None:
            known = self._make("sum", call.type)
            self.above.append((known, call))
        return known.ref()

    def _average(self, call: e.Aggregate) -> e.Expr:
        arg = exact_argument(call.args[0])
        total = self.total(replace(call, name="sum", args=(arg,), type=sum_type(arg.type)))
        return averaged(total, self.count(replace(call, name="count", args=(arg,), type=INT64)))

    def _distinct(self, column: e.Column, call: e.Aggregate) -> bool:
        """Partial groups are finer by the arguments; the call counts above what is left of them."""
        refs = [arg for arg in call.args if isinstance(arg, e.Ref) and is_exactly_grouped(arg.type)]
        if call.name not in _DISTINCT or call.filter is not None or call.order_by or len(refs) < len(call.args):
            return False
        self.more_keys += [ref for ref in refs if ref not in self.more_keys]
        self.keep(column, call)
        return True

    def _finish(self, column: e.Column, call: e.Aggregate) -> None:
        self.above.append((column, call))
        self.items.append((column, column.ref()))


@dataclass(frozen=True, slots=True)
class Parts:
    """An Aggregate in two steps."""

    keys: tuple[e.Column, ...]
    """What partial groups by."""
    below: tuple[Call, ...]
    above: tuple[Call, ...]
    items: tuple[tuple[e.Column, e.Expr], ...]
    """The columns of the whole calls, from those of ``above``."""

    @property
    def columns(self) -> tuple[e.Column, ...]:
        """What partial rows have: keys, then partial results."""
        return self.keys + tuple(column for column, _ in self.below)

    def only(self, part: p.Plan) -> p.Aggregate:
        """The partial aggregate over the only part, which has the columns of the node's input."""
        return p.Aggregate(part, self.keys, self.below)

    def partial(self, part: p.Plan, columns: Mapping[int, e.Column], make_column: MakeColumn) -> p.Aggregate:
        """The partial aggregate over one of several parts, in which ``columns`` stand for those of the node's input."""
        values: dict[int, e.Expr] = {id: column.ref() for id, column in columns.items()}
        calls = tuple(
            (make_column(column.name, column.type), map_aggregate(call, lambda x: substitute(x, values)))
            for column, call in self.below
        )
        return p.Aggregate(part, tuple(columns[key.id] for key in self.keys), calls)

    def final(self, node: p.Aggregate, partials: p.Plan) -> p.Plan:
        """The node's columns from the rows of all partial aggregates, which have the columns of ``keys`` and ``below``."""
        groups = p.Aggregate(partials, node.keys, self.above, node.sets)
        return p.Project(groups, tuple((key, key.ref()) for key in node.keys) + self.items)


def decompose(node: p.Aggregate, make_column: MakeColumn) -> Parts | None:
    """The node's calls in two steps; None if one of them does not split, or a key has equal values that differ."""
    work = Decomposition(make_column)
    if not all(is_exactly_grouped(key.type) for key in node.keys):
        return None
    if not all(work.split(column, call) for column, call in node.calls):
        return None
    return parts_of(work, node, node.keys)


def parts_of(work: Decomposition, node: p.Aggregate, keys: Iterable[e.Column]) -> Parts:
    """The parts for the calls that were taken apart, where partial groups by ``keys`` (and DISTINCT arguments)."""
    chosen = {key.id: key for key in keys}
    wanted = {ref.id for ref in work.more_keys}
    chosen |= {column.id: column for column in node.input.columns if column.id in wanted}
    return Parts(tuple(chosen.values()), tuple(work.below), tuple(work.above), tuple(work.items))


def exact_argument(arg: e.Expr) -> e.Expr:
    """The exact number below a conversion to double precision, where its sums cannot overflow before their average."""
    if not (isinstance(arg, e.Cast) and not arg.safe):
        return arg
    digits = INTEGER_DIGITS.get(arg.arg.type.kind)
    if isinstance(arg.arg.type, Decimal):
        digits = arg.arg.type.precision
    return arg.arg if digits is not None and digits <= EXACT_DIGITS_MAX else arg


def counted(total: e.Expr) -> e.Expr:
    """A count from the sum of partial counts: bigint, 0 over no rows."""
    return e.Call(INT64, "coalesce", (_as(INT64, total), ZERO))


def averaged(total: e.Expr, count: e.Expr) -> e.Expr:
    """The quotient of a sum and a count: NULL where nothing was counted."""
    divisor = e.Call(INT64, "nullif", (count, ZERO))
    return e.Call(FLOAT64, "/", (_as(FLOAT64, total), _as(FLOAT64, divisor)))


def _as(type: Type, value: e.Expr) -> e.Expr:
    return value if value.type == type else e.Cast(type, value)
