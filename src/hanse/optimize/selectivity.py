"""Which share of rows a condition keeps, by what is known of its columns; a share that nothing supports is a guess.

The formulas are PostgreSQL's (manual, "Row Estimation Examples"): common values first, then equal parts of what is left,
bounds of equally full buckets for ranges. Conditions on several columns are taken as somewhat dependent.
"""

import datetime as dt
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from operator import ge, gt, le, lt
from typing import Any

from hanse.ir import expr as e
from hanse.ir.properties import COMPARISONS, MIRRORED
from hanse.ir.tables import ColumnStatistics, Table
from hanse.ir.types import DATETIMES, NUMBERS, TEXTS, Kind
from hanse.ir.walk import used
from hanse.optimize.totals import Total

EQUAL = 0.1
"""Rows that an equality keeps, where nothing is known."""
RANGE = 0.3
"""Rows that ``<`` and everything else keeps, where nothing is known."""
NULLS = 0.05
"""Rows with NULL, where nothing is known."""
DAMPING = (1.0, 0.9, 0.75, 0.5)
"""Exponents of the shares of several columns, the smallest share first."""
LEAST = 1e-9
_EMPTY = ColumnStatistics()
_STRING_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Share:
    """A fraction from 0 to 1; ``guess``: at least a part of it rests on nothing."""

    value: float
    guess: bool = False


@dataclass(frozen=True, slots=True)
class Origin:
    """What is known of a column of a plan: the values that it had where it was made."""

    statistics: ColumnStatistics = _EMPTY
    rows: float = 0.0
    """Of the table (or operator) that made it."""
    distinct: float | None = None
    unique: bool = False
    nullable: bool = True
    table: Table | None = None
    name: str = ""
    place: int = 0
    """The same for all columns of one scan."""
    total: Total | None = None
    """Of a column that an aggregate made."""


UNKNOWN = Origin()
_MATCHES = frozenset({"ilike", "similar_to", "~", "~*"})
Lookup = Callable[[int], Origin]
NONE, ALL = Share(0.0), Share(1.0)


def share(test: e.Expr, lookup: Lookup) -> Share:
    """The share of rows for which the condition is true."""
    match test:
        case e.Literal(value=value):
            return ALL if value is True else NONE
        case e.Ref(id=id):
            return _boolean(lookup(id), True)
        case e.InList(arg=arg, items=items):
            return _in_list(arg, items, lookup)
        case e.Call(name="and"):
            return both(list(e.conjuncts(test)), lookup)
        case e.Call(name="or", args=args):
            return _either([share(arg, lookup) for arg in args])
        case e.Call(name="not", args=(arg,)):
            return _opposite(share(arg, lookup), _null_share(arg, lookup))
        case e.Call(name=name, args=args) if name in _CALLS:
            return _CALLS[name](args, lookup)
        case e.Call(name=name, args=(left, right)) if name in COMPARISONS:
            return _comparison(name, left, right, lookup)
    if isinstance(test, e.InKeys) or (isinstance(test, e.Call) and test.name in _MATCHES):
        return Share(EQUAL, True)
    return Share(0.5 if isinstance(test, (e.Exists, e.Quantified)) else RANGE, True)


def both(tests: Sequence[e.Expr], lookup: Lookup) -> Share:
    """The share of rows that pass all tests. Ranges over one column are one range."""
    ranges: dict[int, list[tuple[str, Any]]] = defaultdict(list)
    found: list[Share] = []
    for test in tests:
        bound = _bound(test)
        if bound is not None and _has_range(lookup(bound[0]).statistics):
            ranges[bound[0]].append(bound[1:])
        else:
            found.append(share(test, lookup))
    found += [_between(lookup(id), bounds) for id, bounds in ranges.items()]
    return damped(found)


def damped(shares: Iterable[Share]) -> Share:
    """The share of all together, the less independent the more there are."""
    ordered = sorted(shares, key=lambda one: one.value)
    result = 1.0
    for place, one in enumerate(ordered):
        result *= one.value ** DAMPING[min(place, len(DAMPING) - 1)]
    return Share(result, any(one.guess for one in ordered))


def _either(shares: list[Share]) -> Share:
    missed = 1.0
    for one in shares:
        missed *= 1 - one.value
    return Share(1 - missed, any(one.guess for one in shares))


def _opposite(one: Share, nulls: float) -> Share:
    return Share(max(0.0, 1 - nulls - one.value), one.guess)


def _null_share(node: e.Expr, lookup: Lookup) -> float:
    """The share of rows for which a strict condition is NULL."""
    if isinstance(node, e.Call) and node.name in ("and", "or", "is_null", "is_not_null"):
        return 0.0
    return max((_nulls(lookup(id)).value for id in used((node,))), default=0.0)


def _nulls(origin: Origin) -> Share:
    if origin.statistics.null_fraction is not None:
        return Share(origin.statistics.null_fraction)
    return Share(NULLS, True) if origin.nullable and origin is not UNKNOWN else NONE


def plain(node: e.Expr) -> e.Expr:
    """The expression without conversions between numbers, between times and between texts, which keep values apart."""
    while isinstance(node, e.Cast) and any(
        node.type.kind in family and node.arg.type.kind in family for family in (NUMBERS, DATETIMES, TEXTS)
    ):
        node = node.arg
    return node


# -- equality


def _comparison(name: str, left: e.Expr, right: e.Expr, lookup: Lookup) -> Share:
    left, right = plain(left), plain(right)
    if isinstance(right, e.Ref) and not isinstance(left, e.Ref):
        name, left, right = MIRRORED[name], right, left
    if name == "<>":
        return _opposite(_comparison("=", left, right, lookup), _null_share(left, lookup))
    if not isinstance(left, e.Ref):
        return Share(EQUAL if name == "=" else RANGE, True)
    origin = lookup(left.id)
    if name == "=":
        return equal(origin, right, lookup)
    if isinstance(right, e.Literal) and _has_range(origin.statistics):
        return _between(origin, [(name, right.value)])
    if origin.total is not None and isinstance(right, e.Literal) and isinstance(right.value, int | float | Decimal):
        above = origin.total.above(float(right.value))
        return Share(above if name in (">", ">=") else 1 - above, True)
    return Share(RANGE, True)


def equal(origin: Origin, other: e.Expr, lookup: Lookup) -> Share:
    """The share of rows whose column equals another value."""
    if isinstance(other, e.Literal):
        return _equal_value(origin, other.value)
    there = distinct_of(lookup(other.id)) if isinstance(other, e.Ref) else None
    here = distinct_of(origin)
    known = max((count for count in (here, there) if count), default=None)
    return Share(EQUAL, True) if known is None else Share(1 / known * (1 - _nulls(origin).value))


def _equal_value(origin: Origin, value: Any) -> Share:
    if value is None:
        return NONE
    known = origin.statistics
    value = value.rstrip(" ") if isinstance(value, str) else value
    for common, part in known.common:
        if common == value:
            return Share(part)
    count = distinct_of(origin)
    if count is None:
        return Share(EQUAL, True)
    left = max(0.0, 1 - _nulls(origin).value - sum(part for _, part in known.common))
    others = max(1.0, count - len(known.common))
    is_complete = bool(known.common) and (left < LEAST or count <= len(known.common))
    if is_complete or _is_outside(known, value):
        return Share(min(left or 1.0, 1 / max(origin.rows, count, 1.0)))
    part = left / others
    return Share(min(part, known.common[-1][1]) if known.common else part)


def _is_outside(known: ColumnStatistics, value: Any) -> bool:
    if known.minimum is None or known.maximum is None:
        return False
    try:
        return bool(axis(value) < axis(known.minimum) or axis(value) > axis(known.maximum))
    except TypeError:
        return False


def is_within(known: ColumnStatistics, other: ColumnStatistics) -> bool:
    """Whether a column's values lie between the ends of another's, as far as both are known."""
    ends, bounds = (known.minimum, known.maximum), (other.minimum, other.maximum)
    if None in ends or None in bounds:
        return True
    try:
        return bool(axis(bounds[0]) <= axis(ends[0]) and axis(ends[1]) <= axis(bounds[1]))
    except TypeError:
        return True


def distinct_of(origin: Origin) -> float | None:
    """Different values where the column was made; None: unknown."""
    if origin.unique:
        return max(1.0, origin.rows)
    return origin.distinct


def _in_list(arg: e.Expr, items: tuple[e.Expr, ...], lookup: Lookup) -> Share:
    arg = plain(arg)
    origin = lookup(arg.id) if isinstance(arg, e.Ref) else UNKNOWN
    found = [equal(origin, plain(item), lookup) for item in dict.fromkeys(items)]
    most = 1 - _nulls(origin).value
    guess = any(one.guess for one in found)
    return Share(min(most, 0.5 if guess else 1.0, sum(one.value for one in found)), guess)


def _boolean(origin: Origin, value: bool) -> Share:
    for common, part in origin.statistics.common:
        if common is value:
            return Share(part)
    return Share(0.5, True)


# -- ranges


def axis(value: Any) -> Any:
    """The value as one that compares with all others of its family: dates as timestamps, instants as UTC."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
    return dt.datetime.combine(value, dt.time()) if isinstance(value, dt.date) else value


def _bound(test: e.Expr) -> tuple[int, str, Any] | None:
    """The column, operator and value of a range condition."""
    if not (isinstance(test, e.Call) and test.name in ("<", "<=", ">", ">=")):
        return None
    left, right = map(plain, test.args)
    if isinstance(left, e.Ref) and isinstance(right, e.Literal):
        return left.id, test.name, right.value
    if isinstance(right, e.Ref) and isinstance(left, e.Literal):
        return right.id, MIRRORED[test.name], left.value
    return None


def _has_range(known: ColumnStatistics) -> bool:
    return len(known.histogram) > 1 or bool(known.common) or (known.minimum is not None and known.maximum is not None)


def _between(origin: Origin, bounds: list[tuple[str, Any]]) -> Share:
    """The share of rows within all bounds on one column."""
    if any(value is None for _, value in bounds):
        return NONE
    known = origin.statistics
    try:
        tests = [(_HOLDS[name], axis(value)) for name, value in bounds]
        inside = sum(part for value, part in known.common if all(holds(axis(value), end) for holds, end in tests))
        rest = max(0.0, 1 - _nulls(origin).value - sum(part for _, part in known.common))
        low, high = 0.0, 1.0
        for name, value in bounds:
            below = _below(known, axis(value))
            low, high = (max(low, below), high) if name in (">", ">=") else (low, min(high, below))
    except TypeError:
        return Share(RANGE, True)
    return Share(min(1.0, max(inside + rest * max(0.0, high - low), 1 / max(origin.rows, 1.0))))


_HOLDS: dict[str, Callable[[Any, Any], Any]] = {"<": lt, "<=": le, ">": gt, ">=": ge}


def _below(known: ColumnStatistics, value: Any) -> float:
    """The share of the values that are not common which are less than ``value``."""
    bounds = known.histogram if len(known.histogram) > 1 else (known.minimum, known.maximum)
    if bounds[0] is None or bounds[1] is None:
        return 0.5
    place = bisect_left(bounds, value, key=axis)
    if place == 0:
        return 0.0
    if place == len(bounds):
        return 1.0
    return (place - 1 + _within(axis(bounds[place - 1]), axis(bounds[place]), value)) / (len(bounds) - 1)


def _within(low: Any, high: Any, value: Any) -> float:
    """Where a value stands between two others, from 0 to 1."""
    if isinstance(value, str):
        low, high, value = _digits(low, high, value)
    span = high - low
    return float((value - low) / span) if span else 0.5


def _digits(low: str, high: str, value: str) -> tuple[int, int, int]:
    """Texts as numbers, by the bytes after those that the ends share."""
    ends = low.encode(), high.encode()
    same = 0
    while same < min(map(len, ends)) and ends[0][same] == ends[1][same]:
        same += 1
    numbers = [
        int.from_bytes(text[same : same + _STRING_DIGITS].ljust(_STRING_DIGITS, b"\0"), "big")
        for text in (*ends, value.encode())
    ]
    return numbers[0], numbers[1], min(max(numbers[2], numbers[0]), numbers[1])


# -- everything else


def _is_null(args: tuple[e.Expr, ...], lookup: Lookup) -> Share:
    arg = plain(args[0])
    return _nulls(lookup(arg.id)) if isinstance(arg, e.Ref) else Share(NULLS, True)


def _is_not_null(args: tuple[e.Expr, ...], lookup: Lookup) -> Share:
    return _opposite(_is_null(args, lookup), 0.0)


def _is_not_distinct(args: tuple[e.Expr, ...], lookup: Lookup) -> Share:
    return _comparison("=", args[0], args[1], lookup)


def _is_distinct(args: tuple[e.Expr, ...], lookup: Lookup) -> Share:
    return _opposite(_is_not_distinct(args, lookup), 0.0)


def _is_true(args: tuple[e.Expr, ...], lookup: Lookup) -> Share:
    return share(args[0], lookup)


def _is_not_true(args: tuple[e.Expr, ...], lookup: Lookup) -> Share:
    return _opposite(share(args[0], lookup), 0.0)


def _like(args: tuple[e.Expr, ...], lookup: Lookup) -> Share:
    """A prefix is a range; every wildcard more keeps a part."""
    value, pattern = plain(args[0]), args[1]
    if not (isinstance(value, e.Ref) and isinstance(pattern, e.Literal) and isinstance(pattern.value, str)):
        return Share(EQUAL, True)
    origin, text = lookup(value.id), pattern.value
    end = next((place for place, char in enumerate(text) if char in "%_\\"), len(text))
    if end == len(text):
        return equal(origin, pattern, lookup)
    matching = _matching(origin.statistics, text)
    if end and _has_range(origin.statistics) and value.type.kind is Kind.TEXT:
        prefix = text[:end]
        after = prefix[:-1] + chr(min(ord(prefix[-1]) + 1, 0x10FFFF))
        found = _between(origin, [(">=", prefix), ("<", after)])
        found = Share(max(found.value, _beginning(origin.statistics, prefix)))
        return found if text[end:] == "%" else Share(found.value * RANGE, True)
    return Share(max(EQUAL / 2, matching) if matching is not None else EQUAL, True)


def _beginning(known: ColumnStatistics, prefix: str) -> float:
    """The share of bounds that begin with a prefix, for texts are not spread evenly between two bounds."""
    if len(known.histogram) < 2:
        return 0.0
    inside = sum(bound.startswith(prefix) for bound in known.histogram if isinstance(bound, str))
    return max(inside, 0.5) / len(known.histogram) * (1 - sum(part for _, part in known.common))


def _matching(known: ColumnStatistics, pattern: str) -> float | None:
    """The share of common values in which the pattern's longest literal part stands; None without common values."""
    if not known.common or not all(isinstance(value, str) for value, _ in known.common):
        return None
    word = max(pattern.replace("_", "%").split("%"), key=len)
    total = sum(part for _, part in known.common)
    return sum(part for value, part in known.common if word in value) / total if total > 0.5 else None


def _starts_with(args: tuple[e.Expr, ...], lookup: Lookup) -> Share:
    pattern = args[1]
    if isinstance(pattern, e.Literal) and isinstance(pattern.value, str):
        return _like((args[0], e.Literal(pattern.type, pattern.value + "%")), lookup)
    return Share(EQUAL, True)


_CALLS: dict[str, Callable[[tuple[e.Expr, ...], Lookup], Share]] = {
    "is_null": _is_null,
    "is_not_null": _is_not_null,
    "is_not_distinct": _is_not_distinct,
    "is_distinct": _is_distinct,
    "is_true": _is_true,
    "is_not_true": _is_not_true,
    "is_false": _is_not_true,
    "is_not_false": _is_true,
    "like": _like,
    "starts_with": _starts_with,
}
