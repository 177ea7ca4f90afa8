"""Constants in PostgreSQL's words, with exactly their value and type; needs standard_conforming_strings, which is pinned."""

import datetime
import decimal
import math
from collections.abc import Callable, Sequence
from decimal import Decimal as Number
from typing import Any

from hanse.ir.expr import Interval, Literal
from hanse.ir.types import INTEGERS, Array, Decimal, Kind, Type

TYPE_NAMES: dict[Kind, str] = {
    Kind.BOOLEAN: "boolean",
    Kind.INT16: "int2",
    Kind.INT32: "int4",
    Kind.INT64: "int8",
    Kind.FLOAT32: "float4",
    Kind.FLOAT64: "float8",
    Kind.TEXT: "text",
    Kind.BYTES: "bytea",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
    Kind.TIMESTAMPTZ: "timestamptz",
    Kind.INTERVAL: "interval",
    Kind.UUID: "uuid",
    Kind.JSON: "json",
}
"""This server's own spellings. It has no unsigned integers and none of one byte."""
WIDE = decimal.Context(prec=100)


def type_name(type: Type) -> str | None:
    """The type in a CAST; None if there is none that means the same."""
    if isinstance(type, Decimal):
        return f"numeric({type.precision},{type.scale})"
    if isinstance(type, Array):
        item = None if isinstance(type.item, Array) else stored_name(type.item)
        return None if item is None else f"{item}[]"
    return TYPE_NAMES.get(type.kind)


def stored_name(type: Type) -> str | None:
    """The type in which constants travel: labels of an enum as text."""
    return "text" if type.kind is Kind.ENUM else type_name(type)


def literal(constant: Literal) -> str | None:
    """The constant, or None if the server cannot hold it (a NUL in a text, an unsigned integer)."""
    if constant.type.kind is Kind.NULL:
        return "NULL"
    name = stored_name(constant.type)
    if name is None:
        return None
    if constant.value is None:
        return f"NULL::{name}"
    if isinstance(constant.type, Array):
        return _array(constant.type.item, constant.value, name)
    return SPELLINGS[constant.type.kind](constant.value, constant.type)


def _array(item: Type, values: tuple[Any, ...], name: str) -> str | None:
    spelt = [literal(Literal(item, value)) for value in values]
    return None if None in spelt else f"ARRAY[{', '.join(map(str, spelt))}]::{name}"


def key_array(type: Type, keys: Sequence[Any]) -> str:
    """The keys as one array constant; left out is text with a NUL, which no value of the server has.

    See the manual, section 8.15.2: in double quotes an item holds anything, with a backslash before both marks.
    """
    name = "numeric" if isinstance(type, Decimal) else stored_name(type)
    if type.kind in INTEGERS:
        return f"'{{{','.join(map(str, keys))}}}'::{name}[]"
    held = [text for text in map(_key_text, keys) if "\0" not in text]
    items = "\0".join(held).replace("\\", "\\\\").replace('"', '\\"').replace("'", "''").replace("\0", '","')
    return f"'{{{chr(34) + items + chr(34) if held else ''}}}'::{name}[]"


def _key_text(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ")
    return f"{value:f}" if isinstance(value, Number) else str(value)


def quoted(value: str) -> str | None:
    """The text as a string constant; None if it has a character that the server refuses."""
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        return None
    return "'" + value.replace("'", "''") + "'"


def _of(type: str) -> Callable[[Any, Type], str | None]:
    def spell(value: Any, _: Type) -> str | None:
        text = quoted(str(value))
        return None if text is None else f"{text}::{type}"

    return spell


def _boolean(value: bool, _: Type) -> str:
    return "true" if value else "false"


def _integer(value: int, type: Type) -> str:
    if value < 0:
        return f"'{value}'::{TYPE_NAMES[type.kind]}"
    return str(value) if type.kind is Kind.INT32 else f"{value}::{TYPE_NAMES[type.kind]}"


def _number(value: Number, type: Type) -> str | None:
    assert isinstance(type, Decimal)
    if not value.is_finite():
        return None
    text = f"{value.quantize(Number(1).scaleb(-type.scale), context=WIDE):f}"
    return text if "." in text and value >= 0 else f"'{text}'::numeric"


def _float(name: str) -> Callable[[float, Type], str]:
    def spell(value: float, _: Type) -> str:
        if math.isnan(value):
            return f"'NaN'::{name}"
        if math.isinf(value):
            return f"'{'-' if value < 0 else ''}Infinity'::{name}"
        return f"'{value!r}'::{name}"

    return spell


def _bytes(value: bytes, _: Type) -> str:
    return f"'\\x{value.hex()}'::bytea"


def _moment(name: str) -> Callable[[Any, Type], str]:
    return lambda value, _: f"'{value.isoformat(sep=' ')}'::{name}"


def _interval(value: Interval, _: Type) -> str:
    minutes, micros = divmod(abs(value.microseconds), 60_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds, micros = divmod(micros, 1_000_000)
    sign = "-" if value.microseconds < 0 else ""
    return f"'{value.months} mons {value.days} days {sign}{hours}:{minutes:02}:{seconds:02}.{micros:06}'::interval"


SPELLINGS: dict[Kind, Callable[[Any, Type], str | None]] = {
    Kind.BOOLEAN: _boolean,
    Kind.INT16: _integer,
    Kind.INT32: _integer,
    Kind.INT64: _integer,
    Kind.DECIMAL: _number,
    Kind.FLOAT32: _float("float4"),
    Kind.FLOAT64: _float("float8"),
    Kind.TEXT: _of("text"),
    Kind.ENUM: _of("text"),
    Kind.BYTES: _bytes,
    Kind.DATE: lambda value, _: f"'{value.isoformat()}'::date",
    Kind.TIME: lambda value, _: f"'{value.isoformat()}'::time",
    Kind.TIMESTAMP: _moment("timestamp"),
    Kind.TIMESTAMPTZ: _moment("timestamptz"),
    Kind.INTERVAL: _interval,
    Kind.UUID: _of("uuid"),
    Kind.JSON: _of("json"),
}
