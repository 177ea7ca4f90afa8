"""Why a server refuses a connection, as an SQLSTATE: libpq keeps that in a failed connection's text alone, and there only on
demand (manual: PQsetErrorVerbosity, PQERRORS_SQLSTATE), which psycopg has no word for. So it is asked for in libpq itself."""

import ctypes
import re
import select
import sys
import time

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGconn

SQLSTATE_ALONE = 3
"""PQERRORS_SQLSTATE: severity and code, in place of a message in the server's language."""
CODE = re.compile(r"\s([0-9A-Z]{5})$")


def refusal(conninfo: str, seconds: float) -> str | None:
    """Try to connect once more, for so many seconds; the code with which the server refuses, None if it does not, or does not
    say."""
    set_verbosity = getattr(_libpq(), "PQsetErrorVerbosity", None)
    if set_verbosity is None:
        return None
    connection: PGconn = pq.PGconn.connect_start(conninfo.encode())
    try:
        set_verbosity(ctypes.c_void_p(getattr(connection, "pgconn_ptr", None)), SQLSTATE_ALONE)
        if not _has_failed(connection, time.monotonic() + seconds):
            return None
        last = connection.error_message.decode("utf-8", "replace").strip().rpartition("\n")[2]
        found = CODE.search(last)
        return found[1] if found else None
    except (psycopg.Error, OSError, ValueError):
        return None
    finally:
        connection.finish()


def _libpq() -> ctypes.CDLL | None:
    """The library that psycopg itself uses: its module's own handle finds the symbols of what it is linked with."""
    file = getattr(sys.modules[pq.PGconn.__module__], "__file__", None)
    try:
        return ctypes.CDLL(file) if file else None
    except OSError:  # psycopg in Python has no library of its own
        return None


def _has_failed(connection: PGconn, deadline: float) -> bool:
    """Connect; whether that failed in time."""
    while True:
        status = connection.connect_poll()
        if status in (pq.PollingStatus.OK, pq.PollingStatus.FAILED):
            return bool(status == pq.PollingStatus.FAILED)
        left = deadline - time.monotonic()
        socket = [connection.socket]
        reads, writes = (socket, []) if status == pq.PollingStatus.READING else ([], socket)
        if left <= 0 or not any(select.select(reads, writes, [], left)):
            return False
