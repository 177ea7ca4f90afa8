"""Values as text, the way PostgreSQL writes them: for tables, CSV and JSON.

``values`` reads a column, ``text`` and ``json_value`` write one value of it.
"""

import datetime as dt
import decimal
import json
import re
from typing import Any

import pyarrow as pa

MICROSECONDS_A_DAY = 86_400_000_000
ERA_DAYS = 146_097
"""Days of the 400 years after which the Gregorian calendar repeats itself."""
ERA_START = -719_468
"""0000-03-01, counted in days from 1970-01-01."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def values(column: pa.Array, zone: str = "UTC") -> list[Any]:
    """A column's Python values, timestamptz in the given zone.

    What Python's types would change is text already: moments before year 1 or after 9999. A real is the shortest number
    that names it, as PostgreSQL shows it, not its expansion to double precision.
    """
    if pa.types.is_list(column.type):
        return [values(item.values, zone) if item.is_valid else None for item in column]
    if pa.types.is_float32(column.type):
        return [None if shown is None else float(shown) for shown in column.cast(pa.string()).to_pylist()]
    if pa.types.is_timestamp(column.type) and column.type.tz:
        column = column.cast(pa.timestamp("us", tz=zone))
    try:
        found: list[Any] = column.to_pylist()
        return found
    except (OverflowError, ValueError):
        return [None if number is None else _moment(number, column.type) for number in _numbers(column)]


def _numbers(column: pa.Array) -> list[int | None]:
    carrier = pa.int32() if pa.types.is_date32(column.type) else pa.int64()
    numbers: list[int | None] = column.cast(carrier).to_pylist()
    return numbers


def _moment(number: int, type: pa.DataType) -> str:
    """A day or a timestamp (in UTC, as no zone's rules are known so far away) from its number since 1970."""
    if pa.types.is_date32(type):
        return "{}{}".format(*_day(number))
    days, micros = divmod(number, MICROSECONDS_A_DAY)
    day, era = _day(days)
    return f"{day} {_clock(micros)}{'+00' if type.tz else ''}{era}"


def _day(days: int) -> tuple[str, str]:
    """The date of a day number and its era, for every year (the usual algorithm, in years that begin in March)."""
    era, day = divmod(days - ERA_START, ERA_DAYS)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    day -= (153 * month + 2) // 5
    month = month + 3 if month < 10 else month - 9
    year += 400 * era + (month <= 2)
    return f"{year if year > 0 else 1 - year:04d}-{month:02d}-{day + 1:02d}", "" if year > 0 else " BC"


def text(value: Any) -> str:
    """One value as text; NULL is the empty text (callers that must tell them apart test for None first)."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case bytes():
            return "\\x" + value.hex()
        case decimal.Decimal():
            return f"{value:f}"
        case float():
            return repr(value).replace("inf", "Infinity").replace("nan", "NaN").removesuffix(".0")
        case dt.datetime():
            return _timestamp(value)
        case dt.time():
            return _trimmed(value.isoformat())
        case pa.MonthDayNano():
            return interval(value.months, value.days, value.nanoseconds // 1000)
        case list():
            return "{" + ",".join("NULL" if item is None else _item(item) for item in value) + "}"
        case _:
            return str(value)


def shown(value: Any) -> str:
    """One value in a line of a table: NULL by name, and nothing that a terminal would obey."""
    if value is None:
        return "NULL"
    return CONTROL.sub(lambda found: NAMED.get(found[0], f"\\x{ord(found[0]):02X}"), text(value))


def _trimmed(clock: str) -> str:
    return clock.rstrip("0") if "." in clock else clock


def _timestamp(value: dt.datetime) -> str:
    local = _trimmed(value.replace(tzinfo=None).isoformat(sep=" "))
    offset = value.strftime("%z")
    parts = [offset[:3], *(offset[at : at + 2] for at in range(3, len(offset), 2))]
    while len(parts) > 1 and parts[-1] == "00":
        parts.pop()
    return local + ":".join(parts)


def _item(value: Any) -> str:
    item = text(value)
    plain = item and not any(c in '{}",\\' or c.isspace() for c in item) and item.upper() != "NULL"
    if plain or isinstance(value, list):
        return item
    return '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"'


def interval(months: int, days: int, microseconds: int) -> str:
    """An interval in PostgreSQL's default style, such as ``1 year 2 mons 3 days 04:05:06.7``."""
    years = int(months / 12)
    counts = ((years, "year"), (months - 12 * years, "mon"), (days, "day"))
    parts: list[str] = []
    is_below_zero = False
    for count, name in counts:
        if count:
            # PostgreSQL writes a plus where a part is above zero after one below it
            parts.append(f"{'+' if count > 0 and is_below_zero else ''}{count} {name}{'' if count == 1 else 's'}")
            is_below_zero = count < 0
    if microseconds or not parts:
        sign = "-" if microseconds < 0 else "+" if is_below_zero else ""
        parts.append(sign + _clock(abs(microseconds)))
    return " ".join(parts)


def _clock(microseconds: int) -> str:
    seconds, micros = divmod(microseconds, 1_000_000)
    fraction = f".{micros:06d}".rstrip("0") if micros else ""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


def json_value(value: Any) -> str:
    """One value as JSON text: numbers exactly, what JSON has no word for as a string."""
    match value:
        case None | bool() | int():
            return json.dumps(value)
        case float() if value == value and abs(value) != float("inf"):
            return repr(value)
        case decimal.Decimal():
            return f"{value:f}"
        case list():
            return "[" + ", ".join(map(json_value, value)) + "]"
        case _:
            return json.dumps(text(value), ensure_ascii=False)
