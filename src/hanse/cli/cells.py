"""Values as text, the way PostgreSQL writes them: for tables, CSV and JSON."""

import datetime as dt
import decimal
import json
from typing import Any

import pyarrow as pa


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
        case pa.MonthDayNano():
            return interval(value.months, value.days, value.nanoseconds // 1000)
        case list():
            return "{" + ",".join("NULL" if item is None else _item(item) for item in value) + "}"
        case _:
            return str(value)


def _timestamp(value: dt.datetime) -> str:
    shown = value.replace(tzinfo=None).isoformat(sep=" ")
    shown = shown.rstrip("0") if "." in shown else shown
    if value.tzinfo is None:
        return shown
    offset = value.strftime("%z")
    return f"{shown}{offset[:3]}" + (f":{offset[3:]}" if offset[3:] != "00" else "")


def _item(value: Any) -> str:
    shown = text(value)
    plain = shown and not any(c in '{}",\\ ' for c in shown) and shown.upper() != "NULL"
    if plain or isinstance(value, list):
        return shown
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'


def interval(months: int, days: int, microseconds: int) -> str:
    """An interval in PostgreSQL's default style, such as ``1 year 2 mons 3 days 04:05:06.7``."""
    parts = [
        _unit(_truncated(months, 12), "year"),
        _unit(months - 12 * _truncated(months, 12), "mon"),
        _unit(days, "day"),
    ]
    if microseconds or not any(parts):
        sign = "-" if microseconds < 0 else ""
        seconds, micros = divmod(abs(microseconds), 1_000_000)
        fraction = f".{micros:06d}".rstrip("0") if micros else ""
        parts.append(f"{sign}{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}")
    return " ".join(part for part in parts if part)


def _truncated(value: int, by: int) -> int:
    return int(value / by)


def _unit(count: int, name: str) -> str:
    if not count:
        return ""
    return f"{count} {name}" + ("" if count == 1 else "s")


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
