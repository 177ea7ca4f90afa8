"""PostgreSQL's types as ours: what a declared column becomes, and how the server must be asked for it.

A type with a carrier of ours is read plainly, so that predicates on it can use indexes. One without (inet, money, bit,
ranges ...) is read as its exact text. Infinite dates are an error when they are met, unless an option says otherwise.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from hanse.ir import types as t
from hanse.ir.types import Decimal, Kind, Type

AS_TEXT = "{0}::text"
AS_SHOWN: dict[str, str] = {"inet": "nullif(concat({0}), '')"}
"""Types whose cast to text is not the text that the server shows (inet's adds a mask)."""
PLAIN: dict[str, Type] = {
    "bool": t.BOOLEAN,
    "int2": t.INT16,
    "int4": t.INT32,
    "int8": t.INT64,
    "float4": t.FLOAT32,
    "float8": t.FLOAT64,
    "text": t.TEXT,
    "varchar": t.TEXT,
    "bytea": t.BYTES,
    "date": t.DATE,
    "time": t.TIME,
    "timestamp": t.TIMESTAMP,
    "timestamptz": t.TIMESTAMPTZ,
    "interval": t.INTERVAL,
    "uuid": t.UUID,
    "json": t.JSON,
}
WRAPPED: dict[str, tuple[Type, str]] = {
    "oid": (t.INT64, "{0}::int8"),
    "xid": (t.INT64, "{0}::text::int8"),
    "jsonb": (t.JSON, "{0}::json"),
}
"""Types that are read as a neighbour: CASE and UNION refuse to mix json with jsonb, which are one type here."""
FINITE: dict[Kind, tuple[str, str, str]] = {
    Kind.DATE: ("date", "4714-11-24 BC", "5874897-12-31"),
    Kind.TIMESTAMP: ("timestamp", "4714-11-24 00:00:00 BC", "294246-12-31 23:59:59.999999"),
    Kind.TIMESTAMPTZ: ("timestamptz", "4714-11-24 00:00:00+00 BC", "294246-12-31 23:59:59.999999+00"),
}
"""The ends to which infinity is clamped: those of the server, as far as 64 bits of microseconds since 1970 reach."""


@dataclass(frozen=True, slots=True)
class ServerType:
    """One row of pg_type, with an enum's labels."""

    oid: int
    name: str
    kind: str
    """``typtype``: b base, d domain, e enum, c composite, r range, m multirange, p pseudo."""
    base: int
    modifier: int
    """``typtypmod`` of a domain."""
    element: int
    """The element's oid if this is a true array type, else 0."""
    dimensions: int
    builtin: bool
    """From pg_catalog, so that its name alone means it."""
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column is read: our type, the form in which to ask for it, and which facts of comparison survive."""

    type: Type
    read_as: str | None = None
    collates: bool = False
    """Whether values are text under the column's own collation (else the text comes from a cast)."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the options say of values that have no exact carrier."""

    numeric: Decimal | None
    """For ``numeric`` without precision; None reads it as text."""
    infinity: str = "error"


def reading(types: Mapping[int, ServerType], oid: int, modifier: int, dimensions: int, policy: Policy) -> Reading:
    """What a column of that declared type becomes."""
    found = types.get(oid)
    if found is None:
        return Reading(t.TEXT, AS_TEXT)
    while found.kind == "d":
        modifier = found.modifier if found.modifier >= 0 else modifier
        dimensions = found.dimensions or dimensions
        found = types[found.base]
    if found.kind == "e":
        return Reading(t.enum(found.labels), AS_TEXT)
    if found.element in types:
        return _array(types, found, modifier, dimensions, policy)
    return _scalar(found, modifier, policy)


def _scalar(found: ServerType, modifier: int, policy: Policy) -> Reading:
    if not found.builtin:
        return Reading(t.TEXT, AS_TEXT)
    if found.name == "numeric":
        number = exact(modifier) if modifier >= 0 else policy.numeric
        return Reading(t.TEXT, AS_TEXT) if number is None else Reading(number)
    if found.name in PLAIN:
        type = PLAIN[found.name]
        return Reading(type, finite(type.kind, policy.infinity), collates=type is t.TEXT)
    if found.name in WRAPPED:
        type, form = WRAPPED[found.name]
        return Reading(type, form)
    return Reading(t.TEXT, AS_SHOWN.get(found.name, AS_TEXT), collates=found.name in ("bpchar", "name"))


def _array(
    types: Mapping[int, ServerType], found: ServerType, modifier: int, dimensions: int, policy: Policy
) -> Reading:
    """One dimension is a list; more are exact text, for a value's dimensions are no part of PostgreSQL's types."""
    item = reading(types, found.element, modifier, 0, policy)
    if dimensions > 1 or isinstance(item.type, t.Array):
        return Reading(t.TEXT, AS_TEXT)
    is_other_text = item.type is t.TEXT and types[found.element].name != "text"
    return Reading(t.array(item.type), _of_items(item.read_as or (AS_TEXT if is_other_text else None)), item.collates)


def _of_items(form: str | None) -> str | None:
    """The form of an array whose items have this form alone; infinite dates in arrays are errors under every option."""
    if form is None or form.startswith("CASE"):
        return None
    return re.sub(r"::(\w+)", r"::\1[]", form) if "::" in form else f"{form}::text[]"


def exact(modifier: int) -> Decimal | None:
    """The type of numeric(p,s), from its modifier; None if it needs more than 38 digits.

    A negative scale counts zeros before the point, one above the precision counts zeros after it (manual, 8.1.2).
    """
    precision, scale = (modifier - 4) >> 16 & 0xFFFF, ((modifier - 4 & 0x7FF) ^ 0x400) - 0x400
    if scale < 0:
        precision, scale = precision - scale, 0
    precision = max(precision, scale)
    return t.decimal(precision, scale) if precision <= t.DECIMAL_DIGITS_MAX else None


def finite(kind: Kind, infinity: str) -> str | None:
    """The form in which dates and timestamps are read under that option; None: plainly."""
    if kind not in FINITE or infinity == "error":
        return None
    if infinity == "null":
        return "CASE WHEN isfinite({0}) THEN {0} END"
    name, low, high = FINITE[kind]
    return f"CASE WHEN {{0}} IS NOT NULL THEN greatest({name} '{low}', least({name} '{high}', {{0}})) END"
