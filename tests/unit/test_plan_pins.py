"""A pinned plan is used whatever statistics say, for other values too; where it is not possible any more the query says so."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import hanse
from hanse import Engine
from hanse.cli.main import main
from hanse.execute.report import Report

SQL = "SELECT count(*), min(few.x) FROM few JOIN many ON few.id = many.id WHERE few.id > {}"

BY_STATISTICS = {"observed": "off"}
"""What runs have shown decides nothing here."""


def fill(path: Path, table: str, rows: int, key: str = "PRIMARY KEY") -> None:
    """A table with so many rows, and statistics that say so."""
    with sqlite3.connect(path) as file:
        file.execute(f"DROP TABLE IF EXISTS {table}")
        file.execute(f"CREATE TABLE {table} (id INTEGER {key}, x TEXT)")
        file.executemany(f"INSERT INTO {table} VALUES (?, ?)", ((place, f"x{place}") for place in range(rows)))
        file.execute("ANALYZE")
    file.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "a.db", "few", 20)
    fill(tmp_path / "b.db", "many", 5_000)
    sources = "sources: {a: {kind: sqlite, path: a.db}, b: {kind: sqlite, path: b.db}}"
    (tmp_path / "hanse.yaml").write_text(f"{sources}\nengine: {{state: .hanse}}\n")
    return tmp_path


@pytest.fixture
def engine(folder: Path) -> Iterator[Engine]:
    with hanse.connect(folder / "hanse.yaml") as opened:
        yield opened


def run(engine: Engine, sql: str) -> tuple[list[tuple[object, ...]], Report]:
    with engine.query(sql, settings=BY_STATISTICS) as result:
        return result.fetchall(), result.report


def plan(report: Report) -> str:
    assert report.plan is not None
    return report.plan.fingerprint


def command(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words], env={"HANSE_CONFIG": str(folder / "hanse.yaml")})


@pytest.fixture
def changed(engine: Engine, folder: Path) -> tuple[str, str, str]:
    """The query's fingerprint, the plan that it had, and the one that it has since the table has grown."""
    _, first = run(engine, SQL.format(0))
    fill(folder / "a.db", "few", 50_000)
    engine.catalog.refresh()
    _, second = run(engine, SQL.format(0))
    assert plan(first) != plan(second)
    assert engine.history is not None
    (query,) = {entry.query for entry in engine.history.entries()}
    return query, plan(first), plan(second)


def test_a_pin_counts_at_once_for_all_values_until_it_goes(engine: Engine, changed: tuple[str, str, str]) -> None:
    query, old, new = changed
    assert engine.history is not None
    engine.history.pin(query, old)
    for value, count in ((0, 4_999), (4_000, 999), (0, 4_999)):
        rows, report = run(engine, SQL.format(value))
        assert rows[0][0] == count
        assert plan(report) == old
        assert report.plan is not None and report.plan.pinned
        assert report.notices == []
    assert f"Plan: {old}, pinned, in the plan cache" in engine.explain(SQL.format(0), settings=BY_STATISTICS)
    engine.history.unpin(query)
    rows, report = run(engine, SQL.format(0))
    assert rows[0][0] == 4_999
    assert plan(report) == new
    assert report.plan is not None and not report.plan.pinned


def test_another_process_pins_and_unpins(engine: Engine, folder: Path, changed: tuple[str, str, str]) -> None:
    query, old, new = changed
    said = command(folder, "plans", "pin", query[:8], old[:8])
    assert said.output == f"query {query} has plan {old} from now on\n"
    assert plan(run(engine, SQL.format(0))[1]) == old
    assert f"plan {old} of query {query}, pinned" in command(folder, "plans", "show", old).output
    listed = command(folder, "plans", "--format", "csv").output.splitlines()
    assert {line.split(",")[1]: line.split(",")[7] for line in listed[1:]} == {old: "true", new: "false"}
    assert command(folder, "plans", "unpin", query).output == f"query {query} has the best plan again\n"
    assert plan(run(engine, SQL.format(0))[1]) == new
    assert command(folder, "plans", "unpin", query).exit_code != 0
    assert command(folder, "plans", "pin", query, "no").exit_code != 0


def test_a_plan_that_is_not_possible_any_more_gives_way_and_says_so(engine: Engine, folder: Path) -> None:
    sql = "SELECT many.x FROM many LEFT JOIN few ON few.id = many.id WHERE many.id = 3"
    rows, report = run(engine, sql)
    assert rows == [("x3",)]
    assert engine.history is not None
    (entry,) = engine.history.entries()
    engine.history.pin(entry.query, entry.plan)
    assert run(engine, sql)[1].notices == []
    fill(folder / "a.db", "few", 20, key="")  # ids may repeat now: the join may not be left out
    with sqlite3.connect(folder / "a.db") as file:
        file.execute("INSERT INTO few VALUES (3, 'again')")
    file.close()
    engine.catalog.refresh()
    for _ in range(2):
        rows, report = run(engine, sql)
        assert rows == [("x3",), ("x3",)]
        assert plan(report) != entry.plan
        assert report.plan is not None and not report.plan.pinned
        assert report.notices[0] == (
            f"plan {entry.plan}, which is pinned, is not possible now: hanse plans unpin {entry.query} forgets it"
        )
    fill(folder / "a.db", "few", 20)
    engine.catalog.refresh()
    rows, report = run(engine, sql)
    assert (rows, plan(report), report.notices) == ([("x3",)], entry.plan, [])


def test_a_history_that_cannot_be_read_pins_nothing(
    engine: Engine, folder: Path, changed: tuple[str, str, str]
) -> None:
    query, old, new = changed
    assert engine.history is not None
    engine.history.pin(query, old)
    engine.history.close()
    for path in (folder / ".hanse").glob("plans.db*"):  # the other files are open
        path.write_bytes(b"no database" * 100)
    rows, report = run(engine, SQL.format(4_000))
    assert rows[0][0] == 999
    assert plan(report) == new
