"""Tables of every type, and of odd texts under every kind of collation, at each kind of source that takes keys."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hanse.engine import Engine
from tests.contract.shipping.runs import ROWS, config, small
from tests.servers.databases import Database, DatabaseFactory


def insert(database: Database, table: str, rows: list[tuple[Any, ...]]) -> None:
    connection = database.connect()
    with connection, connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(rows[0]))
        cursor.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        connection.commit()


@pytest.fixture(scope="module")
def pg(pg_database: DatabaseFactory) -> Database:
    """Every type; text under a deterministic collation, one that ignores case, blank-padded, and C."""
    database = pg_database()
    database.run(
        "CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level1', deterministic = false)",
        "CREATE TABLE t (id int PRIMARY KEY, t text, i bigint, d date, m timestamp, n numeric(10,2), u uuid)",
    )
    insert(database, "t", ROWS)
    database.run(
        'CREATE TABLE x (id int PRIMARY KEY, plain varchar(80), loose text COLLATE loose, padded char(80), c text COLLATE "C")',
        "INSERT INTO x SELECT id, t, t, t, t FROM t",
    )
    return database


@pytest.fixture(scope="module")
def my(mysql_database: DatabaseFactory) -> Database:
    """Every type; text that ignores case, pads, does neither, in another character set, and with a NUL."""
    database = mysql_database()
    database.run(
        "CREATE TABLE t (id int PRIMARY KEY, t varchar(80), i bigint, d date, m datetime(6), n decimal(10,2), u uuid)",
    )
    insert(database, "t", [(*row[:-1], str(row[-1]) if row[-1] else None) for row in ROWS])
    database.run(
        "CREATE TABLE x (id int PRIMARY KEY, plain varchar(80), padded varchar(80) COLLATE utf8mb4_bin, "
        "exact varchar(80) COLLATE utf8mb4_nopad_bin, loose varchar(80) COLLATE utf8mb4_unicode_ci, KEY (plain), KEY (loose))",
        "INSERT INTO x SELECT id, t, t, t, t FROM t",
        "CREATE TABLE latin (id int PRIMARY KEY, t varchar(80) CHARACTER SET latin1, KEY (t))",
        "INSERT IGNORE INTO latin SELECT id, t FROM t WHERE t = CONVERT(CONVERT(t USING latin1) USING utf8mb4)",
        "CREATE TABLE greek (id int PRIMARY KEY, t varchar(80) CHARACTER SET greek, KEY (t))",
        "INSERT IGNORE INTO greek SELECT id, t FROM t WHERE t = CONVERT(CONVERT(t USING greek) USING utf8mb4)",
        "CREATE TABLE whole (id int PRIMARY KEY, u bigint unsigned, s tinyint, KEY (u))",
        f"INSERT INTO whole VALUES (1, {2**64 - 1}, -128), (2, {2**63}, 127), (3, 0, 0), (4, 7, 7), (5, NULL, NULL)",
        "CREATE TABLE nul (t varchar(9))",
    )
    insert(database, "nul", [("a\0",), ("\0",), ("a",)])
    return database


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "f.db"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, t TEXT, i INTEGER, d DATE, m TIMESTAMP, n DECIMAL(10,2), u TEXT)"
        )
        connection.executemany(
            "INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    *row[:3],
                    str(row[3]) if row[3] else None,
                    row[4].isoformat(" ") if row[4] else None,
                    float(row[5]) if row[5] is not None else None,
                    str(row[6]),
                )
                for row in ROWS
            ],
        )
        connection.execute("CREATE TABLE x (id INTEGER PRIMARY KEY, loose TEXT COLLATE NOCASE)")
        connection.execute("INSERT INTO x SELECT id, t FROM t")
        connection.execute("CREATE TABLE nul (t TEXT)")
        connection.executemany("INSERT INTO nul VALUES (?)", [("a\0",), ("\0",), ("a",)])
    return path


@pytest.fixture(scope="module")
def engine(pg: Database, my: Database, file: Path) -> Iterator[Engine]:
    with Engine(config(pg, my, file)) as engine:
        yield engine


@pytest.fixture
def capped(pg: Database, my: Database, file: Path) -> Callable[..., Engine]:
    """Opens an engine over the same sources that takes only so many keys."""
    return lambda **caps: Engine(config(pg, my, file, **caps))


@pytest.fixture(params=["one statement", "batches"])
def batched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param == "batches":
        small(monkeypatch)
    return bool(request.param == "batches")
