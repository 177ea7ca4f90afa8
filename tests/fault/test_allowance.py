"""Limits of a source for all queries together, on real servers: never passed, never a deadlock, given back on every path."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from hanse.admission.connector import ProtectedConnector
from hanse.engine import Engine
from hanse.errors import HanseError
from tests.fault.conftest import World, assert_nothing_is_left
from tests.fault.test_caps import OFF, check, joined
from tests.fault.test_groups import APART, NAP, Sampled, clients

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
SOURCES = ["shop", "crm"]


def limited(world: World, connections: int = 8, **limits: Any) -> Engine:
    config = world.config(connections=connections, instances=4)
    for block in config["sources"].values():
        block["limits"] = limits
    return Engine(config)


def assert_all_is_back(engine: Engine, world: World) -> None:
    assert_nothing_is_left(engine, world)
    for name in SOURCES:
        source = engine._admission.connectors()[name]
        assert isinstance(source, ProtectedConnector)
        assert source._door.allowance is not None
        assert source._door.allowance.taken == 0


def test_fewer_statements_than_connections(world: World) -> None:
    """Queries of one request and of several, with keys between the sources, some of them ended early."""
    problems: list[BaseException] = []
    tables = [("shop", 1), ("crm", 2), ("shop", 3), ("crm", 4)]

    def work(number: int) -> None:
        try:
            if number % 4 == 0:
                engine.query(NAP["shop"], settings=APART).fetchall()
                engine.query(NAP["crm"], settings=APART).fetchall()
            elif number % 4 == 1:
                check(engine.query(joined(tables), settings=OFF).fetchall(), tables)
            elif number % 4 == 2:
                sql = "SELECT a.n FROM shop.t1 AS a JOIN crm.t1 AS b ON a.id = b.id JOIN shop.t2 AS c ON c.n = b.n WHERE a.id < 9"
                found = engine.query(sql, settings={"key_shipping": "force"}).fetchall()
                assert len(found) == 5
            else:
                assert next(iter(engine.query("SELECT * FROM shop.endless"))).num_rows
        except BaseException as problem:
            problems.append(problem)

    with limited(world, statements=2) as engine:
        engine.query("SELECT 1 FROM shop.t1 AS a JOIN crm.t1 AS b ON a.id = b.id WHERE a.id = 1").fetchall()
        with Sampled(world) as sampled:
            for one in clients(40, work):
                one.join(120)
        assert problems == []
        assert sampled.most["shop"] <= 2
        assert_all_is_back(engine, world)


@pytest.mark.parametrize("source", SOURCES)
def test_one_statement_at_a_time_is_no_deadlock(world: World, source: str) -> None:
    """A query whose requests at one source wait for one another's keys, and many such queries at once."""
    other = "crm" if source == "shop" else "shop"
    sql = (
        f"SELECT a.id FROM {source}.t1 AS a JOIN {other}.t1 AS b ON a.id = b.id JOIN {source}.t2 AS c ON c.n = b.n"
        " WHERE a.id < 9"
    )
    problems: list[BaseException] = []

    def work(_: int) -> None:
        try:
            assert len(engine.query(sql, settings={"key_shipping": "force"}).fetchall()) == 5
        except BaseException as problem:
            problems.append(problem)

    with limited(world, statements=1) as engine:
        for one in clients(12, work):
            one.join(60)
        assert problems == []
        assert_all_is_back(engine, world)


@pytest.mark.parametrize("source", SOURCES)
def test_statements_per_second_are_kept(world: World, source: str) -> None:
    with limited(world, statements_per_second=20) as engine:
        sql = f"SELECT n FROM {source}.t1 WHERE id = 3"
        engine.query(sql).fetchall()
        time.sleep(1)
        began = time.monotonic()
        for one in clients(8, lambda _: [engine.query(sql, settings=APART).fetchall() for _ in range(5)]):
            one.join(60)
        assert 0.95 < time.monotonic() - began < 3  # twenty at once, twenty within a second
        assert_all_is_back(engine, world)


@pytest.mark.parametrize("source", SOURCES)
def test_rows_per_minute_slow_what_reads_more(world: World, source: str) -> None:
    with limited(world, rows_per_minute=12_000) as engine:
        began = time.monotonic()
        seen = 0
        for batch in engine.query(f"SELECT id FROM {source}.endless", settings={"batch_rows": 1000}):
            seen += batch.num_rows
            if time.monotonic() - began > 2:
                break
        assert 12_000 <= seen <= 12_000 + 2 * 200 + 3000
        world.wait_until_idle(2)
        with pytest.raises(HanseError, match="statement timeout"):
            engine.query(f"SELECT id FROM {source}.t1", settings={"statement_timeout": 0.5}).fetchall()
        assert_all_is_back(engine, world)


@pytest.mark.parametrize("source", SOURCES)
def test_a_cancel_ends_the_wait_for_permits(world: World, source: str) -> None:
    with limited(world, statements=1) as engine:
        held = engine.query(f"SELECT * FROM {source}.endless")
        ended: list[str] = []

        def wait() -> None:
            try:
                engine.query(f"SELECT n FROM {source}.t1", settings={"statement_timeout": 0.3})
            except HanseError as failure:
                ended.append(failure.code)

        waiting = threading.Thread(target=wait)
        waiting.start()
        waiting.join(5)
        assert ended == ["57014"]
        held.close()
        assert len(engine.query(f"SELECT n FROM {source}.t1 WHERE id < 3").fetchall()) == 3
        assert_all_is_back(engine, world)
