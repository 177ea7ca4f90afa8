"""Statements that several connections share out among themselves, and the lock that keeps their tables as they are."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from hanse.connectors.shared.pool import Lease

AT_ONCE_MS = "500"
"""How long a further connection waits for a lock that another one holds already: who makes it wait wants to change the
table, and waits for that other one."""


class Work:
    """Statements over tables, each for whoever comes first."""

    def __init__(self, statements: Sequence[str], relations: Sequence[str]) -> None:
        """All are still to be done."""
        self._left = deque(statements)
        self._lock = threading.Lock()
        self._relations = relations

    def lock(self, milliseconds: str = "", after: str = "") -> str:
        """What follows upon BEGIN, to hold the tables' locks until the end: as long as statements wait for them, or as many
        ``milliseconds``, and then ``after`` again. A SELECT asks for no more rights than those of the query itself."""
        selects = "".join(f"; SELECT FROM {relation} LIMIT 0" for relation in self._relations)
        if not milliseconds:
            return selects
        return f"; SET LOCAL lock_timeout = {milliseconds}{selects}; SET LOCAL lock_timeout = {after}"

    def __iter__(self) -> Iterator[str]:
        """Those that nobody has taken yet."""
        while (sql := self._next()) is not None:
            yield sql

    def while_unwanted(self, lease: Lease[Any]) -> Iterator[str]:
        """The same, until somebody waits for the lease's connections: who has one more than needed leaves it to others."""
        while not lease.wanted and (sql := self._next()) is not None:
            yield sql

    def _next(self) -> str | None:
        with self._lock:
            return self._left.popleft() if self._left else None
