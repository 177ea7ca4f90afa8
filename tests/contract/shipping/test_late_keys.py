"""Keys that are late: the target is read whole meanwhile, and is the answer or is left, on real servers that sleep."""

from collections.abc import Iterator
from typing import Any

import pytest

from hanse.engine import Engine
from hanse.split import worth
from tests.contract.shipping.runs import rows_of
from tests.servers.databases import Database, DatabaseFactory

pytestmark = pytest.mark.postgres
ROWS = 150_000


@pytest.fixture(scope="module")
def sleepy(pg_database: DatabaseFactory) -> Database:
    database = pg_database()
    database.run(
        f"CREATE TABLE wide AS SELECT i AS id, i % 100 AS v, 'padding of row ' || i AS pad FROM generate_series(1, {ROWS}) AS i",
        "ALTER TABLE wide ADD PRIMARY KEY (id)",
        "ANALYZE wide",
        "CREATE VIEW drowsy AS SELECT id, v FROM wide WHERE pg_sleep(0.001) IS NOT NULL",
    )
    return database


@pytest.fixture(scope="module")
def late(pg_database: DatabaseFactory) -> Database:
    """Views that yield their keys after a while, of which nobody knows how many they are."""
    database = pg_database()
    view = "CREATE VIEW {} AS SELECT id FROM few WHERE id < 5000 AND (SELECT pg_sleep({})) IS NOT NULL"
    database.run(
        f"CREATE TABLE few AS SELECT i * 1000 AS id FROM generate_series(1, {ROWS // 1000}) AS i",
        view.format("soon", 1),
        view.format("never", 20),
        "CREATE TABLE grown (id int) WITH (autovacuum_enabled = false)",
        "INSERT INTO grown SELECT generate_series(1, 10)",
        "ANALYZE grown",
        f"INSERT INTO grown SELECT generate_series(11, {ROWS})",
    )
    return database


@pytest.fixture
def engine(sleepy: Database, late: Database) -> Iterator[Engine]:
    with Engine(
        {"sources": {"pg": {"kind": "postgres", "url": sleepy.url}, "late": {"kind": "postgres", "url": late.url}}}
    ) as engine:
        yield engine


@pytest.fixture
def divided(sleepy: Database, late: Database) -> Iterator[Engine]:
    """An engine that reads the table by several connections, where it reads all of it."""
    pg = {"kind": "postgres", "url": sleepy.url, "parallel_scans": {"connections": 3, "rows_min": 100}}
    with Engine({"sources": {"pg": pg, "late": {"kind": "postgres", "url": late.url}}}) as engine:
        yield engine


def asked(engine: Engine, sql: str, **settings: str) -> tuple[list[tuple[Any, ...]], dict[str, Any], float]:
    """The rows, what PostgreSQL was asked and sent, and the seconds that it took."""
    with engine.query(sql, settings=settings) as result:
        rows = rows_of(result)
    report = result.report.to_dict()
    return rows, next(one for one in report["sources"] if one["source"] == "pg"), report["elapsed_ms"] / 1000


def test_keys_that_are_in_time_narrow(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "PATIENCE_LEAST", 10.0)
    monkeypatch.setattr(worth, "NOMINAL", 1e5)
    rows, seen, _ = asked(engine, "SELECT sum(w.v), count(*) FROM late.soon AS k JOIN pg.wide AS w ON w.id = k.id")
    assert rows == [(0, 4)]
    assert (seen["keys"], seen["rows"], seen["bytes_left"]) == ([4], 4, 0)


def test_late_keys_find_all_rows_read(engine: Engine) -> None:
    sql = "SELECT sum(w.v), count(*), max(w.pad) FROM late.soon AS k JOIN pg.wide AS w ON w.id = k.id"
    assert "s without them" in engine.explain(sql)
    rows, seen, _ = asked(engine, sql)
    assert rows == [(0, 4, "padding of row 4000")]
    assert (seen["keys"], seen["rows"], seen["statements"]) == ([None], ROWS, 1)


@pytest.mark.parametrize("limit", ["max_rows", "max_bytes"])
def test_under_limits_on_what_is_read_late_keys_are_awaited(engine: Engine, limit: str) -> None:
    sql = "SELECT sum(w.v), count(*), max(w.pad) FROM late.soon AS k JOIN pg.wide AS w ON w.id = k.id"
    rows, seen, _ = asked(engine, sql, **{limit: "100000"})
    assert rows == [(0, 4, "padding of row 4000")]
    assert (seen["keys"], seen["rows"], seen["bytes_left"]) == ([4], 4, 0)


def test_more_keys_than_statistics_say_are_not_awaited(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "PATIENCE_LEAST", 0.1)
    sql = "SELECT sum(w.v), count(*) FROM late.grown AS k JOIN pg.wide AS w ON w.id = k.id"
    assert "all is begun at more than" in engine.explain(sql)
    rows, seen, _ = asked(engine, sql)
    assert rows == [(sum(i % 100 for i in range(1, ROWS + 1)), ROWS)]
    assert (seen["keys"], seen["rows"], seen["statements"]) == ([None], ROWS, 1)


def test_without_keys_a_large_table_is_read_by_several_connections(
    divided: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = "SELECT sum(w.v), count(*) FROM late.grown AS k JOIN pg.wide AS w ON w.id = k.id"
    assert "without keys 12 statements" in divided.explain(sql)
    expected = (sum(i % 100 for i in range(1, ROWS + 1)), ROWS)
    for least in (0.1, 10.0):
        monkeypatch.setattr(worth, "PATIENCE_LEAST", least)
        divided.catalog.refresh()
        rows, seen, _ = asked(divided, sql)
        assert rows == [expected]
        assert (seen["keys"], seen["rows"], seen["statements"]) == ([None], ROWS, 12)
    rows, seen, _ = asked(divided, f"{sql} WHERE k.id < 50")
    assert rows == [(sum(range(50)), 49)]
    assert (seen["rows"], seen["statements"]) == (49, 1)


def test_a_few_more_keys_than_statistics_say_are_sent(engine: Engine) -> None:
    rows, seen, _ = asked(
        engine, "SELECT sum(w.v), count(*) FROM late.grown AS k JOIN pg.wide AS w ON w.id = k.id WHERE k.id < 50"
    )
    assert rows == [(sum(range(50)), 49)]
    assert (seen["rows"], seen["bytes_left"]) == (49, 0)


def test_unexpected_keys_end_the_scan_that_they_began(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "SURPRISE", 0.0)
    monkeypatch.setattr(worth, "NOMINAL", 1e5)
    sql = "SELECT sum(w.v), count(*) FROM late.grown AS k JOIN pg.drowsy AS w ON w.id = k.id WHERE k.id < 500"
    rows, seen, seconds = asked(engine, sql)
    assert rows == [(sum(i % 100 for i in range(500)), 499)]
    assert seen["rows"] == 499
    assert seconds < 15, "the whole view takes 150 s"


def test_late_keys_end_a_scan_that_would_take_longer(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "PATIENCE_LEAST", 0.1)
    monkeypatch.setattr(worth, "PATIENCE", 0.01)
    monkeypatch.setattr(worth, "NOMINAL", 1e5)
    rows, seen, seconds = asked(
        engine,
        "SELECT sum(w.v), count(*) FROM (SELECT id FROM late.soon LIMIT 100) AS k JOIN pg.drowsy AS w ON w.id = k.id",
    )
    assert rows == [(0, 4)]
    assert (seen["keys"], seen["rows"]) == ([4], 4)
    assert seconds < 15, "the whole view takes 150 s"


def test_the_end_of_a_query_ends_what_is_on_trial(
    engine: Engine, sleepy: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worth, "PATIENCE_LEAST", 0.1)
    monkeypatch.setattr(worth, "PATIENCE", 0.01)
    monkeypatch.setattr(worth, "NOMINAL", 1e5)
    sql = "SELECT sum(w.v) FROM (SELECT id FROM late.never LIMIT 100) AS k JOIN pg.drowsy AS w ON w.id = k.id"
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%drowsy%' AND query NOT LIKE '%activity%' AND state = 'active'"
    result = engine.query(sql, settings={"statement_timeout": 3})
    with pytest.raises(Exception, match="timeout"):
        rows_of(result)
    result.close()
    for _ in range(100):
        if sleepy.rows(running) == [(0,)]:
            break
        sleepy.run("SELECT pg_sleep(0.1)")
    assert sleepy.rows(running) == [(0,)]
