"""Shipped keys of several columns change no answer: every type beside every kind of text, in one statement and in many, at
every kind of join; and servers find them by an index."""

from pathlib import Path

import pytest

from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.engine import Engine
from hanse.ir import types as t
from hanse.ir.tables import Collation
from hanse.spi.dialect import Operand
from tests.contract.shipping.runs import ROWS, VALUES, both, config, rows_of, target
from tests.servers.databases import Database, DatabaseFactory

PAIRS = [("pg", "my"), ("my", "pg"), ("lite", "my"), ("my", "lite"), ("pg", "lite"), ("lite", "pg")]


@pytest.mark.parametrize("column", VALUES)
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_every_type(engine: Engine, batched: bool, one: str, other: str, column: str) -> None:
    if column in ("u", "m") and "lite" in (one, other):
        one, other = "pg", "my"  # the file's are no such values, or may only be read
    beside = "t" if column == "i" else "i"
    sql = f"SELECT a.id AS one, b.id AS two FROM {one}.t AS a JOIN {other}.t AS b ON a.{column} = b.{column}"
    report = both(engine, f"{sql} AND a.{beside} = b.{beside} WHERE a.id < 90")
    places = [list(VALUES).index(name) + 1 for name in (column, beside)]
    seen = target(report)
    assert seen["keys"] == [len({tuple(row[place] for place in places) for row in ROWS[:80]})]
    assert (seen["statements"] > 1) == batched


@pytest.mark.parametrize(
    "table", ["pg.x.plain", "pg.x.loose", "pg.x.padded", "pg.x.c", "my.x.plain", "my.x.padded", "my.x.exact", "my.x.loose",
              "my.latin.t", "my.greek.t", "lite.x.loose", "lite.t.t"]
)  # fmt: skip
@pytest.mark.parametrize("origin", ["pg", "my", "lite"])
def test_texts_under_every_collation(engine: Engine, batched: bool, table: str, origin: str) -> None:
    source, name, column = table.split(".")
    if source == origin:
        return
    sql = f"SELECT a.id AS one, b.id AS two FROM {origin}.t AS a JOIN {source}.{name} AS b ON a.t = b.{column} AND a.id = b.id"
    assert (target(both(engine, sql))["statements"] > 1) == batched


@pytest.mark.parametrize(
    ("origin", "table", "columns"),
    [
        *(("my", "pg.x", pair) for pair in (("plain", "loose"), ("loose", "padded"), ("loose", "c"))),
        *(("pg", "my.x", pair) for pair in (("plain", "loose"), ("loose", "exact"), ("padded", "plain"))),
    ],
)
def test_two_texts_that_a_source_compares_in_two_ways(
    engine: Engine, batched: bool, origin: str, table: str, columns: tuple[str, str]
) -> None:
    first, second = columns
    sql = f"SELECT a.id AS one, b.id AS two FROM {origin}.t AS a JOIN {table} AS b ON a.t = b.{first} AND a.t = b.{second}"
    report = target(both(engine, sql))
    assert (report["statements"] > 1) == batched
    assert report["keys"] == [len(set(VALUES["t"]))]


@pytest.mark.parametrize(("origin", "source"), [("my", "pg"), ("my", "lite"), ("lite", "my"), ("lite", "pg")])
def test_texts_with_a_nul(engine: Engine, batched: bool, origin: str, source: str) -> None:
    table = "nul" if source != "pg" else "x"
    column = "t" if source != "pg" else "c"
    target(
        both(
            engine,
            f"SELECT b.{column} FROM {origin}.nul AS a JOIN {source}.{table} AS b ON a.t = b.{column} AND a.t = b.{column}",
        )
    )
    sql = f"SELECT b.id FROM (SELECT t, 1 AS n FROM {origin}.nul) AS a JOIN {source}.t AS b ON a.t = b.t AND a.n = b.id"
    both(engine, sql)


def test_integers_of_other_widths(engine: Engine, batched: bool) -> None:
    sql = "SELECT a.id AS one, b.id AS two FROM {} AS a JOIN {} AS b ON a.{} = b.{} AND a.id = b.id"
    for column in ("u", "s"):
        both(engine, sql.format("pg.t", "my.whole", "i", column))
        both(engine, sql.format("my.whole", "pg.t", column, "i"))


@pytest.mark.parametrize("kind", ["LEFT", "RIGHT", "FULL"])
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_outer_joins(engine: Engine, batched: bool, kind: str, one: str, other: str) -> None:
    both(
        engine,
        f"SELECT a.id AS one, b.id AS two FROM {one}.t AS a {kind} JOIN {other}.t AS b ON a.t = b.t AND a.i = b.i",
    )


@pytest.mark.parametrize("word", ["EXISTS", "NOT EXISTS"])
def test_semi_and_anti_joins(engine: Engine, batched: bool, word: str) -> None:
    for one, other in PAIRS:
        inner = f"SELECT 1 FROM {other}.t AS b WHERE b.t = a.t AND b.d = a.d AND b.id > 5"
        both(engine, f"SELECT a.id FROM {one}.t AS a WHERE {word} ({inner})")


def test_rows_of_values_by_in(engine: Engine, batched: bool) -> None:
    for one, other in PAIRS:
        both(
            engine,
            f"SELECT a.id FROM {one}.t AS a WHERE (a.t, a.i) IN (SELECT b.t, b.i FROM {other}.t AS b WHERE b.id < 9)",
        )


def test_rows_through_groups(engine: Engine, batched: bool) -> None:
    for one, other in PAIRS:
        grouped = f"(SELECT t, i, count(*) AS c FROM {other}.t GROUP BY t, i) AS b"
        both(engine, f"SELECT a.id, b.c FROM {one}.t AS a JOIN {grouped} ON a.t = b.t AND a.i = b.i")


# -- what servers make of them

SIZE = 100_000
EXACT = Collation("C", equal_is_bytewise=True, order_is_codepoint=True)
ASKED = [(n, f"p{n % 7}") for n in range(1, SIZE, 499)]


def test_postgresql_looks_rows_up(pg_database: DatabaseFactory) -> None:
    database = pg_database()
    database.run(
        f"CREATE TABLE w AS SELECT i AS a, 'p' || i % 7 AS b, i AS v FROM generate_series(1, {SIZE}) AS i",
        "ALTER TABLE w ADD PRIMARY KEY (b, a)",
        "VACUUM ANALYZE w",
    )
    operands = [Operand("a", t.INT32), Operand("b", t.TEXT, EXACT)]
    condition = PostgresDialect().key_rows(operands, ASKED)
    plan = "\n".join(str(row[0]) for row in database.rows(f"EXPLAIN SELECT v FROM w WHERE {condition}"))
    assert "Index Scan" in plan, plan
    assert database.rows(f"SELECT count(*) FROM w WHERE {condition}") == [(len(ASKED),)]


def test_mysql_looks_rows_up(mysql_database: DatabaseFactory) -> None:
    database = mysql_database()
    database.run(
        f"CREATE TABLE w (a int, b varchar(9), v int, PRIMARY KEY (b, a)) AS SELECT seq AS a, concat('p', seq % 7) AS b, "
        f"seq AS v FROM seq_1_to_{SIZE}",
        "ANALYZE TABLE w",
    )
    operands = [Operand("a", t.INT32), Operand("b", t.TEXT, Collation("utf8mb4_general_ci"))]
    condition = MysqlDialect().key_rows(operands, ASKED)
    before = dict(database.rows("SHOW STATUS LIKE 'Handler_read%'"))
    assert database.rows(f"SELECT count(*), sum(v) FROM w WHERE {condition}") == [
        (len(ASKED), sum(a for a, _ in ASKED))
    ]
    plan = str(database.rows(f"EXPLAIN SELECT v FROM w WHERE {condition}"))
    assert "PRIMARY" in plan, (plan, before)


def test_few_of_many_rows_move(
    pg: Database, my: Database, file: Path, pg_database: DatabaseFactory, mysql_database: DatabaseFactory
) -> None:
    """Neither part of the keys narrows much, both together do."""
    here, there = pg_database(), mysql_database()
    here.run(f"CREATE TABLE w AS SELECT i / 300 AS a, i % 300 AS b, i AS v FROM generate_series(0, {SIZE}) AS i")
    here.run("ALTER TABLE w ADD PRIMARY KEY (a, b)", "ANALYZE w")
    there.run(
        f"CREATE TABLE w (a int, b int, v int, PRIMARY KEY (a, b)) AS SELECT seq DIV 300 AS a, seq % 300 AS b, seq AS v "
        f"FROM seq_0_to_{SIZE}",
        "ANALYZE TABLE w",
    )
    here.run("CREATE TABLE few AS SELECT i AS a, i AS b FROM generate_series(0, 299) AS i", "ANALYZE few")
    there.run("CREATE TABLE few AS SELECT seq AS a, seq AS b FROM seq_0_to_299", "ANALYZE TABLE few")
    with Engine(config(here, there, file)) as engine:
        for origin, source in (("pg", "my"), ("my", "pg")):
            sql = f"SELECT w.v FROM {origin}.few AS k JOIN {source}.w AS w ON w.a = k.a AND w.b = k.b"
            with engine.query(sql) as result:
                assert sorted(rows_of(result)) == [(301 * n,) for n in range(300)]
            seen = target(result.report.to_dict())
            assert (seen["rows"], seen["keys"]) == (300, [300])
