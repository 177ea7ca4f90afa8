"""What an answer is a picture of: of each source one snapshot, or less, taken when; and what a query may demand of that.

Sources know nothing of one another, so there is no snapshot of several. What can be said is how far apart theirs may have
been taken: a moment is an interval here, of which only the ends are known, and a distance is an upper bound.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from hanse.errors import NO_GLOBAL_SNAPSHOT, NO_SNAPSHOT, SKEWED, NotConsistent


class Level(StrEnum):
    """How far what a query read of one source belongs together."""

    SNAPSHOT = "snapshot"
    """All of it is one picture."""
    STATEMENT = "statement"
    """What each statement read is one picture; they may differ."""
    NONE = "none"
    """Nobody knows."""


class Label(StrEnum):
    """The same of a whole answer."""

    ONE = "one snapshot"
    """It was read from one source, whose snapshot it is."""
    PER_SOURCE = "snapshot per source"
    MIXED = "mixed"
    """Some sources gave a snapshot."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Picture:
    """What a query read of one source. Moments are seconds since 1970, by the clock of this machine."""

    level: Level
    token: str | None = None
    """What the source calls the state that was seen, as far as it says. Two pictures of one token may still differ."""
    earliest: float | None = None
    """It was not taken before; None: unknown."""
    latest: float | None = None
    """Nor after."""
    verified: bool | None = None
    """Of what nothing holds still, such as files: whether it was looked at again at the end, and was the same. None: the
    source itself sees to that."""
    why: str = ""
    """Why it is not a snapshot, for people."""
    is_copy: bool = False
    """Whether it is of a copy, which may be behind: then ``earliest`` is when the copy was like the original."""

    @property
    def is_snapshot(self) -> bool:
        """Whether all of it is known to be one picture."""
        return self.level is Level.SNAPSHOT and self.verified is not False

    def of_copy(self) -> "Picture":
        """The same of a server that is a copy of another: it may be as old as it says, or nobody knows how old."""
        return self if self.is_copy else replace(self, earliest=None, is_copy=True)

    def unlike(self, why: str) -> "Picture":
        """The same, of which nothing is known any more, or never was."""
        return replace(self, level=Level.NONE, why=why)

    def seen_again(self, again: "Picture") -> "Picture":
        """The same after another look at the source."""
        if self.level is not Level.SNAPSHOT:
            return self
        if self.token == again.token:
            return replace(self, verified=True)
        return replace(self, level=Level.NONE, verified=False, why="it has changed while it was read")

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        taken_at = None if self.earliest is None or self.latest is None else [self.earliest, self.latest]
        shown = {
            "level": str(self.level),
            "token": self.token,
            "taken_at": taken_at,
            "verified": self.verified,
            "is_copy": self.is_copy,
        }
        return {**shown, "why": self.why} if self.why else shown


UNKNOWN = Picture(Level.NONE, why="its connector does not tell what it reads")


def merged(pictures: Iterable[Picture | None]) -> Picture:
    """What several requests to one source read: one picture only if each of them says that it is the same one."""
    found = list(dict.fromkeys(picture or UNKNOWN for picture in pictures))
    first = found[0]
    if len(found) == 1:
        return first
    worst = min(found, key=lambda one: list(Level)[::-1].index(one.level))
    if all((one.token, one.earliest, one.latest) == (first.token, first.earliest, first.latest) for one in found):
        return worst
    earliest, latest = [one.earliest for one in found], [one.latest for one in found]
    return Picture(
        Level.NONE if worst.level is Level.NONE else Level.STATEMENT,
        None,
        None if None in earliest else min(one for one in earliest if one is not None),
        None if None in latest else max(one for one in latest if one is not None),
        False if any(one.verified is False for one in found) else None,
        worst.why or "its statements saw several states of it",
    )


@dataclass(frozen=True, slots=True)
class Consistency:
    """What an answer is a picture of."""

    label: Label
    sources: Mapping[str, Picture]
    """Those that were read, by name; shards are sources."""
    skew: float | None
    """Seconds between the moments of any two of the pictures, at most; 0 where there is one; None: unknown."""

    def as_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        skew = None if self.skew is None else self.skew * 1000
        sources = [{"source": name, **picture.as_dict()} for name, picture in self.sources.items()]
        return {"label": str(self.label), "skew_ms": skew, "sources": sources}

    def __str__(self) -> str:
        skew = "" if len(self.sources) < 2 else f", {_apart(self.skew)}"
        lines = [f"consistency: {self.label}{skew}"]
        return "\n".join([*lines, *(f"  {name}: {_told(picture)}" for name, picture in self.sources.items())])

    @property
    def line(self) -> str:
        """All of it on one line."""
        return "; ".join(line.strip() for line in str(self).splitlines())


def consistency_of(sources: Mapping[str, Picture]) -> Consistency | None:
    """What is known of an answer that was read from these; None where nothing was read."""
    if not sources:
        return None
    snapshots = [picture.is_snapshot for picture in sources.values()]
    if all(snapshots):
        label = Label.ONE if len(sources) == 1 else Label.PER_SOURCE
    else:
        label = Label.MIXED if any(snapshots) else Label.NONE
    return Consistency(label, sources, _skew(list(sources.values())))


def _skew(pictures: list[Picture]) -> float | None:
    """The most that two different moments may be apart. A snapshot is one moment, however little is known of when it was."""
    spans = [(one.earliest, one.latest) for one in pictures if one.earliest is not None and one.latest is not None]
    if len(pictures) == 1 and pictures[0].is_snapshot:
        return 0.0
    if len(spans) < len(pictures):
        return None
    first = min(range(len(spans)), key=lambda place: spans[place][0])
    last = max(range(len(spans)), key=lambda place: spans[place][1])
    if first != last or not pictures[first].is_snapshot:
        return max(0.0, spans[last][1] - spans[first][0])
    others = [span for place, span in enumerate(spans) if place != first]
    before, after = min(low for low, _ in others), max(high for _, high in others)
    return max(0.0, spans[first][1] - before, after - spans[first][0])


def _apart(skew: float | None) -> str:
    return "nobody knows how far apart" if skew is None else f"at most {skew * 1000:.3g} ms apart"


def _told(picture: Picture) -> str:
    """``snapshot of 2026-03-01 12:00:00.123, 790:790:, verified``."""
    level = picture.level if picture.is_snapshot or picture.level is not Level.SNAPSHOT else "not verified"
    when = "" if picture.latest is None else f" of {_moment(picture.latest)}"
    why = "" if picture.is_snapshot or not picture.why else f" ({picture.why})"
    parts = [f"{level}{when}{why}", picture.token or "", "verified" if picture.verified else ""]
    parts += ["of a copy, which may be behind"] if picture.is_copy else []
    return ", ".join(part for part in parts if part)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a query demands of its answer; else it fails."""

    snapshot: bool = False
    """``REQUIRE SNAPSHOT``: of every source one snapshot."""
    skew: float | None = None
    """``MAX SKEW``: and these at most so many seconds apart."""
    strict: bool = False
    """``STRICT``: one snapshot of all that is read."""

    @property
    def is_any(self) -> bool:
        """Whether anything is demanded."""
        return self.snapshot or self.strict or self.skew is not None

    def and_also(self, other: "Terms") -> "Terms":
        """All that both demand."""
        skews = [skew for skew in (self.skew, other.skew) if skew is not None]
        return Terms(self.snapshot or other.snapshot, min(skews, default=None), self.strict or other.strict)

    def __str__(self) -> str:
        skew = None if self.skew is None else f"MAX SKEW {self.skew * 1000:g} ms"
        said = ("REQUIRE SNAPSHOT" if self.snapshot else None, skew, "STRICT" if self.strict else None)
        return " ".join(one for one in said if one)

    def check_sources(self, sources: Iterable[str]) -> None:
        """Before anything is sent: raise NotConsistent where no snapshot can be of all these sources."""
        names = sorted(set(sources))
        if self.strict and len(names) > 1:
            message = f"STRICT: no snapshot is of several sources at once, and the query reads {_listed(names)}"
            hint = "read each of them in a query of its own, or write REQUIRE SNAPSHOT MAX SKEW 500 ms instead"
            raise NotConsistent(message, sqlstate=NO_GLOBAL_SNAPSHOT, hint=hint)

    def check(self, found: Consistency | None, is_over: bool) -> None:
        """Raise NotConsistent where an answer is not what is demanded. ``is_over``: all has been read, and what has to be
        looked at again has been."""
        if found is None or not self.is_any:
            return
        for source, picture in found.sources.items():
            if not (picture.is_snapshot or (picture.level is Level.SNAPSHOT and not is_over)):
                message = f"{self}: what the query reads of it is no snapshot: {picture.why or 'it was not verified'}"
                hint = "ask without this demand, and see report.consistency; or leave the source out"
                raise NotConsistent(message, sqlstate=NO_SNAPSHOT, source=source, hint=hint)
        if self.skew is not None and (found.skew is None or found.skew > self.skew):
            raise self._skewed(found)

    def _skewed(self, found: Consistency) -> NotConsistent:
        unknown = [name for name, picture in found.sources.items() if picture.earliest is None]
        spans = {name: one for name, one in found.sources.items() if one.latest is not None}
        last = max(spans, key=lambda name: spans[name].latest or 0.0, default=None)
        blamed = unknown[0] if unknown else last
        apart = f"when that of {blamed} was taken is not known" if unknown else _apart(found.skew)
        message = f"{self}: the snapshots of {_listed(list(found.sources))} are to be that close, and {apart}"
        hint = "ask again: connections are open now" if not unknown else "leave the source out, or the demand"
        if not unknown:
            hint += "; what one exchange with the slowest source takes is the least that can be met"
        return NotConsistent(message, sqlstate=SKEWED, source=blamed, hint=hint)


def _listed(names: list[str]) -> str:
    shown = names[:5]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"{len(names)} sources ({', '.join(shown)}{more})"


NOTHING = Terms()
"""Of a query that takes what comes."""
