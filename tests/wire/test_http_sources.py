"""Over a real PostgreSQL: the end of a query over HTTP is its end there, and JSON is what PostgreSQL itself makes of the values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.servers.databases import Database, DatabaseFactory
from tests.wire.serving import Served, configured, served
from tests.wire.test_http import until
from tests.wire.test_oracle import ROWS, TABLE
from tests.wire.web import call, connected, rows

ACTIVE = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%slow%' AND state <> 'idle' AND pid <> pg_backend_pid()"
SAME = ("id", "b", "i2", "t", "v", "y", "d", "tm", "ts", "tz", "u", "ab", "at")
"""Columns of which JSON has what ``to_json`` writes; of the others it has strings where that writes numbers."""


@pytest.fixture(scope="module")
def database(pg_database: DatabaseFactory) -> Database:
    made = pg_database()
    made.run(
        TABLE,
        *(f"INSERT INTO every VALUES ({row})" for row in (*ROWS[:3], ROWS[4])),
        "CREATE TABLE stones AS SELECT generate_series(1, 600) AS a",
        "CREATE VIEW slow AS SELECT a, pg_sleep(1)::text AS b FROM stones",
    )
    return made


@pytest.fixture(scope="module")
def over(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("http")
    with served(configured(folder, {"pg": {"kind": "postgres", "url": database.url}})) as server:
        yield server


def active(database: Database) -> bool:
    return bool(database.rows(ACTIVE)[0][0])


def is_over(database: Database) -> None:
    """Within a second, if this machine does not stand still."""
    until(lambda: not active(database), 5)


def test_a_client_that_goes_ends_its_query_at_the_source(over: Served, database: Database) -> None:
    with connected(over) as connection:
        body = json.dumps({"sql": "SELECT a, b FROM pg.slow"})
        connection.request("POST", "/v1/query", body, {"Content-Type": "application/json"})
        until(lambda: active(database))
    is_over(database)


def test_delete_ends_a_query_at_the_source(over: Served, database: Database) -> None:
    id = call(over, "POST", "/v1/queries", {"sql": "SELECT a, b FROM pg.slow"}).json["id"]
    until(lambda: active(database))
    assert call(over, "DELETE", f"/v1/queries/{id}").status == 204
    is_over(database)


def test_json_is_postgresqls_own(over: Served, database: Database) -> None:
    names = ", ".join(f'"{name}"' for name in SAME)
    ours = rows(over, f"SELECT {names} FROM pg.every ORDER BY id")
    with database.connect() as connection:
        connection.execute("SET timezone = 'UTC'")
        real: list[Any] = connection.execute(
            f"SELECT to_json(ARRAY[{', '.join(f'to_json({name})' for name in SAME)}])::text FROM every ORDER BY id"
        ).fetchall()
    assert ours == [json.loads(row[0]) for row in real]
