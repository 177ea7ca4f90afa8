"""MySQL's and MariaDB's failures in our words, by their error numbers alone."""

import pymysql

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

FAILURES = (pymysql.err.Error, OSError)
"""What the driver raises, and what its socket raises where the driver does not look."""

GROUPS: tuple[tuple[type[HanseError], tuple[int, ...]], ...] = (
    (SourceUnreachable, (2000, 2001, 2002, 2003, 2005, 2006, 2012, 2013, 2055, 1053, 1077, 1079, 1080, 1927, 4031)),
    (SourceUnreachable, (1047, 1129, 1152, 1158, 1159, 1160, 1161, 1184, 2027, 3169)),
    (SourceRefused, (1044, 1045, 1049, 1130, 1131, 1132, 1133, 1142, 1143, 1227, 1251, 1275, 1290, 1370, 1410, 1698)),
    (SourceRefused, (1792, 1820, 1862, 2026, 2049, 2059, 2061, 3118, 3159, 4151)),
    (StaleSnapshot, (1046, 1051, 1054, 1072, 1109, 1146, 1356, 1412, 1932)),
    (InvalidValue, (1264, 1265, 1292, 1301, 1365, 1366, 1367, 1411, 1441, 1690, 3140, 3141, 3146)),
    (ResourceLimit, (1021, 1038, 1040, 1041, 1114, 1135, 1203, 1205, 1206, 1226, 1637, 1969, 3024)),
    (UserError, (1242,)),
)
BY_CODE: dict[int, type[HanseError]] = {code: kind for kind, codes in GROUPS for code in codes}
FAULTS: dict[int, Fault] = {
    **dict.fromkeys((1020, 1205, 1206, 1213, 1412, 1613, 1614, 1615, 4031), Fault.TRANSIENT),
    **dict.fromkeys((1040, 1041, 1135, 1203, 1226, 1637), Fault.THROTTLED),
}
"""What numbers say of the server where the class of our error does not: conflicts, locks and connections that were idle for
too long; that it has too much to do."""
SQLSTATES = {1365: "22012", 1690: "22003", 1264: "22003", 1441: "22008", 1292: "22007", 1242: "21000", 1040: "53300"}
SQLSTATES |= {1203: "53300", 1226: "53300", 1205: "55P03", 1213: "40P01"}
TIMEOUTS = (1969, 3024)
INTERRUPTED = 1317
LOST = (0, 2006, 2013, 1927, 4031)
"""Numbers of a connection that the server closed meanwhile."""
HINTS: dict[type[HanseError], str] = {
    StaleSnapshot: "the source's schema changed; REFRESH reads it again",
    SourceRefused: "check user, password, database, rights and tls",
    SourceUnreachable: "check host, port and that the server runs",
}


def number(failure: BaseException) -> int:
    """The server's or the driver's error number; 0 if there is none."""
    first = failure.args[0] if failure.args else 0
    return first if isinstance(failure, pymysql.err.Error) and isinstance(first, int) else 0


def is_lost(failure: BaseException) -> bool:
    """Whether the connection is gone, rather than the statement wrong."""
    return not isinstance(failure, pymysql.err.Error) or number(failure) in LOST


def translate(failure: BaseException, source: str, cancelled: bool = False) -> HanseError:
    """Our error for the driver's; ``cancelled``: we asked for the end of the statement."""
    code = number(failure)
    if cancelled or code == INTERRUPTED:
        return Cancelled("the statement was cancelled", source=source)
    if code in TIMEOUTS:
        hint = "see the option statement_timeout"
        return ResourceLimit(_message(failure), sqlstate="57014", source=source, hint=hint)
    found = BY_CODE.get(code) or (SourceUnreachable if is_lost(failure) else SourceError)
    error = found(_message(failure), sqlstate=SQLSTATES.get(code), source=source, hint=HINTS.get(found))
    return error.with_fault(FAULTS.get(code))


def warned(code: int, message: str, source: str) -> HanseError:
    """The error for a warning: the server computed something else than was asked."""
    return InvalidValue(message, sqlstate=SQLSTATES.get(code, "22000"), source=source)


def _message(failure: BaseException) -> str:
    """The server's own words, which name user and host, never the password."""
    if isinstance(failure, pymysql.err.Error) and len(failure.args) > 1:
        return str(failure.args[1])
    return str(failure) or "the connection was lost"
