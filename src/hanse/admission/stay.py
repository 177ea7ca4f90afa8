"""One attempt of a query at one source: a session, its ticket, and what of it has been handed on.

All requests of a query to a source see one snapshot, which is its session's. So it is the session that is begun again, for
all of them, and only as long as none of them has handed on anything that the old snapshot showed.
"""

import threading

from hanse.admission.breaker import Breaker, Ticket
from hanse.admission.budget import RetryBudget
from hanse.admission.limit import AdaptiveLimit
from hanse.clock import Clock
from hanse.errors import Fault, HanseError
from hanse.spi.connector import Connector, Session
from hanse.spi.protection import RetryOptions

SILENT_SECONDS = 1.0
"""A connection that failed after a query's end, and was answered nothing for so long before, failed for its own reasons."""


class Door:
    """One source, with all that protects it; its sessions share it."""

    def __init__(self, connector: Connector, breaker: Breaker, retry: RetryOptions, clock: Clock) -> None:
        """Nobody asks it yet."""
        self.connector = connector
        self.breaker = breaker
        self.retry = retry
        self.clock = clock
        self.limit = AdaptiveLimit(connector.source)
        self.budget = RetryBudget(retry.budget)


class Stay:
    """A session as long as it is the one that a query has at the source."""

    session: Session
    """What is asked; given as soon as it has begun."""

    def __init__(self, door: Door, entered: int) -> None:
        """Nothing is asked yet; ``entered`` is when it was let in, as the limit counts."""
        self._entered = entered
        self._door = door
        self._lock = threading.Lock()
        self._ticket: Ticket | None = None
        self._asked_at = 0.0
        self._answered = False

    def ask(self) -> None:
        """Before the first request of the session; raises SourceResting."""
        with self._lock:
            if self._ticket is None:
                self._ticket = self._door.breaker.admit()
                self._asked_at = self._door.clock.monotonic()

    def answered(self) -> None:
        """The source has answered something."""
        with self._lock:
            first, self._answered = not self._answered, True
            ticket = self._ticket
        if first and ticket is not None:
            ticket.succeeded()
            self._door.budget.earn()
            self._door.limit.succeeded()

    def failed(self, failure: HanseError, is_ended: bool) -> None:
        """A request failed; ``is_ended``: after nobody wanted it any more, which cuts connections that work."""
        with self._lock:
            ticket = self._ticket
            waited = self._door.clock.monotonic() - self._asked_at
        if ticket is None or (is_ended and (self._answered or waited < SILENT_SECONDS)):
            return
        if failure.fault is Fault.THROTTLED:
            self._door.limit.refused(self._entered)
        if failure.fault in (Fault.DOWN, Fault.THROTTLED):
            ticket.failed(failure)

    def over(self) -> None:
        """Nothing more is asked: a probe that says nothing makes room for the next."""
        with self._lock:
            ticket = self._ticket
        if ticket is not None:
            ticket.released()
