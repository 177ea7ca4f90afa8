"""Dates, times, timestamps and intervals in the spellings that PostgreSQL reads (manual, appendix B.1; DateStyle MDY).

Each function gives the value, ``Far`` where Python has no such year (BC, year 10000), None where the text is ``infinity``
or relative to the run (``now``, ``today``), and raises ValueError where PostgreSQL refuses the text.
"""

import datetime as dt
import re
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from hanse.bind.abbreviations import OFFSETS
from hanse.ir.expr import Interval

session_zone: ContextVar[str] = ContextVar("session_zone", default="UTC")
"""The zone of timestamps that name none; ``bind`` sets it to the session's."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DAYS = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+"
DATES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?P<y>\d{4,7})-(?P<m>\d{1,2})-(?P<d>\d{1,2})",
        r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})",
        r"(?P<y>\d{4})\.(?P<m>\d{1,2})\.(?P<d>\d{1,2})",
        r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
        r"(?P<m>\d{1,2})[/-](?P<d>\d{1,2})[/-](?P<y>\d{4})",
        rf"(?:{DAYS})?(?P<name>{MONTH})\.?[\s-]*(?P<d>\d{{1,2}})(?:,\s*|[\s-]+)(?P<y>\d{{4}})",
        rf"(?:{DAYS})?(?P<d>\d{{1,2}})[\s-]*(?P<name>{MONTH})\.?[\s,-]*(?P<y>\d{{4}})",
        rf"(?P<y>\d{{4}})[\s-]+(?P<name>{MONTH})[\s-]+(?P<d>\d{{1,2}})",
    )
)
TIME = re.compile(r"(?P<h>\d{1,2}):(?P<mi>\d{2})(?::(?P<s>\d{2})(?P<f>\.\d*)?)?\s*(?:(?P<half>am|pm)(?![a-z]))?")
ZONE = re.compile(
    r"\s*(?:(?P<z>z|utc|gmt|zulu)|(?P<sign>[+-])(?P<oh>\d{1,2})(?::?(?P<om>\d{2}))?(?::?(?P<os>\d{2}))?)$"
)
RUN_TIME = {"infinity", "-infinity", "+infinity", "now", "today", "tomorrow", "yesterday"}
EPOCH = dt.datetime.combine(dt.date(1970, 1, 1), dt.time())
MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
FIRST_DAY = (-4713, 11, 24)
"""The first day of the Julian calendar, PostgreSQL's first; years before 1 count 0, -1 ... here."""
LAST_YEAR = 294_246
"""The last whole year of timestamps of 64 bits since 1970; PostgreSQL's end in 294276."""


class FieldRange(ValueError):
    """The text has the form, but no such day or time exists, or none that can be held (22008)."""


class UnknownZone(ValueError):
    """There is no time zone of that name (22023)."""


@dataclass(frozen=True, slots=True)
class Far:
    """A moment that Python cannot hold, in the spelling that the cast of a text reads at run time."""

    text: str


@dataclass(frozen=True, slots=True)
class _Read:
    """What a text says: the day, the time since its midnight, the zone behind it."""

    day: tuple[int, int, int]
    clock: dt.timedelta
    zone: dt.tzinfo | None

    @property
    def is_far(self) -> bool:
        return not 1 <= self.day[0] <= 9999

    @property
    def naive(self) -> dt.datetime:
        """Without the zone; OverflowError for midnight after the last day."""
        return dt.datetime.combine(dt.date(*self.day), dt.time()) + self.clock

    def far(self, clock: bool = False, zone: bool = False) -> Far:
        """The spelling of a moment in a far year."""
        year, month, day = self.day
        text = f"{year if year > 0 else 1 - year:04}-{month:02}-{day:02}"
        if clock:
            if self.clock >= dt.timedelta(days=1) or year > LAST_YEAR:
                raise FieldRange(text)
            text += f" {(EPOCH + self.clock).time().isoformat()}"
        if zone and self.zone is not None:
            offset = self.zone.utcoffset(None)
            if offset is None:
                raise FieldRange("a zone of that name has no offset in such a year")
            minutes = int(offset.total_seconds()) // 60
            text += f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
        return Far(text if year > 0 else f"{text} BC")


def date(text: str) -> dt.date | Far | None:
    """A date; a time after it is read and dropped."""
    found = _split(text)
    if found is None or found.is_far:
        return None if found is None else found.far()
    return found.naive.date()


def timestamp(text: str) -> dt.datetime | Far | None:
    """A timestamp without zone; an offset after it is read and dropped."""
    found = _split(text)
    if found is None or found.is_far:
        return None if found is None else found.far(clock=True)
    return found.naive


def instant(text: str) -> dt.datetime | Far | None:
    """An instant in UTC; without a zone in the text it is read in the session's zone."""
    found = _split(text)
    if found is None or found.is_far:
        return None if found is None else found.far(clock=True, zone=True)
    try:
        if found.zone is None or isinstance(found.zone, ZoneInfo):
            zone = session_zone.get() if found.zone is None else found.zone.key
            return local(found.naive, zone).astimezone(dt.UTC)
        return found.naive.replace(tzinfo=found.zone).astimezone(dt.UTC)
    except OverflowError:
        return None


def local(naive: dt.datetime, zone: str) -> dt.datetime:
    """Wall-clock time in a zone: in a gap the offset before it holds, in an overlap standard time (PostgreSQL's
    DetermineTimeZoneOffset). Raises ValueError for an unknown zone."""
    try:
        info = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f'time zone "{zone}" not recognized') from error
    first, second = naive.replace(tzinfo=info, fold=0), naive.replace(tzinfo=info, fold=1)
    overlap = (first.utcoffset() or dt.timedelta()) > (second.utcoffset() or dt.timedelta())
    return second if overlap else first


def time(text: str) -> dt.time | None:
    """A time of day; 24:00:00 is left to run time, which refuses it (trap R26)."""
    lowered = text.strip().lower()
    if re.fullmatch(r"24:00(:00(\.0*)?)?", lowered):
        return None
    clocked = lowered.removeprefix("t")
    match = TIME.match(clocked)
    compact = re.fullmatch(r"(\d{2})(\d{2})(\d{2})", lowered)
    if compact:
        match = TIME.match(":".join(compact.groups()))
    elif match and match.end() != len(clocked) and isinstance(_zone(clocked[match.end() :]), ZoneInfo):
        raise ValueError(text)
    if not match:
        raise ValueError(text)
    clock, carry = _clock(match)
    if carry:
        raise FieldRange(text)
    return (EPOCH + clock).time()


def _split(text: str) -> _Read | None:
    lowered = " ".join(text.strip().lower().split())
    if lowered == "epoch":
        return _Read((1970, 1, 1), dt.timedelta(), dt.UTC)
    if lowered in RUN_TIME:
        return None
    era = re.search(r"(?<=[\d\s])\s*bc$", lowered)
    day, rest = _day(lowered[: era.start()].rstrip() if era else lowered, bool(era))
    rest = rest.removeprefix("t") if rest.startswith("t") and rest[1:2].isdigit() else rest.lstrip()
    clock, zone = dt.timedelta(), None
    if rest:
        match = TIME.match(rest)
        clock, _ = _clock(match) if match else (clock, False)
        rest = rest[match.end() :] if match else " " + rest
        zone = _zone(rest) if rest else None
    return _Read(day, clock, zone)


def _day(text: str, before_christ: bool) -> tuple[tuple[int, int, int], str]:
    """Year, month and day at the start of the text, and what follows; the year before 1 is 0."""
    for pattern in DATES:
        match = pattern.match(text)
        if match and not text[match.end() : match.end() + 1].isdigit():
            parts = match.groupdict()
            month = MONTHS.index(parts["name"][:3]) + 1 if parts.get("name") else int(parts["m"])
            year = int(parts["y"])
            found = (1 - year if before_christ else year, month, int(parts["d"]))
            if year == 0 or not _exists(*found):
                raise FieldRange(text)
            return found, text[match.end() :]
    raise ValueError(text)


def _exists(year: int, month: int, day: int) -> bool:
    """Whether there is such a day, and timestamps reach it."""
    if not 1 <= month <= 12 or not 1 <= day <= MONTH_DAYS[month - 1]:
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return (leap or (month, day) != (2, 29)) and (year, month, day) >= FIRST_DAY and year <= LAST_YEAR


def _clock(match: re.Match[str]) -> tuple[dt.timedelta, bool]:
    """The time since midnight, and whether it is 24 hours or more."""
    hours, minutes, seconds = int(match["h"]), int(match["mi"]), int(match["s"] or 0)
    micros = round(Fraction("0" + (match["f"] or ".").rstrip(".") or "0") * 1_000_000)
    if match["half"]:
        if not 1 <= hours <= 12:
            raise FieldRange(match.string)
        hours = hours % 12 + (12 if match["half"] == "pm" else 0)
    value = dt.timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
    if minutes > 59 or seconds > 60 or value > dt.timedelta(days=1):
        raise FieldRange(match.string)
    return value, value >= dt.timedelta(days=1)


def _zone(text: str) -> dt.tzinfo:
    """An offset, an abbreviation or a zone by its name, in lower case."""
    match = ZONE.match(text)
    if not match:
        return _named_zone(text.strip())
    if match["z"]:
        return dt.UTC
    offset = dt.timedelta(hours=int(match["oh"]), minutes=int(match["om"] or 0), seconds=int(match["os"] or 0))
    if offset > dt.timedelta(hours=15, minutes=59, seconds=59):
        raise FieldRange(text)
    return dt.timezone(-offset if match["sign"] == "-" else offset)


def _named_zone(name: str) -> dt.tzinfo:
    if name in OFFSETS:
        return dt.timezone(dt.timedelta(seconds=OFFSETS[name]))
    key = _zone_names().get(name)
    if key is not None:
        return ZoneInfo(key)
    if re.fullmatch(r"[a-z_]+/[a-z_/+-]+", name):
        raise UnknownZone(name)
    raise ValueError(name)


@cache
def _zone_names() -> dict[str, str]:
    """The names of all time zones by their lower case."""
    return {name.lower(): name for name in available_timezones()}


UNITS: dict[str, tuple[str, Fraction]] = {
    name: (field, Fraction(factor))
    for field, factor, names in (
        ("months", 12000, "millennium millennia mil mils"),
        ("months", 1200, "century centuries c cent"),
        ("months", 120, "decade decades dec decs"),
        ("months", 12, "year years y yr yrs"),
        ("months", 1, "month months mon mons"),
        ("days", 7, "week weeks w"),
        ("days", 1, "day days d"),
        ("micros", 3_600_000_000, "hour hours h hr hrs"),
        ("micros", 60_000_000, "minute minutes m min mins"),
        ("micros", 1_000_000, "second seconds s sec secs"),
        ("micros", 1_000, "millisecond milliseconds ms msec msecs"),
        ("micros", 1, "microsecond microseconds us usec usecs"),
    )
    for name in names.split()
}
PIECE = re.compile(
    r"\s*(?:(?P<sign>[+-]?)(?P<h>\d+):(?P<mi>\d+)(?::(?P<s>\d+(?:\.\d*)?))?|(?P<n>[+-]?(?:\d+\.?\d*|\.\d+))\s*(?P<unit>[a-z]*))"
)
ISO = re.compile(
    r"P(?:(-?[\d.]+)Y)?(?:(-?[\d.]+)M)?(?:(-?[\d.]+)W)?(?:(-?[\d.]+)D)?(?:T(?:(-?[\d.]+)H)?(?:(-?[\d.]+)M)?(?:(-?[\d.]+)S)?)?"
)
ISO_UNITS = ("year", "month", "week", "day", "hour", "minute", "second")


def interval(text: str) -> Interval:
    """An interval: ``1 year 2 months``, ``3 days 04:05:06.7``, ``-1 week``, ``2 hours ago``, ``P1Y2M3DT4H``, ``1-2``."""
    iso = ISO.fullmatch(text.strip())
    if iso and any(iso.groups()):
        return _total([(Fraction(n), unit) for n, unit in zip(iso.groups(), ISO_UNITS, strict=True) if n])
    lowered = text.strip().lower()
    years = re.fullmatch(r"([+-]?)(\d+)-(\d+)", lowered)
    if years:
        months = int(years[2]) * 12 + int(years[3])
        return Interval(months=-months if years[1] == "-" else months)
    ago = lowered.endswith(" ago")
    pieces = _pieces(lowered.removeprefix("@").removesuffix(" ago").strip())
    return _total([(-amount, unit) for amount, unit in pieces] if ago else pieces)


def _pieces(text: str) -> list[tuple[Fraction, str]]:
    pieces, place = [], 0
    while place < len(text):
        match = PIECE.match(text, place)
        if not match or match.end() == place:
            raise ValueError(text)
        place = match.end()
        pieces.append(_piece(match, last=place == len(text)))
    if not pieces:
        raise ValueError(text)
    return pieces


def _piece(match: re.Match[str], *, last: bool) -> tuple[Fraction, str]:
    if match["n"] is not None:
        unit = match["unit"] or ("second" if last else "day")
        if unit not in UNITS:
            raise ValueError(match.string)
        return Fraction(match["n"]), unit
    if int(match["mi"]) > 59 or Fraction(match["s"] or 0) >= 60:
        raise ValueError(match.string)
    seconds = int(match["h"]) * 3600 + int(match["mi"]) * 60 + Fraction(match["s"] or 0)
    return (-seconds if match["sign"] == "-" else seconds), "second"


def _total(pieces: list[tuple[Fraction, str]]) -> Interval:
    """Sum the pieces; fractions of years become whole months, of months days (30), of days time, as PostgreSQL does."""
    months, days, micros = Fraction(0), Fraction(0), Fraction(0)
    for amount, unit in pieces:
        field, factor = UNITS[unit]
        if field == "months":
            value = amount * factor
            if factor > 1:
                value = Fraction(_round(value))
            months += int(value)
            part = (value - int(value)) * 30
            days, micros = days + int(part), micros + _round((part - int(part)) * 86_400_000_000)
        elif field == "days":
            value = amount * factor
            days, micros = days + int(value), micros + _round((value - int(value)) * 86_400_000_000)
        else:
            micros += _round(amount * factor)
    result = Interval(int(months), int(days), int(micros))
    if max(abs(result.months), abs(result.days)) >= 2**31 or abs(result.microseconds) >= 2**63:
        raise ValueError("interval out of range")
    return result


def _round(value: Fraction) -> int:
    return round(value)
