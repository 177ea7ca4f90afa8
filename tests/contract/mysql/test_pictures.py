"""What MariaDB says of its snapshots: moments always, positions where it keeps them, and never of engines without snapshots."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

import pymysql
import pytest

import hanse
from hanse.connectors.mysql.shots import MYSQL, begun, facts, is_copy
from hanse.connectors.mysql.wire import Connection
from hanse.errors import NotConsistent
from hanse.execute.report import Report
from hanse.ir.consistency import Level, Picture
from hanse.ir.expr import Column
from hanse.ir.request import Request, SqlText
from hanse.ir.tables import Table
from hanse.ir.types import INT64
from hanse.spi.connector import ReadContext
from hanse.testing.contract import ConnectorContract
from tests.servers import mariadb

pytestmark = pytest.mark.mysql
Make = Callable[..., ConnectorContract]


def counting(*tables: Table) -> Request:
    sql = " UNION ALL ".join(f"SELECT COUNT(*) FROM {table.relation}" for table in tables)
    return Request(0, "crm", SqlText((sql,)), (Column(0, "n", INT64),), tables)


def taken(session: Any, *tables: Table) -> tuple[int, Picture]:
    batches = list(session.read(counting(*tables), ()))
    assert session.picture is not None
    return batches[0].column(0)[0].as_py(), session.picture


def test_a_pinned_snapshot_is_that_of_its_pin(make: Make) -> None:
    contract = make("CREATE TABLE v (v int)", "INSERT INTO v SELECT seq FROM seq_1_to_10")
    table, met = contract.table("v"), threading.Event()
    session = contract.connector.begin(ReadContext("abc1", 1, pinned=True))
    before = time.time()
    session.pin((table,), met.set)  # type: ignore[attr-defined]
    after = time.time()
    assert met.is_set()
    contract.database.run("INSERT INTO v SELECT seq FROM seq_1_to_5")  # type: ignore[attr-defined]
    count, picture = taken(session, table)
    session.close()
    assert (count, picture.level, picture.is_copy) == (10, Level.SNAPSHOT, False)
    assert before <= (picture.earliest or 0) <= (picture.latest or 0) <= after


@pytest.mark.parametrize("count", [1, 2])
def test_a_single_statement_has_a_moment_and_no_name(make: Make, count: int) -> None:
    """Also one whose first rows may come before it has read a table."""
    contract = make("CREATE TABLE v (v int)")
    session = contract.connector.begin(ReadContext("abc2", 1))
    assert session.picture is None  # type: ignore[attr-defined]
    before = time.time()
    rows, picture = taken(session, *[contract.table("v")] * count)
    session.close()
    assert (rows, picture.level, picture.token) == (0, Level.SNAPSHOT, None)
    assert before <= (picture.earliest or 0) <= (picture.latest or 0) <= time.time()


VIEWS = (
    "CREATE TABLE a (id INT)",
    "CREATE TABLE m (id INT) ENGINE=MyISAM",
    "CREATE FUNCTION f() RETURNS INT DETERMINISTIC RETURN 4",
    "CREATE VIEW good AS SELECT x.id FROM a AS x JOIN a ON a.id = x.id WHERE x.id IN (SELECT id FROM a)",
    "CREATE VIEW better AS WITH c AS (SELECT id FROM good) SELECT c.id, 'see `m`.`id` from' AS t FROM c, (SELECT 1 AS n) AS d",
    "CREATE VIEW bad AS SELECT id FROM a UNION ALL SELECT id FROM m",
    "CREATE VIEW worse AS SELECT b.id FROM bad AS b JOIN good AS g ON g.id = b.id",
    "CREATE VIEW called AS SELECT f() AS id FROM a",
    "CREATE VIEW made AS SELECT seq AS id FROM seq_1_to_10",
)


def test_views_are_as_the_tables_that_they_read(make: Make) -> None:
    contract = make(*VIEWS)
    found = {table.name: dict(table.details).get("engine") for table in contract.catalog.tables if table.is_view}
    assert found == {
        "good": "InnoDB",
        "better": "InnoDB",
        "bad": "MyISAM",
        "worse": "MyISAM",
        "called": None,
        "made": None,
    }
    for name, why in (("good", ""), ("bad", "MyISAM"), ("made", "not known")):
        session = contract.connector.begin(ReadContext("abc3", 1))
        _, picture = taken(session, contract.table(name))
        session.close()
        assert picture.is_snapshot is (why == "")
        assert why in picture.why


@pytest.fixture(scope="module")
def logging() -> Iterator[str]:
    """The URL of a server that keeps a binary log."""
    with TemporaryDirectory(prefix="hanse-", ignore_cleanup_errors=True) as folder:
        server = mariadb.make(Path(folder))
        try:
            yield mariadb.start(server, "--log-bin=log", "--server-id=7", "--sync-binlog=0")
        finally:
            server.stop()


def test_positions_and_transaction_ids_are_those_of_the_snapshot(logging: str) -> None:
    """One exchange tells the position in the binary log, which is the snapshot's, and the id of the last transaction."""
    with closing(connected(logging)) as writer, closing(connected(logging)) as reader, writer.cursor() as cursor:
        cursor.execute("CREATE DATABASE d")
        cursor.execute("CREATE TABLE d.v (v int)")
        first = begun(reader, time.time)
        reader.rollback()
        again = begun(reader, time.time)
        assert (first.token, first.is_copy) == (again.token, False)
        cursor.execute("INSERT INTO d.v VALUES (1)")
        writer.commit()
        with reader.cursor() as looking:
            looking.execute("SELECT count(*) FROM d.v")
            assert looking.fetchone() == (0,)
        cursor.execute("SELECT @@gtid_binlog_pos, BINLOG_GTID_POS('log.000001', %s)", (place(again.token),))
        last, before = cursor.fetchone()
        assert again.token == again.name == f"log.000001:{place(again.token)} gtid {before}"
        assert last.rpartition("-")[2] == str(int(before.rpartition("-")[2]) + 1)
        reader.rollback()
        later = begun(reader, time.time)
        assert later.token is not None
        assert later.token.endswith(f" gtid {last}")
        assert place(later.token) > place(again.token)


def place(token: str | None) -> int:
    return int(str(token).partition(":")[2].partition(" ")[0])


def test_a_server_that_replays_another_is_a_copy_of_unknown_age(logging: str, tmp_path: Path) -> None:
    """Running or set up to, or closed to writers: then nobody knows when its rows were those of the other one."""
    source = {"kind": "mysql", "url": f"{logging}r", "tls": {"mode": "disable"}, "sweep": False}
    with closing(sqlite3.connect(tmp_path / "other.db")) as file, file:
        file.execute("CREATE TABLE v (v integer)")
    other = {"kind": "sqlite", "path": str(tmp_path / "other.db")}
    with closing(connected(logging)) as owner, owner.cursor() as cursor:
        cursor.execute("CREATE DATABASE r")
        cursor.execute("CREATE TABLE r.v (v int)")
        sql = "SELECT v FROM r.v UNION ALL SELECT v FROM other.v MAX SKEW 60 s"
        for change, is_copy in (("read_only = 0", False), ("read_only = 1", True), ("read_only = 0", False)):
            cursor.execute(f"SET GLOBAL {change}")
            with hanse.connect({"sources": {"r": source, "other": other}}) as engine:
                result = engine.query("SELECT v FROM r.v")
                assert result.fetchall() == []
                assert told(result.report) == (is_copy, is_copy)
                if is_copy:
                    with pytest.raises(NotConsistent, match=r"MAX SKEW"):
                        engine.query(sql).fetchall()
                else:
                    assert engine.query(sql).fetchall() == []
        assert not is_copying(owner)
        cursor.execute("CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=1, MASTER_USER='x'")
        assert is_copying(owner)


def told(report: Report) -> tuple[bool, bool]:
    """Whether the picture is a copy's, and of unknown age."""
    assert report.consistency is not None
    picture = report.consistency.sources["r"]
    return picture.is_copy, picture.earliest is None


def is_copying(connection: Connection) -> bool:
    return is_copy(facts(connection))


def connected(url: str) -> Connection:
    found = urlsplit(url)
    return pymysql.connect(host=found.hostname, port=found.port, user=found.username, password=found.password)


def test_a_server_that_tells_nothing_has_moments_all_the_same(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """MySQL's question, which has a variable that this server has not."""
    monkeypatch.setattr("hanse.connectors.mysql.shots.MARIADB", MYSQL)
    contract = make("CREATE TABLE v (v int)")
    session = contract.connector.begin(ReadContext("abc4", 2))
    count, picture = taken(session, contract.table("v"))
    assert (count, picture.token, picture.is_copy) == (0, None, False)
    assert str(session.snapshot).startswith("transaction of connection ")
    session.close()
