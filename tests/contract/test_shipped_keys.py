"""Shipped keys change no answer: every type both ways on the real servers, with odd texts, under every kind of collation,
in one statement and in many; and no row comes twice where the server calls different keys equal."""

import datetime as dt
import json
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.connectors.sqlite.dialect import SQLiteDialect
from hanse.engine import Engine
from hanse.errors import ResourceLimit
from hanse.execute.result import ResultStream
from tests.servers.databases import Database, DatabaseFactory

TEXTS = [
    *("a", "A", "a ", " a", "ä", "Ä", "ss", "ß", "é", "e\u0301", "b", "B", "", " ", "  "),
    *(
        "a\\",
        "a'b",
        'a"b',
        '"',
        "'",
        "''",
        "\\",
        '\\"',
        "\\'",
        "a,b",
        "{a,b}",
        "{}",
        "NULL",
        "null",
        "\\N",
        "--",
        "/*",
        "$1",
    ),
    *("{0}", "%s", "a\tb", "a\nb", "😀", "%", "_", "a%", "x'61'", "'); DROP TABLE t; --", "1 = 1", "long " * 12),
]
WHOLE = [-(2**63), -(2**31), -5, -1, 0, 1, 2, 3, 4, 7, 100, 101, 102, 103, 2**31, 2**53 + 1, 2**63 - 1]
DAYS = [
    dt.date(1, 1, 1),
    dt.date(1999, 12, 31),
    *(dt.date(2024, 2, day) for day in range(26, 30)),
    dt.date(9999, 12, 31),
]
MOMENTS = [dt.datetime(2024, 2, 29, 23, 59, 59, 999999), dt.datetime(2024, 3, 1), dt.datetime(1000, 1, 1, 0, 0, 0, 1)]
NUMBERS = [Decimal("-99999999.99"), Decimal("0.00"), Decimal("0.01"), Decimal("1.10"), Decimal("12345678.90")]
UUIDS = [uuid.UUID(int=number) for number in (0, 1, 2**64, 2**128 - 1)]
VALUES: dict[str, list[Any]] = {"t": TEXTS, "i": WHOLE, "d": DAYS, "m": MOMENTS, "n": NUMBERS, "u": UUIDS}
ROWS = [
    (number, *(values[number % len(values)] if number < 80 else None for values in VALUES.values()))
    for number in range(82)
]


def insert(database: Database, table: str, rows: list[tuple[Any, ...]]) -> None:
    connection = database.connect()
    with connection, connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(rows[0]))
        cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.commit()


@pytest.fixture(scope="module")
def pg(pg_database: DatabaseFactory) -> Database:
    """Every type; text under a deterministic collation, one that ignores case, blank-padded, and C."""
    database = pg_database()
    database.run(
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
        "CREATE TABLE t (id int PRIMARY KEY, t text, i bigint, d date, m timestamp, n numeric(10,2), u uuid)",
    )
    insert(database, "t", ROWS)
    database.run(
        'CREATE TABLE x (id int PRIMARY KEY, plain varchar(80), loose text COLLATE loose, padded char(80), c text COLLATE "C")',
        "INSERT INTO x SELECT id, t, t, t, t FROM t",
    )
    return database


@pytest.fixture(scope="module")
def my(mysql_database: DatabaseFactory) -> Database:
    """Every type; text that ignores case, pads, does neither, in another character set, and with a NUL."""
    database = mysql_database()
    database.run(
        "CREATE TABLE t (id int PRIMARY KEY, t varchar(80), i bigint, d date, m datetime(6), n decimal(10,2), u uuid)",
    )
    insert(database, "t", [(*row[:-1], str(row[-1]) if row[-1] else None) for row in ROWS])
    database.run(
        "CREATE TABLE x (id int PRIMARY KEY, plain varchar(80), padded varchar(80) COLLATE utf8mb4_bin, "
        "exact varchar(80) COLLATE utf8mb4_nopad_bin, loose varchar(80) COLLATE utf8mb4_unicode_ci, KEY (plain), KEY (loose))",
        "INSERT INTO x SELECT id, t, t, t, t FROM t",
        "CREATE TABLE latin (id int PRIMARY KEY, t varchar(80) CHARACTER SET latin1, KEY (t))",
        "INSERT IGNORE INTO latin SELECT id, t FROM t WHERE t = CONVERT(CONVERT(t USING latin1) USING utf8mb4)",
        "CREATE TABLE greek (id int PRIMARY KEY, t varchar(80) CHARACTER SET greek, KEY (t))",
        "INSERT IGNORE INTO greek SELECT id, t FROM t WHERE t = CONVERT(CONVERT(t USING greek) USING utf8mb4)",
        "CREATE TABLE whole (id int PRIMARY KEY, u bigint unsigned, s tinyint, KEY (u))",
        f"INSERT INTO whole VALUES (1, {2**64 - 1}, -128), (2, {2**63}, 127), (3, 0, 0), (4, 7, 7), (5, NULL, NULL)",
        "CREATE TABLE nul (t varchar(9))",
    )
    insert(database, "nul", [("a\0",), ("\0",), ("a",)])
    return database


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "f.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, t TEXT, i INTEGER, d DATE, m TIMESTAMP, n DECIMAL(10,2), u TEXT)"
        )
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *row[:3],
                    str(row[3]) if row[3] else None,
                    row[4].isoformat(" ") if row[4] else None,
                    float(row[5]) if row[5] is not None else None,
                    str(row[6]),
                )
                for row in ROWS
            ],
        )
        connection.execute("CREATE TABLE x (id INTEGER PRIMARY KEY, loose TEXT COLLATE NOCASE)")
        connection.execute("INSERT INTO x SELECT id, t FROM t")
        connection.execute("CREATE TABLE nul (t TEXT)")
        connection.executemany("INSERT INTO nul VALUES (?)", [("a\0",), ("\0",), ("a",)])
    return path


@pytest.fixture(scope="module")
def engine(pg: Database, my: Database, file: Path) -> Iterator[Engine]:
    with Engine(config(pg, my, file)) as engine:
        yield engine


def config(pg: Database, my: Database, file: Path, **caps: object) -> dict[str, Any]:
    more = {"key_shipping": caps} if caps else {}
    return {
        "sources": {
            "pg": {"kind": "postgres", "url": pg.url, **more},
            "my": {"kind": "mysql", "url": my.url, **more},
            "lite": {"kind": "sqlite", "path": str(file), **more},
        }
    }


@pytest.fixture(params=["one statement", "batches"])
def batched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param == "batches":
        small(monkeypatch)
    return bool(request.param == "batches")


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three keys to a statement."""
    for dialect in (PostgresDialect, SQLiteDialect):
        monkeypatch.setattr(dialect, "key_costs", replace(dialect.key_costs, keys=3))
    costs = replace(MysqlDialect().key_costs, keys=3)
    monkeypatch.setattr(MysqlDialect, "key_costs", property(lambda _: costs, lambda *_: None), raising=False)


def rows_of(result: ResultStream) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.values()) for batch in result for row in batch.to_pylist()), key=repr)


def both(engine: Engine, sql: str) -> dict[str, Any]:
    """The report of the run with keys, whose answer is that of the run without any pushdown."""
    with engine.query(sql, settings={"pushdown": "off"}) as plain:
        expected = rows_of(plain)
    with engine.query(sql, settings={"key_shipping": "force"}) as shipped:
        assert rows_of(shipped) == expected
    found: dict[str, Any] = json.loads(json.dumps(shipped.report.to_dict(), default=str))
    return found


def target(report: dict[str, Any]) -> dict[str, Any]:
    return next(source for source in report["sources"] if source["keys"])


@pytest.mark.parametrize("column", VALUES)
@pytest.mark.parametrize(
    ("one", "other"), [("pg", "my"), ("my", "pg"), ("lite", "my"), ("my", "lite"), ("pg", "lite"), ("lite", "pg")]
)
def test_every_type(engine: Engine, batched: bool, one: str, other: str, column: str) -> None:
    if column == "u" and "lite" in (one, other):
        one, other = "pg", "my"
    report = both(
        engine,
        f"SELECT a.id AS one, b.id AS two FROM {one}.t AS a JOIN {other}.t AS b ON a.{column} = b.{column} WHERE a.id < 90",
    )
    seen = target(report)
    assert seen["keys"] == [len(set(VALUES[column]))]
    assert (seen["statements"] > 1) == (batched and column != "d") or column in ("u", "m", "n", "d")


@pytest.mark.parametrize(
    "table", ["pg.x.plain", "pg.x.loose", "pg.x.padded", "pg.x.c", "my.x.plain", "my.x.padded", "my.x.exact", "my.x.loose",
              "my.latin.t", "my.greek.t", "lite.x.loose", "lite.t.t"]
)  # fmt: skip
@pytest.mark.parametrize("origin", ["pg", "my", "lite"])
def test_texts_under_every_collation(engine: Engine, batched: bool, table: str, origin: str) -> None:
    source, name, column = table.split(".")
    if source == origin:
        return
    report = both(
        engine, f"SELECT a.id AS one, b.id AS two FROM {origin}.t AS a JOIN {source}.{name} AS b ON a.t = b.{column}"
    )
    whole = table == "lite.x.loose"
    assert target(report)["statements"] > 1 if batched and not whole else target(report)["statements"] == 1


@pytest.mark.parametrize(("origin", "source"), [("my", "pg"), ("my", "lite"), ("lite", "my"), ("lite", "pg")])
def test_texts_with_a_nul(engine: Engine, batched: bool, origin: str, source: str) -> None:
    table = "nul" if source != "pg" else "t"
    assert target(both(engine, f"SELECT b.t FROM {origin}.nul AS a JOIN {source}.{table} AS b ON a.t = b.t"))[
        "keys"
    ] == [3]


def test_integers_of_other_widths(engine: Engine, batched: bool) -> None:
    for column in ("u", "s"):
        both(engine, f"SELECT a.id AS one, b.id AS two FROM pg.t AS a JOIN my.whole AS b ON a.i = b.{column}")
        both(engine, f"SELECT a.id AS one, b.id AS two FROM my.whole AS a JOIN pg.t AS b ON a.{column} = b.i")


@pytest.mark.parametrize("kind", ["LEFT", "RIGHT"])
def test_outer_joins(engine: Engine, batched: bool, kind: str) -> None:
    both(engine, f"SELECT a.id AS one, b.id AS two FROM pg.x AS a {kind} JOIN my.x AS b ON a.plain = b.loose")


def test_aggregates_are_divided_by_group_and_limits_are_not(engine: Engine, batched: bool) -> None:
    grouped = "(SELECT plain, count(*) AS c FROM my.x GROUP BY plain) AS b"
    assert (
        target(both(engine, f"SELECT a.id, b.c FROM pg.t AS a JOIN {grouped} ON a.t = b.plain"))["statements"] > 1
    ) == batched
    first = "(SELECT plain, id FROM my.x ORDER BY id LIMIT 30) AS b"
    assert (
        target(both(engine, f"SELECT a.id AS one, b.id AS two FROM pg.t AS a LEFT JOIN {first} ON a.t = b.plain"))[
            "statements"
        ]
        == 1
    )


def test_two_keys_of_one_table(engine: Engine, batched: bool) -> None:
    report = both(engine, "SELECT a.id AS one, b.id AS two FROM pg.t AS a JOIN my.t AS b ON a.t = b.t AND a.i = b.i")
    assert (target(report)["statements"] > 1) == batched


def test_dense_keys_are_ranges(engine: Engine) -> None:
    for source in ("my", "pg", "lite"):
        origin = "pg" if source == "my" else "my"
        report = both(engine, f"SELECT b.id FROM {origin}.t AS a JOIN {source}.t AS b ON a.id = b.id WHERE a.id <> 40")
        assert "BETWEEN 0 AND 39" in target(report)["sql"]
        assert "BETWEEN 41 AND 81" in target(report)["sql"]
        assert target(report)["rows"] == 81


def test_an_index_finds_batches(pg: Database, my: Database, file: Path) -> None:
    """A tenth of the ids that are spread over 70 million numbers: only matches move, in as many statements as lists need."""
    rows = 210_000
    my.run(
        f"CREATE TABLE IF NOT EXISTS wide (id bigint PRIMARY KEY, v int) AS SELECT seq * 333 AS id, seq AS v FROM seq_1_to_{rows}",
        "ANALYZE TABLE wide",
    )
    pg.run(f"CREATE TABLE wide AS SELECT i * 333::bigint AS id, i AS v FROM generate_series(1, {rows}) AS i")
    pg.run("ALTER TABLE wide ADD PRIMARY KEY (id)", "ANALYZE wide")
    for database, made in ((my, f"SELECT seq * 3330 AS id FROM seq_1_to_{rows // 10}"),):
        database.run(f"CREATE TABLE IF NOT EXISTS few (id bigint) AS {made}", "ANALYZE TABLE few")
    pg.run(
        f"CREATE TABLE few AS SELECT i * 3330::bigint AS id FROM generate_series(1, {rows // 10}) AS i", "ANALYZE few"
    )
    with Engine(config(pg, my, file)) as engine:
        for origin, source, statements in (("pg", "my", 2), ("my", "pg", 1)):
            with engine.query(
                f"SELECT sum(w.v) FROM {origin}.few AS k JOIN {source}.wide AS w ON w.id = k.id"
            ) as result:
                assert rows_of(result) == [(sum(range(10, rows + 1, 10)),)]
            seen = target(result.report.to_dict())
            assert (seen["rows"], seen["keys"], seen["statements"]) == (rows // 10, [rows // 10], statements)


@pytest.mark.parametrize(
    ("caps", "said"),
    [
        ({"keys_max": 10}, "more than 10 of keys, which is more than key_shipping.keys_max"),
        ({"bytes_max": 60}, "key_shipping.bytes_max allows"),
        ({"batches_max": 2}, "statements of keys, which is more than key_shipping.batches_max"),
    ],
)  # fmt: skip
def test_caps(
    pg: Database, my: Database, file: Path, caps: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    sql = "SELECT a.id AS one, b.id AS two FROM pg.t AS a JOIN my.t AS b ON a.t = b.t"
    with Engine(config(pg, my, file, **caps)) as engine:
        assert target(both(engine, sql))["keys"] == [None]
    with (
        Engine(config(pg, my, file, **caps, over="fail")) as engine,
        pytest.raises(ResourceLimit, match=said) as refused,
    ):
        list(engine.query(sql, settings={"key_shipping": "force"}))
    assert (refused.value.source, refused.value.code) == ("my", "54000")
    assert "sources.my.key_shipping" in str(refused.value.hint)
