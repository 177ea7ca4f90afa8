"""The last step at the server and the first one here: how finished columns travel, and how batches become carriers.

ADBC reads PostgreSQL's binary COPY. What it would read slowly (numeric), wrongly (arrays of arrays come flat) or not at
all is asked for in another form by a SELECT around the request's statement; everything else travels plainly.
"""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from hanse.connectors.shared.exact import decimals
from hanse.errors import InvalidValue, StaleSnapshot
from hanse.ir.expr import Column
from hanse.ir.tables import Table
from hanse.ir.types import Array, Decimal, Kind, Type
from hanse.spi.arrow import carrier, wire_schema

ITEMS: dict[Kind, str] = {
    Kind.BOOLEAN: "bool",
    Kind.INT16: "int2",
    Kind.INT32: "int4",
    Kind.INT64: "int8",
    Kind.FLOAT32: "float4",
    Kind.FLOAT64: "float8",
    Kind.BYTES: "bytea",
    Kind.DATE: "date",
    Kind.TIME: "time",
    Kind.TIMESTAMP: "timestamp",
    Kind.TIMESTAMPTZ: "timestamptz",
    Kind.INTERVAL: "interval",
}
"""Items that travel in an array as they are; all others travel as text."""
INTERVAL_HOURS_MAX = 2_562_046
"""The carrier counts nanoseconds in 64 bits."""
DAY_MICROSECONDS = 86_400_000_000
DAYS = (-2_440_588, 2_145_042_905)
MICROSECONDS = (DAYS[0] * DAY_MICROSECONDS, 2**63 - 1)
"""The finite dates of PostgreSQL, counted from 1970; infinities and years beyond 294246 come out below the range."""


def statement(sql: str, columns: Sequence[Column], labels: Sequence[str]) -> str:
    """The request's statement, with its columns in the form in which they travel."""
    names = [f"a{place}" for place in range(len(columns))]
    items = [travelling(name, column.type, label) for name, column, label in zip(names, columns, labels, strict=True)]
    if items == names:
        return sql
    return f"SELECT {', '.join(items)} FROM ({sql}) AS q({', '.join(names)})"


def travelling(name: str, type: Type, label: str) -> str:
    """One column in the outermost SELECT list; a value without a carrier is an error that shows the label."""
    if isinstance(type, Array):
        item = ITEMS.get(type.item.kind, "text")
        odd = f"array_ndims({name}) > 1 OR array_lower({name}, 1) <> 1"
        shown = f"({_text(label + ' holds an array that is no plain list: ')} || array_dims({name}))::{item}[]"
        return f"CASE WHEN {odd} THEN {shown} ELSE {name}::{item}[] END"
    if type.kind is Kind.INTERVAL:
        odd = f"abs(extract(hour FROM {name})) > {INTERVAL_HOURS_MAX}"
        shown = f"({_text(label + ' holds an interval beyond 292 years of hours: ')} || {name}::text)::interval"
        return f"CASE WHEN {odd} THEN {shown} ELSE {name} END"
    return f"{name}::text" if type.kind in (Kind.DECIMAL, Kind.UUID) else name


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def label(column: Column, tables: Sequence[Table]) -> str:
    """How messages name a column: with its table, if one of the request's tables has a column of that name."""
    owners = [str(table) for table in tables if any(found.name == column.name for found in table.columns)]
    return f"column {column.name} of {' or '.join(owners)}" if owners else f"column {column.name}"


class Decoder:
    """Turns the batches of one request into batches of exactly its wire schema."""

    def __init__(self, source: str, columns: Sequence[Column], labels: Sequence[str]) -> None:
        """``labels`` name the columns in messages."""
        self.schema = wire_schema(tuple(columns))
        self._source = source
        self._types = [column.type for column in columns]
        self._labels = labels

    def decode(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch in our carriers; raises InvalidValue, or StaleSnapshot if the columns are not those promised."""
        if batch.num_columns != len(self._types):
            raise StaleSnapshot(
                f"{len(self._types)} columns were expected, {batch.num_columns} came", source=self._source
            )
        found = [self._column(array, place) for place, array in enumerate(batch.columns)]
        return pa.RecordBatch.from_arrays(found, schema=self.schema)

    def _column(self, array: pa.Array, place: int) -> pa.Array:
        try:
            return convert(array, self._types[place])
        except TypeError:
            message = f"{self._labels[place]} came as {array.type}, not as {self._types[place]}"
            raise StaleSnapshot(message, source=self._source) from None
        except ValueError as failure:
            raise InvalidValue(f"{self._labels[place]}: {failure}", sqlstate="22003", source=self._source) from None


def convert(array: pa.Array, type: Type) -> pa.Array:
    """The values in the carrier of ``type``; ValueError names one that does not fit, TypeError a wrong kind."""
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if isinstance(type, Array):
        return _list(array, type)
    if isinstance(type, Decimal):
        return _decimal(array, type)
    target = carrier(type)
    if array.type != target:
        array = _widened(array, target)
    check = CHECKS.get(type.kind)
    if check is not None:
        check(array)
    return array


def _decimal(array: pa.Array, type: Decimal) -> pa.Array:
    if not pa.types.is_string(array.type):
        raise TypeError(array.type)
    return decimals(array, type)


def _list(array: pa.Array, type: Array) -> pa.Array:
    if not pa.types.is_list(array.type):
        raise TypeError(array.type)
    items = convert(array.values, type.item)
    validity, offsets = array.buffers()[:2]
    return pa.ListArray.from_buffers(
        carrier(type), len(array), [validity, offsets], offset=array.offset, children=[items]
    )


def _widened(array: pa.Array, target: pa.DataType) -> pa.Array:
    """A value-preserving cast between types of one family; anything else was not what the catalog promised."""
    families: tuple[Callable[[pa.DataType], bool], ...] = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_timestamp,
        pa.types.is_binary,
    )
    if array.null_count == len(array):
        return pa.nulls(len(array), target)
    if not any(family(array.type) and family(target) for family in families):
        raise TypeError(array.type)
    try:
        return pc.cast(array, target, safe=True)
    except pa.ArrowInvalid:  # a value beyond the type that was promised: the column has grown since
        raise TypeError(array.type) from None


def _check_days(array: pa.Array) -> None:
    _check_range(array.view(pa.int32()), DAYS, "an infinite date")


def _check_moments(array: pa.Array) -> None:
    _check_range(array.view(pa.int64()), MICROSECONDS, "an infinite timestamp, or one after the year 294246")


def _check_times(array: pa.Array) -> None:
    _check_range(array.view(pa.int64()), (0, DAY_MICROSECONDS - 1), "the time 24:00:00")


def _check_range(numbers: pa.Array, bounds: tuple[int, int], what: str) -> None:
    ends = pc.min_max(numbers).as_py()
    if ends["min"] is not None and (ends["min"] < bounds[0] or ends["max"] > bounds[1]):
        raise ValueError(f"{what} has no place in the type (see the option infinity)")


CHECKS: dict[Kind, Callable[[pa.Array], None]] = {
    Kind.DATE: _check_days,
    Kind.TIMESTAMP: _check_moments,
    Kind.TIMESTAMPTZ: _check_moments,
    Kind.TIME: _check_times,
}
