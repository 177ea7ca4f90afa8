"""Rows that are written into another source's query change no answer: every type, odd texts, NULL and duplicates, on the real
servers; and whatever does not fit, or cannot be written, is read as ever."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from hanse.engine import Engine
from hanse.errors import Cancelled
from hanse.execute.result import ResultStream
from tests.contract.shipping.runs import TEXTS
from tests.servers.databases import Database, DatabaseFactory

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
WHOLE = [-(2**63), -(2**31), -1, 0, 1, 2, 7, 2**31, 2**63 - 1]
NUMBERS = [Decimal("-99999999.99"), Decimal("0.00"), Decimal("0.01"), Decimal("12345678.90")]
FLOATS = [0.1, -0.5, 1e300, 5e-324, 123456789.123456789, 0.0]
DAYS = [dt.date(1, 1, 1), dt.date(1999, 12, 31), dt.date(2024, 2, 29), dt.date(9999, 12, 31)]
MOMENTS = [dt.datetime(2024, 2, 29, 23, 59, 59, 999999), dt.datetime(1000, 1, 1, 0, 0, 0, 1)]
VALUES: list[list[Any]] = [TEXTS, WHOLE, NUMBERS, FLOATS, DAYS, MOMENTS]
SMALL = [(i % 7, *(kind[i % len(kind)] for kind in VALUES)) for i in range(60)]
SMALL += [(3, *[None] * len(VALUES)), (None, *(kind[0] for kind in VALUES))]
LARGE = 20_000


@pytest.fixture(scope="module")
def shop(pg_database: DatabaseFactory) -> Database:
    found = pg_database()
    found.run(
        "CREATE TABLE items AS SELECT i AS id, CASE WHEN i % 11 <> 0 THEN i % 1009 END AS k, i % 5 AS kind, i % 100 AS v,"
        f" 'a' || i % 5003 AS t, i * 0.25::numeric(12, 2) AS price, repeat('x', 150) AS pad FROM generate_series(1, {LARGE}) AS g(i)",
        "CREATE TABLE more AS SELECT i AS k, i % 2 AS w, 'a' || i % 3 AS t FROM generate_series(0, 500) AS g(i)",
        "CREATE COLLATION loose (provider = icu, locale = 'en-US-u-ks-level2', deterministic = false)",
        "CREATE TABLE loosely (t text COLLATE loose, n int)",
        "INSERT INTO loosely VALUES ('A0', 1), ('a0', 2), ('a1', 3), ('A2 ', 4)",
        "ANALYZE",
    )
    return found


@pytest.fixture(scope="module")
def crm(mysql_database: DatabaseFactory) -> Database:
    found = mysql_database()
    found.run(
        "CREATE TABLE few (k INT, t TEXT CHARACTER SET utf8mb4, i BIGINT, n DECIMAL(10, 2), f DOUBLE, d DATE, m DATETIME(6))",
        "CREATE TABLE many (k INT, t VARCHAR(20))",
        "INSERT INTO many SELECT seq % 2000, CONCAT('a', seq % 997) FROM seq_1_to_5000",
        "CREATE TABLE kinds (k INT PRIMARY KEY, n DECIMAL(4, 2))",
        "INSERT INTO kinds SELECT seq, seq * 0.5 FROM seq_0_to_4",
        "ANALYZE TABLE kinds",
        "CREATE TABLE nothing (k INT, t VARCHAR(20))",
        "CREATE VIEW slow AS SELECT k, t, SLEEP(5) AS s FROM many LIMIT 100",
    )
    with found.connect() as connection:
        cursor = connection.cursor()
        cursor.executemany("INSERT INTO few VALUES (%s, %s, %s, %s, %s, %s, %s)", SMALL)
        connection.commit()
    return found


@pytest.fixture(scope="module")
def engine(shop: Database, crm: Database) -> Iterator[Engine]:
    plain = {"tls": {"mode": "disable"}}
    sources = {
        "shop": {"kind": "postgres", "url": shop.url, **plain},
        "crm": {"kind": "mysql", "url": crm.url, **plain},
    }
    with Engine({"sources": sources}) as one:
        yield one


def rows(result: ResultStream) -> list[str]:
    return sorted(repr(rounded(row)) for row in result.fetchall())


def by_statements(result: ResultStream) -> tuple[list[int], list[int]]:
    """Statements of each request to the small side's source, then to the larger one's: first what is read instead."""
    found = sorted(result.report.sources, key=lambda source: source.fragment)
    crm, shop = ([one.statements for one in found if one.source == source] for source in ("crm", "shop"))
    return crm, shop


def rounded(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The row with floats as they are whatever the order in which they were added."""
    return tuple(float(f"{value:.12g}") if isinstance(value, float) else value for value in row)


def shipped(engine: Engine, sql: str) -> bool:
    """Whether rows went to the larger source; the answer is that of reading both sides in any case."""
    result = engine.query(sql, settings={"key_shipping": "force"})
    found = rows(result)
    assert found == rows(engine.query(sql, settings={"key_shipping": "off"})), sql
    assert found == rows(engine.query(sql, settings={"pushdown": "off"})), sql
    _, (*others, last) = by_statements(result)
    return last == 1 and set(others) == {0}


@pytest.mark.parametrize("column", ["t", "i", "n", "f", "d", "m"])
def test_groups_by_every_type(engine: Engine, column: str) -> None:
    sql = f"SELECT few.{column}, kind, count(*), sum(v) FROM crm.few JOIN shop.items USING (k) GROUP BY 1, 2"
    assert shipped(engine, sql)


@pytest.mark.parametrize(
    "call", ["sum(v * n)", "min(t2)", "max(m)", "count(DISTINCT d)", "avg(price + n)", "sum(i / 1000)"]
)
def test_expressions_over_both_sides(engine: Engine, call: str) -> None:
    few = "(SELECT *, t AS t2 FROM crm.few)"
    assert shipped(engine, f"SELECT kind, {call} FROM {few} JOIN shop.items USING (k) GROUP BY 1")
    assert shipped(engine, f"SELECT {call} FROM {few} JOIN shop.items USING (k)") is ("DISTINCT" not in call)


def test_duplicates_and_nulls_of_the_small_side_are_kept(engine: Engine) -> None:
    assert shipped(engine, "SELECT few.k, count(*) FROM crm.few JOIN shop.items USING (k) GROUP BY 1")
    null_safe = "SELECT few.k, count(*) FROM crm.few JOIN shop.items i ON few.k IS NOT DISTINCT FROM i.k GROUP BY 1"
    assert shipped(engine, null_safe)


def test_the_first_rows_by_an_order(engine: Engine) -> None:
    sql = (
        "SELECT few.i, items.id FROM crm.few JOIN shop.items USING (k) WHERE few.n > 0 ORDER BY id DESC, i {} LIMIT 25"
    )
    for order in ("", "DESC NULLS LAST", "NULLS FIRST"):
        asked = sql.format(order)
        result = engine.query(asked, settings={"key_shipping": "force"})
        found = result.fetchall()
        assert found == engine.query(asked, settings={"pushdown": "off"}).fetchall()
        assert by_statements(result) == ([1], [0, 1])
        assert result.report.sources[-1].rows == 25
    texts = "SELECT few.t, items.id FROM crm.few JOIN shop.items USING (k) ORDER BY t DESC, id OFFSET 3 LIMIT 40"
    result = engine.query(texts, settings={"key_shipping": "force"})
    assert result.fetchall() == engine.query(texts, settings={"pushdown": "off"}).fetchall()
    assert by_statements(result) == ([1], [0, 1])


def test_several_tables_are_joined_through_the_small_one(engine: Engine) -> None:
    sql = (
        "SELECT items.id, more.w FROM crm.few JOIN shop.items USING (k) JOIN shop.more ON more.k = few.i"
        " WHERE items.id < 2000"
    )
    assert shipped(engine, sql)


def test_text_is_joined_where_equality_is_proven(engine: Engine) -> None:
    assert shipped(engine, "SELECT few.t, count(*) FROM crm.few JOIN shop.items i ON i.t = few.t || '' GROUP BY 1")
    many = "SELECT m.t, m.k, count(*) FROM (SELECT DISTINCT k, t FROM crm.many WHERE k < 60) m JOIN shop.items i ON i.t = m.t GROUP BY 1, 2"
    assert shipped(engine, many)


def test_text_under_a_collation_that_ignores_case_is_joined_here(engine: Engine) -> None:
    sql = "SELECT m.t, sum(n) FROM (SELECT DISTINCT k, t FROM crm.many) m JOIN shop.loosely l ON l.t = m.t GROUP BY 1"
    assert not shipped(engine, sql)


def test_more_rows_than_a_statement_takes_are_joined_here(engine: Engine) -> None:
    sql = "SELECT m.t, kind, count(*) FROM crm.many m JOIN shop.items USING (k) GROUP BY 1, 2"
    result = engine.query(sql, settings={"key_shipping": "force"})
    found = rows(result)
    assert by_statements(result) == ([1], [1, 0])
    assert [source.keys for source in result.report.sources if source.keys] == [[2000]]
    assert found == rows(engine.query(sql, settings={"pushdown": "off"}))


def test_no_rows_on_the_small_side_ask_nobody(engine: Engine) -> None:
    sql = "SELECT n.t, kind, count(*) FROM crm.nothing n JOIN shop.items USING (k) GROUP BY 1, 2"
    result = engine.query(sql, settings={"key_shipping": "force"})
    assert result.fetchall() == []
    assert by_statements(result) == ([1], [0, 0])
    single = "SELECT count(*), sum(v) FROM crm.nothing JOIN shop.items USING (k)"
    assert engine.query(single, settings={"key_shipping": "force"}).fetchall() == [(0, None)]


def test_values_that_cannot_be_written_are_joined_here(engine: Engine, crm: Database) -> None:
    crm.run(
        "DROP TABLE IF EXISTS odd", "CREATE TABLE odd (k INT, t VARCHAR(20))", "INSERT INTO odd VALUES (1, 'a\\0b')"
    )
    engine._store.refresh("crm")
    sql = "SELECT o.t, kind, count(*) FROM crm.odd o JOIN shop.items USING (k) GROUP BY 1, 2"
    result = engine.query(sql, settings={"key_shipping": "force"})
    found = rows(result)
    assert by_statements(result) == ([1], [1, 0])
    assert found == rows(engine.query(sql, settings={"pushdown": "off"}))


def test_both_alternatives_see_one_snapshot_and_use_one_connection(shop: Database, crm: Database) -> None:
    sources = {
        "shop": {"kind": "postgres", "url": shop.url, "connections": 1},
        "crm": {"kind": "mysql", "url": crm.url, "connections": 1},
    }
    sql = "SELECT few.i, kind, count(*) FROM crm.few JOIN shop.items USING (k) GROUP BY 1, 2"
    with Engine({"sources": sources}) as one:
        assert shipped(one, sql)
        result = one.query(sql, settings={"key_shipping": "force"})
        result.fetchall()
        assert all(source.snapshot is None for source in result.report.sources)


def test_cancelling_while_the_small_side_is_awaited(engine: Engine) -> None:
    sql = "SELECT s.t, kind, count(*) FROM crm.slow s JOIN shop.items USING (k) GROUP BY 1, 2"
    with pytest.raises(Cancelled, match="timeout"):
        engine.query(sql, settings={"key_shipping": "force", "statement_timeout": 0.5}).fetchall()


def test_explain_says_what_is_read_when(engine: Engine) -> None:
    sql = "SELECT few.i, kind, count(*) FROM crm.few JOIN shop.items USING (k) GROUP BY 1, 2"
    text = engine.explain(sql, analyze=True, settings={"key_shipping": "force"})
    assert re.search(r"with the rows of f(\d), at most 1,000 and 131,072 bytes; of more, f\d instead", text)
    assert re.search(r"only if the rows of f\d are too many for f2", text)


def test_statistics_decide(engine: Engine) -> None:
    sql = "SELECT kinds.n, sum(v * kinds.n), max(pad) FROM crm.kinds JOIN shop.items i ON i.kind = kinds.k GROUP BY 1"
    result = engine.query(sql)
    result.fetchall()
    assert by_statements(result) == ([1], [0, 1])
    single = engine.query("SELECT few.i, items.id FROM crm.few JOIN shop.items USING (k) WHERE items.id = 5")
    single.fetchall()
    assert len(single.report.sources) == 2


@pytest.fixture(scope="module")
def turned(shop: Database, crm: Database, engine: Engine) -> Engine:
    """The same the other way round: few rows at PostgreSQL, many at MariaDB."""
    shop.run(
        "CREATE TABLE little (k int, t text, i int8, n numeric(10, 2), f float8, d date, m timestamp)",
        "CREATE TABLE looser (k int, t text)",
    )
    with shop.connect() as connection:
        connection.cursor().executemany("INSERT INTO little VALUES (%s, %s, %s, %s, %s, %s, %s)", SMALL)
    crm.run(
        "CREATE TABLE goods (id INT PRIMARY KEY, k INT, kind INT, v INT, t VARCHAR(30) COLLATE utf8mb4_general_ci,"
        " l VARCHAR(30) CHARACTER SET latin1 COLLATE latin1_swedish_ci, price DECIMAL(12, 2), KEY by_t (t))",
        "INSERT INTO goods SELECT seq, IF(seq % 11 <> 0, seq % 1009, NULL), seq % 5, seq % 100,"
        f" IF(seq % 2, CONCAT('a', seq % 5003), CONCAT('A', seq % 5003)), CONCAT('x ', seq), seq * 0.25 FROM seq_1_to_{LARGE}",
        "UPDATE goods SET t = 'ä', l = 'ä' WHERE id < 5",
        "ANALYZE TABLE goods",
    )
    engine._store.refresh("shop")
    engine._store.refresh("crm")
    return engine


def shipped_back(engine: Engine, sql: str) -> bool:
    result = engine.query(sql, settings={"key_shipping": "force"})
    found = rows(result)
    assert found == rows(engine.query(sql, settings={"pushdown": "off"})), sql
    (*others, last), _ = by_statements(result)
    return last == 1 and set(others) == {0}


@pytest.mark.parametrize("column", ["t", "i", "n", "d", "m"])
def test_groups_by_every_type_in_mysql(turned: Engine, column: str) -> None:
    sql = (
        f"SELECT s.{column}, kind, count(*), sum(v), min(s.i) FROM shop.little s JOIN crm.goods USING (k) GROUP BY 1, 2"
    )
    assert shipped_back(turned, sql)


@pytest.mark.parametrize(
    "call", ["sum(v * n)", "min(s.t)", "max(m)", "count(DISTINCT d)", "max(price + n)", "max(goods.t)", "max(f)"]
)
def test_expressions_over_both_sides_in_mysql(turned: Engine, call: str) -> None:
    assert shipped_back(turned, f"SELECT kind, {call} FROM shop.little s JOIN crm.goods USING (k) GROUP BY 1")


@pytest.mark.parametrize("column", ["t", "l"])
def test_text_in_mysql_is_joined_by_its_bytes(turned: Engine, column: str) -> None:
    odd = "SELECT k, 'a' || k AS t FROM shop.little UNION SELECT k, t FROM shop.little"
    sql = f"SELECT s.t, s.k, count(*) FROM ({odd}) s JOIN crm.goods g ON g.{column} = s.t GROUP BY 1, 2"
    turned.query(sql, settings={"key_shipping": "force"}).fetchall()
    assert rows(turned.query(sql, settings={"key_shipping": "force"})) == rows(
        turned.query(sql, settings={"pushdown": "off"})
    )


def test_text_in_mysql_is_found_by_its_index(turned: Engine, crm: Database) -> None:
    sql = "SELECT s.k, count(*) FROM (SELECT DISTINCT k, 'a' || k AS t FROM shop.little) s JOIN crm.goods g ON g.t = s.t GROUP BY 1"
    result = turned.query(sql, settings={"key_shipping": "force"})
    assert rows(result) == rows(turned.query(sql, settings={"pushdown": "off"}))
    (sent,) = [one.sql for one in result.report.sources if one.source == "crm" and one.statements]
    with crm.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET NAMES utf8mb4")
        cursor.execute(f"EXPLAIN {sent}")
        assert "by_t" in [row[5] for row in cursor.fetchall()]


def test_the_first_rows_by_an_order_in_mysql(turned: Engine) -> None:
    sql = "SELECT s.t, s.i, g.id FROM shop.little s JOIN crm.goods g USING (k) ORDER BY t DESC, id, i DESC LIMIT 30"
    result = turned.query(sql, settings={"key_shipping": "force"})
    assert result.fetchall() == turned.query(sql, settings={"pushdown": "off"}).fetchall()
    assert by_statements(result) == ([0, 1], [1])


def test_text_that_is_too_long_for_mysql_to_group_is_joined_here(turned: Engine, shop: Database) -> None:
    shop.run(
        "TRUNCATE looser", "INSERT INTO looser VALUES (1, repeat('x', 20000) || 'a'), (2, repeat('x', 20000) || 'b')"
    )
    sql = "SELECT s.t, kind, count(*) FROM shop.looser s JOIN crm.goods USING (k) GROUP BY 1, 2"
    result = turned.query(sql, settings={"key_shipping": "force"})
    assert rows(result) == rows(turned.query(sql, settings={"pushdown": "off"}))
    assert by_statements(result) == ([1, 0], [1])
