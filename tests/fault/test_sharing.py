"""The same statement of many queries runs once, on real servers; nobody reads what was so before he asked."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import pytest

from hanse.engine import Engine
from hanse.errors import Cancelled
from tests.fault.conftest import World, assert_nothing_is_left
from tests.fault.test_groups import NAP, clients

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
SOURCES = ["shop", "crm"]


def asked(engine: Engine, sql: str, count: int, **settings: Any) -> tuple[list[list[tuple[Any, ...]]], int]:
    """The answers to as many queries at once, and how many statements were sent for them."""
    answers: list[list[tuple[Any, ...]]] = []
    sent: list[int] = []
    start = threading.Barrier(count)

    def work(_: int) -> None:
        start.wait()
        result = engine.query(sql, settings=settings)
        answers.append(result.fetchall())
        assert result.report.complete
        sent.append(sum(one.statements for one in result.report.sources))

    for one in clients(count, work):
        one.join(60)
    return answers, sum(sent)


@pytest.mark.parametrize("source", SOURCES)
def test_a_burst_of_the_same_is_one_statement(world: World, source: str) -> None:
    with Engine(world.config(connections=4)) as engine:
        engine.query(NAP[source]).fetchall()
        answers, sent = asked(engine, NAP[source], 60)
        assert len(answers) == 60
        assert len(set(map(str, answers))) == 1
        assert sent < 20
        apart, alone = asked(engine, NAP[source], 20, work_sharing="off")
        assert (len(apart), alone) == (20, 20)
        assert_nothing_is_left(engine, world)
        assert engine._admission.sharing.kept == 0
        assert engine._admission.sharing._arrived == {}


@pytest.mark.parametrize("source", SOURCES)
def test_both_sides_of_a_join_are_shared(world: World, source: str) -> None:
    sql = "SELECT a.id, a.n, b.n FROM shop.t1 AS a JOIN crm.t2 AS b ON a.id = b.id ORDER BY a.id"
    with Engine(world.config(connections=4, instances=4)) as engine:
        first = engine.query(sql).fetchall()
        answers, sent = asked(engine, sql, 20, pushdown="off")
        assert len(answers) == 20
        assert all(rows == first for rows in answers)
        assert 2 <= sent <= 40
        assert_nothing_is_left(engine, world)


@pytest.mark.parametrize("source", SOURCES)
def test_nobody_reads_what_was_so_before_he_asked(world: World, source: str) -> None:
    """A writer counts on; whoever asks must see at least what was committed before."""
    database = getattr(world, source)
    database.run("DROP TABLE IF EXISTS counter", "CREATE TABLE counter (id INT PRIMARY KEY, n BIGINT)")
    database.run("INSERT INTO counter VALUES (1, 0)")
    committed, over = [0], threading.Event()

    def write() -> None:
        while not over.is_set():
            database.run(f"UPDATE counter SET n = {committed[0] + 1}")
            committed[0] += 1

    wrong: list[tuple[int, int]] = []
    shared: Counter[bool] = Counter()
    with Engine(world.config(connections=3)) as engine:
        sql = f"SELECT n FROM {source}.counter"
        assert engine.query(sql).fetchall() == [(0,)]
        writer = threading.Thread(target=write)
        writer.start()

        def work(_: int) -> None:
            for _ in range(25):
                before = committed[0]
                result = engine.query(sql)
                ((n,),) = result.fetchall()
                shared[result.report.sources[0].shared_with is not None] += 1
                if n < before:
                    wrong.append((n, before))

        try:
            for one in clients(16, work):
                one.join(60)
        finally:
            over.set()
            writer.join()
        assert wrong == []
        assert sum(shared.values()) == 400
        assert shared[True] > 10
        assert_nothing_is_left(engine, world)


@pytest.mark.parametrize("source", SOURCES)
def test_who_is_cancelled_takes_nobody_along(world: World, source: str) -> None:
    sleep = {"shop": "SELECT id, v FROM shop.nap", "crm": "SELECT id, v FROM crm.nap"}[source]
    sql = f"SELECT a.id FROM ({sleep}) AS a"
    with Engine(world.config(connections=8)) as engine:
        engine.query(sql).fetchall()
        ended: list[str] = []
        rows: list[int] = []

        def work(number: int) -> None:
            try:
                settings = {"statement_timeout": 0.02} if number % 2 else {}
                rows.append(len(engine.query(sql, settings=settings).fetchall()))
            except Cancelled as failure:
                ended.append(failure.code)

        for _ in range(5):
            for one in clients(8, work):
                one.join(30)
        assert len(rows) >= 20
        assert len(rows) + len(ended) == 40
        assert_nothing_is_left(engine, world)


@pytest.mark.parametrize("source", SOURCES)
def test_a_slow_reader_holds_up_nobody(world: World, source: str) -> None:
    sql = f"SELECT * FROM {source}.t1 ORDER BY id"
    with Engine(world.config(connections=4)) as engine:
        slow = engine.query(sql)
        began = time.monotonic()
        answers, _ = asked(engine, sql, 6)
        assert time.monotonic() - began < 10
        assert [len(one) for one in answers] == [6000] * 6
        assert len(slow.fetchall()) == 6000
        assert_nothing_is_left(engine, world)
