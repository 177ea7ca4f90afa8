"""Where keys live, and which shards a condition can concern."""

from __future__ import annotations

import datetime as dt

import pytest

from hanse.ir import expr as e
from hanse.ir.hashes import crc32, floor_mod, hasher, md5, mod
from hanse.ir.routing import concerned, literal
from hanse.ir.sharding import Scheme
from hanse.ir.types import INT32, INT64, TEXT, Kind, decimal
from tests.unit.plans import both, call, lit

KEY = e.Ref(INT32, 1, "k")
OTHER = e.Ref(INT32, 2, "o")
MOD = Scheme("hash", Kind.INT64, 4, function="mod", assignment=(0, 1, 2, 3))
RANGE = Scheme("range", Kind.INT64, 3, ranges=((None, 10, 0), (10, 20, 1), (20, None, 2)))
LIST = Scheme("list", Kind.INT64, 3, values=((1, 0), (2, 1)), other=2)
CLOSED = Scheme("list", Kind.INT64, 2, values=((1, 0), (2, 1)))


def of(scheme: Scheme, test: e.Expr) -> list[int]:
    return sorted(concerned(test, frozenset((1,)), scheme, literal))


@pytest.mark.parametrize(
    ("scheme", "test", "shards"),
    [
        (MOD, call("=", KEY, 5), [1]),
        (MOD, call("=", 5, KEY), [1]),
        (MOD, call("=", e.Cast(INT64, KEY), e.Literal(INT64, 6)), [2]),
        (MOD, call("=", KEY, e.Literal(INT32, None)), []),
        (MOD, call("=", OTHER, 5), [0, 1, 2, 3]),
        (MOD, call("=", e.Cast(decimal(10, 0), KEY), e.Literal(decimal(10, 0), 5)), [0, 1, 2, 3]),
        (MOD, call("=", KEY, OTHER), [0, 1, 2, 3]),
        (MOD, call("<", KEY, 5), [0, 1, 2, 3]),
        (MOD, call("<>", KEY, 5), [0, 1, 2, 3]),
        (MOD, call("is_null", KEY), [0, 1, 2, 3]),
        (MOD, call("not", call("=", KEY, 5)), [0, 1, 2, 3]),
        (MOD, e.InList(INT32, KEY, (lit(1), lit(5), lit(2), e.Literal(INT32, None))), [1, 2]),
        (MOD, call("or", call("=", KEY, 1), call("=", KEY, 3)), [1, 3]),
        (MOD, call("or", call("=", KEY, 1), call("=", OTHER, 3)), [0, 1, 2, 3]),
        (MOD, both(call("=", KEY, 1), call("=", KEY, 2)), []),
        (MOD, call("=", KEY, e.Parameter(INT32, 0)), [0, 1, 2, 3]),
        (MOD, e.Literal(INT32, False), []),
        (RANGE, call("=", KEY, 10), [1]),
        (RANGE, call("<", KEY, 10), [0, 1]),
        (RANGE, call("<=", KEY, 9), [0]),
        (RANGE, call(">", 12, KEY), [0, 1]),
        (RANGE, both(call(">=", KEY, 12), call("<=", KEY, 19)), [1]),
        (LIST, call("=", KEY, 1), [0]),
        (LIST, call("=", KEY, 9), [2]),
        (LIST, call("<", KEY, 2), [0, 1, 2]),
        (CLOSED, call("=", KEY, 9), []),
        (CLOSED, call("<", KEY, 2), [0, 1]),
        (CLOSED, call(">", KEY, 2), [1]),
    ],
)
def test_a_condition_concerns_the_shards_that_can_have_such_keys(
    scheme: Scheme, test: e.Expr, shards: list[int]
) -> None:
    assert of(scheme, test) == shards


def test_remainders_of_negative_numbers() -> None:
    assert (mod(-7) % 4, floor_mod(-7) % 4) == (3, 1)
    assert MOD.shards_of(-7) == {3}


def test_hashes_are_those_of_the_databases() -> None:
    # SELECT CRC32('MySQL'), CRC32('42') of MySQL; SELECT ('x' || left(md5('42'), 8))::bit(32)::bigint of PostgreSQL
    assert (crc32("MySQL"), crc32(42), md5(42)) == (3259397556, 841265288, 2714814184)


def test_equal_numbers_hash_alike_whatever_their_width() -> None:
    assert hasher("postgres_hash", Kind.INT32)(7) == hasher("postgres_hash", Kind.INT64)(7)
    assert hasher("postgres_hash", Kind.DATE)(dt.date(2000, 1, 8)) == hasher("postgres_hash", Kind.INT32)(7)


def test_text_is_not_a_number() -> None:
    scheme = Scheme("hash", Kind.TEXT, 2, function="crc32", assignment=(0, 1))
    key = e.Ref(TEXT, 1, "k")
    assert len(of(scheme, call("=", key, "a"))) == 1
    assert of(scheme, call("=", key, 1)) == [0, 1]
