"""Values as a file of tests writes them, whatever driver they came from."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from typing import Any

from hanse.ir.types import Kind
from hanse.testing.differential import close, plain


def shown(value: Any, kind: Kind | None = None) -> str:
    """The value as one cell: NULL, (empty), true, numbers without zeros at their end, dates in ISO 8601."""
    match plain(value, kind):
        case None:
            return "NULL"
        case ("boolean", truth):
            return str(truth).lower()
        case ("json", text):
            return json.dumps(json.loads(text), ensure_ascii=False)
        case ("interval", months, days, nanoseconds):
            return f"{months} months {days} days {Decimal(nanoseconds).scaleb(-9).normalize():f} seconds"
        case ("instant", dt.datetime() as instant):
            return f"{instant.isoformat(' ')}+00"
        case dt.datetime() as moment:
            return moment.isoformat(" ")
        case Decimal() as number:
            return f"{number:f}"
        case float() as number:
            return repr(number) if math.isfinite(number) else str(number)
        case bytes() as data:
            return f"\\x{data.hex()}"
        case tuple() as items:
            return (
                "{"
                + ", ".join(shown(item) if not isinstance(item, tuple) else shown(list(item)) for item in items)
                + "}"
            )
        case str() as text:
            return _escaped(text)
        case other:
            return str(other)


def _escaped(text: str) -> str:
    if not text:
        return "(empty)"
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("|", "\\p")
    leading, trailing = len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))
    return "\\s" * leading + escaped.strip(" ") + "\\s" * (trailing if text.strip(" ") else 0)


def agree(expected: str, found: str, value: Any) -> bool:
    """Whether a cell is as expected; a float may differ in its last digits."""
    if expected == found:
        return True
    if not isinstance(value, float):
        return False
    try:
        return close(float(expected), value)
    except ValueError:
        return False
