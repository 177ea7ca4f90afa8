"""Values in statistics, from the text in which catalogs and footers keep them; what cannot be decoded is left out."""

import datetime as dt
import math
from collections.abc import Callable, Iterable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hanse.ir.types import FLOATS, INTEGERS, Kind, Type

ORDERED = (
    INTEGERS | FLOATS | {Kind.DECIMAL, Kind.TEXT, Kind.UUID, Kind.DATE, Kind.TIME, Kind.TIMESTAMP, Kind.TIMESTAMPTZ}
)
"""Types whose values sort here as at the sources, or of which a sample may be sorted again."""


def decoded(text: str | None, type: Type) -> Any:
    """The value of that type that is written so, as its carrier; None if there is none (infinities, far dates, NaN)."""
    decode = _DECODERS.get(type.kind)
    if text is None or decode is None:
        return None
    with suppress(ValueError, ArithmeticError):
        value = decode(text)
        return None if isinstance(value, float | Decimal) and math.isnan(value) else value
    return None


def bounds(texts: Iterable[str | None], type: Type) -> tuple[Any, ...]:
    """Bounds of buckets as values, sorted as texts sort here; none if they are fewer than two."""
    if type.kind not in ORDERED:
        return ()
    found = sorted(value for text in texts if (value := decoded(text, type)) is not None)
    return tuple(found) if len(found) > 1 else ()


def ends(values: Iterable[Any], type: Type) -> tuple[Any, Any]:
    """The least and the greatest of the values, where that means something."""
    known = [value for value in values if value is not None] if type.kind in ORDERED else []
    return min(known, default=None), max(known, default=None)


def _boolean(text: str) -> bool:
    return text.lower() in ("t", "true", "1")


def _utc(text: str) -> dt.datetime:
    read = dt.datetime.fromisoformat(text)
    return read.replace(tzinfo=dt.UTC) if read.tzinfo is None else read.astimezone(dt.UTC)


_DECODERS: dict[Kind, Callable[[str], Any]] = {
    Kind.BOOLEAN: _boolean,
    Kind.DECIMAL: Decimal,
    Kind.TEXT: lambda text: text.rstrip(" "),
    Kind.ENUM: str,
    Kind.UUID: str,
    Kind.DATE: dt.date.fromisoformat,
    Kind.TIME: dt.time.fromisoformat,
    Kind.TIMESTAMP: dt.datetime.fromisoformat,
    Kind.TIMESTAMPTZ: _utc,
    **dict.fromkeys(INTEGERS, int),
    **dict.fromkeys(FLOATS, float),
}
