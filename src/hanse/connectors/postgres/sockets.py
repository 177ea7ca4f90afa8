"""Shuts the sockets of libpq inside ADBC, whose handles nobody gives out.

Where the network is silent, libpq waits for ever, and a cancel waits with it. The socket would have to be shut, but ADBC keeps
it to itself. So each connection has a mark that the system shows of every socket: how long TCP waits for what it has sent to
be acknowledged (``tcp_user_timeout``), which differs by milliseconds from all others of this process. Linux only; elsewhere
nothing is found, and a silent connection ends when TCP gives it up.
"""

import contextlib
import os
import socket
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from hanse.connectors.shared.attempts import shut, shut_descriptor

FIRST_MS = 30_000
"""What is not acknowledged for so long is lost, as the keepalive of idle connections has it (``options.KEEPALIVE``)."""
DESCRIPTORS = Path("/proc/self/fd")
OPTION = getattr(socket, "TCP_USER_TIMEOUT", None)
_lock = threading.Lock()
_taken: set[int] = set()


class Mark:
    """One connection's, for as long as the object lives: so it lives as long as the connection."""

    def __init__(self, first: int = FIRST_MS) -> None:
        """The lowest above ``first`` that nobody has."""
        with _lock:
            value = first + 1
            while value in _taken:
                value += 1
            _taken.add(value)
        self.value = value

    def __del__(self) -> None:
        _taken.discard(self.value)

    @property
    def setting(self) -> str:
        """What follows a connection string, whose last word counts."""
        return f" tcp_user_timeout={self.value}"

    def belongs_to(self, connection: object) -> None:
        """Live as long as that."""
        _owned[connection] = self

    @property
    def is_seen(self) -> bool:
        """Whether a socket has it."""
        found = list(_sockets(self.value))
        for one in found:
            one.close()
        return bool(found)

    def shut(self) -> None:
        """Shut every socket that has it: who waits for one is woken."""
        for one in _sockets(self.value):
            with one:
                shut(one)


def _sockets(mark: int) -> Iterator[socket.socket]:
    """Copies of the handles of TCP sockets of that mark: what is looked at stays the same though others close theirs."""
    for found in _handles(_descriptors()):
        with contextlib.suppress(OSError):
            if _is_tcp(found) and OPTION is not None and found.getsockopt(socket.IPPROTO_TCP, OPTION) == mark:
                yield found
                continue
        found.close()


def _descriptors() -> list[int]:
    if OPTION is None:
        return []
    with contextlib.suppress(OSError):
        return [int(path.name) for path in DESCRIPTORS.iterdir()]
    return []


def _handles(descriptors: list[int]) -> Iterator[socket.socket]:
    for number in descriptors:
        try:
            copy = os.dup(number)
        except (OSError, OverflowError):  # what a call's first argument is that is no descriptor
            continue
        try:
            yield socket.socket(fileno=copy)
        except OSError:  # no socket
            os.close(copy)


def _is_tcp(found: socket.socket) -> bool:
    return found.family in (socket.AF_INET, socket.AF_INET6) and found.type == socket.SOCK_STREAM


def shut_control(connection: "psycopg.Connection[Any]") -> None:
    """Wake whoever waits for the server on a connection of psycopg, which says where its socket is. Never raises."""
    with contextlib.suppress(psycopg.Error):
        shut_descriptor(connection.fileno())


def shut_waited_for(thread: threading.Thread) -> None:
    """Shut the socket for which a thread waits that is in libpq's cancel: libpq leaves the mark out there. The system says
    which it is, as the first argument of the call that the thread is in."""
    try:
        words = Path(f"/proc/self/task/{thread.native_id}/syscall").read_text("ascii").split()
        descriptor = int(words[1], 16)
    except (OSError, ValueError, IndexError):
        return
    for found in _handles([descriptor]):
        with found:
            if _is_tcp(found):
                shut(found)


_owned: "weakref.WeakKeyDictionary[object, Mark]" = weakref.WeakKeyDictionary()
"""Marks of connections that know nothing of theirs."""
