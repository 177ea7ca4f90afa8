"""Dates, times, timestamps and intervals in the spellings that PostgreSQL reads (manual, appendix B.1; DateStyle MDY).

Each function gives the value, None where the text is good but Python has no such value (``infinity``, BC, year 10000) or
it is relative to the run (``now``, ``today``), and raises ValueError where PostgreSQL refuses the text.
"""

import datetime as dt
import re
from contextvars import ContextVar
from fractions import Fraction
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hanse.ir.expr import Interval

session_zone: ContextVar[str] = ContextVar("session_zone", default="UTC")
"""The zone of timestamps that name none; ``bind`` sets it to the session's."""
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DAYS = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+"
DATES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?P<y>\d{4,6})-(?P<m>\d{1,2})-(?P<d>\d{1,2})",
        r"(?P<y>\d{4})/(?P<m>\d{1,2})/(?P<d>\d{1,2})",
        r"(?P<y>\d{4})\.(?P<m>\d{1,2})\.(?P<d>\d{1,2})",
        r"(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})",
        r"(?P<m>\d{1,2})[/-](?P<d>\d{1,2})[/-](?P<y>\d{4})",
        rf"(?:{DAYS})?(?P<name>{MONTH})\.?[\s-]*(?P<d>\d{{1,2}})(?:,\s*|[\s-]+)(?P<y>\d{{4}})",
        rf"(?:{DAYS})?(?P<d>\d{{1,2}})[\s-]*(?P<name>{MONTH})\.?[\s,-]*(?P<y>\d{{4}})",
        rf"(?P<y>\d{{4}})[\s-]+(?P<name>{MONTH})[\s-]+(?P<d>\d{{1,2}})",
    )
)
TIME = re.compile(r"(?P<h>\d{1,2}):(?P<mi>\d{2})(?::(?P<s>\d{2})(?P<f>\.\d*)?)?\s*(?P<half>am|pm)?")
ZONE = re.compile(
    r"\s*(?:(?P<z>z|utc|gmt|zulu)|(?P<sign>[+-])(?P<oh>\d{1,2})(?::?(?P<om>\d{2}))?(?::?(?P<os>\d{2}))?)$"
)
RUN_TIME = {"infinity", "-infinity", "+infinity", "now", "today", "tomorrow", "yesterday"}
EPOCH = dt.datetime.combine(dt.date(1970, 1, 1), dt.time())


def date(text: str) -> dt.date | None:
    """A date; a time after it is read and dropped."""
    found = _split(text)
    return None if found is None else found[0].date()


def timestamp(text: str) -> dt.datetime | None:
    """A timestamp without zone; an offset after it is read and dropped."""
    found = _split(text)
    return None if found is None else found[0]


def instant(text: str) -> dt.datetime | None:
    """An instant in UTC; without an offset in the text it is read in the session's zone."""
    found = _split(text)
    if found is None:
        return None
    naive, zone = found
    try:
        return (local(naive, session_zone.get()) if zone is None else naive.replace(tzinfo=zone)).astimezone(dt.UTC)
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
    match = TIME.match(lowered.removeprefix("t"))
    compact = re.fullmatch(r"(\d{2})(\d{2})(\d{2})", lowered)
    if compact:
        return dt.time(int(compact[1]), int(compact[2]), int(compact[3]))
    if not match or (match.end() != len(lowered.removeprefix("t")) and not ZONE.match(lowered, match.end())):
        raise ValueError(text)
    clock, carry = _clock(match)
    if carry:
        raise ValueError(text)
    return (EPOCH + clock).time()


def _split(text: str) -> tuple[dt.datetime, dt.timezone | None] | None:
    lowered = " ".join(text.strip().lower().split())
    if lowered == "epoch":
        return EPOCH, dt.UTC
    if lowered in RUN_TIME or lowered.endswith((" bc", "bc")):
        return None
    day, rest = _day(lowered)
    rest = rest.removeprefix("t") if rest.startswith("t") and rest[1:2].isdigit() else rest.lstrip()
    clock, zone = dt.timedelta(), None
    if rest:
        match = TIME.match(rest)
        clock, _ = _clock(match) if match else (clock, False)
        rest = rest[match.end() :] if match else " " + rest
        zone = _zone(rest) if rest else None
    try:
        return None if day is None else (dt.datetime.combine(day, dt.time()) + clock, zone)
    except OverflowError:
        return None


def _day(text: str) -> tuple[dt.date | None, str]:
    for pattern in DATES:
        match = pattern.match(text)
        if match and not text[match.end() : match.end() + 1].isdigit():
            parts = match.groupdict()
            month = MONTHS.index(parts["name"][:3]) + 1 if parts.get("name") else int(parts["m"])
            year = int(parts["y"])
            if year > 9999:
                return None, text[match.end() :]
            return dt.date(year, month, int(parts["d"])), text[match.end() :]
    raise ValueError(text)


def _clock(match: re.Match[str]) -> tuple[dt.timedelta, bool]:
    """The time since midnight, and whether it is 24 hours or more."""
    hours, minutes, seconds = int(match["h"]), int(match["mi"]), int(match["s"] or 0)
    micros = round(Fraction("0" + (match["f"] or ".").rstrip(".") or "0") * 1_000_000)
    if match["half"]:
        if not 1 <= hours <= 12:
            raise ValueError(match.string)
        hours = hours % 12 + (12 if match["half"] == "pm" else 0)
    value = dt.timedelta(hours=hours, minutes=minutes, seconds=seconds, microseconds=micros)
    if minutes > 59 or seconds > 60 or value > dt.timedelta(days=1):
        raise ValueError(match.string)
    return value, value >= dt.timedelta(days=1)


def _zone(text: str) -> dt.timezone:
    match = ZONE.match(text)
    if not match:
        raise ValueError(text)
    if match["z"]:
        return dt.UTC
    offset = dt.timedelta(hours=int(match["oh"]), minutes=int(match["om"] or 0), seconds=int(match["os"] or 0))
    if offset > dt.timedelta(hours=15, minutes=59, seconds=59):
        raise ValueError(text)
    return dt.timezone(-offset if match["sign"] == "-" else offset)


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
