"""What a caller gives for ``$1`` and ``:name``: Python values, their types, and the literals that stand for them."""

import datetime as dt
import decimal
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hanse.bind.binder import BoundQuery
from hanse.bind.coercion import Untyped, coerce
from hanse.bind.outputs import ROWS_MAX, rows_of
from hanse.errors import UserError
from hanse.ir import types as t
from hanse.ir.expr import Interval, Literal

Given = Sequence[Any] | Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Typed:
    """A value whose type the caller has said, whatever it looks like; None is that type's NULL."""

    value: Any
    type: t.Type


def ordered(given: Given, names: Sequence[str]) -> tuple[Any, ...]:
    """The values in the order of the statement's parameters; raises UserError (07001) if one is missing or too many.

    ``names`` holds a name per parameter: ``1``, ``2`` ... for ``$1``, ``$2``.
    """
    if given is None:
        given = ()
    if isinstance(given, Mapping):
        missing = [name for name in names if name not in given]
        if missing:
            raise UserError(f"no value given for parameter :{missing[0]}", sqlstate="07001")
        return tuple(given[name] for name in names)
    if len(given) != len(names):
        raise UserError(f"the statement has {len(names)} parameters, {len(given)} values were given", sqlstate="07001")
    if names and not all(name.isdigit() for name in names):
        raise UserError("named parameters need a mapping of names to values", sqlstate="07001")
    return tuple(given)


PLAIN: dict[type, t.Type] = {
    type(None): t.NULL,
    str: t.NULL,
    bool: t.BOOLEAN,
    float: t.FLOAT64,
    bytes: t.BYTES,
    bytearray: t.BYTES,
    memoryview: t.BYTES,
    dt.date: t.DATE,
    dt.time: t.TIME,
    dt.timedelta: t.INTERVAL,
    Interval: t.INTERVAL,
    uuid.UUID: t.UUID,
}
"""Text and None have no type of their own: their context decides, as for an untyped literal."""


def type_of(value: Any) -> t.Type:
    """The type of a Python value; NULL's where the context must decide. Raises UserError (07006) for what has none."""
    match value:
        case Typed():
            return value.type
        case int() if not isinstance(value, bool):
            return _integer(value)
        case decimal.Decimal():
            return _decimal(value)
        case dt.datetime():
            return t.TIMESTAMP if value.tzinfo is None else t.TIMESTAMPTZ
        case list() | tuple():
            return t.array(_item(value))
        case _ if type(value) in PLAIN:
            return PLAIN[type(value)]
        case _:
            raise UserError(f"a {type(value).__name__} cannot be a parameter", sqlstate="07006")


def _integer(value: int) -> t.Type:
    if -(2**31) <= value < 2**31:
        return t.INT32
    if -(2**63) <= value < 2**63:
        return t.INT64
    digits = len(str(abs(value)))
    if digits > t.DECIMAL_DIGITS_MAX:
        raise UserError("an integer parameter has more than 38 digits", sqlstate="22003")
    return t.decimal(digits, 0)


def _decimal(value: decimal.Decimal) -> t.Type:
    if not value.is_finite():
        raise UserError("a numeric parameter cannot be NaN or infinite; a float can", sqlstate="22003")
    _, digits, exponent = value.as_tuple()
    scale = max(0, -int(exponent))
    precision = max(len(digits) + max(0, int(exponent)), scale, 1)
    if precision > t.DECIMAL_DIGITS_MAX:
        raise UserError("a numeric parameter has more than 38 digits", sqlstate="22003")
    return t.decimal(precision, scale)


def _item(values: Sequence[Any]) -> t.Type:
    types = {type_of(value) for value in values if value is not None}
    if not types or types == {t.NULL}:
        return t.TEXT
    if len(types) == 1:
        return types.pop()
    if all(type.kind in t.INTEGERS for type in types):
        return t.INT64
    raise UserError("the items of an array parameter differ in type", sqlstate="07006")


def carried(value: Any) -> Any:
    """The value as a Literal carries it (``ir.types``)."""
    match value:
        case Typed():
            return carried(value.value)
        case dt.datetime() if value.tzinfo is not None:
            return value.astimezone(dt.UTC)
        case dt.timedelta():
            return Interval(0, value.days, value.seconds * 1_000_000 + value.microseconds)
        case uuid.UUID():
            return str(value)
        case bytearray() | memoryview():
            return bytes(value)
        case list() | tuple():
            return tuple(carried(item) for item in value)
        case _:
            return value


def literal(value: Any) -> Literal:
    """The value as a literal of its own type (text for a string)."""
    kind = t.TEXT if isinstance(value, str) else type_of(value)
    return Literal(kind, carried(value))


def literals(values: tuple[Any, ...], bound: BoundQuery) -> tuple[Literal, ...]:
    """The values as literals of the types that binding found for them, then the numbers of rows among them."""
    found: list[Literal] = []
    for value, type in zip(values, bound.parameter_types, strict=True):
        given = literal(value)
        expr = Untyped(t.TEXT, given) if isinstance(value, str) else given
        typed = Literal(type, None) if given.value is None else coerce(expr, type, None, "explicit")
        if not isinstance(typed, Literal):
            typed = Literal(given.type, given.value)
        found.append(typed)
    return (*found, *(_row_count(found[index], clause) for index, clause in bound.row_counts))


def _row_count(given: Literal, clause: str) -> Literal:
    """A parameter in LIMIT or OFFSET: NULL is as if the clause were not there."""
    typed = coerce(given, t.INT64, None, "explicit")
    count = rows_of(typed.value if isinstance(typed, Literal) else None, clause)
    return Literal(t.INT64, (0 if clause == "OFFSET" else ROWS_MAX) if count is None else count)
