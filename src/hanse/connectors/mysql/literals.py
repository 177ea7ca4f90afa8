"""Constants in MySQL's SQL. Sessions run with NO_BACKSLASH_ESCAPES; text that could tell is written in hexadecimal."""

import datetime
import decimal
import math
from collections.abc import Callable
from typing import Any

from hanse.ir.expr import Interval, Literal
from hanse.ir.types import INTEGERS, Decimal, Kind, Type

SMALLEST = -(2**63)
SCALE_MAX = 30
"""MySQL's; MariaDB has 38."""


def literal(constant: Literal) -> str | None:
    """The constant with its value and type; None if the source has no such value."""
    if constant.value is None:
        return "NULL"
    spell = SPELLINGS.get(constant.type.kind)
    return None if spell is None else spell(constant.value, constant.type)


def _integer(value: int, _: Type) -> str:
    # 9223372036854775808 alone is unsigned, and its negation a decimal
    return "(-9223372036854775807 - 1)" if value == SMALLEST else str(value)


def _boolean(value: bool, _: Type) -> str:
    return "TRUE" if value else "FALSE"


def _decimal(value: decimal.Decimal, type: Type) -> str | None:
    if not isinstance(type, Decimal) or not value.is_finite() or type.scale > SCALE_MAX:
        return None
    return f"{value:.{type.scale}f}" if -value.as_tuple().exponent <= type.scale else None  # type: ignore[operator]


def _double(value: float, _: Type) -> str | None:
    if not math.isfinite(value) or (value == 0 and math.copysign(1, value) < 0):
        return None
    text = repr(value)
    return text if "e" in text else f"{text}e0"


def text(value: str, _: Type | None = None) -> str | None:
    """The text as a constant of utf8mb4; None for lone surrogates, which are no characters."""
    if "\\" in value or not value.isprintable():  # as lone surrogates are not
        try:
            return f"_utf8mb4 X'{value.encode('utf-8').hex()}'"
        except UnicodeEncodeError:
            return None
    return "'" + value.replace("'", "''") + "'"


def _bytes(value: bytes, _: Type) -> str:
    return f"X'{value.hex()}'"


def _date(value: datetime.date, _: Type) -> str:
    return f"DATE'{value.isoformat()}'"


def _time(value: datetime.time, _: Type) -> str:
    return f"TIME'{value.isoformat()}'"


def _timestamp(value: datetime.datetime, _: Type) -> str:
    if value.tzinfo is not None:
        value = value.astimezone(datetime.UTC).replace(tzinfo=None)
    return f"TIMESTAMP'{value.isoformat(' ')}'"


def _interval(value: Interval, _: Type) -> str:
    """Only the operators on times read it (``functions``); anywhere else it is no SQL at all."""
    return f"INTERVAL '{value.months}:{value.days}:{value.microseconds}'"


SPELLINGS: dict[Kind, Callable[[Any, Any], str | None]] = {
    **dict.fromkeys(INTEGERS, _integer),
    Kind.BOOLEAN: _boolean,
    Kind.DECIMAL: _decimal,
    Kind.FLOAT64: _double,
    Kind.TEXT: text,
    Kind.ENUM: text,
    Kind.UUID: text,
    Kind.BYTES: _bytes,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMPTZ: _timestamp,
    Kind.INTERVAL: _interval,
}


def type_name(type: Type) -> str | None:
    """The type in a CAST, where it has one that means the same."""
    if isinstance(type, Decimal):
        return f"DECIMAL({type.precision},{type.scale})" if type.scale <= SCALE_MAX else None
    return TYPE_NAMES.get(type.kind)


TYPE_NAMES = {
    Kind.INT64: "SIGNED",
    Kind.UINT64: "UNSIGNED",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME(6)",
    Kind.TIMESTAMP: "DATETIME(6)",
    Kind.TIMESTAMPTZ: "DATETIME(6)",
}
