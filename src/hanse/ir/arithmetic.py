"""The types of arithmetic: what numbers have in common, and what sums and products of exact numbers are.

``bind`` types expressions with these rules and every dialect casts to what they say, so that both mean the same number.
PostgreSQL's numeric has no fixed size; ours has at most 38 digits, so the rules fix precision and scale (as SQL:2016,
6.29, leaves open). What does not fit is an error when it happens, never a wrap or a rounding.
"""

from hanse.ir.types import (
    DECIMAL_DIGITS_MAX,
    FLOAT32,
    FLOAT64,
    FLOATS,
    INT16,
    INT32,
    INT64,
    INTEGER_DIGITS,
    INTEGERS,
    NUMBERS,
    SIGNED,
    Decimal,
    Kind,
    Type,
    decimal,
)

ORDER = (Kind.INT8, Kind.UINT8, Kind.INT16, Kind.UINT16, Kind.INT32, Kind.UINT32, Kind.INT64, Kind.UINT64)
"""Integers by the number of values; a type comes after those that it may not hold."""
SIGNED_FOR: dict[Kind, Type] = {
    Kind.INT8: INT16,
    Kind.UINT8: INT16,
    Kind.INT16: INT16,
    Kind.UINT16: INT32,
    Kind.INT32: INT32,
    Kind.UINT32: INT64,
    Kind.INT64: INT64,
    Kind.UINT64: decimal(20, 0),
}
"""PostgreSQL's number that holds every value of an integer type: that in which arithmetic happens."""


def as_decimal(type: Type) -> Decimal:
    """The exact numeric type that holds every value of an integer or decimal type."""
    return type if isinstance(type, Decimal) else decimal(INTEGER_DIGITS[type.kind], 0)


def wider_integer(left: Type, right: Type) -> Type:
    """The smallest type that holds every value of two integer types; numeric(20,0) for bigint and uint64."""
    if left.kind == right.kind:
        return left
    if (left.kind in SIGNED) == (right.kind in SIGNED):
        return max(left, right, key=lambda x: ORDER.index(x.kind))
    left, right = SIGNED_FOR[left.kind], SIGNED_FOR[right.kind]
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        return decimal(20, 0)
    return max(left, right, key=lambda x: ORDER.index(x.kind))


def covering(left: Decimal, right: Decimal) -> Decimal:
    """The exact type that holds both; beyond 38 digits the places before the point give way (an error at run time)."""
    scale = max(left.scale, right.scale)
    whole = max(left.precision - left.scale, right.precision - right.scale)
    return decimal(min(DECIMAL_DIGITS_MAX, whole + scale), scale)


def comparable(left: Type, right: Type) -> Type:
    """The type in which two numbers are compared or calculated: PostgreSQL's choice of operator, so that real with
    anything but real is double precision (its preferred type)."""
    return _common(left, right, FLOAT64)


def union(left: Type, right: Type) -> Type:
    """The type of CASE, UNION and VALUES over two numbers (manual, section 10.5): real with an exact number is real."""
    return _common(left, right, FLOAT32)


def _common(left: Type, right: Type, mixed: Type) -> Type:
    if left == right:
        return left
    kinds = {left.kind, right.kind}
    if not kinds <= NUMBERS:
        raise ValueError(f"{left} and {right} are not both numbers")
    if Kind.FLOAT64 in kinds:
        return FLOAT64
    if kinds & FLOATS:
        return mixed
    if kinds <= INTEGERS:
        return wider_integer(left, right)
    return covering(as_decimal(left), as_decimal(right))


def result(operator: str, left: Type, right: Type) -> Type:
    """The type of ``left operator right`` for ``+ - * / %`` over numbers; raises ValueError for a product of more than
    38 places after the point. Division of anything but integers is double precision (our one decimal division rule)."""
    common = comparable(left, right)
    if common.kind in INTEGERS:
        common = SIGNED_FOR[common.kind]
    if common.kind in SIGNED or common.kind in FLOATS:
        return common
    if operator == "/":
        return FLOAT64 if Kind.DECIMAL in (left.kind, right.kind) else common
    return _exact(operator, as_decimal(left), as_decimal(right))


def _exact(operator: str, left: Decimal, right: Decimal) -> Decimal:
    scale = max(left.scale, right.scale)
    if operator == "*":
        scale = left.scale + right.scale
        if scale > DECIMAL_DIGITS_MAX:
            raise ValueError(f"{left} * {right} has {scale} places after the point, at most {DECIMAL_DIGITS_MAX} fit")
        return decimal(min(DECIMAL_DIGITS_MAX, left.precision + right.precision), scale)
    if operator == "%":
        return covering(left, right)
    whole = max(left.precision - left.scale, right.precision - right.scale)
    return decimal(min(DECIMAL_DIGITS_MAX, whole + scale + 1), scale)
