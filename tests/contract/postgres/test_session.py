"""Sessions: one snapshot, read only, cancelled within a second, pooled and capped, and clean after every end."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from adbc_driver_manager import AdbcStatement

from hanse.connectors.postgres.connector import PostgresConnector
from hanse.connectors.postgres.running import Running
from hanse.errors import Cancelled, InvalidValue, ResourceLimit, SourceRefused, StaleSnapshot
from hanse.ir.expr import Column, Literal, Parameter
from hanse.ir.request import Request, SqlText
from hanse.ir.types import BOOLEAN, INT32, INT64, TEXT, Type
from hanse.spi.connector import ReadContext
from hanse.testing.contract import ConnectorContract
from tests.servers.databases import Database

pytestmark = pytest.mark.postgres
Make = Callable[..., ConnectorContract]
SLOW = "SELECT pg_sleep(30) IS NULL"
MANY = "SELECT a.i::int8 FROM generate_series(1, 3000) AS a(i), generate_series(1, 10000)"


def asking(sql: str, *types: Type) -> Request:
    columns = tuple(Column(place, f"c{place}", type) for place, type in enumerate(types))
    return Request(0, "shop", SqlText((sql,)), columns, ())


def backends(database: Database, query_id: str) -> list[tuple[Any, ...]]:
    where = f"application_name LIKE '%{query_id}%' AND state = 'active'"
    return database.rows(f"SELECT pid, query FROM pg_stat_activity WHERE {where}")


def gone_within(database: Database, query_id: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while backends(database, query_id):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Reader(threading.Thread):
    """Reads a request in a thread of its own; keeps what came and how it ended."""

    def __init__(self, batches: Iterator[Any], pause: threading.Event | None = None) -> None:
        super().__init__(daemon=True)
        self.batches, self.pause = batches, pause
        self.rows = 0
        self.failure: Exception | None = None
        self.started = threading.Event()
        self.start()

    def run(self) -> None:
        try:
            for batch in self.batches:
                self.rows += batch.num_rows
                self.started.set()
                if self.pause is not None:
                    self.pause.wait(20)
        except Exception as failure:
            self.failure = failure


def test_two_reads_see_one_snapshot(make: Make, database: Database) -> None:
    contract = make("CREATE TABLE v (v int)", "INSERT INTO v SELECT generate_series(1, 1000)")
    relation = contract.table("v").relation
    stop = threading.Event()

    def write() -> None:
        with database.connect() as connection:
            while not stop.is_set():
                connection.execute(f"INSERT INTO {relation} SELECT generate_series(1, 10)")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            session = contract.connector.begin(ReadContext("ab01", 3))
            counts = []
            for _ in range(3):
                batches = list(session.read(asking(f"SELECT count(*) FROM {relation}", INT64), ()))
                counts.append(batches[0].column(0).to_pylist())
                time.sleep(0.005)
            assert session.snapshot
            session.close()
            assert counts[0] == counts[1] == counts[2]
    finally:
        stop.set()
        writer.join()


def test_cancel_while_the_server_thinks(contract: ConnectorContract, database: Database) -> None:
    session = contract.connector.begin(ReadContext("ca01", 1))
    reader = Reader(session.read(asking(SLOW, BOOLEAN), ()))
    while not backends(database, "ca01"):
        time.sleep(0.01)
    started = time.monotonic()
    session.cancel()
    assert gone_within(database, "ca01", 1 - (time.monotonic() - started))
    reader.join(1)
    assert not reader.is_alive()
    assert isinstance(reader.failure, Cancelled)
    session.close()


def test_cancel_while_nobody_reads(contract: ConnectorContract, database: Database) -> None:
    pause = threading.Event()
    session = contract.connector.begin(ReadContext("ca02", 1))
    reader = Reader(session.read(asking(MANY, INT64), ()), pause)
    assert reader.started.wait(10)
    assert backends(database, "ca02")
    session.cancel()
    assert gone_within(database, "ca02", 1)
    pause.set()
    reader.join(5)
    assert isinstance(reader.failure, Cancelled)
    session.close()


def test_cancel_before_the_start(contract: ConnectorContract, database: Database) -> None:
    session = contract.connector.begin(ReadContext("ca03", 1))
    session.cancel()
    with pytest.raises(Cancelled):
        list(session.read(asking(SLOW, BOOLEAN), ()))
    session.cancel()
    session.close()
    session.close()


def test_cancel_at_any_moment(contract: ConnectorContract, database: Database) -> None:
    for step in range(12):
        session = contract.connector.begin(ReadContext(f"cb{step:02}", 1 + step % 2))
        reader = Reader(session.read(asking(SLOW, BOOLEAN), ()))
        time.sleep(0.004 * step)
        session.cancel()
        assert gone_within(database, f"cb{step:02}", 1)
        reader.join(2)
        assert isinstance(reader.failure, Cancelled)
        session.close()


def test_leaving_early_ends_the_statement(contract: ConnectorContract, database: Database) -> None:
    session = contract.connector.begin(ReadContext("ea01", 1))
    batches = session.read(asking(MANY, INT64), ())
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert gone_within(database, "ea01", 1)
    session.close()


def test_connections_are_used_again(make: Make) -> None:
    contract = make()
    pids = {contract.rows(asking("SELECT pg_backend_pid()", INT32))[0] for _ in range(3)}
    assert len(pids) == 1


def test_transaction_ends_with_the_read(contract: ConnectorContract, database: Database) -> None:
    session = contract.connector.begin(ReadContext("ed01", 2))
    list(session.read(asking("SELECT 1", INT32), ()))
    session.close()
    where = "application_name LIKE '%ed01' OR state LIKE 'idle in transaction%'"
    assert database.rows(f"SELECT query FROM pg_stat_activity WHERE {where}") == []


def test_lost_idle_connection_is_replaced(make: Make, database: Database) -> None:
    contract = make()
    assert contract.rows(asking("SELECT 1", INT32)) == [(1,)]
    (pid,) = contract.rows(asking("SELECT pg_backend_pid()", INT32))[0]
    database.rows(f"SELECT pg_terminate_backend({pid})")
    assert contract.rows(asking("SELECT 2", INT32)) == [(2,)]


def test_error_leaves_no_trace(contract: ConnectorContract) -> None:
    with pytest.raises(InvalidValue) as failure:
        contract.rows(asking("SELECT 1 / (i - 50000) FROM generate_series(1, 100000) AS g(i)", INT32))
    assert failure.value.code == "22012"
    assert contract.rows(asking("SELECT 1", INT32)) == [(1,)]


def test_cap_on_connections(make: Make) -> None:
    contract = make(connections=1, connection_wait=0.3)
    session = contract.connector.begin(ReadContext("ca", 1))
    batches = session.read(asking(MANY, INT64), ())
    next(batches)
    with pytest.raises(ResourceLimit, match="all 1 connections were busy"):
        contract.rows(asking("SELECT 1", INT32))
    session.close()
    assert contract.rows(asking("SELECT 1", INT32)) == [(1,)]


def test_statement_timeout(make: Make) -> None:
    contract = make(statement_timeout=0.2)
    started = time.monotonic()
    with pytest.raises(ResourceLimit, match="statement timeout"):
        contract.rows(asking(SLOW, BOOLEAN))
    assert time.monotonic() - started < 5


def test_lock_timeout(make: Make, database: Database) -> None:
    contract = make("CREATE TABLE v (v int)", lock_timeout=0.2)
    request = contract.request(contract.scan("v"))
    with psycopg.connect(database.url) as other:
        other.execute(f"LOCK TABLE {contract.table('v').relation} IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(ResourceLimit, match="lock timeout"):
            contract.rows(request)


def test_writes_are_refused(make: Make, database: Database) -> None:
    contract = make("CREATE TABLE v (v int)")
    schema, relation = contract.table("v").schema, contract.table("v").relation
    body = f"$$ INSERT INTO {relation} VALUES (1) RETURNING v $$"
    database.run(f"CREATE FUNCTION {schema}.sneak() RETURNS int LANGUAGE sql AS {body}")
    with pytest.raises(SourceRefused) as failure:
        contract.rows(asking(f"SELECT {schema}.sneak()", INT32))
    assert failure.value.code == "25006"


def test_session_settings_are_ours(make: Make) -> None:
    contract = make()
    names = (
        "search_path",
        "TimeZone",
        "transaction_isolation",
        "transaction_read_only",
        "client_encoding",
        "application_name",
    )
    sql = "SELECT " + ", ".join(f"current_setting('{name}')" for name in names)
    [(*found, tag)] = contract.rows(asking(sql, *[TEXT] * 6))
    assert found == ["pg_catalog", "UTC", "repeatable read", "on", "UTF8"]
    assert re.fullmatch("hanse/c0ffee~[0-9a-f]{5}", tag)


def test_names_are_not_shadowed(make: Make, database: Database) -> None:
    contract = make("CREATE FUNCTION lower(text) RETURNS text LANGUAGE sql AS $$ SELECT 'shadow' $$")
    assert contract.rows(asking("SELECT lower('X')", TEXT)) == [("x",)]


def test_R40_dropped_column_is_a_stale_snapshot(make: Make, database: Database) -> None:
    contract = make("CREATE TABLE v (v int, w int)")
    request = contract.request(contract.scan("v"))
    database.run(f"ALTER TABLE {contract.table('v').relation} DROP COLUMN w")
    with pytest.raises(StaleSnapshot) as failure:
        contract.rows(request)
    assert failure.value.retryable
    contract.refresh()
    assert contract.rows(contract.scan("v")) == []


def test_R40_changed_type_is_a_stale_snapshot(make: Make, database: Database) -> None:
    contract = make("CREATE TABLE v (v int)", "INSERT INTO v VALUES (1)")
    request = contract.request(contract.scan("v"))
    database.run(f"ALTER TABLE {contract.table('v').relation} ALTER v TYPE text")
    with pytest.raises(StaleSnapshot):
        contract.rows(request)


def test_parameters_are_values(contract: ConnectorContract) -> None:
    text = "'; DROP TABLE sheet; --\\"
    request = Request(0, "shop", SqlText(("SELECT ", Parameter(TEXT, 0))), (Column(1, "v", TEXT),), ())
    assert contract.rows(request, (Literal(TEXT, text),)) == [(text,)]
    with pytest.raises(InvalidValue):
        contract.rows(request, (Literal(TEXT, "a\0b"),))


def test_empty_result_has_no_batches(contract: ConnectorContract) -> None:
    assert contract.rows(asking("SELECT 1 WHERE false", INT32)) == []


def test_batches_are_small(make: Make) -> None:
    contract = make(fetch_bytes=1 << 20)
    session = contract.connector.begin(ReadContext("ab", 1, batch_rows=1000))
    sizes = [
        batch.num_rows for batch in session.read(asking("SELECT i FROM generate_series(1, 10000) AS g(i)", INT32), ())
    ]
    session.close()
    assert sum(sizes) == 10_000
    assert max(sizes) <= 1000


def test_what_is_cancelled_at_its_end_is_nobody_elses(
    connect_to: Callable[..., PostgresConnector], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection is either given back or closed, whoever comes first: no other query gets a closed one."""
    connector = connect_to(database.url, connections=2, tls={"mode": "disable"})
    script, outcomes = Running.script, set()

    def cancelled_before_its_end(running: Running, sql: str) -> None:
        if sql == "ROLLBACK":
            cancellers.append(threading.Thread(target=session.cancel))
            cancellers[-1].start()
            time.sleep(0.005)
        script(running, sql)

    monkeypatch.setattr(Running, "_cancel", lambda _: time.sleep(0.02))  # a server far away
    monkeypatch.setattr(Running, "script", cancelled_before_its_end)
    for turn in range(20):
        cancellers: list[threading.Thread] = []
        session = connector.begin(ReadContext(f"ce{turn:04x}", 1))
        try:
            list(session.read(asking("SELECT 1", INT32), ()))
            outcomes.add("read")
        except Cancelled:
            outcomes.add("cancelled")
        for canceller in cancellers:
            canceller.join()
        session.close()
        for idle in connector._readers._idle:
            AdbcStatement(idle.adbc).close()
    assert outcomes
