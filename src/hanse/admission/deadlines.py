"""How far one request is at its source, and when that takes too long.

    its turn comes ──> it answers, is sent the request ──> the first rows come ──> more <──> the reader holds them back
                  └─ connect ─┘                      └─ first row ─┘         └ idle ┘
                  └──────────────────────────────── total ──────────────────────────────────────────────────────────────┘

What a reader takes to read counts for the total alone. Times are seconds of the clock that never runs backwards.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from hanse.errors import HanseError, SourceTooSlow, SourceUnreachable
from hanse.spi.alarms import Alarm, Alarms
from hanse.spi.deadlines import DeadlineOptions, Patience


class Stage(StrEnum):
    """What is waited for."""

    TURN = "turn"
    CONNECT = "connect"
    FIRST_ROW = "first_row"
    IDLE = "idle"
    TOTAL = "total"


WHAT = {
    Stage.CONNECT: "it has answered nothing",
    Stage.FIRST_ROW: "no row of a request has come",
    Stage.IDLE: "no further row of a request has come",
    Stage.TOTAL: "a request was not answered to its end",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a stage may last, and where that is said."""

    stage: Stage
    seconds: float
    where: str

    def error(self, source: str) -> HanseError:
        """What a query is told that has waited for so long. A source that says nothing is one that is down."""
        message = f"{WHAT[self.stage]} within {self.seconds:g} s ({self.where})"
        if self.stage is Stage.CONNECT:
            hint = "check the network and that the server runs; a longer limit only waits longer"
            return SourceUnreachable(message, source=source, hint=hint)
        hint = "EXPLAIN ANALYZE shows what the source was asked; raise the limit where it is set, or ask for less"
        return SourceTooSlow(message, source=source, hint=hint)


def limits(options: DeadlineOptions, patience: Patience) -> Mapping[Stage, Limit]:
    """Of each stage the narrower of what the source's options and the query's settings say."""
    found: dict[Stage, Limit] = {}
    for stage in WHAT:
        configured: float | None = getattr(options, stage)
        chosen: float = getattr(patience, stage, 0.0)
        if stage is Stage.CONNECT and configured is None:
            continue
        if chosen and not (configured and configured <= chosen):
            found[stage] = Limit(stage, chosen, f"setting {stage}_timeout")
        elif configured:
            found[stage] = Limit(stage, configured, f"option deadlines.{stage}")
    return found


class Leg:
    """One request on its way. One thread moves it on; another may look meanwhile."""

    def __init__(
        self,
        limits: Mapping[Stage, Limit],
        now: Callable[[], float],
        alarms: Alarms,
        missed: Callable[[Limit], object],
        tells: bool = False,
    ) -> None:
        """``tells``: whether the source's session says how far it is; else the request counts as sent. ``missed`` is called,
        at most once, with the limit that was not kept. It must not block."""
        self._limits = limits
        self._now = now
        self._alarms = alarms
        self._missed = missed
        self._began = now()
        self.stage = Stage.TURN if tells else Stage.FIRST_ROW
        self._since: float | None = self._began
        """Since when the source is waited for; None: it is not."""
        self._alarm: Alarm | None = None
        self._looks_at = 0.0
        self._look()

    def asking(self) -> None:
        """The request's turn has come, at a source that serves those of one query one after another."""
        if self.stage is Stage.TURN:
            self.stage = Stage.CONNECT
            self._began = self._since = self._now()
            self._look()

    def connected(self) -> None:
        """The source has answered, and the request itself is sent."""
        if self.stage is Stage.CONNECT:
            self.stage, self._since = Stage.FIRST_ROW, self._now()
            self._look()

    def came(self) -> None:
        """Rows are here, and the reader has them."""
        self._since = None

    def waits(self) -> None:
        """The reader wants more."""
        if self._limits:
            self.stage, self._since = Stage.IDLE, self._now()
            self._look()

    def over(self) -> None:
        """Nothing is waited for any more. Idempotent."""
        self._limits = {}
        if self._alarm is not None:
            self._alarm.off()

    def silent_seconds(self) -> float:
        """How long the source has been asked without answering anything; 0: it has answered, or does not say when it has."""
        return self._now() - self._began if self.stage is Stage.CONNECT else 0.0

    def _due(self) -> tuple[float, Limit] | None:
        """The limit that is met first, and when, as far as one can see now."""
        if self.stage is Stage.TURN:
            return None
        total, limit, since = self._limits.get(Stage.TOTAL), self._limits.get(self.stage), self._since
        found = [] if total is None else [(self._began + total.seconds, total)]
        if limit is not None and since is not None:
            found.append((since + limit.seconds, limit))
        return min(found, key=lambda one: one[0], default=None)

    def _look(self) -> None:
        """Have the alarm come in time."""
        due = self._due()
        if due is None or (self._alarm is not None and self._looks_at <= due[0]):
            return
        if self._alarm is not None:
            self._alarm.off()
        self._looks_at = due[0]
        self._alarm = self._alarms.at(due[0], self._ring)

    def _ring(self) -> None:
        self._alarm = None
        due = self._due()
        if due is None:
            return
        if due[0] <= self._now():
            self.over()
            self._missed(due[1])
        else:
            self._look()
