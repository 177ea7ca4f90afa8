"""Values in PostgreSQL's binary format (what each type's ``..._send`` function yields), a column at a time.

Integers are in network order; dates and moments count from 2000-01-01; a numeric is a list of four-digit groups; an array has
its dimensions before its items.
"""

import binascii
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from hanse.errors import InvalidValue
from hanse.ir import types as t
from hanse.ir.types import Kind
from hanse.server.pgwire.oids import ITEM_OF, of_type
from hanse.server.pgwire.payloads import Bytes, content, matrix, nulls_as, numbers, of_matrix

EPOCH_DAYS = 10_957
"""2000-01-01, counted from 1970-01-01."""
EPOCH_MICROS = EPOCH_DAYS * 86_400_000_000
GROUP = 10_000
_SCALE_MAX = 18
"""With more digits after the point, ten to their number is no int64."""
_NEGATIVE = 0x4000
_INTERVAL = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanos", "<i8")])
_INTERVAL_SENT = np.dtype([("micros", ">i8"), ("days", ">i4"), ("months", ">i4")])


def fixed(array: pa.Array, type: t.Type) -> Bytes | None:
    """The values as rows of as many bytes each, those at NULLs being anything; None where they differ in length."""
    if isinstance(type, t.Decimal) or type.kind is Kind.UINT64:
        return _numerics(array, type)
    write = FIXED.get(type.kind)
    return None if write is None else write(array)


def binaries(array: pa.Array, type: t.Type) -> pa.Array:
    """The values as an array of bytes, NULLs kept."""
    values = fixed(array, type)
    if values is not None:
        return nulls_as(of_matrix(values), array)
    if isinstance(type, t.Array):
        return _arrays(array, type)
    match type.kind:
        case Kind.DECIMAL | Kind.UINT64:
            shown = array.cast(pa.decimal128(20, 0)) if type.kind is Kind.UINT64 else array
            return pa.array([None if one is None else numeric(one) for one in shown.to_pylist()], pa.binary())
        case Kind.NULL:
            return pa.nulls(len(array), pa.binary())
        case Kind.UUID:
            return _uuids(array)
        case Kind.BYTES:
            return array
        case _:
            return array.view(pa.binary())


def _integers(sent: str, widened: pa.DataType) -> Callable[[pa.Array], Bytes]:
    return lambda array: matrix(numbers(array.cast(widened), f"<{sent}").astype(f">{sent}"))


def _floats(sent: str) -> Callable[[pa.Array], Bytes]:
    return lambda array: matrix(numbers(array, f"<{sent}").astype(f">{sent}"))


def _booleans(array: pa.Array) -> Bytes:
    return np.asarray(array.fill_null(False).cast(pa.uint8())).reshape(-1, 1)


def _since_2000(sent: str, epoch: int) -> Callable[[pa.Array], Bytes]:
    return lambda array: matrix((numbers(array, f"<{sent}") - epoch).astype(f">{sent}"))


def _intervals(array: pa.Array) -> Bytes:
    given = numbers(array, _INTERVAL)  # type: ignore[arg-type]  # a dtype does as well as its name
    found = np.zeros(len(given), _INTERVAL_SENT)
    found["micros"], found["days"], found["months"] = given["nanos"] // 1000, given["days"], given["months"]
    return matrix(found)


FIXED: dict[Kind, Callable[[pa.Array], Bytes]] = {
    Kind.BOOLEAN: _booleans,
    Kind.INT8: _integers("i2", pa.int16()),
    Kind.INT16: _integers("i2", pa.int16()),
    Kind.INT32: _integers("i4", pa.int32()),
    Kind.INT64: _integers("i8", pa.int64()),
    Kind.UINT8: _integers("i2", pa.int16()),
    Kind.UINT16: _integers("i4", pa.int32()),
    Kind.UINT32: _integers("i8", pa.int64()),
    Kind.FLOAT32: _floats("f4"),
    Kind.FLOAT64: _floats("f8"),
    Kind.DATE: _since_2000("i4", EPOCH_DAYS),
    Kind.TIME: _since_2000("i8", 0),
    Kind.TIMESTAMP: _since_2000("i8", EPOCH_MICROS),
    Kind.TIMESTAMPTZ: _since_2000("i8", EPOCH_MICROS),
    Kind.INTERVAL: _intervals,
}


def _numerics(array: pa.Array, type: t.Type) -> Bytes | None:
    """Numerics with as many groups each, where all fit an int64; None where one does not. Groups at the ends may be 0."""
    scale = type.scale if isinstance(type, t.Decimal) else 0
    if type.kind is Kind.UINT64:
        low, high = numbers(array, "<u8"), np.zeros(len(array), np.int64)
        if (low > np.uint64(2**63 - 1)).any():
            return None
        values = low.astype(np.int64)
    else:
        halves = _halves(array)
        values, high = halves[:, 0], halves[:, 1]
    if scale > _SCALE_MAX or (high != (values >> 63)).any() or (values == np.iinfo(np.int64).min).any():
        return None
    size = np.abs(values)
    whole, fraction = np.divmod(size, np.int64(10**scale))
    largest = int(whole.max(initial=0))
    wholes = max(1, -(-len(str(largest)) // 4))
    groups = [whole // GROUP**place % GROUP for place in reversed(range(wholes))]
    groups += _fraction_groups(fraction, scale)
    found = np.zeros((len(values), 4 + len(groups)), ">u2")
    found[:, 0], found[:, 1], found[:, 3] = len(groups), wholes - 1, scale
    found[:, 2] = np.where(values < 0, _NEGATIVE, 0)
    for place, group in enumerate(groups):
        found[:, 4 + place] = group
    return matrix(found)


def _halves(array: pa.Array) -> npt.NDArray[np.int64]:
    """The lower and the upper 64 bits of each decimal; 0 at NULLs, behind which may be anything."""
    buffer = array.buffers()[1]
    if buffer is None:
        return np.zeros((len(array), 2), np.int64)
    every = np.frombuffer(buffer, "<i8", count=2 * (len(array) + array.offset)).reshape(-1, 2)[array.offset :]
    return np.where(np.asarray(array.is_valid())[:, None], every, 0) if array.null_count else every


def _fraction_groups(fraction: npt.NDArray[np.int64], scale: int) -> list[npt.NDArray[np.int64]]:
    """The groups after the point; the last is filled up with zeros."""
    full, rest = divmod(scale, 4)
    groups = [fraction // 10 ** (scale - 4 * place) % GROUP for place in range(1, full + 1)]
    return [*groups, fraction % 10**rest * 10 ** (4 - rest)] if rest else groups


def numeric(value: Any) -> bytes:
    """One decimal, without groups that are 0 at its ends."""
    sign, digits, exponent = value.as_tuple()
    scale = max(0, -exponent)
    text = "".join(map(str, digits)) + "0" * max(0, exponent)
    text = text.rjust(scale, "0")
    whole, fraction = text[: len(text) - scale], text[len(text) - scale :]
    whole, fraction = whole.rjust(-(-len(whole) // 4) * 4, "0"), fraction.ljust(-(-len(fraction) // 4) * 4, "0")
    joined = whole + fraction
    groups = [int(joined[at : at + 4]) for at in range(0, len(joined), 4)]
    weight = len(whole) // 4 - 1
    while groups and groups[0] == 0:
        groups.pop(0)
        weight -= 1
    while groups and groups[-1] == 0:
        groups.pop()
    head = struct.pack(">HhHH", len(groups), weight if groups else 0, _NEGATIVE if sign and groups else 0, scale)
    return head + struct.pack(f">{len(groups)}H", *groups)


def _uuids(array: pa.Array) -> pa.Array:
    valid = array.drop_null()
    _, data = content(pc.replace_substring(valid, "-", ""))
    sent = of_matrix(np.frombuffer(binascii.unhexlify(data), np.uint8).reshape(len(valid), 16))
    if not array.null_count:
        return sent
    places = np.cumsum(np.asarray(array.is_valid())) - 1
    return sent.take(pa.array(places, pa.int64(), mask=~np.asarray(array.is_valid())))


def _arrays(array: pa.Array, type: t.Array) -> pa.Array:
    """``array_send``: number of dimensions, whether there are NULLs, the items' type; of each dimension its length and lower
    bound; then each item behind its length."""
    depth, item = 1, type.item
    while isinstance(item, t.Array):
        depth, item = depth + 1, item.item
    oid = ITEM_OF[of_type(type)]
    return pa.array([None if not one.is_valid else _one(one.values, depth, item, oid) for one in array], pa.binary())


def _one(values: pa.Array, depth: int, item: t.Type, oid: int) -> bytes:
    lengths = [len(values)]
    for _ in range(depth - 1):
        inner = set(pc.list_value_length(values).to_pylist())
        if len(inner) > 1 or None in inner:
            hint = "read the column as text: CAST(... AS text)"
            raise InvalidValue("an array whose parts differ in length has no binary form", sqlstate="2202E", hint=hint)
        lengths.append(inner.pop() if inner else 0)
        values = values.flatten()
    if not len(values):
        return struct.pack(">iiI", 0, 0, oid)
    dimensions = b"".join(struct.pack(">ii", length, 1) for length in lengths)
    items = (
        b"\xff\xff\xff\xff" if one is None else struct.pack(">i", len(one)) + one
        for one in binaries(values, item).to_pylist()
    )
    return struct.pack(">iiI", depth, int(values.null_count > 0), oid) + dimensions + b"".join(items)
