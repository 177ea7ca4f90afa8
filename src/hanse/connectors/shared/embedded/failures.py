"""DuckDB's exceptions as ours, for the sources that it reads: by class, and by the code that our own SQL puts in."""

import re

import duckdb

from hanse.errors import (
    Cancelled,
    HanseError,
    InvalidValue,
    ResourceLimit,
    SourceError,
    SourceUnreachable,
    StaleSnapshot,
)

OWN = re.compile(r"\[([0-9A-Z]{5})\] (.*)")
"""What ``error('[22003] ...')`` in a reading says (see ``carriers``)."""

FILE = re.compile(r"^\s*file = (.*)$", re.MULTILINE)
STALE = "72000"
UNREADABLE = "58030"
LOCK_HINT = "another process may have the file open for writing: close it, or give Hanse a copy"


def first_line(failure: BaseException) -> str:
    """DuckDB's message on one line, without the class's prefix and the advice below it; of CSV errors, also where."""
    text = re.sub(r"^(?:[A-Z][A-Za-z]+ )+Error: ", "", str(failure))
    text = text.split("\nError: ", 1)[-1] if "closed pending query" in text else text
    lines = text.split("\n")
    if "CSV Error on Line" not in lines[0]:
        return " ".join(lines[:2]) if lines[0].startswith("Error when sniffing") else lines[0]
    file = FILE.search(text)
    return "; ".join([*lines[:3], f"file {file.group(1)}" if file else ""]).rstrip("; ")


def translate(failure: BaseException, source: str) -> HanseError:
    """The failure as one of ours, with the source's name."""
    if isinstance(failure, HanseError):
        return failure
    if own := OWN.search(str(failure)):
        return _own(own.group(1), own.group(2).removeprefix(f"source {source}, "), source)
    message = first_line(failure)
    match failure:
        case duckdb.InterruptException():
            return Cancelled("the query was cancelled", source=source)
        case duckdb.OutOfMemoryException():
            return ResourceLimit(message, sqlstate="53200", source=source)
        case duckdb.ConversionException() | duckdb.OutOfRangeException() | duckdb.InvalidInputException():
            return InvalidValue(message, source=source)
        case duckdb.BinderException() | duckdb.CatalogException():
            return StaleSnapshot(message, source=source)
        case _:
            return SourceError(message, source=source)


def _own(code: str, message: str, source: str) -> HanseError:
    if code == STALE:
        return StaleSnapshot(message, source=source)
    if code == UNREADABLE:
        return SourceError(message, sqlstate=code, source=source)
    return InvalidValue(message, sqlstate=code, source=source)


def unreachable(failure: BaseException, source: str) -> SourceUnreachable:
    """Why a file could not be opened."""
    message = first_line(failure)
    return SourceUnreachable(message, source=source, hint=LOCK_HINT if "lock" in message else None)
