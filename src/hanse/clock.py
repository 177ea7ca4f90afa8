"""Time, sleep, ids, chance: the only place that they come from, so that tests can supply their own."""

import random
import time
import uuid
from typing import Protocol


class Clock(Protocol):
    """A source of time and ids."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def new_id(self) -> str:
        """A fresh query id: 32 hexadecimal digits."""

    def random(self) -> float:
        """A number between 0 and 1, by which many who wait are spread over time."""


class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def new_id(self) -> str:
        """A fresh query id: 32 hexadecimal digits, ordered by nothing."""
        return uuid.uuid4().hex

    def random(self) -> float:
        """A number between 0 and 1, by which many who wait are spread over time."""
        return random.random()  # noqa: S311  # nothing is secret about when to wait
