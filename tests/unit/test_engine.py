"""The Python API: opening, results in every form, settings, and sources that change or come back."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

import hanse
from hanse import Engine, HanseError
from hanse.errors import Cancelled, SourceUnreachable, StaleSnapshot, UnknownName, Unsupported, UserError
from tests.servers.databases import DatabaseFactory


class Wheel:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return 1_760_000_000.0 + self.time

    def monotonic(self) -> float:
        return self.time

    def new_id(self) -> str:
        return "0" * 32


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with contextlib.closing(sqlite3.connect(tmp_path / "ref.db")) as ref, ref:
        ref.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)")
        ref.executemany("INSERT INTO customers VALUES (?, ?)", [(1, "Ada"), (2, "Bo")])
    with duckdb.connect(str(tmp_path / "wh.duckdb")) as wh:
        wh.execute("CREATE TABLE orders AS SELECT i AS id, 1 + i % 2 AS customer FROM range(10) AS r(i)")
    (tmp_path / "hanse.yaml").write_text(
        "sources:\n  ref: {kind: sqlite, path: ref.db}\n  wh: {kind: duckdb, path: wh.duckdb}\n"
    )
    return tmp_path


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    with hanse.connect(folder / "hanse.yaml") as opened:
        yield opened


def test_what_hints_say_to_write_works(alone: Engine) -> None:
    """PostgreSQL: to_number('1,234.50', '9,999.99'), jsonb_set('{"kept": [1.50], "new": 0}', '{new}', '2')."""
    number = "SELECT replace('1,234.50', ',', '')::numeric(12,2)"
    assert alone.query(number).fetchall() == [(Decimal("1234.50"),)]
    document = """SELECT jsonb_build_object('kept', j -> 'kept', 'new', 2) FROM (VALUES ('{"kept": [1.50], "new": 0}'::jsonb)) t (j)"""
    assert alone.query(document).fetchall() == [('{"new": 2, "kept": [1.50]}',)]


@pytest.mark.parametrize("pushdown", ["on", "off"])
def test_a_bad_value_fails_only_what_reads_it(folder: Path, pushdown: str) -> None:
    with contextlib.closing(sqlite3.connect(folder / "ref.db")) as ref, ref:
        ref.execute("CREATE TABLE odd (size INTEGER, day DATE, note TEXT)")
        ref.executemany(
            "INSERT INTO odd VALUES (?, ?, ?)", [("big", "2024-01-01", "a"), (2, "soon", "b"), (3, None, "c")]
        )
    with hanse.connect(folder / "hanse.yaml") as engine:
        ask = partial(engine.query, settings={"pushdown": pushdown})
        assert ask("SELECT count(*) FROM ref.odd").to_arrow().to_pylist() == [{"count": 3}]
        assert ask("SELECT note FROM ref.odd ORDER BY 1").to_arrow()["note"].to_pylist() == ["a", "b", "c"]
        assert ask("SELECT 1 AS one FROM ref.odd AS a, ref.odd AS b").to_arrow().num_rows == 9
        for column in ("size", "day"):
            with pytest.raises(HanseError, match=f"column {column}"):
                ask(f"SELECT {column} FROM ref.odd").to_arrow()


@pytest.fixture(scope="module")
def alone() -> Iterator[Engine]:
    """An engine without sources."""
    with hanse.connect({}) as opened:
        yield opened


def rows(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    return engine.query(sql).fetchall()


JOIN = (
    "SELECT c.name, count(*) AS n FROM ref.customers c JOIN wh.orders o ON o.customer = c.id GROUP BY c.name ORDER BY 1"
)


def test_a_file_as_path_or_text_or_the_mapping_itself(
    folder: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rows(engine, JOIN) == [("Ada", 5), ("Bo", 5)]
    monkeypatch.chdir(folder)
    with hanse.connect() as found, hanse.connect(str(folder / "hanse.yaml")) as named:
        assert rows(found, JOIN) == rows(named, JOIN) == [("Ada", 5), ("Bo", 5)]
    with hanse.connect({"sources": {"ref": {"kind": "sqlite", "path": "ref.db"}}}) as given:
        assert given.catalog.sources == ("ref",)
        assert [str(table) for table in given.catalog.tables()] == ["ref.main.customers"]


def test_tables_of_a_source_that_is_not_there(engine: Engine) -> None:
    assert len(engine.catalog.tables("wh")) > 0
    with pytest.raises(UnknownName) as failure:
        engine.catalog.tables("reff")
    assert (failure.value.message, failure.value.hint) == ("there is no source reff", "did you mean ref?")


def test_a_wrong_setting_of_one_query_is_what_set_says(engine: Engine) -> None:
    for given, code in (({"pushdwn": "off"}, "42704"), ({"pushdown": "no"}, "22023"), ({"timezone": "Mars"}, "22023")):
        with pytest.raises(UserError) as failure:
            engine.query("SELECT 1", settings=given)
        assert failure.value.code == code


def test_a_closed_engine_can_be_closed_again(folder: Path) -> None:
    engine = hanse.connect(folder / "hanse.yaml")
    assert rows(engine, "SELECT 1") == [(1,)]
    engine.close()
    engine.close()


def test_a_result_in_every_form(engine: Engine) -> None:
    assert engine.query(JOIN).to_arrow().to_pylist() == [{"name": "Ada", "n": 5}, {"name": "Bo", "n": 5}]
    assert [batch.num_rows for batch in engine.query("SELECT id FROM wh.orders", settings={"batch_rows": 4})] == [
        4,
        4,
        2,
    ]
    assert pa.table(engine.query(JOIN)).num_rows == 2
    assert pa.RecordBatchReader.from_stream(engine.query(JOIN)).read_all().column_names == ["name", "n"]
    answer = engine.query(JOIN)
    reader = pa.RecordBatchReader.from_stream(answer)
    assert duckdb.from_arrow(reader).sum("n").fetchall() == [(10,)]
    assert answer.report.complete
    assert [column.name for column in engine.query(JOIN).columns] == ["name", "n"]


def test_the_report_says_who_sent_what(engine: Engine) -> None:
    with engine.query(JOIN) as answer:
        assert not answer.report.complete
        assert answer.fetchall()
    told = json.loads(json.dumps(answer.report.to_dict()))
    assert told["complete"] and told["rows"] == 2 and told["timezone"] == "UTC"
    by_name = {source["source"]: source for source in told["sources"]}
    assert by_name["ref"]["rows"] == 2 and by_name["ref"]["sql"].startswith("SELECT") and by_name["ref"]["bytes"] > 0
    assert by_name["wh"]["embedded"] and told["rows_moved"] >= 2
    assert set(told["stages_ms"]) == {"cache", "parse", "bind", "optimize", "split", "render"}


def test_closing_early_ends_the_query(engine: Engine) -> None:
    answer = engine.query(
        "SELECT a.id FROM wh.orders a, wh.orders b, wh.orders c, wh.orders d, wh.orders e, wh.orders f"
    )
    next(iter(answer))
    answer.close()
    answer.close()
    assert not answer.report.complete
    again = engine.query(JOIN)
    again.cancel()
    with pytest.raises(Cancelled):
        again.fetchall()
    assert rows(engine, "SELECT 1") == [(1,)]


def test_a_query_out_of_time(engine: Engine) -> None:
    slow = "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 1000000) b WHERE a * b = 7"
    with pytest.raises(Cancelled) as caught:
        engine.query(slow, settings={"statement_timeout": 0.3}).fetchall()
    assert caught.value.code == "57014"


def test_settings_of_a_query_and_of_the_session(alone: Engine) -> None:
    assert rows(alone, "SHOW timezone") == [(None,)]
    rows(alone, "SET timezone = 'Asia/Kolkata'")
    assert rows(alone, "SHOW TIME ZONE") == [("Asia/Kolkata",)]
    day = "SELECT (timestamptz '2026-01-01 20:00Z')::date::text"
    assert rows(alone, day) == [("2026-01-02",)]
    assert alone.query(day, settings={"timezone": "UTC"}).fetchall() == [("2026-01-01",)]
    rows(alone, "RESET timezone")
    assert rows(alone, day) == [("2026-01-01",)]
    rows(alone, "SET statement_timeout TO 5")
    assert ("statement_timeout", "5.0") in rows(alone, "SHOW ALL")
    rows(alone, "SET statement_timeout TO DEFAULT")
    for wrong in ("SET nothing = 1", "SET pushdown = 'maybe'", "SET timezone = 'Nowhere'", "SHOW nothing"):
        with pytest.raises(UserError):
            alone.query(wrong)
    with pytest.raises(UnknownName):
        alone.query("SELECT 1", settings={"nothing": 1})


def test_show(engine: Engine) -> None:
    assert [row[:2] for row in rows(engine, "SHOW SOURCES")] == [("ref", "sqlite"), ("wh", "duckdb")]
    assert [row[2] for row in rows(engine, "SHOW TABLES FROM ref")] == ["customers"]
    assert [row[0] for row in rows(engine, "SHOW COLUMNS FROM wh.orders")] == ["id", "customer"]
    assert rows(engine, "EXPLAIN (FORMAT json) SELECT 1")[0][0].startswith("{")  # type: ignore[attr-defined]


def test_repeated_names_no_rows_and_no_columns(alone: Engine) -> None:
    twice = alone.query("SELECT 1 AS a, 2 AS a").to_arrow()
    assert twice.column_names == ["a", "a"] and [column.to_pylist() for column in twice.columns] == [[1], [2]]
    empty = alone.query("SELECT 1 AS a, 'x' AS b WHERE false")
    assert empty.to_arrow().schema == pa.schema([("a", pa.int32()), ("b", pa.string())])
    assert empty.report.complete
    assert rows(alone, "SET batch_rows = 7") == [] and rows(alone, "RESET batch_rows") == []
    with pytest.raises(Unsupported):
        alone.query("SELECT")


def test_moments_that_python_cannot_hold_are_an_error_and_arrow_has_them(alone: Engine) -> None:
    with pytest.raises(HanseError) as caught:
        rows(alone, "SELECT DATE '20000-01-01' AS far")
    assert caught.value.code == "22008" and "far" in caught.value.message
    assert alone.query("SELECT DATE '20000-01-01' AS far").to_arrow().num_rows == 1


def test_a_table_made_later_is_found(folder: Path) -> None:
    wheel = Wheel()
    with Engine(folder / "hanse.yaml", wheel) as engine:
        with pytest.raises(HanseError, match="does not exist"):
            engine.query("SELECT * FROM ref.later")
        with contextlib.closing(sqlite3.connect(folder / "ref.db")) as ref, ref:
            ref.execute("CREATE TABLE later AS SELECT 42 AS answer")
        with pytest.raises(HanseError, match="does not exist"):
            engine.query("SELECT * FROM ref.later")  # asked too soon: one mistyped name must not keep the sources busy
        wheel.time += 2
        assert rows(engine, "SELECT * FROM ref.later") == [(42,)]
        with contextlib.closing(sqlite3.connect(folder / "ref.db")) as ref, ref:
            ref.execute("CREATE TABLE latest AS SELECT 43 AS answer")
        engine.catalog.refresh("ref")
        assert rows(engine, "SELECT * FROM ref.latest") == [(43,)]


def test_a_source_that_comes_back_is_used_again(folder: Path) -> None:
    wheel = Wheel()
    (folder / "ref.db").rename(folder / "away.db")
    with Engine(folder / "hanse.yaml", wheel) as engine:
        with pytest.raises(SourceUnreachable) as caught:
            engine.query("SELECT * FROM ref.customers")
        assert (caught.value.source, caught.value.position) == ("ref", 14)
        assert rows(engine, "SELECT count(*) FROM orders") == [(10,)]
        assert engine.catalog.failure("ref") is not None and engine.catalog.failure("wh") is None
        (folder / "away.db").rename(folder / "ref.db")
        wheel.time += 2
        assert rows(engine, JOIN) == [("Ada", 5), ("Bo", 5)]
        assert engine.catalog.failure("ref") is None


def test_a_file_that_was_replaced_is_read_anew_or_refused(folder: Path) -> None:
    with hanse.connect(folder / "hanse.yaml") as engine:
        assert rows(engine, "SELECT count(*) FROM ref.customers") == [(2,)]
        with contextlib.closing(sqlite3.connect(folder / "ref.db")) as ref, ref:
            ref.execute("DROP TABLE customers")
            ref.execute("CREATE TABLE customers (id TEXT, name TEXT)")
            ref.execute("INSERT INTO customers VALUES ('one', 'Ada')")
        assert rows(engine, "SELECT name FROM ref.customers") == [("Ada",)]
        with pytest.raises(HanseError) as caught:
            rows(engine, "SELECT id + 1 FROM ref.customers")
        assert caught.value.code == "42883"  # it is text now


def test_a_table_that_was_altered_is_answered_by_one_new_plan(pg_database: DatabaseFactory) -> None:
    database = pg_database()
    database.run("CREATE TABLE t (id integer, name text)", "INSERT INTO t VALUES (1, 'a')")
    with hanse.connect({"sources": {"pg": {"kind": "postgres", "url": database.url}}}) as engine:
        assert rows(engine, "SELECT * FROM pg.t") == [(1, "a")]
        database.run("ALTER TABLE t RENAME COLUMN name TO title")
        with pytest.raises(HanseError) as caught:
            rows(engine, "SELECT name FROM pg.t")
        assert caught.value.code in ("42703", StaleSnapshot.sqlstate)
        assert rows(engine, "SELECT title FROM pg.t") == [("a",)]
        database.run("ALTER TABLE t ALTER COLUMN id TYPE bigint", "INSERT INTO t VALUES (5000000000, 'b')")
        with contextlib.suppress(StaleSnapshot):  # its columns' types were promised before the change was seen
            rows(engine, "SELECT id FROM pg.t ORDER BY id")
        assert rows(engine, "SELECT id FROM pg.t ORDER BY id") == [(1,), (5_000_000_000,)]
        database.run("ALTER TABLE t DROP COLUMN title", "ALTER TABLE t ADD COLUMN extra date")
        assert rows(engine, "SELECT id FROM pg.t ORDER BY id LIMIT 1") == [(1,)]
