"""What a query showed is what the next plan expects; plans that are kept stay; nothing is learned of what did not end."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml
from click.testing import CliRunner

import hanse
from hanse import Engine
from hanse.cli.main import main

RARE = "SELECT id FROM ref.v WHERE t LIKE '%7%7%'"
"""No statistics know how many rows that is."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("observed")
    with sqlite3.connect(path / "x.db") as ref:
        ref.execute("CREATE TABLE v (id INTEGER PRIMARY KEY, t TEXT)")
        ref.executemany("INSERT INTO v VALUES (?, ?)", ((i, f"t{i}") for i in range(20_000)))
        ref.execute("CREATE TABLE w (id INTEGER PRIMARY KEY, v INT)")
        ref.executemany("INSERT INTO w VALUES (?, ?)", ((i, i % 20_000) for i in range(40_000)))
    ref.close()
    with duckdb.connect(str(path / "wh.duckdb")) as wh:
        wh.execute("CREATE TABLE z AS SELECT i AS id, i % 3 AS m FROM range(5000) AS r(i)")
    return path


@pytest.fixture
def sources(folder: Path) -> dict[str, object]:
    return {
        "ref": {"kind": "sqlite", "path": str(folder / "x.db")},
        "wh": {"kind": "duckdb", "path": str(folder / "wh.duckdb")},
    }


@pytest.fixture
def engine(sources: dict[str, object]) -> Iterator[Engine]:
    with hanse.connect({"sources": sources}) as opened:
        yield opened


def expected(engine: Engine, sql: str, fragment: int = 0, **settings: str) -> str:
    """What EXPLAIN expects of a fragment."""
    lines = engine.explain(sql, settings=settings).splitlines()
    return next(line for line in lines if line.startswith(f"f{fragment} ")).partition("~")[2].rstrip(":")


def test_the_next_plan_knows_what_the_query_showed(engine: Engine) -> None:
    assert "a guess" in expected(engine, RARE)
    count = len(engine.query(RARE).fetchall())
    assert expected(engine, RARE) == f"{count:,} rows"
    assert "a guess" in expected(engine, RARE, observed="off")
    # whatever is asked of the same rows, in whatever form
    assert (
        expected(engine, "SELECT id, t FROM (SELECT * FROM ref.v ORDER BY id) AS s WHERE t LIKE '%7%7%'")
        == f"{count:,} rows"
    )
    # and of no others
    assert expected(engine, "SELECT id FROM ref.v WHERE t LIKE '%7%8%'") != f"{count:,} rows"


def test_joins_are_known_too(engine: Engine) -> None:
    sql = "SELECT w.id FROM ref.w JOIN ref.v ON w.v = v.id WHERE v.t LIKE '%7%7%' AND w.id > 100"
    count = len(engine.query(sql).fetchall())
    assert expected(engine, sql) == f"{count:,} rows"
    other = (
        "SELECT w.id FROM ref.v JOIN ref.w ON v.id = w.v JOIN wh.z ON z.id = w.id WHERE w.id > 100 AND v.t LIKE '%7%7%'"
    )
    engine.query(other, None, {"key_shipping": "off"}).fetchall()
    assert f"~{count:,} rows" in engine.explain(other, settings={"key_shipping": "off"})


def test_a_query_that_was_left_shows_nothing(engine: Engine) -> None:
    before = expected(engine, RARE)
    engine.query(RARE).close()
    assert expected(engine, RARE) == before
    # nor does a fragment of which the answer needed a part only
    sql = "SELECT v.id FROM ref.v JOIN wh.z ON z.id = v.id WHERE t LIKE '%7%7%' LIMIT 1"
    engine.query(sql, None, {"key_shipping": "off", "batch_rows": 1}).fetchall()
    assert expected(engine, RARE) in (before, f"{len(engine.query(RARE).fetchall()):,} rows")


def test_a_kept_plan_stays(engine: Engine) -> None:
    sql = "SELECT z.m FROM wh.z JOIN ref.v ON v.id = z.id WHERE v.t LIKE '%7%7%'"
    plans = []
    for _ in range(3):
        with engine.query(sql) as result:
            result.fetchall()
        assert result.report.plan is not None
        plans.append((result.report.plan.fingerprint, result.report.plan.cached))
    assert plans[1:] == [(plans[0][0], True)] * 2


def test_it_outlives_the_process_where_there_is_a_folder(sources: dict[str, object], tmp_path: Path) -> None:
    settings = {"sources": sources, "engine": {"state": str(tmp_path)}}
    with hanse.connect(settings) as first:
        count = len(first.query(RARE).fetchall())
    with hanse.connect(settings) as second:
        assert expected(second, RARE) == f"{count:,} rows"
    assert b"%7%7%" not in (tmp_path / "observed.db").read_bytes()


def test_without_a_folder_nothing_is_written(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    engine.query(RARE).fetchall()
    engine.close()
    assert list(tmp_path.iterdir()) == []


def test_keys_follow_what_was_observed(engine: Engine) -> None:
    """The guess of a tenth of the rows is too many keys; what was seen is few."""
    few = "SELECT id FROM ref.v WHERE t LIKE '%7_7_7%'"
    sql = "SELECT w.id FROM ref.w JOIN wh.z ON z.id = w.v WHERE z.m = 1"
    assert engine.query(few).fetchall() == []
    assert expected(engine, few).startswith(("0 rows", "1 row"))
    assert len(engine.query(sql).fetchall()) == 2 * 1667


def test_an_answer_of_explain_analyze_counts(engine: Engine) -> None:
    engine.explain(RARE, analyze=True)
    assert "a guess" not in expected(engine, RARE)


def test_check_tells_how_fast_sources_are(sources: dict[str, object], tmp_path: Path) -> None:
    settings = {"sources": sources, "engine": {"state": str(tmp_path / "state")}}
    (tmp_path / "hanse.yaml").write_text(yaml.safe_dump(settings))
    with hanse.connect(tmp_path / "hanse.yaml") as engine:
        for _ in range(3):
            assert len(engine.query("SELECT id, v FROM ref.w").fetchall()) == 40_000
        assert engine.pace("ref").scan is not None
        assert engine.pace("wh").scan is None
    done = CliRunner().invoke(main, ["check"], env={"HANSE_CONFIG": str(tmp_path / "hanse.yaml")})
    assert done.exit_code == 0
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("ref"))
    assert "2 tables; scans " in line
