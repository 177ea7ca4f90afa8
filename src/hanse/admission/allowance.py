"""What all queries together may ask of one source: statements at a time and per second, rows and bytes per minute.

A session takes its permits before it leases a connection, all at once, and after those of its query's sources that come before
this one in the order of names: so nobody holds what somebody waits for who holds what he waits for. What only time gives back
(statements per second, rows and bytes per minute) nobody holds.
"""

import math
import threading

from hanse.clock import Clock
from hanse.errors import Cancelled, HanseError, ResourceLimit
from hanse.spi.connector import ReadContext
from hanse.spi.permits import POLL_SECONDS, Permits
from hanse.spi.protection import SourceLimits
from hanse.spi.shares import Share

SECONDS_MAX = 30.0
"""How long a query waits for its permits."""
MINUTE = 60.0
LEAST_SECONDS = 1e-6


class Bucket:
    """So much per second, and what was not used for a while; what is used beyond is owed. Thread-safe; nothing here waits."""

    def __init__(self, per_second: float, most: float, clock: Clock) -> None:
        """Full."""
        self._per_second = per_second
        self._most = most
        self._clock = clock
        self._lock = threading.Lock()
        self._level = most
        self._at = clock.monotonic()

    def use(self, amount: float) -> None:
        """So much is used, whether or not it is there."""
        with self._lock:
            self._fill()
            self._level -= amount

    def seconds_until(self, amount: float = 0.0) -> float:
        """How long until so much is there; nothing owed is the least of it."""
        with self._lock:
            self._fill()
            return max(0.0, (min(amount, self._most) - self._level) / self._per_second)

    def _fill(self) -> None:
        now = self._clock.monotonic()
        self._level = min(self._most, self._level + (now - self._at) * self._per_second)
        self._at = now


class Pass:
    """What one session has of it."""

    def __init__(self, permits: Permits | None, count: int, share: Share) -> None:
        """Taken."""
        self._permits = permits
        self._share = share
        self.at_once = count if permits is not None else None
        """As many statements may run at a time; None: as many as like."""
        self._lock = threading.Lock()

    def end(self) -> None:
        """Let others have it. Idempotent."""
        with self._lock:
            permits, self._permits = self._permits, None
        if permits is not None and self.at_once is not None:
            permits.give_back(self.at_once, self._share)


class Allowance:
    """One source's, for all its servers. Thread-safe."""

    def __init__(self, source: str, limits: SourceLimits, clock: Clock) -> None:
        """Nobody has asked yet."""
        self._source = source
        self._clock = clock
        self._permits = None if limits.statements is None else Permits(limits.statements)
        rate = limits.statements_per_second
        self._statements = None if rate is None else Bucket(rate, max(1.0, rate), clock)
        minutes = (limits.rows_per_minute, limits.bytes_per_minute)
        self._rows, self._bytes = (None if one is None else Bucket(one / MINUTE, one, clock) for one in minutes)
        self._turn = Permits(1)
        """Of those who wait for what time gives back, whose turn it is."""
        self._limits = limits

    @property
    def taken(self) -> int:
        """How many statements may run now."""
        return self._permits.taken if self._permits else 0

    def enter(self, context: ReadContext, in_turns: bool, seconds: float = SECONDS_MAX) -> Pass:
        """Wait for what a session needs; ``in_turns``: its requests run one after another anyway.

        Raises ResourceLimit after too long a wait, Cancelled when ``context.is_ended`` says so meanwhile.
        """
        latest = self._clock.monotonic() + seconds
        count = min(1 if in_turns else context.requests, self._limits.statements or context.requests)
        if self._permits is not None and not self._permits.take(count, seconds, context.is_ended, context.share):
            raise self._refused(context, f"{self._limits.statements} statements at a time", seconds)
        taken = Pass(self._permits, count, context.share)
        try:
            if self._statements or self._rows or self._bytes:
                self._wait(context, latest, seconds)
        except BaseException:
            taken.end()
            raise
        return taken

    def _wait(self, context: ReadContext, latest: float, seconds: float) -> None:
        """One after another, by turns of the groups, until there is something left of everything."""
        if not self._turn.take(1, seconds, context.is_ended, context.share):
            raise self._refused(context, self._rates(), seconds)
        try:
            while (left := self._seconds()) > LEAST_SECONDS:
                if context.is_ended() or self._clock.monotonic() + left > latest:
                    raise self._refused(context, self._rates(), left)
                self._clock.sleep(min(left, POLL_SECONDS))
            if self._statements:
                self._statements.use(context.requests)
        finally:
            self._turn.give_back(1, context.share)

    def _seconds(self) -> float:
        statements = self._statements.seconds_until(1.0) if self._statements else 0.0
        return max(statements, self.owed())

    def owed(self) -> float:
        """For how long nothing more should be read, after what was."""
        return max((one.seconds_until() for one in (self._rows, self._bytes) if one), default=0.0)

    def more(self, statements: int) -> None:
        """A request turned out to be so many statements more: those who come next wait for them."""
        if self._statements and statements > 0:
            self._statements.use(statements)

    def took(self, rows: int, bytes: int) -> None:
        """So much was read."""
        if self._rows:
            self._rows.use(rows)
        if self._bytes:
            self._bytes.use(bytes)

    def _rates(self) -> str:
        limits = self._limits
        told = (
            (limits.statements_per_second, "statements per second"),
            (limits.rows_per_minute, "rows per minute"),
            (limits.bytes_per_minute, "bytes per minute"),
        )
        return ", ".join(f"{most:,g} {what}" for most, what in told if most is not None)

    def _refused(self, context: ReadContext, what: str, seconds: float) -> HanseError:
        if context.is_ended():
            return Cancelled("cancelled while waiting for the source", source=self._source)
        message = (
            f"all queries together may have {what} of it, and nothing is left for this one within {SECONDS_MAX:g} s"
        )
        hint = f"ask again in {math.ceil(seconds)} s, or raise limits of the source in hanse.yaml"
        return ResourceLimit(message, sqlstate="53400", source=self._source, hint=hint)
