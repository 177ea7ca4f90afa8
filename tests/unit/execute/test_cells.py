"""Values as text and as JSON: PostgreSQL's output, and numbers exactly."""

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pytest

from hanse.cli.output import distinct
from hanse.execute.cells import interval, json_value, shown, text, values


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
        (dt.time(1, 2, 3, 400000), "01:02:03.4"),
        (
            dt.datetime(1800, 1, 2, tzinfo=dt.timezone(dt.timedelta(minutes=53, seconds=28))),
            "1800-01-02 00:00:00+00:53:28",
        ),
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
        ((-10, -3, 14_706_700_000), "-10 mons -3 days +04:05:06.7"),
        ((-2, 1, 3_600_000_000), "-2 mons +1 day 01:00:00"),
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


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (6_585_381, "20000-02-29"),
        (-719_528, "0001-01-01 BC"),
        (-719_163, "0001-12-31 BC"),
        (-735_160, "0044-03-15 BC"),
        (2_932_897, "10000-01-01"),
    ],
)
def test_days_beyond_python_s(days: int, expected: str) -> None:
    assert values(pa.array([days, None], pa.int32()).cast(pa.date32())) == [expected, None]


def test_every_day_that_python_has_is_the_same_day() -> None:
    days = [*range(-719_162, 2_932_896, 997), -719_162, 2_932_896]
    column = pa.array([*days, 2_932_897], pa.int32()).cast(
        pa.date32()
    )  # the last one is beyond, so all go the long way
    assert values(column)[:-1] == [(dt.date(1970, 1, 1) + dt.timedelta(day)).isoformat() for day in days]


def test_moments_are_in_the_zone_and_beyond_python_in_utc() -> None:
    moments = pa.array([1_767_225_600_000_000, None], pa.timestamp("us", tz="UTC"))
    assert [text(value) for value in values(moments, "Asia/Kolkata")] == ["2026-01-01 05:30:00+05:30", ""]
    far = pa.array([253_402_300_800_500_000], pa.timestamp("us", tz="UTC"))
    assert values(far, "Asia/Kolkata") == ["10000-01-01 00:00:00.5+00"]
    assert values(pa.array([[far[0].value]], pa.list_(pa.timestamp("us")))) == [["10000-01-01 00:00:00.5"]]


def test_a_real_is_its_shortest_name() -> None:
    assert values(pa.array([0.1, None, float("nan")], pa.float32()))[:2] == [0.1, None]
    assert text(values(pa.array([16777216.0], pa.float32()))[0]) == "16777216"


def test_a_terminal_is_sent_nothing_to_obey() -> None:
    assert shown("a\tb\x1b[31m\x9b\n") == r"a\tb\x1B[31m\x9B\n"
    assert (shown(None), shown("")) == ("NULL", "")


def test_repeated_names_get_numbers() -> None:
    assert distinct(["a", "b", "a", "a_2", "a"]) == ["a", "b", "a_3", "a_2", "a_4"]
