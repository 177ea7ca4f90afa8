"""DuckDB's types as ours, and how a value must be read so that nothing is lost on the way.

A type whose values fit ours is read plainly. Where only most values fit (hugeint, nanoseconds), the reading is an
expression that raises for the others, in SQL: ``error('[22003] ...')`` names source, table and column, so that the
message is the same wherever the expression runs. The price of such a reading is that files are not pruned by it.
"""

from dataclasses import dataclass
from typing import Any

from hanse.ir import types as t
from hanse.ir.tables import HiddenColumn, TableColumn
from hanse.spi.dialect import BYTEWISE

PLAIN: dict[str, t.Type] = {
    "boolean": t.BOOLEAN,
    "tinyint": t.INT8,
    "smallint": t.INT16,
    "integer": t.INT32,
    "bigint": t.INT64,
    "utinyint": t.UINT8,
    "usmallint": t.UINT16,
    "uinteger": t.UINT32,
    "ubigint": t.UINT64,
    "float": t.FLOAT32,
    "double": t.FLOAT64,
    "varchar": t.TEXT,
    "blob": t.BYTES,
    "date": t.DATE,
    "time": t.TIME,
    "timestamp": t.TIMESTAMP,
    "timestamp with time zone": t.TIMESTAMPTZ,
    "interval": t.INTERVAL,
}
"""DuckDB's type ids whose values are ours as they come."""

AS_TEXT = frozenset({"time with time zone", "bit", "bignum", "geometry"})
"""Types without a carrier of ours: exact text."""

AS_JSON = frozenset({"struct", "map", "union", "variant"})

HUGE = "coalesce(TRY_CAST({{0}} AS DECIMAL(38,0)), CASE WHEN {{0}} IS NOT NULL THEN {error} END)"
NANOSECONDS = (
    "CASE WHEN {{0}} = {{0}}::TIMESTAMP::TIMESTAMP_NS THEN {{0}}::TIMESTAMP WHEN {{0}} IS NOT NULL THEN {error} END"
)
TIME_NANOSECONDS = "CASE WHEN epoch_ns({{0}}) % 1000 = 0 THEN {{0}}::TIME WHEN {{0}} IS NOT NULL THEN {error} END"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, for messages; and what the source's options say about values that do not fit."""

    source: str
    table: str
    column: str
    nanoseconds: str = "error"
    """``error``, ``text`` or ``truncate``."""

    def error(self, problem: str, hint: str = "") -> str:
        """The SQL that raises for the value ``{0}``."""
        where = f"[22003] source {self.source}, table {self.table}, column {self.column}: "
        text = quoted(where).replace("{", "{{").replace("}", "}}")
        return f"error({text} || {{0}}::VARCHAR || {quoted(' ' + problem + (f' ({hint})' if hint else ''))})"


@dataclass(frozen=True, slots=True)
class Reading:
    """Our type for a DuckDB type and the expression that yields it; ``reason`` says why there is none."""

    type: t.Type = t.NULL
    read_as: str | None = None
    reason: str = ""


def quoted(text: str) -> str:
    """The text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def name(identifier: str) -> str:
    """The identifier, quoted."""
    return '"' + identifier.replace('"', '""') + '"'


def reading(duck: Any, place: Place) -> Reading:
    """How values of a DuckDB type (``DuckDBPyType``) are read."""
    kind, text = duck.id, str(duck)
    if text == "JSON":
        return Reading(t.JSON, "{0}::VARCHAR")
    if kind == "uuid":
        return Reading(t.UUID, "{0}::VARCHAR")
    if text == '"NULL"':
        return Reading(t.TEXT, "{0}::VARCHAR")
    if kind in PLAIN:
        return Reading(PLAIN[kind])
    if kind in AS_TEXT:
        return Reading(t.TEXT, "{0}::VARCHAR")
    if kind in AS_JSON:
        return Reading(t.JSON, "to_json({0})::VARCHAR")
    if kind == "decimal":
        parts = dict(duck.children)
        return Reading(t.decimal(parts["precision"], parts["scale"]))
    if kind == "enum":
        return Reading(t.enum(tuple(dict(duck.children)["values"])), "{0}::VARCHAR")
    if kind in ("list", "array"):
        return _list(duck, place)
    return _narrowed(kind, place) or Reading(reason=f"Hanse has no type for DuckDB's {text}")


def _narrowed(kind: str, place: Place) -> Reading | None:
    """Types of which most values fit ours; the others raise."""
    if kind in ("hugeint", "uhugeint"):
        error = place.error("has more than 38 digits")
        return Reading(t.decimal(38, 0), _template(HUGE, error))
    if kind in ("timestamp_s", "timestamp_ms"):
        return Reading(t.TIMESTAMP, "{0}::TIMESTAMP")
    if kind in ("timestamp_ns", "time_ns"):
        if place.nanoseconds == "text":
            return Reading(t.TEXT, "{0}::VARCHAR")
        if place.nanoseconds == "truncate":
            return Reading(*((t.TIME, "{0}::TIME") if kind == "time_ns" else (t.TIMESTAMP, "{0}::TIMESTAMP")))
        error = place.error("has digits beyond the microsecond", "the option nanoseconds: text reads them")
        if kind == "time_ns":
            return Reading(t.TIME, _template(TIME_NANOSECONDS, error))
        return Reading(t.TIMESTAMP, _template(NANOSECONDS, error))
    return None


def _template(form: str, error: str) -> str:
    return form.replace("{{0}}", "{0}").replace("{error}", error)


def _list(duck: Any, place: Place) -> Reading:
    """Lists keep their items' types; lists of nested values become JSON as a whole."""
    child = dict(duck.children)["child"]
    item = reading(child, place)
    if item.reason:
        return item
    if item.type.kind is t.Kind.JSON and str(child) != "JSON":
        return Reading(t.JSON, "to_json({0})::VARCHAR")
    source = "{0}" if duck.id == "list" else f"{{0}}::{child}[]"
    if item.read_as is None:
        return Reading(t.array(item.type), None if source == "{0}" else source)
    return Reading(t.array(item.type), f"list_transform({source}, lambda x: {item.read_as.replace('{0}', 'x')})")


def column(column_name: str, duck: Any, place: Place) -> TableColumn | HiddenColumn:
    """The column as planning sees it, or why it cannot be read."""
    found = reading(duck, place)
    if found.reason:
        return HiddenColumn(column_name, str(duck), found.reason)
    return TableColumn(
        name=column_name, type=found.type, remote_type=str(duck), read_as=found.read_as, collation=BYTEWISE
    )
