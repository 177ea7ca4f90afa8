"""Our types in DuckDB's names, and constants with exactly their value and type."""

import datetime as dt
import math
from typing import Any

from hanse.ir.expr import Interval, Literal
from hanse.ir.types import Array, Decimal, Kind, Type
from hanse.spi.duckdb.spelling import quoted

NAMES = {
    Kind.NULL: "INTEGER",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.INT8: "TINYINT",
    Kind.INT16: "SMALLINT",
    Kind.INT32: "INTEGER",
    Kind.INT64: "BIGINT",
    Kind.UINT8: "UTINYINT",
    Kind.UINT16: "USMALLINT",
    Kind.UINT32: "UINTEGER",
    Kind.UINT64: "UBIGINT",
    Kind.FLOAT32: "FLOAT",
    Kind.FLOAT64: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.BYTES: "BLOB",
    Kind.DATE: "DATE",
    Kind.TIME: "TIME",
    Kind.TIMESTAMP: "TIMESTAMP",
    Kind.TIMESTAMPTZ: "TIMESTAMP WITH TIME ZONE",
    Kind.INTERVAL: "INTERVAL",
    Kind.UUID: "VARCHAR",
    Kind.JSON: "VARCHAR",
    Kind.ENUM: "VARCHAR",
}


def type_name(type: Type) -> str:
    """The carrier of ``type`` in DuckDB: uuid, json and enum are strings there, as in Arrow."""
    if isinstance(type, Decimal):
        return f"DECIMAL({type.precision},{type.scale})"
    if isinstance(type, Array):
        return f"{type_name(type.item)}[]"
    return NAMES[type.kind]


def literal(constant: Literal) -> str:
    """The constant in SQL."""
    return spell(constant.value, constant.type)


def spell(value: Any, type: Type) -> str:
    """A value in the carrier of ``type`` (``ir.types``) as SQL of exactly that type."""
    if value is None:
        return "NULL" if type.kind == Kind.NULL else f"CAST(NULL AS {type_name(type)})"
    if isinstance(type, Array):
        return f"CAST([{', '.join(spell(item, type.item) for item in value)}] AS {type_name(type)})"
    match value:
        case bool():
            return "TRUE" if value else "FALSE"
        case int() if type.kind == Kind.INT32 and value >= 0:
            return str(value)
        case float():
            return _float(value, type)
        case str():
            return _text(value)
        case bytes():
            return f"from_hex('{value.hex()}')"
        case Interval():
            return _interval(value)
        case _:
            return f"CAST('{_plain(value)}' AS {type_name(type)})"


def _text(value: str) -> str:
    if "\0" not in value:
        return quoted(value)
    return "(" + " || chr(0) || ".join(quoted(part) for part in value.split("\0")) + ")"


def _float(value: float, type: Type) -> str:
    if math.isfinite(value) and type.kind == Kind.FLOAT64 and "e" not in repr(value) and math.copysign(1, value) > 0:
        return f"{value!r}e0"
    return f"CAST('{value!r}' AS {type_name(type)})"


def _plain(value: Any) -> str:
    """Numbers and moments as text that DuckDB casts without loss."""
    match value:
        case dt.datetime():
            zone = "+00" if value.tzinfo else ""
            naive = value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
            return naive.isoformat(sep=" ") + zone
        case dt.date() | dt.time():
            return value.isoformat()
        case int():
            return str(value)
        case _:
            return format(value, "f")


def _interval(value: Interval) -> str:
    parts = []
    if value.months:
        parts.append(f"to_months({value.months})")
    if value.days:
        parts.append(f"to_days({value.days})")
    if value.microseconds or not parts:
        parts.append(f"to_microseconds({value.microseconds})")
    return parts[0] if len(parts) == 1 else f"({' + '.join(parts)})"
