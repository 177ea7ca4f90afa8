"""Declared column types of MySQL and MariaDB to ours, each with the form in which its value is asked for."""

import re
from dataclasses import dataclass

from hanse.connectors.mysql.options import SORT_BYTES
from hanse.ir import types as t
from hanse.ir.tables import Collation
from hanse.ir.types import Type

LABEL = re.compile(r"'((?:[^']|'')*)'")
SIZE = re.compile(r"\((\d+)\)")
LONGEST_LABEL_BYTES = 1020
"""255 characters of at most four bytes."""
SAFE_CHARSETS = frozenset({"utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"})
"""Character sets whose conversion to utf8mb4 keeps every two strings apart."""
CODEPOINT_CHARSETS = frozenset({"utf8mb4", "utf8mb3", "utf8", "ascii"})
BINARY_COLLATIONS = ("_nopad_bin", "_0900_bin")
"""Endings of the collations that compare bytes and do not pad with spaces."""


@dataclass(frozen=True, slots=True)
class RemoteColumn:
    """A row of information_schema.COLUMNS."""

    name: str
    data_type: str
    """Without its size, such as ``int``."""
    column_type: str
    """In full, such as ``int(10) unsigned``."""
    nullable: bool
    digits: int | None
    scale: int | None
    characters: int | None
    octets: int | None
    charset: str
    collation: str
    comment: str
    is_json: bool = False
    """MariaDB's json: a longtext that a check holds to ``json_valid``."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column is read: our type, the form in which it is asked for, and why the source may not decide about it."""

    type: Type
    read_as: str | None = None
    no_pushdown: str | None = None


AS_TEXT = "CAST({0} AS CHAR)"
INTEGERS = {
    "tinyint": (t.INT8, t.UINT8),
    "smallint": (t.INT16, t.UINT16),
    "mediumint": (t.INT32, t.UINT32),
    "int": (t.INT32, t.UINT32),
    "bigint": (t.INT64, t.UINT64),
}
SIMPLE = {
    "year": Reading(t.INT16),
    "double": Reading(t.FLOAT64),
    # The server prints a float with six digits; as a double it prints all of them.
    "float": Reading(t.FLOAT32, "({0} * 1e0)"),
    "char": Reading(t.TEXT),
    "varchar": Reading(t.TEXT),
    "tinytext": Reading(t.TEXT),
    "text": Reading(t.TEXT),
    "mediumtext": Reading(t.TEXT),
    "longtext": Reading(t.TEXT),
    "set": Reading(t.TEXT, AS_TEXT),
    "binary": Reading(t.BYTES),
    "varbinary": Reading(t.BYTES),
    "tinyblob": Reading(t.BYTES),
    "blob": Reading(t.BYTES),
    "mediumblob": Reading(t.BYTES),
    "longblob": Reading(t.BYTES),
    "json": Reading(t.JSON),
    "uuid": Reading(t.UUID),
    "inet4": Reading(t.TEXT, AS_TEXT),
    "inet6": Reading(t.TEXT, AS_TEXT),
    "time": Reading(t.TIME),
}
DATES = {"date": t.DATE, "datetime": t.TIMESTAMP, "timestamp": t.TIMESTAMPTZ}
NO_ZERO = "IF(MONTH({0}) > 0 AND DAYOFMONTH({0}) > 0 AND YEAR({0}) > 0, {0}, NULL)"
GEOMETRIES = frozenset(
    {
        *("geometry", "point", "linestring", "polygon"),
        *("multipoint", "multilinestring", "multipolygon", "geometrycollection", "geomcollection"),
    }
)


def reading(column: RemoteColumn, zero_dates: str) -> Reading | None:
    """How the column is read; None if its type is unknown here."""
    name = column.data_type
    if column.is_json:
        return Reading(t.JSON)
    if name in INTEGERS:
        return Reading(INTEGERS[name]["unsigned" in column.column_type])
    if name in DATES:
        return Reading(DATES[name], NO_ZERO if zero_dates == "null" else None)
    if name in GEOMETRIES:
        return Reading(t.BYTES, "ST_AsBinary({0})", "geometry is read as well-known binary")
    if name == "decimal":
        return _decimal(column)
    if name == "bit":
        return _bit(column)
    if name == "enum":
        return Reading(t.enum(tuple(label.replace("''", "'") for label in LABEL.findall(column.column_type))))
    return SIMPLE.get(name)


def _decimal(column: RemoteColumn) -> Reading:
    digits, scale = column.digits or 10, column.scale or 0
    if digits > t.DECIMAL_DIGITS_MAX:
        return Reading(t.TEXT, AS_TEXT)
    return Reading(t.decimal(digits, scale))


def _bit(column: RemoteColumn) -> Reading:
    size = SIZE.search(column.column_type)
    width = int(size[1]) if size else 1
    if width == 1:
        return Reading(t.BOOLEAN, "({0} + 0)")
    return Reading(t.TEXT, f"LPAD(BIN({{0}} + 0), {width}, '0')")


def collation(column: RemoteColumn, found: Reading) -> Collation:
    """How the column compares; for a column that is read in another form only the worst case is known."""
    if found.read_as is not None or found.type.kind not in (t.Kind.TEXT, t.Kind.ENUM, t.Kind.BYTES):
        return Collation()
    bytes_max = LONGEST_LABEL_BYTES if column.data_type == "enum" else column.octets
    if column.characters and column.data_type in ("char", "varchar"):
        bytes_max = column.characters * 4
    if bytes_max is not None and bytes_max > SORT_BYTES:
        bytes_max = None
    if found.type.kind is t.Kind.BYTES:
        return Collation("binary", equal_is_bytewise=True, order_is_codepoint=True, bytes_max=bytes_max)
    binary = column.collation.endswith(BINARY_COLLATIONS) and column.charset in SAFE_CHARSETS
    codepoints = binary and column.charset in CODEPOINT_CHARSETS
    return Collation(column.collation, binary, codepoints, bytes_max)
