"""The Arrow carrier of each type (table in ``ir.types``): what every batch that a connector yields must hold."""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from hanse.ir.expr import Column
from hanse.ir.types import Array, Decimal, Kind, Type

CARRIERS: dict[Kind, pa.DataType] = {
    Kind.NULL: pa.null(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.INT8: pa.int8(),
    Kind.INT16: pa.int16(),
    Kind.INT32: pa.int32(),
    Kind.INT64: pa.int64(),
    Kind.UINT8: pa.uint8(),
    Kind.UINT16: pa.uint16(),
    Kind.UINT32: pa.uint32(),
    Kind.UINT64: pa.uint64(),
    Kind.FLOAT32: pa.float32(),
    Kind.FLOAT64: pa.float64(),
    Kind.TEXT: pa.string(),
    Kind.BYTES: pa.binary(),
    Kind.DATE: pa.date32(),
    Kind.TIME: pa.time64("us"),
    Kind.TIMESTAMP: pa.timestamp("us"),
    Kind.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
    Kind.INTERVAL: pa.month_day_nano_interval(),
    Kind.UUID: pa.string(),
    Kind.JSON: pa.string(),
    Kind.ENUM: pa.string(),
}


def carrier(type: Type) -> pa.DataType:
    """The Arrow type that carries values of ``type``."""
    if isinstance(type, Decimal):
        return pa.decimal128(type.precision, type.scale)
    if isinstance(type, Array):
        return pa.list_(carrier(type.item))
    return CARRIERS[type.kind]


def schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The schema of batches for these columns, under their names."""
    return pa.schema([pa.field(column.name, carrier(column.type)) for column in columns])


def wire_schema(columns: tuple[Column, ...]) -> pa.Schema:
    """The schema of batches between connector and coordinator: columns are named ``c<id>``, which is unique."""
    return pa.schema([pa.field(f"c{column.id}", carrier(column.type)) for column in columns])


def end(batches: Iterator[pa.RecordBatch]) -> None:
    """Want no more of them: what can be closed, as a generator can, ends its statement at once and not when it is collected."""
    if close := getattr(batches, "close", None):
        close()


def carried(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """The array in its carrier; raises ArrowInvalid for a value that does not fit. NULLs alone fit whatever type DuckDB gave
    them: a constant that folds to NULL is an integer to it, and Arrow would not make that a decimal of few digits."""
    if array.type == wanted:
        return array
    return pa.nulls(len(array), wanted) if array.null_count == len(array) else array.cast(wanted, safe=True)


INFINITIES: dict[Kind, tuple[pa.DataType, tuple[int, ...], str]] = {
    Kind.DATE: (pa.int32(), (2**31 - 1, -(2**31) + 1), "infinity"),
    Kind.TIMESTAMP: (pa.int64(), (2**63 - 1, -(2**63) + 1), "infinity"),
    Kind.TIMESTAMPTZ: (pa.int64(), (2**63 - 1, -(2**63) + 1), "infinity"),
    Kind.TIME: (pa.int64(), (86_400_000_000,), "24:00:00"),
}
"""The integers behind the carriers by which DuckDB says what no carrier of ours can hold, and what they mean."""


def unrepresentable(array: pa.Array, type: Type) -> str | None:
    """What the array (in the carrier of ``type``) holds that only looks like a value: ``infinity`` or ``24:00:00``."""
    if type.kind not in INFINITIES:
        return None
    integer, values, meaning = INFINITIES[type.kind]
    found = pc.is_in(array.view(integer), value_set=pa.array(values, integer))
    return meaning if pc.any(found).as_py() else None
