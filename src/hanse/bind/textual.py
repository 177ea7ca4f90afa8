"""Text to values, as PostgreSQL reads it: what a quoted literal means once its type is known.

``parse(text, type)`` gives the Python carrier of ``type``, or ``LATER`` where the text is good for PostgreSQL but has no
carrier or depends on the run (infinite dates, JSON): then the cast is left to run time, as it is of a ``moments.Far``.
ValueError means that PostgreSQL refuses the text too.
"""

import json
import re
import struct
from collections.abc import Callable
from decimal import Decimal as Number
from typing import Any
from uuid import UUID

from hanse.bind import moments
from hanse.ir.types import Array, Decimal, Enum, Kind, Type

LATER = object()
"""The value is only known at run time."""
BLANKS = " \t\n\r\f\v"
INTEGER_RANGES = {
    Kind.INT8: (-(2**7), 2**7 - 1),
    Kind.INT16: (-(2**15), 2**15 - 1),
    Kind.INT32: (-(2**31), 2**31 - 1),
    Kind.INT64: (-(2**63), 2**63 - 1),
    Kind.UINT8: (0, 2**8 - 1),
    Kind.UINT16: (0, 2**16 - 1),
    Kind.UINT32: (0, 2**32 - 1),
    Kind.UINT64: (0, 2**64 - 1),
}
BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
FLOATS = {
    "nan": "nan",
    "infinity": "inf",
    "+infinity": "inf",
    "-infinity": "-inf",
    "inf": "inf",
    "+inf": "inf",
    "-inf": "-inf",
}


class OutOfRange(ValueError):
    """The text is well formed but too large for the type (22003)."""


def parse(text: str, type: Type) -> Any:
    """The value of ``type`` that ``text`` spells; ValueError if PostgreSQL refuses it; LATER if only the run knows."""
    if isinstance(type, Decimal):
        return exact(text, type)
    if isinstance(type, Enum):
        return _label(text, type)
    if isinstance(type, Array):
        return _items(text, type)
    if type.kind not in PARSERS:
        return LATER
    if type.kind in INTEGER_RANGES:
        return integer(text, type)
    return PARSERS[type.kind](text)


def integer(text: str, type: Type) -> int:
    """A whole number within the range of ``type``."""
    stripped = text.strip(BLANKS)
    if not re.fullmatch(r"[+-]?[0-9]+", stripped):
        raise ValueError(text)
    return in_range(int(stripped), type)


def in_range(value: int, type: Type) -> int:
    """The value itself; OutOfRange if an integer of ``type`` cannot be it."""
    low, high = INTEGER_RANGES[type.kind]
    if not low <= value <= high:
        raise OutOfRange(str(value))
    return value


def exact(text: str, type: Decimal) -> Number:
    """A number rounded to the scale of ``type``, half away from zero, as PostgreSQL does with numeric(p,s)."""
    stripped = text.strip(BLANKS)
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", stripped):
        raise ValueError(text)
    return fit(Number(stripped), type)


def fit(value: Number, type: Decimal) -> Number:
    """The value with the scale of ``type``; OutOfRange if it has more digits before the point than fit."""
    with_scale = rescale(value, type.scale)
    if len(with_scale.as_tuple().digits) > type.precision and with_scale:
        raise OutOfRange(str(value))
    return with_scale


def rescale(value: Number, scale: int) -> Number:
    """The value with ``scale`` places after the point, rounded half away from zero."""
    if not value.is_finite() or value.adjusted() > 200:
        raise OutOfRange(str(value))
    sign, digits, exponent = value.as_tuple()
    whole = int("".join(map(str, digits)) or "0")
    shift = int(exponent) + scale
    if shift < -400:
        whole = 0
    elif shift >= 0:
        whole *= 10**shift
    else:
        whole, rest = divmod(whole, 10**-shift)
        whole += 2 * rest >= 10**-shift
    return Number((sign if whole else 0, tuple(map(int, str(whole))), -scale))


def _float(text: str) -> float:
    stripped = text.strip(BLANKS)
    if stripped.lower() in FLOATS:
        return float(FLOATS[stripped.lower()])
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", stripped):
        raise ValueError(text)
    value = float(stripped)
    if value in (float("inf"), float("-inf")) or (value == 0 and re.search(r"[1-9]", stripped.lower().split("e")[0])):
        raise OutOfRange(text)
    return value


def _boolean(text: str) -> bool:
    stripped = text.strip(BLANKS).lower()
    found = {value for word, value in BOOLEANS.items() if stripped and word.startswith(stripped)}
    if len(found) != 1 or stripped == "o":
        raise ValueError(text)
    return found.pop()


def _bytes(text: str) -> bytes:
    if text.startswith("\\x"):
        return bytes.fromhex(re.sub(r"\s", "", text[2:]))
    out = bytearray()
    for match in re.finditer(r"\\([0-3][0-7]{2})|\\(\\)|([^\\])|(\\)", text, re.DOTALL):
        octal, escaped, plain, bad = match.groups()
        if bad:
            raise ValueError(text)
        out += bytes([int(octal, 8)]) if octal else (escaped or plain).encode()
    return bytes(out)


def _json(text: str) -> str:
    """The text itself, if it is JSON (RFC 8259: no NaN)."""

    def refuse(word: str) -> None:
        raise ValueError(word)

    json.loads(text, parse_constant=refuse, parse_int=str, parse_float=str)
    return text


def _uuid(text: str) -> str:
    stripped = text[1:-1] if text.startswith("{") and text.endswith("}") else text
    if not re.fullmatch(r"[0-9a-fA-F]{4}(-?[0-9a-fA-F]{4}){7}", stripped):
        raise ValueError(text)
    return str(UUID(stripped.replace("-", "")))


ARRAY_TOKEN = re.compile(
    r'\s*(?:([{},])|"((?:[^"\\]|\\.)*)"|((?:[^{},"\\\s]|\\.)+(?:\s+(?:[^{},"\\\s]|\\.)+)*))\s*', re.DOTALL
)


def _items(text: str, type: Array) -> Any:
    """An array as PostgreSQL writes it: ``{1,2,NULL,"a b"}``, nested to the depth that the braces show."""
    tokens: list[tuple[str, str]] = []
    place = 0
    while place < len(text):
        match = ARRAY_TOKEN.match(text, place)
        if not match:
            raise ValueError(text)
        mark, inner, bare = match.groups()
        tokens.append(
            (mark, "") if mark else ("quoted", re.sub(r"\\(.)", r"\1", inner)) if inner is not None else ("bare", bare)
        )
        place = match.end()
    value, rest = _list(tokens, type)
    if rest:
        raise ValueError(text)
    return value


def _list(tokens: list[tuple[str, str]], type: Array) -> tuple[Any, list[tuple[str, str]]]:
    """The list at the start of the tokens, and the tokens after it; LATER if an item is."""
    if not tokens or tokens[0][0] != "{":
        raise ValueError("malformed array literal")
    tokens, items = tokens[1:], []
    if tokens and tokens[0][0] == "}":
        return (), tokens[1:]
    while tokens:
        item, tokens = (
            _list(tokens, type.item) if isinstance(type.item, Array) else (_item(tokens[0], type.item), tokens[1:])
        )
        items.append(item)
        if not tokens or tokens[0][0] not in (",", "}"):
            break
        if tokens[0][0] == "}":
            return (LATER if any(x is LATER or isinstance(x, moments.Far) for x in items) else tuple(items)), tokens[1:]
        tokens = tokens[1:]
    raise ValueError("malformed array literal")


def _item(token: tuple[str, str], type: Type) -> Any:
    kind, text = token
    if kind not in ("quoted", "bare"):
        raise ValueError("malformed array literal")
    if kind == "bare" and text.upper() == "NULL":
        return None
    return parse(re.sub(r"\\(.)", r"\1", text) if kind == "bare" else text, type)


def _label(text: str, type: Enum) -> str:
    if text not in type.labels:
        raise ValueError(text)
    return text


def _moment(read: Callable[[str], Any]) -> Callable[[str], Any]:
    def parse_moment(text: str) -> Any:
        value = read(text)
        return LATER if value is None else value

    return parse_moment


def _real(text: str) -> float:
    value = _float(text)
    if value == value and abs(value) != float("inf") and abs(value) > 3.4028235677973366e38:
        raise OutOfRange(text)
    rounded: float = struct.unpack("f", struct.pack("f", value))[0]
    return rounded


PARSERS: dict[Kind, Callable[[str], Any]] = {
    **dict.fromkeys(INTEGER_RANGES, lambda text: int(text)),
    Kind.TEXT: lambda text: text,
    Kind.BOOLEAN: _boolean,
    Kind.FLOAT32: _real,
    Kind.FLOAT64: _float,
    Kind.BYTES: _bytes,
    Kind.UUID: _uuid,
    Kind.JSON: _json,
    Kind.DATE: _moment(moments.date),
    Kind.TIME: _moment(moments.time),
    Kind.TIMESTAMP: _moment(moments.timestamp),
    Kind.TIMESTAMPTZ: _moment(moments.instant),
    Kind.INTERVAL: _moment(moments.interval),
}
