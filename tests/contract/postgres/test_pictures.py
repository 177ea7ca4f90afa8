"""What PostgreSQL says of its snapshots: names where they are shared, moments always, and never of what is elsewhere."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from hanse.connectors.postgres.connector import PostgresConnector
from hanse.connectors.postgres.shots import Shot
from hanse.ir.consistency import Level, Picture
from hanse.ir.expr import Column
from hanse.ir.request import Request, SqlText
from hanse.ir.tables import Table
from hanse.ir.types import INT64
from hanse.spi.connector import ReadContext
from hanse.testing.contract import ConnectorContract
from tests.servers.databases import Database

pytestmark = pytest.mark.postgres
Make = Callable[..., ConnectorContract]
Connect = Callable[..., PostgresConnector]
TOKEN = re.compile(r"\d+:\d+:[\d,]* wal [0-9A-F]+/[0-9A-F]+")


def counting(table: Table) -> Request:
    return Request(0, "shop", SqlText((f"SELECT count(*) FROM {table.relation}",)), (Column(0, "n", INT64),), (table,))


def taken(session: Any, table: Table) -> tuple[int, Picture]:
    batches = list(session.read(counting(table), ()))
    assert session.picture is not None
    return batches[0].column(0)[0].as_py(), session.picture


def test_a_pinned_snapshot_is_that_of_its_pin(make: Make, database: Database) -> None:
    contract = make("CREATE TABLE v (v int)", "INSERT INTO v SELECT generate_series(1, 10)")
    table, met = contract.table("v"), threading.Event()
    session = contract.connector.begin(ReadContext("abc1", 1, pinned=True))
    before = time.time()
    session.pin((table,), met.set)  # type: ignore[attr-defined]
    after = time.time()
    assert met.is_set()
    database.run(f"INSERT INTO {table.relation} SELECT generate_series(1, 5)")
    count, picture = taken(session, table)
    session.close()
    assert count == 10
    assert (picture.level, picture.verified, picture.is_copy) == (Level.SNAPSHOT, None, False)
    assert TOKEN.fullmatch(str(picture.token))
    assert before <= (picture.earliest or 0) <= (picture.latest or 0) <= after


def test_a_single_statement_has_a_moment_and_no_name(make: Make) -> None:
    contract = make("CREATE TABLE v (v int)")
    session = contract.connector.begin(ReadContext("abc2", 1))
    assert session.picture is None  # type: ignore[attr-defined]
    before = time.time()
    count, picture = taken(session, contract.table("v"))
    session.close()
    assert (count, picture.level, picture.token) == (0, Level.SNAPSHOT, None)
    assert before <= (picture.earliest or 0) <= (picture.latest or 0) <= time.time()


def test_several_requests_have_one_picture(make: Make) -> None:
    contract = make("CREATE TABLE v (v int)")
    session = contract.connector.begin(ReadContext("abc3", 3))
    pictures = {taken(session, contract.table("v"))[1] for _ in range(3)}
    session.close()
    assert len(pictures) == 1
    assert TOKEN.fullmatch(str(pictures.pop().token))


FOREIGN = (
    "CREATE FOREIGN DATA WRAPPER nowhere",
    "CREATE SERVER far FOREIGN DATA WRAPPER nowhere",
    "CREATE FOREIGN TABLE f (id int) SERVER far",
    "CREATE TABLE near (id int)",
    "CREATE VIEW over_f AS SELECT id FROM f",
    "CREATE VIEW over_both AS SELECT n.id FROM near AS n JOIN over_f AS o ON o.id = n.id",
    "CREATE VIEW over_near AS SELECT id FROM near",
    "CREATE MATERIALIZED VIEW kept AS SELECT id FROM f WITH NO DATA",
    "CREATE VIEW over_kept AS SELECT id FROM kept",
    "CREATE TABLE parts (id int) PARTITION BY RANGE (id)",
    "CREATE FOREIGN TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (9) SERVER far",
    "CREATE TABLE whole (id int) PARTITION BY RANGE (id)",
    "CREATE TABLE piece PARTITION OF whole FOR VALUES FROM (0) TO (9)",
)


def test_rows_of_other_servers_are_in_no_snapshot(make: Make, database: Database) -> None:
    try:
        contract = make(*FOREIGN)
        tables = {table.name: table for table in contract.catalog.tables}
        far = {name for name, table in tables.items() if "foreign" in dict(table.details)}
        assert far == {"f", "over_f", "over_both", "parts"}
        session = contract.connector.begin(ReadContext("abc4", 2))
        assert taken(session, tables["near"])[1].is_snapshot
        session.pin((tables["over_both"],), lambda: None)  # type: ignore[attr-defined]
        picture = session.picture  # type: ignore[attr-defined]
        session.close()
        assert (picture.level, picture.is_snapshot) == (Level.NONE, False)
        assert "over_both has rows of another server" in picture.why
    finally:
        database.run("DROP FOREIGN DATA WRAPPER nowhere CASCADE")


def test_a_server_that_does_not_tell_positions(make: Make, database: Database, connect_to: Connect) -> None:
    """To everybody but its owner; the others still share snapshots, whose names are the transactions alone."""
    contract = make("CREATE TABLE v (v int)")
    database.run("CREATE ROLE untold LOGIN PASSWORD 'x'", "REVOKE EXECUTE ON FUNCTION pg_current_wal_lsn() FROM PUBLIC")
    schema = contract.table("v").schema
    database.run(f"GRANT USAGE ON SCHEMA {schema} TO untold", f"GRANT SELECT ON {schema}.v TO untold")
    try:
        url = urlsplit(database.url)
        there = url._replace(netloc=f"untold:x@{url.hostname}:{url.port}")
        other = connect_to(urlunsplit(there), tls={"mode": "disable"})
        session = other.begin(ReadContext("abc5", 2))
        for _ in range(2):
            count, picture = taken(session, contract.table("v"))
            assert count == 0
            assert re.fullmatch(r"\d+:\d+:[\d,]*", str(picture.token))
            assert picture.is_snapshot
        session.close()
    finally:
        database.run(
            "GRANT EXECUTE ON FUNCTION pg_current_wal_lsn() TO PUBLIC",
            f"REVOKE ALL ON {schema}.v FROM untold",
            f"REVOKE ALL ON SCHEMA {schema} FROM untold",
            "DROP ROLE untold",
        )


def test_a_standby_is_as_old_as_what_it_has_replayed() -> None:
    nothing: frozenset[str] = frozenset()
    behind = Shot(100.0, 100.1, "t", 40.0).picture(nothing)
    assert (behind.earliest, behind.latest, behind.is_copy) == (40.0, 100.1, True)
    unknown = Shot(100.0, 100.1, "t", 0.0).picture(nothing)
    assert (unknown.earliest, unknown.is_copy, unknown.is_snapshot) == (None, True, True)
    ahead = Shot(100.0, 100.1, "t", 100.05).picture(nothing)
    assert ahead.earliest == 100.0
    assert not Shot(100.0, 100.1, "t").picture(nothing).is_copy
