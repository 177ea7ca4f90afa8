"""What keys cost, and when they are ranges."""

import datetime as dt
from dataclasses import replace

from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.connectors.sqlite.dialect import SQLiteDialect
from hanse.ir import types as t
from hanse.ir.request import KeyRange
from hanse.ir.tables import Collation
from hanse.spi.dialect import Operand
from hanse.spi.keys import KeyCosts, runs

EXACT = Collation("C", equal_is_bytewise=True, order_is_codepoint=True)
LOOSE = Collation("utf8mb4_general_ci")


def test_few_runs_of_many_keys_are_ranges() -> None:
    assert runs(range(1, 1001)) == [(1, 1000)]
    assert runs([1, 2, 3, 4, 5, 9, 20, 21]) is None
    assert runs([*range(8), *range(10, 18)]) == [(0, 7), (10, 17)]
    assert runs([1, 2, 3]) is None
    assert runs(range(0, 1000, 2)) is None
    days = [dt.date(2024, 2, 27) + dt.timedelta(days=n) for n in range(5)]
    assert runs(days) == [(dt.date(2024, 2, 27), dt.date(2024, 3, 2))]


def test_no_more_ranges_than_a_source_should_test() -> None:
    assert runs([start + n for start in range(0, 16_000, 1000) for n in range(10)]) is not None
    assert runs([start + n for start in range(0, 17_000, 1000) for n in range(10)]) is None


def test_the_crossover_counts_keys_and_the_rows_that_they_find() -> None:
    costs = KeyCosts(near=4, far=9, row=1)
    assert costs.worth(1_000_000, 1_000_000, costs.far) == 100_000
    assert costs.worth(1_000_000, 1_000_000, costs.near) == 200_000
    assert costs.worth(1_000_000, 100_000, costs.far) == 52_631
    assert costs.worth(1_000_000, 100_000, costs.far, are_grouped=True) == 52_631
    assert replace(costs, grouped=2).worth(1_000_000, 100_000, costs.far, are_grouped=True) == 68_965
    assert replace(costs, grouped=2).worth(1_000_000, 100_000, costs.far) == 52_631
    assert costs.worth(10, 1e9, costs.far) == 1
    assert costs.worth(0, 0, costs.near) == 1


def test_a_condition_for_each_kind_of_keys() -> None:
    for dialect in (PostgresDialect(), MysqlDialect(), SQLiteDialect()):
        arg = Operand("c", t.INT64)
        assert dialect.keys(arg, None) == "1 = 1"
        assert dialect.keys(arg, ()) == "1 = 0"
        assert dialect.keys(arg, (5,)) == "c = 5"
        assert dialect.keys(arg, KeyRange(1, 9)) == "c BETWEEN 1 AND 9"
        assert dialect.keys(arg, (1, 2, 3, 4, 9, 10, 11, 12, 13)) == "c BETWEEN 1 AND 4 OR c BETWEEN 9 AND 13"
    assert MysqlDialect().keys(Operand("c", t.INT64), (1, 7)) == "c IN (1, 7)"


def test_arrays_of_postgresql_hold_any_text() -> None:
    spelt = PostgresDialect().keys(Operand("c", t.TEXT, EXACT), ("", "a\\", 'b"', "c'", "{d,e}", "NULL"))
    assert spelt == """c = ANY ('{"","a\\\\","b\\"","c''","{d,e}","NULL"}'::text[])"""
    assert PostgresDialect().keys(Operand("c", t.TEXT, EXACT), ("a\0", "\0")) == "c = ANY ('{}'::text[])"
    assert PostgresDialect().keys(Operand("c", t.TEXT, EXACT), ("a\0",)) == "1 = 0"


def test_keys_of_several_columns_in_each_source_s_words() -> None:
    pair = [Operand("a", t.INT64), Operand("b", t.TEXT, EXACT)]
    keys = [(1, "x"), (2, "it's"), (3, "\0")]
    assert PostgresDialect().key_rows(pair, keys) == (
        """(a, b) IN (SELECT * FROM unnest('{1,2}'::int8[], '{"x","it''s"}'::text[]))"""
    )
    loose = [pair[0], Operand("b", t.TEXT, LOOSE)]
    assert MysqlDialect().key_rows(loose, keys[:2]) == "(a, b) IN ((1, 'x'), (2, 'it''s'))"
    greek = [pair[0], Operand("b", t.TEXT, Collation("greek_general_ci"))]
    assert "CONVERT(b USING utf8mb4) COLLATE" in MysqlDialect().key_rows(greek, keys[:2])
    assert SQLiteDialect().key_rows(pair, keys) == (
        "(a, b) IN (VALUES (1, 'x'), (2, 'it''s'), (3, CAST(x'00' AS TEXT)))"
    )
    for dialect in (PostgresDialect(), MysqlDialect(), SQLiteDialect()):
        assert dialect.key_rows(loose, []) == "1 = 0"


def test_texts_are_parted_only_where_each_row_stays_in_one_part() -> None:
    exact, loose = Operand("c", t.TEXT, EXACT), Operand("c", t.TEXT, LOOSE)
    assert PostgresDialect().key_part(exact, "a", "b") == ""
    assert PostgresDialect().key_part(loose, "a", "b") == "(c) COLLATE \"C\" BETWEEN 'a'::text AND 'b'::text"
    assert PostgresDialect(is_unicode=False).key_part(loose, "a", "b") is None
    assert MysqlDialect().key_part(loose, "a", "b") == "CAST(c AS BINARY) BETWEEN 'a' AND 'b'"
    assert SQLiteDialect().key_part(loose, "a", "b") is None
    assert SQLiteDialect().key_part(Operand("c", t.INT64), 1, 2) == ""


def test_decimals_in_several_spellings_take_no_keys() -> None:
    assert not SQLiteDialect().takes_keys(t.decimal(38, 18))
    assert SQLiteDialect().takes_keys(t.decimal(10, 2))
    assert not PostgresDialect().takes_keys(t.FLOAT64)


def test_wide_rows_are_worth_more_keys_but_never_more_than_there_are() -> None:
    costs = KeyCosts(near=4, far=9, row=1)
    assert (
        costs.worth(1_000_000, 1_000_000, costs.near, 1.0) == costs.worth(1_000_000, 1_000_000, costs.near) == 200_000
    )
    assert costs.worth(1_000_000, 1_000_000, costs.near, 4.0) == 500_000
    assert costs.worth(1_000_000, 1_000_000, costs.near, 1e6) < 1_000_000
