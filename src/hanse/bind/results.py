"""Result types that depend on the arguments: the digits of an exact number, the field of a timestamp."""

from collections.abc import Callable

from hanse.errors import Unsupported
from hanse.ir import arithmetic
from hanse.ir.expr import Expr, Literal
from hanse.ir.types import DECIMAL_DIGITS_MAX, Type, decimal

WHOLE_FIELDS = frozenset(
    {
        *("century", "day", "decade", "dow", "doy", "hour", "isodow", "isoyear", "millennium", "minute", "month"),
        *("quarter", "timezone", "timezone_hour", "timezone_minute", "week", "year"),
    }
)

FRACTIONAL_FIELDS = frozenset({"second", "epoch", "milliseconds", "microseconds", "julian"})
FIELDS = {
    **{name: name for name in WHOLE_FIELDS | FRACTIONAL_FIELDS},
    **{f"{name}s": name for name in ("year", "month", "day", "hour", "minute", "second", "week", "decade", "quarter")},
    "centuries": "century",
    "millennia": "millennium",
    "millisecond": "milliseconds",
    "microsecond": "microseconds",
    "msec": "milliseconds",
    "usec": "microseconds",
    "min": "minute",
    "mins": "minute",
    "sec": "second",
    "secs": "second",
    "hr": "hour",
    "hrs": "hour",
    "h": "hour",
    "d": "day",
    "y": "year",
    "yr": "year",
    "yrs": "year",
    "mon": "month",
    "mons": "month",
}
"""Spellings of the fields of EXTRACT, date_part and date_trunc."""

Rule = Callable[[tuple[Expr, ...], int | None], Type]


def whole(args: tuple[Expr, ...], _: int | None) -> Type:
    """ceil, floor, round to no places: one digit more before the point, none after it."""
    number = arithmetic.as_decimal(args[0].type)
    return decimal(min(DECIMAL_DIGITS_MAX, number.precision - number.scale + 1), 0)


def truncated(args: tuple[Expr, ...], _: int | None) -> Type:
    """trunc: no digits after the point."""
    number = arithmetic.as_decimal(args[0].type)
    return decimal(max(1, number.precision - number.scale), 0)


def rounded(args: tuple[Expr, ...], _: int | None) -> Type:
    """Round and trunc to n places: n constant gives that scale, otherwise the scale stays as it is."""
    number = arithmetic.as_decimal(args[0].type)
    places = args[1]
    scale = number.scale
    if isinstance(places, Literal) and places.value is not None:
        scale = max(0, min(scale, places.value))
    return decimal(min(DECIMAL_DIGITS_MAX, number.precision - number.scale + 1 + scale), scale)


def quotient(args: tuple[Expr, ...], _: int | None) -> Type:
    """div: the whole part of a quotient, which may have as many digits as dividend and divisor's scale."""
    left, right = (arithmetic.as_decimal(arg.type) for arg in args)
    return decimal(min(DECIMAL_DIGITS_MAX, left.precision - left.scale + right.scale + 1), 0)


def same(args: tuple[Expr, ...], _: int | None) -> Type:
    """The type of the first argument."""
    return args[0].type


def field(args: tuple[Expr, ...], position: int | None) -> Type:
    """EXTRACT: numeric, whole or with six places after the point by the field, which is a constant."""
    name = field_name(args[0], position)
    return decimal(20, 6) if name in FRACTIONAL_FIELDS else decimal(10, 0)


def field_name(arg: Expr, position: int | None) -> str:
    """The canonical name of a field argument; Unsupported if it is not a constant or unknown."""
    text = arg.value if isinstance(arg, Literal) else None
    if not isinstance(text, str):
        raise Unsupported(
            "the field of a date must be a constant", position=position, hint="write EXTRACT(year FROM ...)"
        )
    name = FIELDS.get(text.lower())
    if name is None:
        raise Unsupported(f'unit "{text}" is not recognized', sqlstate="22023", position=position)
    return name


RULES: dict[str, Rule] = {
    "whole": whole,
    "truncated": truncated,
    "rounded": rounded,
    "quotient": quotient,
    "same": same,
    "field": field,
}
