"""Calls with their answers: PostgreSQL's, which are Hanse's. Every spelling in the dialect has some here."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa

from hanse.ir import types as t
from hanse.ir.expr import Expr, Interval, Literal

Sample = tuple[t.Type, str, tuple[Expr, ...], Any]
INF = math.inf


def i(value: int | None) -> Literal:
    return Literal(t.INT32, value)


def s(value: int) -> Literal:
    return Literal(t.INT16, value)


def big(value: int) -> Literal:
    return Literal(t.INT64, value)


def d(text: str) -> Literal:
    value = Decimal(text)
    _, digits, exponent = value.as_tuple()
    assert isinstance(exponent, int)
    scale = -exponent
    return Literal(t.decimal(max(len(digits), scale, 1), scale), value)


def f(value: float) -> Literal:
    return Literal(t.FLOAT64, value)


def r(value: float) -> Literal:
    return Literal(t.FLOAT32, value)


def x(value: str | None) -> Literal:
    return Literal(t.TEXT, value)


def b(value: bool | None) -> Literal:
    return Literal(t.BOOLEAN, value)


def raw(value: bytes) -> Literal:
    return Literal(t.BYTES, value)


def day(text: str) -> Literal:
    return Literal(t.DATE, dt.date.fromisoformat(text))


def at(text: str) -> Literal:
    return Literal(t.TIMESTAMP, dt.datetime.fromisoformat(text))


def utc(text: str) -> Literal:
    return Literal(t.TIMESTAMPTZ, dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC))


def clock(text: str) -> Literal:
    return Literal(t.TIME, dt.time.fromisoformat(text))


def span(months: int = 0, days: int = 0, microseconds: int = 0) -> Literal:
    return Literal(t.INTERVAL, Interval(months, days, microseconds))


def items(type: t.Type, *values: Any) -> Literal:
    return Literal(t.array(type), values)


def months(months: int, days: int = 0, microseconds: int = 0) -> Any:
    return pa.MonthDayNano([months, days, microseconds * 1000])


UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"
uuid = Literal(t.UUID, UUID)
B, I2, I4, I8, F4, F8, X = t.BOOLEAN, t.INT16, t.INT32, t.INT64, t.FLOAT32, t.FLOAT64, t.TEXT
NOTHING = i(None)
WHOLE = t.decimal(10, 0)
FRACTION = t.decimal(20, 6)

PAIRS: list[tuple[Literal, Literal]] = [
    (i(1), i(2)),
    (s(-5), s(7)),
    (big(2**62), big(2**62 + 1)),
    (d("1.50"), d("1.51")),
    (d("-0.01"), d("99999999999999999999.9")),
    (f(1.5), f(INF)),
    (f(INF), f(math.nan)),
    (f(-INF), f(-1e300)),
    (r(1.5), r(2.5)),
    (x("B"), x("a")),
    (x(""), x(" ")),
    (x("a"), x("a ")),
    (x("z"), x("ä")),
    (b(False), b(True)),
    (raw(b"\x00"), raw(b"\x00\x01")),
    (day("0001-01-01"), day("9999-12-31")),
    (at("2020-01-01T00:00:00"), at("2020-01-01T00:00:00.000001")),
    (utc("2020-01-01T00:00:00"), utc("2020-01-01T00:00:00.000001")),
    (clock("00:00:00"), clock("23:59:59.999999")),
    (span(days=29), span(months=1)),
]
"""Pairs in which the first is less than the second."""


def comparisons() -> list[Sample]:
    found: list[Sample] = []
    for low, high in PAIRS:
        empty = Literal(high.type, None)
        answers = {"<": True, "<=": True, ">": False, ">=": False, "=": False, "<>": True, "is_distinct": True}
        found += [(B, name, (low, high), answer) for name, answer in answers.items()]
        found += [(B, name, (high, low), not answers[name]) for name in ("<", "<=", ">", ">=")]
        same = {
            "=": True,
            "<>": False,
            "<=": True,
            ">=": True,
            "<": False,
            "is_distinct": False,
            "is_not_distinct": True,
        }
        found += [(B, name, (high, high), answer) for name, answer in same.items()]
        found += [(B, "=", (high, empty), None), (B, "is_not_distinct", (empty, empty), True)]
        found += [(B, "in", (low, high, empty), None), (B, "in", (low, high, low), True)]
        found += [(B, "is_null", (high,), False), (B, "is_not_null", (empty,), False)]
    return found


CALLS: list[Sample] = [
    (B, "=", (uuid, uuid), True),
    (B, "not", (b(True),), False),
    (B, "not", (b(None),), None),
    (B, "and", (b(True), b(None), b(False)), False),
    (B, "or", (b(False), b(None), b(True)), True),
    (B, "is_true", (b(None),), False),
    (B, "is_not_true", (b(None),), True),
    (B, "is_false", (b(False),), True),
    (B, "is_not_false", (b(None),), True),
    (I4, "coalesce", (NOTHING, i(2), i(3)), 2),
    (X, "nullif", (x("a"), x("a")), None),
    (X, "nullif", (x("a"), x("A")), "a"),
    (I4, "nullif", (i(1), i(1)), None),
    (I4, "greatest", (i(1), NOTHING, i(3)), 3),
    (X, "greatest", (x("a"), x("B")), "a"),
    (X, "least", (x("a"), x("B"), x("ä")), "B"),
    (F8, "greatest", (f(INF), f(math.nan)), math.nan),
    (I4, "+", (i(2), i(3)), 5),
    (I2, "+", (s(2), s(3)), 5),
    (I8, "-", (big(2), big(3)), -1),
    (t.decimal(5, 2), "+", (d("1.5"), d("0.25")), Decimal("1.75")),
    (t.decimal(20, 4), "*", (d("-1.25"), d("1.25")), Decimal("-1.5625")),
    (F8, "*", (f(0.1), f(3)), 0.1 * 3),
    (F4, "+", (r(1.5), r(1.5)), 3.0),
    (I4, "/", (i(-7), i(2)), -3),
    (F8, "/", (f(1), f(3)), 1 / 3),
    (I4, "%", (i(-7), i(2)), -1),
    (t.decimal(5, 2), "%", (d("-7.25"), d("2")), Decimal("-1.25")),
    (I8, "%", (big(7), big(-2)), 1),
    (I4, "neg", (i(5),), -5),
    (t.decimal(2, 1), "neg", (d("-1.5"),), Decimal("1.5")),
    (I4, "&", (i(12), i(10)), 8),
    (I4, "|", (i(12), i(10)), 14),
    (I4, "#", (i(12), i(10)), 6),
    (I4, "bit_not", (i(0),), -1),
    (I4, "abs", (i(-5),), 5),
    (t.decimal(2, 1), "abs", (d("-1.5"),), Decimal("1.5")),
    (F8, "abs", (f(-INF),), INF),
    (t.decimal(1, 0), "sign", (d("-1.5"),), Decimal(-1)),
    (F8, "sign", (f(-0.5),), -1.0),
    (t.decimal(2, 0), "ceil", (d("-1.5"),), Decimal(-1)),
    (F8, "ceil", (f(1.1),), 2.0),
    (t.decimal(2, 0), "floor", (d("-1.5"),), Decimal(-2)),
    (F8, "floor", (f(-1.1),), -2.0),
    (t.decimal(3, 0), "round", (d("2.5"),), Decimal(3)),
    (t.decimal(5, 1), "round", (d("-2.25"), i(1)), Decimal("-2.3")),
    (t.decimal(5, 0), "round", (d("155"), i(-1)), Decimal(160)),
    (t.decimal(3, 0), "trunc", (d("-2.9"),), Decimal(-2)),
    (t.decimal(5, 1), "trunc", (d("2.29"), i(1)), Decimal("2.2")),
    (F8, "sqrt", (f(2),), math.sqrt(2)),
    (t.DATE, "+", (day("2020-02-28"), i(2)), dt.date(2020, 3, 1)),
    (t.DATE, "-", (day("2020-03-01"), i(1)), dt.date(2020, 2, 29)),
    (I4, "-", (day("2020-03-01"), day("2019-03-01")), 366),
    (t.TIMESTAMP, "+", (at("2020-01-31T10:00:00"), span(months=1)), dt.datetime(2020, 2, 29, 10)),
    (t.TIMESTAMP, "-", (at("2020-03-31T10:00:00"), span(1, 1, 1)), dt.datetime(2020, 2, 28, 9, 59, 59, 999999)),
    (t.TIMESTAMPTZ, "+", (utc("2020-03-28T12:00:00"), span(days=1)), dt.datetime(2020, 3, 29, 12, tzinfo=dt.UTC)),
    (t.TIME, "+", (clock("23:00:00"), span(microseconds=7_200_000_000)), dt.time(1)),
    (t.TIME, "-", (clock("01:00:00"), span(microseconds=7_200_000_000)), dt.time(23)),
    (t.INTERVAL, "+", (span(1), span(days=40, microseconds=-1)), months(1, 40, -1)),
    (t.INTERVAL, "-", (at("2020-01-03T00:00:00"), at("2020-01-01T12:00:00")), months(0, 1, 43_200_000_000)),
    (X, "||", (x("a"), x(" b")), "a b"),
    (X, "||", (x("a"), x(None)), None),
    (X, "concat", (x("a"), x(None), x("b")), "ab"),
    (X, "concat_ws", (x("-"), x("a"), x(None), x("b")), "a-b"),
    (B, "like", (x("a_c%"), x("a\\_c\\%")), True),
    (B, "like", (x("abc"), x("A%")), False),
    (B, "like", (x("a\nb"), x("a_b")), True),
    (B, "like", (x("a%"), x("a!%"), x("!")), True),
    (B, "like", (x("a\\b"), x("a\\b"), x("")), True),
    (B, "like", (x("Straße"), x("%ß_")), True),
    (B, "like", (x(""), x("%")), True),
    (B, "~", (x("abc123"), x("^[a-z]+[0-9]{3}$")), True),
    (B, "~", (x("a\nb"), x("a.b")), True),
    (B, "~", (x("a\nb"), x("^b")), False),
    (B, "~", (x("ABC"), x("abc")), False),
    (B, "~", (x("a.c"), x("a\\.(b|c)")), True),
    (B, "~", (x("xyz"), x("a|y")), True),
    (I4, "length", (x("Straße 🚢"),), 8),
    (I4, "length", (raw(b"\x00\xff"),), 2),
    (X, "substr", (x("Straße"), i(5)), "ße"),
    (X, "substr", (x("abc"), i(-1), i(3)), "a"),
    (X, "substr", (x("abc"), i(0)), "abc"),
    (I4, "strpos", (x("Straße"), x("ß")), 5),
    (I4, "strpos", (x("abc"), x("")), 1),
    (I4, "strpos", (x("abc"), x("B")), 0),
    (X, "replace", (x("aXaX"), x("X"), x("")), "aa"),
    (X, "replace", (x("abc"), x(""), x("-")), "abc"),
    (X, "translate", (x("12345"), x("143"), x("ax")), "a2x5"),
    (X, "split_part", (x("a,b,c"), x(","), i(2)), "b"),
    (X, "split_part", (x("a,b,c"), x(","), i(-1)), "c"),
    (X, "split_part", (x("a,b"), x(","), i(9)), ""),
    (B, "starts_with", (x("abc"), x("ab")), True),
    (B, "starts_with", (x("abc"), x("AB")), False),
    (X, "btrim", (x("  a\t "),), "a\t"),
    (X, "btrim", (x("xyaxy"), x("yx")), "a"),
    (X, "ltrim", (x("  a "),), "a "),
    (X, "rtrim", (x(" a  "),), " a"),
    (X, "left", (x("Straße"), i(-1)), "Straß"),
    (X, "left", (x("abc"), i(2)), "ab"),
    (X, "right", (x("abc"), i(2)), "bc"),
    (X, "right", (x("abc"), i(-2)), "c"),
    (X, "lpad", (x("7"), i(3), x("0")), "007"),
    (X, "lpad", (x("abcd"), i(2)), "ab"),
    (X, "rpad", (x("7"), i(3)), "7  "),
    (X, "repeat", (x("ab"), i(2)), "abab"),
    (X, "repeat", (x("ab"), i(-1)), ""),
    (X, "reverse", (x("aß🚢"),), "🚢ßa"),
    (I4, "ascii", (x("ß"),), 223),
    (I4, "ascii", (x(""),), 0),
    (X, "chr", (i(128674),), "🚢"),
    (X, "md5", (x("ß"),), hashlib.md5("ß".encode()).hexdigest()),
    (I4, "octet_length", (x("ß"),), 2),
    (I4, "octet_length", (raw(b"abc"),), 3),
    (WHOLE, "extract", (x("year"), day("0001-02-03")), Decimal(1)),
    (WHOLE, "extract", (x("dow"), day("2024-01-07")), Decimal(0)),
    (WHOLE, "extract", (x("isodow"), day("2024-01-07")), Decimal(7)),
    (WHOLE, "extract", (x("week"), day("2021-01-03")), Decimal(53)),
    (WHOLE, "extract", (x("isoyear"), day("2021-01-03")), Decimal(2020)),
    (WHOLE, "extract", (x("doy"), day("2020-12-31")), Decimal(366)),
    (WHOLE, "extract", (x("quarter"), at("2020-12-31T00:00:00")), Decimal(4)),
    (WHOLE, "extract", (x("century"), at("2000-01-01T00:00:00")), Decimal(20)),
    (WHOLE, "extract", (x("hour"), utc("2020-01-01T23:00:00")), Decimal(23)),
    (WHOLE, "extract", (x("minute"), clock("12:34:56")), Decimal(34)),
    (WHOLE, "extract", (x("day"), span(1, 40)), Decimal(40)),
    (FRACTION, "extract", (x("second"), clock("12:34:56.789")), Decimal("56.789000")),
    (FRACTION, "extract", (x("epoch"), at("1969-12-31T23:59:59.5")), Decimal("-0.500000")),
    (FRACTION, "extract", (x("milliseconds"), at("2020-01-01T00:00:01.5")), Decimal("1500.000000")),
    (F8, "date_part", (x("year"), at("2020-01-01T00:00:00")), 2020.0),
    (F8, "date_part", (x("second"), clock("00:00:01.5")), 1.5),
    (t.TIMESTAMP, "date_trunc", (x("month"), at("2020-02-29T12:00:00")), dt.datetime(2020, 2, 1)),
    (t.TIMESTAMP, "date_trunc", (x("week"), at("2020-03-01T12:00:00")), dt.datetime(2020, 2, 24)),
    (t.TIMESTAMPTZ, "date_trunc", (x("day"), utc("2020-02-29T12:00:00")), dt.datetime(2020, 2, 29, tzinfo=dt.UTC)),
    (t.TIMESTAMPTZ, "timezone", (x("UTC"), at("2020-02-29T12:00:00")), dt.datetime(2020, 2, 29, 12, tzinfo=dt.UTC)),
    (t.TIMESTAMP, "timezone", (x("UTC"), utc("2020-02-29T12:00:00")), dt.datetime(2020, 2, 29, 12)),
    (t.DATE, "make_date", (i(2020), i(2), i(29)), dt.date(2020, 2, 29)),
    (B, "any_array_=", (i(2), items(t.INT32, 1, 2)), True),
    (B, "any_array_=", (i(3), items(t.INT32, 1, None)), None),
    (B, "any_array_=", (x("a"), items(t.TEXT, "A", "b")), False),
    (B, "all_array_<>", (i(3), items(t.INT32, 1, 2)), True),
]
CASTS: list[tuple[Expr, t.Type, Any]] = [
    (i(5), t.INT64, 5),
    (big(5), t.INT16, 5),
    (i(5), t.decimal(5, 2), Decimal("5.00")),
    (d("2.5"), t.INT32, 3),
    (d("-2.5"), t.INT32, -3),
    (d("1.255"), t.decimal(5, 2), Decimal("1.26")),
    (d("0.1"), t.FLOAT64, 0.1),
    (f(2.5), t.INT32, 2),
    (f(3.5), t.INT64, 4),
    (r(1.5), t.FLOAT64, 1.5),
    (f(0.1), t.FLOAT32, 0.10000000149011612),
    (i(-5), t.TEXT, "-5"),
    (b(True), t.TEXT, "true"),
    (day("2020-01-02"), t.TEXT, "2020-01-02"),
    (clock("01:02:03.5"), t.TEXT, "01:02:03.5"),
    (at("2020-01-02T03:04:05.6"), t.TEXT, "2020-01-02 03:04:05.6"),
    (uuid, t.TEXT, UUID),
    (day("2020-01-02"), t.TIMESTAMP, dt.datetime(2020, 1, 2)),
    (at("2020-01-02T03:04:05"), t.DATE, dt.date(2020, 1, 2)),
    (at("2020-01-02T03:04:05"), t.TIME, dt.time(3, 4, 5)),
    (utc("2020-01-02T23:00:00"), t.DATE, dt.date(2020, 1, 2)),
    (at("2020-01-02T03:04:05"), t.TIMESTAMPTZ, dt.datetime(2020, 1, 2, 3, 4, 5, tzinfo=dt.UTC)),
    (b(True), t.INT32, 1),
    (i(2), t.BOOLEAN, True),
    (clock("01:00:00"), t.INTERVAL, months(0, 0, 3_600_000_000)),
]
LITERALS: list[tuple[Literal, Any]] = [
    (i(-(2**31)), -(2**31)),
    (big(-(2**63)), -(2**63)),
    (s(-(2**15)), -(2**15)),
    (f(5e-324), 5e-324),
    (f(-0.0), -0.0),
    (f(math.nan), math.nan),
    (f(-INF), -INF),
    (r(3.4028234663852886e38), 3.4028234663852886e38),
    (d("9" * 38), Decimal("9" * 38)),
    (d("-0." + "0" * 37 + "1"), Decimal("-1e-38")),
    (x('it\'s \\ "q" {0} $1 %s -- \n🚢'), 'it\'s \\ "q" {0} $1 %s -- \n🚢'),
    (x(""), ""),
    (raw(b"\x00'\\\xff"), b"\x00'\\\xff"),
    (b(None), None),
    (day("0001-01-01"), dt.date(1, 1, 1)),
    (at("9999-12-31T23:59:59.999999"), dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),
    (utc("0001-01-01T00:00:00"), dt.datetime(1, 1, 1, tzinfo=dt.UTC)),
    (clock("23:59:59.999999"), dt.time(23, 59, 59, 999999)),
    (span(-14, 3, -1), months(-14, 3, -1)),
    (span(microseconds=-(10**15) - 1), months(0, 0, -(10**15) - 1)),
    (uuid, UUID),
    (Literal(t.JSON, '{"a":  1}'), '{"a":  1}'),
    (Literal(t.enum(("a", "b")), "b"), "b"),
    (items(t.INT32, 1, None, -3), [1, None, -3]),
    (items(t.TEXT, "a'b", '"', None), ["a'b", '"', None]),
    (items(t.INT64), []),
    (items(t.decimal(4, 2), Decimal("1.50")), [Decimal("1.50")]),
]
