"""A pool of connections with a cap. A session leases all that it may use at once, before it uses any, and opens them as
it needs them: so no two sessions can each hold what the other waits for. Whoever waits too long is told which limit it was.
"""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from hanse.connectors.shared.attempts import Attempt
from hanse.errors import Cancelled, InternalError, ResourceLimit
from hanse.spi.permits import Permits
from hanse.spi.shares import NOBODY, Share

C = TypeVar("C")
R = TypeVar("R")


class Pool(Generic[C]):
    """At most ``size`` connections of one source at a time; idle ones are used again, the most recent first."""

    def __init__(self, source: str, size: int, wait_seconds: float, connect: Callable[[Attempt], C]) -> None:
        """Open nothing yet; ``connect`` makes one connection and may raise our errors. It says to the attempt how it is given
        up."""
        self._source = source
        self._wait_seconds = wait_seconds
        self._connect = connect
        self._permits = Permits(size)
        self._lock = threading.Lock()
        self._idle: list[C] = []

    @property
    def leased(self) -> int:
        """How many connections sessions may have open at this moment."""
        return self._permits.taken

    def lease(self, wanted: int, is_ended: Callable[[], bool], share: Share = NOBODY) -> "Lease[C]":
        """The right to ``wanted`` connections, or to all of the pool if that is fewer.

        Raises ResourceLimit when they are taken for too long, Cancelled when ``is_ended`` says so meanwhile.
        """
        count = min(wanted, self._permits.size)
        if self._permits.take(count, self._wait_seconds, is_ended, share):
            return Lease(self, count, share)
        if self._permits.closed:
            raise Cancelled("the source was closed", source=self._source)
        if is_ended():
            raise Cancelled("cancelled while waiting for a connection", source=self._source)
        busy = f"all {self._permits.size}" if count == 1 else f"{count} of {self._permits.size}"
        message = f"{busy} connections were busy for {self._wait_seconds:g} s"
        raise ResourceLimit(message, sqlstate="53300", source=self._source, hint="raise the option connections")

    def ask(self, question: Callable[[C], R], drop: Callable[[C], object], attempt: Attempt) -> R:
        """What one connection answers that has nothing else to do meanwhile; ``drop`` closes one on which that failed.

        An idle connection may have been closed by the server since: then the next is asked. Raises what a new one does.
        """
        lease = self.lease(1, lambda: attempt.is_given_up)
        try:
            while True:
                connection, used = lease.connection(attempt)
                try:
                    answer = question(connection)
                except BaseException as failure:
                    drop(connection)
                    if not (used and isinstance(failure, Exception)) or attempt.is_given_up:
                        raise
                else:
                    if not lease.give_back(connection):
                        drop(connection)
                    return answer
        finally:
            lease.end()

    def connection(self, attempt: Attempt) -> tuple[C, bool]:
        """For a lease: an idle connection or a new one, and whether it has been used before."""
        with self._lock:
            if self._idle:
                return self._idle.pop(), True
        return self._connect(attempt), False

    def keep(self, connection: C) -> bool:
        """For a lease: take a clean connection back; False if the pool is closed."""
        with self._lock:
            if not self._permits.closed:
                self._idle.append(connection)
            return not self._permits.closed

    def more(self, count: int, leave: int, share: Share) -> int:
        """For a lease: the right to up to ``count`` connections that nobody has or waits for, so that ``leave`` stay."""
        return self._permits.take_free(count, leave, share)

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for connections."""
        return self._permits.wanted

    def end(self, count: int, share: Share) -> None:
        """For a lease: ``count`` connections may be others'."""
        self._permits.give_back(count, share)

    def close(self) -> list[C]:
        """Lease no more; returns the idle connections, which the caller closes."""
        self._permits.close()
        with self._lock:
            idle, self._idle = self._idle, []
            return idle


class Lease(Generic[C]):
    """A session's right to use up to ``size`` connections at a time; the session keeps to that itself."""

    def __init__(self, pool: Pool[C], size: int, share: Share = NOBODY) -> None:
        """For the pool; ``share``: who it is for."""
        self.size = size
        self._share = share
        self._pool = pool
        self._lock = threading.Lock()
        self._ended = False

    def connection(self, attempt: Attempt | None = None) -> tuple[C, bool]:
        """A connection, and whether it has been used before. The user gives it back, or closes it. Making one may be given
        up by the ``attempt``."""
        if self._ended:
            raise InternalError("a session connects after its end")
        return self._pool.connection(attempt or Attempt())

    def give_back(self, connection: C) -> bool:
        """Take a clean connection back; False if the lease or the pool has ended, so that the caller must close it."""
        with self._lock:
            return not self._ended and self._pool.keep(connection)

    @property
    def wanted(self) -> bool:
        """Whether others wait for connections."""
        return self._pool.wanted

    def grow(self, count: int, leave: int = 1) -> int:
        """The right to more connections, up to ``count``, as far as they are free and ``leave`` of them stay so; how many.

        Nobody waits here, so that a session which has its own may ask for more without holding up others for ever.
        """
        with self._lock:
            more = 0 if self._ended else self._pool.more(count, leave, self._share)
            self.size += more
            return more

    def shrink(self, count: int) -> None:
        """Let others have ``count`` of these connections, which the session has given back or closed."""
        with self._lock:
            if self._ended:
                return
            self.size -= count
        self._pool.end(count, self._share)

    def end(self) -> None:
        """Let others have these connections. Idempotent; what is still open is closed by its user, not given back."""
        with self._lock:
            if self._ended:
                return
            self._ended = True
        self._pool.end(self.size, self._share)

    def __del__(self) -> None:
        self.end()
