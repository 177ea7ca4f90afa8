"""Every kind of fault at every step of both protocols: whichever byte it hits, connecting, asking or reading, the answer is
complete and right, or an error. Never short, and called complete."""

from __future__ import annotations

import os
import random
from collections import Counter
from typing import Any

import pytest

from hanse.engine import Engine
from hanse.errors import Cancelled, SourceError
from tests.fault.conftest import World, assert_nothing_is_left
from tests.fault.proxy import Fault, Proxy

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
SEED = int(os.environ.get("HANSE_FAULT_SEED", "0")) or random.SystemRandom().randrange(1 << 30)
STEPS = int(os.environ.get("HANSE_FAULT_STEPS", "6"))
"""Bytes at which each fault is tried in each direction, of each source, on a new connection and a used one."""
SOURCES = pytest.mark.parametrize("source", ["shop", "crm"])
FAULTS = ("cut", "reset", "half-close", "silence")
SHAPES = (
    "SELECT id, n, pad FROM {0}.t1 WHERE id < 300 ORDER BY id",
    "SELECT a.id, a.n, b.n FROM {0}.t1 a JOIN {1}.t2 b USING (id) WHERE a.id < 100 ORDER BY 1",
    "SELECT count(*), sum(n), min(pad) FROM {0}.t3",
)
SETTINGS = {"statement_timeout": 0.5, "batch_rows": 50, "work_sharing": "off"}
Rows = list[tuple[Any, ...]]


def opened(world: World, source: str, proxy: Proxy) -> Engine:
    config = world.config(**{source: proxy.url})
    config["sources"][source] |= {"sweep": False, "breaker": {"failures": 0}}
    engine = Engine(config)
    engine.catalog.tables()
    return engine


def bytes_of(engine: Engine, proxy: Proxy, sql: str) -> tuple[Rows, dict[bool, int]]:
    """The right answer, and how many bytes pass for it in each direction (of answers: True)."""
    asked, answered = proxy.asked, proxy.answered
    rows = engine.query(sql).fetchall()
    return rows, {True: proxy.answered - answered, False: proxy.asked - asked}


@SOURCES
@pytest.mark.parametrize("kind", FAULTS)
def test_no_fault_shortens_an_answer(world: World, small_queues: None, source: str, kind: str) -> None:
    print(f"HANSE_FAULT_SEED={SEED}")
    chance, outcomes = random.Random(SEED), Counter[str]()
    steps = STEPS // 2 if kind == "silence" else STEPS  # which is waited for
    other = "crm" if source == "shop" else "shop"
    with Proxy(getattr(world, source).url) as proxy, opened(world, source, proxy) as engine:
        for sql in [shape.format(source, other) for shape in SHAPES]:
            engine.query(sql).fetchall()
            for is_new in (True, False):
                if is_new:
                    proxy.cut()
                right, sizes = bytes_of(engine, proxy, sql)
                for is_answer, size in sizes.items():
                    for after in {0, size - 1, *(chance.randrange(size) for _ in range(steps - 2))}:
                        if is_new:
                            proxy.cut()
                        else:
                            engine.query(sql).fetchall()
                        at = (proxy.answered if is_answer else proxy.asked) + after
                        proxy.fault = Fault(kind, at, is_answer)
                        outcomes[outcome(engine, sql, right)] += 1
                        proxy.fault = None
        assert engine.query(SHAPES[0].format(source)).fetchall()
        assert_nothing_is_left(engine, world)
    print(dict(outcomes))
    assert outcomes.keys() <= {"read", "late", f"lost {source}"}
    assert outcomes[f"lost {source}"] + outcomes["late"] > len(SHAPES) * steps


def outcome(engine: Engine, sql: str, right: Rows) -> str:
    """What comes of a query; raises AssertionError where that is an answer which is not right."""
    result = None
    try:
        result = engine.query(sql, settings=SETTINGS)
        rows = result.fetchall()
    except SourceError as failure:
        found = f"lost {failure.source}"
    except Cancelled:
        found = "late"
    else:
        assert rows == right
        assert result.report.complete
        return "read"
    assert result is None or not result.report.complete
    return found


@SOURCES
@pytest.mark.parametrize(
    ("chunk", "pause"), [(7, 0.0), (1460, 0.0228), (1 << 16, 0.1)], ids=["slices", "64 kB/s", "latency"]
)
def test_no_network_is_too_slow(world: World, small_queues: None, source: str, chunk: int, pause: float) -> None:
    other = "crm" if source == "shop" else "shop"
    with Proxy(getattr(world, source).url) as proxy, opened(world, source, proxy) as engine:
        for sql in [shape.format(source, other) for shape in SHAPES]:
            proxy.chunk, proxy.pause = 1 << 16, 0.0
            right = engine.query(sql).fetchall()
            proxy.chunk, proxy.pause = chunk, pause
            for _ in range(2):
                proxy.cut()
                assert engine.query(sql).fetchall() == right
        assert_nothing_is_left(engine, world)
