"""Sources with copies: read from them while the source's own server fails, and said so."""

from __future__ import annotations

import threading
import time

import pytest

from hanse.engine import Engine
from hanse.errors import Cancelled, HanseError, SourceResting, SourceUnreachable
from tests.fault.conftest import World, assert_nothing_is_left
from tests.fault.proxy import Proxy
from tests.fault.test_breaker import POINT, QUICK, SOURCES, state
from tests.fault.test_caps import OFF, check, joined
from tests.fault.test_lost import kill

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
NOTICE = "source {} was read from its replica 1"


def opened(world: World, source: str, proxy: Proxy, *replicas: str, **options: object) -> Engine:
    config = world.config(**{source: proxy.url})
    config["sources"][source] |= {"breaker": QUICK, "replicas": list(replicas), **options}
    return Engine(config)


@SOURCES
def test_the_replica_answers_while_the_server_is_down(world: World, small_queues: None, source: str) -> None:
    own = getattr(world, source)
    with Proxy(own.url) as proxy, opened(world, source, proxy, own.url) as engine:
        result = engine.query(POINT.format(source))
        assert (result.fetchall(), result.report.notices) == ([(7,)], [])
        proxy.cut()
        proxy.cut_next = 1_000_000
        moved = 0
        for _ in range(10):
            result = engine.query(POINT.format(source))
            assert result.fetchall() == [(7,)]
            assert result.report.notices == [NOTICE.format(source)]
            assert result.report.complete
            moved += result.report.retries
        assert QUICK["failures"] <= moved < 10  # then the server is left alone, and nobody loses time with it
        assert state(engine, source).startswith("open since")
        proxy.cut_next = 0
        deadline = time.monotonic() + 5
        while (result := engine.query(POINT.format(source))).fetchall() == [(7,)] and result.report.notices:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert state(engine, source) == "closed"
        assert_nothing_is_left(engine, world)


@SOURCES
def test_both_are_down(world: World, small_queues: None, source: str) -> None:
    own = getattr(world, source)
    with Proxy(own.url) as proxy, Proxy(own.url) as copy, opened(world, source, proxy, copy.url) as engine:
        engine.query(POINT.format(source)).fetchall()
        for one in (proxy, copy):
            one.refuse()
        failures: list[HanseError] = []
        while not any(isinstance(failure, SourceResting) for failure in failures):
            assert len(failures) < 20
            with pytest.raises(SourceUnreachable) as failure:
                engine.query(POINT.format(source)).fetchall()
            failures.append(failure.value)
        assert {failure.source for failure in failures} == {source}
        assert "; replica 1 open since" in state(engine, source)
        copy.resume()
        deadline = time.monotonic() + 5
        while True:
            try:
                result = engine.query(POINT.format(source))
                assert result.fetchall() == [(7,)]
                break
            except SourceUnreachable:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        assert result.report.notices == [NOTICE.format(source)]
        assert_nothing_is_left(engine, world)


@SOURCES
def test_rows_that_have_left_are_not_asked_for_elsewhere(world: World, small_queues: None, source: str) -> None:
    own = getattr(world, source)
    with Proxy(own.url) as proxy, opened(world, source, proxy, own.url) as engine:
        with engine.query(f"SELECT id, pad FROM {source}.endless") as result:
            batches = iter(result)
            next(batches)
            assert kill(world, source)
            with pytest.raises(SourceUnreachable):
                for _ in batches:
                    pass
        assert (result.report.retries, result.report.complete) == (0, False)
        assert_nothing_is_left(engine, world)


@SOURCES
def test_one_answer_is_one_servers(world: World, small_queues: None, source: str) -> None:
    """Four requests, cut at random moments: all rows under one snapshot, wherever it is, or an error."""
    own = getattr(world, source)
    tables = [(source, number) for number in range(1, 5)]
    places: set[int] = set()
    lost: set[str | None] = set()
    with Proxy(own.url) as proxy, opened(world, source, proxy, own.url, breaker={"failures": 0}) as engine:
        engine.catalog.tables()
        for step in range(20):
            proxy.cut()
            proxy.cut_next = step % 3
            timer = threading.Timer(0.003 * step, proxy.cut)
            timer.start()
            try:
                result = engine.query(joined(tables), settings=OFF)
                check(result.fetchall(), tables)
                assert len({one.snapshot for one in result.report.sources}) == 1
                assert len(result.report.notices) <= 1
                places.add(len(result.report.notices))
            except HanseError as failure:
                lost.add(failure.source)
            timer.join()
        assert places
        assert lost <= {source}
        assert_nothing_is_left(engine, world)


@SOURCES
def test_a_second_server_is_asked_when_the_first_is_late(world: World, small_queues: None, source: str) -> None:
    """Of 150 queries every fifteenth meets a server that takes 0.4 s: most of these are answered by the other one."""
    own = getattr(world, source)
    with Proxy(own.url) as proxy, opened(world, source, proxy, own.url, hedge=True, connections=4) as engine:
        door = engine._admission._doors[source]
        for _ in range(40):
            assert engine.query(POINT.format(source)).fetchall() == [(7,)]
        slow: list[float] = []
        elsewhere = 0
        for turn in range(150):
            proxy.pause = 0.4 if turn % 15 == 14 else 0
            before = time.monotonic()
            result = engine.query(POINT.format(source))
            assert result.fetchall() == [(7,)]
            assert result.report.notices in ([], [NOTICE.format(source)])
            elsewhere += len(result.report.notices)
            if proxy.pause:
                slow.append(time.monotonic() - before)
                proxy.pause = 0
                world.wait_until_idle(2)  # who lost is ended there
        quick = [took for took in slow if took < 0.3]
        print(
            f"\n{source}: {len(quick)} of {len(slow)} late answers came from the replica, {elsewhere} of 150 answers in all"
        )
        assert len(quick) >= len(slow) / 2
        assert elsewhere <= 2 + 0.05 * 190
        deadline = time.monotonic() + 3
        while any(host.limit.taken for host in door.hosts):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert state(engine, source) == "closed"
        assert_nothing_is_left(engine, world)


@SOURCES
def test_a_cancel_ends_both(world: World, small_queues: None, source: str) -> None:
    own = getattr(world, source)
    with Proxy(own.url) as proxy, opened(world, source, proxy, own.url, hedge=True, connections=4) as engine:
        for _ in range(30):
            engine.query(POINT.format(source)).fetchall()
        for turn in range(12):
            result = engine.query(f"SELECT id, v FROM {source}.slow")
            timer = threading.Timer(0.02 * turn, result.cancel)
            timer.start()
            with pytest.raises(Cancelled):
                result.fetchall()
            timer.join()
        world.wait_until_idle(2)
        assert all(host.limit.taken == 0 for host in engine._admission._doors[source].hosts)
        assert state(engine, source) == "closed"
        assert_nothing_is_left(engine, world)


@SOURCES
def test_a_replica_that_is_no_address(world: World, source: str) -> None:
    config = world.config()
    config["sources"][source]["replicas"] = ["somewhere"]
    with pytest.raises(HanseError, match=rf"sources\.{source}\.replicas.*is not") as failure:
        Engine(config)
    assert "somewhere" not in str(failure.value)
