"""Calls somebody at a time, unless it is called off: one thread for all deadlines of a process's engine."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable

REST_SECONDS = 10.0
"""How long the thread stays when there is nothing to wait for."""


class Alarm:
    """One call that is to come."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], object]) -> None:
        self.call: Callable[[], object] | None = call

    def off(self) -> None:
        """Call nobody. Idempotent; what is being called just now is not stopped."""
        self.call = None


class Alarms:
    """What is to be called when. Thread-safe; the thread starts with the first alarm, and calls must not block it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Nothing is to be called; ``now`` gives seconds that never run backwards."""
        self._now = now
        self._changed = threading.Condition()
        self._queue: list[tuple[float, int, Alarm]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None

    def at(self, when: float, call: Callable[[], object]) -> Alarm:
        """Have ``call`` called at a time of the clock; at once if it is over."""
        alarm = Alarm(call)
        with self._changed:
            heapq.heappush(self._queue, (when, next(self._numbers), alarm))
            if self._queue[0][2] is alarm:
                self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="alarms-of-hanse", daemon=True)
                self._thread.start()
        return alarm

    def after(self, seconds: float, call: Callable[[], object]) -> Alarm:
        """Have ``call`` called in so many seconds."""
        return self.at(self._now() + seconds, call)

    def ring(self) -> float | None:
        """Call everybody whose time has come; when the next one's comes, None: there is none."""
        while True:
            with self._changed:
                while self._queue and self._queue[0][2].call is None:
                    heapq.heappop(self._queue)
                if not self._queue or self._queue[0][0] > self._now():
                    return self._queue[0][0] if self._queue else None
                call = heapq.heappop(self._queue)[2].call
            if call is not None:
                call()

    def _serve(self) -> None:
        while True:
            following = self.ring()
            with self._changed:
                if following is not None and self._queue and self._queue[0][0] < following:
                    continue
                if following is None and self._queue:
                    continue
                seconds = REST_SECONDS if following is None else max(0.0, following - self._now())
                self._changed.wait(seconds)
                if following is None and not self._queue:
                    self._thread = None
                    return
