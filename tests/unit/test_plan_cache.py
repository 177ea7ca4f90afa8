"""Plans that are used again: for equal queries under equal conditions only, and never past their time."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

import hanse
from hanse import Engine
from hanse.errors import UnknownName, UserError
from hanse.execute.report import PlanUse
from tests.servers.databases import DatabaseFactory

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC).timestamp()


class Wheel:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return NOON + self.time

    def monotonic(self) -> float:
        return 1000.0

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def new_id(self) -> str:
        return "0" * 32


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "wh.duckdb"
    with duckdb.connect(str(path)) as wh:
        wh.execute("CREATE TABLE t AS SELECT i AS id, 'n' || i AS name FROM range(10) AS r(i)")
    return path


@pytest.fixture
def engine(file: Path, wheel: Wheel) -> Iterator[Engine]:
    with Engine({"sources": {"wh": {"kind": "duckdb", "path": str(file)}}}, wheel) as opened:
        yield opened


def ask(engine: Engine, sql: str, params: Any = None, **settings: Any) -> tuple[list[tuple[Any, ...]], bool]:
    """The rows, and whether their plan was one that had been kept."""
    with engine.query(sql, params, settings) as result:
        rows = result.fetchall()
    assert isinstance(result.report.plan, PlanUse)
    return rows, result.report.plan.cached


BY_ID = "SELECT name FROM wh.t WHERE id = $1"


def test_other_values_have_the_same_plan(engine: Engine) -> None:
    assert ask(engine, BY_ID, [3]) == ([("n3",)], False)
    assert ask(engine, BY_ID, [4]) == ([("n4",)], True)
    assert ask(engine, f"  {BY_ID} ;\n", [5]) == ([("n5",)], True)
    with engine.query(BY_ID, [6]) as result:
        result.fetchall()
    assert set(result.report.stages_ms) == {"cache"}


def test_values_of_other_types_have_their_own(engine: Engine) -> None:
    wanted: list[tuple[Any, list[tuple[str]]]] = [(3, [("n3",)]), ("3", [("n3",)]), (3.5, []), (None, []), (2**40, [])]
    for round in (False, True):
        for value, rows in wanted:
            assert ask(engine, BY_ID, [value]) == (rows, round or value is None)  # None is untyped, as text is


def test_numbers_of_rows_are_values_too(engine: Engine) -> None:
    sql = "SELECT id FROM wh.t ORDER BY id LIMIT $1 OFFSET $2"
    assert ask(engine, sql, [2, 0]) == ([(0,), (1,)], False)
    assert ask(engine, sql, [1, 7]) == ([(7,)], True)
    assert ask(engine, sql, [None, 8]) == ([(8,), (9,)], False)
    with pytest.raises(UserError):
        engine.query(sql, [-1, 0])


def test_names_of_parameters_are_known_without_parsing(engine: Engine) -> None:
    sql = "SELECT name FROM wh.t WHERE id = :a OR id = :b ORDER BY 1"
    assert ask(engine, sql, {"b": 1, "a": 2}) == ([("n1",), ("n2",)], False)
    assert ask(engine, sql, {"a": 7, "b": 8}) == ([("n7",), ("n8",)], True)
    with pytest.raises(UserError) as failure:
        engine.query(sql, {"a": 7})
    assert failure.value.code == "07001"


def test_literals_are_part_of_the_plan(engine: Engine) -> None:
    assert ask(engine, "SELECT name FROM wh.t WHERE id = 3") == ([("n3",)], False)
    assert ask(engine, "SELECT name FROM wh.t WHERE id = 4") == ([("n4",)], False)
    one, other = (engine.query(f"SELECT name FROM wh.t WHERE id = {n}").report.plan for n in (3, 4))
    assert one and other and one.fingerprint == other.fingerprint


def test_a_plan_that_reads_the_clock_is_not_kept(engine: Engine, wheel: Wheel) -> None:
    for sql in ("SELECT now()", "SELECT localtime", "SELECT localtimestamp(0)", "SELECT current_timestamp"):
        first, _ = ask(engine, sql)
        wheel.sleep(5)
        second, cached = ask(engine, sql)
        assert first != second
        assert not cached


def test_a_plan_that_reads_the_date_holds_that_day(engine: Engine, wheel: Wheel) -> None:
    sql = "SELECT current_date"
    assert ask(engine, sql) == ([(dt.date(2026, 3, 1),)], False)
    assert ask(engine, sql) == ([(dt.date(2026, 3, 1),)], True)
    assert ask(engine, sql, timezone="Pacific/Kiritimati") == ([(dt.date(2026, 3, 2),)], False)
    wheel.sleep(12 * 3600)
    assert ask(engine, sql) == ([(dt.date(2026, 3, 2),)], False)
    assert ask(engine, sql) == ([(dt.date(2026, 3, 2),)], True)


def test_volatile_functions_are_computed_each_time(engine: Engine) -> None:
    (first, _), (second, cached) = ask(engine, "SELECT random()"), ask(engine, "SELECT random()")
    assert cached
    assert first != second


def test_settings_tell_plans_apart(engine: Engine) -> None:
    zone = "SELECT TIMESTAMPTZ '2026-01-01 00:00' = TIMESTAMPTZ '2026-01-01 00:00 UTC'"
    assert ask(engine, zone) == ([(True,)], False)
    assert ask(engine, zone, timezone="Asia/Tokyo") == ([(False,)], False)
    assert ask(engine, BY_ID, [3]) == ([("n3",)], False)
    assert ask(engine, BY_ID, [3], pushdown="off") == ([("n3",)], False)
    assert ask(engine, BY_ID, [3], batch_rows=1, statement_timeout=60) == ([("n3",)], True)


def test_off_neither_keeps_nor_finds(engine: Engine, file: Path) -> None:
    for _ in range(2):
        assert ask(engine, BY_ID, [3], plan_cache="off") == ([("n3",)], False)
    assert ask(engine, BY_ID, [3]) == ([("n3",)], False)
    engine.query("SET plan_cache = off")
    assert engine.query("SHOW plan_cache").fetchall() == [("off",)]
    assert ask(engine, BY_ID, [3]) == ([("n3",)], False)
    config = {"sources": {"wh": {"kind": "duckdb", "path": str(file)}}, "engine": {"plan_cache": 0}}
    with hanse.connect(config) as none:
        assert [ask(none, BY_ID, [3])[1] for _ in range(2)] == [False, False]


def test_failures_are_not_kept(engine: Engine) -> None:
    places = []
    for _ in range(2):
        with pytest.raises(UnknownName) as failure:
            engine.query("SELECT nothing FROM wh.t")
        places.append(failure.value.position)
    assert places == [7, 7]


def test_a_catalog_that_was_read_again_means_a_new_plan(engine: Engine) -> None:
    assert [ask(engine, BY_ID, [3])[1] for _ in range(2)] == [False, True]
    engine.catalog.refresh()
    assert [ask(engine, BY_ID, [3])[1] for _ in range(2)] == [False, True]


def test_explain_says_whether_the_query_has_one(engine: Engine) -> None:
    text = "SELECT name FROM wh.t WHERE id = 3"
    assert "in the plan cache" not in engine.explain(text)
    ask(engine, text)
    line = engine.explain(text).splitlines()[-1]
    assert line.startswith("Plan: ")
    assert line.endswith(", in the plan cache")
    assert engine.query(f"EXPLAIN {text}").fetchall()[-1] == (line,)


def test_threads_share_plans(engine: Engine) -> None:
    found: list[bool] = []

    def work(number: int) -> None:
        for step in range(10):
            value = (number + step) % 10
            found.append(ask(engine, BY_ID, [value])[0] == [(f"n{value}",)])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 40


def test_a_stale_plan_makes_room_for_a_new_one(pg_database: DatabaseFactory) -> None:
    distinct = "SELECT count(*) FROM (SELECT DISTINCT * FROM pg.t) s WHERE id > $1"
    database = pg_database()
    database.run("CREATE TABLE t (id integer, extra text)", "INSERT INTO t VALUES (1, 'a'), (1, 'b'), (2, 'c')")
    with hanse.connect({"sources": {"pg": {"kind": "postgres", "url": database.url}}}) as engine:
        assert ask(engine, distinct, [0]) == ([(3,)], False)
        assert ask(engine, distinct, [1]) == ([(1,)], True)
        database.run("ALTER TABLE t DROP COLUMN extra")
        assert ask(engine, distinct, [0]) == ([(2,)], False)
        assert ask(engine, distinct, [0]) == ([(2,)], True)
