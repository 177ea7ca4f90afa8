"""SQLite's values as our carriers. SQLite has integers, reals, texts and blobs; what stands for each type of ours is fixed
here, and the dialect spells expressions accordingly:

booleans are 0 and 1; decimals of up to 15 digits are REAL, wider ones text (``12.50``) or, from a pushed sum, two
integers ``high:low`` of a number of units of the last digit; dates and times are ISO text.
"""

from decimal import Decimal as Number
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from hanse.connectors.sqlite.types import REAL_DIGITS
from hanse.errors import InvalidValue
from hanse.ir.expr import Column
from hanse.ir.types import INTEGERS, Decimal, Kind, Type
from hanse.spi.arrow import carrier, wire_schema

PINS = {"int64": "0", "double": "0.0", "string": "''", "binary": "x''"}
"""A first row of these values tells the Arrow driver each column's type, which it otherwise guesses from the first rows."""


def raw_type(kind: Type) -> pa.DataType:
    """The Arrow type in which SQLite's values for a type of ours arrive."""
    if kind.kind in INTEGERS or kind.kind is Kind.BOOLEAN:
        return pa.int64()
    if kind.kind is Kind.FLOAT64 or (isinstance(kind, Decimal) and kind.precision <= REAL_DIGITS):
        return pa.float64()
    return pa.binary() if kind.kind is Kind.BYTES else pa.string()


def pinned(sql: str, columns: tuple[Column, ...]) -> str:
    """The statement with a first row that fixes the Arrow types."""
    pins = ", ".join(PINS[str(raw_type(column.type))] for column in columns)
    return f"SELECT {pins} UNION ALL SELECT * FROM ({sql})"


def from_rows(rows: list[tuple[Any, ...]], columns: tuple[Column, ...]) -> list[pa.Array]:
    """Rows as raw arrays; raises ArrowException for a value of another storage class."""
    return [_array(values, column.type) for values, column in zip(zip(*rows, strict=True), columns, strict=True)]


def _array(values: tuple[Any, ...], kind: Type) -> pa.Array:
    """One column; sums that are spelled in two parts (``_sums``) are text whatever their type."""
    texts = [value for value in values if isinstance(value, str)]
    is_spelled = kind.kind in (Kind.INT64, Kind.DECIMAL) and bool(texts) and all(":" in text for text in texts)
    return pa.array(values, pa.string() if is_spelled else raw_type(kind))


def decode(arrays: list[pa.Array], columns: tuple[Column, ...], source: str) -> pa.RecordBatch:
    """Raw arrays as carriers; raises InvalidValue for a text that is not of its type."""
    decoded = []
    for array, column in zip(arrays, columns, strict=True):
        try:
            decoded.append(_decode(array, column.type))
        except pa.ArrowException as failure:
            raise InvalidValue(f"column {column.name}: {failure}", source=source, sqlstate="22P02") from None
    return pa.RecordBatch.from_arrays(decoded, schema=wire_schema(columns))


def _decode(array: pa.Array, kind: Type) -> pa.Array:
    wanted = carrier(kind)
    if (isinstance(kind, Decimal) or kind.kind is Kind.INT64) and pa.types.is_string(array.type):
        return _sums(array, kind) if pc.any(pc.match_substring(array, ":")).as_py() else array.cast(wanted)
    if kind.kind is Kind.TIME:
        days = pc.binary_join_element_wise("1970-01-01", array, " ")
        return days.cast(pa.timestamp("us")).cast(wanted)
    if array.type != wanted:
        return array.cast(wanted)
    return array


def _sums(array: pa.Array, kind: Type) -> pa.Array:
    """Sums as SQLite can add them without overflow: units of the last digit, ``high * 2**32 + low``."""
    unit = Number(1).scaleb(-kind.scale) if isinstance(kind, Decimal) else 1
    values: list[Number | int | None] = []
    for text in array.to_pylist():
        high, _, low = (text or "").partition(":")
        values.append(None if text is None else ((int(high) << 32) + int(low)) * unit)
    return pa.array(values, carrier(kind))
