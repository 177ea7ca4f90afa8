"""Plans that answered queries are remembered, without values; a query that gets another one says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner, Result

import hanse
from hanse import Engine
from hanse.cli.main import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with duckdb.connect(str(tmp_path / "wh.duckdb")) as wh:
        wh.execute("CREATE TABLE t AS SELECT i AS id, 'n' || i AS name FROM range(10) AS r(i)")
        wh.execute("CREATE TABLE u AS SELECT i AS id, i % 3 AS kind FROM range(10) AS r(i)")
    text = "sources: {wh: {kind: duckdb, path: wh.duckdb}}\nengine: {state: .hanse}\n"
    (tmp_path / "hanse.yaml").write_text(text)
    return tmp_path


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    with hanse.connect(folder / "hanse.yaml") as opened:
        yield opened


def notices(engine: Engine, sql: str, **settings: str) -> list[str]:
    with engine.query(sql, None, settings) as result:
        result.fetchall()
    return result.report.notices


def command(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words], env={"HANSE_CONFIG": str(folder / "hanse.yaml")})


def test_queries_of_one_form_are_one_query(engine: Engine, folder: Path) -> None:
    assert engine.history is not None
    for value in ("'n1'", "'n2'", "'n2'"):  # the third has a kept plan
        assert notices(engine, f"SELECT id FROM wh.t WHERE name = {value}") == []
    (entry,) = engine.history.entries()
    assert entry.statement == "select id from wh . t where name = ?"
    assert entry.runs == 3
    assert entry.median_ms is not None
    assert "name = ?" in entry.shape
    assert b"n2" not in b"".join(path.read_bytes() for path in (folder / ".hanse").iterdir())


def test_a_query_that_fails_or_is_left_is_not_counted(engine: Engine) -> None:
    assert engine.history is not None
    with pytest.raises(hanse.HanseError):
        notices(engine, "SELECT 1 / (id - id) FROM wh.t")
    engine.query("SELECT id FROM wh.t").close()
    assert engine.history.entries() == []


def test_settings_and_types_make_other_queries_not_changes(engine: Engine) -> None:
    sql = "SELECT kind, count(*) FROM wh.t JOIN wh.u USING (id) WHERE name <> 'n1' GROUP BY kind"
    assert notices(engine, sql) == notices(engine, sql, pushdown="off") == notices(engine, sql) == []


def test_a_changed_plan_is_noticed_once_and_can_be_compared(folder: Path) -> None:
    sql = "SELECT * FROM wh.t WHERE id = 3"
    with hanse.connect(folder / "hanse.yaml") as engine:
        assert notices(engine, sql) == []
        engine.catalog.refresh()
        assert notices(engine, sql) == []  # planned anew, to the same plan
    with duckdb.connect(str(folder / "wh.duckdb")) as wh:
        wh.execute("ALTER TABLE t ADD COLUMN more integer")
    with hanse.connect(folder / "hanse.yaml") as engine:
        (notice,) = notices(engine, sql)
        assert engine.history is not None
        new, old = engine.history.entries()
        engine.catalog.refresh()
        assert notices(engine, sql) == []
    assert notice == f"this query has a new plan, {new.plan}: hanse plans show {new.query} lists those that it had"
    shown = command(folder, "plans", "show", new.query)
    assert shown.exit_code == 0
    assert old.plan in shown.output and new.plan in shown.output
    compared = command(folder, "plans", "diff", old.plan[:10], new.plan[:10])
    assert [line for line in compared.output.splitlines() if line.startswith("+ ") and "more" in line]
    listed = command(folder, "plans", "--format", "csv")
    assert [line.split(",")[1] for line in listed.output.splitlines()] == ["plan", new.plan, old.plan]


def test_the_command_line_says_that_a_plan_changed(folder: Path) -> None:
    sql = "SELECT * FROM wh.t WHERE id = 3"
    assert "notice" not in command(folder, "query", sql).output
    with duckdb.connect(str(folder / "wh.duckdb")) as wh:
        wh.execute("ALTER TABLE t ADD COLUMN more integer")
    assert "notice: this query has a new plan" in command(folder, "query", sql).output


def test_without_a_folder_there_is_no_history(folder: Path) -> None:
    (folder / "hanse.yaml").write_text("sources: {}\n")
    with hanse.connect(folder / "hanse.yaml") as engine:
        assert engine.history is None
        assert notices(engine, "SELECT 1") == []
    answer = command(folder, "plans")
    assert answer.exit_code == 2
    assert "state: .hanse" in answer.output
    assert sorted(path.name for path in folder.iterdir()) == ["hanse.yaml", "wh.duckdb"]
