"""What a SQLite column holds. SQLite checks no types: each value has its own, and the declaration only suggests one.

So a column's type here is a claim about its values with a test in SQL that finds those that break it. A column whose
values were all tested (``verify``) is read plainly, and SQLite may filter, sort and join by it. Otherwise it is read
through an expression that raises at the first value that breaks the claim. Rules of affinity: sqlite.org/datatype3.html.
"""

import re
from dataclasses import dataclass

from hanse.connectors.sqlite.options import SQLiteOptions
from hanse.ir import types as t

REAL_DIGITS = 15
"""Decimal digits that a REAL keeps whatever they are: two such decimals are equal, less or greater as their REALs are."""
DIGITS = re.compile(r"\( *(\d+) *(?:, *(\d+) *)?\)")
DATE_GLOB = "[0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]"

SHORTEST = (
    "CASE WHEN CAST(printf('%!.15g', {0}) AS REAL) = {0} THEN printf('%!.15g', {0}) ELSE printf('%!.17g', {0}) END"
)
"""A REAL as the text that gives it back."""
RAISE = "json('[' || quote({0}))"
"""An expression that SQLite cannot compute: it has no way to raise a message of ours, so the reader looks for the row."""
AS_TEXT = f"CASE typeof({{0}}) WHEN 'real' THEN {SHORTEST} WHEN 'blob' THEN {RAISE} ELSE CAST({{0}} AS TEXT) END"
NO_TEST = "typeof({0}) = 'blob'"


@dataclass(frozen=True, slots=True)
class Claim:
    """A column's type, and the condition under which a value breaks it, with ``{0}`` for the column (None: none can)."""

    type: t.Type
    broken: str | None
    plain: str | None = None
    """How a tested column is read, where not by its name."""
    unreadable: str | None = None
    """The condition under which a value cannot be read at all, where that is less than ``broken``."""
    always: str | None = None
    """How the column is read whether tested or not; nothing is then decided by SQLite."""

    @property
    def guarded(self) -> str | None:
        """How an untested column is read."""
        if self.always or self.broken is None:
            return self.always or self.plain
        return f"CASE WHEN {self.refused} THEN {RAISE} ELSE {self.plain or '{0}'} END"

    @property
    def refused(self) -> str | None:
        """The condition under which reading an untested column raises."""
        return self.unreadable or self.broken


def _class(kind: t.Type, storage: str) -> Claim:
    return Claim(kind, f"(typeof({{0}}) <> '{storage}' AND {{0}} IS NOT NULL)")


def _canonical(kind: t.Type, function: str, unreadable: str | None = None) -> Claim:
    """Times of which SQLite's own function says the very same text; the modifier makes it look at the day too."""
    broken = f"({{0}} IS NOT NULL AND (typeof({{0}}) <> 'text' OR {function}({{0}}, '+0 days') IS NOT {{0}}))"
    return Claim(kind, broken, unreadable=unreadable)


ANY = Claim(t.TEXT, NO_TEST, always=AS_TEXT)
JSON = Claim(t.JSON, NO_TEST, always=AS_TEXT)
INTEGER = _class(t.INT64, "integer")
TEXT = _class(t.TEXT, "text")
BYTES = _class(t.BYTES, "blob")
REAL = _class(t.FLOAT64, "real")
BOOLEAN = Claim(t.BOOLEAN, "({0} IS NOT NULL AND NOT (typeof({0}) = 'integer' AND {0} IN (0, 1)))")
DATE = _canonical(t.DATE, "date")
TIME = _canonical(t.TIME, "time")
TIMESTAMP = _canonical(t.TIMESTAMP, "datetime", f"({{0}} IS NOT NULL AND NOT {{0}} GLOB '{DATE_GLOB}[ T][0-2][0-9]:*')")
FOUND = {
    frozenset({"integer"}): INTEGER,
    frozenset({"text"}): TEXT,
    frozenset({"blob"}): BYTES,
    frozenset({"real"}): REAL,
}


def decimal(precision: int, scale: int) -> Claim:
    """Numbers that SQLite keeps as INTEGER or REAL: exact while the REAL is the nearest to a decimal of that scale."""
    if precision > REAL_DIGITS:
        text = f"CASE typeof({{0}}) WHEN 'real' THEN {SHORTEST} ELSE CAST({{0}} AS TEXT) END"
        return Claim(t.decimal(precision, scale), NO_TEST, always=text)
    # A REAL is the nearest to a decimal exactly if dividing that decimal's units gives it back: division rounds rightly.
    fits = f"abs({{0}}) < 1e{precision - scale} AND round({{0}} * 1e{scale}) / 1e{scale} = {{0}}"
    broken = f"({{0}} IS NOT NULL AND NOT (typeof({{0}}) IN ('real', 'integer') AND {fits}))"
    return Claim(t.decimal(precision, scale), broken, plain="CAST({0} AS REAL)")


def claim(declared: str, options: SQLiteOptions, seen: frozenset[str] = frozenset()) -> Claim:
    """The claim that a declaration makes; without one, what the values ``seen`` suggest (their storage classes)."""
    name = declared.upper()
    if not name or name == "ANY":
        return FOUND.get(seen - {"null"}, ANY)
    if name.startswith(("DATE", "TIME")):
        return _time(name, options)
    if name.startswith(("DECIMAL", "NUMERIC")):
        return _number(name, options)
    return _by_affinity(name)


def _time(name: str, options: SQLiteOptions) -> Claim:
    if options.dates == "text":
        return ANY
    if name.startswith(("DATETIME", "TIMESTAMP")):
        return TIMESTAMP
    return DATE if name.startswith("DATE") else TIME


def _number(name: str, options: SQLiteOptions) -> Claim:
    digits = DIGITS.search(name) or DIGITS.search(options.numeric)
    if digits is None or not 1 <= int(digits[1]) <= t.DECIMAL_DIGITS_MAX or int(digits[2] or 0) > int(digits[1]):
        return ANY
    return decimal(int(digits[1]), int(digits[2] or 0))


def _by_affinity(name: str) -> Claim:
    """SQLite's rules, in their order; what they call NUMERIC and we do not know is exact text."""
    if "INT" in name:
        return INTEGER
    if any(part in name for part in ("CHAR", "CLOB", "TEXT")):
        return TEXT
    if "BLOB" in name:
        return BYTES
    if any(part in name for part in ("REAL", "FLOA", "DOUB")):
        return REAL
    if name.startswith("BOOL"):
        return BOOLEAN
    return JSON if name.startswith("JSON") else ANY
