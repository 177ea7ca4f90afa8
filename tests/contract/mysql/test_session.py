"""Sessions: one snapshot, read only, cancelled within a second, pooled and capped, and clean after every end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hanse.errors import (
    Cancelled,
    HanseError,
    InvalidValue,
    ResourceLimit,
    SourceError,
    SourceRefused,
    SourceUnreachable,
    StaleSnapshot,
)
from hanse.ir.expr import Column, Literal
from hanse.ir.request import Request, SqlText
from hanse.ir.types import INT32, INT64, TEXT, Type
from hanse.spi.connector import ReadContext
from hanse.testing.contract import ConnectorContract
from tests.servers.databases import Database

pytestmark = pytest.mark.mysql
Make = Callable[..., ConnectorContract]
Connect = Callable[..., Any]
SLOW = "SELECT BENCHMARK(2000000000, MD5('a'))"
ASLEEP = "SELECT SLEEP(30)"
MANY = "SELECT a.seq FROM seq_1_to_3000 a JOIN seq_1_to_10000 b"


def asking(sql: str, *types: Type, tables: tuple[Any, ...] = ()) -> Request:
    columns = tuple(Column(place, f"c{place}", type) for place, type in enumerate(types))
    return Request(0, "crm", SqlText((sql,)), columns, tables)


def statements(database: Database, query_id: str) -> list[tuple[Any, ...]]:
    where = f"INFO LIKE '/* hanse:{query_id}%'"
    return database.rows(f"SELECT ID, INFO FROM information_schema.PROCESSLIST WHERE {where}")


def connections(database: Database) -> int:
    where = f"DB = '{database.name}' AND ID <> CONNECTION_ID()"
    return int(database.rows(f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE {where}")[0][0])


def gone_within(database: Database, query_id: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while statements(database, query_id):
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


def count(session: Any, relation: str) -> int:
    batches = list(session.read(asking(f"SELECT COUNT(*) FROM {relation}", INT64), ()))
    return int(batches[0].column(0)[0].as_py())


def test_R39_all_requests_see_one_snapshot(make: Make) -> None:
    contract = make("CREATE TABLE v (v int)", "INSERT INTO v SELECT seq FROM seq_1_to_1000")
    relation, database, stop = contract.table("v").relation, contract.database, threading.Event()  # type: ignore[attr-defined]

    def write() -> None:
        with database.connect() as connection, connection.cursor() as cursor:
            while not stop.is_set():
                cursor.execute(f"INSERT INTO {relation} SELECT seq FROM seq_1_to_10")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = set()
        for _ in range(10):
            session = contract.connector.begin(ReadContext("ab01", 3))
            counts = [count(session, relation)]
            time.sleep(0.01)
            counts += [count(session, relation), count(session, relation)]
            assert session.snapshot
            session.close()
            assert counts[0] == counts[1] == counts[2]
            found.add(counts[0])
        assert len(found) > 1
    finally:
        stop.set()
        writer.join()


def test_no_snapshot_is_claimed_where_there_is_none(make: Make) -> None:
    contract = make("CREATE TABLE v (v int) ENGINE=MyISAM", "CREATE TABLE w (v int)")
    session = contract.connector.begin(ReadContext("ab02", 2))
    list(session.read(asking("SELECT * FROM w", INT32, tables=(contract.table("w"),)), ()))
    assert session.snapshot
    list(session.read(asking("SELECT * FROM v", INT32, tables=(contract.table("v"),)), ()))
    assert session.snapshot is None
    session.close()


def test_requests_are_read_in_any_order(contract: ConnectorContract) -> None:
    """The second answer is wanted before anybody takes the rest of the first."""
    request = asking("SELECT seq FROM seq_1_to_1000000", INT32)
    session = contract.connector.begin(ReadContext("ab03", 4, batch_rows=4096))
    first = session.read(request, ())
    rows = next(first).num_rows
    readers = [Reader(session.read(request, ())) for _ in range(2)]
    for reader in readers:
        reader.join(20)
        assert (reader.rows, reader.failure) == (1_000_000, None)
    assert rows + sum(batch.num_rows for batch in first) == 1_000_000
    session.close()


def test_a_request_that_is_left_early_keeps_the_others_snapshot(make: Make) -> None:
    contract = make("CREATE TABLE v (v int)", "INSERT INTO v SELECT seq FROM seq_1_to_1000")
    database = contract.database  # type: ignore[attr-defined]
    session = contract.connector.begin(ReadContext("ab04", 3, batch_rows=4096))
    first = session.read(asking("SELECT seq FROM seq_1_to_1000000", INT32), ())
    next(first)
    database.run("INSERT INTO v VALUES (0)")
    first.close()
    for _ in range(2):
        assert count(session, "v") == 1000
    session.close()


def test_a_slow_reader_stops_the_server(contract: ConnectorContract, database: Database) -> None:
    session = contract.connector.begin(ReadContext("ab05", 1))
    batches = session.read(asking("SELECT REPEAT('x', 200) FROM seq_1_to_300000", TEXT), ())
    next(batches)
    time.sleep(0.3)
    states = database.rows("SELECT STATE FROM information_schema.PROCESSLIST WHERE INFO LIKE '/* hanse:ab05%/%'")
    assert states == [("Writing to net",)] or states == [("Sending data",)]
    assert sum(batch.num_rows for batch in batches) < 300_000
    session.close()


@pytest.mark.parametrize("requests", [1, 2])
@pytest.mark.parametrize("sql", [SLOW, ASLEEP], ids=["busy", "asleep"])
def test_cancel_while_the_server_thinks(
    contract: ConnectorContract, database: Database, sql: str, requests: int
) -> None:
    session = contract.connector.begin(ReadContext("ca01", requests))
    reader = Reader(session.read(asking(sql, INT64), ()))
    while not statements(database, "ca01"):
        time.sleep(0.01)
    started = time.monotonic()
    session.cancel()
    assert gone_within(database, "ca01", 1 - (time.monotonic() - started))
    reader.join(1)
    assert not reader.is_alive()
    assert isinstance(reader.failure, Cancelled)
    session.close()


@pytest.mark.parametrize("requests", [1, 2])
def test_cancel_while_nobody_reads(contract: ConnectorContract, database: Database, requests: int) -> None:
    pause = threading.Event()
    session = contract.connector.begin(ReadContext("ca02", requests))
    reader = Reader(session.read(asking(MANY, INT64), ()), pause)
    assert reader.started.wait(10)
    assert statements(database, "ca02")
    session.cancel()
    assert gone_within(database, "ca02", 1)
    pause.set()
    reader.join(5)
    assert isinstance(reader.failure, Cancelled)
    session.close()


def test_cancel_before_the_start(contract: ConnectorContract) -> None:
    for requests in (1, 2):
        session = contract.connector.begin(ReadContext("ca03", requests))
        session.cancel()
        with pytest.raises(Cancelled):
            list(session.read(asking(SLOW, INT64), ()))
        session.cancel()
        session.close()
        session.close()


def test_cancel_at_any_moment(contract: ConnectorContract, database: Database) -> None:
    for step in range(12):
        session = contract.connector.begin(ReadContext(f"cb{step:02}", 1 + step % 2))
        reader = Reader(session.read(asking(SLOW, INT64), ()))
        time.sleep(0.004 * step)
        session.cancel()
        assert gone_within(database, f"cb{step:02}", 1)
        reader.join(2)
        assert isinstance(reader.failure, Cancelled)
        session.close()
    assert contract.value(Literal(INT32, 1)) == 1


def test_leaving_early_ends_the_statement(contract: ConnectorContract, database: Database) -> None:
    session = contract.connector.begin(ReadContext("ea01", 1))
    batches = session.read(asking(MANY, INT64), ())
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert gone_within(database, "ea01", 1)
    session.close()


def test_close_ends_what_runs(contract: ConnectorContract, database: Database) -> None:
    session = contract.connector.begin(ReadContext("ea02", 2))
    reader = Reader(session.read(asking(SLOW, INT64), ()))
    while not statements(database, "ea02"):
        time.sleep(0.01)
    session.close()
    assert gone_within(database, "ea02", 1)
    reader.join(2)
    assert isinstance(reader.failure, Cancelled)


@pytest.mark.parametrize("statement", ["INSERT INTO v VALUES (1)", "CREATE TABLE w (i int)", "DROP TABLE v"])
@pytest.mark.parametrize("requests", [1, 2])
def test_nothing_can_be_written(make: Make, statement: str, requests: int) -> None:
    contract = make("CREATE TABLE v (v int)")
    session = contract.connector.begin(ReadContext("d0", requests))
    with pytest.raises(HanseError):
        list(session.read(asking(statement, INT64), ()))
    session.close()
    database = contract.database  # type: ignore[attr-defined]
    assert database.rows("SELECT COUNT(*) FROM v") == [(0,)]
    assert database.rows("SHOW TABLES") == [("v",)]


def test_connections_are_used_again_and_capped(make: Make) -> None:
    contract = make("CREATE TABLE v (v int)", connections=2, connection_wait=0.2, sweep=False)
    database = contract.database  # type: ignore[attr-defined]
    for _ in range(5):
        session = contract.connector.begin(ReadContext("e0", 1))
        list(session.read(asking("SELECT 1", INT32), ()))
        session.close()
    assert connections(database) == 1
    sessions = [contract.connector.begin(ReadContext("e1", 1)) for _ in range(2)]
    held = [session.read(asking(MANY, INT64), ()) for session in sessions]
    for batches in held[:2]:
        next(batches)
    with pytest.raises(ResourceLimit, match="all 2 connections were busy"):
        contract.connector.begin(ReadContext("e1", 1))
    for batches, session in zip(held, sessions, strict=True):
        batches.close()  # type: ignore[attr-defined]
        session.close()
    contract.connector.close()
    deadline = time.monotonic() + 2
    while connections(database) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert connections(database) == 0


@pytest.mark.parametrize("requests", [1, 2])
def test_a_connection_that_the_server_closed_is_replaced(make: Make, requests: int) -> None:
    contract = make("CREATE TABLE v (v int)")
    database = contract.database  # type: ignore[attr-defined]
    for _ in range(2):
        session = contract.connector.begin(ReadContext("e2", requests))
        assert count(session, "v") == 0
        session.close()
        found = database.rows(f"SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{database.name}'")
        for (number,) in found:
            database.run(
                f"BEGIN NOT ATOMIC DECLARE CONTINUE HANDLER FOR SQLEXCEPTION SET @x = 1; "
                f"IF {number} <> CONNECTION_ID() THEN KILL {number}; END IF; END"
            )


def test_a_failed_statement_leaves_the_connection_usable(contract: ConnectorContract) -> None:
    session = contract.connector.begin(ReadContext("e3", 2))
    with pytest.raises(SourceError):
        list(session.read(asking("SELEC 1", INT64), ()))
    session.close()
    session = contract.connector.begin(ReadContext("e3", 1))
    assert [b.num_rows for b in session.read(asking("SELECT 1", INT64), ())] == [1]
    session.close()


def test_statement_timeout(make: Make) -> None:
    contract = make("CREATE TABLE v (v int)", statement_timeout=0.2)
    session = contract.connector.begin(ReadContext("e4", 1))
    with pytest.raises(ResourceLimit) as failure:
        list(session.read(asking(ASLEEP, INT64), ()))
    assert failure.value.code == "57014"
    session.close()


def test_R40_what_is_gone_is_a_stale_snapshot(make: Make) -> None:
    contract = make("CREATE TABLE v (v int, w int)")
    table, plan = contract.table("v"), contract.scan("v")
    contract.database.run("ALTER TABLE v DROP COLUMN w")  # type: ignore[attr-defined]
    with pytest.raises(StaleSnapshot, match="Unknown column"):
        contract.rows(plan)
    contract.database.run("DROP TABLE v")  # type: ignore[attr-defined]
    with pytest.raises(StaleSnapshot) as failure:
        contract.rows(plan)
    assert failure.value.retryable
    assert table.name == "v"


def test_warnings_are_errors(contract: ConnectorContract) -> None:
    session = contract.connector.begin(ReadContext("e5", 1))
    with pytest.raises(InvalidValue, match="Division by 0") as failure:
        list(session.read(asking("SELECT 1 DIV 0", INT64), ()))
    assert failure.value.code == "22012"
    session = contract.connector.begin(ReadContext("e5", 1))
    with pytest.raises(InvalidValue, match="Truncated"):
        list(session.read(asking("SELECT CAST('12x' AS SIGNED)", INT64), ()))
    session.close()


def test_errors_in_the_middle_of_the_rows(make: Make) -> None:
    contract = make(
        "CREATE TABLE v (v bigint)",
        "INSERT INTO v SELECT seq FROM seq_1_to_200000",
        "INSERT INTO v VALUES (9223372036854775807)",
    )
    for requests in (1, 2):
        session = contract.connector.begin(ReadContext("e6", requests))
        with pytest.raises(InvalidValue, match="out of range"):
            list(session.read(asking("SELECT v + 1 FROM v", INT64), ()))
        session.close()


def test_a_wrong_number_of_columns_is_noticed(contract: ConnectorContract) -> None:
    session = contract.connector.begin(ReadContext("e7", 1))
    with pytest.raises(StaleSnapshot, match="2 columns, not 1"):
        list(session.read(asking("SELECT 1, 2", INT64), ()))
    session.close()


def test_refusals_name_no_secret(database: Database, connect_to: Connect) -> None:
    secret = "sEcReT77"
    wrong = database.url.replace(database.url.split(":")[2].split("@")[0], secret)
    with pytest.raises(SourceRefused) as failure:
        connect_to(wrong).load_catalog()
    assert secret not in str(failure.value)
    assert failure.value.code == "28000"
    with pytest.raises(SourceRefused, match="Unknown database"):
        connect_to(database.url + "_nowhere").load_catalog()
    with pytest.raises(SourceUnreachable) as unreachable:
        connect_to(f"mysql://u:{secret}@127.0.0.1:1/x").load_catalog()
    assert secret not in str(unreachable.value)


@pytest.mark.parametrize("mode", ["disable", "prefer", "require", "verify-ca"])
def test_tls_modes(database: Database, connect_to: Connect, mysql_ca: str, mode: str) -> None:
    tls = {"mode": mode, "ca": mysql_ca} if mode == "verify-ca" else {"mode": mode}
    session = connect_to(database.url, tls=tls).begin(ReadContext("f0", 1))
    sql = "SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'Ssl_version'"
    (batch,) = session.read(asking(sql, TEXT), ())
    assert bool(batch.column(0)[0].as_py()) == (mode != "disable")
    session.close()


def test_tls_verification_refuses_strangers(database: Database, connect_to: Connect, mysql_ca: str) -> None:
    with pytest.raises(SourceUnreachable, match="certificate"):
        connect_to(database.url, tls={"mode": "verify-ca"}).load_catalog()
    stranger = database.url.replace("127.0.0.1", "localhost.localdomain")
    with pytest.raises(SourceUnreachable):
        connect_to(stranger, tls={"mode": "verify-full", "ca": mysql_ca}).load_catalog()


def test_session_settings(contract: ConnectorContract) -> None:
    names = ["@@time_zone", "@@sql_mode", "@@tx_read_only", "@@tx_isolation", "@@net_write_timeout"]
    session = contract.connector.begin(ReadContext("f1", 1))
    (batch,) = session.read(asking(f"SELECT {', '.join(names)}", TEXT, TEXT, TEXT, TEXT, TEXT), ())
    zone, mode, read_only, isolation, patience = (column[0].as_py() for column in batch.columns)
    assert (zone, read_only, isolation, patience) == ("+00:00", "1", "REPEATABLE-READ", "86400")
    assert "NO_BACKSLASH_ESCAPES" in mode
    assert "ANSI_QUOTES" not in mode
    session.close()
