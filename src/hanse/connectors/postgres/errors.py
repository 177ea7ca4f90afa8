"""PostgreSQL's failures in our words, by SQLSTATE alone (manual, appendix A).

libpq gives no SQLSTATE for a connection that never came up; it is asked for (``refusal``). Where the server does not say, the
question is whether it asked for the password: if so it was reached, and refused us.
"""

from typing import Any

import psycopg
from adbc_driver_manager import dbapi

from hanse.errors import (
    Cancelled,
    Fault,
    HanseError,
    InvalidValue,
    ResourceLimit,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    StaleSnapshot,
    UserError,
)

FAILURES = (psycopg.Error, dbapi.Error)
"""What the two drivers raise."""

BY_CLASS: dict[str, type[HanseError]] = {
    "08": SourceUnreachable,
    "22": InvalidValue,
    "23": InvalidValue,
    "28": SourceRefused,
    "3D": SourceRefused,
    "42": SourceError,
    "53": ResourceLimit,
    "54": ResourceLimit,
    "55": ResourceLimit,
}
BY_CODE: dict[str, type[HanseError]] = {
    **dict.fromkeys(("42P01", "42703", "3F000", "42883", "42704"), StaleSnapshot),
    "42501": SourceRefused,
    "21000": UserError,
    "57P01": SourceUnreachable,
    "57P02": SourceUnreachable,
    "57P03": SourceUnreachable,
    "57P05": ResourceLimit,
    "25P03": ResourceLimit,
    "25006": SourceRefused,
}
FAULTS: dict[str, Fault] = {
    **dict.fromkeys(("40001", "40P01", "40003", "55P03", "55006", "57P05", "72000"), Fault.TRANSIENT),
    **dict.fromkeys(("53000", "53200", "53300"), Fault.THROTTLED),
}
"""What codes say of the server where the class of our error does not: conflicts and locks, and that it has too much to do."""
HINTS: dict[type[HanseError], str] = {
    StaleSnapshot: "the source's schema changed; REFRESH reads it again",
    SourceRefused: "check user, password, database and rights",
    SourceUnreachable: "check host, port and that the server runs",
}


def sqlstate(failure: BaseException) -> str | None:
    """The five characters, if the driver knows them."""
    code = getattr(failure, "sqlstate", None)
    return code if isinstance(code, str) and len(code) == 5 and code != "00000" else None


def is_lost(failure: BaseException) -> bool:
    """Whether the connection is gone, rather than the statement wrong: libpq has no code for that, servers have."""
    return sqlstate(failure) in (None, "57P01", "57P05")


def translate(failure: BaseException, source: str, cancelled: bool = False, refusal: str | None = None) -> HanseError:
    """Our error for a driver's; one without a SQLSTATE is a connection that failed, by the server's ``refusal`` if that is
    known.

    ``cancelled``: we asked for the end of the statement; else 57014 is the server's statement_timeout or administrator.
    """
    code = sqlstate(failure) or refusal
    if cancelled:
        return Cancelled("the statement was cancelled", source=source)
    if code == "57014":
        return ResourceLimit(_message(failure), sqlstate=code, source=source, hint="see the option statement_timeout")
    if code is None:
        return _broken(failure, source)
    found = BY_CODE.get(code) or BY_CLASS.get(code[:2]) or SourceError
    kept = None if found is StaleSnapshot else code
    error = found(_message(failure), sqlstate=kept, source=source, hint=HINTS.get(found))
    return error.with_fault(FAULTS.get(code))


def _broken(failure: BaseException, source: str) -> HanseError:
    connection = getattr(failure, "pgconn", None)
    refused = connection is not None and (_flag(connection, "used_password") or _flag(connection, "needs_password"))
    found: type[SourceError] = SourceRefused if refused else SourceUnreachable
    return found(_message(failure), source=source, hint=HINTS[found])


def _flag(connection: Any, name: str) -> bool:
    return bool(getattr(connection, name, False))


def _message(failure: BaseException) -> str:
    """The server's own first line: libpq's messages name host, port and user, never the password."""
    primary = _primary(failure)
    if primary is None:
        primary = next((line for line in str(failure).splitlines() if line.strip()), type(failure).__name__)
    return primary.strip()


def _primary(failure: BaseException) -> str | None:
    if isinstance(failure, psycopg.Error):
        return failure.diag.message_primary
    for name, value in getattr(failure, "details", None) or ():
        if name in ("PG_DIAG_MESSAGE_PRIMARY", b"PG_DIAG_MESSAGE_PRIMARY"):
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return None
