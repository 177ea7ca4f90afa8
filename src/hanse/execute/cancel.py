"""One query's fate: running, done, or ended early, by whom. Everything that blocks asks it, or is woken by it."""

import threading
import time
from collections.abc import Callable

from hanse.errors import Cancelled, HanseError


class CancelScope:
    """Collects how to stop each part of a query, and stops all of them once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._actions: list[Callable[[], None]] = []
        self._error: HanseError | None = None
        self._threads: list[threading.Thread] = []
        self._ended = threading.Event()

    @property
    def ended(self) -> bool:
        """Whether the query was cancelled or has failed."""
        return self._ended.is_set()

    @property
    def error(self) -> HanseError | None:
        """The first failure, which is what the user is told."""
        return self._error

    def check(self) -> None:
        """Raise what ended the query, if something did."""
        if self._error is not None:
            raise self._error

    def on_end(self, action: Callable[[], None]) -> None:
        """Run ``action`` when the query is ended early; at once if it was already."""
        with self._lock:
            if not self._ended.is_set():
                self._actions.append(action)
                return
        action()

    def end(self, error: HanseError | None = None) -> None:
        """End the query early: with an error, or because the user wants no more. Only the first call does anything.

        Actions run each in a thread of its own: cancelling a statement may need a new connection to a slow source, and
        none may wait for another.
        """
        with self._lock:
            if self._ended.is_set():
                return
            self._error = error or Cancelled("the query was cancelled")
            actions, self._actions = self._actions, []
            self._ended.set()
            self._threads = [threading.Thread(target=action, name="hanse-cancel", daemon=True) for action in actions]
            for thread in self._threads:
                thread.start()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until all is ended that was to be; False if that takes longer."""
        with self._lock:
            threads = list(self._threads)
        deadline = None if seconds is None else time.monotonic() + seconds
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(None if deadline is None else max(0.0, deadline - time.monotonic()))
        return not any(thread.is_alive() and thread is not threading.current_thread() for thread in threads)
