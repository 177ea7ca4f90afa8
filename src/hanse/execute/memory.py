"""What one query may have in memory, where its resource group says so: the coordinator's engine has three quarters of it, the
rows that wait in queues the rest. A query without a coordinator has all of it for its rows.

Writers wait once half of what is for rows is taken, so that a slow reader slows its sources; each queue may still hold one
batch, so that none waits for another. What comes beyond the whole ends the query: never the process, and no other query.
"""

import threading

from hanse.errors import ResourceLimit
from hanse.execute.sizes import size_in_bytes

DIRECT_BYTES = 64_000_000
"""What a query without a coordinator wants: its rows only pass."""
PART = 16
"""A batch should have no more than that part of what is for rows."""
LEAST_BYTES = 65_536
COORDINATOR = 0.75
"""The part that operators get before they spill."""
LIMIT_BYTES = 1_000_000_000
"""What a coordinator wants whose limit is no amount, but a part of the machine's memory."""


def wanted(memory_limit: str, has_coordinator: bool) -> int:
    """The bytes that a query would have if nobody limited it more; ``memory_limit`` is that of a coordinator instance."""
    if not has_coordinator:
        return DIRECT_BYTES
    return int((size_in_bytes(memory_limit) or LIMIT_BYTES) / COORDINATOR)


class QueryMemory:
    """One query's. Thread-safe; nothing here waits."""

    def __init__(self, most: int | None = None, group: str = "", *, has_coordinator: bool = False) -> None:
        """``most``: bytes in all; None: nobody counts."""
        self._group = group
        self._all = most
        self.coordinator = int(most * COORDINATOR) if most is not None and has_coordinator else None
        """Bytes that its engine may have; None: as configured."""
        self._most = None if most is None else most - (self.coordinator or 0)
        self._lock = threading.Lock()
        self._taken = 0

    @property
    def is_counted(self) -> bool:
        """Whether there is a limit."""
        return self._most is not None

    @property
    def taken(self) -> int:
        """Bytes of the rows that wait now."""
        return self._taken

    def batch_bytes(self, most: int | None) -> int | None:
        """How large a batch should be at most, where something else says ``most``."""
        mine = None if self._most is None else max(LEAST_BYTES, self._most // PART)
        return min((one for one in (mine, most) if one is not None), default=None)

    def is_crowded(self, size: int = 0) -> bool:
        """Whether writers are to wait before they put so much more."""
        return self._most is not None and self._taken + size > self._most // 2

    def take(self, size: int) -> None:
        """Rows of so many bytes wait now; raises ResourceLimit where they are more than the query may have."""
        if self._most is None:
            return
        with self._lock:
            self._taken += size
            if self._taken <= self._most:
                return
            self._taken -= size
        message = (
            f"the rows that wait in the query need more than {self._most:,} bytes: resource group {self._group} lets one query"
            f" have {self._all:,} bytes of memory"
        )
        hint = "smaller batches (SET batch_rows) or fewer columns may do, or raise query_memory or memory of the group"
        raise ResourceLimit(message, sqlstate="53200", hint=hint)

    def give_back(self, size: int) -> None:
        """They do not wait any more."""
        if self._most is not None:
            with self._lock:
                self._taken -= size


UNCOUNTED = QueryMemory()
"""Of a query that nobody limits."""
