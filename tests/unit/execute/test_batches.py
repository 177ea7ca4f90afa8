"""Keys that do not fit a statement: parted where that is right, shortened where it is not, refused where caps say so."""

from dataclasses import replace
from typing import Any

import pytest

from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.errors import ResourceLimit
from hanse.execute.batches import ColumnKeys, Filling, filled
from hanse.ir import types as t
from hanse.ir.fragment import Hole, KeyCaps, KeyOrigin
from hanse.ir.request import KeyHole, KeyOperand, KeyRange, Request, SqlText
from hanse.ir.tables import Collation
from hanse.spi.keys import KeyCosts

EXACT = Collation("C", equal_is_bytewise=True, order_is_codepoint=True)


def dialect(keys: int = 2, size: int = 10_000, batches: bool = True) -> PostgresDialect:
    made = PostgresDialect()
    made.key_costs = KeyCosts(keys=keys, bytes=size, batches=batches)
    return made


def fill(
    spoken: PostgresDialect, *keys: ColumnKeys, type: t.Type = t.INT64, **hole: Any
) -> tuple[list[str], list[ColumnKeys]]:
    """The conditions of each statement, and what is left of the keys."""
    parts: list[Any] = ["SELECT "]
    for place in range(len(keys)):
        parts += [KeyHole(place, (KeyOperand(f"c{place}", type, EXACT),)), "; "]
    request = Request(1, "pg", SqlText(tuple(parts)), (), ())
    fillings = {
        n: Filling(replace(Hole(n, (KeyOrigin(0, (1,)),), 1, (2,), 100, divisible=True), **hole), (found,))
        for n, found in enumerate(keys)
    }
    statements = filled(request, fillings, spoken).statements
    return [str(sql).removeprefix("SELECT ").removesuffix("; ") for sql in statements], [
        f.columns[0] for f in fillings.values()
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


# -- keys of several columns


LOOSE = Collation("und-u-ks-level1")


def fill_rows(
    spoken: PostgresDialect, rows: list[tuple[Any, ...]], *columns: ColumnKeys, loose: bool = False, **hole: Any
) -> tuple[list[str], Filling]:
    """The conditions of each statement, and what is left of the keys; the second part of a key is a text."""
    operands = (KeyOperand("a", t.INT64, EXACT), KeyOperand("b", t.TEXT, LOOSE if loose else EXACT))
    request = Request(1, "pg", SqlText((KeyHole(0, operands),)), (), ())
    made = Hole(0, (KeyOrigin(0, (1, 2)),), 1, (3, 4), 100, divisible=True)
    fillings = {0: Filling(replace(made, **hole), columns or ((1, 2, 3), ("x", "y")), tuple(rows))}
    statements = filled(request, fillings, spoken).statements
    return [str(sql) for sql in statements], fillings[0]


ROWS = [(1, "x"), (1, "y"), (2, "x"), (3, "x"), (3, "y")]


def test_rows_that_fit_are_one_statement() -> None:
    statements, left = fill_rows(dialect(keys=5), ROWS)
    assert statements == [
        """((a, b) IN (SELECT * FROM unnest('{1,1,2,3,3}'::int8[], '{"x","y","x","x","y"}'::text[])))"""
    ]
    assert left.count == 5


def test_rows_are_divided_where_a_part_of_them_changes() -> None:
    statements, _ = fill_rows(dialect(keys=3), ROWS)
    assert [text.partition("unnest(")[2].partition("::")[0] for text in statements] == ["'{1,1,2}'", "'{3,3}'"]
    statements, _ = fill_rows(dialect(keys=1), ROWS)
    assert [text.partition("unnest(")[2].partition("::")[0] for text in statements] == ["'{1,1}'", "'{2}'", "'{3,3}'"]


def test_rows_are_fewer_to_a_statement_where_the_source_counts_their_values() -> None:
    spoken = dialect(keys=5)
    spoken.key_costs = replace(spoken.key_costs, values=6)
    statements, _ = fill_rows(spoken, ROWS)
    assert [text.partition("unnest(")[2].partition("::")[0] for text in statements] == ["'{1,1,2}'", "'{3,3}'"]
    assert len(fill(spoken, (1, 3, 5, 7, 9))[0]) == 1


def test_rows_of_texts_alone_are_divided_by_the_one_that_tells_most() -> None:
    spoken = dialect(keys=2)
    operands = tuple(KeyOperand(name, t.TEXT, kind) for name, kind in (("a", LOOSE), ("b", EXACT)))
    request = Request(1, "pg", SqlText((KeyHole(0, operands),)), (), ())
    hole = Hole(0, (KeyOrigin(0, (1, 2)),), 1, (3, 4), 100, divisible=True)
    rows = (("a", "y"), ("A", "x"), ("a", "z"))
    statements = filled(request, {0: Filling(hole, (None, None), rows)}, spoken).statements
    assert [str(sql).partition("unnest(")[2] for sql in statements] == [
        """'{"A","a"}'::text[], '{"x","y"}'::text[])))""",
        """'{"a"}'::text[], '{"z"}'::text[])))""",
    ]
    both = tuple(replace(operand, collation=LOOSE) for operand in operands)
    request = replace(request, sql=SqlText((KeyHole(0, both),)))
    statements = filled(request, {0: Filling(hole, (None, None), rows)}, spoken).statements
    assert all(' COLLATE "C" BETWEEN ' in str(sql) for sql in statements)


def test_rows_that_do_not_fit_give_way_to_columns_then_ranges() -> None:
    statements, left = fill_rows(dialect(keys=100, size=80), ROWS, divisible=False)
    assert statements == ["""((a = ANY ('{1,2,3}'::int8[])) AND (b = ANY ('{"x","y"}'::text[])))"""]
    assert left.count is None
    statements, _ = fill_rows(dialect(keys=100, size=40), ROWS, divisible=False)
    assert statements == ["(a BETWEEN 1 AND 3)"]
    statements, _ = fill_rows(dialect(keys=100, size=5), ROWS, divisible=False)
    assert statements == ["(1 = 1)"]


def test_caps_of_rows_fall_back_or_refuse() -> None:
    caps = KeyCaps(bytes_max=60, fails=True)
    with pytest.raises(ResourceLimit, match="bytes of keys"):
        fill_rows(dialect(keys=100), ROWS, caps=caps)
    assert fill_rows(dialect(keys=100), ROWS, caps=replace(caps, fails=False))[0] == ["(a BETWEEN 1 AND 3)"]


def test_rows_are_no_keys_where_a_text_fits_none() -> None:
    statements, _ = fill_rows(dialect(keys=5), [(1, "a\0")])
    assert statements == ["(1 = 0)"]


def test_the_values_of_an_indexed_column_stand_beside_rows_in_each_statement() -> None:
    operands = (KeyOperand("a", t.INT64, EXACT), KeyOperand("b", t.TEXT, EXACT))
    request = Request(1, "pg", SqlText(("SELECT ", KeyHole(0, operands))), (), ())
    hole = Hole(0, (KeyOrigin(0, (1, 2)),), 1, (3, 4), 100, divisible=True)
    rows = ((1, "x"), (1, "y"), (5, "x"), (9, "z"))
    for lead, beside in ((None, ["", ""]), (0, ["(a = 1) AND ", "(a = ANY ('{5,9}'::int8[])) AND "])):
        filling = Filling(replace(hole, lead=lead), (None, None), rows)
        found = [str(sql).removeprefix("SELECT (") for sql in filled(request, {0: filling}, dialect()).statements]
        assert [text.partition("(a, b) IN")[0] for text in found] == beside
