"""Which foreign keys PostgreSQL really holds for every row that a query can see, and that no answer changes by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hanse import Engine
from hanse.testing.contract import ConnectorContract
from tests.servers.databases import DatabaseFactory

pytestmark = pytest.mark.postgres
Make = Callable[..., ConnectorContract]
ONE = "CREATE TABLE one (id int PRIMARY KEY, t text)"
V = "CREATE TABLE v (id int, x int REFERENCES one (id))"


def enforced(contract: ConnectorContract, table: str = "v") -> list[bool]:
    return [key.enforced for key in contract.table(table).foreign_keys]


def test_a_validated_one_is_held(make: Make) -> None:
    assert enforced(make(ONE, V)) == [True]


def test_a_deferred_one_is_held_by_what_is_committed(make: Make) -> None:
    assert enforced(make(ONE, "CREATE TABLE v (x int REFERENCES one (id) DEFERRABLE INITIALLY DEFERRED)")) == [True]


@pytest.mark.parametrize(
    "statements",
    [
        ["ALTER TABLE one ENABLE ROW LEVEL SECURITY"],
        ["ALTER TABLE v DISABLE TRIGGER ALL"],
        ["ALTER TABLE one DISABLE TRIGGER ALL"],
        ["CREATE TABLE child () INHERITS (v)"],
    ],
    ids=["policies", "triggers here", "triggers there", "children"],
)
def test_one_that_may_be_broken_is_not(make: Make, statements: list[str]) -> None:
    assert enforced(make(ONE, V, *statements)) == [False]


def test_one_of_partitions_is_not(make: Make) -> None:
    parted = "CREATE TABLE v (x int REFERENCES one (id)) PARTITION BY RANGE (x)"
    assert enforced(make(ONE, parted, "CREATE TABLE p PARTITION OF v FOR VALUES FROM (0) TO (9)")) == [False]


def test_one_that_old_rows_may_break_is_not_known_at_all(make: Make) -> None:
    bare = ["CREATE TABLE v (x int)", "INSERT INTO v VALUES (7)"]
    assert enforced(make(ONE, *bare, "ALTER TABLE v ADD FOREIGN KEY (x) REFERENCES one (id) NOT VALID")) == []


def test_whoever_knows_better_trusts_none(make: Make) -> None:
    assert enforced(make(ONE, V, trust_foreign_keys=False)) == [False]


@pytest.fixture(scope="module")
def shop(pg_database: DatabaseFactory) -> Any:
    found = pg_database()
    found.run(
        "CREATE TABLE one (id int PRIMARY KEY, t text UNIQUE)",
        "INSERT INTO one SELECT i, 't' || i FROM generate_series(1, 20) AS i",
        "CREATE TABLE v (id int, x int REFERENCES one (id), t text REFERENCES one (t), y int NOT NULL REFERENCES one)",
        "INSERT INTO v SELECT i, nullif(i % 21, 0), CASE WHEN i % 3 > 0 THEN 't' || 1 + i % 20 END, 1 + i % 20"
        " FROM generate_series(1, 100) AS i",
    )
    return found


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT v.id FROM v JOIN one ON one.id = v.x",
        "SELECT v.id, one.id FROM one JOIN v ON one.id = v.x",
        "SELECT v.id, one.t FROM v JOIN one ON one.t = v.t",
        "SELECT v.id FROM v WHERE x IN (SELECT id FROM one)",
        "SELECT v.id FROM v WHERE EXISTS (SELECT FROM one WHERE id = y)",
        "SELECT count(*), sum(o.id) FROM v JOIN one o ON o.id = v.y JOIN one p ON p.id = v.x JOIN one q ON q.t = v.t",
    ],
)
def test_the_answer_is_that_of_the_join(shop: Any, sql: str) -> None:
    answers = []
    for trusts in (True, False):
        block = {"kind": "postgres", "url": shop.url, "trust_foreign_keys": trusts}
        with Engine({"sources": {"shop": block}}) as engine:
            reads = '"one"' in engine.explain(sql, format="sql")
            assert reads is not trusts
            answers.append(sorted(engine.query(sql).fetchall()))
    assert answers[0] == answers[1]
    assert answers[0]
