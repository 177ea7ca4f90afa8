"""Sources that are down: told at once, tried by one query at a time, and asked again as soon as they are back."""

from __future__ import annotations

import os
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from hanse.engine import Engine
from hanse.errors import Cancelled, HanseError, SourceError, SourceResting, SourceUnreachable
from tests.fault.conftest import ROWS, World, assert_nothing_is_left
from tests.fault.proxy import Proxy
from tests.fault.test_caps import OFF
from tests.servers import postgres
from tests.servers.process import Server

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
SOURCES = pytest.mark.parametrize("source", ["shop", "crm"])
SEED = int(os.environ.get("HANSE_FAULT_SEED", "0")) or random.SystemRandom().randrange(1 << 30)
QUICK = {"failures": 3, "wait": 0.2, "wait_max": 0.4}
POINT = "SELECT n FROM {}.t1 WHERE id = 7"
DOWN_SECONDS = float(os.environ.get("HANSE_OUTAGE_SECONDS", "3"))
CLIENTS = int(os.environ.get("HANSE_OUTAGE_CLIENTS", "40"))


def opened(world: World, source: str, url: str, **options: object) -> Engine:
    config = world.config(**{source: url})
    config["sources"][source] |= {"breaker": QUICK, "sweep": False, **options}
    return Engine(config)


def state(engine: Engine, source: str) -> str:
    rows = engine.query("SHOW SOURCES").fetchall()
    return str(next(row[-1] for row in rows if row[0] == source))


def open_breaker(engine: Engine, source: str) -> None:
    """Ask until nobody is let through."""
    for _ in range(20):
        with pytest.raises(SourceUnreachable) as failure:
            engine.query(POINT.format(source)).fetchall()
        if isinstance(failure.value, SourceResting):
            return
    raise AssertionError("the breaker does not open")


@SOURCES
def test_told_at_once_and_asked_when_it_is_back(world: World, small_queues: None, source: str) -> None:
    other = "crm" if source == "shop" else "shop"
    with Proxy(getattr(world, source).url) as proxy, opened(world, source, proxy.url) as engine:
        assert engine.query(POINT.format(source)).fetchall() == [(7,)]
        joined = f"SELECT a.n FROM {source}.t1 a JOIN {other}.t1 b USING (id) WHERE a.id = 7"
        assert engine.query(joined).fetchall() == [(7,)]
        assert state(engine, source) == "closed"
        proxy.refuse()
        open_breaker(engine, source)
        proxy.accepted = 0
        took = []
        for query in (POINT.format(source), joined) * 20:
            before = time.monotonic()
            with pytest.raises(SourceUnreachable) as failure:
                engine.query(query)
            if isinstance(failure.value, SourceResting):
                took.append(time.monotonic() - before)
                assert (failure.value.source, failure.value.code) == (source, "57P03")
                assert "not asked since" in failure.value.message
                assert "tries it again" in failure.value.message
        assert len(took) > 30
        assert statistics.median(took) < 0.01
        assert engine.query(POINT.format(other)).fetchall() == [(7,)]
        assert state(engine, source).startswith(("open since", "half-open since"))
        proxy.resume()
        deadline = time.monotonic() + QUICK["wait_max"] + 1
        while True:
            try:
                assert engine.query(joined).fetchall() == [(7,)]
                break
            except SourceUnreachable:
                assert time.monotonic() < deadline
                time.sleep(0.01)
        assert state(engine, source) == "closed"
        assert_nothing_is_left(engine, world)


@SOURCES
def test_one_connection_at_a_time_tries_it(world: World, small_queues: None, source: str) -> None:
    """Connections that are made and cut: none while it is left alone, then one query's alone, whoever else asks."""
    with Proxy(getattr(world, source).url) as proxy, opened(world, source, proxy.url) as engine:
        engine.query(POINT.format(source)).fetchall()
        proxy.cut()
        proxy.cut_next = 1_000_000
        open_breaker(engine, source)
        before, until = proxy.accepted, time.monotonic() + 2
        asked: list[int] = []
        lost: list[str] = []

        def ask() -> None:
            while time.monotonic() < until:
                asked.append(1)
                try:
                    engine.query(POINT.format(source)).fetchall()
                except SourceResting:
                    time.sleep(0.005)
                except SourceUnreachable as failure:
                    lost.append(failure.message)

        threads = [threading.Thread(target=ask) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tries = len(lost)
        assert len(asked) > 200
        assert 3 <= tries <= 2 / (QUICK["wait"] / 2) + 2  # waits grow from 0.1 to 0.4 s
        assert proxy.accepted - before <= 3 * tries  # PostgreSQL is asked why, twice
        proxy.cut_next = 0
        time.sleep(QUICK["wait_max"])
        assert engine.query(POINT.format(source)).fetchall() == [(7,)]
        assert_nothing_is_left(engine, world)


@SOURCES
def test_a_silent_source(world: World, small_queues: None, source: str) -> None:
    """Who waits for a connection is told as soon as others have found that there is none to be had."""
    options = {"connect_timeout": 2, "connections": 2, "breaker": {**QUICK, "failures": 2, "wait_max": 0.2}}
    with Proxy(getattr(world, source).url) as proxy, opened(world, source, proxy.url, **options) as engine:
        engine.query(POINT.format(source)).fetchall()
        proxy.cut()
        time.sleep(0.1)
        proxy.swallow()
        found: list[float] = []
        ends: list[type[HanseError]] = []

        def ask() -> None:
            before = time.monotonic()
            try:
                engine.query(POINT.format(source)).fetchall()
            except HanseError as failure:
                ends.append(type(failure))
            found.append(time.monotonic() - before)

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(15)
        assert len(found) == 12
        assert set(ends) == {SourceUnreachable, SourceResting}
        assert max(found) < 2 * 2 + 1.5  # one in twelve may have been the probe
        proxy.cut()
        proxy._open.set()
        time.sleep(0.3)
        assert engine.query(POINT.format(source)).fetchall() == [(7,)]
        assert state(engine, source) == "closed"


@SOURCES
def test_a_silent_source_holds_up_nobody_else(world: World, small_queues: None, source: str) -> None:
    """Its catalog is old and cannot be read again: what is known of it will do, and who asks others does not wait for it."""
    other = "crm" if source == "shop" else "shop"
    with Proxy(getattr(world, source).url) as proxy:
        config = world.config(**{source: proxy.url}, catalog_ttl=0.2)
        config["sources"][source] |= {"connect_timeout": 3, "breaker": {**QUICK, "wait": 5, "wait_max": 5}}
        with Engine(config) as engine:
            for name in (source, other):
                assert engine.query(POINT.format(name)).fetchall() == [(7,)]
            proxy.cut()
            time.sleep(0.3)
            proxy.swallow()
            took = []
            for _ in range(8):
                before = time.monotonic()
                assert engine.query(POINT.format(other)).fetchall() == [(7,)]
                took.append(time.monotonic() - before)
            assert sum(took) < 2.5, took
            proxy.refuse()
            open_breaker(engine, source)
            with pytest.raises(SourceResting):  # it is planned, by what was known of it
                engine.query(POINT.format(source))


@SOURCES
def test_deadlines_shorter_than_connecting_open_it_too(world: World, small_queues: None, source: str) -> None:
    """A network that swallows everything: no query waits for the end of its attempt to connect, which says what is wrong."""
    options = {"connect_timeout": 2, "connections": 8, "breaker": {**QUICK, "wait": 5, "wait_max": 5}}
    with Proxy(getattr(world, source).url) as proxy, opened(world, source, proxy.url, **options) as engine:
        engine.query(POINT.format(source)).fetchall()
        proxy.cut()
        time.sleep(0.1)
        proxy.swallow()
        deadline = time.monotonic() + 15
        while state(engine, source) == "closed":
            assert time.monotonic() < deadline
            with pytest.raises((Cancelled, SourceResting)):
                engine.query(POINT.format(source), settings={"statement_timeout": 0.1}).fetchall()


@SOURCES
def test_cancels_do_not_open_it(engine: Callable[..., Engine], world: World, source: str) -> None:
    one = engine(connections=2)
    chance = random.Random(SEED)
    one.query(POINT.format(source)).fetchall()
    for _ in range(120):
        with one.query(f"SELECT id, pad FROM {source}.endless", settings=OFF) as result:
            timer = threading.Timer(chance.random() * 0.02, result.cancel)
            timer.start()
            with pytest.raises(Cancelled):
                result.fetchall()
        timer.join()
    assert state(one, source) == "closed"
    assert one.query(POINT.format(source)).fetchall() == [(7,)]
    assert_nothing_is_left(one, world)


@SOURCES
def test_errors_of_callers_do_not_open_it(engine: Callable[..., Engine], source: str) -> None:
    one = engine()
    for _ in range(30):
        with pytest.raises(HanseError) as failure:
            one.query(f"SELECT 1 / (n - 7) FROM {source}.t1 WHERE id = 7").fetchall()
        assert failure.value.code == "22012"
    assert state(one, source) == "closed"


@pytest.fixture
def own_server() -> Iterator[tuple[Server, str]]:
    """A PostgreSQL that the test may stop, and start again."""
    with tempfile.TemporaryDirectory(prefix="hanse-server-") as folder:
        server = postgres.make(Path(folder))
        try:
            yield server, postgres.start(server)
        finally:
            server.stop()


def test_an_outage_under_many_clients(own_server: tuple[Server, str], world: World) -> None:
    """The server is stopped and comes back: calls that fail do so at once, one query tries, all are answered again soon."""
    server, url = own_server
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE t1 AS SELECT i AS id, i AS n FROM generate_series(1, 1000) AS g(i)")
    limits = {"failures": 5, "wait": 1, "wait_max": min(5.0, DOWN_SECONDS / 3)}
    source = {"kind": "postgres", "url": url, "connections": 8, "tls": {"mode": "disable"}, "breaker": limits}
    resting: list[tuple[float, float]] = []
    others: list[tuple[float, str]] = []
    answered: list[tuple[float, float]] = []
    over = threading.Event()

    with Engine({"sources": {"shop": source}}) as engine:
        engine.query(POINT.format("shop")).fetchall()

        def ask() -> None:
            while not over.wait(0.1):
                before = time.monotonic()
                try:
                    assert engine.query(POINT.format("shop")).fetchall() == [(7,)]
                    answered.append((before, time.monotonic() - before))
                except SourceResting:
                    resting.append((before, time.monotonic() - before))
                except SourceError as failure:
                    others.append((before, str(failure)))

        clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        time.sleep(1)
        assert server.process is not None
        command = server.process.args
        stopped = time.monotonic()
        server.stop()
        down = time.monotonic()
        time.sleep(DOWN_SECONDS)
        server.start(command, lambda: psycopg.connect(url, connect_timeout=1).close())
        back = time.monotonic()
        while not any(when > back for when, _ in answered):
            assert time.monotonic() - back < limits["wait_max"] + 2
            time.sleep(0.01)
        recovered = time.monotonic()
        time.sleep(1)
        over.set()
        for client in clients:
            client.join(10)
        assert engine.breakers() == {"shop": "closed"}
    tries = [when for when, _ in others if when > down + 1]
    late = [message for when, message in others if when > recovered]
    quick = sorted(took for when, took in resting if when > down)
    print(
        f"\n{CLIENTS} clients, {DOWN_SECONDS:g} s down: {len(resting)} calls refused, "
        f"median {statistics.median(quick) * 1000:.2f} ms, p99 {quick[len(quick) * 99 // 100] * 1000:.2f} ms, "
        f"slowest {quick[-1] * 1000:.2f} ms; {len(others)} calls reached it, {len(tries)} tries while it was down; "
        f"stopped in {down - stopped:.1f} s; back after {recovered - back:.2f} s"
    )
    assert late == []
    assert statistics.median(quick) < 0.01
    assert len(tries) <= DOWN_SECONDS / (limits["wait"] / 2) + 2
    assert recovered - back <= limits["wait_max"] + 1


def test_what_is_not_known_is_said(world: World) -> None:
    config = world.config()
    config["sources"]["shop"]["breaker"] = {"failure": 3}
    with pytest.raises(HanseError, match=r"did you mean failures"):
        Engine(config)
    assert ROWS > 0
