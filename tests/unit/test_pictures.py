"""What answers over files are pictures of: whatever changes while it is read is never claimed, and refused where that matters."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from hanse.engine import Engine
from hanse.errors import HanseError, NotConsistent
from hanse.execute.memory import UNCOUNTED
from hanse.execute.queue import BatchQueue
from hanse.execute.report import Report
from hanse.ir.consistency import Consistency, Label, Level

ROWS = 400_000
Make = Callable[..., Engine]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of sources ``pages`` (Parquet), ``parts`` (a folder of two), ``ware`` (DuckDB) and ``till`` (SQLite)."""
    with duckdb.connect() as maker:
        rows = f"(SELECT i AS id, i * 2 AS n FROM range({ROWS}) AS r(i))"
        maker.execute(f"COPY {rows} TO '{tmp_path}/pages.parquet'")
        (tmp_path / "parts" / "all").mkdir(parents=True)
        for part in ("a", "b"):
            maker.execute(f"COPY (SELECT '{part}' AS name) TO '{tmp_path}/parts/all/{part}.parquet'")
    with duckdb.connect(str(tmp_path / "ware.duckdb")) as store:
        store.execute(f"CREATE TABLE goods AS SELECT i AS id FROM range({ROWS}) AS r(i)")
    with sqlite3.connect(tmp_path / "till.db") as store:
        store.execute("CREATE TABLE money (id INTEGER PRIMARY KEY, n INTEGER)")
        store.executemany("INSERT INTO money VALUES (?, ?)", [(id, 10) for id in range(100)])
    store.close()
    settle(tmp_path)
    return tmp_path


def settle(folder: Path) -> None:
    """Let the files be as old as they are after a while."""
    for path in folder.rglob("*"):
        if path.is_file():
            stat = path.stat()
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10**9))


@pytest.fixture
def engine(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """Over all of them; queues are full at once, so that nothing is read long before its reader takes it."""
    monkeypatch.setattr(BatchQueue.__init__, "__defaults__", (100_000, UNCOUNTED))
    sources = {
        "pages": {"kind": "files", "path": str(folder / "pages.parquet")},
        "parts": {"kind": "files", "path": str(folder / "parts")},
        "ware": {"kind": "duckdb", "path": str(folder / "ware.duckdb")},
        "till": {"kind": "sqlite", "path": str(folder / "till.db")},
    }
    with Engine({"sources": sources, "engine": {"threads": 1, "memory_limit": "300MB"}}) as engine:
        yield engine


def seen(report: Report) -> Consistency:
    assert report.consistency is not None
    return report.consistency


def replaced(path: Path) -> None:
    """Another file in the place of the old one, as careful writers do it."""
    fresh = path.with_name("fresh")
    fresh.write_bytes(path.read_bytes())
    os.replace(fresh, path)


QUERIES = {
    "pages": "SELECT id FROM pages.pages",
    "parts": 'SELECT name FROM parts."all"',
    "ware": "SELECT id FROM ware.goods",
    "till": "SELECT id FROM till.money",
    "parts, ware": 'SELECT g.id FROM ware.goods AS g JOIN parts."all" AS p ON g.id = length(p.name)',
    "pages, till, ware": "SELECT count(*) FROM pages.pages AS p JOIN ware.goods USING (id) JOIN till.money AS m USING (id)",
}
CLAUSES = ["", " REQUIRE SNAPSHOT", " MAX SKEW 20 s"]


@pytest.mark.parametrize("clause", CLAUSES)
@pytest.mark.parametrize("sources", QUERIES)
def test_what_stays_as_it_is(engine: Engine, sources: str, clause: str) -> None:
    for _ in range(2):
        result = engine.query(QUERIES[sources] + clause)
        result.to_arrow()
        found = seen(result.report)
        assert ", ".join(sorted(found.sources)) == sources
        assert found.label is (Label.PER_SOURCE if "," in sources else Label.ONE)
        assert (found.skew or 0.0) < 20
        for name, picture in found.sources.items():
            assert (picture.level, picture.verified) == (Level.SNAPSHOT, None if name == "till" else True)
            assert picture.token
            assert (picture.earliest or 0) <= (picture.latest or 0) <= time.time()


def changed_while_read(engine: Engine, sql: str, change: Callable[[], object], **settings: Any) -> Report:
    result = engine.query(sql, settings={"batch_rows": 1000, **settings})
    batches = iter(result)
    assert next(batches).num_rows
    change()
    pa.Table.from_batches(batches)
    return result.report


JOINED = "SELECT p.id FROM pages.pages AS p JOIN ware.goods AS g ON p.id = g.id"


@pytest.mark.parametrize("sql", [QUERIES["pages"], JOINED], ids=["alone", "in place"])
@pytest.mark.parametrize("change", [replaced, Path.touch], ids=["replaced", "written"])
def test_a_file_that_changes_while_it_is_read(
    engine: Engine, folder: Path, sql: str, change: Callable[[Path], object]
) -> None:
    path = folder / "pages.parquet"
    report = changed_while_read(engine, sql, lambda: change(path))
    picture = seen(report).sources["pages"]
    assert (picture.level, picture.verified, picture.why) == (Level.NONE, False, "it has changed while it was read")
    assert seen(report).label is (Label.NONE if "JOIN" not in sql else Label.MIXED)
    assert report.complete
    for clause in CLAUSES[1:]:
        settle(folder)
        with pytest.raises(NotConsistent, match="has changed while it was read") as caught:
            changed_while_read(engine, sql + clause, lambda: change(path))
        assert (caught.value.code, caught.value.source) == ("HC001", "pages")


def test_a_file_that_has_just_changed_may_change_again_unseen(engine: Engine, folder: Path) -> None:
    engine.catalog.tables()
    (folder / "pages.parquet").touch()
    result = engine.query(QUERIES["pages"] + " LIMIT 1")
    result.fetchall()
    late = time.time() - (folder / "pages.parquet").stat().st_mtime > 0.02
    assert late or seen(result.report).sources["pages"].why == "its files were changed a moment ago"


def test_a_file_that_comes_beside_others_while_they_are_read(engine: Engine, folder: Path) -> None:
    sql = 'SELECT p.name FROM parts."all" AS p CROSS JOIN pages.pages AS x'

    def add() -> None:
        replaced(folder / "parts" / "all" / "a.parquet")
        (folder / "parts" / "all" / "b.parquet").rename(folder / "parts" / "all" / "c.parquet")

    report = changed_while_read(engine, sql, add)
    assert seen(report).sources["parts"].level is Level.NONE
    assert seen(report).sources["pages"].is_snapshot


def test_many_files_are_looked_at_only_where_it_matters(engine: Engine, folder: Path) -> None:
    one = (folder / "parts" / "all" / "a.parquet").read_bytes()
    for number in range(100):
        (folder / "parts" / "all" / f"n{number}.parquet").write_bytes(one)
    settle(folder)
    engine.catalog.refresh()
    sql = 'SELECT count(*) FROM parts."all"'
    result = engine.query(sql)
    assert result.fetchall() == [(102,)]
    assert seen(result.report).label is Label.NONE
    assert "more than 64 files" in seen(result.report).sources["parts"].why
    result = engine.query(sql + " REQUIRE SNAPSHOT")
    assert result.fetchall() == [(102,)]
    assert str(seen(result.report).sources["parts"].token).startswith("102 files ")


@pytest.mark.parametrize("sql", [QUERIES["ware"], JOINED], ids=["alone", "in place"])
def test_a_database_file_that_was_replaced_is_not_the_one_that_is_open(engine: Engine, folder: Path, sql: str) -> None:
    """What an engine has open is not what stands there now: that is no snapshot, and where one is required it is read anew."""
    assert engine.query(sql).to_arrow().num_rows == ROWS
    path = folder / "ware.duckdb"
    with duckdb.connect(str(folder / "new.duckdb")) as store:
        store.execute("CREATE TABLE goods AS SELECT i AS id FROM range(5) AS r(i)")
    os.replace(folder / "new.duckdb", path)
    settle(folder)
    result = engine.query(sql)
    assert result.to_arrow().num_rows == ROWS
    assert not seen(result.report).sources["ware"].is_snapshot
    result = engine.query(sql + " REQUIRE SNAPSHOT")
    assert result.to_arrow().num_rows == 5
    assert seen(result.report).sources["ware"].verified


def test_sqlite_is_read_as_it_was(engine: Engine, folder: Path) -> None:
    """Money moves meanwhile, in a database that lets writers go on."""
    store = sqlite3.connect(folder / "till.db", isolation_level=None, check_same_thread=False)
    store.execute("PRAGMA journal_mode = WAL")
    engine.catalog.refresh()
    over = threading.Event()

    def move() -> None:
        while not over.is_set():
            store.execute("BEGIN")
            store.execute("UPDATE money SET n = n - 1 WHERE id = 1")
            store.execute("UPDATE money SET n = n + 1 WHERE id = 2")
            store.execute("COMMIT")
            time.sleep(0.002)

    writer = threading.Thread(target=move)
    writer.start()
    sql = "SELECT sum(a.n), sum(b.n) FROM till.money AS a JOIN till.money AS b ON a.id = b.id MAX SKEW 5 s"
    read = 0
    try:
        for _ in range(15):
            try:
                result = engine.query(sql, settings={"pushdown": "off"})
                assert result.fetchall() == [(1000, 1000)]
                assert (seen(result.report).label, seen(result.report).skew) == (Label.ONE, 0.0)
                read += 1
            except HanseError as failure:
                assert failure.code == "58000", "the file changes too fast to read it"  # noqa: PT017
    finally:
        over.set()
        writer.join()
        store.close()
    assert read


def test_system_tables_are_no_snapshot(engine: Engine) -> None:
    result = engine.query("SELECT count(*) FROM system.queries")
    result.fetchall()
    assert seen(result.report).sources["system"].level is Level.STATEMENT
    with pytest.raises(NotConsistent, match="captured one by one"):
        engine.query("SELECT count(*) FROM system.queries REQUIRE SNAPSHOT")


def test_nothing_is_read(engine: Engine) -> None:
    for sql in ("SELECT 1", "SELECT 1 REQUIRE SNAPSHOT MAX SKEW 0 ms STRICT", "SHOW TABLES"):
        result = engine.query(sql)
        result.fetchall()
        assert result.report.consistency is None
        assert result.report.to_dict()["consistency"] is None


def test_strict_over_files(engine: Engine) -> None:
    assert len(engine.query(QUERIES["till"] + " STRICT").fetchall()) == 100
    with pytest.raises(NotConsistent, match="pages, ware") as caught:
        engine.query(JOINED, settings={"strict": "on"})
    assert caught.value.code == "HC003"
    with pytest.raises(NotConsistent):
        engine.query(f"EXPLAIN ANALYZE {JOINED} STRICT")
    assert "Demanded: STRICT, refused: STRICT: no snapshot is of several" in engine.explain(JOINED + " STRICT")


def test_what_is_kept_and_shown(engine: Engine) -> None:
    result = engine.query(QUERIES["pages, till, ware"] + " MAX SKEW 20 s")
    result.fetchall()
    shown = result.report.to_dict()["consistency"]
    assert shown["label"] == "snapshot per source"
    assert {one["source"]: one["level"] for one in shown["sources"]} == dict.fromkeys(
        ("pages", "ware", "till"), "snapshot"
    )
    text = engine.explain(QUERIES["pages, till, ware"] + " MAX SKEW 20 s", analyze=True)
    assert "Demanded: MAX SKEW 20000 ms" in text
    assert "consistency: snapshot per source, at most " in text
    kept = f"SELECT consistency, skew_ms < 20000 FROM system.queries WHERE id = '{result.report.query_id}'"
    assert engine.query(kept).fetchall() == [("snapshot per source", True)]
    legs = (
        "SELECT source, level, token IS NOT NULL, taken_until >= taken_from, taken_until > now() - INTERVAL '1 minute'"
        f" FROM system.query_sources WHERE query_id = '{result.report.query_id}' ORDER BY source"
    )
    assert engine.query(legs).fetchall() == [(name, "snapshot", True, True, True) for name in ("pages", "till", "ware")]


@pytest.mark.parametrize("setting", ["require_snapshot", "strict", "max_skew"])
def test_settings_are_checked(engine: Engine, setting: str) -> None:
    with pytest.raises(HanseError) as caught:
        engine.query(f"SET {setting} = maybe")
    assert caught.value.code == "22023"
    engine.query(f"SET {setting} = {'0.5' if setting == 'max_skew' else 'on'}")
    assert engine.query(f"SHOW {setting}").fetchall()[0][0] in ("0.5", "on")
    engine.query(f"RESET {setting}")
    assert engine.query(f"SHOW {setting}").fetchall()[0][0] in ("0", "0.0", "off")
