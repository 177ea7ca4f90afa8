"""How long a query may wait for what others hold, and what it is told when its time is over."""

import contextlib
import time
from collections.abc import Callable, Iterator

from hanse.errors import DeadlineMissed
from hanse.execute.cancel import CancelScope
from hanse.execute.report import Report
from hanse.spi.alarms import Alarm, Alarms


class QueueWatch:
    """What a query waits for before it asks anybody, and how long it has."""

    def __init__(self, seconds: float, alarms: Alarms, scope: CancelScope) -> None:
        """``seconds`` for all that it waits for together, from now on; 0 is no limit of ours."""
        self._seconds = seconds
        self._scope = scope
        self.waits_for: tuple[str, str | None] | None = None
        """What, and of which source."""
        self._alarm: Alarm | None = alarms.after(seconds, self._over) if seconds else None
        self._is_over = False

    @contextlib.contextmanager
    def waiting(self, what: str, source: str | None = None) -> Iterator[None]:
        """While something is waited for."""
        self.waits_for = what, source
        if self._is_over:
            self._over()
        try:
            yield
        finally:
            self.waits_for = None

    def off(self) -> None:
        """All is here, or nobody waits any more."""
        if self._alarm is not None:
            self._alarm.off()

    def _over(self) -> None:
        self._is_over = True
        if self.waits_for is None:
            return  # it waits for nobody just now: only if it has to again
        what, source = self.waits_for
        message = f"no {what} became free within {self._seconds:g} s (setting queue_timeout)"
        hint = "others hold them: ask later, or raise queue_timeout"
        self._scope.end(DeadlineMissed(message, source=source, hint=hint))


class ReaderWatch:
    """Whether somebody still reads an answer. Its reader's thread says when it comes and goes; another one looks."""

    def __init__(self, seconds: float, alarms: Alarms, end: Callable[[DeadlineMissed], None]) -> None:
        """``seconds`` between two comings, from now on; ``end`` ends the answer, and need not keep it alive meanwhile."""
        self._seconds = seconds
        self._alarms = alarms
        self._end = end
        self._away_since: float | None = time.monotonic()
        self._failure: DeadlineMissed | None = None
        self._alarm = alarms.after(seconds, self._look)

    def comes(self) -> None:
        """The reader wants rows; raises what the answer has been ended with."""
        self._away_since = None
        if self._failure is not None:
            raise self._failure

    def goes(self) -> None:
        """The reader has rows."""
        self._away_since = time.monotonic()

    def off(self) -> None:
        """Nobody reads any more."""
        self._alarm.off()

    def _look(self) -> None:
        since = self._away_since
        left = self._seconds if since is None else since + self._seconds - time.monotonic()
        if left > 0:
            self._alarm = self._alarms.after(left, self._look)
            return
        message = f"nobody has read the answer for {self._seconds:g} s (reader_timeout)"
        hint = (
            "what it held was given back: read answers to their end, or close them; the setting or option may be longer"
        )
        self._failure = DeadlineMissed(message, hint=hint)
        self._end(self._failure)


def out_of_time(seconds: float, report: Report, waits_for: tuple[str, str | None] | None) -> DeadlineMissed:
    """What a query is told whose time is over: how far it was, and whom it waited for."""
    source, standing = _standing(report, waits_for)
    hint = "SET statement_timeout raises it; EXPLAIN ANALYZE shows what takes long"
    return DeadlineMissed(f"statement timeout of {seconds:g} s: {standing}", source=source, hint=hint)


def _standing(report: Report, waits_for: tuple[str, str | None] | None) -> tuple[str | None, str]:
    if waits_for is not None:
        what, source = waits_for
        return source, f"it waited for a {what}"
    open_ = [one for one in report.sources if not one.finished and not one.embedded]
    told = []
    for one in open_:
        if one.first_row_ms is not None:
            told.append(f"{one.source} had sent {one.rows:,} rows")
        elif one.started_ms is not None:
            told.append(f"{one.source} had sent nothing")
        else:
            told.append(f"{one.source} was not asked yet")
    if not told:
        return None, "the rows were here, and were being computed or read"
    names = {one.source for one in open_ if one.started_ms is not None}
    return (names.pop() if len(names) == 1 else None), ", ".join(dict.fromkeys(told))
