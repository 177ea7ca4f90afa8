"""Every value survives JSON, whatever it is, and JSON is what any reader makes of it."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.ir import types as t
from hanse.server.http import jsonrows
from hanse.spi.arrow import carrier

FINITE = st.floats(allow_nan=False, allow_infinity=False)
MANY = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1))


def back(values: list[Any], type: t.Type) -> list[Any]:
    batch = pa.record_batch([pa.array(values, carrier(type))], names=["a"])
    text = jsonrows.rows(batch, (type,), "UTC").to_pylist()
    return [json.loads(row)[0] for row in text]


@given(MANY)
def test_integers(values: list[int | None]) -> None:
    found = back(values, t.INT64)
    assert [None if one is None else int(one) for one in found] == values
    assert all(isinstance(one, str) == (abs(value or 0) > 2**53 - 1) for one, value in zip(found, values, strict=True))


@given(st.lists(st.none() | st.integers(0, 2**64 - 1)))
def test_unsigned_integers(values: list[int | None]) -> None:
    assert [None if one is None else int(one) for one in back(values, t.UINT64)] == values


@given(st.lists(st.none() | st.floats()))
def test_floats(values: list[float | None]) -> None:
    for found, value in zip(back(values, t.FLOAT64), values, strict=True):
        if value is None or not math.isfinite(value):
            assert found == (
                None if value is None else {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
            )
        else:
            assert (float(found), math.copysign(1, found)) == (value, math.copysign(1, value))


@given(st.lists(st.none() | st.floats(width=32)))
def test_reals(values: list[float | None]) -> None:
    carried = pa.array(values, pa.float32())
    found = [None if one is None else float(one) for one in back(values, t.FLOAT32)]
    assert str(pa.array(found, pa.float32()).to_pylist()) == str(carried.to_pylist())


@given(
    st.lists(
        st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=5, min_value=-(10**20), max_value=10**20)
    )
)
def test_decimals(values: list[Decimal | None]) -> None:
    found = back(values, t.decimal(38, 5))
    assert [None if one is None else Decimal(one) for one in found] == values
    assert all(one is None or one.partition(".")[2] == one[-5:] for one in found)


@given(st.lists(st.none() | st.text()))
def test_texts(values: list[str | None]) -> None:
    assert back(values, t.TEXT) == values


@given(st.lists(st.none() | st.binary()))
def test_bytes(values: list[bytes | None]) -> None:
    assert [None if one is None else bytes.fromhex(one.removeprefix("\\x")) for one in back(values, t.BYTES)] == values


@given(st.lists(st.none() | st.lists(st.none() | st.lists(st.none() | st.text(max_size=3), max_size=3), max_size=3)))
def test_arrays(values: list[Any]) -> None:
    type = t.array(t.array(t.TEXT))
    assert back(values, type) == values
    sliced = pa.array(values, carrier(type))[1:]
    assert [json.loads(one) for one in jsonrows.column(sliced, type, "UTC").to_pylist()] == values[1:]


@pytest.mark.parametrize(
    ("value", "type", "found"),
    [
        (-719_528 * 86_400_000_000, t.TIMESTAMP, "0001-01-01T00:00:00 BC"),
        (253_402_300_800_000_000, t.TIMESTAMPTZ, "10000-01-01T00:00:00+00:00"),
        (1, t.TIMESTAMPTZ, "1970-01-01T00:00:00.000001+00:00"),
    ],
)
def test_moments_far_away(value: int, type: t.Type, found: str) -> None:
    array = pa.array([value], pa.int64()).view(carrier(type))
    assert json.loads(jsonrows.column(array, type, "UTC")[0].as_py()) == found


def test_rows_without_columns() -> None:
    batch = pa.RecordBatch.from_struct_array(pa.array([{}, {}], pa.struct([])))
    assert jsonrows.rows(batch, (), "UTC").to_pylist() == ["[]", "[]"]
