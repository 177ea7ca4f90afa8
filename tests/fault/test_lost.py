"""Servers that die, networks that cut, swallow and drip: a clear error that names the source, and never a short answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from hanse.engine import Engine
from hanse.errors import Cancelled, SourceError, SourceUnreachable
from hanse.execute.result import ResultStream
from tests.fault.conftest import ROWS, World, assert_nothing_is_left
from tests.fault.proxy import Proxy
from tests.fault.test_caps import OFF, check, joined

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
SOURCES = pytest.mark.parametrize("source", ["shop", "crm"])
SHAPES = {
    "direct": "SELECT id, pad FROM {0}.endless",
    "joined": "SELECT e.id, e.pad FROM {0}.endless e JOIN {1}.t1 USING (id)",
    "in_turn": "SELECT e.id, e.pad FROM {0}.t1 JOIN {0}.t2 USING (id) JOIN {0}.t3 USING (id) JOIN {0}.endless e USING (id)",
}
EACH = pytest.mark.parametrize("shape", SHAPES)


def start(engine: Engine, shape: str, source: str, **settings: object) -> ResultStream:
    """An answer without end, some of which has been read."""
    other = "crm" if source == "shop" else "shop"
    return engine.query(SHAPES[shape].format(source, other), settings={**OFF, **settings})


def kill(world: World, source: str) -> int:
    """End every connection that runs something of ours; returns how many there were."""
    if source == "shop":
        where = f"datname = '{world.shop.name}' AND pid <> pg_backend_pid() AND query LIKE 'COPY%' AND state = 'active'"
        return len(world.shop.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {where}"))
    mine = f"DB = '{world.crm.name}' AND INFO LIKE '/* hanse:%'"
    found = world.crm.rows(f"SELECT ID FROM information_schema.PROCESSLIST WHERE {mine}")
    world.crm.run(*(f"KILL CONNECTION {number}" for (number,) in found))
    return len(found)


def read_in_silence(batches: Iterator[object], proxy: Proxy) -> None:
    """Read the first batch, and the others while nothing passes."""
    next(batches)
    proxy.swallow()
    for _ in batches:
        pass


@SOURCES
@EACH
def test_a_killed_connection(engine: Callable[..., Engine], world: World, source: str, shape: str) -> None:
    one = engine()
    with start(one, shape, source) as result:
        batches = iter(result)
        next(batches)
        assert kill(world, source)
        with pytest.raises(SourceUnreachable) as failure:
            for _ in batches:
                pass
    assert failure.value.source == source
    assert not result.report.complete
    assert_nothing_is_left(one, world)
    assert len(one.query(f"SELECT id FROM {source}.t1").fetchall()) == ROWS


@SOURCES
@EACH
def test_a_cut_connection(engine: Callable[..., Engine], world: World, source: str, shape: str) -> None:
    with Proxy(getattr(world, source).url) as proxy:
        one = engine(**{source: proxy.url})
        with start(one, shape, source) as result:
            batches = iter(result)
            next(batches)
            proxy.cut()
            with pytest.raises(SourceUnreachable) as failure:
                for _ in batches:
                    pass
        assert failure.value.source == source
        assert not result.report.complete
        assert_nothing_is_left(one, world)
        assert len(one.query(f"SELECT id FROM {source}.t1").fetchall()) == ROWS


@SOURCES
def test_a_server_that_is_gone(engine: Callable[..., Engine], world: World, source: str) -> None:
    with Proxy(getattr(world, source).url) as proxy:
        one = engine(**{source: proxy.url})
        query = joined([("shop", 1), ("crm", 2), ("shop", 3), ("crm", 4)])
        assert len(one.query(query, settings=OFF).fetchall()) == ROWS
        proxy.refuse()
        with pytest.raises(SourceError) as failure:
            one.query(query, settings=OFF).fetchall()
        assert (type(failure.value), failure.value.source) == (SourceUnreachable, source)
        assert_nothing_is_left(one, world)


@SOURCES
@EACH
def test_a_silent_network_meets_the_deadline(
    engine: Callable[..., Engine], world: World, source: str, shape: str
) -> None:
    with Proxy(getattr(world, source).url) as proxy:
        one = engine(**{source: proxy.url})
        one.query(f"SELECT id FROM {source}.t1").fetchall()
        started = time.monotonic()
        with start(one, shape, source, statement_timeout=1.5) as result:
            batches = iter(result)
            with pytest.raises(Cancelled, match=r"timeout of 1\.5 s"):
                read_in_silence(batches, proxy)
        assert time.monotonic() - started < 2.5
        proxy.cut()
        proxy._open.set()
        assert_nothing_is_left(one, world)
        assert len(one.query(f"SELECT id FROM {source}.t1").fetchall()) == ROWS


@SOURCES
def test_a_silent_network_does_not_keep_the_source_from_others(
    engine: Callable[..., Engine], world: World, source: str
) -> None:
    """Connections that are stuck in a driver are given up, so the source is there again as soon as its network is."""
    with Proxy(getattr(world, source).url) as proxy:
        one = engine(**{source: proxy.url})
        tables = f"{source}.t1 JOIN {source}.t2 USING (id) JOIN {source}.t3 USING (id)"
        assert len(one.query(f"SELECT id FROM {tables}", settings=OFF).fetchall()) == ROWS
        proxy.swallow()
        for _ in range(2):
            with pytest.raises(Cancelled, match="timeout"):
                one.query(f"SELECT id FROM {tables}", settings={**OFF, "statement_timeout": 0.3}).fetchall()
        swallowed = list(proxy._sockets)
        proxy._sockets.clear()
        proxy._open.set()
        assert len(one.query(f"SELECT id FROM {tables}", settings=OFF).fetchall()) == ROWS
        proxy._sockets += swallowed
    assert_nothing_is_left(one, world)


@SOURCES
def test_connecting_to_a_silent_server_meets_the_deadline(
    engine: Callable[..., Engine], world: World, source: str
) -> None:
    with Proxy(getattr(world, source).url) as proxy:
        one = engine(**{source: proxy.url})
        one.catalog.tables()
        proxy.swallow()
        started = time.monotonic()
        with pytest.raises(Cancelled, match="timeout"):
            start(one, "joined", source, statement_timeout=0.5).fetchall()
        assert time.monotonic() - started < 1.5
        proxy.cut()
    assert_nothing_is_left(one, world)


@SOURCES
def test_a_slow_network(engine: Callable[..., Engine], world: World, source: str) -> None:
    tables = [(source, number) for number in range(1, 5)]
    with Proxy(getattr(world, source).url) as proxy:
        one = engine(**{source: proxy.url})
        one.catalog.tables()
        proxy.chunk, proxy.pause = 8192, 0.001
        check(one.query(joined(tables), settings=OFF).fetchall(), tables)
        assert_nothing_is_left(one, world)


@SOURCES
def test_cuts_at_random_moments(engine: Callable[..., Engine], world: World, source: str) -> None:
    """Whatever a cut hits, connecting, asking or reading: all rows, or an error."""
    tables = [(source, number) for number in range(1, 5)]
    outcomes: list[str] = []
    with Proxy(getattr(world, source).url) as proxy:
        one = engine(**{source: proxy.url})
        one.catalog.tables()
        for step in range(15):
            timer = threading.Timer(0.01 * step, proxy.cut)
            timer.start()
            try:
                check(one.query(joined(tables), settings=OFF).fetchall(), tables)
                outcomes.append("read")
            except SourceError as failure:  # SourceRefused, if the password was sent and no word came back
                outcomes.append(f"lost {failure.source}")
            timer.join()
        assert_nothing_is_left(one, world)
    assert set(outcomes) <= {"read", f"lost {source}"}
    assert f"lost {source}" in outcomes
