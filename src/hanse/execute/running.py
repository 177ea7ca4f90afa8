"""All running queries of an engine, so that closing it ends them."""

import threading
from collections.abc import Callable

from hanse.errors import Cancelled
from hanse.execute.cancel import CancelScope


class RunningQueries:
    """Who runs, and how each gives back what it holds."""

    def __init__(self) -> None:
        """Nobody runs."""
        self._lock = threading.Lock()
        self._running: dict[CancelScope, Callable[[], None]] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._running)

    def enter(self, scope: CancelScope, release: Callable[[], None]) -> None:
        """A query starts; raises Cancelled when the engine is closed."""
        with self._lock:
            if self._closed:
                raise closed()
            self._running[scope] = release

    def leave(self, scope: CancelScope) -> None:
        """A query holds nothing any more."""
        with self._lock:
            self._running.pop(scope, None)

    def close(self) -> None:
        """End all queries, start no more, and wait as long as each of them waits for its own end."""
        with self._lock:
            self._closed = True
            running = list(self._running.items())
        for scope, _ in running:
            scope.end(closed())
        for _, release in running:
            release()


def closed() -> Cancelled:
    """What whoever still reads is told."""
    return Cancelled("the engine was closed", hint="read an answer to its end before that")
