"""A counted resource that cannot deadlock or starve its users: taken all at once, in the order of arrival."""

import threading
import time
from collections import deque
from collections.abc import Callable

POLL_SECONDS = 0.05
"""How often a waiter looks whether it is still wanted."""


class Permits:
    """``size`` permits. Who waits holds none of them, and nobody who came later is served before.

    Somebody who takes from several of these must take from them in an order that is the same for everybody.
    """

    def __init__(self, size: int) -> None:
        """All are free."""
        self.size = size
        self._changed = threading.Condition()
        self._free = size
        self._waiting: deque[object] = deque()
        self._closed = False

    @property
    def taken(self) -> int:
        """How many are taken at this moment."""
        return self.size - self._free

    @property
    def closed(self) -> bool:
        """Whether no more are given."""
        return self._closed

    def take(self, count: int, seconds: float, is_ended: Callable[[], bool]) -> bool:
        """Take ``count`` (at most ``size``) permits; False: not within ``seconds``, ``is_ended()``, or closed."""
        with self._changed:
            if self._closed:
                return False
            if not self._waiting and self._free >= count:
                self._free -= count
                return True
            ticket = object()
            self._waiting.append(ticket)
            try:
                return self._wait(ticket, count, time.monotonic() + seconds, is_ended)
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def _wait(self, ticket: object, count: int, deadline: float, is_ended: Callable[[], bool]) -> bool:
        while True:
            left = deadline - time.monotonic()
            if self._closed or left <= 0 or is_ended():
                return False
            if self._waiting[0] is ticket and self._free >= count:
                self._free -= count
                return True
            self._changed.wait(min(POLL_SECONDS, left))

    def take_free(self, count: int, leave: int) -> int:
        """Take up to ``count`` permits of those that are free at this moment, so that ``leave`` stay free; returns how many.

        None where somebody waits: who takes more without waiting must take it from nobody.
        """
        with self._changed:
            if self._closed or self._waiting:
                return 0
            taken = max(0, min(count, self._free - leave))
            self._free -= taken
            return taken

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for permits."""
        return bool(self._waiting)

    def give_back(self, count: int = 1) -> None:
        """Let others have ``count`` permits."""
        with self._changed:
            self._free += count
            self._changed.notify_all()

    def resize(self, size: int) -> None:
        """Let there be more or fewer. What is taken stays so; where that is too much now, nobody gets any for a while."""
        with self._changed:
            self._free += size - self.size
            self.size = size
            self._changed.notify_all()

    def close(self) -> None:
        """Give no more, and tell those who wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
