"""SQLite's errors as ours, by its result codes (sqlite.org/rescode.html)."""

import sqlite3

from hanse.errors import (
    Cancelled,
    Fault,
    HanseError,
    ResourceLimit,
    SourceError,
    SourceRefused,
    SourceUnreachable,
)

UNREACHABLE = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR}
BROKEN = {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}
"""What no waiting mends."""
BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
REFUSED = {sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH}


def translate(failure: BaseException, source: str) -> HanseError:
    """The failure as one of ours."""
    if isinstance(failure, HanseError):
        return failure
    code = getattr(failure, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    if primary == sqlite3.SQLITE_INTERRUPT:
        return Cancelled("the query was cancelled", source=source)
    if primary in UNREACHABLE:
        return SourceUnreachable(str(failure), source=source)
    if primary in BROKEN:
        return SourceUnreachable(str(failure), source=source).with_fault(Fault.CALLER)
    if primary in BUSY:
        hint = "another program is writing; the option busy_timeout_s says how long to wait"
        busy = SourceUnreachable(str(failure), source=source, sqlstate="55006", hint=hint)
        return busy.with_fault(Fault.TRANSIENT)
    if primary in REFUSED:
        return SourceRefused(str(failure), source=source)
    if primary in (sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_FULL):
        return ResourceLimit(str(failure), source=source)
    return SourceError(str(failure), source=source)
