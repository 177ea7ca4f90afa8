"""Threads that stay for the next query: starting one costs more than all else that a short query does around its requests."""

import threading
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue

RESTING = "resting-hanse"
"""Name of a thread that works for nobody."""
REST_SECONDS = 10.0
"""How long a thread waits for work before it ends."""


class Work:
    """A piece of work that has a thread of its own for as long as it lasts."""

    def __init__(self, name: str, target: Callable[[], object]) -> None:
        """``target`` is to be called once, in a thread of that name. It hands its failures on by itself."""
        self.name = name
        self._target: Callable[[], object] | None = target
        self._thread: threading.Thread | None = None
        self._is_over = False
        self.cpu_seconds = 0.0
        """What the thread has used of a processor, known when it is over."""
        self._lasting = threading.Lock()
        self._lasting.acquire()

    @property
    def is_over(self) -> bool:
        """Whether it has ended, and nothing is held by it any more."""
        return self._is_over

    @property
    def is_mine(self) -> bool:
        """Whether the caller's own thread does it."""
        return self._thread is threading.current_thread()

    def join(self, seconds: float | None = None) -> None:
        """Wait for its end, at most that long."""
        if self._lasting.acquire(timeout=-1 if seconds is None else seconds):
            self._lasting.release()

    def do(self) -> None:
        """For the thread: do it."""
        target, self._target = self._target, None
        assert target is not None, "work is done once"
        self._thread = threading.current_thread()
        self._thread.name = self.name
        before = time.thread_time()
        try:
            target()
        finally:
            self.cpu_seconds = time.thread_time() - before
            del target  # what it holds must not live on in a thread that rests
            self._thread.name = RESTING
            self._thread = None
            self._is_over = True
            self._lasting.release()


class Threads:
    """As many threads as there is work at once; who has just worked is the first to work again."""

    def __init__(self, rest_seconds: float = REST_SECONDS) -> None:
        """No thread; they start when there is work."""
        self._rest_seconds = rest_seconds
        self._lock = threading.Lock()
        self._resting: list[SimpleQueue[Work | None]] = []
        self._closed = False

    def start(self, work: Work) -> Work:
        """Have it done at once; returns it."""
        with self._lock:
            inbox = self._resting.pop() if self._resting else None
        if inbox is not None:
            inbox.put(work)
        else:
            threading.Thread(target=self._serve, args=(SimpleQueue(), [work]), name=RESTING, daemon=True).start()
        return work

    def _serve(self, inbox: "SimpleQueue[Work | None]", first: list[Work]) -> None:
        first.pop().do()
        while (work := self._next(inbox)) is not None:
            work.do()
            del work

    def _next(self, inbox: "SimpleQueue[Work | None]") -> Work | None:
        """What to do next; None after a long rest, or when no more will come."""
        with self._lock:
            if self._closed:
                return None
            self._resting.append(inbox)
        try:
            return inbox.get(timeout=self._rest_seconds)
        except Empty:
            with self._lock:
                if inbox in self._resting:
                    self._resting.remove(inbox)
                    return None
        return inbox.get()  # somebody has chosen it in this moment

    def close(self) -> None:
        """Let the threads that rest end now, and the others after their work. Idempotent."""
        with self._lock:
            self._closed = True
            resting, self._resting = self._resting, []
        for inbox in resting:
            inbox.put(None)
