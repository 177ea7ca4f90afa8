"""A circuit breaker: a source that fails is left alone for a while, then tried by one call, and by no more than one.

    closed ──enough failures──> open ──its time is over, a call comes──> half-open (that call is the probe)
      ^                           ^                                        │  │
      └───────────────────────────┼──────────── the probe succeeds ────────┘  │
                                  └──────────── the probe fails ──────────────┘

Callers' errors and cancellations say nothing: they count for nothing, and a probe that ends so makes room for the next.
What calls say that were let in before the last change of state counts for nothing, too.
"""

import datetime as dt
import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from hanse.admission.budget import doubled
from hanse.clock import Clock
from hanse.errors import AWAY, HanseError, SourceResting
from hanse.spi.protection import BreakerOptions

SLICES = 10
"""The time in which calls are counted is forgotten in so many steps."""
PROBED_SECONDS = 0.1
"""When to ask again while somebody else's call is the probe."""


class State(StrEnum):
    """Of a breaker."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Standing:
    """A breaker at one moment, for people. Times are seconds since 1970."""

    state: State
    since: float | None = None
    """Since when the source is left alone."""
    next_probe: float | None = None
    """From when on the next call is let through."""
    cause: str | None = None
    """What the last failure was."""

    def __str__(self) -> str:
        if self.since is None:
            return str(self.state)
        when = (
            "a query tries it now" if self.state is State.HALF_OPEN else f"next try {clock_time(self.next_probe or 0)}"
        )
        return f"{self.state} since {clock_time(self.since)}, {when}: {self.cause}"


def clock_time(seconds: float) -> str:
    """A moment of today, as errors tell it."""
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%H:%M:%S} UTC"


class Ticket:
    """One call's permission, and what becomes of it: the first success and the first failure count, each once."""

    __slots__ = ("_breaker", "_failed", "_succeeded", "generation")

    def __init__(self, breaker: "Breaker", generation: int) -> None:
        """Of that breaker, in one of its states."""
        self._breaker = breaker
        self._succeeded = self._failed = False
        self.generation = generation

    def succeeded(self) -> None:
        """The source has answered."""
        if not self._succeeded:
            self._succeeded = True
            self._breaker._succeeded(self)

    def failed(self, failure: HanseError) -> None:
        """The call ended so; only what says that the source is down, or refuses more, counts."""
        if failure.fault in AWAY and not self._failed:
            self._failed = True
            self._breaker._failed(self, failure)
        else:
            self.released()

    def released(self) -> None:
        """The call is over. A probe of which nothing is known makes room for another."""
        self._breaker._released(self)


class Breaker:
    """One source's. Thread-safe; nothing here waits."""

    def __init__(self, source: str, options: BreakerOptions, clock: Clock) -> None:
        """Closed."""
        self._source = source
        self._options = options
        self._clock = clock
        self._lock = threading.Lock()
        self._generation = 0
        self._counts: deque[list[float]] = deque()
        """Of each step in time: when it began, calls that succeeded, calls that failed."""
        self._row = 0
        """How many calls have failed since the last one that succeeded."""
        self._opened_at: float | None = None
        self._since = 0.0
        self._retry_at = 0.0
        self._rounds = 0
        self._probe: Ticket | None = None
        self._why = ""
        self._cause = ""

    def admit(self) -> Ticket:
        """Let a call through; raises SourceResting where it may not be made now."""
        with self._lock:
            self._refuse()
            ticket = Ticket(self, self._generation)
            if self._opened_at is not None:
                self._probe = ticket
            return ticket

    def check(self) -> None:
        """Raise SourceResting if no call would be let through now."""
        with self._lock:
            self._refuse()

    @property
    def refuses(self) -> bool:
        """Whether no call would be let through now."""
        with self._lock:
            return self._seconds_left() is not None

    def standing(self) -> Standing:
        """How it is."""
        with self._lock:
            if self._opened_at is None:
                return Standing(State.CLOSED)
            left = self._retry_at - self._clock.monotonic()
            state = State.OPEN if left > 0 else State.HALF_OPEN
            return Standing(state, self._since, self._clock.now() + max(0.0, left), self._cause)

    def _seconds_left(self) -> float | None:
        """Until the next call is let through; None: it is now."""
        if self._opened_at is None:
            return None
        left = self._retry_at - self._clock.monotonic()
        if left > 0:
            return left
        return None if self._probe is None else PROBED_SECONDS

    def _refuse(self) -> None:
        left = self._seconds_left()
        if left is None:
            return
        if self._probe is not None:
            when = "one query is trying it at this moment"
        else:
            when = f"the first query after {clock_time(self._clock.now() + left)}, in {left:.1f} s, tries it again"
        message = f"not asked since {clock_time(self._since)}: {self._why}, the last one: {self._cause}; {when}"
        hint = "SHOW SOURCES tells how it stands; SET profile = batch lets a query wait for it"
        raise SourceResting(message, source=self._source, hint=hint).after(left)

    def _succeeded(self, ticket: Ticket) -> None:
        with self._lock:
            if ticket is self._probe:
                self._change(None)
                ticket.generation = self._generation
            elif self._is_counted(ticket):
                self._count(1)
                self._row = 0

    def _failed(self, ticket: Ticket, failure: HanseError) -> None:
        with self._lock:
            if ticket is self._probe:
                self._open(failure)
            elif self._is_counted(ticket):
                self._count(2)
                self._row += 1
                if self._has_enough():
                    self._since, self._rounds = self._clock.now(), 0
                    self._open(failure)

    def _has_enough(self) -> bool:
        """Whether the source is to be left alone, and why."""
        options = self._options
        good, bad = (sum(step[place] for step in self._counts) for place in (1, 2))
        if self._row >= options.failures:
            self._why = f"{self._row} calls failed one after another"
        else:
            self._why = f"{bad:.0f} of {good + bad:.0f} calls within {options.within:g} s failed"
            if bad < max(options.failures, options.share * (good + bad)):
                return False
        return options.failures > 0

    def _released(self, ticket: Ticket) -> None:
        with self._lock:
            if ticket is self._probe:
                self._probe = None

    def _is_counted(self, ticket: Ticket) -> bool:
        return self._opened_at is None and ticket.generation == self._generation

    def _open(self, failure: HanseError) -> None:
        """Leave the source alone for longer each time, up to a limit, by a part that differs between sources and times."""
        now, options = self._clock.monotonic(), self._options
        whole = doubled(options.wait, options.wait_max, self._rounds)
        self._rounds += 1
        self._cause = failure.message
        self._retry_at = now + whole * (0.5 + 0.5 * self._clock.random())
        self._change(now)

    def _change(self, opened_at: float | None) -> None:
        self._opened_at = opened_at
        self._probe = None
        self._generation += 1
        self._counts.clear()
        self._row = 0

    def _count(self, place: int) -> None:
        now, step = self._clock.monotonic(), self._options.within / SLICES
        while self._counts and self._counts[0][0] <= now - self._options.within:
            self._counts.popleft()
        if not self._counts or now - self._counts[-1][0] >= step:
            self._counts.append([now, 0, 0])
        self._counts[-1][place] += 1
