"""Whose statements are whose at one server, and the end of those whose owner has died.

A process that dies without closing its connections leaves statements running. So every statement carries a token of its owner,
and the owner proves that it lives by a lock of that name, which it holds on a connection of its own as long as that exists: the
server gives it free when the process, or its host, is gone. At its first use of a server each process looks once for statements
whose token nobody holds, looks again after a while, since a living process whose connection was cut takes its lock again within
moments, and ends what it saw both times. Locks and statements are the server's own, so this holds for any number of hosts.

A process without a lock, as where the server gives it no connection more, puts no token on its statements: nobody ends these.
"""

import contextlib
import functools
import secrets
import select
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from hanse.connectors.shared.attempts import Attempt, given_up_after
from hanse.errors import HanseError, SourceUnreachable

C = TypeVar("C")
R = TypeVar("R")
TOKEN_DIGITS = 5
"""Hexadecimal. A token that somebody holds is not taken, so few of them do."""
WAIT_SECONDS = 0.5
"""How long a statement waits for its owner's token, at a process's first use of the server, before it goes without."""
GRACE_SECONDS = 2.0
"""Between the two looks: in that time a living process has its lock again."""
REACH_SECONDS = 1.0
"""How long connecting and locking may take."""
ASK_SECONDS = 0.5
"""How long the server may take for one of these questions."""
PAUSES = (0.1, 0.2, 0.4, 0.8, 2.0, 5.0, 5.0, 5.0, 5.0)
"""Before each time that a lock is asked for again which a connection still holds that we have lost."""
AGAIN_SECONDS = 1.0
"""When a process that got no connection for its lock asks for one again, if it still uses the server."""

Found = tuple[int, str]
"""A connection's number, and the statement's tag."""


def _any_token() -> str:
    return secrets.token_hex(8)[:TOKEN_DIGITS]


class _Taken(Exception):
    """Somebody has the lock."""


class OwnerServer(Protocol[C]):
    """How one kind of server locks, and shows and ends statements. All of them raise HanseError."""

    def connect(self, attempt: Attempt) -> C:
        """A connection beside all others, which the server does not end because it is idle."""

    def descriptor(self, connection: C) -> int:
        """Its socket's."""

    def shut(self, connection: C) -> None:
        """Wake whoever waits on it."""

    def close(self, connection: C) -> None:
        """End it. Never raises."""

    def lock(self, connection: C, token: str) -> bool:
        """Take the lock of that token, which lasts as long as the connection; False if somebody has it."""

    def orphans(self, connection: C) -> list[Found]:
        """Statements of this very user, with a token whose lock nobody has."""

    def tagged(self, connection: C, tags: Iterable[str]) -> list[Found]:
        """Statements of this very user with such tags."""

    def end(self, connection: C, found: Found) -> None:
        """End a connection, if its statement still has that tag."""


def weakly(connect: Callable[[Attempt], C]) -> Callable[[Attempt], C]:
    """A connector's method that opens connections, which does not keep the connector: one that nobody closed ends with the
    last who knew it, and its lock with it (``Ownership.let_go``). Raises SourceUnreachable afterwards."""
    method = weakref.WeakMethod(connect)

    def connected(attempt: Attempt) -> C:
        alive = method()
        if alive is None:
            raise SourceUnreachable("nobody uses the source any more")
        found: C = alive(attempt)
        return found

    return connected


class Ownership(Generic[C]):
    """One process's at one server. Thread-safe; a thread of its own asks the server."""

    _calls: socket.socket
    """By which the thread, once it has started, is woken while it waits for the server."""
    _heard: socket.socket
    """Its end of that."""

    def __init__(self, source: str, server: OwnerServer[C], is_wanted: bool) -> None:
        """Ask nobody yet; without being wanted, never."""
        self._source = source
        self._server = server
        self._is_wanted = is_wanted
        self._changed = threading.Condition()
        self._token = self._suffix = ""
        self._has_looked = False
        """Whether the dead have been looked for."""
        self._is_decided = not is_wanted
        """Whether it is known if there is a token."""
        self._is_closed = False
        self._left: set[str] = set()
        """Tags of statements of ours that no cancel has reached."""
        self._thread: threading.Thread | None = None
        self._again_at = 0.0
        self.ended: list[Found] = []
        """What was found of dead processes, and ended."""

    def _start(self) -> None:
        with self._changed:
            is_time = time.monotonic() >= self._again_at
            if is_time and not (self._is_closed or self._thread):
                self._is_decided = False
                self._calls, self._heard = socket.socketpair()
                self._calls.setblocking(False)
                self._thread = threading.Thread(target=self._run, name=f"owner-of-{self._source}", daemon=True)
                self._thread.start()

    def suffix(self) -> str:
        """What follows a statement's tag; nothing where nobody may end it. Waits a moment, at the first use. To be called when
        the server can be reached, and so has answered somebody else."""
        if self._thread is None and self._is_wanted:
            self._start()
        if not self._is_decided:
            with self._changed:
                self._changed.wait_for(lambda: self._is_decided, WAIT_SECONDS)
                self._is_decided = True
        return self._suffix

    def left_behind(self, tag: str) -> None:
        """A statement of ours may still run, though nobody wants it: end it as soon as the server can be reached."""
        with self._changed:
            if self._token in tag and self._token and not self._is_closed:
                self._left.add(tag)
                self._call()

    def let_go(self) -> None:
        """Give the lock free soon; nobody waits for that. Idempotent."""
        with self._changed:
            self._is_closed = True
            self._call()

    def close(self) -> None:
        """Give the lock free. What was found of dead processes is ended first. Idempotent."""
        self.let_go()
        thread = self._thread
        if thread is not None:
            thread.join(GRACE_SECONDS + 2 * ASK_SECONDS)

    def _call(self) -> None:
        """Wake the thread. Call with ``_changed`` held."""
        self._changed.notify_all()
        if self._thread is not None:  # else nobody reads, and at last nothing more could be sent
            with contextlib.suppress(OSError):
                self._calls.send(b".")

    # the thread

    def _run(self) -> None:
        pauses = iter(PAUSES)
        while not self._is_closed:
            try:
                connection = self._locked()
            except _Taken:  # the server has not noticed yet that our connection is gone, and so protects us as before
                if (pause := next(pauses, None)) is None:
                    break
                self._sleep(pause)
                continue
            if connection is None:
                break  # who uses the server next tries again
            pauses = iter(PAUSES)
            try:
                self._held(connection)
            except HanseError:
                break  # it says nothing
            finally:
                self._server.close(connection)
        with self._changed:
            self._suffix, self._is_decided, self._thread = "", True, None
            self._again_at = time.monotonic() + AGAIN_SECONDS
            self._calls.close()
            self._heard.close()
            self._changed.notify_all()

    def _held(self, connection: C) -> None:
        self._decide(f"~{self._token}")
        if not self._has_looked:
            self._sweep(connection)
            self._has_looked = True
        self._stay(connection)

    def _decide(self, suffix: str) -> None:
        with self._changed:
            self._suffix, self._is_decided = suffix, True
            self._changed.notify_all()

    def _locked(self) -> C | None:
        """A connection that holds the lock, of the token that there was if there was one. None: the server cannot be reached;
        raises _Taken."""
        connection: C | None = None
        try:
            with given_up_after(REACH_SECONDS) as attempt:
                connection = self._server.connect(attempt)
                attempt.ends_by(self._shutter(connection))
                self._token = self._taken(connection)
                attempt.ends_by(None)
            return connection
        except (HanseError, _Taken) as failure:
            if connection is not None:
                self._server.close(connection)
            if isinstance(failure, _Taken):
                raise
            return None

    def _taken(self, connection: C) -> str:
        """The token whose lock the connection has now."""
        if self._token:
            if not self._server.lock(connection, self._token):
                raise _Taken
            return self._token
        while not self._server.lock(connection, wanted := _any_token()):
            pass
        return wanted

    def _shutter(self, connection: C) -> Callable[[], None]:
        return lambda: self._server.shut(connection)

    def _sweep(self, connection: C) -> None:
        first = self._asked(connection, functools.partial(self._server.orphans, connection))
        if not first:
            return
        time.sleep(GRACE_SECONDS)
        again = set(self._asked(connection, functools.partial(self._server.orphans, connection)))
        self._end(connection, [found for found in first if found in again])

    def _end(self, connection: C, found: list[Found]) -> None:
        for one in found:
            self._asked(connection, functools.partial(self._server.end, connection, one))
            self.ended.append(one)

    def _asked(self, connection: C, question: Callable[[], R]) -> R:
        with given_up_after(ASK_SECONDS) as attempt:
            attempt.ends_by(self._shutter(connection))
            try:
                return question()
            finally:
                attempt.ends_by(None)

    def _stay(self, connection: C) -> None:
        """Until the connection ends, or nobody needs it any more."""
        poll = select.poll()
        descriptor = self._server.descriptor(connection)
        poll.register(descriptor, select.POLLIN)
        poll.register(self._heard, select.POLLIN)
        while not self._is_closed:
            with self._changed:
                left = set(self._left)
            if left:
                self._end(connection, self._asked(connection, functools.partial(self._server.tagged, connection, left)))
                with self._changed:
                    self._left -= left
            ready = [number for number, _ in poll.poll()]
            if descriptor in ready:
                return  # nobody has asked: it is the end, or news of which none is worth more than connecting again
            with contextlib.suppress(OSError):
                self._heard.recv(1024)

    def _sleep(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed, seconds)
