"""Arrow batches as DataRow messages: every kind in both formats, NULLs, slices, and pieces of a size."""

from __future__ import annotations

import decimal
import struct

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hanse.errors import InvalidValue
from hanse.ir import types as t
from hanse.server.pgwire import oids
from hanse.server.pgwire.binaries import binaries, numeric
from hanse.server.pgwire.rows import CHUNK_BYTES, FEW, Layout, _encoded, data_rows
from hanse.server.pgwire.texts import texts
from hanse.server.pgwire.values import value
from hanse.spi.arrow import carrier
from tests.unit.server.machine import cut, rows

D = decimal.Decimal


def shown(type: t.Type, *values, zone: str = "UTC") -> list[str | None]:
    """The texts of values."""
    found = texts(pa.array(values, carrier(type)), type, zone).to_pylist()
    return [None if one is None else one.decode() for one in found]


@pytest.mark.parametrize(
    ("type", "values", "expected"),
    [
        (t.BOOLEAN, [True, False, None], ["t", "f", None]),
        (t.UINT64, [2**64 - 1], ["18446744073709551615"]),
        (t.decimal(20, 8), [D("0.00000001"), D("-1.5"), None], ["0.00000001", "-1.50000000", None]),
        (
            t.FLOAT64,
            [1.0, 1e-5, 1e-4, 1e15, 123456789012345.0, -0.0],
            ["1", "1e-05", "0.0001", "1e+15", "123456789012345", "-0"],
        ),
        (t.FLOAT64, [float("nan"), float("-inf"), None], ["NaN", "-Infinity", None]),
        (t.FLOAT32, [1e6, 123456.0, 1.1, 1e-5], ["1e+06", "123456", "1.1", "1e-05"]),
        (t.BYTES, [b"ab", None, b"\0\xff", b""], ["\\x6162", None, "\\x00ff", "\\x"]),
        (t.DATE, [0, -719_163, 2_932_897, None], ["1970-01-01", "0001-12-31 BC", "10000-01-01", None]),
        (t.TIME, [0, 1_500_000, None], ["00:00:00", "00:00:01.5", None]),
        (
            t.TIMESTAMP,
            [0, 10_000_000, 1_000_001, None],
            ["1970-01-01 00:00:00", "1970-01-01 00:00:10", "1970-01-01 00:00:01.000001", None],
        ),
        (t.TIMESTAMPTZ, [-62_135_683_200_000_000], ["0001-12-31 00:00:00+00 BC"]),
        (t.INTERVAL, [pa.MonthDayNano((14, -3, 1_500_000_000)), None], ["1 year 2 mons -3 days +00:00:01.5", None]),
        (t.array(t.BOOLEAN), [[True, None], [], None], ["{t,NULL}", "{}", None]),
        (t.array(t.FLOAT64), [[1.0, 1e15]], ["{1,1e+15}"]),
        (t.array(t.array(t.INT32)), [[[1, 2], [3, 4]]], ["{{1,2},{3,4}}"]),
        (t.NULL, [None], [None]),
    ],
    ids=str,
)
def test_text(type: t.Type, values: list[object], expected: list[str | None]) -> None:
    assert shown(type, *values) == expected


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Europe/Berlin", ["2026-07-01 02:00:00+02", "2026-01-01 01:00:00.5+01"]),
        ("Asia/Kolkata", ["2026-07-01 05:30:00+05:30", "2026-01-01 05:30:00.5+05:30"]),
        ("America/St_Johns", ["2026-06-30 21:30:00-02:30", "2025-12-31 20:30:00.5-03:30"]),
    ],
)
def test_moments_in_a_zone(zone: str, expected: list[str]) -> None:
    assert shown(t.TIMESTAMPTZ, 1_782_864_000_000_000, 1_767_225_600_500_000, zone=zone) == expected


KINDS = st.sampled_from(
    [
        (t.INT16, st.integers(-(2**15), 2**15 - 1)),
        (t.INT64, st.integers(-(2**63), 2**63 - 1)),
        (t.FLOAT64, st.floats(allow_nan=False)),
        (t.TEXT, st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=9)),
        (t.BYTES, st.binary(max_size=9)),
        (t.BOOLEAN, st.booleans()),
        (t.DATE, st.dates()),
        (t.TIME, st.times()),
        (t.TIMESTAMP, st.datetimes()),
        (t.UUID, st.uuids().map(str)),
        (t.array(t.INT32), st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=4).map(tuple)),
        (t.array(t.TEXT), st.lists(st.none() | st.text('ab"\\{},. é', max_size=4), max_size=4).map(tuple)),
    ]
)


@given(st.data(), KINDS, st.sampled_from([0, 1]), st.integers(0, 2))
@settings(max_examples=200, deadline=None)
def test_what_is_sent_is_read_back(data, kind, format: int, offset: int) -> None:
    type, one = kind
    given = data.draw(st.lists(st.none() | one, max_size=6))
    whole = pa.array([None if x is None else list(x) if isinstance(x, tuple) else x for x in given], carrier(type))
    array = whole.slice(offset)
    sent = (binaries(array, type) if format else texts(array, type, "UTC")).to_pylist()
    oid = oids.of_type(type)
    back = [None if x is None else value(x, format, oid, "UTC").value for x in sent]
    assert back == given[offset:]


@given(st.lists(st.none() | st.decimals(-(10**20), 10**20, allow_nan=False, places=5), max_size=5), st.integers(0, 2))
@settings(max_examples=150, deadline=None)
def test_numerics_are_read_back(given: list[decimal.Decimal | None], offset: int) -> None:
    type = t.decimal(38, 5)
    array = pa.array(given, carrier(type)).slice(offset)
    for format, sent in ((0, texts(array, type, "UTC")), (1, binaries(array, type))):
        back = [value(x, format, oids.NUMERIC, "UTC") if x is not None else None for x in sent.to_pylist()]
        assert back == given[offset:]


@pytest.mark.parametrize("text", ["0", "0.00", "-0.001", "10000", "12345678901234567890.123", "1E+5", "0.00001"])
def test_one_numeric(text: str) -> None:
    assert value(numeric(D(text)), 1, oids.NUMERIC, "UTC") == D(text)


def test_unsigned_integers_are_wider() -> None:
    for type, size in ((t.UINT8, 2), (t.INT8, 2), (t.UINT16, 4), (t.UINT32, 8)):
        (sent,) = binaries(pa.array([100], carrier(type)), type).to_pylist()
        assert int.from_bytes(sent) == 100
        assert len(sent) == size == oids.SIZES[oids.of_type(type)]
    for large in (2**64 - 1, 5):
        (sent,) = binaries(pa.array([large], pa.uint64()), t.UINT64).to_pylist()
        assert value(sent, 1, oids.NUMERIC, "UTC") == large


@given(st.data(), st.lists(st.tuples(KINDS, st.sampled_from([0, 1])), min_size=1, max_size=4), st.integers(1, 8))
@settings(max_examples=100, deadline=None)
def test_few_rows_are_sent_as_many_are(data, columns, count: int) -> None:
    arrays = []
    for (type, one), _ in columns:
        given = data.draw(st.lists(st.none() | one, min_size=count, max_size=count))
        arrays.append(pa.array([list(x) if isinstance(x, tuple) else x for x in given], carrier(type)))
    batch = pa.record_batch(arrays, [str(place) for place in range(len(arrays))])
    layout = Layout(tuple(kind for (kind, _), _ in columns), tuple(format for _, format in columns))
    many = bytes(_encoded(batch, layout, ord("D")))
    assert count <= FEW
    assert b"".join(data_rows(batch, layout)) == many


def test_rows_are_messages_whatever_their_columns_are() -> None:
    batch = pa.record_batch({"a": [1, 2, None], "b": ["x", None, ""], "c": [1.5, 2.5, 3.5]})
    types = (t.INT64, t.TEXT, t.FLOAT64)
    sent = b"".join(data_rows(batch, Layout(types, (0, 0, 0))))
    assert rows(cut(sent)) == [("1", "x", "1.5"), ("2", None, "2.5"), (None, "", "3.5")]
    first = bytes(b"".join(data_rows(batch.slice(0, 1), Layout(types, (1, 0, 1)))))
    body = struct.pack(">hiqi1sid", 3, 8, 1, 1, b"x", 8, 1.5)
    assert first == b"D" + struct.pack(">i", len(body) + 4) + body


def test_many_rows_come_in_pieces() -> None:
    batch = pa.record_batch({"a": ["x" * 1000] * 5000})
    pieces = list(data_rows(batch, Layout((t.TEXT,), (0,))))
    assert len(pieces) >= 5
    assert max(map(len, pieces)) < 2 * CHUNK_BYTES
    assert len(cut(b"".join(pieces))) == 5000
    assert list(data_rows(batch.slice(0, 0), Layout((t.TEXT,), (0,)))) == []


def test_an_array_that_is_no_rectangle_has_no_binary_form() -> None:
    type = t.array(t.array(t.INT32))
    with pytest.raises(InvalidValue, match="differ in length"):
        binaries(pa.array([[[1], [2, 3]]], carrier(type)), type)
    assert shown(type, [[1], [2, 3]]) == ["{{1},{2,3}}"]
