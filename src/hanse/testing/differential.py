"""Compare answers that must be equal: pushdown on and off, two spreads of the same tables, an engine and its reference.

In go two ``Answer`` values, out comes None or one sentence that names the first difference. Exact values are compared
exactly. A column that is declared approximate (a sum, an average or a deviation of floats, whose last digits depend on
the order of the rows) may differ by a relative ``TOLERANCE``. Rows are compared as a multiset unless they are ordered.
"""

import datetime as dt
import decimal
import json
import math
import struct
import traceback
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from hanse.engine import Engine
from hanse.errors import HanseError
from hanse.ir.types import Kind

TOLERANCE = 1e-9
"""The relative error that an approximate column may have."""
ABSOLUTE = 1e-9
"""What two approximate values may differ by near zero, where a relative error says nothing."""
SHOWN = 3
"""Rows shown from each side of a difference."""

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows with their columns' kinds, or the SQLSTATE and message of the error that came instead."""

    rows: list[Row] = field(default_factory=list)
    kinds: tuple[Kind | None, ...] = ()
    error: str | None = None
    message: str = ""


def answer(engine: Engine, sql: str, params: Sequence[Any] | None = None, **settings: Any) -> Answer:
    """What the engine answers, with the errors that a user may see as part of the answer."""
    try:
        with engine.query(sql, params, settings) as result:
            rows = result.fetchall()
            return Answer(rows, tuple(column.type.kind for column in result.columns))
    except HanseError as failure:
        return Answer(error=failure.code, message=str(failure))
    except Exception as bug:  # noqa: BLE001 - whatever else escapes is a bug, and a difference
        return Answer(error="XX000", message="".join(traceback.format_exception(bug)[-3:]))


def difference(
    expected: Answer, found: Answer, *, ordered: bool = False, approximate: Iterable[int] = ()
) -> str | None:
    """The first difference in words, or None. An error equals an error of the same SQLSTATE class."""
    if expected.error or found.error:
        return _error_difference(expected, found)
    left = _prepared(expected, expected.kinds)
    right = _prepared(found, expected.kinds)
    if {len(row) for row in left} | {len(row) for row in right} > {len(found.kinds)} and left and right:
        return f"rows have {len(left[0])} columns, not {len(right[0])}"
    loose = frozenset(approximate)
    problem = _in_order(left, right, loose) if ordered else _as_multisets(left, right, loose)
    return problem and f"{problem}\n{_excerpt(left, right)}"


def _error_difference(expected: Answer, found: Answer) -> str | None:
    if expected.error and found.error and expected.error[:2] == found.error[:2]:
        return None
    return f"expected {_outcome(expected)}, found {_outcome(found)}"


def _outcome(one: Answer) -> str:
    return one.message or f"error {one.error}" if one.error else f"{len(one.rows)} rows"


def _prepared(one: Answer, kinds: Sequence[Kind | None]) -> list[Row]:
    kinds = [*kinds, *[None] * (len(one.rows[0]) - len(kinds) if one.rows else 0)]
    return [tuple(plain(value, kind) for value, kind in zip(row, kinds, strict=False)) for row in one.rows]


def plain(value: Any, kind: Kind | None = None) -> Any:
    """The value in the one form in which it is compared: equal values have equal forms, whatever driver read them."""
    match value:
        case None:
            return None
        case bool():
            return ("boolean", value)
        case int():
            return _exact(decimal.Decimal(value))
        case decimal.Decimal():
            return value if value.is_nan() else _exact(value)
        case float():
            return _float(value, kind)
        case str() if kind is Kind.JSON:
            return ("json", _json_text(value))
        case dt.datetime():
            return ("instant", value.astimezone(dt.UTC).replace(tzinfo=None)) if value.tzinfo else value
        case bytes() | bytearray() | memoryview():
            return bytes(value)
        case uuid.UUID():
            return str(value)
        case list():
            return tuple(plain(item) for item in value)
        case pa.MonthDayNano():
            return ("interval", value.months, value.days, value.nanoseconds)
        case _:
            return value


def _exact(value: decimal.Decimal) -> decimal.Decimal:
    """The number without the zeros at its end: 1.50 is 1.5, exactly, at any precision."""
    sign, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int) or not any(digits):
        return decimal.Decimal(0) if value == 0 else value
    text = "".join(map(str, digits))
    stripped = text.rstrip("0")
    return decimal.Decimal((sign, tuple(map(int, stripped)), exponent + len(text) - len(stripped)))


def _float(value: float, kind: Kind | None) -> float:
    """A float whose zero has no sign; as a real if that is its type, for drivers print a real's digits differently."""
    if kind is Kind.FLOAT32 and math.isfinite(value):
        value = struct.unpack("f", struct.pack("f", value))[0]
    return value + 0.0 if value else 0.0


def _json_text(text: str) -> str:
    """The JSON value without its spaces; numbers keep their digits."""
    parsed = json.loads(text, parse_float=decimal.Decimal, parse_int=decimal.Decimal)
    return json.dumps(parsed, default=str, ensure_ascii=False)


def close(left: Any, right: Any) -> bool:
    """Whether two values of an approximate column are equal but for their last digits."""
    if not isinstance(left, float | decimal.Decimal) or not isinstance(right, float | decimal.Decimal):
        return same(left, right)
    one, two = float(left), float(right)
    if math.isnan(one) or math.isnan(two):
        return math.isnan(one) and math.isnan(two)
    return math.isclose(one, two, rel_tol=TOLERANCE, abs_tol=ABSOLUTE)


def same(left: Any, right: Any) -> bool:
    """Whether two exact values are equal; NaN equals itself, a float never equals a number of another type."""
    if isinstance(left, float) != isinstance(right, float):
        return False
    return bool(left == right) or repr(left) == repr(right)


def _rows_match(left: Row, right: Row, loose: frozenset[int]) -> bool:
    return len(left) == len(right) and all(
        close(one, two) if i in loose else same(one, two) for i, (one, two) in enumerate(zip(left, right, strict=True))
    )


def _in_order(left: list[Row], right: list[Row], loose: frozenset[int]) -> str | None:
    if len(left) != len(right):
        return f"{len(left)} rows expected, {len(right)} found"
    wrong = [i for i, (one, two) in enumerate(zip(left, right, strict=True)) if not _rows_match(one, two, loose)]
    return f"row {wrong[0]} of {len(left)} differs ({len(wrong)} do)" if wrong else None


def _as_multisets(left: list[Row], right: list[Row], loose: frozenset[int]) -> str | None:
    if len(left) != len(right):
        return f"{len(left)} rows expected, {len(right)} found"
    ours, theirs = _groups(left, loose), _groups(right, loose)
    for key, rows in ours.items():
        problem = _unmatched(rows, theirs.get(key, []), loose)
        if problem:
            return problem
    return None


def _groups(rows: list[Row], loose: frozenset[int]) -> Mapping[str, list[Row]]:
    """The rows by their exact columns."""
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[repr([value for i, value in enumerate(row) if i not in loose])].append(row)
    return groups


def _unmatched(left: list[Row], right: list[Row], loose: frozenset[int]) -> str | None:
    if not loose and len(left) == len(right):
        return None  # equal in all columns, or they would not be in one group
    rest = list(right)
    for row in left:
        partner = next((i for i, other in enumerate(rest) if not loose or _rows_match(row, other, loose)), None)
        if partner is None:
            return f"expected row {row!r} was not found"
        rest.pop(partner)
    return f"row {rest[0]!r} was not expected" if rest else None


def _excerpt(left: list[Row], right: list[Row]) -> str:
    """Rows that only one side has."""
    ours, theirs = {repr(row) for row in left}, {repr(row) for row in right}
    lost = [f"  expected {row}" for row in sorted(ours - theirs)[:SHOWN]]
    extra = [f"  found    {row}" for row in sorted(theirs - ours)[:SHOWN]]
    return "\n".join(lost + extra)
