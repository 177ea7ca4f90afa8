"""How long a source's answers take, and so which one is late."""

import threading
from collections import deque

KNOWN_MIN = 20
"""With fewer answers nobody knows what is slow."""
KNOWN_MAX = 200
NEARLY_ALL = 0.95
LEAST_SECONDS = 0.002


class AnswerTimes:
    """How long a source's last answers took until their first rows. Thread-safe."""

    def __init__(self) -> None:
        """None is known."""
        self._lock = threading.Lock()
        self._seconds: deque[float] = deque(maxlen=KNOWN_MAX)

    def note(self, seconds: float) -> None:
        """One more."""
        with self._lock:
            self._seconds.append(seconds)

    def patience(self) -> float | None:
        """Within how many seconds nearly all have come; None: too few are known."""
        with self._lock:
            known = sorted(self._seconds)
        return max(LEAST_SECONDS, known[int(len(known) * NEARLY_ALL)]) if len(known) >= KNOWN_MIN else None
