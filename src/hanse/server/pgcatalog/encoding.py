"""Values of an answer as a DataRow has them, in text and in binary (PostgreSQL's manual, Formats and Format Codes).

Binary is what a type's send function writes: integers in network order, floats as IEEE 754, moments in microseconds since 2000.
"""

import datetime as dt
import struct
from typing import Any

from hanse.server.pgcatalog import types as t

_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_FIXED = {t.BOOL: ">?", t.INT2: ">h", t.INT4: ">i", t.INT8: ">q", t.FLOAT4: ">f", t.FLOAT8: ">d"}
_OID_LIKE = t.REG | {t.OID, t.XID, 29}
_SPECIAL = frozenset('{}", \\\t\n\r\v\f')


def encoded(value: Any, oid: int, binary: bool) -> bytes | None:
    """One value of a column of that type; None is NULL."""
    if value is None:
        return None
    return _binary(value, oid) if binary else _text(value, oid).encode()


def _text(value: Any, oid: int) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, list):
        return _list_text(value, oid)
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    if isinstance(value, dt.datetime):
        return _moment(value)
    if isinstance(value, float):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(str(value)) or _number(value)
    return str(value)


def _number(value: float) -> str:
    """The shortest text that reads back as the same number."""
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)


def _moment(value: dt.datetime) -> str:
    text = value.replace(tzinfo=None).isoformat(" ")
    text = text.rstrip("0") if value.microsecond else text
    return f"{text}+00" if value.tzinfo else text


def _list_text(value: list[Any], oid: int) -> str:
    element = t.ELEMENTS.get(oid, t.TEXT)
    if t.ARRAYS.get(element) != oid:  # int2vector, oidvector
        return " ".join(_text(item, element) for item in value)
    return "{" + ",".join("NULL" if item is None else _quoted(_text(item, element)) for item in value) + "}"


def _quoted(text: str) -> str:
    if text and text.upper() != "NULL" and not _SPECIAL & set(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _binary(value: Any, oid: int) -> bytes:
    if oid in _FIXED:
        return struct.pack(_FIXED[oid], value)
    if oid in _OID_LIKE:
        return struct.pack(">I", int(value))
    if isinstance(value, list):
        return _list_binary(value, oid)
    if isinstance(value, bytes):
        return value
    if isinstance(value, dt.datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        return struct.pack(">q", (aware - _EPOCH) // dt.timedelta(microseconds=1))
    text = _text(value, oid).encode()
    return b"\x01" + text if oid == t.named("jsonb") else text


def _list_binary(value: list[Any], oid: int) -> bytes:
    """array_send: dimensions, whether there are NULLs, the items' type, length and first subscript, the items."""
    element = t.ELEMENTS.get(oid, t.TEXT)
    first = 1 if t.ARRAYS.get(element) == oid else 0
    has_nulls = int(any(item is None for item in value))
    if not value and first:
        return struct.pack(">iiI", 0, 0, element)
    parts = [struct.pack(">iiIii", 1, has_nulls, element, len(value), first)]
    for item in value:
        found = None if item is None else _binary(item, element)
        parts.append(struct.pack(">i", -1) if found is None else struct.pack(">i", len(found)) + found)
    return b"".join(parts)
