"""``system.*``: ordinary tables of what queries did, of which nobody who does not name them hears."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import hanse
from hanse import Engine, HanseError
from hanse.errors import ConfigError, SyntaxFailure, UnknownName
from hanse.groups import Caller
from hanse.observe.timeline import page


def build(folder: Path) -> dict[str, Any]:
    with contextlib.closing(sqlite3.connect(folder / "ref.db")) as ref, ref:
        ref.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)")
        ref.executemany("INSERT INTO customers VALUES (?, ?)", [(1, "Ada"), (2, "Bo")])
        ref.execute("CREATE TABLE queries (id INTEGER)")
    with duckdb.connect(str(folder / "wh.duckdb")) as wh:
        wh.execute("CREATE TABLE orders AS SELECT i AS id, 1 + i % 2 AS customer FROM range(10) AS r(i)")
    sources = {"ref": {"kind": "sqlite", "path": "ref.db"}, "wh": {"kind": "duckdb", "path": "wh.duckdb"}}
    return {"sources": sources, "engine": {"state": "state"}}


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    monkeypatch.chdir(tmp_path)
    with hanse.connect(build(tmp_path)) as opened:
        yield opened


JOINED = "SELECT name, count(*) AS n FROM ref.customers JOIN wh.orders ON customer = customers.id WHERE name <> $1 GROUP BY 1"


def test_queries_and_what_they_asked(engine: Engine) -> None:
    result = engine.query(JOINED, ["nobody"])
    assert len(result.fetchall()) == 2
    with pytest.raises(UnknownName):
        engine.query("SELECT nothing FROM customers WHERE name = 'secret'")
    ((*query, started, times),) = engine.query(
        "SELECT id, state, kind, statement, rows, rows_moved, sources, complete, error, started, "
        "total_ms >= first_row_ms AND first_row_ms >= planned_ms FROM system.queries WHERE statement LIKE '%JOIN wh%'"
    ).fetchall()
    assert query == [
        result.report.query_id,
        "finished",
        "query",
        JOINED.replace(" 1", " ?"),
        2,
        2,
        "ref, wh",
        True,
        None,
    ]
    assert abs(started.timestamp() - time.time()) < 60
    assert times
    legs = engine.query(
        "SELECT s.source, s.kind, s.state, s.sql, s.rows, s.embedded, q.plan = p.plan FROM system.queries q "
        "JOIN system.query_sources s ON s.query_id = q.id JOIN system.plans p ON p.query = q.query "
        "WHERE q.id = $1 ORDER BY 1",
        [result.report.query_id],
    ).fetchall()
    assert legs == [
        ("ref", "sqlite", "done", 'SELECT "id", "name" FROM "main"."customers" WHERE "name" <> $1', 2, False, True),
        ("wh", "duckdb", "done", 'SELECT "customer" FROM "hanse_wh"."main"."orders"', 10, True, True),
    ]
    failed = engine.query("SELECT state, error, statement FROM system.queries WHERE error IS NOT NULL").fetchall()
    assert failed == [("failed", "42703", "SELECT nothing FROM customers WHERE name = ?")]


def test_a_query_sees_itself_run_and_joins_with_any_table(engine: Engine) -> None:
    rows = engine.query("SELECT state, name FROM system.queries CROSS JOIN ref.customers ORDER BY name").fetchall()
    assert rows == [("running", "Ada"), ("running", "Bo")]
    both = engine.query(
        "SELECT count(*) FROM system.queries a FULL JOIN system.queries b USING (id) WHERE a.id IS NULL OR b.id IS NULL"
    )
    assert both.fetchall() == [(0,)]  # one moment, however often it is read


@pytest.mark.parametrize("pushdown", ["on", "off"])
def test_they_are_tables_like_others(engine: Engine, pushdown: str) -> None:
    for _ in range(3):
        engine.query("SELECT 1").fetchall()
    sql = "SELECT kind, count(*), max(total_ms) > 0 FROM system.queries WHERE state <> 'running' GROUP BY kind"
    assert engine.query(sql, settings={"pushdown": pushdown}).fetchall() == [("query", 3, True)]


def test_nobody_hears_of_them_who_does_not_name_them(engine: Engine) -> None:
    assert engine.query("SELECT * FROM queries").fetchall() == []  # the source's own
    with pytest.raises(UnknownName):
        engine.query("SELECT * FROM query_sources")
    listed = [row[:3] for row in engine.query("SHOW TABLES").fetchall()]
    assert listed == [("ref", "main", "customers"), ("ref", "main", "queries"), ("wh", "main", "orders")]
    assert [row[0] for row in engine.query("SHOW SOURCES").fetchall()] == ["ref", "wh"]
    own = {row[2] for row in engine.query("SHOW TABLES FROM system").fetchall()}
    assert own == {"queries", "query_sources", "sources", "resource_groups", "plans"}
    columns = {row[0] for row in engine.query("SHOW COLUMNS FROM system.queries").fetchall()}
    assert {"id", "state", "statement", "error"} <= columns
    with pytest.raises(UnknownName):
        engine.analyze("system")


def test_the_name_is_taken(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sources\.system: the name is Hanse's own"):
        Engine({"sources": {"system": {"kind": "files", "path": str(tmp_path)}}})


def test_sources_and_their_health(engine: Engine) -> None:
    engine.query(JOINED, ["nobody"]).fetchall()
    rows = engine.query(
        "SELECT source, kind, tables, problem, breaker, statements, rows FROM system.sources"
    ).fetchall()
    assert rows == [("ref", "sqlite", 2, None, "closed", 1, 2), ("wh", "duckdb", 1, None, None, 0, 10)]


def test_every_statement_is_noted(engine: Engine) -> None:
    engine.query("SHOW TABLES").fetchall()
    engine.query("SET profile = batch").fetchall()
    engine.query("EXPLAIN ANALYZE SELECT * FROM ref.customers").fetchall()
    engine.explain("SELECT 2")
    for wrong in ("SELECT 'secret", "KILL 'abcdef'", "SELEC secret"):
        with pytest.raises(HanseError):
            engine.query(wrong)
    found = engine.query(
        "SELECT kind, state, error FROM system.queries WHERE state <> 'running' ORDER BY started"
    ).fetchall()
    assert found == [
        ("show", "finished", None),
        ("set", "finished", None),
        ("explain", "finished", None),
        ("explain", "finished", None),
        ("unknown", "failed", "42601"),
        ("kill", "failed", "42704"),
        ("unknown", "failed", "42601"),
    ]


def test_who_leaves_early_has_cancelled(engine: Engine) -> None:
    engine.query("SELECT * FROM ref.customers", settings={"batch_rows": 1}).close()
    sql = "SELECT state, error FROM system.queries WHERE state <> 'running'"
    assert engine.query(sql).fetchall() == [("cancelled", "57014")]


def test_a_limit_computed_here_is_no_cancel(engine: Engine) -> None:
    assert len(engine.query("SELECT * FROM ref.customers LIMIT 1", settings={"pushdown": "off"}).fetchall()) == 1
    assert engine.query("SELECT state, error FROM system.queries WHERE state <> 'running'").fetchall() == [
        ("finished", None)
    ]


def test_too_large_an_answer_failed(engine: Engine) -> None:
    with pytest.raises(HanseError):
        engine.query("SELECT * FROM wh.orders", settings={"result_rows": 3}).fetchall()
    sql = "SELECT state, error FROM system.queries WHERE state <> 'running'"
    assert engine.query(sql).fetchall() == [("failed", "53400")]


def test_a_stale_plan_is_one_query(engine: Engine, tmp_path: Path) -> None:
    sql = "SELECT * FROM ref.customers"
    assert engine.query(sql).to_arrow().num_rows == 2
    with contextlib.closing(sqlite3.connect(tmp_path / "ref.db")) as ref, ref:
        ref.execute("DROP TABLE customers")
        ref.execute("CREATE TABLE customers (name TEXT, id INTEGER PRIMARY KEY)")
    with contextlib.suppress(HanseError):  # whether its columns are the same as before is another matter
        engine.query(sql).fetchall()
    known = engine.query("SELECT statement, count(*) FROM system.queries WHERE statement = $1 GROUP BY 1", [sql])
    assert known.fetchall() == [(sql, 2)]
    assert engine.queries.running == 0


def test_records_outlive_the_engine_only_in_a_folder_for_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = build(tmp_path)
    for _ in range(2):
        with hanse.connect(config) as engine:
            engine.query("SELECT 1").fetchall()
    with hanse.connect(config) as engine:
        assert engine.query("SELECT count(*) FROM system.queries WHERE state = 'finished'").fetchall() == [(2,)]
        assert engine.keeps_queries
    del config["engine"]["state"]
    with hanse.connect(config) as engine:
        engine.query("SELECT 1").fetchall()
        assert engine.query("SELECT count(*) FROM system.queries WHERE state = 'finished'").fetchall() == [(1,)]
        assert not engine.keeps_queries
        own = Path(engine._observation._own.name)  # type: ignore[union-attr]
        assert own.exists()
    assert not own.exists()
    config["engine"]["observe"] = {"queries": 0}
    with hanse.connect(config) as engine:
        engine.query("SELECT 1").fetchall()
        assert engine.query("SELECT state FROM system.queries").fetchall() == [("running",)]


def test_values_are_kept_only_where_that_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = build(tmp_path)
    sql = "SELECT id FROM ref.customers WHERE name = 'canary'"
    for literals, expected in ((False, sql.replace("'canary'", "?")), (True, sql)):
        config["engine"]["observe"] = {"literals": literals}
        with hanse.connect(config) as engine:
            engine.query(sql).fetchall()
            mine = "SELECT statement FROM system.queries WHERE state = 'finished' ORDER BY started DESC LIMIT 1"
            assert engine.query(mine).fetchall() == [(expected,)]
        kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
        assert (b"canary" in kept) is literals


def test_who_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Engine(build(tmp_path), caller=Caller("ada")) as engine:
        engine.query("SELECT 1").fetchall()
        engine.query("SELECT 2", caller=Caller("bo")).fetchall()
        engine.explain("SELECT 3")
        rows = engine.query("SELECT \"user\" FROM system.queries WHERE state = 'finished' ORDER BY started")
        assert rows.fetchall() == [("ada",), ("bo",), ("ada",)]


def test_kill_wants_an_id(engine: Engine) -> None:
    for wrong in ("KILL", "KILL 12", "KILL 'abc'", "KILL 'x; DROP'", "KILL QUERY", "KILL 'abcd' 'abcd'"):
        with pytest.raises(SyntaxFailure, match="KILL needs the id of a query"):
            engine.query(wrong)
    with pytest.raises(UnknownName, match="no running query begins with abcd"):
        engine.query("KILL QUERY 'ABCD'")


def test_explain_analyze_tells_who_waited_where(engine: Engine) -> None:
    told = engine.explain(JOINED, analyze=True, params=["nobody"])
    assert "queued 0.0 ms" in told or "queued 0.1 ms" in told or "queued" in told
    for part in (
        "sent at",
        "connected at",
        "first row",
        "last row",
        "waited",
        "retries 0",
        "Computed here: from",
        "hash join",
    ):
        assert part in told
    report = json.loads(engine.explain(JOINED, analyze=True, format="json", params=["nobody"]))["report"]
    (sent,) = [one for one in report["sources"] if not one["embedded"]]
    moments = [sent[name] for name in ("reserved_ms", "started_ms", "connected_ms", "first_row_ms", "last_row_ms")]
    assert moments == sorted(moments)
    assert (
        report["coordinator"]["started_ms"]
        <= report["coordinator"]["first_batch_ms"]
        <= report["coordinator"]["ended_ms"]
    )
    assert "hash join" in [one["name"] for one in report["coordinator"]["operators"]]


def test_what_the_coordinator_puts_on_disk_and_what_took_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = build(tmp_path)
    config["engine"] |= {"memory_limit": "60MB", "threads": 2}
    sql = "SELECT a.i, md5(a.i::text) AS m FROM generate_series(1, 1500000) AS a(i) ORDER BY m"
    with hanse.connect(config) as engine:
        result = engine.query(sql, settings={"operators": "on"})
        assert sum(batch.num_rows for batch in result) == 1_500_000
        here = result.report.coordinator
        assert here is not None and here.spilled_bytes > 10_000_000
        assert "order by" in [one.name for one in here.operators]
        told = engine.query("SELECT spilled_bytes FROM system.queries WHERE id = $1", [result.report.query_id])
        assert told.fetchall() == [(here.spilled_bytes,)]
        text = page(engine.queries.find(result.report.query_id))
        assert "spilled" in text
        assert "order by" in text
        engine.query("SELECT 1").fetchall()
        assert "hanse_query_spilled_bytes_total" in engine.metrics()


def test_metrics_and_nothing_imported_that_nobody_asked_for(engine: Engine) -> None:
    engine.query(JOINED, ["canary"]).fetchall()
    text = engine.metrics()
    assert 'hanse_queries_total{error="",kind="query",state="finished"} 1.0' in text
    assert 'hanse_source_rows_total{source="ref"} 2.0' in text
    assert 'hanse_source_breaker{source="ref",state="closed"} 1.0' in text
    assert "canary" not in text
    shared = engine.metrics(shared=True)
    assert 'hanse_source_rows_total{source="ref"} 2.0' in shared


def test_an_engine_that_tells_nobody_imports_nothing_for_it() -> None:
    program = (
        "import sys, hanse\nwith hanse.connect({}) as engine:\n    engine.query('SELECT 1').fetchall()\n    engine.queries.records()\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('opentelemetry', 'prometheus_client')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_what_is_not_installed_is_named(tmp_path: Path) -> None:
    program = (
        "import sys, hanse\nsys.modules['prometheus_client'] = sys.modules['opentelemetry'] = None\n"
        "for observe in ({'traces': 'api'}, {'traces': 'otlp'}, {'metrics_listen': ':0'}):\n"
        "    try:\n        hanse.connect({'engine': {'observe': observe}})\n"
        "    except hanse.HanseError as failure:\n        print(failure)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    wanted = ["pip install 'hanse[otel]'", "pip install 'hanse[otel]'", "pip install 'hanse[metrics]'"]
    assert [line.partition("hint: ")[2].rstrip(")") for line in done.stdout.splitlines()] == wanted
