"""Blocks of the text protocol, written by hand from the manual, cut into columns: every length, NULLs, and long rows."""

from __future__ import annotations

from array import array

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hanse.connectors.mysql.columns import Cutter
from hanse.connectors.mysql.decode import Decoder, Policy
from hanse.connectors.mysql.wire import Block, _frame
from hanse.errors import InvalidValue
from hanse.ir import types as t
from hanse.ir.expr import Column

VALUES = st.one_of(st.none(), st.binary(max_size=30), st.sampled_from([b"x" * n for n in (250, 251, 65_535, 65_536)]))


def encoded(value: bytes | None) -> bytes:
    if value is None:
        return b"\xfb"
    size = len(value)
    if size < 251:
        return bytes([size]) + value
    if size < 2**16:
        return b"\xfc" + size.to_bytes(2, "little") + value
    return b"\xfd" + size.to_bytes(3, "little") + value


def packets(rows: list[list[bytes | None]]) -> bytearray:
    data = bytearray()
    for number, row in enumerate(rows):
        payload = b"".join(map(encoded, row))
        data += len(payload).to_bytes(3, "little") + bytes([number % 256]) + payload
    return data


def block_of(rows: list[list[bytes | None]]) -> Block:
    data, starts = packets(rows), array("q")
    place, whole, state = _frame(data, starts, 0, len(rows) + 1)
    assert (place, whole, state) == (len(data), None, 0)
    return Block(data, starts)


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(VALUES, min_size=width, max_size=width), min_size=1, max_size=12)
    )
)
def test_whatever_is_written_is_read(rows: list[list[bytes | None]]) -> None:
    cutter = Cutter(block_of(rows))
    columns = [cutter.next(pa.binary_view()) for _ in rows[0]]
    for column in columns:
        column.validate(full=True)
    assert [list(row) for row in zip(*(column.to_pylist() for column in columns), strict=True)] == rows


def test_a_part_of_a_row_is_left_for_later() -> None:
    data = packets([[b"one", b"two"], [b"three", None]])
    for end in range(len(data)):
        starts = array("q")
        place, whole, state = _frame(data[:end], starts, 0, 10)
        assert (whole, state) == (None, 0)
        assert place == (12 if end >= 12 else 0)
        assert len(starts) == (end >= 12)


def test_the_end_and_errors_are_told_from_rows() -> None:
    row = packets([[b"x"]])
    for mark, payload in ((0xFE, b"\xfe\0\0\2\0"), (0xFF, b"\xff\x17\x04message")):
        data = row + len(payload).to_bytes(3, "little") + b"\1" + payload
        assert _frame(data, array("q"), 0, 10) == (len(row), None, mark)
    huge = bytearray(b"\x09\0\0\0" + b"\xfe" + (0).to_bytes(8, "little"))
    assert _frame(huge, array("q"), 0, 10) == (13, None, 0)


def decoded(type: t.Type, *texts: str | None, **options: str) -> list[object]:
    rows: list[list[bytes | None]] = [[None if text is None else text.encode()] for text in texts]
    column = Column(1, "v", type)
    batch = Decoder((column,), (), Policy("crm", **options)).decode(block_of(rows))
    return list(batch.column(0).to_pylist())


@pytest.mark.parametrize(
    ("type", "text"),
    [
        (t.INT8, "128"), (t.UINT8, "-1"), (t.INT32, "1.0"), (t.INT64, "9223372036854775808"), (t.decimal(5, 2), "1.234"),
        (t.decimal(5, 2), "1000.00"), (t.DATE, "2021-02-30"), (t.DATE, "0000-01-01"), (t.TIME, "24:00:00"),
        (t.TIMESTAMP, "2021-02-30 00:00:00"), (t.NULL, "x"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_an_error(type: t.Type, text: str) -> None:
    with pytest.raises(InvalidValue, match="column v") as failure:
        decoded(type, None, text)
    assert failure.value.source == "crm"


def test_other_invalid_dates_stay_errors_where_zeros_are_null() -> None:
    assert decoded(t.DATE, "0000-00-00", "2020-01-31", None, zero_dates="null")[0] is None
    with pytest.raises(InvalidValue):
        decoded(t.DATE, "0000-00-00", "2021-02-30", zero_dates="null")
