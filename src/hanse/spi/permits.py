"""A counted resource that cannot deadlock or starve its users: taken all at once, in the order of arrival, or, where they
belong to groups, by turns of the groups (``spi.shares``) and in the order of arrival within each."""

import threading
import time
from collections.abc import Callable

from hanse.spi.shares import NOBODY, Share, Taken

POLL_SECONDS = 0.05
"""How often a waiter looks whether it is still wanted."""


class _Waiter:
    """Somebody in the line; ``gate`` opens when he gets what he waits for, or nothing any more."""

    __slots__ = ("count", "gate", "granted", "share")

    def __init__(self, count: int, share: Share) -> None:
        self.count = count
        self.share = share
        self.granted = False
        self.gate = threading.Lock()
        self.gate.acquire()


class Permits:
    """``size`` permits. Who waits holds none of them, and nobody of his group who came later is served before.

    Somebody who takes from several of these must take from them in an order that is the same for everybody.
    """

    def __init__(self, size: int) -> None:
        """All are free."""
        self.size = size
        self._lock = threading.Lock()
        self._free = size
        self._waiting: list[_Waiter] = []
        self._shares = Taken()
        self._closed = False

    @property
    def taken(self) -> int:
        """How many are taken at this moment."""
        return self.size - self._free

    @property
    def closed(self) -> bool:
        """Whether no more are given."""
        return self._closed

    def take(self, count: int, seconds: float, is_ended: Callable[[], bool], share: Share = NOBODY) -> bool:
        """Take ``count`` (at most ``size``) permits; False: not within ``seconds``, ``is_ended()``, or closed."""
        with self._lock:
            if self._closed:
                return False
            if not self._waiting and self._free >= count:
                self._take(count, share)
                return True
            waiter = _Waiter(count, share)
            self._waiting.append(waiter)
            self._serve()
        deadline = time.monotonic() + seconds
        while not waiter.granted:
            left = deadline - time.monotonic()
            if self.closed or left <= 0 or is_ended():
                return self._leave(waiter)
            waiter.gate.acquire(timeout=min(POLL_SECONDS, left))
        return True

    def _take(self, count: int, share: Share) -> None:
        self._free -= count
        self._shares.add(share, count)

    def _leave(self, waiter: _Waiter) -> bool:
        """Go, unless one's turn has come in this moment; returns whether it has."""
        with self._lock:
            if not waiter.granted:
                self._waiting.remove(waiter)
                self._serve()
            return waiter.granted

    def _serve(self) -> None:
        """Let all in whose turn it is. Whoever is next and wants more than is free is not passed by others."""
        while self._waiting and not self._closed:
            waiter = self._shares.fairest(self._waiting, lambda one: one.share)
            if waiter.count > self._free:
                return
            self._waiting.remove(waiter)
            self._take(waiter.count, waiter.share)
            waiter.granted = True
            waiter.gate.release()

    def take_free(self, count: int, leave: int, share: Share = NOBODY) -> int:
        """Take up to ``count`` permits of those that are free at this moment, so that ``leave`` stay free; returns how many.

        None where somebody waits: who takes more without waiting must take it from nobody.
        """
        with self._lock:
            if self._closed or self._waiting:
                return 0
            taken = max(0, min(count, self._free - leave))
            self._take(taken, share)
            return taken

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for permits."""
        return bool(self._waiting)

    def give_back(self, count: int = 1, share: Share = NOBODY) -> None:
        """Let others have ``count`` permits that were taken for that share."""
        with self._lock:
            self._take(-count, share)
            self._serve()

    def resize(self, size: int) -> None:
        """Let there be more or fewer. What is taken stays so; where that is too much now, nobody gets any for a while."""
        with self._lock:
            self._free += size - self.size
            self.size = size
            self._serve()

    def close(self) -> None:
        """Give no more, and tell those who wait."""
        with self._lock:
            self._closed = True
            for waiter in self._waiting:
                if waiter.gate.locked():
                    waiter.gate.release()
