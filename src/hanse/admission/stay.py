"""One attempt of a query at one source: a session, its ticket, and what of it has been handed on.

All requests of a query to a source see one snapshot, which is its session's. So it is the session that is begun again, for
all of them, and only as long as none of them has handed on anything that the old snapshot showed.
"""

import threading
from collections.abc import Callable

import pyarrow as pa

from hanse.admission.allowance import Allowance
from hanse.admission.answers import AnswerTimes
from hanse.admission.breaker import Breaker, State, Ticket
from hanse.admission.budget import RetryBudget
from hanse.admission.limit import AdaptiveLimit
from hanse.admission.sharing import Sharing
from hanse.clock import Clock
from hanse.errors import AWAY, Fault, HanseError, SourceUnreachable
from hanse.spi.alarms import Alarms
from hanse.spi.connector import Connector, InTurns, ReadContext, Replicated, Session
from hanse.spi.protection import BreakerOptions, Protection

HEDGED_SHARE = 0.05
"""Of all calls, those that may be made to a second server, too."""
HEDGED_FIRST = 2.0
"""Such calls that nothing has earned yet."""
SILENT_SECONDS = 1.0
"""A connection that failed after a query's end, and was answered nothing for so long before, failed for its own reasons."""
NOT_AT_ONCE_SECONDS = 0.05
"""Who waits for less says nothing of whom he waits for."""


class Hedge:
    """What decides about asking two servers of one source."""

    def __init__(self) -> None:
        """Nothing is known."""
        self.answers = AnswerTimes()
        self.budget = RetryBudget(HEDGED_SHARE, HEDGED_FIRST)


class Host:
    """One server of a source, with what spares it."""

    def __init__(self, connector: Connector, options: BreakerOptions, clock: Clock) -> None:
        """Nobody asks it yet."""
        self.connector = connector
        self.breaker = Breaker(connector.source, options, clock)
        self.limit = AdaptiveLimit(connector.source)
        self.silent_s = 0.0
        """How long it has been waited for, by all together, since it last answered anything."""


class Door:
    """One source: its server, and those that hold copies of it. All its sessions share it."""

    def __init__(
        self, connector: Connector, protection: Protection, clock: Clock, sharing: Sharing | None = None
    ) -> None:
        """Nobody asks it yet."""
        self.sharing = sharing
        replicas = connector.replicas if isinstance(connector, Replicated) else ()
        self.connector = connector
        self.hosts = tuple(Host(one, protection.breaker, clock) for one in (connector, *replicas))
        self.retry = protection.retry
        self.allowance = Allowance(connector.source, protection.limits, clock) if protection.limits.is_any else None
        self.in_turns = isinstance(connector, InTurns) and connector.in_turns
        self.budget = RetryBudget(protection.retry.budget)
        self.hedge = Hedge() if isinstance(connector, Replicated) and connector.hedges else None
        self.deadlines = protection.deadlines
        self.clock = clock
        self.alarms = Alarms(clock.monotonic)
        """Those of all sources, once it is one of several."""

    def host(self, failed: Host | None = None) -> Host:
        """Whom to ask: the source's own server, or the first replica where that is left alone, or has just ``failed``."""
        ready = [host for host in self.hosts if not host.breaker.refuses]
        others = [host for host in ready if host is not failed]
        return (others or ready or self.hosts)[0]

    def rival(self, host: Host) -> Host | None:
        """A server that may be asked beside another one: that is well, and has never refused work lately."""
        well = (one for one in self.hosts if one is not host and one.limit.limit is None)
        return next((one for one in well if one.breaker.standing().state is State.CLOSED), None)

    @property
    def refuses(self) -> bool:
        """Whether none of its servers may be asked now."""
        return all(host.breaker.refuses for host in self.hosts)

    def check(self) -> None:
        """Raise SourceResting if none of its servers may be asked now."""
        if self.refuses:
            self.hosts[0].breaker.check()

    def place(self, host: Host) -> str:
        """What to tell of an answer that is not the source's own server's; nothing of one that is."""
        number = self.hosts.index(host)
        return f"source {self.connector.source} was read from its replica {number}" if number else ""


class Stay:
    """A session as long as it is the one that a query has at the source."""

    session: Session
    """What is asked; given as soon as it has begun."""

    def __init__(self, door: Door, host: Host, context: ReadContext) -> None:
        """Wait to be let in by the server's limit, and for the source's permits; raises ResourceLimit, Cancelled. Nothing is
        asked yet."""
        self.host = host
        self._share = context.share
        self._clock = door.clock
        self._budgets = (door.budget, door.hedge.budget) if door.hedge else (door.budget,)
        self._lock = threading.Lock()
        self._ticket: Ticket | None = None
        self.asked_at = 0.0
        self._answered = self._is_over = self._is_left = False
        self._aside = 0, 0
        self.overdue: HanseError | None = None
        """What it was ended for, if it took too long."""
        self._entered = host.limit.enter(context.is_ended, share=context.share)
        try:
            self._pass = door.allowance.enter(context, door.in_turns) if door.allowance else None
        except BaseException:
            host.limit.leave(self._share)
            raise

    def arrived(self, count: Callable[[pa.RecordBatch], None], batch: pa.RecordBatch) -> None:
        """A batch is kept aside; ``count`` is told, which may raise, unless nobody will take it."""
        with self._lock:
            if self._is_left:
                return
            self._aside = self._aside[0] + batch.num_rows, self._aside[1] + batch.nbytes
            count(batch)

    def leave_aside(self) -> tuple[int, int]:
        """Nobody will take what is kept aside: so many rows and bytes."""
        with self._lock:
            self._is_left = True
            return self._aside

    @property
    def at_once(self) -> int | None:
        """As many requests may run at a time."""
        return self._pass.at_once if self._pass else None

    def ask(self) -> None:
        """Before the first request of the session; raises SourceResting."""
        with self._lock:
            if self._ticket is None:
                self._ticket = self.host.breaker.admit()
                self.asked_at = self._clock.monotonic()

    def answered(self) -> None:
        """The source has answered something."""
        with self._lock:
            first, self._answered = not self._answered, True
            ticket = self._ticket
        if first and ticket is not None:
            ticket.succeeded()
            for budget in self._budgets:
                budget.earn()
            self.host.limit.succeeded()
        self.host.silent_s = 0.0

    def gave_up(self, seconds: float) -> None:
        """Nobody wants any more what the source was asked so long ago, without an answer. Where that adds up it counts as a
        failure: who has little patience with a silent source would never know that it is one."""
        if self._answered or seconds < NOT_AT_ONCE_SECONDS:
            return
        self.host.silent_s += seconds
        if self.host.silent_s >= SILENT_SECONDS and self._ticket is not None:
            message = f"it has answered nothing for {self.host.silent_s:.1f} s"
            self.host.silent_s = 0.0
            self._ticket.failed(SourceUnreachable(message, source=self.host.connector.source))

    def failed(self, failure: HanseError, is_ended: bool) -> None:
        """A request failed; ``is_ended``: after nobody wanted it any more, which cuts connections that work."""
        with self._lock:
            ticket = self._ticket
            waited = self._clock.monotonic() - self.asked_at
        if ticket is None or (is_ended and (self._answered or waited < SILENT_SECONDS)):
            return
        if failure.fault is Fault.THROTTLED:
            self.host.limit.refused(self._entered)
        if failure.fault in AWAY:
            ticket.failed(failure)

    def too_late(self, error: HanseError) -> None:
        """It took too long: end it. Does not wait for that."""
        with self._lock:
            is_first = self.overdue is None
            self.overdue = self.overdue or error
        if is_first:
            threading.Thread(target=self.session.cancel, name="hanse-overdue", daemon=True).start()

    def over(self) -> None:
        """Nothing more is asked: others may come in, and a probe that says nothing makes room for the next. Idempotent."""
        with self._lock:
            ticket = self._ticket
            was_over, self._is_over = self._is_over, True
        if ticket is not None:
            ticket.released()
        if not was_over:
            if self._pass is not None:
                self._pass.end()
            self.host.limit.leave(self._share)
