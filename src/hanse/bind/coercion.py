"""Conversions between types: which PostgreSQL makes by itself, and the cast or folded literal that stands for each.

``coerce`` turns one expression into a type, ``unify`` several into the one that they share. Literals are folded where
the result is exact, so that a predicate on a date meets a date and not a cast of text.
"""

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal as Number
from functools import reduce
from typing import Any

from hanse.bind import textual
from hanse.bind.moments import Far, FieldRange, UnknownZone, session_zone
from hanse.errors import InvalidValue, TypeMismatch
from hanse.ir import arithmetic
from hanse.ir.expr import Cast, Expr, Literal, Parameter
from hanse.ir.types import (
    BOOLEAN,
    DECIMAL_DIGITS_MAX,
    FLOATS,
    INTEGERS,
    NULL,
    NUMBERS,
    TEXT,
    TEXTS,
    Array,
    Decimal,
    Kind,
    Type,
    array,
)

__all__ = ["Untyped", "category", "coerce", "converts", "is_untyped", "preferred", "session_zone", "unify"]


@dataclass(frozen=True, slots=True)
class Untyped(Expr):
    """A quoted literal (``type`` TEXT) or a parameter (``type`` NULL) whose type its surroundings decide."""

    literal: Literal | Parameter
    position: int | None = field(default=None, compare=False)
    """Where it stands in the statement, for errors."""


CONTEXTS = {"implicit": 0, "assignment": 1, "explicit": 2}
WIDTH = {kind: place for place, kind in enumerate((*arithmetic.ORDER, Kind.DECIMAL, Kind.FLOAT32, Kind.FLOAT64))}
CATEGORIES = {
    **dict.fromkeys(NUMBERS, "number"),
    Kind.TEXT: "string",
    Kind.ENUM: "enum",
    Kind.BOOLEAN: "boolean",
    Kind.DATE: "moment",
    Kind.TIME: "moment",
    Kind.TIMESTAMP: "moment",
    Kind.TIMESTAMPTZ: "moment",
    Kind.INTERVAL: "span",
    Kind.BYTES: "bytes",
    Kind.UUID: "uuid",
    Kind.JSON: "json",
    Kind.ARRAY: "array",
    Kind.NULL: "unknown",
}
PREFERRED = frozenset({Kind.FLOAT64, Kind.TEXT, Kind.BOOLEAN, Kind.TIMESTAMPTZ, Kind.INTERVAL})
IMPLICIT = {
    (Kind.DATE, Kind.TIMESTAMP),
    (Kind.DATE, Kind.TIMESTAMPTZ),
    (Kind.TIMESTAMP, Kind.TIMESTAMPTZ),
    (Kind.TIME, Kind.INTERVAL),
    (Kind.ENUM, Kind.TEXT),
}
ASSIGNMENT = {
    (Kind.TIMESTAMPTZ, Kind.TIMESTAMP),
    (Kind.TIMESTAMPTZ, Kind.DATE),
    (Kind.TIMESTAMPTZ, Kind.TIME),
    (Kind.TIMESTAMP, Kind.DATE),
    (Kind.TIMESTAMP, Kind.TIME),
    (Kind.INTERVAL, Kind.TIME),
}
EXPLICIT = {
    *((Kind.BOOLEAN, kind) for kind in INTEGERS),
    *((kind, Kind.BOOLEAN) for kind in INTEGERS),
    *((Kind.JSON, kind) for kind in (*NUMBERS, Kind.BOOLEAN)),
}
"""Beyond these, text converts from (on assignment) and to (explicitly) everything. Casts between boolean and integers of
other widths than integer are ours: MySQL's booleans are int8."""


def category(type: Type) -> str:
    """The type category (pg_type.typcategory) by which candidates are chosen."""
    return CATEGORIES[type.kind]


def preferred(type: Type) -> bool:
    """Whether the type is the preferred one of its category."""
    return type.kind in PREFERRED


def is_untyped(expr: Expr) -> bool:
    """Whether the surroundings decide this expression's type: a quoted literal, a bare parameter, NULL."""
    return isinstance(expr, Untyped) or expr.type.kind == Kind.NULL


def converts(source: Type, target: Type, context: str = "implicit") -> bool:
    """Whether PostgreSQL converts by itself in this context: implicit, assignment or explicit."""
    return _level(source, target) <= CONTEXTS[context]


def _level(source: Type, target: Type) -> int:
    """0 implicit, 1 on assignment, 2 explicit, 3 never."""
    if source == target or source.kind == Kind.NULL:
        return 0
    if isinstance(source, Array) and isinstance(target, Array):
        return _level(source.item, target.item)
    pair = (source.kind, target.kind)
    if set(pair) <= NUMBERS:
        return _number_level(source, target)
    if pair in IMPLICIT:
        return 0
    if target.kind in TEXTS:
        return 1 if target.kind == Kind.TEXT else 2 * (source.kind in TEXTS) or 3
    if pair in ASSIGNMENT:
        return 1
    return 2 if source.kind in TEXTS or pair in EXPLICIT else 3


def _number_level(source: Type, target: Type) -> int:
    if isinstance(source, Decimal) and isinstance(target, Decimal):
        # With all 38 digits in use nothing wider exists; a value that does not fit is then an error of the run.
        whole = target.precision - target.scale >= source.precision - source.scale
        fits = whole or target.precision == DECIMAL_DIGITS_MAX
        return 0 if fits and target.scale >= source.scale else 1
    if source.kind in INTEGERS and target.kind in INTEGERS:
        return 0 if arithmetic.wider_integer(source, target) == target else 1
    return 0 if WIDTH[source.kind] <= WIDTH[target.kind] else 1


def coerce(expr: Expr, type: Type, position: int | None, context: str = "implicit") -> Expr:
    """The expression as ``type``; TypeMismatch if this context does not convert, InvalidValue for a bad literal."""
    if isinstance(expr, Untyped):
        return _typed(expr, type, position)
    if expr.type == type:
        return expr
    if _level(expr.type, type) > CONTEXTS[context]:
        raise _mismatch(expr.type, type, position, context)
    if isinstance(expr, Literal):
        folded = _fold(expr, type, position)
        return folded if folded is not None else Cast(type, expr)
    return Cast(type, expr)


def _typed(expr: Untyped, type: Type, position: int | None) -> Expr:
    if type.kind == Kind.NULL:
        type = TEXT
    if isinstance(expr.literal, Parameter):
        return Parameter(type, expr.literal.index)
    return from_text(expr.literal.value, type, position if expr.position is None else expr.position)


def from_text(text: str | None, type: Type, position: int | None) -> Expr:
    """The constant that ``text`` spells, or a cast of it where only the run knows; InvalidValue if it is none."""
    if text is None:
        return Literal(type, None)
    try:
        value = textual.parse(text, type)
    except textual.OutOfRange:
        raise InvalidValue(
            f'value "{text}" is out of range for type {type}', sqlstate="22003", position=position
        ) from None
    except FieldRange:
        message = f'date/time field value out of range: "{text}"'
        raise InvalidValue(message, sqlstate="22008", position=position) from None
    except UnknownZone as error:
        raise InvalidValue(f'time zone "{error}" not recognized', sqlstate="22023", position=position) from None
    except (ValueError, OverflowError):
        raise _invalid(text, type, position) from None
    if isinstance(value, Far):
        return Cast(type, Literal(TEXT, value.text))
    if value is textual.LATER:
        return Cast(type, Literal(TEXT, text))
    return Literal(type, value)


def _invalid(text: str, type: Type, position: int | None) -> InvalidValue:
    moment = category(type) in ("moment", "span")
    code = "22007" if moment else "22P02"
    return InvalidValue(f'invalid input for type {type}: "{text}"', sqlstate=code, position=position)


def _mismatch(source: Type, target: Type, position: int | None, context: str) -> TypeMismatch:
    if context == "explicit":
        return TypeMismatch(f"cannot cast type {source} to {target}", sqlstate="42846", position=position)
    hint = f"write CAST(... AS {target})" if _level(source, target) <= CONTEXTS["explicit"] else None
    return TypeMismatch(f"{source} is not {target}", sqlstate="42804", position=position, hint=hint)


def _fold(literal: Literal, type: Type, position: int | None) -> Expr | None:
    """The literal with another type, where that is exact and needs no run; None otherwise."""
    value = literal.value
    if value is None:
        return Literal(type, None)
    source, target = literal.type.kind, type.kind
    try:
        if source in NUMBERS and target in NUMBERS:
            folded = _number(value, type)
            return None if folded is None else Literal(type, folded)
    except textual.OutOfRange:
        raise InvalidValue(f"{value} is out of range for type {type}", sqlstate="22003", position=position) from None
    if isinstance(type, Array) and isinstance(value, tuple) and isinstance(literal.type, Array):
        items = [_fold(Literal(literal.type.item, item), type.item, position) for item in value]
        return (
            None
            if not all(isinstance(x, Literal) for x in items)
            else Literal(type, tuple(x.value for x in items if isinstance(x, Literal)))
        )
    if source in TEXTS:
        return from_text(value, type, position)
    if source == Kind.DATE and target == Kind.TIMESTAMP:
        return Literal(type, dt.datetime.combine(value, dt.time()))
    return None


def _number(value: Any, type: Type) -> Any:
    """The number in the carrier of ``type``; None where that would round in a way that only the run knows."""
    if isinstance(value, float):
        return value if type.kind == Kind.FLOAT64 else None
    if type.kind in FLOATS:
        return float(value) if type.kind == Kind.FLOAT64 else None
    if isinstance(type, Decimal):
        return textual.fit(Number(value), type)
    return textual.in_range(int(textual.rescale(Number(value), 0)), type)


def unify(exprs: tuple[Expr, ...] | list[Expr], position: int | None, what: str) -> tuple[tuple[Expr, ...], Type]:
    """The expressions cast to the one type that they share (manual, section 10.5), and that type.

    ``what`` names the construct for the message: CASE, UNION, COALESCE. Only untyped ones make text.
    """
    known = [expr.type for expr in exprs if not is_untyped(expr)]
    target = reduce(lambda l, r: _shared(l, r, position, what), known) if known else TEXT
    if not known and all(expr.type.kind == Kind.NULL and not isinstance(expr, Untyped) for expr in exprs):
        target = NULL
    return tuple(coerce(expr, target, position) for expr in exprs), target


def _shared(left: Type, right: Type, position: int | None, what: str) -> Type:
    if left == right:
        return left
    if left.kind in NUMBERS and right.kind in NUMBERS:
        return arithmetic.union(left, right)
    if {left.kind, right.kind} <= TEXTS:
        return TEXT
    if isinstance(left, Array) and isinstance(right, Array):
        return array(_shared(left.item, right.item, position, what))
    if category(left) == category(right):
        for source, target in ((right, left), (left, right)):
            if converts(source, target):
                return target
    raise TypeMismatch(f"{what} types {left} and {right} cannot be matched", sqlstate="42804", position=position)


def as_boolean(expr: Expr, position: int | None) -> Expr:
    """The expression as a condition."""
    return coerce(expr, BOOLEAN, position)
