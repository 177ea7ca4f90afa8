"""Processes that die with statements running: the next one ends them, and nothing that belongs to anybody else."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from hanse.connectors.shared import ownership
from hanse.engine import Engine
from tests.fault.conftest import ROWS, World
from tests.fault.proxy import Proxy
from tests.fault.test_lost import SOURCES

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
STARTED = """
import json, sys, hanse
engine = hanse.Engine(json.loads(sys.argv[1]))
engine.catalog.tables()
print("asks", flush=True)
print(engine.query(sys.argv[2]).fetchall(), flush=True)
"""


def process(config: dict[str, Any], sql: str) -> subprocess.Popen[str]:
    """Another Hanse, which asks that."""
    command = [sys.executable, "-c", STARTED, json.dumps(config), sql]
    found = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert found.stdout is not None
    assert found.stdout.readline() == "asks\n"
    return found


def running(world: World, source: str) -> list[tuple[Any, ...]]:
    """Connections that run `slow`, with their tags."""
    if source == "shop":
        mine = f"datname = '{world.shop.name}' AND state = 'active' AND query LIKE '%slow%' AND pid <> pg_backend_pid()"
        return world.shop.rows(f"SELECT pid, application_name FROM pg_stat_activity WHERE {mine}")
    mine = f"DB = '{world.crm.name}' AND INFO LIKE '%slow%' AND ID <> CONNECTION_ID()"
    found = world.crm.rows(f"SELECT ID, INFO FROM information_schema.PROCESSLIST WHERE {mine}")
    return [(number, text.partition(" */")[0]) for number, text in found]


def wait(world: World, source: str, count: int, seconds: float = 10) -> list[tuple[Any, ...]]:
    deadline = time.monotonic() + seconds
    while len(found := running(world, source)) != count:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def asked(world: World, source: str, config: dict[str, Any]) -> Engine:
    """A Hanse that has used the source."""
    engine = Engine(config)
    assert len(engine.query(f"SELECT id FROM {source}.t1").fetchall()) == ROWS
    return engine


@SOURCES
def test_what_a_killed_process_left_is_ended(world: World, source: str) -> None:
    """Behind a proxy that keeps the server's side open, as a host does that has lost its power."""
    with Proxy(getattr(world, source).url) as proxy:
        dead = process(world.config(**{source: proxy.url}), f"SELECT * FROM {source}.slow")
        [(_, tag)] = wait(world, source, 1)
        assert re.search(r"[/:][0-9a-f]{32}~[0-9a-f]{5}$", tag)
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        with asked(world, source, world.config()):
            wait(world, source, 0, ownership.GRACE_SECONDS + 3)


@SOURCES
def test_what_a_living_process_does_is_not_touched(world: World, source: str) -> None:
    alive = process(world.config(), f"SELECT * FROM {source}.slow")
    try:
        [found] = wait(world, source, 1)
        with asked(world, source, world.config()) as engine:
            time.sleep(ownership.GRACE_SECONDS + 1)
            assert running(world, source) == [found]
            assert engine._connectors[source]._owner.ended == []  # type: ignore[attr-defined]
    finally:
        alive.send_signal(signal.SIGINT)
        alive.wait(10)
    wait(world, source, 0)


@SOURCES
def test_a_living_process_takes_a_lost_lock_again(world: World, source: str) -> None:
    """Somebody ends the connection that holds it, while a statement runs and another process starts."""
    alive = process(world.config(), f"SELECT * FROM {source}.slow")
    try:
        [found] = wait(world, source, 1)
        if source == "shop":
            name = "application_name = 'hanse lock'"
            killed = world.shop.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {name}")
        else:
            idle = f"DB = '{world.crm.name}' AND COMMAND = 'Sleep' AND ID <> CONNECTION_ID()"
            killed = world.crm.rows(f"SELECT ID FROM information_schema.PROCESSLIST WHERE {idle}")
            world.crm.run(*(f"KILL CONNECTION {number}" for (number,) in killed))
        assert killed
        with asked(world, source, world.config()) as engine:
            time.sleep(ownership.GRACE_SECONDS + 1)
            assert running(world, source) == [found]
            assert engine._connectors[source]._owner.ended == []  # type: ignore[attr-defined]
    finally:
        alive.send_signal(signal.SIGINT)
        alive.wait(10)
    wait(world, source, 0)


@SOURCES
def test_other_peoples_statements_are_not_touched(world: World, source: str) -> None:
    """Of no tag, of a tag without a token, of a tag of another kind."""
    database = getattr(world, source)
    sleeps = "pg_sleep(20)" if source == "shop" else "SLEEP(20)"
    texts = [
        f"/* hanse:{'a' * 32} */ SELECT {sleeps}",
        f"/* hanse:{'a' * 32}~x */ SELECT {sleeps}",
        f"SELECT {sleeps} /* slow */",
    ]
    others = [subprocess.Popen([sys.executable, "-c", ASKS, database.url, text]) for text in texts]
    try:
        time.sleep(1)
        with asked(world, source, world.config()) as engine:
            time.sleep(ownership.GRACE_SECONDS + 1)
            assert engine._connectors[source]._owner.ended == []  # type: ignore[attr-defined]
        assert [one.poll() for one in others] == [None] * len(others)
    finally:
        for one in others:
            one.kill()
            one.wait()
        name = f"datname = '{world.shop.name}' AND query LIKE '%pg_sleep(20)%' AND pid <> pg_backend_pid()"
        world.shop.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {name}")
        found = world.crm.rows(
            "SELECT ID FROM information_schema.PROCESSLIST WHERE INFO LIKE '%SLEEP(20)%' AND ID <> CONNECTION_ID()"
        )
        world.crm.run(*(f"KILL CONNECTION {number}" for (number,) in found))


ASKS = """
import sys, psycopg, pymysql
from urllib.parse import urlsplit
url, text = sys.argv[1:]
if url.startswith("postgresql"):
    psycopg.connect(url, application_name=text[3:].split(" */")[0].replace(":", "/")).execute(text)
else:
    parts = urlsplit(url)
    where = {"host": parts.hostname, "port": parts.port, "user": parts.username, "password": parts.password}
    pymysql.connect(**where, database=parts.path.strip("/")).cursor().execute(text)
"""


@SOURCES
def test_nobody_looks_where_that_is_off(world: World, source: str) -> None:
    config = world.config()
    config["sources"][source]["sweep"] = False
    with asked(world, source, config) as engine:
        assert engine._connectors[source]._owner._thread is None  # type: ignore[attr-defined]
        assert engine._connectors[source]._owner.suffix() == ""  # type: ignore[attr-defined]


@SOURCES
def test_a_statement_that_no_cancel_reached_is_ended_later(world: World, source: str) -> None:
    """The network is silent when a query is cancelled, and comes back."""
    with Proxy(getattr(world, source).url) as proxy, Engine(world.config(**{source: proxy.url})) as engine:
        engine.query(f"SELECT id FROM {source}.t1").fetchall()
        result = engine.query(f"SELECT * FROM {source}.slow")
        wait(world, source, 1)
        proxy.swallow()
        result.cancel()
        result.close()
        time.sleep(1)
        assert source == "shop" or len(running(world, source)) == 1  # PostgreSQL looks whether its client is there
        swallowed = list(proxy._sockets)
        proxy._sockets.clear()
        proxy._open.set()
        deadline = time.monotonic() + 10
        while running(world, source):
            assert time.monotonic() < deadline
            assert len(engine.query(f"SELECT id FROM {source}.t1").fetchall()) == ROWS
            time.sleep(0.2)
        proxy._sockets += swallowed
