"""Columns of text, as the server prints its values, to the carriers of their types; what does not fit is an error.

Nothing is converted by the driver: numbers, dates and times arrive as the text that the server prints, so decimals are
exact, dates that do not exist can be seen, and a time of 838 hours is not mistaken for one of a day.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from hanse.connectors.mysql.columns import Cutter
from hanse.connectors.mysql.wire import Block
from hanse.errors import InternalError, InvalidValue
from hanse.ir.expr import Column
from hanse.ir.tables import Table
from hanse.ir.types import DATETIMES, Kind, Type
from hanse.spi import arrow

MICROSECONDS = pa.timestamp("us")
FIRST_DAY, FIRST_INSTANT = -719_162, -62_135_596_800_000_000
"""0001-01-01 in days and in microseconds since 1970: what is earlier has a zero in it."""
ZERO_DATE = r"^0000|^\d+-00|^\d+-\d+-00"
SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Policy:
    """What the options say of values that have no counterpart."""

    source: str
    zero_dates: str = "error"


def label(column: Column, tables: Sequence[Table]) -> str:
    """How an error names a column: with its table where only one of the request's tables can be meant."""
    owners = [table for table in tables if any(known.name == column.name for known in table.columns)]
    if len(owners) != 1:
        return f"column {column.name}"
    return f"table {owners[0].schema}.{owners[0].name}, column {column.name}"


class Decoder:
    """Decodes the blocks of one request."""

    def __init__(self, columns: Sequence[Column], tables: Sequence[Table], policy: Policy) -> None:
        """``columns`` are the request's, by position."""
        self._schema = arrow.wire_schema(tuple(columns))
        self._columns = [(column.type, label(column, tables)) for column in columns]
        self._policy = policy

    @property
    def width(self) -> int:
        """How many columns are expected; a request without any still asks for one."""
        return max(len(self._columns), 1)

    def decode(self, block: Block) -> pa.RecordBatch:
        """One batch of exactly the request's schema; raises InvalidValue."""
        cutter = Cutter(block)
        if not self._columns:
            return pa.RecordBatch.from_struct_array(pa.array([{}] * cutter.rows, pa.struct([])))
        arrays = [self._column(cutter, type, name) for type, name in self._columns]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _column(self, cutter: Cutter, type: Type, name: str) -> pa.Array:
        if type.kind is Kind.BYTES:
            return cutter.next(pa.binary_view()).cast(pa.binary())
        texts = cutter.next(pa.string_view()).cast(pa.string())
        converter = CONVERTERS.get(type.kind)
        if converter is None:
            raise InternalError(f"the MySQL connector was asked for a value of type {type}")
        try:
            found = converter(texts, type)
        except pa.ArrowInvalid:
            return self._doubtful(texts, type, name, converter)
        early = type.kind in DATETIMES and _is_early(found, type)
        return self._doubtful(texts, type, name, converter) if early else found

    def _doubtful(self, texts: pa.Array, type: Type, name: str, converter: "Converter") -> pa.Array:
        """Without the zero dates, if they are to become NULL; else, or if more is wrong, the error."""
        if type.kind in DATETIMES and self._policy.zero_dates == "null":
            zeros = pc.match_substring_regex(texts, ZERO_DATE)
            texts = pc.if_else(zeros, pa.scalar(None, pa.string()), texts)
        for text in texts.drop_null() if type.kind in DATETIMES else texts:
            self._check(text, type, name, converter)
        return converter(texts, type)

    def _check(self, text: pa.Scalar, type: Type, name: str, converter: "Converter") -> None:
        try:
            one = converter(pa.array([text.as_py()], pa.string()), type)
            if type.kind not in DATETIMES or not _is_early(one, type):
                return
        except pa.ArrowInvalid:
            pass
        shown = text.as_py()[:SHOWN_CHARACTERS]
        hint = "the option zero_dates: null reads it as NULL" if type.kind in DATETIMES else None
        code = "22008" if type.kind in DATETIMES or type.kind is Kind.TIME else "22003"
        message = f"{name}: the value {shown!r} does not fit into {type}"
        raise InvalidValue(message, sqlstate=code, source=self._policy.source, hint=hint)


def _is_early(found: pa.Array, type: Type) -> bool:
    first = FIRST_DAY if type.kind is Kind.DATE else FIRST_INSTANT
    numbers = found.view(pa.int32() if type.kind is Kind.DATE else pa.int64())
    least = pc.min(numbers).as_py()
    return least is not None and least < first


Converter = Callable[[pa.Array, Type], pa.Array]


def _plain(texts: pa.Array, type: Type) -> pa.Array:
    return texts.cast(arrow.carrier(type))


def _text(texts: pa.Array, _: Type) -> pa.Array:
    return texts


def _boolean(texts: pa.Array, _: Type) -> pa.Array:
    return pc.not_equal(texts.cast(pa.int64()), 0)


def _nothing(texts: pa.Array, _: Type) -> pa.Array:
    if texts.null_count != len(texts):
        raise pa.ArrowInvalid("a value where NULL was promised")
    return pa.nulls(len(texts))


def _real(texts: pa.Array, _: Type) -> pa.Array:
    """Read as double, which the server prints without loss; a float is one of them."""
    return texts.cast(pa.float64()).cast(pa.float32())


def _time(texts: pa.Array, type: Type) -> pa.Array:
    """Arrow reads no times alone. More than a day, or less than none, is no instant of the first day of all."""
    return pc.binary_join_element_wise("1970-01-01", texts, " ").cast(MICROSECONDS).cast(arrow.carrier(type))


def _instant(texts: pa.Array, type: Type) -> pa.Array:
    """The session's time zone is UTC."""
    return texts.cast(MICROSECONDS).cast(arrow.carrier(type))


WHOLE = (Kind.INT8, Kind.INT16, Kind.INT32, Kind.INT64, Kind.UINT8, Kind.UINT16, Kind.UINT32, Kind.UINT64)
PLAIN = (*WHOLE, Kind.FLOAT64, Kind.DECIMAL, Kind.DATE, Kind.TIMESTAMP)
CONVERTERS: dict[Kind, Converter] = {
    **dict.fromkeys(PLAIN, _plain),
    **dict.fromkeys((Kind.TEXT, Kind.ENUM, Kind.JSON, Kind.UUID), _text),
    Kind.BOOLEAN: _boolean,
    Kind.NULL: _nothing,
    Kind.FLOAT32: _real,
    Kind.TIME: _time,
    Kind.TIMESTAMPTZ: _instant,
}
