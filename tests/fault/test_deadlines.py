"""Deadlines where the network says nothing, and cancels at any moment: the query ends in time, and everything is given back.

`HANSE_HOLES` and `HANSE_CANCELS` say how often; `scripts/with_servers.py python -m tests.fault.shows` prints the numbers.
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hanse.engine import Engine
from hanse.errors import Cancelled, DeadlineMissed, Fault, HanseError, SourceUnreachable
from tests.fault.conftest import ROWS, World, assert_nothing_is_left, leases
from tests.fault.proxy import Proxy
from tests.fault.shows import black_holes, cancels
from tests.fault.test_caps import OFF
from tests.fault.test_lost import SHAPES, SOURCES, start

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
HOLES = int(os.environ.get("HANSE_HOLES", "5"))
CANCELS = int(os.environ.get("HANSE_CANCELS", "40"))
SEED = int(os.environ.get("HANSE_FAULT_SEED", "0")) or random.SystemRandom().randrange(1 << 30)


@SOURCES
def test_black_holes_end_at_the_deadline(world: World, source: str) -> None:
    found = black_holes(world, source, HOLES, SEED)
    assert found.late_ms[-1] < 500, found
    assert found.left == [], found


@SOURCES
def test_cancels_at_random_moments_leave_nothing(world: World, source: str) -> None:
    found = cancels(world, source, CANCELS, SEED)
    assert found.left == [], found
    assert found.breakers == {"shop": "closed", "crm": "closed"}
    assert found.late_ms[-1] < 1000, found


@SOURCES
def test_a_source_that_does_not_answer_is_down(engine: Callable[..., Engine], world: World, source: str) -> None:
    with Proxy(getattr(world, source).url) as proxy:
        one = engine(**{source: proxy.url})
        one.catalog.tables()
        proxy.swallow()
        before = time.monotonic()
        with pytest.raises(
            SourceUnreachable, match=r"answered nothing within 0\.4 s \(setting connect_timeout\)"
        ) as failure:
            one.query(f"SELECT * FROM {source}.t1", settings={"connect_timeout": 0.4}).fetchall()
        assert time.monotonic() - before < 1
        assert (failure.value.source, failure.value.fault) == (source, Fault.DOWN)
        assert_nothing_is_left(one, world, 1)


@pytest.mark.parametrize("shape", SHAPES)
@SOURCES
def test_rows_that_do_not_go_on(engine: Callable[..., Engine], world: World, source: str, shape: str) -> None:
    with Proxy(getattr(world, source).url) as proxy:
        one = engine(**{source: proxy.url})
        with start(one, shape, source, idle_timeout="400 ms") as result:
            batches = iter(result)
            next(batches)
            proxy.swallow()
            before = time.monotonic()
            with pytest.raises(
                DeadlineMissed, match=r"no further row .* within 0\.4 s \(setting idle_timeout\)"
            ) as failure:
                for _ in batches:
                    pass
        assert time.monotonic() - before < 1.4
        assert failure.value.source == source
        proxy.cut()
        proxy._open.set()
        assert_nothing_is_left(one, world)


@SOURCES
def test_a_slow_reader_is_not_an_idle_source(engine: Callable[..., Engine], world: World, source: str) -> None:
    one = engine()
    with one.query(
        f"SELECT id, pad FROM {source}.endless", settings={"idle_timeout": 0.3, "batch_rows": 100}
    ) as result:
        batches = iter(result)
        next(batches)
        time.sleep(1)
        for _ in range(100):
            next(batches)
    assert_nothing_is_left(one, world)


@SOURCES
@pytest.mark.parametrize("held", ["read in part", "not read", "held back"])
def test_an_answer_that_is_left_unread(world: World, small_queues: None, source: str, held: str) -> None:
    """All is given back though nobody closes it, and whoever reads on is told; a reader who comes in time is not."""
    config = world.config()
    config["engine"]["reader_timeout"] = 1.5
    chosen = {"batch_rows": 100, "partial_results": "on" if held == "held back" else "off"}
    table = "t1" if held == "held back" else "endless"
    with Engine(config) as one:
        batches = iter(result := one.query(f"SELECT id, pad FROM {source}.{table}", settings=chosen))
        if held != "not read":
            for _ in range(4):
                next(batches)
                time.sleep(0.5)
        assert_nothing_is_left(one, world, 10)
        with pytest.raises(DeadlineMissed, match=r"nobody has read the answer for 1\.5 s"):
            for _ in batches:
                pass
        assert (result.report.complete, result.report.error) == (False, "57014")
        text = f"SELECT id, pad FROM {source}.t1"
        assert len(one.query(text, settings={"reader_timeout": 10}).fetchall()) == ROWS
        with one.query(text) as whole:
            assert whole.to_arrow().num_rows == ROWS
    world.wait_until_idle(1)


@SOURCES
def test_a_first_row_that_does_not_come(engine: Callable[..., Engine], world: World, source: str) -> None:
    one = engine()
    before = time.monotonic()
    with pytest.raises(DeadlineMissed, match=r"no row .* within 0\.3 s \(setting first_row_timeout\)") as failure:
        one.query(f"SELECT * FROM {source}.slow", settings={"first_row_timeout": "300ms"}).fetchall()
    assert time.monotonic() - before < 1.3
    assert failure.value.source == source
    assert_nothing_is_left(one, world)


@SOURCES
def test_a_source_has_its_own_limits(world: World, small_queues: None, source: str) -> None:
    config = world.config()
    config["sources"][source]["deadlines"] = {"total": 0.5}
    with Engine(config) as one:
        other = "crm" if source == "shop" else "shop"
        with pytest.raises(DeadlineMissed, match=r"within 0\.5 s \(option deadlines\.total\)") as failure:
            one.query(f"SELECT * FROM {source}.endless").fetchall()
        assert failure.value.source == source
        assert len(one.query(f"SELECT id FROM {other}.t1").fetchall()) == ROWS
        assert_nothing_is_left(one, world)


@SOURCES
def test_requests_that_take_turns_do_not_wait_for_the_source(world: World, small_queues: None, source: str) -> None:
    """What waits for another request of its query is not waiting for the network."""
    config = world.config(connections=1)
    config["sources"][source]["deadlines"] = {"connect": 2.5}
    with Engine(config) as one:
        tables = f"{source}.t1 JOIN {source}.t2 USING (id) JOIN {source}.t3 USING (id)"
        with Proxy(getattr(world, source).url) as proxy:
            config["sources"][source]["url"] = proxy.url
            with Engine(config) as slow:
                slow.catalog.tables()
                proxy.chunk, proxy.pause = 8192, 0.02
                assert (
                    len(slow.query(f"SELECT t1.id, t1.pad, t2.pad AS b FROM {tables}", settings=OFF).fetchall()) == ROWS
                )
        assert len(one.query(f"SELECT id FROM {tables}", settings=OFF).fetchall()) == ROWS


def test_waiting_for_a_connection(engine: Callable[..., Engine], world: World) -> None:
    one = engine(connections=1)
    with one.query("SELECT * FROM shop.endless") as held:
        rows = iter(held)
        next(rows)
        before = time.monotonic()
        message = r"no connection became free within 0\.3 s \(setting queue_timeout\)"
        with pytest.raises(DeadlineMissed, match=message) as failure:
            one.query("SELECT * FROM shop.t1", settings={"queue_timeout": 0.3})
        assert time.monotonic() - before < 1
        assert failure.value.source == "shop"
    assert_nothing_is_left(one, world)


def test_waiting_for_an_instance(engine: Callable[..., Engine], world: World) -> None:
    one = engine(instances=1)
    joined = "SELECT a.id FROM shop.endless a JOIN crm.t1 b USING (id)"
    with one.query(joined, settings=OFF) as held:
        rows = iter(held)
        next(rows)
        with pytest.raises(DeadlineMissed, match="no coordinator instance became free"):
            one.query(joined, settings={**OFF, "queue_timeout": 0.3})
        with pytest.raises(DeadlineMissed, match=r"timeout of 0\.3 s: it waited for a coordinator instance"):
            one.query(joined, settings={**OFF, "statement_timeout": 0.3})
    assert_nothing_is_left(one, world)


def test_the_whole_deadline_says_who_was_late(engine: Callable[..., Engine], world: World) -> None:
    one = engine()
    with pytest.raises(DeadlineMissed, match=r"statement timeout of 0\.4 s: .*crm had sent nothing") as failure:
        one.query(
            "SELECT * FROM crm.slow a JOIN shop.small b USING (id)", settings={**OFF, "statement_timeout": 0.4}
        ).fetchall()
    assert failure.value.code == "57014"
    assert_nothing_is_left(one, world)


@SOURCES
def test_planning_without_a_silent_source(world: World, small_queues: None, source: str) -> None:
    """At first use: what does not name it is answered, what names it is told within the time of planning."""
    other = "crm" if source == "shop" else "shop"
    with Proxy(getattr(world, source).url) as proxy, Engine(world.config(**{source: proxy.url})) as one:
        proxy.swallow()
        settings = {"plan_timeout": 1}
        before = time.monotonic()
        assert len(one.query(f"SELECT id FROM {other}.t1", settings=settings).fetchall()) == ROWS
        with pytest.raises(HanseError, match=r"catalog|planning") as failure:
            one.query(f"SELECT id FROM {source}.t1", settings=settings).fetchall()
        assert time.monotonic() - before < 3
        assert failure.value.code in ("08001", "57014")
        resumed = list(proxy._sockets)
        proxy._sockets.clear()
        proxy._open.set()
        deadline = time.monotonic() + 15
        while True:
            try:
                assert len(one.query(f"SELECT id FROM {source}.t1").fetchall()) == ROWS
                break
            except HanseError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        proxy._sockets += resumed


@SOURCES
def test_a_catalog_that_is_never_read(world: World, source: str) -> None:
    """The network goes while the catalog is read, which ends in its own time and keeps nothing."""
    config = world.config()
    with Proxy(getattr(world, source).url) as proxy:
        config["sources"][source] |= {"url": proxy.url, "deadlines": {"catalog": 0.5}}
        with Engine(config) as one:
            other = "crm" if source == "shop" else "shop"
            proxy.pause = 0.02
            timer = threading.Timer(0.06, proxy.swallow)
            timer.start()
            before = time.monotonic()
            assert len(one.query(f"SELECT id FROM {other}.t1").fetchall()) == ROWS
            assert time.monotonic() - before < 3
            with pytest.raises(SourceUnreachable, match=r"not read within 0\.5 s|left alone|not asked"):
                one.query(f"SELECT id FROM {source}.t1").fetchall()
            timer.join()


def test_estimates_of_a_silent_source_hold_nothing(engine: Callable[..., Engine], world: World) -> None:
    with Proxy(world.shop.url) as proxy:
        one = engine(shop=proxy.url)
        sql = "SELECT a.n FROM shop.t1 a JOIN crm.t1 b USING (id) WHERE a.n % 7 = 3"
        expected = sorted(one.query(sql).fetchall())
        swallowed = list(proxy._sockets)
        proxy.swallow()
        before = time.monotonic()
        with pytest.raises(Cancelled):
            one.query(
                sql, settings={"remote_estimates": "on", "plan_cache": "off", "statement_timeout": 1.5}
            ).fetchall()
        assert time.monotonic() - before < 2
        deadline = time.monotonic() + 2
        while leases(one)["controls"]:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        proxy._sockets.clear()
        proxy._open.set()
        assert sorted(one.query(sql).fetchall()) == expected
        proxy._sockets += swallowed


def test_a_lookup_table_of_a_silent_source_ends_with_its_queries(world: World, tmp_path: Path) -> None:
    """Both the one that reads it and the one that waits for that."""
    config = world.config()
    with Proxy(world.shop.url) as proxy:
        config["sources"]["shop"] |= {"url": proxy.url, "deadlines": {"catalog": 1}}
        for name in "ab":
            with contextlib.closing(sqlite3.connect(tmp_path / f"{name}.db")) as file, file:
                file.execute("CREATE TABLE orders (customer INTEGER NOT NULL)")
        lookup = {"source": "shop", "table": "small", "key": "id", "shard": "id"}
        orders = {"key": "customer", "method": "lookup", "lookup": lookup}
        shards = [{"name": name, "path": str(tmp_path / f"{name}.db")} for name in "ab"]
        config["sources"]["spread"] = {"kind": "sharded", "shards": shards, "tables": {"orders": orders}}
        with Engine(config) as one:
            one.catalog.tables()
            proxy.swallow()

            def late(settings: dict[str, float]) -> None:
                before = time.monotonic()
                with pytest.raises(DeadlineMissed, match="statement timeout of"):
                    one.query("SELECT * FROM spread.orders WHERE customer = 1", settings=settings).fetchall()
                assert time.monotonic() - before < 1.2

            with ThreadPoolExecutor(2) as pool:
                ends = [pool.submit(late, {"statement_timeout": seconds}) for seconds in (0.7, 0.5)]
            assert [end.result() for end in ends] == [None, None]
            proxy.cut()  # a server hears of an end only when its network does
            proxy._open.set()
            assert_nothing_is_left(one, world)


def test_a_replica_answers_where_the_server_is_silent(world: World, small_queues: None) -> None:
    with Proxy(world.shop.url) as proxy:
        config = world.config(shop=proxy.url)
        config["sources"]["shop"] |= {"replicas": [world.shop.url], "deadlines": {"connect": 1}}
        with Engine(config) as one:
            one.catalog.tables()
            proxy.swallow()
            before = time.monotonic()
            with one.query("SELECT id FROM shop.t1") as result:
                assert len(result.fetchall()) == ROWS
            assert time.monotonic() - before < 2.5
            assert any("replica 1" in notice for notice in result.report.notices)


@SOURCES
def test_silence_opens_the_breaker_though_queries_do_not_wait_for_it(
    world: World, small_queues: None, source: str
) -> None:
    with Proxy(getattr(world, source).url) as proxy:
        config = world.config(**{source: proxy.url})
        config["sources"][source]["breaker"] = {"failures": 2, "wait": 5, "wait_max": 5}
        with Engine(config) as one:
            one.catalog.tables()
            proxy.swallow()
            for _ in range(2):
                with pytest.raises(Cancelled):
                    one.query(f"SELECT * FROM {source}.t1", settings={"statement_timeout": 1.2}).fetchall()
            with pytest.raises(SourceUnreachable, match="not asked since"):
                one.query(f"SELECT * FROM {source}.t1", settings={"statement_timeout": 1.2}).fetchall()
