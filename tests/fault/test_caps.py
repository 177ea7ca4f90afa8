"""More requests than connections, more queries than instances: every query ends, with the right answer or Cancelled."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from hanse.engine import Engine
from hanse.errors import Cancelled, ResourceLimit
from tests.fault.conftest import ROWS, TABLES, World, assert_nothing_is_left

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
SEED = int(os.environ.get("HANSE_FAULT_SEED", "0")) or random.SystemRandom().randrange(1 << 30)
QUERIES = 60
CAP = 2
PERSISTS_SECONDS = 0.5
"""A backend whose connection we have dropped may need a moment to go."""
OFF = {"pushdown": "off", "batch_rows": 1000}


def joined(tables: list[tuple[str, int]]) -> str:
    """A join of those tables by id, with the sum of their n."""
    names = [f"{source}.t{number} a{place}" for place, (source, number) in enumerate(tables)]
    on = "".join(f" JOIN {name} ON a0.id = a{place}.id" for place, name in enumerate(names) if place)
    total = " + ".join(f"a{place}.n" for place in range(len(tables)))
    pads = " || ".join(f"a{place}.pad" for place in range(len(tables)))
    return f"SELECT a0.id AS id, {total} AS total, length({pads}) AS pads, a0.pad AS pad FROM {names[0]}{on}"


def check(rows: list[tuple[Any, ...]], tables: list[tuple[str, int]]) -> None:
    factor = sum(number for _, number in tables)
    assert len(rows) == ROWS
    assert {row[0] for row in rows} == set(range(ROWS))
    assert all(total == one * factor and pads == 128 * len(tables) for one, total, pads, _ in rows)


@pytest.mark.parametrize("source", ["shop", "crm"])
@pytest.mark.parametrize("connections", [1, 2])
def test_twelve_fragments(engine: Callable[..., Engine], world: World, source: str, connections: int) -> None:
    one = engine(connections=connections)
    tables = [(source, number) for number in range(1, TABLES + 1)]
    result = one.query(joined(tables), settings=OFF)
    check(result.fetchall(), tables)
    assert len(result.report.sources) == TABLES
    assert len({source.snapshot for source in result.report.sources}) == 1
    assert result.report.complete
    assert_nothing_is_left(one, world)


def test_a_full_pool_is_a_clear_error(engine: Callable[..., Engine], world: World) -> None:
    one = engine(connections=1)
    one._connectors["shop"]._readers._wait_seconds = 0.2  # type: ignore[attr-defined]
    with one.query("SELECT * FROM shop.endless") as held:
        batches = iter(held)
        next(batches)
        with pytest.raises(ResourceLimit, match="all 1 connections were busy") as failure:
            one.query("SELECT * FROM shop.t1")
        assert (failure.value.source, failure.value.code) == ("shop", "53300")
        assert len(one.query("SELECT * FROM crm.t1").fetchall()) == ROWS
    assert_nothing_is_left(one, world)


def test_waiting_obeys_the_deadline(engine: Callable[..., Engine], world: World) -> None:
    one = engine(connections=1, instances=1)
    with one.query("SELECT * FROM shop.endless") as held:
        batches = iter(held)
        next(batches)
        started = time.monotonic()
        with pytest.raises(Cancelled, match=r"timeout of 0\.3 s"):
            one.query("SELECT * FROM shop.t1", settings={"statement_timeout": 0.3})
        assert time.monotonic() - started < 1.3
    assert_nothing_is_left(one, world)


def test_a_full_coordinator_is_a_clear_error(engine: Callable[..., Engine], world: World) -> None:
    one = engine(instances=1, instance_wait=0.2)
    query = joined([("shop", 1), ("crm", 2)])
    with one.query(query, settings=OFF) as held:
        batches = iter(held)
        next(batches)
        with pytest.raises(ResourceLimit, match="all 1 coordinator instances were busy"):
            one.query(query, settings=OFF)
        with pytest.raises(Cancelled, match="timeout"):
            one.query(query, settings={**OFF, "statement_timeout": 0.1})
        assert one.query("SELECT n FROM shop.t3 WHERE id = 7").fetchall() == [(21,)]
    assert_nothing_is_left(one, world)


def test_small_answers_may_be_read_within_one_another(engine: Callable[..., Engine], world: World) -> None:
    one = engine(connections=1)
    found = []
    for (n,) in one.query("SELECT n FROM shop.t1 WHERE id < 3").fetchall():
        with one.query(f"SELECT n FROM shop.t2 WHERE id = {n}") as outer:
            for batch in outer:
                time.sleep(0.05)  # the answer has arrived, so its connection is free
                found += [(batch.num_rows, *one.query(f"SELECT n FROM shop.t3 WHERE id = {n}").fetchall())]
    assert found == [(1, (0,)), (1, (3,)), (1, (6,))]
    assert_nothing_is_left(one, world)


@dataclass
class Watch:
    """Samples which connections there are; what stays for a while is what counts."""

    world: World
    problems: list[str] = field(default_factory=list)
    most: dict[str, int] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)

    SHOP = "SELECT pid, query LIKE 'COPY%' AND state = 'active' FROM pg_stat_activity WHERE datname = '{0}' AND pid <> pg_backend_pid()"
    CRM = "SELECT ID, COALESCE(INFO, '') LIKE '/* hanse:%' FROM information_schema.PROCESSLIST WHERE DB = '{0}' AND ID <> CONNECTION_ID()"

    def run(self) -> None:
        limits = {
            "shop": (2 * CAP + 1, CAP),
            "crm": (CAP + 1, CAP),
        }  # snapshots are held by as many again, the lock by one
        sources = {"shop": (self.world.shop, self.SHOP), "crm": (self.world.crm, self.CRM)}
        with contextlib.ExitStack() as opened:
            cursors = {
                name: opened.enter_context(contextlib.closing(one.connect())).cursor()
                for name, (one, _) in sources.items()
            }
            since: dict[tuple[str, str], dict[int, float]] = {}
            while not self._stop.wait(0.02):
                for name, (database, sql) in sources.items():
                    cursors[name].execute(sql.replace("{0}", database.name))
                    rows = cursors[name].fetchall()
                    for kind, limit, ids in (
                        ("connections", limits[name][0], {row[0] for row in rows}),
                        ("statements", limits[name][1], {row[0] for row in rows if row[1]}),
                    ):
                        self._look(since.setdefault((name, kind), {}), ids, limit, f"{kind} at {name}")

    def _look(self, since: dict[int, float], ids: set[int], limit: int, what: str) -> None:
        now = time.monotonic()
        for gone in since.keys() - ids:
            del since[gone]
        for one in ids:
            since.setdefault(one, now)
        lasting = sum(now - start > PERSISTS_SECONDS for start in since.values())
        self.most[what] = max(self.most.get(what, 0), lasting)
        if lasting > limit:
            self.problems.append(f"{lasting} {what}")

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(10)


class Client(threading.Thread):
    """One query and what its user does with it."""

    def __init__(self, engine: Engine, seed: int) -> None:
        super().__init__(name=f"client-{seed}", daemon=True)
        dice = random.Random(seed)
        count = dice.choice((1, 1, 2, 3, 4, 5, 6))
        self.tables = [(dice.choice(("shop", "crm")), number) for number in dice.sample(range(1, TABLES + 1), count)]
        self.manner = dice.choice(("read", "read", "slow", "early", "cancel", "deadline"))
        self.after = dice.random() * 2
        self.settings = {"batch_rows": 1000, "pushdown": dice.choice(("on", "off", "off"))}
        if self.manner == "deadline":
            self.settings["statement_timeout"] = self.after + 0.01
        self.engine = engine
        self.outcome = "hangs"

    def run(self) -> None:
        try:
            self.outcome = self.act()
        except Cancelled:
            self.outcome = "cancelled" if self.manner in ("cancel", "deadline") else "cancelled by nobody"
        except BaseException as failure:
            self.outcome = f"{type(failure).__name__}: {failure}"

    def act(self) -> str:
        with self.engine.query(joined(self.tables), settings=self.settings) as result:
            if self.manner == "cancel":
                timer = threading.Timer(self.after, result.cancel)
                timer.daemon = True
                timer.start()
            rows: list[tuple[Any, ...]] = []
            for batch in result:
                rows += list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
                if self.manner == "early":
                    return "left"
                if self.manner == "slow":
                    time.sleep(0.03)
        check(rows, self.tables)
        return "read"


def test_many_queries_at_once(engine: Callable[..., Engine], world: World) -> None:
    print(f"HANSE_FAULT_SEED={SEED}")
    one = engine(connections=CAP, instances=2)
    one.query("SELECT count(*) FROM shop.t1").fetchall()
    watch = Watch(world)
    with watch.watching():
        clients = [Client(one, SEED + number) for number in range(QUERIES)]
        for client in clients:
            client.start()
        deadline = time.monotonic() + 60
        for client in clients:
            client.join(max(0.0, deadline - time.monotonic()))
    outcomes = [client.outcome for client in clients]
    print({outcome: outcomes.count(outcome) for outcome in set(outcomes)}, watch.most)
    assert set(outcomes) <= {"read", "left", "cancelled"}
    assert outcomes.count("read") >= QUERIES // 4
    assert watch.problems == []
    assert_nothing_is_left(one, world)
