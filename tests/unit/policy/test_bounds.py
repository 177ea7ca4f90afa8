"""Which conditions bound a column, and by how much: everything doubtful bounds nothing."""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal

import pytest

from hanse.ir import expr as e
from hanse.ir.types import BOOLEAN, DATE, FLOAT64, INT32, INT64, INTERVAL, TEXT, TIMESTAMP, TIMESTAMPTZ, array, decimal
from hanse.policy.bounds import Bounds, bounds
from hanse.policy.constants import GIVEN, OPEN, Case, constant

DAY, TIME, WHOLE, REAL, WORD, FLAG = (e.Ref(type, 1, "c") for type in (DATE, TIMESTAMP, INT32, FLOAT64, TEXT, BOOLEAN))
OTHER = e.Ref(DATE, 2, "other")
JUNE, JULY = dt.date(2026, 6, 1), dt.date(2026, 7, 1)


def lit(value: object, type=DATE) -> e.Literal:
    return e.Literal(type, value)


def call(name: str, *args: e.Expr, type=BOOLEAN) -> e.Call:
    return e.Call(type, name, args)


def after(value: object = JUNE, column: e.Expr = DAY, type=DATE) -> e.Call:
    return call(">=", column, lit(value, type))


def before(value: object = JULY, column: e.Expr = DAY, type=DATE) -> e.Call:
    return call("<", column, lit(value, type))


def found(*tests: e.Expr, values: tuple[e.Literal, ...] = ()) -> Bounds:
    return bounds(tests, 1, Case(values, dt.datetime(2026, 6, 1, tzinfo=dt.UTC), "Europe/Berlin"))


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (after(), Bounds(JUNE, OPEN)),
        (call("<=", lit(JUNE), DAY), Bounds(JUNE, OPEN)),
        (before(), Bounds(OPEN, JULY)),
        (call("=", DAY, lit(JUNE)), Bounds(JUNE, JUNE)),
        (call("is_not_distinct", DAY, lit(JUNE)), Bounds(JUNE, JUNE)),
        (call("and", after(), before()), Bounds(JUNE, JULY)),
        (call("or", call("=", DAY, lit(JUNE)), call("=", DAY, lit(JULY))), Bounds(JUNE, JULY)),
        (e.InList(BOOLEAN, DAY, (lit(JULY), lit(JUNE), lit(None))), Bounds(JUNE, JULY)),
        (call("any_array_=", WHOLE, call("array", lit(3, INT32), lit(1, INT32), type=array(INT32))), Bounds(1, 3)),
        (FLAG, Bounds(GIVEN, GIVEN)),
        (call("not", FLAG), Bounds(GIVEN, GIVEN)),
        (call("=", DAY, lit(None)), Bounds(empty=True)),
        (lit(False, BOOLEAN), Bounds(empty=True)),
        (call(">=", e.Cast(TIMESTAMP, DAY), lit(dt.datetime(2026, 6, 1), TIMESTAMP)), Bounds(dt.datetime(2026, 6, 1))),
        (call(">", e.Cast(INT64, WHOLE), lit(2**40, INT64)), Bounds(2**40)),
        (
            call(">=", DAY, call("-", lit(JULY), lit(30, INT32), type=DATE)),
            Bounds(dt.date(2026, 6, 1)),
        ),
        (
            call(
                ">=",
                TIME,
                call("-", lit(dt.datetime(2026, 3, 31), TIMESTAMP), lit(e.Interval(1, 1), INTERVAL), type=TIMESTAMP),
            ),
            Bounds(dt.datetime(2026, 2, 27)),
        ),
        (
            call(
                ">=",
                TIME,
                call("date_trunc", lit("month", TEXT), lit(dt.datetime(2026, 3, 31), TIMESTAMP), type=TIMESTAMP),
            ),
            Bounds(dt.datetime(2026, 3, 1)),
        ),
    ],
)
def test_comparisons_with_constants_bound(test: e.Expr, expected: Bounds) -> None:
    assert found(test) == expected
    assert expected.restrict


@pytest.mark.parametrize(
    "test",
    [
        call("=", DAY, DAY),
        call("=", DAY, OTHER),
        call("<", OTHER, lit(JUNE)),
        call("is_not_null", DAY),
        call("is_null", DAY),
        call("is_not_distinct", DAY, lit(None)),
        call("<>", DAY, lit(JUNE)),
        call("is_distinct", DAY, lit(JUNE)),
        call("not", call("=", DAY, lit(JUNE))),
        call("or", after(), e.TRUE),
        call("or", after(), call("<", OTHER, lit(JUNE))),
        call("or", call(">=", DAY, lit(JULY)), call("<", DAY, lit(JULY))),
        call("=", call("date_trunc", lit("day", TEXT), TIME, type=TIMESTAMP), lit(dt.datetime(2026, 6, 1), TIMESTAMP)),
        call("=", e.Cast(DATE, TIME), lit(JUNE)),
        call("=", e.Cast(TEXT, DAY), lit("2026-06-01", TEXT)),
        call(">=", e.Cast(INT64, WHOLE, safe=True), lit(5, INT64)),
        call("=", call("coalesce", DAY, lit(JUNE), type=DATE), lit(JUNE)),
        call("=", DAY, call("+", DAY, lit(0, INT32), type=DATE)),
        call("like", WORD, lit("%", TEXT)),
        call("all_array_=", WHOLE, call("array", type=array(INT32))),
        call(">", REAL, call("random", type=FLOAT64)),
        call(">", DAY, call("make_date", lit(1, INT32), lit(1, INT32), lit(1, INT32), type=DATE)),
        e.InKeys(BOOLEAN, (DAY,), 0),
        e.InList(BOOLEAN, DAY, (lit(JUNE), OTHER)),
        e.Case(BOOLEAN, ((after(), e.TRUE),), e.TRUE),
        e.TRUE,
    ],
)
def test_what_is_no_comparison_with_a_constant_does_not_bound(test: e.Expr) -> None:
    assert not found(test).restrict


@pytest.mark.parametrize(
    "test",
    [
        after(dt.date.min),
        before(dt.date.max),
        after(dt.datetime(1, 1, 1), TIME, TIMESTAMP),
        before(dt.datetime(9999, 12, 31), TIME, TIMESTAMP),
        call(">", TIME, e.Cast(TIMESTAMP, lit("-infinity", TEXT))),
        after(-(2**31), WHOLE, INT32),
        before(2**31 - 1, WHOLE, INT32),
        after(-(2**63), WHOLE, INT64),
        before(2**63 - 1, WHOLE, INT64),
        after(-math.inf, REAL, FLOAT64),
        before(math.inf, REAL, FLOAT64),
        before(math.nan, REAL, FLOAT64),
        after("", WORD, TEXT),
        call(">=", WHOLE, call("neg", lit(Decimal(2**63), decimal(19, 0)), type=decimal(19, 0))),
        call(
            ">=",
            TIME,
            call(
                "-",
                lit(dt.datetime(2026, 1, 1), TIMESTAMP),
                call("*", lit(e.Interval(12), INTERVAL), lit(3000.0, FLOAT64)),
            ),
        ),
        after(False, FLAG, BOOLEAN),
        call("<=", FLAG, lit(True, BOOLEAN)),
        call(">=", DAY, call("-", lit(JUNE), lit(10_000_000, INT32), type=DATE)),
    ],
)
def test_the_ends_of_a_type_bound_nothing(test: e.Expr) -> None:
    assert not found(test).restrict


def test_parameters_bound_by_their_values() -> None:
    test = call(">=", DAY, e.Parameter(DATE, 0))
    assert found(test, values=(lit(JUNE),)) == Bounds(JUNE)
    assert not found(test, values=(lit(dt.date.min),)).restrict
    assert found(test, values=(lit(None),)) == Bounds(empty=True)
    listed = call("any_array_=", WHOLE, e.Parameter(array(INT32), 0))
    assert found(listed, values=(lit((7, None, 3), array(INT32)),)) == Bounds(3, 7)
    assert found(listed, values=(lit(None, array(INT32)),)) == Bounds(empty=True)
    widened = call(">=", TIME, e.Cast(TIMESTAMP, e.Parameter(DATE, 0)))
    assert found(widened, values=(lit(JUNE),)) == Bounds(dt.datetime(2026, 6, 1))
    read = call(">=", TIME, e.Cast(TIMESTAMP, e.Parameter(TEXT, 0)))
    assert not found(read, values=(lit("-infinity", TEXT),)).restrict


def test_all_of_several_conditions_hold() -> None:
    assert found(after(), before(), after(dt.date(2026, 6, 15))) == Bounds(dt.date(2026, 6, 15), JULY)
    assert found(call("is_not_null", DAY), before()) == Bounds(OPEN, JULY)
    assert found() == Bounds()


@pytest.mark.parametrize(
    ("test", "span", "within"),
    [
        (call("and", after(), before()), dt.timedelta(days=30), True),
        (call("and", after(), before()), dt.timedelta(days=29), False),
        (after(), dt.timedelta(days=30), False),
        (before(), dt.timedelta(days=30), False),
        (call("=", DAY, lit(JUNE)), dt.timedelta(0), True),
        (call("=", WORD, lit("x", TEXT)), dt.timedelta(0), True),
        (call("and", after("a", WORD, TEXT), before("b", WORD, TEXT)), dt.timedelta(1), False),
        (call("and", after(1, WHOLE, INT32), before(9, WHOLE, INT32)), 8, True),
        (call("and", after(1, WHOLE, INT32), before(9, WHOLE, INT32)), 7, False),
        (call("and", after(1, WHOLE, INT32), before(9, WHOLE, INT32)), dt.timedelta(days=8), False),
        (call("and", before(JUNE), after(JULY)), dt.timedelta(0), True),
        (call("=", DAY, lit(None)), dt.timedelta(0), True),
        (FLAG, 1, False),
        (call("or", call("=", DAY, lit(JUNE)), call("=", DAY, lit(JULY))), dt.timedelta(days=29), False),
    ],
)
def test_a_range_is_within_a_span_only_if_both_ends_are_known(test: e.Expr, span: object, within: bool) -> None:
    assert found(test).is_within(span) is within  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            call(
                "date_trunc",
                lit("month", TEXT),
                lit(dt.datetime(2026, 5, 31, 23, tzinfo=dt.UTC), TIMESTAMPTZ),
                type=TIMESTAMPTZ,
            ),
            dt.datetime(2026, 5, 31, 22, tzinfo=dt.UTC),
        ),
        (
            call("date_trunc", lit("week", TEXT), lit(dt.datetime(2026, 6, 3, 5), TIMESTAMP), type=TIMESTAMP),
            dt.datetime(2026, 6, 1),
        ),
        (
            call("date_trunc", lit("quarter", TEXT), lit(dt.datetime(2026, 6, 3, 5), TIMESTAMP), type=TIMESTAMP),
            dt.datetime(2026, 4, 1),
        ),
        (call("date_trunc", lit("eon", TEXT), lit(dt.datetime(2026, 6, 3, 5), TIMESTAMP), type=TIMESTAMP), OPEN),
        (e.Cast(TIMESTAMPTZ, lit(dt.date(2026, 6, 3))), dt.datetime(2026, 6, 2, 22, tzinfo=dt.UTC)),
        (e.Cast(DATE, lit(dt.datetime(2026, 6, 2, 22, tzinfo=dt.UTC), TIMESTAMPTZ)), dt.date(2026, 6, 3)),
        (
            call(
                "-",
                lit(dt.datetime(2026, 3, 29, 10, tzinfo=dt.UTC), TIMESTAMPTZ),
                lit(e.Interval(days=1), INTERVAL),
                type=TIMESTAMPTZ,
            ),
            dt.datetime(2026, 3, 28, 11, tzinfo=dt.UTC),
        ),
        (
            call("+", lit(e.Interval(days=1), INTERVAL), lit(dt.datetime(2026, 3, 29), TIMESTAMP), type=TIMESTAMP),
            dt.datetime(2026, 3, 30),
        ),
        (
            call(
                "-",
                lit(dt.datetime(2026, 3, 29), TIMESTAMP),
                call("*", lit(e.Interval(days=1), INTERVAL), lit(3.0, FLOAT64)),
            ),
            dt.datetime(2026, 3, 26),
        ),
        (call("-", lit(JULY), lit(None, INT32)), None),
        (call("-", lit(JULY), lit(JUNE), type=INT32), 30),
        (call("*", lit(1000, INT32), lit(1000, INT32), type=INT32), 1_000_000),
        (call("/", lit(1000, INT32), lit(0, INT32), type=INT32), OPEN),
        (call("+", lit(dt.date.max), lit(1, INT32), type=DATE), OPEN),
    ],
)
def test_constants_are_computed_in_the_sessions_zone(made: e.Expr, expected: object) -> None:
    assert constant(made, Case((), dt.datetime(2026, 6, 1, tzinfo=dt.UTC), "Europe/Berlin")) == expected
