"""One query as it is noted: from the moment that it came until it is known how it ended. Its own threads only touch values."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from hanse.errors import Cancelled, HanseError, InternalError
from hanse.observe.records import CANCELLED, FAILED, FINISHED, Facts

if TYPE_CHECKING:
    from hanse.observe.recorder import Recorder

UNKNOWN = "unknown"


def nothing_yet() -> Facts:
    """Of a query that is still planned."""
    return Facts()


def killed() -> Cancelled:
    """What the reader of a query is told that somebody has ended."""
    return Cancelled("the query was killed", hint="somebody said KILL")


class Noted:
    """One query of this process. Ended once; what is said afterwards counts for nothing."""

    __slots__ = (
        "_end",
        "_lock",
        "_recorder",
        "began",
        "context",
        "error",
        "facts",
        "id",
        "is_open",
        "killed",
        "kind",
        "rows",
        "source",
        "sql",
        "started",
        "state",
        "total_ms",
        "user",
    )

    def __init__(self, recorder: "Recorder", id: str, sql: str, user: str) -> None:
        """The query came now."""
        self._recorder = recorder
        self._lock = threading.Lock()
        self._end: Callable[[HanseError], object] | None = None
        self.id = id
        self.sql = sql
        self.user = user
        self.kind = UNKNOWN
        self.started = recorder.clock.now()
        self.began = recorder.clock.monotonic()
        self.facts: Callable[[], Facts] = nothing_yet
        """What is known of it at this moment."""
        self.context: Any = None
        """The trace that it is part of."""
        self.state = ""
        self.error: str | None = None
        self.source: str | None = None
        self.rows = 0
        """Of an answer that needed no run."""
        self.total_ms = 0.0
        self.killed: HanseError | None = None
        self.is_open = True

    def runs(self, end: Callable[[HanseError], object], facts: Callable[[], Facts]) -> None:
        """It is about to run: ``end`` ends it early. One that was killed meanwhile is ended now."""
        self.facts = facts
        with self._lock:
            self._end = end
            failure = self.killed
        if failure is not None:
            end(failure)

    def kill(self, why: HanseError | None = None) -> None:
        """End it, whatever it does; its reader is told why, or that it was killed."""
        with self._lock:
            self.killed = self.killed or why or killed()
            end, failure = self._end, self.killed
        if end is not None:
            end(failure)

    def check(self) -> None:
        """Raise Cancelled if it was killed."""
        if self.killed is not None:
            raise self.killed

    def finished(self, rows: int = 0) -> None:
        """It came to its end, with that many rows if no report counts them."""
        self.rows = rows
        self._ended(FINISHED)

    def failed(self, failure: BaseException) -> None:
        """It ended so, before there was an answer."""
        if isinstance(failure, HanseError):
            self.stopped(failure.code, failure.source)
        else:
            self.stopped(Cancelled.sqlstate if isinstance(failure, KeyboardInterrupt) else InternalError.sqlstate, None)

    def stopped(self, code: str, source: str | None) -> None:
        """It ended before its end: an SQLSTATE, and the source that it came from."""
        if self.is_open:
            self.error, self.source = code, source
            self._ended(CANCELLED if code == Cancelled.sqlstate else FAILED)

    def __enter__(self) -> Self:
        """As long as it has no answer: what is raised meanwhile ends it."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self.failed(error)

    def _ended(self, state: str) -> None:
        with self._lock:
            if not self.is_open:
                return
            self.is_open = False
            self._end = None
        self.state = state
        self.total_ms = (self._recorder.clock.monotonic() - self.began) * 1000
        self._recorder.ended(self)
