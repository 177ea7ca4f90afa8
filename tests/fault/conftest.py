"""Two servers with tables whose contents are known, engines over them, and what must be left when all is over."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from hanse.engine import Engine
from hanse.execute.memory import UNCOUNTED
from hanse.execute.queue import BatchQueue
from tests.fault.proxy import Proxy
from tests.servers.databases import Database, DatabaseFactory

ROWS = 6000
TABLES = 12
SHARDS = 8
RETRY = {"wait": 0.05, "wait_max": 0.2, "attempts": 8}
QUEUE_BYTES = 100_000
"""Small, so that a request stalls after a few batches, as one of gigabytes would."""


@dataclass(frozen=True)
class World:
    """Sources ``shop`` (PostgreSQL) and ``crm`` (MariaDB), each with tables t1, t2 ...: id = 0, 1 ...; n = id * number.

    ``endless`` has more rows than anybody waits for; ``slow`` thinks for half a minute before its first row, ``nap`` for a
    twentieth of a second before its only one.
    """

    shop: Database
    crm: Database

    def config(
        self, shop: str | None = None, crm: str | None = None, connections: int = 2, **engine: Any
    ) -> dict[str, Any]:
        """A configuration; the URLs may be those of proxies."""
        common = {"connections": connections, "connection_wait": 60, "tls": {"mode": "disable"}}
        sources = {
            "shop": {"kind": "postgres", "url": shop or self.shop.url, "fetch_bytes": 65536, **common},
            "crm": {"kind": "mysql", "url": crm or self.crm.url, **common},
        }
        small = {"instances": 2, "threads": 2, "memory_limit": "400MB", "instance_wait": 60}
        return {"sources": sources, "engine": {**small, **engine}}

    def busy(self) -> dict[str, int]:
        """How many statements of ours run at each server, and how many transactions of ours wait for us."""
        mine = f"datname = '{self.shop.name}' AND pid <> pg_backend_pid() AND application_name LIKE 'hanse%'"
        shop = self.shop.rows(
            f"SELECT count(*) FROM pg_stat_activity WHERE {mine} AND state <> 'idle' AND query NOT LIKE '%pg_catalog.pg_class%'"
        )
        mine = f"DB = '{self.crm.name}' AND INFO LIKE '/* hanse:%'"
        crm = self.crm.rows(f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE {mine}")
        return {"shop": shop[0][0], "crm": crm[0][0]}

    def wait_until_busy(self, source: str, seconds: float = 10) -> None:
        """Wait for a statement to run there."""
        deadline = time.monotonic() + seconds
        while not self.busy()[source]:
            assert time.monotonic() < deadline, f"nothing runs at {source}"
            time.sleep(0.01)

    def wait_until_idle(self, seconds: float) -> float:
        """Wait for all statements to end; returns how long that took."""
        started = time.monotonic()
        while any(found := self.busy().values()):
            assert time.monotonic() - started < seconds, f"{found} still runs after {seconds} s"
            time.sleep(0.01)
        return time.monotonic() - started


def threads() -> list[str]:
    """Our threads that run."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("hanse")]


def leases(engine: Engine) -> dict[str, int]:
    """What queries hold."""
    shop, crm = engine._connectors["shop"], engine._connectors["crm"]
    return {
        "readers": shop._readers.leased,  # type: ignore[attr-defined]
        "controls": shop._controls.leased,  # type: ignore[attr-defined]
        "crm": crm._pool.leased,  # type: ignore[attr-defined]
        "instances": engine._pool.used,
        "queries": len(engine._running),
    }


def assert_nothing_is_left(engine: Engine, world: World, seconds: float = 3) -> None:
    """No statement, no transaction, no thread, no lease, no file."""
    deadline = time.monotonic() + seconds
    while any(leases(engine).values()) or threads():
        assert time.monotonic() < deadline, (leases(engine), threads())
        time.sleep(0.02)
    world.wait_until_idle(seconds)
    assert [path for path in engine._pool.folder.rglob("*") if path.is_file()] == []


@pytest.fixture(scope="session")
def world(pg_database: DatabaseFactory, mysql_database: DatabaseFactory) -> World:
    return made(pg_database(collation="C"), mysql_database())


def made(shop: Database, crm: Database) -> World:
    """The tables in two empty databases."""
    for number in range(1, TABLES + 1):
        made = f"SELECT i AS id, i::bigint * {number} AS n, repeat(md5(i::text), 4) AS pad"
        shop.run(f"CREATE TABLE t{number} AS {made} FROM generate_series(0, {ROWS - 1}) AS g(i)")
        crm.run(
            f"CREATE TABLE t{number} (id INT PRIMARY KEY, n BIGINT, pad VARCHAR(200))",
            f"INSERT INTO t{number} SELECT seq, seq * {number}, REPEAT(MD5(seq), 4) FROM seq_0_to_{ROWS - 1}",
        )
    many = "SELECT a.i AS id, a.i::bigint AS n, repeat('x', 100) AS pad FROM generate_series(1, 3000) AS a(i)"
    shop.run(
        f"CREATE VIEW endless AS {many}, generate_series(1, 100000)",
        "CREATE TABLE small AS SELECT i AS id FROM generate_series(0, 99) AS g(i)",
        "ANALYZE small",
        "CREATE VIEW slow AS SELECT i AS id, pg_sleep(30) IS NULL AS v FROM generate_series(1, 10) AS g(i)",
        "CREATE VIEW nap AS SELECT i AS id, pg_sleep(0.1) IS NULL AS v FROM generate_series(1, 1) AS g(i)",
    )
    crm.run(
        "CREATE TABLE three (id INT, n BIGINT, pad VARCHAR(200))",
        "INSERT INTO three SELECT seq, seq, REPEAT('x', 100) FROM seq_1_to_3000",
        "CREATE VIEW endless AS SELECT a.id, a.n, a.pad FROM three a, three b, three c",
        "CREATE VIEW slow AS SELECT id, SLEEP(30) AS v FROM three",
        "CREATE VIEW nap AS SELECT id, SLEEP(0.1) AS v FROM three WHERE id = 1",
    )
    return World(shop, crm)


@pytest.fixture
def small_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queues that are full at once."""
    monkeypatch.setattr(BatchQueue.__init__, "__defaults__", (QUEUE_BYTES, UNCOUNTED))


@pytest.fixture
def engine(world: World, small_queues: None) -> Iterator[Callable[..., Engine]]:
    """`engine(**options of World.config)`; closed when the test is over."""
    with contextlib.ExitStack() as opened:
        yield lambda **options: opened.enter_context(Engine(world.config(**options)))


@pytest.fixture(scope="session")
def shards(pg_database: DatabaseFactory, mysql_database: DatabaseFactory) -> list[str]:
    """URLs of databases over which the rows 0 to 7999 are spread by their remainder."""
    found = []
    for number in range(SHARDS):
        database = pg_database(collation="C") if number % 2 else mysql_database()
        rows = [f"({id}, {id * 10})" for id in range(8000) if id % SHARDS == number]
        database.run("CREATE TABLE t (id INT PRIMARY KEY, n INT)", f"INSERT INTO t VALUES {', '.join(rows)}")
        found.append(database.url)
    return found


@pytest.fixture
def spread(shards: list[str], small_queues: None) -> Iterator[tuple[Engine, list[Proxy]]]:
    """An engine over the shards, each behind a proxy to which none but queries connect."""
    with contextlib.ExitStack() as stack:
        proxies = [stack.enter_context(Proxy(url)) for url in shards]
        common = {"tls": {"mode": "disable"}, "retry": RETRY, "sweep": False}
        blocks = [{"url": proxy.url, **common} for proxy in proxies]
        table = {"method": "hash", "key": "id", "function": "mod"}
        source = {"kind": "sharded", "shards": blocks, "tables": {"t": table}}
        engine = stack.enter_context(Engine({"sources": {"sales": source}}))
        assert engine.query("SELECT count(*), sum(n) FROM sales.t").fetchall() == [(8000, 319_960_000)]
        yield engine, proxies
