"""KILL: whoever says it, the query ends within a second, at its sources too; a process that dies leaves its queries as lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hanse.engine import Engine
from hanse.errors import Cancelled, HanseError
from hanse.observe.store import LOST_SECONDS
from tests.fault.conftest import World, assert_nothing_is_left

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
HANSE = Path(sys.executable).with_name("hanse")
SLOW = "SELECT * FROM {0}.slow"
ENDLESS = "SELECT * FROM {0}.endless"
JOINED = "SELECT a.id, b.n FROM shop.slow a JOIN crm.endless b USING (id)"


class Victim(threading.Thread):
    """Reads an answer that somebody else ends."""

    def __init__(self, engine: Engine, sql: str) -> None:
        super().__init__(name="victim", daemon=True)
        self.engine = engine
        self.sql = sql
        self.failure: HanseError | None = None
        self.ended_at = 0.0
        self.start()

    def run(self) -> None:
        try:
            with self.engine.query(self.sql, settings={"pushdown": "off"}) as result:
                for _ in result:
                    pass
        except HanseError as failure:
            self.failure = failure
        self.ended_at = time.monotonic()


def running(engine: Engine, sql: str) -> str:
    """The id of the statement, as soon as it runs."""
    mine = "SELECT id FROM system.queries WHERE state = 'running' AND statement = $1"
    deadline = time.monotonic() + 10
    while not (rows := engine.query(mine, [sql]).fetchall()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return str(rows[0][0])


@pytest.mark.parametrize(
    ("sql", "sources"),
    [(SLOW.format("shop"), "shop"), (SLOW.format("crm"), "crm"), (ENDLESS.format("crm"), "crm"), (JOINED, "shop crm")],
)
def test_another_of_its_users_ends_it(engine: Callable[..., Engine], world: World, sql: str, sources: str) -> None:
    one = engine()
    victim = Victim(one, sql)
    for source in sources.split():
        world.wait_until_busy(source)
    id = running(one, sql)
    began = time.monotonic()
    assert one.query(f"KILL '{id}'").fetchall() == []
    world.wait_until_idle(5)
    assert time.monotonic() - began < 1.2
    victim.join(2)
    assert isinstance(victim.failure, Cancelled)
    assert victim.failure.code == "57014"
    assert "killed" in victim.failure.message
    assert victim.ended_at - began < 1.2
    assert_nothing_is_left(one, world)
    found = one.query("SELECT state, error FROM system.queries WHERE id = $1", [id]).fetchall()
    assert found == [("cancelled", "57014")]
    with pytest.raises(HanseError, match="no running query begins with"):
        one.query(f"KILL '{id}'")
    assert [row[0] for row in one.query("SELECT breaker FROM system.sources ORDER BY source").fetchall()] == [
        "closed",
        "closed",
    ]


def test_one_that_waits_for_its_turn(world: World, small_queues: None) -> None:
    with Engine({**world.config(), "resource_groups": {"concurrency": 1}}) as one:
        first = Victim(one, SLOW.format("shop"))
        world.wait_until_busy("shop")
        second = Victim(one, SLOW.format("crm"))
        deadline = time.monotonic() + 10
        while not (rows := one.query("SELECT id FROM system.queries WHERE state = 'queued'").fetchall()):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert one.query("SELECT queued, running FROM system.resource_groups").fetchall() == [(1, 1)]
        assert "hanse_queries_queued 1.0" in one.metrics()
        began = time.monotonic()
        one.query(f"KILL '{rows[0][0]}'")
        second.join(5)
        assert time.monotonic() - began < 1
        assert second.failure is not None and second.failure.code == "57014"
        one.query(f"KILL '{running(one, SLOW.format('shop'))}'")
        first.join(5)
        assert first.failure is not None and first.failure.code == "57014"
        ended = "SELECT state, resource_group FROM system.queries WHERE error = '57014' ORDER BY started"
        assert one.query(ended).fetchall() == [("cancelled", "all"), ("cancelled", None)]
        world.wait_until_idle(5)


def process(world: World, folder: Path, sql: str) -> tuple[subprocess.Popen[str], Path]:
    """A process of its own that asks."""
    config = folder / "hanse.yaml"
    config.write_text(json.dumps(world.config(state=str(folder / "state"))))
    command = [HANSE, "query", "-c", config, "--set", "pushdown=off", sql]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True), config


@pytest.mark.parametrize("source", ["shop", "crm"])
def test_another_process_ends_it(world: World, tmp_path: Path, source: str) -> None:
    asking, config = process(world, tmp_path, SLOW.format(source))
    world.wait_until_busy(source, 30)
    with Engine(config) as other:
        id = running(other, SLOW.format(source))
        shown = subprocess.run(
            [HANSE, "top", "--once", "-c", config], capture_output=True, text=True, check=True, timeout=60
        )
        assert "1 running" in shown.stdout
        assert id[:8] in shown.stdout
        began = time.monotonic()
        other.query(f"KILL '{id[:10]}'")
        world.wait_until_idle(5)
        assert time.monotonic() - began < 1.5
        _, complaint = asking.communicate(timeout=10)
        assert asking.returncode == 1
        assert complaint.startswith("error 57014")
        assert other.queries.find(id).facts.state == "cancelled"
        told = subprocess.run(
            [HANSE, "kill", id, "-c", config], capture_output=True, text=True, check=False, timeout=60
        )
        assert (told.returncode, told.stderr.partition("\n")[0]) == (
            1,
            f"error 42704: no running query begins with {id}",
        )


def test_a_process_that_is_killed_leaves_its_query_as_lost(world: World, tmp_path: Path) -> None:
    sql = SLOW.format("shop")
    asking, config = process(world, tmp_path, sql)
    world.wait_until_busy("shop", 30)
    with Engine(config) as other:
        id = running(other, sql)
        os.kill(asking.pid, signal.SIGKILL)
        asking.wait()
        died = time.monotonic()
        while other.queries.find(id).facts.state == "running":
            assert time.monotonic() - died < LOST_SECONDS + 2
            time.sleep(0.1)
        record = other.queries.find(id)
        assert record.facts.state == "lost"
        assert record.facts.total_ms < (time.monotonic() - died + 60) * 1000
        with pytest.raises(HanseError, match="no running query begins with"):
            other.query(f"KILL '{id}'")
    mine = f"datname = '{world.shop.name}' AND application_name = 'hanse/{id}'"  # what the dead process left
    world.shop.rows(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {mine}")
    world.wait_until_idle(5)


def test_many_processes_share_one_folder(world: World, tmp_path: Path) -> None:
    sql = "SELECT count(*) FROM shop.t1 JOIN crm.t1 USING (id)"
    config = tmp_path / "hanse.yaml"
    config.write_text(json.dumps(world.config(state=str(tmp_path / "state"))))
    program = (
        "import sys\nfrom hanse.engine import Engine\n"
        f"with Engine(sys.argv[1]) as engine:\n    for _ in range(25):\n        engine.query({sql!r}).fetchall()\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", program, str(config)], stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for one in started:
        _, complaint = one.communicate(timeout=120)
        assert (one.returncode, complaint) == (0, "")
    with Engine(config) as engine:
        found = engine.query(
            "SELECT count(*), count(DISTINCT process), sum(rows_moved) > 0, min(state) FROM system.queries WHERE statement = $1",
            [sql],
        ).fetchall()
        assert found == [(100, 4, True, "finished")]
        assert 'hanse_queries_total{error="",kind="query",state="finished"} 101.0' in engine.metrics(shared=True)
