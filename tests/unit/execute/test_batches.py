"""Keys that do not fit a statement: parted where that is right, shortened where it is not, refused where caps say so."""

from dataclasses import replace
from typing import Any

import pytest

from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.errors import ResourceLimit
from hanse.execute.batches import Filling, Keys, filled
from hanse.ir import types as t
from hanse.ir.fragment import Hole, KeyCaps
from hanse.ir.request import KeyHole, KeyRange, Request, SqlText
from hanse.ir.tables import Collation
from hanse.spi.keys import KeyCosts

EXACT = Collation("C", equal_is_bytewise=True, order_is_codepoint=True)


def dialect(keys: int = 2, size: int = 10_000, batches: bool = True) -> PostgresDialect:
    made = PostgresDialect()
    made.key_costs = KeyCosts(keys=keys, bytes=size, batches=batches)
    return made


def fill(spoken: PostgresDialect, *keys: Keys, type: t.Type = t.INT64, **hole: Any) -> tuple[list[str], list[Keys]]:
    """The conditions of each statement, and what is left of the keys."""
    parts: list[Any] = ["SELECT "]
    for place in range(len(keys)):
        parts += [KeyHole(place, f"c{place}", type, EXACT), "; "]
    request = Request(1, "pg", SqlText(tuple(parts)), (), ())
    fillings = {
        n: Filling(replace(Hole(n, 0, 1, 1, 2, 100, divisible=True), **hole), found) for n, found in enumerate(keys)
    }
    statements = filled(request, fillings, spoken).statements
    return [str(sql).removeprefix("SELECT ").removesuffix("; ") for sql in statements], [
        f.keys for f in fillings.values()
    ]


def test_keys_are_divided_evenly() -> None:
    statements, _ = fill(dialect(keys=4), (1, 3, 5, 7, 9, 11))
    assert statements == ["(c0 = ANY ('{1,3,5}'::int8[]))", "(c0 = ANY ('{7,9,11}'::int8[]))"]


def test_what_fits_is_one_statement() -> None:
    assert len(fill(dialect(keys=6), (1, 3, 5, 7, 9, 11))[0]) == 1


def test_a_range_is_never_divided() -> None:
    assert fill(dialect(), tuple(range(1000)))[0] == ["(c0 BETWEEN 0 AND 999)"]


def test_long_texts_are_divided_by_their_bytes() -> None:
    keys = tuple(f"{n}" * 50 for n in range(10))
    statements, left = fill(dialect(keys=100, size=200), keys, type=t.TEXT)
    assert all(len(text) <= 200 for text in statements)
    assert sum(text.count('"') // 2 or 1 for text in statements) == 10
    assert left == [keys]


def test_a_key_that_fits_no_statement_is_not_sent() -> None:
    assert fill(dialect(size=200), ("a", "b" * 500), type=t.TEXT) == (["(1 = 1)"], [None])
    assert fill(dialect(size=10), (1, 3, 10**15, 10**17)) == (["(1 = 1)"], [None])


def test_only_one_of_two_holes_is_divided() -> None:
    statements, _ = fill(dialect(keys=3), (1, 3, 5, 7), (2, 4))
    assert len(statements) == 2
    assert all("c1 = ANY ('{2,4}'::int8[])" in text for text in statements)
    assert ["c0 = ANY ('{1,3}'" in text for text in statements] == [True, False]


@pytest.mark.parametrize(("divisible", "batches"), [(False, True), (True, False)])
def test_rows_that_differ_from_time_to_time_are_asked_for_once(divisible: bool, batches: bool) -> None:
    assert len(fill(dialect(batches=batches), (1, 3, 5, 7), divisible=divisible)[0]) == 1
    shortened = fill(dialect(size=20, batches=batches), (1, 3, 5, 10**9), divisible=divisible)
    assert shortened == (["(1 = 1)"], [None])
    assert fill(dialect(size=30, batches=batches), (1, 3, 5, 10**9), divisible=divisible)[1] == [KeyRange(1, 10**9)]


@pytest.mark.parametrize(
    ("caps", "said"),
    [
        (KeyCaps(bytes_max=20, fails=True), "30 bytes of keys, which is more than key_shipping.bytes_max"),
        (KeyCaps(batches_max=1, fails=True), "2 statements of keys, which is more than key_shipping.batches_max"),
    ],
)
def test_caps_fall_back_or_refuse(caps: KeyCaps, said: str) -> None:
    with pytest.raises(ResourceLimit, match=said):
        fill(dialect(), (1, 3, 5, 7), caps=caps)
    assert fill(dialect(), (1, 3, 5, 7), caps=replace(caps, fails=False))[1] == [KeyRange(1, 7)]
