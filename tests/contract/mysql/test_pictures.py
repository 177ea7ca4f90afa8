"""What MariaDB says of its snapshots: moments always, positions where it keeps them, and never of engines without snapshots."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from hanse.ir.consistency import Level, Picture
from hanse.ir.expr import Column
from hanse.ir.request import Request, SqlText
from hanse.ir.tables import Table
from hanse.ir.types import INT64
from hanse.spi.connector import ReadContext
from hanse.testing.contract import ConnectorContract

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
