"""Queries that need more memory than their group lets them have: they spill or are refused, and others do not notice."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from hanse.engine import Engine
from hanse.errors import ResourceLimit
from hanse.groups import Caller
from tests.fault.conftest import World, assert_nothing_is_left

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
HEAVY, LIGHT = Caller("heavy"), Caller("light")
OFF = {"pushdown": "off"}
PAIRS = "FROM shop.t1 AS a, crm.t2 AS b"
TOO_MUCH = [
    f"SELECT a.id, b.n, a.pad || b.pad AS p {PAIRS} ORDER BY p, a.id",
    f"SELECT a.pad || b.pad AS p, count(*), min(a.pad || b.n) {PAIRS} GROUP BY 1",
    f"SELECT count(DISTINCT a.pad || b.pad) {PAIRS}",
]
"""Gigabytes, of 36 million pairs."""


@pytest.fixture
def bounded(world: World) -> Iterator[Engine]:
    config = world.config(connections=4, spill_total="300 MB")
    groups = {"heavy": {"memory": "64 MB"}, "light": {"query_memory": "100 MB"}}
    config["resource_groups"] = {"memory": "200 MB", "groups": groups}
    config["resource_groups"]["selectors"] = [{"user": name, "group": name} for name in groups]
    with Engine(config) as engine:
        yield engine


@pytest.mark.parametrize("sql", TOO_MUCH)
def test_what_does_not_fit_is_refused_and_others_are_answered(bounded: Engine, world: World, sql: str) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            bounded.query(sql, caller=HEAVY).fetchall()
        except BaseException as failure:
            failures.append(failure)

    heavy = threading.Thread(target=work)
    heavy.start()
    answered = 0
    while heavy.is_alive() or answered < 5:
        sql = "SELECT a.id, b.pad FROM shop.t1 AS a JOIN crm.t2 AS b ON a.id = b.id WHERE a.id < 100 ORDER BY b.pad"
        assert len(bounded.query(sql, settings=OFF, caller=LIGHT).fetchall()) == 100
        answered += 1
        time.sleep(0.02)
    heavy.join()
    (failure,) = failures
    assert isinstance(failure, ResourceLimit), failure
    assert failure.code in ("53200", "53100")
    assert_nothing_is_left(bounded, world)
    assert {state.memory for state in bounded.resource_groups()} == {0}


def test_what_spills_is_answered(bounded: Engine, world: World) -> None:
    sql = (
        "SELECT a.pad || b.pad AS p, a.id FROM shop.t1 AS a JOIN crm.t2 AS b ON a.id % 40 = b.id % 40 ORDER BY p, a.id"
    )
    seen, last = 0, ""
    for batch in bounded.query(sql):
        first = batch.column(0)[0].as_py()
        assert first >= last
        seen, last = seen + batch.num_rows, batch.column(0)[-1].as_py()
    assert seen == 6000 * 150
    assert_nothing_is_left(bounded, world)


@pytest.mark.parametrize("source", ["shop", "crm"])
def test_queues_keep_to_the_budget_under_a_slow_reader(bounded: Engine, world: World, source: str) -> None:
    answer = bounded.query(f"SELECT * FROM {source}.endless", caller=HEAVY)
    batches = iter(answer)
    most = 0
    for _ in range(10):
        next(batches)
        time.sleep(0.05)
        most = max(most, answer._queue.bytes)
    assert 0 < most <= 32_000_000
    (heavy,) = [state for state in bounded.resource_groups() if state.group == "heavy"]
    assert heavy.memory == 64_000_000
    answer.close()
    assert_nothing_is_left(bounded, world)


def test_queries_wait_for_memory(bounded: Engine, world: World) -> None:
    held: Any = bounded.query("SELECT * FROM shop.endless", caller=HEAVY)
    with pytest.raises(ResourceLimit, match=r"waited .* in resource group heavy while others had the memory"):
        _patient(bounded, 0.2)
    held.close()
    assert len(bounded.query("SELECT id FROM shop.t1 WHERE id < 5", caller=HEAVY).fetchall()) == 5
    assert_nothing_is_left(bounded, world)


def _patient(engine: Engine, seconds: float) -> None:
    """A query whose patience ends soon."""
    assert engine._gate is not None
    scheduler = engine._gate._scheduler
    patience = scheduler.patience
    scheduler.patience = lambda place: patience(place) - 60 + seconds  # type: ignore[method-assign]
    try:
        engine.query("SELECT * FROM crm.t1", caller=HEAVY).close()
    finally:
        scheduler.patience = patience  # type: ignore[method-assign]
