"""How often a source may be asked again, and after how long: so that repetitions never become a load of their own."""

import threading

from hanse.spi.protection import RetryOptions

FREE = 10.0
"""Repetitions that nothing has earned yet; no more are ever saved up."""


class RetryBudget:
    """Tokens, one for each repetition: successes earn parts of them, failures cost them. Thread-safe."""

    def __init__(self, share: float, most: float = FREE) -> None:
        """``share``: the part of a token that one success earns; ``most``: what is there at first, and ever."""
        self._share = share
        self._most = most
        self._lock = threading.Lock()
        self._tokens = most

    def earn(self) -> None:
        """A call succeeded."""
        with self._lock:
            self._tokens = min(self._most, self._tokens + self._share)

    def spend(self) -> bool:
        """Whether one repetition may be made; then it counts as made."""
        with self._lock:
            if self._tokens < 1:
                return False
            self._tokens -= 1
            return True


def backoff(options: RetryOptions, attempt: int, chance: float) -> float:
    """Seconds to wait after so many attempts: anything up to a limit that doubles (full jitter)."""
    return doubled(options.wait, options.wait_max, attempt - 1) * chance


def doubled(wait: float, most: float, times: int) -> float:
    """Seconds that double each time, up to ``most``."""
    whole: float = min(most, wait * 2.0 ** min(times, 30))
    return whole
