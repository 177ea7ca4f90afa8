"""Resource groups as users meet them: who asks, what is told of it, and what nothing configured costs."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hanse
import hanse.dbapi
from hanse.engine import Engine
from hanse.errors import AdmissionRefused
from hanse.groups import Caller

GROUPS: dict[str, Any] = {
    "concurrency": 8,
    "groups": {
        "people": {"groups": {"${user}": {"concurrency": 1, "queue": 0}}},
        "nightly": {"quota": {"rows": 150, "result_rows": 10, "cpu": "1 hour", "per": "1 day"}},
        "told": {},
    },
    "selectors": [
        {"kind": "explain", "group": "told"},
        {"kind": "batch", "tags": "etl", "group": "nightly"},
        {"user": "*n*", "group": "people.${user}"},
    ],
}


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    with sqlite3.connect(tmp_path / "shop.db") as store:
        store.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER)")
        store.executemany("INSERT INTO orders VALUES (?, ?)", [(i, i * 2) for i in range(100)])
    store.close()
    source = {"kind": "sqlite", "path": str(tmp_path / "shop.db")}
    return {"sources": {"shop": source}, "resource_groups": GROUPS}


@pytest.fixture
def engine(config: dict[str, Any]) -> Iterator[Engine]:
    with Engine(config) as found:
        yield found


ALL = "SELECT id FROM shop.orders"


def group(engine: Engine, caller: Caller | None = None, **settings: Any) -> str | None:
    result = engine.query("SELECT count(*) FROM shop.orders", settings=settings, caller=caller)
    result.fetchall()
    return result.report.group


def test_who_asks_decides_about_the_group(engine: Engine) -> None:
    assert group(engine) == "all"
    assert group(engine, Caller("ann")) == "people.ann"
    assert group(engine, Caller("bob")) == "all"
    assert group(engine, Caller("ann"), profile="batch", tags="daily, etl") == "nightly"
    engine.query("SET tags = 'etl'")
    engine.query("SET profile = 'batch'")
    assert group(engine, Caller("ann")) == "nightly"
    assert engine.query("SHOW tags").fetchall() == [("etl",)]


def test_what_opens_the_engine_says_who_asks(config: dict[str, Any]) -> None:
    with hanse.connect(config, user="jan", groups=["staff"], client="test") as engine:
        assert group(engine) == "people.jan"
    with hanse.dbapi.connect(config, user="jan") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT resource_group FROM system.resource_groups WHERE running > 0")
        assert cursor.fetchall() == []
        cursor.execute("SELECT count(*) FROM shop.orders")
        assert cursor.fetchall() == [(100,)]
        cursor.execute("SELECT resource_group FROM system.queries WHERE resource_group IS NOT NULL")
        assert cursor.fetchall() == [("people.jan",)]


def test_one_runs_and_the_next_is_refused_until_it_ends(engine: Engine) -> None:
    ann, jan = Caller("ann"), Caller("jan")
    first = engine.query(ALL, caller=ann)
    with pytest.raises(AdmissionRefused, match=r"people\.ann is full: 1 of its queries run and 0 wait"):
        engine.query(ALL, caller=ann)
    assert len(engine.query(ALL, caller=jan).fetchall()) == 100
    told = "SELECT resource_group, running, admitted, refused FROM system.resource_groups WHERE running > 0 ORDER BY 1"
    assert engine.query(told).fetchall() == [("all", 1, 2, 0), ("people", 1, 2, 0), ("people.ann", 1, 1, 1)]
    assert [row[0] for row in engine.query("SHOW RESOURCE GROUPS").fetchall()][:2] == ["all", "nightly"]
    assert len(first.fetchall()) == 100
    assert len(engine.query(ALL, caller=ann).fetchall()) == 100


def test_commands_and_plans_do_not_wait(engine: Engine) -> None:
    ann = Caller("ann")
    with engine.query(ALL, caller=ann):
        assert engine.query("SHOW SOURCES", caller=ann).fetchall()
        assert engine.query(f"EXPLAIN {ALL}", caller=ann).fetchall()
        assert engine.query(f"EXPLAIN ANALYZE {ALL}", caller=ann).fetchall()
    states = {state.group: state.admitted for state in engine.resource_groups()}
    assert (states["told"], states["people"]) == (1, 1)


def test_an_answer_counts_against_the_quota_and_what_failed_is_given_back(engine: Engine) -> None:
    etl = {"profile": "batch", "tags": "etl"}
    with pytest.raises(Exception, match="10 rows of answers per day"):
        engine.query(ALL, settings={**etl, "batch_rows": 20}).fetchall()
    with pytest.raises(AdmissionRefused, match="it opens again at"):
        engine.query("SELECT count(*) FROM shop.orders", settings=etl)
    with pytest.raises(hanse.HanseError):
        engine.query("SELECT 1 / (id - id) FROM shop.orders", caller=Caller("ann")).fetchall()
    assert {state.running for state in engine.resource_groups()} == {0}
    assert group(engine, Caller("ann")) == "people.ann"


def test_closing_the_engine_ends_who_waits(config: dict[str, Any]) -> None:
    config["resource_groups"] = {"concurrency": 1}
    failures: list[BaseException] = []
    with Engine(config) as engine:
        running = engine.query(ALL)

        def wait() -> None:
            try:
                engine.query(ALL)
            except BaseException as failure:
                failures.append(failure)

        waiting = threading.Thread(target=wait)
        waiting.start()
        deadline = time.monotonic() + 5
        while not engine.resource_groups()[0].queued:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        engine.close()
        waiting.join(5)
        running.close()
    assert [getattr(one, "code", one) for one in failures] == ["57014"]


def test_without_groups_nothing_is_told(config: dict[str, Any]) -> None:
    del config["resource_groups"]
    with Engine(config) as engine:
        result = engine.query(ALL)
        assert len(result.fetchall()) == 100
        assert (result.report.group, result.report.queued_ms) == (None, None)
        assert engine.query("SHOW RESOURCE GROUPS").fetchall() == []
        assert engine._admission.sharing._arrived == {}


def test_the_time_in_a_group_counts_for_the_queues_deadline(config: dict[str, Any]) -> None:
    config["resource_groups"] = {"concurrency": 1}
    with Engine(config) as engine, engine.query(ALL):
        with pytest.raises(hanse.HanseError, match="place in its resource group"):
            engine.query(ALL, settings={"queue_timeout": 0.2})
        assert engine.resource_groups()[0].queued == 0
