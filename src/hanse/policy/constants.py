"""What an expression without columns is worth, as far as bounds need to know: what is not computed here is no constant."""

import calendar
import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import Any
from zoneinfo import ZoneInfo

from hanse.ir import expr as e
from hanse.ir.types import INTEGERS, Kind, Type

NUMBERS = INTEGERS | {Kind.DECIMAL, Kind.FLOAT32, Kind.FLOAT64}
MOMENTS = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMPTZ})


class Mark(Enum):
    """What is no value."""

    OPEN = "open"
    """No constant, or one without end."""
    GIVEN = "given"
    """There is one, and nothing more can be said of it."""


OPEN, GIVEN = Mark.OPEN, Mark.GIVEN


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a plan."""

    values: tuple[e.Literal, ...]
    """The parameters'."""
    now: dt.datetime
    """With its zone."""
    zone: str
    """The session's, in which moments are cut."""


def constant(node: e.Expr, case: Case) -> Any:
    """A constant's value, None for NULL, OPEN for what is no constant."""
    match node:
        case e.Literal(value=value):
            return value
        case e.Parameter(index=index):
            return case.values[index].value
        case e.Cast(arg=arg, type=type, safe=False):
            return _converted(constant(arg, case), (arg.type, type), case.zone)
        case e.Call(name="array", args=args):
            items = tuple(constant(arg, case) for arg in args)
            return OPEN if OPEN in items else items
        case e.Call(name=name, args=args) if name in _COMPUTED:
            found = [constant(arg, case) for arg in args]
            return OPEN if OPEN in found else None if None in found else _computed(name, found, case.zone)
        case _:
            return OPEN


def _computed(name: str, args: list[Any], zone: str) -> Any:
    try:
        return _COMPUTED[name](*args, zone)
    except (ArithmeticError, TypeError, ValueError, KeyError):
        return OPEN  # beyond all years, or not known here


def _converted(value: Any, types: tuple[Type, Type], zone: str) -> Any:
    """A value of another type. Text that was not read as a constant may well say infinity: it bounds nothing."""
    given, made = types[0].kind, types[1].kind
    if value is None or value is OPEN or types[0] == types[1] or (given in NUMBERS and made in NUMBERS):
        return value
    if given not in MOMENTS or made not in MOMENTS or not isinstance(value, dt.date):
        return OPEN
    try:
        return _moment(value, made, ZoneInfo(zone))
    except (OverflowError, ValueError):
        return OPEN


def _moment(value: dt.date, made: Kind, zone: ZoneInfo) -> dt.date:
    """A day, a time of a day in the session's zone, or an instant, as one of the others."""
    if not isinstance(value, dt.datetime):
        value = dt.datetime.combine(value, dt.time())
    if value.tzinfo is not None:
        value = value.astimezone(zone).replace(tzinfo=None)
    if made is Kind.TIMESTAMPTZ:
        return value.replace(tzinfo=zone).astimezone(dt.UTC)
    return value.date() if made is Kind.DATE else value


def _added(value: Any, by: Any, zone: str) -> Any:
    if isinstance(value, e.Interval) and not isinstance(by, e.Interval):
        value, by = by, value
    return _moved(value, by, 1, zone)


def _moved(value: Any, by: Any, sign: int, zone: str) -> Any:
    """A number, a day or a moment, and what is added to it or taken from it."""
    match value, by:
        case dt.datetime(), e.Interval():
            if value.tzinfo is None:
                return _later(value, by, sign)
            there = _later(value.astimezone(ZoneInfo(zone)).replace(tzinfo=None), by, sign)
            return _moment(there, Kind.TIMESTAMPTZ, ZoneInfo(zone))
        case dt.datetime(), _:
            return OPEN
        case dt.date(), int():
            return value + dt.timedelta(days=sign * by)
        case dt.date(), dt.date():
            return (value - by).days if sign < 0 else OPEN
        case _:
            return value + sign * by


def _later(value: dt.datetime, by: e.Interval, sign: int) -> dt.datetime:
    """As PostgreSQL adds: months first, whose last day is the last one there is."""
    months = value.year * 12 + value.month - 1 + sign * by.months
    year, month = months // 12, months % 12 + 1
    value = value.replace(year=year, month=month, day=min(value.day, calendar.monthrange(year, month)[1]))
    return value + sign * dt.timedelta(days=by.days, microseconds=by.microseconds)


def _times(value: Any, by: Any, _zone: str) -> Any:
    if isinstance(by, e.Interval):
        value, by = by, value
    if not isinstance(value, e.Interval):
        return value * by
    if by != int(by):
        return OPEN
    return e.Interval(value.months * int(by), value.days * int(by), value.microseconds * int(by))


def _truncated(unit: Any, value: Any, zone: str) -> Any:
    """``date_trunc``: the start of the unit in which a moment lies, by the session's zone."""
    there = _moment(value, Kind.TIMESTAMP, ZoneInfo(zone))
    assert isinstance(there, dt.datetime)
    day = there.replace(hour=0, minute=0, second=0, microsecond=0)
    starts = {
        "second": there.replace(microsecond=0),
        "minute": there.replace(second=0, microsecond=0),
        "hour": there.replace(minute=0, second=0, microsecond=0),
        "day": day,
        "week": day - dt.timedelta(days=day.weekday()),
        "month": day.replace(day=1),
        "quarter": day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1),
        "year": day.replace(month=1, day=1),
    }
    start = starts[str(unit).lower().removesuffix("s")]
    is_instant = isinstance(value, dt.datetime) and value.tzinfo is not None
    return _moment(start, Kind.TIMESTAMPTZ, ZoneInfo(zone)) if is_instant else start


_COMPUTED: dict[str, Any] = {
    "+": _added,
    "-": lambda value, by, zone: _moved(value, by, -1, zone),
    "*": _times,
    "neg": lambda value, _zone: -value,
    "date_trunc": _truncated,
}
"""The functions that are computed; each takes its arguments, none of which is NULL, and the session's zone."""
