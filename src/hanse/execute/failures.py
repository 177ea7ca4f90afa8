"""Translates what DuckDB raises into our errors, by the class of the exception and the code that our own SQL puts in.

Where our SQL raises an error itself (PostgreSQL's division by zero, say), its text starts with a five-character SQLSTATE in
brackets: ``error('[22012] division by zero')``.
"""

import re

import duckdb

from hanse.errors import (
    HanseError,
    InternalError,
    InvalidValue,
    ResourceLimit,
    SourceError,
    StaleSnapshot,
    Unsupported,
)

OWN = re.compile(r"\[([0-9A-Z]{5})\] (.*?)(?:\n|$)")

READ_TWICE = "ArrowArrayStream has already been consumed"
"""The statement that we wrote reads a fragment twice, which arrives only once: our fault."""

CLASSES: tuple[tuple[type[BaseException], type[HanseError], str], ...] = (
    (duckdb.OutOfMemoryException, ResourceLimit, "53200"),
    (duckdb.ConversionException, InvalidValue, "22P02"),
    (duckdb.OutOfRangeException, InvalidValue, "22003"),
    (duckdb.IOException, SourceError, "58030"),
    (duckdb.HTTPException, SourceError, "58030"),
    (duckdb.NotImplementedException, Unsupported, "0A000"),
    (duckdb.InvalidInputException, InvalidValue, "22000"),
    (duckdb.BinderException, InternalError, "XX000"),
    (duckdb.ParserException, InternalError, "XX000"),
)
"""DuckDB's exception, ours, and the SQLSTATE; the first that fits. Ours alone write its SQL, so a binder error is a bug."""

LOST = "DuckDB failed in one of its threads and did not say why"
"""Whoever interrupts a query says why before he does, so that an interruption is never news. If nobody did, one thread of
DuckDB stopped for the failure of another and was heard first (its executor raises the flag before it keeps the failure)."""

PREFIX = re.compile(r"^([A-Za-z][A-Za-z ]+) Error: ")
PREFIXES: dict[str, type[BaseException]] = {
    "interrupt": duckdb.InterruptException,
    "out of memory": duckdb.OutOfMemoryException,
    "conversion": duckdb.ConversionException,
    "out of range": duckdb.OutOfRangeException,
    "io": duckdb.IOException,
    "http": duckdb.HTTPException,
    "not implemented": duckdb.NotImplementedException,
    "invalid input": duckdb.InvalidInputException,
}
"""What DuckDB's messages start with. A failure after the first rows comes through Arrow's stream, as an OSError that has
kept nothing else of its class."""

SOURCES: dict[str, type[HanseError]] = {"58030": SourceError, "72000": StaleSnapshot}
"""What a relation of an embedded source says when it cannot be read, or is no longer what its catalog says."""

MESSAGES = (
    (re.compile(r"value is out of range for the destination type"), "22003"),
    (re.compile(r"More than one row returned by a subquery"), "21000"),
    (re.compile(r"Could not parse string .* according to format specifier"), "22008"),
)
"""What DuckDB tells apart in its messages alone: the SQLSTATE that PostgreSQL has for it. The classes decide the rest."""

SPILLED = re.compile(r'"[^"]*duckdb_temp_[^"]*": (.+)')
"""An operator's own temporary file cannot be written or read: no source has anything to do with that."""

TOO_WIDE = re.compile(r"to type (DECIMAL\(\d+,\d+\)) failed: value is out of range")
"""38 digits do not hold the number with as many after the point as the type that it is put together with has."""
FEWER = "numbers have at most 38 digits: cast one side to fewer after the point"

HINTS = {
    "53100": "free space there, or name another folder: engine.spill_folder",
    "53200": "raise engine.memory_limit (or the memory of the query's resource group), or give the operators space to spill:"
    " engine.spill_folder",
}


def translate(failure: BaseException) -> HanseError:
    """The failure as one of ours; the message is DuckDB's first line without its class prefix."""
    if isinstance(failure, HanseError):
        return failure
    text = str(failure)
    own = OWN.search(text)
    if own:
        return SOURCES.get(own.group(1), InvalidValue)(own.group(2), sqlstate=own.group(1))
    message = text.split("\n", 1)[0]
    if READ_TWICE in message:
        return InternalError("a fragment is read twice by the coordinator")
    prefix = PREFIX.match(message)
    kind = PREFIXES.get(prefix[1].lower(), type(failure)) if prefix and isinstance(failure, OSError) else type(failure)
    if issubclass(kind, duckdb.InterruptException):
        return InternalError(LOST, hint="run the query again: it happens seldom that the cause is lost")
    message = PREFIX.sub("", message)
    if issubclass(kind, duckdb.IOException) and (why := SPILLED.search(message)):
        return ResourceLimit(f"no room for what operators spill: {why[1]}", sqlstate="53100", hint=HINTS["53100"])
    if TOO_WIDE.search(message):
        return InvalidValue(message, sqlstate="22003", hint=FEWER)
    for theirs, ours, code in CLASSES:
        if issubclass(kind, theirs):
            told = next((state for pattern, state in MESSAGES if pattern.search(message)), code)
            return ours(message, sqlstate=told, hint=HINTS.get(code))
    return InternalError(f"{type(failure).__name__}: {message}")
