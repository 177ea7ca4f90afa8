"""Exact numbers from their text: vectorised, and value by value where the fast way refuses one, to say which."""

from decimal import Decimal as Number

import pyarrow as pa
import pyarrow.compute as pc

from hanse.ir.types import DECIMAL_DIGITS_MAX, Decimal


def decimals(texts: pa.Array, type: Decimal) -> pa.Array:
    """The numbers that the texts spell; ValueError names the first that is no number of ``type``."""
    target = pa.decimal128(type.precision, type.scale)
    if _is_short(texts, type.scale):
        try:
            return pc.cast(texts, target)
        except pa.ArrowInvalid:
            pass
    return pa.array([None if text is None else fitting(text, type) for text in texts.to_pylist()], target)


def _is_short(texts: pa.Array, scale: int) -> bool:
    """Whether Arrow's cast can be trusted: beyond 38 digits, in the text or once it is scaled, it wraps silently
    ('1.5' and 40 zeros becomes 0.00). The sign and the point count as digits here, to be safe."""
    longest = pc.max(pc.binary_length(texts)).as_py() or 0
    if longest + scale <= DECIMAL_DIGITS_MAX:
        return True
    points = pc.find_substring(texts, ".")
    whole = pc.max(pc.if_else(pc.less(points, 0), pc.binary_length(texts), points)).as_py() or 0
    return bool(longest <= DECIMAL_DIGITS_MAX and whole + scale <= DECIMAL_DIGITS_MAX)


def fitting(text: str, type: Decimal) -> Number:
    """The number, if ``type`` holds it without rounding; ValueError otherwise."""
    sign, digits, exponent = Number(text).as_tuple()
    if not isinstance(exponent, int):
        raise ValueError(f"{text} has no place in {type}")  # noqa: TRY004  # NaN and infinities are texts too
    significant = "".join(map(str, digits)).rstrip("0")
    exponent += len(digits) - len(significant)
    if significant and (-exponent > type.scale or len(significant) + exponent > type.precision - type.scale):
        raise ValueError(f"{text} does not fit {type}")
    return Number((sign, tuple(map(int, significant)), exponent)) if significant else Number(0)
