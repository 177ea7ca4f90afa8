"""A DuckDB file as a source: every type both ways, keys, views, and what goes wrong with files."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from hanse.connectors.duckdb import plugin
from hanse.errors import Cancelled, InvalidValue, SourceError, SourceUnreachable
from hanse.ir import types as t
from hanse.ir.expr import Column
from hanse.ir.request import Request, SqlText
from hanse.spi.connector import Connector, ReadContext
from tests.contract.reading import connect, read, read_in_place, run, table

UUID = "5f0c1234-0000-0000-0000-0123456789ab"
HUGE = 10**38 - 1
TYPED: list[tuple[str, str, t.Type, Any]] = [
    ("BOOLEAN", "true", t.BOOLEAN, True),
    ("TINYINT", "-128", t.INT8, -128),
    ("SMALLINT", "-32768", t.INT16, -32768),
    ("INTEGER", "-2147483648", t.INT32, -(2**31)),
    ("BIGINT", "-9223372036854775808", t.INT64, -(2**63)),
    ("UTINYINT", "255", t.UINT8, 255),
    ("USMALLINT", "65535", t.UINT16, 65535),
    ("UINTEGER", "4294967295", t.UINT32, 2**32 - 1),
    ("UBIGINT", "18446744073709551615", t.UINT64, 2**64 - 1),
    ("HUGEINT", str(-HUGE), t.decimal(38, 0), Decimal(-HUGE)),
    ("UHUGEINT", str(HUGE), t.decimal(38, 0), Decimal(HUGE)),
    ("DECIMAL(38,37)", "1." + "9" * 37, t.decimal(38, 37), Decimal("1." + "9" * 37)),
    ("FLOAT", "'inf'", t.FLOAT32, float("inf")),
    ("DOUBLE", "-4.9e-324", t.FLOAT64, -4.9e-324),
    ("VARCHAR", "'é\U0001f600'", t.TEXT, "é\U0001f600"),
    ("BLOB", "'\\x00\\xFF'", t.BYTES, b"\x00\xff"),
    ("DATE", "'0001-01-01'", t.DATE, dt.date(1, 1, 1)),
    ("DATE", "'1582-10-10'", t.DATE, dt.date(1582, 10, 10)),
    ("TIME", "'23:59:59.999999'", t.TIME, dt.time(23, 59, 59, 999999)),
    ("TIMESTAMP", "'9999-12-31 23:59:59.999999'", t.TIMESTAMP, dt.datetime(9999, 12, 31, 23, 59, 59, 999999)),
    ("TIMESTAMP_S", "'1969-12-31 23:59:59'", t.TIMESTAMP, dt.datetime(1969, 12, 31, 23, 59, 59)),
    ("TIMESTAMP_MS", "'2024-01-01 00:00:00.123'", t.TIMESTAMP, dt.datetime(2024, 1, 1, 0, 0, 0, 123000)),
    ("TIMESTAMP_NS", "'2024-01-01 00:00:00.123456'", t.TIMESTAMP, dt.datetime(2024, 1, 1, 0, 0, 0, 123456)),
    ("TIME_NS", "'10:00:00.5'", t.TIME, dt.time(10, 0, 0, 500000)),
    ("TIMESTAMPTZ", "'2024-07-01 00:00:00+02'", t.TIMESTAMPTZ, dt.datetime(2024, 6, 30, 22, tzinfo=dt.UTC)),
    ("TIMETZ", "'12:00:00+02'", t.TEXT, "12:00:00+02"),
    ("BIT", "'0101'", t.TEXT, "0101"),
    ("BIGNUM", "'" + "9" * 60 + "'", t.TEXT, "9" * 60),
    ("UUID", f"'{UUID.upper()}'", t.UUID, UUID),
    ("JSON", """'{"a": 12345678901234567890.10}'""", t.JSON, '{"a": 12345678901234567890.10}'),
    ("mood", "'a'", t.enum(("b", "a")), "a"),
    ("INTEGER[]", "[1, NULL]", t.array(t.INT32), [1, None]),
    ("INTEGER[2]", "[1, 2]", t.array(t.INT32), [1, 2]),
    ("VARCHAR[][]", "[['a'], []]", t.array(t.array(t.TEXT)), [["a"], []]),
    ("HUGEINT[]", f"[{HUGE}]", t.array(t.decimal(38, 0)), [Decimal(HUGE)]),
    ("UUID[]", f"['{UUID}']", t.array(t.UUID), [UUID]),
    ("STRUCT(x INTEGER, y mood[])", "{'x': 1, 'y': ['a']}", t.JSON, '{"x":1,"y":["a"]}'),
    ("MAP(VARCHAR, INTEGER)", "map {'k': 1}", t.JSON, '{"k":1}'),
    ("STRUCT(x INTEGER)[]", "[{'x': 1}]", t.JSON, '[{"x":1}]'),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("duckdb")
    with duckdb.connect(str(made / "wh.duckdb")) as db:
        db.execute("CREATE TYPE mood AS ENUM ('b', 'a')")
        columns = ", ".join(f"c{i} {typed[0]}" for i, typed in enumerate(TYPED))
        db.execute(f"CREATE TABLE typed ({columns})")
        db.execute(f"INSERT INTO typed VALUES ({', '.join(f'CAST({x[1]} AS {x[0]})' for x in TYPED)})")
        db.execute(f"INSERT INTO typed VALUES ({', '.join('NULL' for _ in TYPED)})")
        db.execute(
            "CREATE TABLE bad AS SELECT '2024-01-01 00:00:00.123456789'::TIMESTAMP_NS AS ns,"
            " 170141183460469231731687303715884105727::HUGEINT AS huge, 'infinity'::DATE AS d,"
            " '-infinity'::TIMESTAMP AS ts, '24:00:00'::TIME AS tm"
        )
        db.execute("CREATE SCHEMA sales")
        db.execute(
            "CREATE TABLE sales.k (a INTEGER, b VARCHAR UNIQUE, c INTEGER NOT NULL, PRIMARY KEY (a, b), UNIQUE (b, c))"
        )
        db.execute("INSERT INTO sales.k VALUES (1, 'x', 2)")
        db.execute("COMMENT ON TABLE sales.k IS 'the keys'")
        db.execute("COMMENT ON COLUMN sales.k.a IS 'first'")
        db.execute("CREATE VIEW sales.v AS SELECT a + 1 AS a1 FROM sales.k")
        db.execute("CREATE TABLE folded (t VARCHAR COLLATE NOCASE)")
        db.execute("INSERT INTO folded VALUES ('A'), ('a')")
        db.execute('CREATE TABLE "od""d \U0001f600 select" ("sel ect" INTEGER, "a""b" INTEGER)')
        db.execute('INSERT INTO "od""d \U0001f600 select" VALUES (1, 2)')
        db.execute(f"COPY (SELECT 42 AS secret) TO '{made}/outside.parquet'")
        db.execute(f"CREATE VIEW peek AS SELECT * FROM read_parquet('{made}/outside.parquet')")
        db.execute("CREATE TABLE many AS SELECT range AS i FROM range(200000)")
    return made


@pytest.fixture(scope="module")
def source(folder: Path) -> Iterator[Connector]:
    made = connect(plugin, folder, path="wh.duckdb")
    yield made
    made.close()


def test_every_type_has_its_type_and_value_both_ways(source: Connector) -> None:
    found = table(source.load_catalog(), "typed")
    assert [column.type for column in found.columns] == [typed[2] for typed in TYPED]
    wanted = [tuple(typed[3] for typed in TYPED), (None,) * len(TYPED)]
    assert read(source, found) == wanted
    assert read_in_place(source, found) == wanted


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("ns", "table main.bad, column ns: 2024-01-01 00:00:00.123456789 has digits beyond the microsecond"),
        ("huge", "column huge: 170141183460469231731687303715884105727 has more than 38 digits"),
        ("d", "column d holds infinity"),
        ("ts", "column ts holds infinity"),
        ("tm", "column tm holds 24:00:00"),
    ],
)
def test_a_value_that_does_not_fit_is_an_error(source: Connector, column: str, said: str) -> None:
    with pytest.raises(InvalidValue) as failure:
        read(source, table(source.load_catalog(), "bad"), column)
    assert said in str(failure.value)
    assert failure.value.source == "src"


def test_in_place_the_error_names_the_source(source: Connector) -> None:
    with pytest.raises(duckdb.Error, match=r"\[22003\] source src, table main.bad, column ns"):
        read_in_place(source, table(source.load_catalog(), "bad"), "ns")


def test_nanoseconds_as_text(folder: Path) -> None:
    source = connect(plugin, folder, path="wh.duckdb", nanoseconds="text")
    found = table(source.load_catalog(), "bad")
    assert read(source, found, "ns") == [("2024-01-01 00:00:00.123456789",)]
    source.close()


def test_keys_comments_and_views(source: Connector) -> None:
    catalog = source.load_catalog()
    keys = table(catalog, "k", "sales")
    assert keys.primary_key == ("a", "b")
    assert set(keys.unique_keys) == {("b",), ("b", "c")}
    assert [column.nullable for column in keys.columns] == [False, False, False]
    assert (keys.comment, keys.column("a").comment, keys.row_count) == ("the keys", "first", 1)
    view = table(catalog, "v", "sales")
    assert view.is_view
    assert read(source, view) == read_in_place(source, view) == [(2,)]


def test_text_compares_by_bytes_whatever_the_column_says(source: Connector) -> None:
    found = table(source.load_catalog(), "folded")
    form = (found.column("t").read_as or "{0}").replace("{0}", "t")
    count = (Column(0, "n", t.INT64),)
    assert run(source, found, f"SELECT count(DISTINCT {form}) FROM {found.relation}", count) == [(2,)]
    assert run(source, found, f"SELECT count(*) FROM {found.relation} WHERE {form} = 'a'", count) == [(1,)]


def test_odd_names(source: Connector) -> None:
    found = table(source.load_catalog(), 'od"d \U0001f600 select')
    assert read(source, found) == read_in_place(source, found) == [(1, 2)]


def test_a_view_cannot_read_other_files(source: Connector) -> None:
    found = table(source.load_catalog(), "peek")
    assert found.columns == ()
    assert "outside.parquet" in dict(found.details)["unavailable"]


def test_patterns_choose_tables(folder: Path) -> None:
    source = connect(plugin, folder, path="wh.duckdb", schemas=["sales"], tables=["k*"])
    assert [found.name for found in source.load_catalog().tables] == ["k"]
    source.close()


def test_a_source_named_like_duckdbs_own_catalogs(folder: Path) -> None:
    for name in ("memory", "temp", "system", "main"):
        source = plugin.connect(name, plugin.options.model_validate({"path": "wh.duckdb"}), folder)
        assert read_in_place(source, table(source.load_catalog(), "k", "sales"), "a") == [(1,)]
        source.close()


def test_missing_and_foreign_files(tmp_path: Path) -> None:
    with pytest.raises(SourceUnreachable, match=r"there is no file .*none\.duckdb"):
        connect(plugin, tmp_path, path="none.duckdb").load_catalog()
    (tmp_path / "x.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(SourceUnreachable, match="not a valid DuckDB database file"):
        connect(plugin, tmp_path, path="x.duckdb").load_catalog()


def test_a_truncated_file(folder: Path, tmp_path: Path) -> None:
    whole = (folder / "wh.duckdb").read_bytes()
    (tmp_path / "cut.duckdb").write_bytes(whole[:16384])
    source = connect(plugin, tmp_path, path="cut.duckdb")
    with pytest.raises(SourceError, match=r"cut\.duckdb"):
        read(source, table(source.load_catalog(), "many"))


def test_a_file_that_a_writer_holds(tmp_path: Path) -> None:
    path = tmp_path / "held.duckdb"
    hold = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"held\n"
        with pytest.raises(SourceUnreachable) as failure:
            connect(plugin, tmp_path, path="held.duckdb").load_catalog()
        writer.communicate(b"")
    assert "another process may have the file open for writing" in str(failure.value)


def test_a_replaced_file_is_read_anew(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "a.duckdb")) as db:
        db.execute("CREATE TABLE t AS SELECT 1 AS x")
    source = connect(plugin, tmp_path, path="a.duckdb")
    first = source.begin(ReadContext("ab", 1)).snapshot
    assert read(source, table(source.load_catalog(), "t")) == [(1,)]
    with duckdb.connect(str(tmp_path / "b.duckdb")) as db:
        db.execute("CREATE TABLE t AS SELECT 'two' AS x")
    (tmp_path / "b.duckdb").replace(tmp_path / "a.duckdb")
    assert read(source, table(source.load_catalog(), "t")) == [("two",)]
    assert source.begin(ReadContext("ab", 1)).snapshot != first
    source.close()


def test_cancel_ends_a_statement(source: Connector) -> None:
    found = table(source.load_catalog(), "many")
    session = source.begin(ReadContext("ab", 1, batch_rows=100))
    sql = f"SELECT a.i FROM {found.relation} a, {found.relation} b WHERE a.i + b.i = -1"
    batches = session.read(Request(0, "src", SqlText((sql,)), (Column(0, "i", t.INT64),), (found,)), ())
    timer = threading.Timer(0.2, session.cancel)
    timer.start()
    began = dt.datetime.now()
    with pytest.raises(Cancelled):
        list(batches)
    assert (dt.datetime.now() - began).total_seconds() < 1.2
    timer.join()
    session.close()
