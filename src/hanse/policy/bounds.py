"""Between which constants conditions keep a column. What is not certain is no bound.

A column is compared plainly, or through a conversion that keeps the order of values, with constants or parameters: ``=``,
``<``, ``<=``, ``>``, ``>=``, IN, ``= ANY(array)``, IS NOT DISTINCT FROM, a boolean column by itself, and AND and OR of
these. A bound at the end of what the type can hold (``created_at > '0001-01-01'``) bounds nothing.
"""

import datetime as dt
import decimal
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from hanse.ir import expr as e
from hanse.ir.properties import MIRRORED
from hanse.ir.types import INTEGERS, Kind, Type
from hanse.policy.constants import GIVEN, OPEN, Case, Mark, constant

End = Any


@dataclass(frozen=True, slots=True)
class Bounds:
    """The values that may pass: from ``low`` to ``high``, at most; none at all if ``empty``."""

    low: End = OPEN
    high: End = OPEN
    empty: bool = False

    @property
    def restrict(self) -> bool:
        """Whether some values are ruled out."""
        return self.empty or self.low is not OPEN or self.high is not OPEN

    def is_within(self, span: dt.timedelta | float) -> bool:
        """Whether the ends are known, and no further apart than that."""
        if self.empty:
            return True
        if isinstance(self.low, Mark) or isinstance(self.high, Mark):
            return False
        try:
            return bool(self.low == self.high or self.high - self.low <= span)
        except TypeError:
            return False


ANYTHING, NOTHING = Bounds(), Bounds(empty=True)


def bounds(tests: Iterable[e.Expr], column: int, case: Case) -> Bounds:
    """What all ``tests`` together leave of a column; ``case`` says what the parameters are."""
    return reduce(_both, (_bounds(test, column, case) for test in tests), ANYTHING)


def _bounds(test: e.Expr, column: int, case: Case) -> Bounds:
    match test:
        case e.Call(name="and", args=args):
            return bounds(args, column, case)
        case e.Call(name="or", args=args):
            return reduce(_either, (_bounds(arg, column, case) for arg in args), NOTHING)
        case e.Literal(value=False | None):
            return NOTHING
        case e.InList(arg=arg, items=items) if _is_column(arg, column):
            return _among([constant(item, case) for item in items])
        case e.Call(name="any_array_=", args=(arg, items)) if _is_column(arg, column):
            return _of_array(constant(items, case))
        case e.Call(name=name, args=(left, right)) if name in MIRRORED or name == "is_not_distinct":
            if _is_column(left, column):
                return _compared(name, constant(right, case))
            if _is_column(right, column):
                return _compared(MIRRORED.get(name, name), constant(left, case))
        case e.Call(name="is_true" | "is_false" | "not", args=(arg,)) if _is_boolean(arg, column):
            return Bounds(GIVEN, GIVEN)
        case _ if _is_boolean(test, column):
            return Bounds(GIVEN, GIVEN)
    return ANYTHING


def _is_boolean(node: e.Expr, column: int) -> bool:
    return isinstance(node, e.Ref) and node.id == column and node.type.kind is Kind.BOOLEAN


def _is_column(node: e.Expr, column: int) -> bool:
    if isinstance(node, e.Cast) and not node.safe and _keeps_order(node.arg.type, node.type):
        node = node.arg
    return isinstance(node, e.Ref) and node.id == column


def _keeps_order(given: Type, made: Type) -> bool:
    """Whether the conversion is one that comparing two types brings about, and sources look through."""
    if given.kind in INTEGERS:
        return made.kind in INTEGERS or made.kind is Kind.DECIMAL
    wider = {
        Kind.DECIMAL: (Kind.DECIMAL,),
        Kind.FLOAT32: (Kind.FLOAT64,),
        Kind.DATE: (Kind.TIMESTAMP, Kind.TIMESTAMPTZ),
        Kind.ENUM: (Kind.TEXT,),
        Kind.TIMESTAMP: (Kind.TIMESTAMPTZ,),
    }
    return made.kind in wider.get(given.kind, ())


def _compared(name: str, value: End | None) -> Bounds:
    if value is OPEN:
        return ANYTHING
    if value is None:  # nothing is equal to NULL, nor less; but what is not distinct from it may be much
        return ANYTHING if name == "is_not_distinct" else NOTHING
    match name:
        case "=" | "is_not_distinct":
            return Bounds(value, value)
        case ">" | ">=":
            return ANYTHING if _is_least(value) else Bounds(low=value)
        case "<" | "<=":
            return ANYTHING if _is_greatest(value) else Bounds(high=value)
        case _:
            return ANYTHING


def _is_least(value: Any) -> bool:
    """Whether hardly anything is less."""
    match value:
        case bool():
            return not value
        case int() | decimal.Decimal():
            return value <= -(2**31)
        case float():
            return value == -math.inf
        case dt.date():  # a moment is one, too
            return value.year <= 1
        case str() | bytes():
            return not value
        case _:
            return False


def _is_greatest(value: Any) -> bool:
    """Whether hardly anything is greater. NaN is the greatest number."""
    match value:
        case bool():
            return value
        case int() | decimal.Decimal():
            return value >= 2**63 - 1 or value in (2**31 - 1, 2**32 - 1)
        case float():
            return value == math.inf or math.isnan(value)
        case dt.date():
            return value.year >= 9999
        case _:
            return False


def _of_array(array: End | None) -> Bounds:
    if array is None:
        return NOTHING
    return ANYTHING if array is OPEN else _among(list(array))


def _among(values: list[Any]) -> Bounds:
    if any(value is OPEN for value in values):
        return ANYTHING
    return reduce(_either, (Bounds(value, value) for value in values if value is not None), NOTHING)


def _both(one: Bounds, other: Bounds) -> Bounds:
    if one.empty or other.empty:
        return NOTHING
    low, high = _chosen(max, one.low, other.low), _chosen(min, one.high, other.high)
    return Bounds(low, high)


def _chosen(better: Any, one: End, other: End) -> End:
    """The tighter of two ends, of which one that is known is better than one that is not."""
    if isinstance(one, Mark) or isinstance(other, Mark):
        marks = (OPEN, GIVEN)
        return min(one, other, key=lambda end: -1 if not isinstance(end, Mark) else 1 - marks.index(end))
    try:
        return better(one, other)
    except TypeError:
        return one


def _either(one: Bounds, other: Bounds) -> Bounds:
    if one.empty:
        return other
    if other.empty:
        return one
    return Bounds(_looser(min, one.low, other.low), _looser(max, one.high, other.high))


def _looser(worse: Any, one: End, other: End) -> End:
    if one is OPEN or other is OPEN:
        return OPEN
    if one is GIVEN or other is GIVEN:
        return GIVEN
    try:
        return worse(one, other)
    except TypeError:
        return GIVEN
