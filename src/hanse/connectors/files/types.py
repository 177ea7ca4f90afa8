"""Text as typed values: when a CSV or JSON text may be read as a type without losing anything, as SQL.

Inference and reading use the same tests: a column gets a type only if every value passes, and where the reader itself
does not check (JSON, types given by the user), each value is tested again when it is read.
"""

import re
from dataclasses import dataclass

from hanse.errors import ConfigError
from hanse.ir import types as t

DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
CLOCK = r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
ZONE = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
NUMBER = r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?"


@dataclass(frozen=True, slots=True)
class TextType:
    """A type that text can be read as: its name in DuckDB, and the test, with ``{0}`` for the text."""

    type: t.Type
    duck: str
    test: str


def _matches(pattern: str) -> str:
    return f"regexp_full_match({{0}}, '{pattern}')"


def _converts(duck: str) -> str:
    return f"TRY_CAST({{0}} AS {duck}) IS NOT NULL"


def _whole(kind: t.Type, duck: str) -> TextType:
    """Integers are exactly the text that they print as: ``007`` and ``+1`` are not."""
    return TextType(kind, duck, f"coalesce(TRY_CAST({{0}} AS {duck})::VARCHAR = {{0}}, false)")


def _floating(kind: t.Type, duck: str, digits: int) -> TextType:
    """A float holds that many digits whatever they are; more only if it prints as the very text."""
    return TextType(
        kind,
        duck,
        f"({_matches(NUMBER)} AND isfinite(TRY_CAST({{0}} AS {duck}))"
        f" AND (length(regexp_replace({{0}}, '[eE].*|[^0-9]', '', 'g')) <= {digits}"
        f" OR TRY_CAST({{0}} AS {duck})::VARCHAR = {{0}})"
        f" OR lower({{0}}) IN ('nan', 'inf', '-inf', 'infinity', '-infinity'))",
    )


TEXT = TextType(t.TEXT, "VARCHAR", "true")
JSON = TextType(t.JSON, "JSON", "json_valid({0})")
BIGINT = _whole(t.INT64, "BIGINT")
HUGE = TextType(
    t.decimal(38, 0), "DECIMAL(38,0)", _whole(t.INT64, "HUGEINT").test + f" AND {_converts('DECIMAL(38,0)')}"
)
DOUBLE = _floating(t.FLOAT64, "DOUBLE", 15)
BOOLEAN = TextType(t.BOOLEAN, "BOOLEAN", "lower({0}) IN ('true', 'false')")
DATE = TextType(t.DATE, "DATE", f"({_matches(DAY)} AND {_converts('DATE')})")
TIME = TextType(t.TIME, "TIME", f"({_matches(CLOCK)} AND {_converts('TIME')} AND {{0}} NOT LIKE '24%')")
TIMESTAMP = TextType(t.TIMESTAMP, "TIMESTAMP", f"({_matches(f'{DAY}[ T]{CLOCK}')} AND {_converts('TIMESTAMP')})")
TIMESTAMPTZ = TextType(
    t.TIMESTAMPTZ, "TIMESTAMPTZ", f"({_matches(f'{DAY}[ T]{CLOCK} ?{ZONE}')} AND {_converts('TIMESTAMPTZ')})"
)
UUID = TextType(t.UUID, "UUID", "coalesce(TRY_CAST({0} AS UUID)::VARCHAR = {0}, false)")

CANDIDATES: dict[str, tuple[TextType, ...]] = {
    "boolean": (BOOLEAN,),
    "bigint": (BIGINT,),
    "hugeint": (HUGE,),
    "ubigint": (HUGE,),
    "double": (BIGINT, HUGE, DOUBLE),
    "date": (DATE,),
    "time": (TIME,),
    "timestamp": (TIMESTAMP, TIMESTAMPTZ),
    "timestamp_ns": (TIMESTAMP, TIMESTAMPTZ),
    "timestamp with time zone": (TIMESTAMPTZ,),
}
"""What DuckDB's sniffer says, by type id, and what we take it for if the test says so; else it stays text."""

GIVEN = {
    "text": TEXT,
    "varchar": TEXT,
    "json": JSON,
    "bigint": BIGINT,
    "integer": _whole(t.INT32, "INTEGER"),
    "int": _whole(t.INT32, "INTEGER"),
    "smallint": _whole(t.INT16, "SMALLINT"),
    "double precision": DOUBLE,
    "real": _floating(t.FLOAT32, "FLOAT", 6),
    "boolean": BOOLEAN,
    "date": DATE,
    "time": TIME,
    "timestamp": TIMESTAMP,
    "timestamptz": TIMESTAMPTZ,
    "uuid": UUID,
}
"""Types that a user may give to a column."""

NUMERIC = re.compile(r"(?:numeric|decimal)\((\d+)(?:, *(\d+))?\)")


def given(text: str, source: str) -> TextType:
    """The type that an option names; raises ConfigError."""
    name = " ".join(text.lower().split())
    if name in GIVEN:
        return GIVEN[name]
    if match := NUMERIC.fullmatch(name):
        return _decimal(int(match[1]), int(match[2] or 0), source)
    known = ", ".join(sorted(GIVEN))
    raise ConfigError(f"no type {text} for a column of a file", source=source, hint=f"one of {known}, numeric(p,s)")


def _decimal(precision: int, scale: int, source: str) -> TextType:
    try:
        kind = t.decimal(precision, scale)
    except ValueError as failure:
        raise ConfigError(str(failure), source=source) from None
    duck = f"DECIMAL({precision},{scale})"
    point = rf"(\.[0-9]{{0,{scale}}}0*)?" if scale else r"(\.0*)?"
    return TextType(kind, duck, f"({_matches('[+-]?[0-9]+' + point)} AND {_converts(duck)})")
