"""Many queries of several groups on real servers: no cap is passed, nobody starves, and the noisy do not hold up the quiet."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Self

import pytest

from hanse.engine import Engine
from hanse.errors import AdmissionRefused, Cancelled, ResourceLimit
from hanse.groups import Caller
from tests.fault.conftest import World, assert_nothing_is_left
from tests.servers.databases import Database

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
CAP = 8
CLIENTS = 200
SERVICE = 0.1
"""Seconds that ``nap`` takes."""
NAP = {"shop": "SELECT id, v FROM shop.nap", "crm": "SELECT id, v FROM crm.nap"}
JOINED = "SELECT a.n, b.n FROM shop.t1 AS a JOIN crm.t2 AS b ON a.id = b.id WHERE a.id = {0} AND b.id = {0}"
APART = {"work_sharing": "off"}
QUIET, NOISY = Caller("quiet"), Caller("noisy")
GROUPS: dict[str, Any] = {"groups": {"${user}": {}}, "selectors": [{"group": "${user}"}]}


class Sampled:
    """The most statements of ours that were seen at each server at one time, and backends with or without one."""

    def __init__(self, world: World) -> None:
        self.most: dict[str, int] = {}
        self._stop = threading.Event()
        mine = f"datname = '{world.shop.name}' AND pid <> pg_backend_pid() AND application_name LIKE 'hanse%'"
        active = "count(*) FILTER (WHERE state = 'active')"
        works = "count(*) FILTER (WHERE application_name <> 'hanse lock')"  # one stands as long as the process lives
        theirs = f"DB = '{world.crm.name}' AND ID <> CONNECTION_ID()"
        list_ = "information_schema.PROCESSLIST"
        asked = (
            (world.shop, f"SELECT {active}, {works} FROM pg_stat_activity WHERE {mine}", ("shop", "backends")),
            (
                world.crm,
                f"SELECT SUM(COMMAND <> 'Sleep'), COUNT(*) FROM {list_} WHERE {theirs}",
                ("crm", "connections"),
            ),
        )
        self._threads = [threading.Thread(target=self._sample, args=one) for one in asked]

    def _sample(self, database: Database, sql: str, names: tuple[str, ...]) -> None:
        while not self._stop.wait(0.01):
            for name, count in zip(names, database.rows(sql)[0], strict=True):
                self.most[name] = max(self.most.get(name, 0), int(count or 0))

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def clients(count: int, work: Callable[[int], object]) -> list[threading.Thread]:
    found = [threading.Thread(target=work, args=(number,)) for number in range(count)]
    for one in found:
        one.start()
    return found


@pytest.mark.parametrize("grouped", [False, True])
def test_two_hundred_queries_keep_to_a_cap_of_eight(world: World, grouped: bool) -> None:
    config = world.config(connections=CAP, instances=4)
    if grouped:
        config["resource_groups"] = GROUPS | {"concurrency": 3 * CAP}
    problems: list[BaseException] = []
    rows: list[int] = []
    with Engine(config) as engine:
        engine.query(JOINED.format(1)).fetchall()
        start = threading.Barrier(CLIENTS)

        def work(number: int) -> None:
            start.wait()
            try:
                for turn in range(2):
                    sql = (NAP["shop"], NAP["crm"], JOINED.format(number))[(number + turn) % 3]
                    rows.append(len(engine.query(sql, settings=APART, caller=Caller(f"user{number % 5}")).fetchall()))
            except BaseException as problem:  # told below
                problems.append(problem)

        with Sampled(world) as sampled:
            for one in clients(CLIENTS, work):
                one.join(120)
        assert problems == []
        assert rows == [1] * 2 * CLIENTS
        assert sampled.most["shop"] <= CAP
        assert sampled.most["backends"] <= CAP
        assert sampled.most["crm"] <= CAP
        assert sampled.most["connections"] <= CAP + 1  # with that one, which has no name there
        assert min(sampled.most.values()) >= CAP / 2
        assert_nothing_is_left(engine, world)


@pytest.mark.parametrize("source", ["shop", "crm"])
@pytest.mark.parametrize("concurrency", [None, 2])
def test_a_noisy_group_does_not_keep_a_quiet_one_waiting(world: World, source: str, concurrency: int | None) -> None:
    """Sixty clients that never pause against one: where they meet is the source's line, or that of the groups."""
    config = world.config(connections=2)
    config["resource_groups"] = GROUPS | ({"concurrency": concurrency} if concurrency else {})
    over = threading.Event()
    noise: list[float] = []
    with Engine(config) as engine:
        engine.query(NAP[source]).fetchall()

        def ask(caller: Caller) -> float:
            began = time.monotonic()
            engine.query(NAP[source], settings=APART, caller=caller).fetchall()
            return time.monotonic() - began

        def work(_: int) -> None:
            while not over.is_set():
                noise.append(ask(NOISY))

        noisy = clients(60, work)
        try:
            time.sleep(0.5)
            waits = sorted(ask(QUIET) - SERVICE for _ in range(30))
        finally:
            over.set()
            for one in noisy:
                one.join(60)
        assert waits[int(len(waits) * 0.95)] < 2 * SERVICE, waits
        assert sorted(noise)[len(noise) // 2] > 10 * SERVICE
        assert_nothing_is_left(engine, world)


@pytest.mark.parametrize("source", ["shop", "crm"])
def test_every_end_of_a_query_lets_the_next_one_in(world: World, source: str) -> None:
    config = world.config(connections=4)
    config["resource_groups"] = {"concurrency": 1, "queue_timeout": 20}
    with Engine(config) as engine:
        running = lambda: engine.resource_groups()[0].running  # noqa: E731
        engine.query(NAP[source]).fetchall()
        assert running() == 0
        with pytest.raises(Cancelled):
            engine.query(f"SELECT v FROM {source}.slow", settings={"statement_timeout": 0.3}).fetchall()
        assert running() == 0
        with pytest.raises(ResourceLimit):
            engine.query(f"SELECT * FROM {source}.endless", settings={"max_rows": 10}).fetchall()
        assert running() == 0
        unread = engine.query(f"SELECT * FROM {source}.endless")
        assert running() == 1
        with pytest.raises(Cancelled, match="statement timeout"):
            engine.query(NAP[source], settings={"statement_timeout": 0.2})
        assert (running(), engine.resource_groups()[0].queued) == (1, 0)
        threading.Timer(0.2, unread.close).start()
        answer = engine.query(NAP[source])
        assert len(answer.fetchall()) == 1
        assert answer.report.group == "all"
        assert 100 < (answer.report.queued_ms or 0) < 3000
        assert running() == 0
        assert_nothing_is_left(engine, world)


def test_a_quota_ends_the_query_that_goes_over_it(world: World) -> None:
    config = world.config()
    config["resource_groups"] = {"quota": {"rows": 100_000, "per": "1 day"}}
    with Engine(config) as engine:
        assert len(engine.query("SELECT id FROM shop.t1").fetchall()) == 6000
        with pytest.raises(ResourceLimit, match="quota of 100,000 rows read per day") as caught:
            for _ in engine.query("SELECT id FROM crm.endless"):
                pass
        assert caught.value.code == "53400"
        with pytest.raises(AdmissionRefused, match=r"it opens again at .* 00:00:00 UTC"):
            engine.query("SELECT id FROM shop.t1")
        assert engine.query("SHOW RESOURCE GROUPS").fetchall()[0][0] == "all"
        told = "SELECT resource_group, quota LIKE 'rows %of 100,000 per day', refused FROM system.resource_groups"
        assert engine.query(told).fetchall() == [("all", True, 1)]
        kept = (
            "SELECT DISTINCT resource_group FROM system.queries WHERE statement LIKE '%endless%' AND state = 'failed'"
        )
        assert engine.query(kept).fetchall() == [("all",)]
        assert_nothing_is_left(engine, world)
