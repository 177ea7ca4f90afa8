"""All running queries of an engine, so that closing it ends them."""

import threading
from collections.abc import Callable

from hanse.errors import Cancelled
from hanse.execute.cancel import CancelScope

CANCEL_SECONDS = 1.0
"""How long closing waits for what is being ended at the sources."""


class RunningQueries:
    """Who runs, and how each gives back what it holds."""

    def __init__(self) -> None:
        """Nobody runs."""
        self._changed = threading.Condition()
        self._running: dict[CancelScope, Callable[[], None]] = {}
        self._closed = False

    def __len__(self) -> int:
        return len(self._running)

    def enter(self, scope: CancelScope, release: Callable[[], None]) -> None:
        """A query starts; raises Cancelled when the engine is closed."""
        with self._changed:
            if self._closed:
                raise closed()
            self._running[scope] = release

    def leave(self, scope: CancelScope) -> None:
        """A query holds nothing any more."""
        with self._changed:
            self._running.pop(scope, None)
            self._changed.notify_all()

    def close(self) -> None:
        """End all queries, start no more, and wait as long as each of them waits for its own end."""
        with self._changed:
            self._closed = True
            running = list(self._running.items())
        for scope, _ in running:
            scope.end(closed())
        for _, release in running:
            release()
        with self._changed:  # a process that ended now would take its cancels with it
            self._changed.wait_for(lambda: not self._running, CANCEL_SECONDS)


def closed() -> Cancelled:
    """What whoever still reads is told."""
    return Cancelled("the engine was closed", hint="read an answer to its end before that")
