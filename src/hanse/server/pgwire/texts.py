"""Values in PostgreSQL's text format (manual, chapter "Data Types", the output of each), a column at a time.

Arrow writes most values as PostgreSQL does. Those that it does not (very small floats, years beyond four digits, arrays) are
written one by one by ``execute.cells``.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from hanse.execute import cells
from hanse.ir import types as t
from hanse.ir.types import Kind
from hanse.server.pgwire.payloads import EMPTY, content, nulls_as

SECOND, DAY = 1_000_000, 86_400_000_000
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31, counted from 1970-01-01: in between Arrow and PostgreSQL write the same."""
_LEAST = 1e-4
"""PostgreSQL writes smaller floats with an exponent, and reals from here on."""
_MOST_REAL = 1e6
_TRUE, _FALSE = pa.scalar(b"t", pa.binary()), pa.scalar(b"f", pa.binary())


def texts(array: pa.Array, type: t.Type, zone: str) -> pa.Array:
    """The values as an array of bytes, NULLs kept; ``zone`` is the one in which timestamptz is shown."""
    if isinstance(type, t.Array):
        return _each(array, cells.text, _items(type), zone)
    return WRITERS.get(type.kind, _plain)(array, zone)


def _plain(array: pa.Array, zone: str) -> pa.Array:  # noqa: ARG001
    return array.cast(pa.string()).view(pa.binary())


def _each(
    array: pa.Array, write: Callable[[Any], str], prepare: Callable[[Any], Any] = lambda value: value, zone: str = "UTC"
) -> pa.Array:
    values = [None if value is None else write(prepare(value)).encode() for value in cells.values(array, zone)]
    return pa.array(values, pa.binary())


def _items(type: t.Array) -> Callable[[Any], Any]:
    """What makes an array's items ready to be written: booleans are one letter."""
    item = type.item
    if isinstance(item, t.Array):
        inner = _items(item)
        return lambda values: [None if value is None else inner(value) for value in values]
    if item.kind is Kind.BOOLEAN:
        return lambda values: [None if value is None else "t" if value else "f" for value in values]
    if item.kind in t.FLOATS:
        return lambda values: [None if value is None else float_text(value, item.kind) for value in values]
    return lambda values: values


def _string(array: pa.Array, zone: str) -> pa.Array:  # noqa: ARG001
    return array.view(pa.binary())


def _boolean(array: pa.Array, zone: str) -> pa.Array:  # noqa: ARG001
    return pc.if_else(array, _TRUE, _FALSE)


def _decimal(array: pa.Array, zone: str) -> pa.Array:
    found = array.cast(pa.string())
    if pc.any(pc.match_substring(found, "E")).as_py():  # Arrow's for numbers near 0
        return _each(array, cells.text, zone=zone)
    return found.view(pa.binary())


def _float(kind: Kind) -> Callable[[pa.Array, str], pa.Array]:
    def write(array: pa.Array, zone: str) -> pa.Array:  # noqa: ARG001
        values = np.abs(np.asarray(array.fill_null(0)))
        rare = ~np.isfinite(values) | ((values < _LEAST) & (values > 0))
        if kind is Kind.FLOAT32:
            rare |= values >= _MOST_REAL
        if not rare.any():
            return array.cast(pa.string()).view(pa.binary())
        shown = array.cast(pa.string()).to_pylist()
        return pa.array([None if one is None else float_text(float(one), kind).encode() for one in shown], pa.binary())

    return write


def float_text(value: float, kind: Kind) -> str:
    """A float as PostgreSQL's ``extra_float_digits = 1`` writes it: the fewest digits that name it. A real is given as the
    shortest number that names it."""
    if value != value or abs(value) == float("inf"):
        return cells.text(value)
    if value == 0:
        return "-0" if str(value).startswith("-") else "0"
    sign, digits, exponent = _parts(repr(value))
    if -4 <= exponent < (6 if kind is Kind.FLOAT32 else 15):
        return cells.text(value)
    point = "." if digits[1:] else ""
    return f"{sign}{digits[0]}{point}{digits[1:]}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _parts(text: str) -> tuple[str, str, int]:
    """A number's sign, its digits without zeros at the ends, and the power of ten of the first."""
    sign = "-" if text.startswith("-") else ""
    mantissa, _, power = text.lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    leading = len(whole.lstrip("0")) or -(len(fraction) - len(fraction.lstrip("0")))
    return sign, digits.rstrip("0") or "0", leading - 1 + int(power or 0)


def _bytes(array: pa.Array, zone: str) -> pa.Array:  # noqa: ARG001
    offsets, data = content(array)
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets * 2, np.int32)), pa.py_buffer(data.hex().encode())]
    hexed = pa.Array.from_buffers(pa.binary(), len(array), buffers)
    return nulls_as(pc.binary_join_element_wise(pa.scalar(b"\\x", pa.binary()), hexed, EMPTY), array)


def _date(array: pa.Array, zone: str) -> pa.Array:
    days = _integers(array, pa.int32())
    if ((days < _FIRST_DAY) | (days > _LAST_DAY)).any():
        return _each(array, cells.text, zone=zone)
    return _plain(array, zone)


def _time(array: pa.Array, zone: str) -> pa.Array:  # noqa: ARG001
    return _trimmed(array, pa.int64(), pa.time32("s"))


def _timestamp(array: pa.Array, zone: str) -> pa.Array:
    if _is_far(array):
        return _each(array, cells.text, zone=zone)
    return _trimmed(array, pa.int64(), pa.timestamp("s"))


def _timestamptz(array: pa.Array, zone: str) -> pa.Array:
    if _is_far(array):
        return _each(array, cells.text, zone=zone)
    utc = _integers(array, pa.int64())
    if zone == "UTC":
        local, offsets = array.view(pa.int64()).view(pa.timestamp("us")), pa.scalar(b"+00", pa.binary())
    else:
        local = pc.local_timestamp(array.cast(pa.timestamp("us", tz=zone)))
        offsets = _offsets((_integers(local, pa.int64()) - utc) // SECOND)
    shown = _timestamp(local, zone)
    return nulls_as(pc.binary_join_element_wise(shown, offsets, EMPTY), array)


def _offsets(seconds: npt.NDArray[np.int64]) -> pa.Array:
    """How far each is ahead of UTC: ``+02``, ``-03:30``, ``+00:53:28``."""
    known, places = np.unique(seconds, return_inverse=True)
    written = pa.array([_offset(int(one)) for one in known], pa.binary())
    return written.take(pa.array(places))


def _offset(seconds: int) -> bytes:
    minutes, rest = divmod(abs(seconds), 60)
    parts = [f"{minutes // 60:02d}", *([f"{minutes % 60:02d}"] if minutes % 60 or rest else [])]
    parts += [f"{rest:02d}"] if rest else []
    return (("-" if seconds < 0 else "+") + ":".join(parts)).encode()


def _is_far(array: pa.Array) -> bool:
    moments = _integers(array, pa.int64())
    # a day less on both ends, since another zone may be on the other side
    return bool(((moments < (_FIRST_DAY + 1) * DAY) | (moments >= _LAST_DAY * DAY)).any())


def _integers(array: pa.Array, type: pa.DataType) -> npt.NDArray[Any]:
    return np.asarray(array.view(type).fill_null(0))


def _trimmed(array: pa.Array, integers: pa.DataType, seconds: pa.DataType) -> pa.Array:
    """Without the zeros that end a fraction of a second, and without a point where there is none."""
    if not (_integers(array, integers) % SECOND).any():
        return array.cast(seconds).cast(pa.string()).view(pa.binary())
    return pc.replace_substring_regex(array.cast(pa.string()), r"\.?0+$", "").view(pa.binary())


def _interval(array: pa.Array, zone: str) -> pa.Array:
    return _each(array, cells.text, zone=zone)


def _nulls(array: pa.Array, zone: str) -> pa.Array:  # noqa: ARG001
    return pa.nulls(len(array), pa.binary())


WRITERS: dict[Kind, Callable[[pa.Array, str], pa.Array]] = {
    Kind.NULL: _nulls,
    Kind.BOOLEAN: _boolean,
    Kind.DECIMAL: _decimal,
    Kind.FLOAT32: _float(Kind.FLOAT32),
    Kind.FLOAT64: _float(Kind.FLOAT64),
    Kind.TEXT: _string,
    Kind.UUID: _string,
    Kind.JSON: _string,
    Kind.ENUM: _string,
    Kind.BYTES: _bytes,
    Kind.DATE: _date,
    Kind.TIME: _time,
    Kind.TIMESTAMP: _timestamp,
    Kind.TIMESTAMPTZ: _timestamptz,
    Kind.INTERVAL: _interval,
}
"""How each kind is written, where it is not as Arrow casts it to text."""
