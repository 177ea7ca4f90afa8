"""A pool of connections with a cap: leased, given back or dropped; whoever waits too long is told which limit it was."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from hanse.errors import Cancelled, ResourceLimit

C = TypeVar("C")
POLL_SECONDS = 0.05


class Pool(Generic[C]):
    """At most ``size`` connections of one source at a time; idle ones are used again, the most recent first."""

    def __init__(self, source: str, size: int, wait_seconds: float, connect: Callable[[], C]) -> None:
        """Open nothing yet; ``connect`` makes one connection and may raise our errors."""
        self._source = source
        self._size = size
        self._wait_seconds = wait_seconds
        self._connect = connect
        self._changed = threading.Condition()
        self._idle: list[C] = []
        self._leased = 0
        self._closed = False

    def lease(self, is_cancelled: Callable[[], bool], *, fresh: bool = False) -> tuple[C, bool]:
        """A connection, and whether it has been used before; ``fresh`` asks for a new one.

        Raises ResourceLimit when the cap is reached for too long, Cancelled when ``is_cancelled`` says so meanwhile.
        """
        with self._changed:
            self._wait(is_cancelled)
            self._leased += 1
            if self._idle and not fresh:
                return self._idle.pop(), True
        try:
            return self._connect(), False
        except BaseException:
            self.forget()
            raise

    def _wait(self, is_cancelled: Callable[[], bool]) -> None:
        deadline = time.monotonic() + self._wait_seconds
        while self._leased >= self._size and not self._closed:
            if is_cancelled():
                raise Cancelled("cancelled while waiting for a connection", source=self._source)
            if time.monotonic() >= deadline:
                message = f"all {self._size} connections were busy for {self._wait_seconds:g} s"
                raise ResourceLimit(message, source=self._source, hint="raise the option connections")
            self._changed.wait(POLL_SECONDS)
        if self._closed:
            raise Cancelled("the source was closed", source=self._source)

    def give_back(self, connection: C) -> bool:
        """Take a clean connection back; False if the pool is closed, so that the caller must close it."""
        with self._changed:
            self._leased -= 1
            self._changed.notify()
            if not self._closed:
                self._idle.append(connection)
            return not self._closed

    def forget(self) -> None:
        """A leased connection is gone; its place is free."""
        with self._changed:
            self._leased -= 1
            self._changed.notify()

    def close(self) -> list[C]:
        """Lease no more; returns the idle connections, which the caller closes."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
            return idle
