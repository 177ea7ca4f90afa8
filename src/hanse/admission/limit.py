"""How many queries ask one source at a time, below its own cap: less after it refused some, slowly more while it does not.

Additive increase, multiplicative decrease (Netflix, concurrency-limits: AIMDLimit). There is no limit until a source
refuses work for the first time, and none again when it has taken twice what it refused then.
"""

import math
import threading
from collections.abc import Callable

from hanse.errors import Cancelled, ResourceLimit
from hanse.spi.permits import Permits
from hanse.spi.shares import NOBODY, Share

NO_LIMIT = 1_000_000
DECREASE = 0.75
"""What a refusal leaves of the number that was in flight."""
SECONDS_MAX = 30.0
"""How long a query waits to be let through."""


class AdaptiveLimit:
    """One source's. Thread-safe."""

    def __init__(self, source: str) -> None:
        """Without a limit."""
        self._source = source
        self._lock = threading.Lock()
        self._permits = Permits(NO_LIMIT)
        self._limit: float | None = None
        self._refused_at = 0
        self._round = 0
        """Counts decreases: those who came in before the last one tell nothing new."""

    @property
    def limit(self) -> int | None:
        """How many may ask at a time; None: as many as like."""
        return None if self._limit is None else math.floor(self._limit)

    @property
    def taken(self) -> int:
        """How many ask now."""
        return self._permits.taken

    def enter(self, is_ended: Callable[[], bool], seconds: float = SECONDS_MAX, share: Share = NOBODY) -> int:
        """Wait to be let through, in the order of arrival; returns what ``refused`` wants to know. Who entered leaves.

        Raises ResourceLimit after too long a wait, Cancelled when ``is_ended`` says so meanwhile.
        """
        if self._permits.take(1, seconds, is_ended, share):
            return self._round
        if is_ended():
            raise Cancelled("cancelled while waiting for the source", source=self._source)
        message = (
            f"the source refuses more work, so {self.limit} queries ask it at a time; none ended within {seconds:g} s"
        )
        raise ResourceLimit(message, sqlstate="53300", source=self._source, hint="ask less of it at a time, or later")

    def leave(self, share: Share = NOBODY) -> None:
        """Somebody who entered asks no more."""
        self._permits.give_back(1, share)

    def succeeded(self) -> None:
        """The source answered somebody who entered."""
        with self._lock:
            if self._limit is None or self._permits.taken * 2 < self._limit:
                return  # what is not used says nothing of what could be
            self._limit += 1 / self._limit
            if self._limit >= 2 * self._refused_at:
                self._limit = None
            self._permits.resize(self.limit or NO_LIMIT)

    def refused(self, entered: int) -> None:
        """The source refused somebody who entered then."""
        with self._lock:
            if entered < self._round:
                return
            self._round += 1
            flying = self._permits.taken
            if self._limit is None:
                self._refused_at = max(2, flying)
            self._limit = max(1.0, min(flying, self._limit or flying) * DECREASE)
            self._permits.resize(self.limit or 1)
