"""Values of parameters, as clients send them in Bind: text, read as a literal of that type is, or each type's binary format."""

import datetime as dt
import decimal
import math
import struct
import uuid
from collections.abc import Callable
from typing import Any

from hanse.bind.coercion import Untyped, coerce, session_zone
from hanse.errors import InvalidValue, Unsupported
from hanse.ir import types as t
from hanse.ir.expr import Interval, Literal
from hanse.parameters import Typed, type_of
from hanse.server.pgwire import oids
from hanse.server.pgwire.reading import Fields, Violation, decoded

_DAY = 86_400_000_000
_EPOCH = dt.date(2000, 1, 1).toordinal()
_MOMENT = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_GROUP_DIGITS = 4
_NAN, _NEGATIVE, _POSITIVE = 0xC000, 0x4000, 0x0000
_DIMENSIONS_MAX = 6


def value(data: bytes | None, format: int, oid: int, zone: str) -> Any:
    """One parameter as ``engine.query`` takes it. ``oid`` is what the client said it is, or what it was told; ``zone`` the one
    that texts without a zone are in. Raises HanseError."""
    if oid == oids.NUMERIC:
        return _numeric(data, format)
    type = oids.declared(oid)
    if data is None:
        return Typed(None, type) if type != t.NULL else None
    if oids.ITEM_OF.get(oid) == oids.NUMERIC:
        return _numerics(data, format)
    if format == 0:
        return text_value(decoded(data), type, zone)
    return Typed(binary_value(data, oid), type)


def text_value(text: str, type: t.Type, zone: str) -> Any:
    """What a literal of that text and type is; the text itself where only a run can tell. Raises InvalidValue."""
    if type == t.NULL:
        return text
    token = session_zone.set(zone)
    try:
        found = coerce(Untyped(t.TEXT, Literal(t.TEXT, text)), type, None, "explicit")
    finally:
        session_zone.reset(token)
    return Typed(found.value, type) if isinstance(found, Literal) and found.type == type else text


def _numeric(data: bytes | None, format: int) -> Any:
    """Exact numbers have the digits that they have: their type is the value's."""
    if data is None:
        return Typed(None, oids.declared(oids.NUMERIC))
    return _decimal(decoded(data)) if format == 0 else _binary_numeric(data)


def _decimal(text: str) -> decimal.Decimal:
    try:
        return decimal.Decimal(text.strip())
    except decimal.InvalidOperation:
        raise InvalidValue(f'invalid input syntax for type numeric: "{text}"', sqlstate="22P02") from None


def _numerics(data: bytes, format: int) -> Any:
    """An array of them has the digits that all need."""
    if format == 0:
        texts = text_value(decoded(data), t.array(t.TEXT), "UTC").value
        found = [None if text is None else _decimal(text) for text in texts]
    else:
        found = _array(data, oids.NUMERIC)
    types = [type_of(one) for one in found if one is not None]
    scale = max((one.scale for one in types if isinstance(one, t.Decimal)), default=0)
    whole = max((one.precision - one.scale for one in types if isinstance(one, t.Decimal)), default=1)
    if whole + scale > t.DECIMAL_DIGITS_MAX:
        raise InvalidValue("an array of numerics needs more than 38 digits", sqlstate="22003")
    step = decimal.Decimal(1).scaleb(-scale)
    context = decimal.Context(prec=t.DECIMAL_DIGITS_MAX)
    items = tuple(None if one is None else one.quantize(step, context=context) for one in found)
    return Typed(items, t.array(t.decimal(max(1, whole + scale), scale)))


def binary_value(data: bytes, oid: int) -> Any:
    """A value in the binary format of its type. Raises HanseError."""
    if oid in oids.ITEM_OF:
        return _array(data, oids.ITEM_OF[oid])
    if (size := oids.SIZES.get(oid)) is not None and size != len(data):
        raise Violation("incorrect binary data format in bind parameter", sqlstate="22P03")
    read = _READERS.get(oid)
    if read is None:
        raise Unsupported(f"parameters of the type with OID {oid} have no binary format here", hint="send text")
    try:
        return read(data)
    except (struct.error, OverflowError, ValueError):
        raise InvalidValue("incorrect binary data format in bind parameter", sqlstate="22P03") from None


def _array(data: bytes, item: int) -> Any:
    fields = Fields(data)
    dimensions, _, said = fields.int32(), fields.int32(), fields.int32()
    if not 0 <= dimensions <= _DIMENSIONS_MAX or (dimensions and said != item):
        raise InvalidValue("incorrect binary data format of an array", sqlstate="22P03")
    lengths = [(fields.int32(), fields.int32())[0] for _ in range(dimensions)]
    if any(length < 0 for length in lengths) or math.prod(lengths) * 4 > len(data):
        raise InvalidValue("incorrect binary data format of an array", sqlstate="22P03")
    found = _items(fields, lengths, item) if lengths else ()
    fields.end()
    return found


def _items(fields: Fields, lengths: list[int], item: int) -> tuple[Any, ...]:
    if len(lengths) > 1:
        return tuple(_items(fields, lengths[1:], item) for _ in range(lengths[0]))
    values = (fields.value() for _ in range(lengths[0]))
    if item == oids.NUMERIC:
        return tuple(None if one is None else _binary_numeric(one) for one in values)
    return tuple(None if one is None else binary_value(one, item) for one in values)


def _binary_numeric(data: bytes) -> decimal.Decimal:
    fields = Fields(data)
    count, weight, sign, scale = fields.count(), fields.int16(), fields.count(), fields.count()
    groups = [fields.count() for _ in range(count)]
    fields.end()
    if sign == _NAN:
        return decimal.Decimal("NaN")
    if sign not in (_NEGATIVE, _POSITIVE) or any(group > 9999 for group in groups):
        raise InvalidValue("invalid binary numeric", sqlstate="22P03")
    digits = "".join(f"{group:04d}" for group in groups) or "0"
    found = decimal.Decimal(f"{'-' if sign else ''}{digits}").scaleb(_GROUP_DIGITS * (weight + 1 - count))
    try:
        return found.quantize(
            decimal.Decimal(1).scaleb(-scale), context=decimal.Context(prec=200, Emin=-999_999, Emax=999_999)
        )
    except decimal.InvalidOperation:
        raise InvalidValue("a numeric parameter has more than 38 digits", sqlstate="22003") from None


def _number(format: str) -> Callable[[bytes], Any]:
    return lambda data: struct.unpack(format, data)[0]


def _date(data: bytes) -> dt.date:
    return dt.date.fromordinal(_EPOCH + int.from_bytes(data, signed=True))


def _time(data: bytes) -> dt.time:
    micros = int.from_bytes(data, signed=True)
    if not 0 <= micros < _DAY:
        raise ValueError("no time of a day")
    return (_MOMENT + dt.timedelta(microseconds=micros)).time()


def _timestamptz(data: bytes) -> dt.datetime:
    return _MOMENT + dt.timedelta(microseconds=int.from_bytes(data, signed=True))


def _interval(data: bytes) -> Interval:
    micros, days, months = struct.unpack(">qii", data)
    return Interval(months, days, micros)


def _jsonb(data: bytes) -> str:
    if data[:1] != b"\1":
        raise ValueError("unknown version of jsonb")
    return decoded(data[1:])


_READERS: dict[int, Callable[[bytes], Any]] = {
    oids.BOOL: lambda data: data != b"\0",
    oids.INT2: _number(">h"),
    oids.INT4: _number(">i"),
    oids.INT8: _number(">q"),
    oids.OID: _number(">I"),
    oids.FLOAT4: _number(">f"),
    oids.FLOAT8: _number(">d"),
    oids.BYTEA: bytes,
    oids.DATE: _date,
    oids.TIME: _time,
    oids.TIMESTAMP: lambda data: _timestamptz(data).replace(tzinfo=None),
    oids.TIMESTAMPTZ: _timestamptz,
    oids.INTERVAL: _interval,
    oids.UUID: lambda data: str(uuid.UUID(bytes=data)),
    oids.JSON: decoded,
    oids.JSONB: _jsonb,
    **dict.fromkeys((0, oids.TEXT, oids.VARCHAR, oids.BPCHAR, oids.NAME, oids.UNKNOWN), decoded),
}
