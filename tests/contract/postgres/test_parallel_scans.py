"""One table by several connections: every row of one snapshot exactly once, whatever others do, and nothing left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from hanse.connectors.postgres.connector import PostgresConnector
from hanse.engine import Engine
from hanse.errors import Cancelled, HanseError, InvalidValue
from hanse.execute.memory import UNCOUNTED
from hanse.execute.queue import BatchQueue
from tests.servers.databases import Database

pytestmark = pytest.mark.postgres
ROWS = 20_000
MADE = f"SELECT i AS id, i % 7 AS n, repeat('x', 500) AS pad FROM generate_series(0, {ROWS - 1}) AS g(i)"
QUEUE_BYTES = 100_000
THREE = {"connections": 3, "rows_min": 100}


@pytest.fixture(scope="module")
def shop(pg_database: Callable[..., Database]) -> Database:
    """A database of this module's own: others may be counted at the server."""
    return pg_database()


@pytest.fixture
def table(shop: Database) -> Iterator[str]:
    """A table of 1,500 pages that autovacuum leaves alone."""
    shop.run("DROP TABLE IF EXISTS large", f"CREATE TABLE large WITH (autovacuum_enabled = off) AS {MADE}")
    shop.run("VACUUM ANALYZE large")
    yield "shop.large"
    shop.run("DROP TABLE IF EXISTS large CASCADE")


@pytest.fixture
def engine(shop: Database, table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Engine]]:
    """`engine(**options)`: with small batches and queues, so that a reader who stops leaves statements unsent."""
    monkeypatch.setattr(BatchQueue.__init__, "__defaults__", (QUEUE_BYTES, UNCOUNTED))
    opened: list[Engine] = []

    def make(**options: Any) -> Engine:
        block = {"kind": "postgres", "url": shop.url, "tls": {"mode": "disable"}, "fetch_bytes": 16_384}
        opened.append(Engine({"sources": {"shop": {**block, "parallel_scans": THREE, **options}}}))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def connector(engine: Engine) -> PostgresConnector:
    found = engine._connectors["shop"]
    assert isinstance(found, PostgresConnector)
    return found


def running(shop: Database) -> int:
    mine = "application_name LIKE 'hanse/%' AND state <> 'idle'"
    return shop.rows(f"SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {mine}")[0][0]


def nothing_is_left(engine: Engine, shop: Database) -> bool:
    deadline = time.monotonic() + 3
    while running(shop) or connector(engine)._readers.leased or connector(engine)._controls.leased:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_every_row_once_in_several_statements(engine: Callable[..., Engine], shop: Database, table: str) -> None:
    one = engine()
    result = one.query(f"SELECT id, pad FROM {table} WHERE n <> 3")
    found = sorted(row[0] for row in result.fetchall())
    assert found == [i for i in range(ROWS) if i % 7 != 3]
    (source,) = result.report.sources
    assert (source.statements, source.rows) == (12, len(found))
    assert source.snapshot is not None
    assert nothing_is_left(one, shop)


def test_above_the_scan_everything_is_as_ever(engine: Callable[..., Engine], table: str) -> None:
    one = engine()
    joined = f"SELECT a.n, count(*), sum(v.x) FROM {table} a JOIN (VALUES (1, 10), (3, 20)) v(k, x) ON a.n = v.k"
    sql = f"{joined} WHERE random() >= 0 GROUP BY 1 ORDER BY 1"
    count = len([i for i in range(ROWS) if i % 7 == 1])
    assert one.query(sql).fetchall() == [(1, count, 10 * count), (3, count, 20 * count)]


def test_who_changes_the_table_meanwhile_changes_no_answer(
    engine: Callable[..., Engine], shop: Database, table: str
) -> None:
    one = engine()
    result = one.query(f"SELECT id, n, pad FROM {table}", settings={"batch_rows": 100})
    batches = iter(result)
    rows = next(batches).to_pylist()
    shop.run("UPDATE large SET n = -1, pad = repeat('y', 600)")  # every row moves to a page behind
    shop.run("DELETE FROM large WHERE id % 3 = 0", f"INSERT INTO large SELECT id + {ROWS}, 0, '' FROM large")
    shop.run("VACUUM large")
    for batch in batches:
        rows += batch.to_pylist()
    assert sorted((row["id"], row["n"]) for row in rows) == [(i, i % 7) for i in range(ROWS)]
    assert {row["pad"] for row in rows} == {"x" * 500}
    assert result.report.sources[0].statements == 12


def test_nobody_rewrites_the_table_between_two_ranges(
    engine: Callable[..., Engine], shop: Database, table: str
) -> None:
    """VACUUM FULL moves rows from page to page; it waits until the scan is over, and the scan does not wait for it."""
    shop.run("DELETE FROM large WHERE id < 5000")
    one = engine()
    batches = iter(one.query(f"SELECT id, pad FROM {table}", settings={"batch_rows": 100}))
    rows = next(batches).to_pylist()
    with shop.connect() as other:
        other.execute("SET lock_timeout = '200ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("VACUUM FULL large")
    rewriting = threading.Thread(target=shop.run, args=("VACUUM FULL large",), daemon=True)
    rewriting.start()
    time.sleep(0.3)
    assert rewriting.is_alive()
    for batch in batches:
        rows += batch.to_pylist()
    assert sorted(row["id"] for row in rows) == list(range(5000, ROWS))
    rewriting.join(5)
    assert not rewriting.is_alive()


def test_a_further_connection_that_gets_no_lock_is_not_needed(
    engine: Callable[..., Engine], shop: Database, table: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who wants to rewrite the table comes between the first connection's lock and those of the others."""
    rewriting = threading.Thread(target=shop.run, args=("VACUUM FULL large",), daemon=True)
    started, once = PostgresConnector.begin, threading.Lock()

    def begin(self: PostgresConnector, context: Any) -> Any:
        found = started(self, context)
        inner = found._start_another

        def late(work: Any) -> Any:
            with once:
                if not rewriting.ident:
                    rewriting.start()
            time.sleep(0.2)
            return inner(work)

        found._start_another = late
        return found

    monkeypatch.setattr(PostgresConnector, "begin", begin)
    one = engine()
    result = one.query(f"SELECT id FROM {table}")
    assert sorted(row[0] for row in result.fetchall()) == list(range(ROWS))
    rewriting.join(5)
    assert not rewriting.is_alive()
    assert nothing_is_left(one, shop)


def test_what_was_added_since_the_catalog_was_read_is_in_the_last_range(
    engine: Callable[..., Engine], shop: Database, table: str
) -> None:
    one = engine()
    one.catalog.tables()
    shop.run(f"INSERT INTO large SELECT i, 0, repeat('z', 500) FROM generate_series({ROWS}, {2 * ROWS - 1}) AS g(i)")
    assert sorted(row[0] for row in one.query(f"SELECT id FROM {table}").fetchall()) == list(range(2 * ROWS))


def test_a_table_that_is_empty_by_now(engine: Callable[..., Engine], shop: Database, table: str) -> None:
    one = engine()
    one.catalog.tables()
    shop.run("TRUNCATE large")
    result = one.query(f"SELECT id FROM {table}")
    assert result.fetchall() == []
    assert result.report.complete


PARTITIONED = """
CREATE TABLE odd (LIKE large) PARTITION BY RANGE (id);
CREATE TABLE odd1 PARTITION OF odd FOR VALUES FROM (0) TO (10000);
CREATE TABLE odd2 PARTITION OF odd FOR VALUES FROM (10000) TO (20000);
INSERT INTO odd SELECT * FROM large
"""
INHERITED = """
CREATE TABLE odd AS SELECT * FROM large WHERE id < 15000;
CREATE TABLE heir () INHERITS (odd);
INSERT INTO heir SELECT * FROM large WHERE id >= 15000
"""
SECURED = """
CREATE TABLE odd AS SELECT * FROM large;
ALTER TABLE odd ENABLE ROW LEVEL SECURITY;
CREATE POLICY everything ON odd USING (true)
"""


@pytest.mark.parametrize("made", ["CREATE VIEW odd AS SELECT * FROM large", PARTITIONED, INHERITED, SECURED])
def test_what_is_no_heap_of_its_own_is_read_by_one(
    engine: Callable[..., Engine], shop: Database, table: str, made: str
) -> None:
    shop.run(made, "ANALYZE")
    result = engine().query("SELECT id FROM shop.odd")
    assert sorted(row[0] for row in result.fetchall()) == list(range(ROWS))
    assert result.report.sources[0].statements == 1
    shop.run("DROP TABLE IF EXISTS heir", f"DROP {'VIEW' if 'VIEW' in made else 'TABLE'} odd CASCADE")


def test_a_materialized_view_is_a_heap(engine: Callable[..., Engine], shop: Database, table: str) -> None:
    shop.run("CREATE MATERIALIZED VIEW stored AS SELECT * FROM large", "ANALYZE stored")
    result = engine().query("SELECT id FROM shop.stored")
    assert sorted(row[0] for row in result.fetchall()) == list(range(ROWS))
    assert result.report.sources[0].statements > 1


def test_a_table_that_is_dropped_is_looked_for_again(engine: Callable[..., Engine], shop: Database, table: str) -> None:
    one = engine()
    one.catalog.tables()
    shop.run("DROP TABLE large")
    with pytest.raises(HanseError) as failure:
        one.query(f"SELECT id FROM {table}").fetchall()
    assert failure.value.code == "42P01"
    assert nothing_is_left(one, shop)
    shop.run(f"CREATE TABLE large AS {MADE}")


@pytest.mark.parametrize(("connections", "most"), [(1, 1), (2, 1), (3, 2), (8, 3)])
def test_one_permit_is_always_left(
    engine: Callable[..., Engine], shop: Database, table: str, connections: int, most: int
) -> None:
    one = engine(connections=connections)
    with one.query(f"SELECT id, pad FROM {table}", settings={"batch_rows": 100}) as result:
        batches = iter(result)
        rows = next(batches).num_rows
        time.sleep(0.2)
        assert connector(one)._readers.leased == most
        if connections > 1:
            assert one.query(f"SELECT count(*) FROM {table}").fetchall() == [(ROWS,)]
        assert rows + sum(batch.num_rows for batch in batches) == ROWS
    assert nothing_is_left(one, shop)


def test_others_get_connections_between_two_ranges(engine: Callable[..., Engine], shop: Database, table: str) -> None:
    """Who waits for connections is served before the scan is over: its further connections end with their ranges."""
    one = engine(connections=3, connection_wait=20)
    with one.query(f"SELECT id, pad FROM {table}", settings={"batch_rows": 100}) as result:
        batches = iter(result)
        rows = next(batches).num_rows
        done: list[Any] = []
        other = threading.Thread(
            target=lambda: done.append(
                one.query(
                    "SELECT a.id FROM shop.large a JOIN shop.large b ON a.id = b.id + 1 WHERE a.id < 5",
                    settings={"pushdown": "off"},
                ).fetchall()
            )
        )
        other.start()
        while other.is_alive() and (batch := next(batches, None)) is not None:
            rows += batch.num_rows
            time.sleep(0.005)
        other.join(20)
        assert sorted(done[0]) == [(1,), (2,), (3,), (4,)]
        assert rows + sum(batch.num_rows for batch in batches) == ROWS
    assert nothing_is_left(one, shop)


def test_cancelling_ends_all_statements(engine: Callable[..., Engine], shop: Database, table: str) -> None:
    one = engine()
    with one.query(f"SELECT id, pad FROM {table}", settings={"batch_rows": 100}) as result:
        batches = iter(result)
        next(batches)
        assert running(shop) >= 3
        result.cancel()
        with pytest.raises(Cancelled):
            list(batches)
    assert nothing_is_left(one, shop)
    assert len(one.query(f"SELECT id FROM {table}").fetchall()) == ROWS


def test_leaving_early_ends_all_statements(engine: Callable[..., Engine], shop: Database, table: str) -> None:
    one = engine()
    with one.query(f"SELECT id, pad FROM {table}", settings={"batch_rows": 100}) as result:
        next(iter(result))
    assert nothing_is_left(one, shop)


def test_a_bad_value_in_one_range_fails_the_query(engine: Callable[..., Engine], shop: Database, table: str) -> None:
    shop.run("ALTER TABLE large ADD COLUMN d date", "UPDATE large SET d = 'infinity' WHERE id = 19999", "ANALYZE large")
    one = engine()
    with pytest.raises(InvalidValue):
        one.query(f"SELECT id, d FROM {table}").fetchall()
    assert nothing_is_left(one, shop)


def test_two_large_tables_share_one_snapshot(engine: Callable[..., Engine], shop: Database, table: str) -> None:
    one = engine(connections=8)
    sql = f"SELECT count(*), sum(a.n - b.n) FROM {table} a JOIN {table} b ON a.id = b.id AND random() >= 0"
    result = one.query(sql, settings={"key_shipping": "off"})
    assert result.fetchall() == [(ROWS, 0)]
    assert len({source.snapshot for source in result.report.sources}) == 1
    assert nothing_is_left(one, shop)
