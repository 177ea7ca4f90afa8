"""Answers of different engines, made comparable: numbers to nine digits, rows in one order."""

import hashlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

DIGITS = 9


def digest(rows: Iterable[Sequence[Any]]) -> str:
    """A short hash; equal for equal answers, however an engine types numbers and orders equal keys."""
    spelled = sorted("|".join(_spelled(value) for value in row) for row in rows)
    return hashlib.sha256("\n".join(spelled).encode()).hexdigest()[:10]


def _spelled(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float | Decimal):
        return f"{float(value):.{DIGITS}g}"
    return str(value).rstrip()
