"""What a group has used up in the present period, and when the next one begins."""

import datetime as dt

from hanse.groups import Quota

UNITS = {
    "rows": "rows read",
    "bytes": "bytes read",
    "result_rows": "rows of answers",
    "result_bytes": "bytes of answers",
    "cpu": "seconds of processor time",
}


class Usage:
    """Of one quota. Its group's lock guards it."""

    def __init__(self, quota: Quota) -> None:
        """Nothing is used."""
        self._quota = quota
        self._most = quota.limits()
        self._seconds = quota.per.total_seconds()
        self._period = -1
        self._used: dict[str, float] = {}

    def add(self, what: str, amount: float, now: float) -> None:
        """So much is used at ``now``, in seconds since 1970."""
        self._turn(now)
        if what in self._most:
            self._used[what] = self._used.get(what, 0.0) + amount

    def _turn(self, now: float) -> None:
        period = int(now // self._seconds)
        if period != self._period:
            self._period = period
            self._used.clear()

    def exhausted(self, now: float, *, beyond: bool = False) -> str | None:
        """What is used up (``beyond``: more than that), for people; None: nothing is."""
        self._turn(now)
        for what, most in self._most.items():
            used = self._used.get(what, 0.0)
            if used > most or (used == most and not beyond):
                return f"{most:,.0f} {UNITS[what]} {self._quota}"
        return None

    def opens(self, now: float) -> float:
        """When the next period begins, in seconds since 1970."""
        return float((int(now // self._seconds) + 1) * self._seconds)

    def is_used(self, now: float) -> bool:
        """Whether anything of the present period is."""
        self._turn(now)
        return bool(self._used)

    def told(self, now: float) -> str:
        """How much of what is used, for people."""
        self._turn(now)
        parts = [f"{what} {self._used.get(what, 0.0):,.0f} of {most:,.0f}" for what, most in self._most.items()]
        return f"{', '.join(parts)} {self._quota}"


def moment(seconds: float) -> str:
    """A moment as errors tell it."""
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
