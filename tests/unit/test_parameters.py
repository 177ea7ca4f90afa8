"""Parameters: order, types, and what cannot be one."""

import datetime as dt
import uuid
from decimal import Decimal

import pytest

from hanse.errors import UserError
from hanse.ir import types as t
from hanse.ir.expr import Interval
from hanse.parameters import carried, literal, ordered, type_of


def test_numbered_and_named_values_are_put_in_order() -> None:
    assert ordered([5, "x"], ("1", "2")) == (5, "x")
    assert ordered({"b": 2, "a": 1, "more": 3}, ("a", "b")) == (1, 2)
    assert ordered(None, ()) == ()


@pytest.mark.parametrize(
    ("given", "names", "message"),
    [
        ([1], (), "has 0 parameters, 1 values"),
        (None, ("1",), "has 1 parameters, 0 values"),
        ({"a": 1}, ("b",), "no value given for parameter :b"),
        ([1], ("a",), "named parameters need a mapping"),
    ],
)
def test_values_that_do_not_match_are_refused(given, names, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        ordered(given, names)
    assert caught.value.code == "07001"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, t.NULL),
        ("x", t.NULL),
        (True, t.BOOLEAN),
        (2**31 - 1, t.INT32),
        (2**31, t.INT64),
        (2**63, t.decimal(19, 0)),
        (Decimal("1.50"), t.decimal(3, 2)),
        (Decimal("0.001"), t.decimal(3, 3)),
        (Decimal("1E+3"), t.decimal(4, 0)),
        (1.5, t.FLOAT64),
        (b"x", t.BYTES),
        (dt.date(2026, 1, 1), t.DATE),
        (dt.datetime(2026, 1, 1), t.TIMESTAMP),
        (dt.datetime(2026, 1, 1, tzinfo=dt.UTC), t.TIMESTAMPTZ),
        (dt.time(1), t.TIME),
        (dt.timedelta(days=1), t.INTERVAL),
        (uuid.UUID(int=1), t.UUID),
        ([1, None, 2], t.array(t.INT32)),
        (["a"], t.array(t.TEXT)),
        ([1, 2**40], t.array(t.INT64)),
    ],
)
def test_a_value_has_the_type_that_holds_it(value, expected: t.Type) -> None:
    assert type_of(value) == expected


@pytest.mark.parametrize("value", [object(), {1: 2}, Decimal("NaN"), 10**39, Decimal(1).scaleb(-39), [1, "x"]])
def test_what_no_type_holds_is_refused(value) -> None:
    with pytest.raises(UserError):
        type_of(value)


def test_values_are_carried_as_literals_carry_them() -> None:
    cet = dt.timezone(dt.timedelta(hours=1))
    assert carried(dt.datetime(2026, 1, 1, 1, tzinfo=cet)) == dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    assert carried(dt.timedelta(days=-1, seconds=5)) == Interval(0, -1, 5_000_000)
    assert carried(uuid.UUID(int=1)) == "00000000-0000-0000-0000-000000000001"
    assert carried([1, [2]]) == (1, (2,))
    assert literal("x").type == t.TEXT
