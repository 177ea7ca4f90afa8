"""Values as text and as JSON: PostgreSQL's output, and numbers exactly."""

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pytest

from hanse.cli.cells import interval, json_value, text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (True, "true"),
        (b"\x00\xff", "\\x00ff"),
        (Decimal("1E+2"), "100"),
        (Decimal("0.10"), "0.10"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (2.0, "2"),
        (1e300, "1e+300"),
        (dt.date(2026, 1, 2), "2026-01-02"),
        (dt.datetime(2026, 1, 2, 3, 4, 5, 600000), "2026-01-02 03:04:05.6"),
        (dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "2026-01-02 00:00:00+00"),
        (dt.datetime(2026, 1, 2, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=30))), "2026-01-02 00:00:00+05:30"),
        (pa.MonthDayNano([14, 3, 14_706_700_000_000]), "1 year 2 mons 3 days 04:05:06.7"),
        ([1, None, [2]], "{1,NULL,{2}}"),
        (["a b", 'q"', "", "null", "x"], '{"a b","q\\"","","null",x}'),
    ],
)
def test_text(value, expected: str) -> None:
    assert text(value) == expected


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((0, 0, 0), "00:00:00"),
        ((-14, 0, 0), "-1 years -2 mons"),
        ((1, -1, -1), "1 mon -1 days -00:00:00.000001"),
        ((0, 1, 0), "1 day"),
    ],
)
def test_intervals(args: tuple[int, int, int], expected: str) -> None:
    assert interval(*args) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (2**63, 2**63),
        ("é\n", "é\n"),
        (float("nan"), "NaN"),
        ([1, "x", None], [1, "x", None]),
        (b"\x01", "\\x01"),
    ],
)
def test_json(value, expected) -> None:
    assert json.loads(json_value(value)) == expected


def test_a_json_number_keeps_all_digits() -> None:
    assert json_value(Decimal("12345678901234567890.123456789")) == "12345678901234567890.123456789"
