"""Texts of numbers become exactly these numbers, or an error."""

from __future__ import annotations

from decimal import Decimal as Number
from fractions import Fraction

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hanse.connectors.shared.exact import decimals
from hanse.ir.types import decimal


@st.composite
def texts(draw: st.DrawFn) -> str:
    sign = draw(st.sampled_from(["", "-"]))
    whole = draw(st.integers(0, 10 ** draw(st.integers(0, 45))))
    places = draw(st.integers(0, 45))
    digits = str(draw(st.integers(0, 10**places - 1))).zfill(places) if places else ""
    zeros = "0" * draw(st.sampled_from([0, 0, 5, 40]))
    fraction = digits + zeros
    return f"{sign}{whole}" + (f".{fraction}" if fraction else "")


@given(texts(), st.integers(1, 38), st.integers(0, 38))
@example("9" * 38 + "0", 38, 0)
@example("1.5" + "0" * 40, 38, 2)
@example("9" * 37 + ".55", 38, 2)
@example("3" * 30, 38, 18)
def test_exact_or_refused(text: str, precision: int, scale: int) -> None:
    type = decimal(precision, min(scale, precision))
    value = Fraction(text)
    scaled = abs(value) * 10**type.scale
    fits = scaled.denominator == 1 and scaled < 10**type.precision
    array = pa.array([None, text])
    if fits:
        assert decimals(array, type).to_pylist() == [None, Number(text)]
    else:
        with pytest.raises(ValueError):
            decimals(array, type)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=text):
        decimals(pa.array(["1.5", text]), decimal(10, 2))


def test_the_message_names_the_value() -> None:
    with pytest.raises(ValueError, match=r"1\.239 does not fit numeric\(5,2\)"):
        decimals(pa.array(["1.23", "1.239"]), decimal(5, 2))


def test_nothing_and_nulls() -> None:
    assert decimals(pa.array([], pa.string()), decimal(5, 2)).to_pylist() == []
    assert decimals(pa.array([None], pa.string()), decimal(5, 2)).to_pylist() == [None]
