"""What the servers' own planners expect is what plans expect where they would guess; with nothing but EXPLAIN asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import hanse
from hanse.engine import Engine
from tests.servers.databases import DatabaseFactory

ROWS = 40_000
ASK = {"remote_estimates": "on"}


@pytest.fixture(scope="module")
def engine(pg_database: DatabaseFactory, mysql_database: DatabaseFactory) -> Iterator[Engine]:
    pg, my = pg_database(), mysql_database()
    pg.run(
        "CREATE TABLE t (id int PRIMARY KEY, k int, s text)",
        f"INSERT INTO t SELECT i, i % 1000, 'name ' || i FROM generate_series(1, {ROWS}) AS r(i)",
        "CREATE INDEX ON t ((k * 2))",
        "ANALYZE t",
    )
    my.run(
        "CREATE TABLE u (id int PRIMARY KEY, k int, s varchar(40), KEY (k))",
        f"INSERT INTO u SELECT seq, seq % 1000, concat('name ', seq) FROM seq_1_to_{ROWS}",
        "ANALYZE TABLE u",
    )
    sources = {"pg": {"kind": "postgres", "url": pg.url}, "my": {"kind": "mysql", "url": my.url}}
    with hanse.connect({"sources": sources}) as opened:
        yield opened


def expected(engine: Engine, sql: str, params: list[object] | None = None, **settings: str) -> tuple[float, bool]:
    """What EXPLAIN expects of the first fragment, and whether it is a guess."""
    text = engine.explain(sql, params=params, settings=settings)
    line = next(line for line in text.splitlines() if line.startswith("f0 "))
    return float(line.partition("~")[2].split()[0].replace(",", "")), "a guess" in line


@pytest.mark.postgres
@pytest.mark.mysql
def test_postgresql_knows_what_an_expression_comes_to(engine: Engine) -> None:
    sql = "SELECT id FROM pg.t WHERE k * 2 = 14"
    assert expected(engine, sql)[1]
    rows, is_guess = expected(engine, sql, **ASK)
    assert rows == pytest.approx(ROWS / 1000, rel=0.5)
    assert not is_guess
    assert engine.query(sql, None, ASK).fetchall() == [(i,) for i in range(7, ROWS, 1000)]


@pytest.mark.postgres
@pytest.mark.mysql
def test_parameters_have_the_values_of_the_first_run(engine: Engine) -> None:
    sql = "SELECT id FROM pg.t WHERE k * 2 = $1 AND s LIKE '%1'"
    assert expected(engine, sql, [14])[1]
    assert not expected(engine, sql, [14], **ASK)[1]
    assert expected(engine, sql, [None], **ASK)[0] >= 0


@pytest.mark.postgres
@pytest.mark.mysql
def test_mariadb_is_believed_where_an_index_knows(engine: Engine) -> None:
    blind = "SELECT id FROM my.u WHERE s LIKE '%7%'"
    assert expected(engine, blind)[1]
    assert expected(engine, blind, **ASK)[1]  # it would look at all rows, and knows no more
    ranged = "SELECT id FROM my.u WHERE k BETWEEN 3 AND 5"
    rows, is_guess = expected(engine, ranged, **ASK)
    if not is_guess:
        assert rows == pytest.approx(ROWS * 3 / 1000, rel=1.0)


@pytest.mark.postgres
@pytest.mark.mysql
def test_keys_are_sent_where_a_source_expects_few(engine: Engine) -> None:
    sql = "SELECT u.s FROM pg.t JOIN my.u ON u.id = t.id WHERE t.k * 2 = 14"
    for settings in (ASK, {}):
        assert sorted(engine.query(sql, None, settings).fetchall()) == sorted(
            (f"name {i}",) for i in range(7, ROWS, 1000)
        )
    assert "keys k0" in engine.explain(sql, settings=ASK)
