"""SQLite: exact values or an error that names the row; and each pushed spelling gives what the coordinator's gives."""

from __future__ import annotations

import datetime as dt
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from hanse.connectors.sqlite import plugin
from hanse.connectors.sqlite.dialect import DIALECT, glob_pattern
from hanse.connectors.sqlite.reading import decode, from_rows
from hanse.errors import Cancelled, InvalidValue, SourceUnreachable, StaleSnapshot
from hanse.ir import types as t
from hanse.ir.expr import Column, Literal
from hanse.ir.request import Request, SqlText
from hanse.ir.tables import Table
from hanse.spi.connector import Connector, ReadContext
from hanse.spi.dialect import BYTEWISE, Operand, find
from hanse.spi.duckdb.dialect import DuckDBDialect
from tests.contract.reading import connect, read, run, table

LOCAL = DuckDBDialect()
GOOD = [
    ("INTEGER", "9223372036854775807", t.INT64, 2**63 - 1),
    ("tinyint", "-9223372036854775808", t.INT64, -(2**63)),
    ("REAL", "9e999", t.FLOAT64, float("inf")),
    ("DOUBLE PRECISION", "4.9e-324", t.FLOAT64, 4.9e-324),
    ("BOOLEAN", "1", t.BOOLEAN, True),
    ("VARCHAR(10)", "'é\U0001f600'", t.TEXT, "é\U0001f600"),
    ("TEXT", "42", t.TEXT, "42"),
    ("BLOB", "x'00ff'", t.BYTES, b"\x00\xff"),
    ("DATE", "'0001-01-01'", t.DATE, dt.date(1, 1, 1)),
    ("DATETIME", "'9999-12-31 23:59:59'", t.TIMESTAMP, dt.datetime(9999, 12, 31, 23, 59, 59)),
    ("TIME", "'23:59:59'", t.TIME, dt.time(23, 59, 59)),
    ("DECIMAL(15,2)", "9999999999999.99", t.decimal(15, 2), Decimal("9999999999999.99")),
    ("DECIMAL(10,2)", "'0.10'", t.decimal(10, 2), Decimal("0.10")),
    ("NUMERIC(30,4)", "123456789012.5", t.decimal(30, 4), Decimal("123456789012.5000")),
    ("NUMERIC", "0.1", t.decimal(38, 18), Decimal("0.1").quantize(Decimal("1e-18"))),
    ("JSON", """'{"a": 1}'""", t.JSON, '{"a": 1}'),
    ("STRING", "0.1", t.TEXT, "0.1"),
    ("", "'any'", t.TEXT, "any"),
]
BAD = [
    ("INTEGER", "'abc'", "'abc' (text) is not bigint"),
    ("INTEGER", "1.5", "1.5 (real) is not bigint"),
    ("INTEGER", "9223372036854775808", "is not bigint"),
    ("REAL", "'abc'", "'abc' (text) is not double precision"),
    ("TEXT", "x'00'", "X'00' (blob) is not text"),
    ("BLOB", "'abc'", "'abc' (text) is not bytea"),
    ("BOOLEAN", "2", "2 (integer) is not boolean"),
    ("DATE", "'2023-02-29'", "'2023-02-29' (text) is not date"),
    ("DATE", "2460000.5", "is not date"),
    ("DATE", "'01/02/2024'", "is not date"),
    ("TIMESTAMP", "1700000000", "1700000000 (integer) is not timestamp"),
    ("DECIMAL(10,2)", "1.005", "1.005 (real) is not numeric(10,2)"),
    ("DECIMAL(4,2)", "100", "100 (integer) is not numeric(4,2)"),
    ("DECIMAL(4,2)", "'abc'", "'abc' (text) is not numeric(4,2)"),
]


def make(path: Path, script: str) -> None:
    with sqlite3.connect(path) as db:
        db.executescript(script)
    db.close()


def source_of(folder: Path, script: str, **options: Any) -> Connector:
    make(folder / "x.db", script)
    return connect(plugin, folder, path="x.db", **options)


def both_ways(source: Connector, found: Table, *names: str) -> list[tuple[Any, ...]]:
    """Straight as Arrow, and row by row: which way is taken hangs on the table's size."""
    straight = read(source, found, *names)
    assert straight == read(source, replace(found, row_count=None), *names)
    return straight


@pytest.mark.parametrize("verify", [True, False])
def test_every_type_has_its_type_and_value(tmp_path: Path, verify: bool) -> None:
    columns = ", ".join(f"c{i} {good[0]}" for i, good in enumerate(GOOD))
    values = ", ".join(good[1] for good in GOOD)
    nulls = ", ".join("NULL" for _ in GOOD)
    source = source_of(
        tmp_path, f"CREATE TABLE g ({columns}); INSERT INTO g VALUES ({nulls}), ({values});", verify=verify
    )
    found = table(source.load_catalog(), "g")
    assert [column.type for column in found.columns] == [good[2] for good in GOOD]
    assert both_ways(source, found) == [(None,) * len(GOOD), tuple(good[3] for good in GOOD)]


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize(("declared", "value", "said"), BAD)
def test_a_value_of_another_type_is_an_error(
    tmp_path: Path, declared: str, value: str, said: str, verify: bool
) -> None:
    source = source_of(
        tmp_path, f"CREATE TABLE b (ok INT, c {declared}); INSERT INTO b VALUES (1, NULL), (2, {value});", verify=verify
    )
    found = table(source.load_catalog(), "b")
    assert found.column("c").no_pushdown is not None
    for way in (found, replace(found, row_count=None)):
        with pytest.raises(InvalidValue) as failure:
            read(source, way, "c")
        assert "table b, column c, rowid 2: " in str(failure.value)
        assert said in str(failure.value)
    assert both_ways(source, found, "ok") == [(1,), (2,)]


def test_options_for_values_of_another_type(tmp_path: Path) -> None:
    script = "CREATE TABLE b (i INT, d DATE, n NUMERIC); INSERT INTO b VALUES ('abc', 1700000000, 0.1), (1, '2024', 2);"
    source = source_of(tmp_path, script, as_text=["b.i"], dates="text", numeric="text")
    assert both_ways(source, table(source.load_catalog(), "b")) == [("abc", "1700000000", "0.1"), ("1", "2024", "2")]


def test_timestamps_of_other_iso_forms(tmp_path: Path) -> None:
    script = "CREATE TABLE b (ts TIMESTAMP); INSERT INTO b VALUES ('2024-01-01T10:00:00.123456'), ('2024-01-01 10:00');"
    source = source_of(tmp_path, script)
    found = table(source.load_catalog(), "b")
    assert both_ways(source, found) == [(dt.datetime(2024, 1, 1, 10, 0, 0, 123456),), (dt.datetime(2024, 1, 1, 10),)]
    assert found.column("ts").no_pushdown is not None


def test_first_batches_of_nulls(tmp_path: Path) -> None:
    script = (
        "CREATE TABLE n (t TEXT, i INT, r REAL, b BLOB);"
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 5000)"
        " INSERT INTO n SELECT NULL, NULL, NULL, NULL FROM r;"
        "INSERT INTO n VALUES ('x', 1, 0.5, x'01');"
    )
    source = source_of(tmp_path, script)
    assert both_ways(source, table(source.load_catalog(), "n"))[-1] == ("x", 1, 0.5, b"\x01")


def test_catalog(tmp_path: Path) -> None:
    source = source_of(
        tmp_path,
        """CREATE TABLE "od""d ta'ble" ("sel ect" INTEGER PRIMARY KEY, "Ä" TEXT NOT NULL UNIQUE, x INT, UNIQUE (x, "Ä"));
        INSERT INTO "od""d ta'ble" VALUES (1, 'x', 2);
        CREATE TABLE pk (a TEXT PRIMARY KEY, b TEXT COLLATE NOCASE);
        CREATE TABLE wr (a TEXT PRIMARY KEY, g INT AS (1) STORED) WITHOUT ROWID;
        CREATE VIEW v AS SELECT x * 2 AS twice, "Ä" FROM "od""d ta'ble";
        CREATE VIEW broken AS SELECT nope FROM pk;
        CREATE VIRTUAL TABLE words USING fts5(body); INSERT INTO words VALUES ('hello');""",
    )
    catalog = source.load_catalog()
    odd = table(catalog, "od\"d ta'ble")
    assert (odd.primary_key, set(odd.unique_keys), odd.row_count) == (("sel ect",), {("Ä",), ("x", "Ä")}, 1)
    assert [column.nullable for column in odd.columns] == [False, False, True]
    assert both_ways(source, odd) == [(1, "x", 2)]
    assert table(catalog, "pk").primary_key == (), "a text primary key may hold NULLs in SQLite"
    assert not table(catalog, "pk").column("b").collation.equal_is_bytewise
    assert table(catalog, "wr").primary_key == ("a",)
    assert table(catalog, "wr").column("g").type == t.INT64
    assert both_ways(source, table(catalog, "v")) == [(4, "x")]
    assert dict(table(catalog, "broken").details)["unavailable"] == "no such column: nope"
    assert both_ways(source, table(catalog, "words"), "body") == [("hello",)]
    assert not any(found.name.startswith("words_") for found in catalog.tables)


def test_files_that_are_not_there_or_not_sqlite(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match=r"there is no file .*none\.db"):
        connect(plugin, tmp_path, path="none.db").load_catalog()
    (tmp_path / "bad.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(SourceUnreachable, match="not a database"):
        connect(plugin, tmp_path, path="bad.db").load_catalog()


def test_the_source_cannot_be_written(tmp_path: Path) -> None:
    source = source_of(tmp_path, "CREATE TABLE a (i INT); INSERT INTO a VALUES (1);")
    found = table(source.load_catalog(), "a")
    with pytest.raises(Exception, match=r"readonly|syntax"):
        run(source, found, "DELETE FROM a RETURNING i", (Column(0, "i", t.INT64),))
    assert both_ways(source, found) == [(1,)]


class TestChange:
    def test_new_values_are_tested(self, tmp_path: Path) -> None:
        source = source_of(tmp_path, "CREATE TABLE a (i INT); INSERT INTO a VALUES (1);")
        found = table(source.load_catalog(), "a")
        make(tmp_path / "x.db", "INSERT INTO a VALUES (2);")
        assert read(source, found) == [(1,), (2,)]
        make(tmp_path / "x.db", "INSERT INTO a VALUES ('three');")
        with pytest.raises(StaleSnapshot):
            read(source, found)
        assert table(source.load_catalog(), "a").column("i").no_pushdown is not None

    def test_a_new_schema(self, tmp_path: Path) -> None:
        source = source_of(tmp_path, "CREATE TABLE a (i INT);")
        found = table(source.load_catalog(), "a")
        make(tmp_path / "x.db", "DROP TABLE a; CREATE TABLE a (i TEXT);")
        with pytest.raises(StaleSnapshot, match="schema has changed"):
            read(source, found)

    def test_one_session_sees_one_state(self, tmp_path: Path) -> None:
        source = source_of(tmp_path, "PRAGMA journal_mode = WAL; CREATE TABLE a (i INT); INSERT INTO a VALUES (1);")
        found = table(source.load_catalog(), "a")
        session = source.begin(ReadContext("ab", 2))
        request = Request(0, "src", SqlText(('SELECT i FROM "main"."a"',)), (Column(0, "i", t.INT64),), (found,))
        assert sum(batch.num_rows for batch in session.read(request, ())) == 1
        make(tmp_path / "x.db", "INSERT INTO a VALUES (2);")
        assert sum(batch.num_rows for batch in session.read(request, ())) == 1
        session.close()
        assert len(read(source, found)) == 2


def test_cancel(tmp_path: Path) -> None:
    script = (
        "CREATE TABLE a (i INT);"
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 20000) INSERT INTO a SELECT i FROM r;"
    )
    source = source_of(tmp_path, script)
    found = table(source.load_catalog(), "a")
    sql = "SELECT count(*) FROM a AS x, a AS y, a AS z WHERE x.i + y.i = z.i"
    session = source.begin(ReadContext("ab", 1))
    timer = threading.Timer(0.2, session.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(Cancelled):
        list(session.read(Request(0, "src", SqlText((sql,)), (Column(0, "n", t.INT64),), (found, found, found)), ()))
    assert time.monotonic() - began < 1.2
    timer.join()
    session.close()


TEXTS = [
    "",
    "a",
    "A",
    "ab",
    "aB",
    "b ",
    " b",
    "é",
    "É",
    "\U0001f600",
    "\uffff",
    "a%b",
    "a_b",
    "a*b",
    "[x]",
    "a\\b",
    "x'y",
    "z]",
]
NUMBERS = [0, 1, -1, 7, 2**31, -(2**31), 2**53 + 1, 2**63 - 1, -(2**63)]
PRICES = ["0.10", "0.30", "-0.01", "9999999999999.99", "1.15", "2.675", "0"]


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Connector, Table, duckdb.DuckDBPyConnection]]:
    """The same random rows in SQLite and in a DuckDB, with NULLs, duplicates, odd text and extreme numbers."""
    chance = random.Random(7)
    days = ["2024-02-29", "0001-01-01", "9999-12-31", "1582-10-10"]
    stamps = ["2024-02-29 10:00:00", "0001-01-01 00:00:00", "9999-12-31 23:59:59"]
    pools: list[list[Any]] = [TEXTS, TEXTS, NUMBERS, NUMBERS, [0.0, -1.5, 1e300, 0.1], [0, 1], days, stamps, PRICES]
    rows = [[chance.choice([*pool, None]) for pool in pools] for _ in range(400)]
    folder = tmp_path_factory.mktemp("sqlite")
    names = "s, s2, i, i2, f, b, d, ts, p"
    with sqlite3.connect(folder / "x.db") as db:
        db.execute(
            "CREATE TABLE w (s TEXT COLLATE NOCASE, s2 TEXT, i INT, i2 INT, f REAL,"
            " b BOOLEAN, d DATE, ts DATETIME, p DECIMAL(15,2))"
        )
        rows = [[*row[:8], "1.15" if row[8] == "2.675" else row[8]] for row in rows]
        db.executemany(f"INSERT INTO w ({names}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    db.close()
    local = duckdb.connect()
    local.execute(
        "CREATE TABLE w (s VARCHAR, s2 VARCHAR, i BIGINT, i2 BIGINT, f DOUBLE,"
        " b BOOLEAN, d DATE, ts TIMESTAMP, p DECIMAL(15,2))"
    )
    local.executemany("INSERT INTO w VALUES (?, ?, ?, ?, ?, ?::INT::BOOLEAN, ?, ?, ?)", rows)
    source = connect(plugin, folder, path="x.db")
    found = table(source.load_catalog(), "w")
    assert not any(column.no_pushdown for column in found.columns)
    yield source, found, local
    local.close()


def remote_operand(found: Table, name: str) -> Operand:
    column = found.column(name)
    return Operand((column.read_as or "{0}").replace("{0}", name), column.type, column.collation)


def constant(kind: t.Type, value: Any, remote: bool) -> Operand:
    literal = Literal(kind, value)
    sql = DIALECT.literal(literal) if remote else LOCAL.literal(literal)
    assert sql is not None
    return Operand(sql, kind, BYTEWISE, literal)


def text(value: str) -> tuple[t.Type, Any]:
    return (t.TEXT, value)


Argument = str | tuple[t.Type, Any]
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=", "is_distinct", "is_not_distinct")
PAIRS: list[tuple[Argument, Argument]] = [
    ("s", "s2"),
    ("s", text("a")),
    ("i", "i2"),
    ("i", (t.INT64, 2**53 + 1)),
    ("f", (t.FLOAT64, 0.1)),
    ("p", (t.decimal(15, 2), Decimal("1.15"))),
    ("d", (t.DATE, dt.date(1582, 10, 10))),
    ("ts", (t.TIMESTAMP, dt.datetime(2024, 2, 29, 10, 0, 0, 5))),
    ("b", (t.BOOLEAN, True)),
]
TRUTHS = ("is_true", "is_not_true", "is_false", "is_not_false", "not", "is_null", "is_not_null")
PATTERNS = ("a%", "%b", "_", "a\\%b", "%[x]%", "a*b", "", "%", "é", "a\\\\b", "%]")
SLICES: list[tuple[int, ...]] = [(1, 1), (2,), (9, 3), (1, 0)]
CALLS: list[tuple[str, t.Type, tuple[Argument, ...]]] = [
    *[(operator, t.BOOLEAN, pair) for operator in COMPARISONS for pair in PAIRS],
    *[(operator, t.BOOLEAN, ("b",)) for operator in TRUTHS],
    *[("like", t.BOOLEAN, ("s", text(pattern))) for pattern in PATTERNS],
    *[("starts_with", t.BOOLEAN, ("s", text(prefix))) for prefix in ("a", "", "[", "a*", "é", "a%")],
    *[("strpos", t.INT32, ("s", part)) for part in ("s2", text(""))],
    *[("substr", t.TEXT, ("s", *[(t.INT32, bound) for bound in bounds])) for bounds in SLICES],
    ("replace", t.TEXT, ("s", text("a"), text("xx"))),
    *[(trim, t.TEXT, ("s",)) for trim in ("btrim", "ltrim", "rtrim")],
    ("btrim", t.TEXT, ("s", text("ab"))),
    ("btrim", t.TEXT, ("s", text(""))),
    ("||", t.TEXT, ("s", "s2")),
    ("coalesce", t.TEXT, ("s", "s2")),
    ("coalesce", t.INT64, ("i", "i2")),
    *[("extract", t.decimal(10, 0), (text(f), column)) for f in ("year", "month", "day") for column in ("d", "ts")],
]


@pytest.mark.parametrize(("function", "kind", "args"), CALLS)
def test_functions_agree(twins: Any, function: str, kind: t.Type, args: tuple[Argument, ...]) -> None:
    source, found, local = twins
    sides = {}
    for remote, dialect in ((True, DIALECT), (False, LOCAL)):
        operands = [
            (remote_operand(found, arg) if remote else Operand(arg, found.column(arg).type, BYTEWISE))
            if isinstance(arg, str)
            else constant(*arg, remote)
            for arg in args
        ]
        rule = find(dialect.functions, function, operands)
        assert rule is not None
        sides[remote] = f"SELECT {rule.spell(operands)} FROM w"
    mine = run(source, found, sides[True], (Column(0, "x", kind),))
    theirs = local.execute(sides[False]).fetchall()
    assert [row[0] for row in mine] == [row[0] for row in theirs]


AGGREGATES = [
    ("count", t.INT64, "i"),
    ("count", t.INT64, "s"),
    ("min", t.TEXT, "s2"),
    ("max", t.TEXT, "s"),
    ("min", t.INT64, "i"),
    ("max", t.FLOAT64, "f"),
    ("max", t.decimal(15, 2), "p"),
    ("min", t.DATE, "d"),
    ("max", t.TIMESTAMP, "ts"),
    ("sum", t.decimal(38, 0), "i"),
    ("sum", t.decimal(38, 2), "p"),
    ("bool_and", t.BOOLEAN, "b"),
    ("bool_or", t.BOOLEAN, "b"),
]


@pytest.mark.parametrize(("function", "kind", "column"), AGGREGATES)
def test_aggregates_agree_by_exact_groups_and_in_exact_order(
    twins: Any, function: str, kind: t.Type, column: str
) -> None:
    source, found, local = twins
    operand, key = remote_operand(found, column), remote_operand(found, "s")
    rule = find(DIALECT.aggregates, function, [operand])
    assert rule is not None
    spelt = rule.spell([operand]).replace("{over}", "")
    order = DIALECT.sort_term(str(DIALECT.order_key(key)), True, False)
    sql = f"SELECT s, {spelt} FROM w GROUP BY {DIALECT.group_key(key)} ORDER BY {order}"
    mine = run(source, found, sql, (Column(0, "s", t.TEXT), Column(1, "x", kind)))
    cast = f"::{LOCAL.type_name(kind)}"
    theirs = local.execute(
        f"SELECT s, {function}({column}){cast} FROM w GROUP BY s ORDER BY s DESC NULLS LAST"
    ).fetchall()
    assert mine == theirs


def test_sums_beyond_64_bits_and_of_nothing(twins: Any) -> None:
    source, found, _ = twins
    rule = find(DIALECT.aggregates, "sum", [Operand("i", t.INT64)])
    assert rule is not None
    assert not rule.distinct
    spelt = rule.spell([Operand("9223372036854775807", t.INT64)]).replace("{over}", "")
    column = (Column(0, "x", t.decimal(38, 0)),)
    assert run(source, found, f"SELECT {spelt} FROM w", column) == [(Decimal(400 * (2**63 - 1)),)]
    assert run(source, found, f"SELECT {spelt} FROM w WHERE 0", column) == [(None,)]


def test_sums_in_two_parts_are_read_row_by_row_too() -> None:
    columns = (Column(0, "x", t.INT64), Column(1, "d", t.decimal(12, 2)))
    batch = decode(from_rows([("0:5", "1:7"), (None, None)], columns), columns, "f")
    assert batch.column(0).to_pylist() == [5, None]
    assert batch.column(1).to_pylist() == [Decimal(2**32 + 7) / 100, None]
    for stored in ("5", "x"):
        with pytest.raises(pa.ArrowException):
            from_rows([(stored, "0:0")], columns)


def test_what_is_not_sent() -> None:
    wide = Operand("x", t.decimal(20, 2))
    number = Operand("x", t.INT64)
    string = Operand("x", t.TEXT)
    for name in ("+", "-", "*", "/", "lower", "upper", "length", "ilike"):
        assert find(DIALECT.functions, name, [number, number]) is None
        assert find(DIALECT.functions, name, [string]) is None
    assert find(DIALECT.functions, "=", [wide, wide]) is None
    assert find(DIALECT.functions, "like", [string, string]) is None
    assert find(DIALECT.functions, "substr", [string, Operand("0", t.INT32, BYTEWISE, Literal(t.INT32, 0))]) is None
    assert find(DIALECT.aggregates, "sum", [Operand("x", t.FLOAT64)]) is None
    assert find(DIALECT.aggregates, "avg", [number]) is None
    assert DIALECT.literal(Literal(t.FLOAT64, float("nan"))) is None
    assert DIALECT.literal(Literal(t.TEXT, "a\0b")) is None
    assert DIALECT.cast(number, t.decimal(20, 0), False) is None
    assert glob_pattern("ends in escape\\") is None
    assert DIALECT.limit(None, "5", False) == "LIMIT -1 OFFSET 5"
