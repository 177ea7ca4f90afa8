"""The types of Hanse: PostgreSQL's, plus the unsigned integers of MySQL and DuckDB.

A type is a frozen value. Its Python carrier (what a ``Literal`` of that type holds) and its Arrow carrier (what a batch
holds, see ``spi.arrow``) are both fixed here in words, so that every connector decodes to the same thing:

=============  =============================  ==================================================
type           Python value in a Literal      Arrow
=============  =============================  ==================================================
BOOLEAN        bool                           bool
INT16..INT64   int                            int16, int32, int64
UINT8..UINT64  int                            uint8 .. uint64
Decimal(p, s)  decimal.Decimal                decimal128(p, s); p is at most 38
FLOAT32/64     float                          float32, float64 (NaN and infinities are values)
TEXT           str                            string (also char(n), blank-trimmed; money, inet, bit ... as exact text)
BYTES          bytes                          binary
DATE           datetime.date                  date32
TIME           datetime.time                  time64[us]
TIMESTAMP      datetime.datetime, naive       timestamp[us]
TIMESTAMPTZ    datetime.datetime, UTC         timestamp[us, tz=UTC]
INTERVAL       expr.Interval                  month_day_nano_interval
UUID           str, canonical lower case      string, canonical lower case
JSON           str, the exact text            string, the exact text
Enum(labels)   str                            string
Array(item)    tuple                          list<item>
NULL           None                           null
=============  =============================  ==================================================
"""

from dataclasses import dataclass
from enum import StrEnum

DECIMAL_DIGITS_MAX = 38


class Kind(StrEnum):
    """The family of a type; what most rules match on."""

    NULL = "null"
    BOOLEAN = "boolean"
    INT8 = "int8"
    INT16 = "smallint"
    INT32 = "integer"
    INT64 = "bigint"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    UINT64 = "uint64"
    DECIMAL = "numeric"
    FLOAT32 = "real"
    FLOAT64 = "double precision"
    TEXT = "text"
    BYTES = "bytea"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    INTERVAL = "interval"
    UUID = "uuid"
    JSON = "json"
    ENUM = "enum"
    ARRAY = "array"


@dataclass(frozen=True, slots=True)
class Type:
    """A type without parameters. ``str(type)`` is its name as a user writes it in a CAST."""

    kind: Kind

    def __str__(self) -> str:
        return self.kind.value


@dataclass(frozen=True, slots=True)
class Decimal(Type):
    """Exact numbers: ``precision`` digits in all (1 to 38), ``scale`` of them after the point (0 to precision)."""

    precision: int
    scale: int

    def __post_init__(self) -> None:
        if not (1 <= self.precision <= DECIMAL_DIGITS_MAX and 0 <= self.scale <= self.precision):
            raise ValueError(f"numeric({self.precision}, {self.scale}) is not a type: at most 38 digits")

    def __str__(self) -> str:
        return f"numeric({self.precision},{self.scale})"


@dataclass(frozen=True, slots=True)
class Enum(Type):
    """A closed list of labels; values are text and sort as text (code points), not by declaration (trap R4)."""

    labels: tuple[str, ...]

    def __str__(self) -> str:
        return "enum"


@dataclass(frozen=True, slots=True)
class Array(Type):
    """A list of ``item``; more dimensions are arrays of arrays."""

    item: Type

    def __str__(self) -> str:
        return f"{self.item}[]"


NULL = Type(Kind.NULL)
BOOLEAN = Type(Kind.BOOLEAN)
INT8 = Type(Kind.INT8)
INT16 = Type(Kind.INT16)
INT32 = Type(Kind.INT32)
INT64 = Type(Kind.INT64)
UINT8 = Type(Kind.UINT8)
UINT16 = Type(Kind.UINT16)
UINT32 = Type(Kind.UINT32)
UINT64 = Type(Kind.UINT64)
FLOAT32 = Type(Kind.FLOAT32)
FLOAT64 = Type(Kind.FLOAT64)
TEXT = Type(Kind.TEXT)
BYTES = Type(Kind.BYTES)
DATE = Type(Kind.DATE)
TIME = Type(Kind.TIME)
TIMESTAMP = Type(Kind.TIMESTAMP)
TIMESTAMPTZ = Type(Kind.TIMESTAMPTZ)
INTERVAL = Type(Kind.INTERVAL)
UUID = Type(Kind.UUID)
JSON = Type(Kind.JSON)


def decimal(precision: int, scale: int) -> Decimal:
    """The exact numeric type of that precision and scale; raises ValueError beyond 38 digits."""
    return Decimal(Kind.DECIMAL, precision, scale)


def enum(labels: tuple[str, ...]) -> Enum:
    """The enum type with these labels, in the order of their declaration."""
    return Enum(Kind.ENUM, labels)


def array(item: Type) -> Array:
    """The array type over ``item``."""
    return Array(Kind.ARRAY, item)


SIGNED = frozenset({Kind.INT8, Kind.INT16, Kind.INT32, Kind.INT64})
UNSIGNED = frozenset({Kind.UINT8, Kind.UINT16, Kind.UINT32, Kind.UINT64})
INTEGERS = SIGNED | UNSIGNED
FLOATS = frozenset({Kind.FLOAT32, Kind.FLOAT64})
NUMBERS = INTEGERS | FLOATS | {Kind.DECIMAL}
TEXTS = frozenset({Kind.TEXT, Kind.ENUM})
DATETIMES = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})

INTEGER_DIGITS = {
    Kind.INT8: 3,
    Kind.INT16: 5,
    Kind.INT32: 10,
    Kind.INT64: 19,
    Kind.UINT8: 3,
    Kind.UINT16: 5,
    Kind.UINT32: 10,
    Kind.UINT64: 20,
}
"""Decimal digits that hold every value of an integer type: what it needs to become an exact numeric."""
