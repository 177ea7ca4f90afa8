"""Opens connections in a way that another thread can end: PyMySQL alone waits for a silent server as long as it may."""

import contextlib
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any

import pymysql
from pymysql.constants import CR

from hanse.connectors.mysql.wire import Connection
from hanse.connectors.shared.attempts import Attempt, shut

UNCHECKED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""TLS with whoever answers."""
UNCHECKED.check_hostname = False
UNCHECKED.verify_mode = ssl.CERT_NONE


class PreferringTls(pymysql.Connection):
    """A connection with TLS where the server has it. PyMySQL reads the system's authorities for each of these, though it asks
    none of them: that takes 20 ms of a processor."""

    def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
        return super()._create_ssl_ctx(sslp) if sslp else UNCHECKED  # type: ignore[misc]


def opened(login: Mapping[str, Any], attempt: Attempt) -> Connection:
    """A connection with the arguments of ``pymysql.connect``, past its greeting; raises PyMySQL's errors and OSError. It is
    the caller's to say that nobody waits for it any more."""
    connection: Connection = PreferringTls(**login, defer_connect=True)
    found = _socket(login["host"], login["port"], login["connect_timeout"], attempt)
    attempt.ends_by(_Copy(found))
    connection.connect(found)
    return connection


def shut_connection(connection: Connection) -> None:
    """Wake whoever waits for the server on this connection: nothing else does if the server is silent. Never raises."""
    with contextlib.suppress(AttributeError):  # it is closed
        shut(connection._sock)


class _Copy:
    """A second handle of a connection, by which it can be shut though TLS takes the first from its object; closed when nobody
    needs it."""

    def __init__(self, found: socket.socket) -> None:
        self._found = found.dup()

    def __call__(self) -> None:
        shut(self._found)

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            self._found.close()


def _socket(host: str, port: int, seconds: float, attempt: Attempt) -> socket.socket:
    """A TCP connection to the first of the host's addresses that accepts one."""
    deadline = time.monotonic() + seconds
    last: OSError | None = None
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            found = socket.socket(family, kind, protocol)
            attempt.ends_by(_Copy(found))
            try:
                found.settimeout(max(0.001, deadline - time.monotonic()))
                found.connect(address)
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                found.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                found.settimeout(None)
                return found
            except OSError as failure:
                found.close()
                last = failure
    except OSError as failure:
        last = failure
    raise pymysql.err.OperationalError(
        CR.CR_CONN_HOST_ERROR, f"Can't connect to MySQL server on {host!r} ({last})"
    ) from None
