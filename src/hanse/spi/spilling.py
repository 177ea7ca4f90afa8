"""Disk that all queries together may fill with answers that they keep aside."""

import threading


class SpillSpace:
    """So many bytes. Thread-safe; nobody waits here: what does not fit is refused."""

    def __init__(self, most: int | None = None) -> None:
        """All is free; None: there is no end of it."""
        self.most = most
        self._lock = threading.Lock()
        self._taken = 0

    @property
    def taken(self) -> int:
        """Bytes that are filled."""
        return self._taken

    def take(self, size: int) -> bool:
        """Whether so much fits; then it is taken."""
        with self._lock:
            if self.most is not None and self._taken + size > self.most:
                return False
            self._taken += size
            return True

    def give_back(self, size: int) -> None:
        """So much is free again."""
        with self._lock:
            self._taken -= size


ENDLESS = SpillSpace()
"""Where nobody counts."""
