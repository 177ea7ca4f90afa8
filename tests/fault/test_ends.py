"""A full disk, Ctrl-C, an engine that is closed: everything ends, at the sources too."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hanse.engine import Engine
from hanse.errors import Cancelled, HanseError, ResourceLimit
from tests.fault.conftest import World, assert_nothing_is_left, threads
from tests.fault.test_caps import OFF, joined

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
HANSE = Path(sys.executable).with_name("hanse")
DIRECT = "SELECT * FROM {0}.slow"
JOINED = "SELECT a.id, a.v, b.n FROM {0}.slow a JOIN {0}.t1 b USING (id) JOIN {0}.t2 USING (id)"


@pytest.mark.parametrize("source", ["shop", "crm"])
def test_too_much_to_keep_aside(engine: Callable[..., Engine], world: World, source: str) -> None:
    one = engine(connections=1, spill_limit="50KB")
    with pytest.raises(ResourceLimit) as failure:
        one.query(joined([(source, number) for number in range(1, 9)]), settings={**OFF, "batch_rows": 100}).fetchall()
    assert failure.value.code[:2] == "53"
    assert failure.value.source == source
    assert_nothing_is_left(one, world)


def test_too_much_for_the_coordinator(engine: Callable[..., Engine], world: World) -> None:
    one = engine(memory_limit="40MB", spill_limit="1MB")
    tables = "shop.t1 a, (SELECT id FROM crm.t2 WHERE id < 60) b"
    with pytest.raises(ResourceLimit) as failure:
        one.query(f"SELECT a.pad || b.id AS x FROM {tables} ORDER BY 1", settings=OFF).fetchall()
    assert failure.value.code[:2] == "53"
    assert_nothing_is_left(one, world)


@pytest.mark.parametrize("statement", [DIRECT, JOINED], ids=["direct", "joined"])
@pytest.mark.parametrize("source", ["shop", "crm"])
def test_an_interrupt_ends_the_statements(world: World, tmp_path: Path, source: str, statement: str) -> None:
    config = tmp_path / "hanse.yaml"
    config.write_text(json.dumps(world.config()))
    command = [HANSE, "query", "-c", config, "--set", "pushdown=off", statement.format(source)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    world.wait_until_busy(source, 30)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert world.wait_until_idle(5) < 1.2
    _, complaint = process.communicate(timeout=5)
    assert process.returncode == 130
    assert "Traceback" not in complaint


def test_an_interrupt_while_waiting_for_a_connection(world: World, tmp_path: Path) -> None:
    """In the main thread a wait for permits can be interrupted as well."""
    script = (
        "import json, sys, hanse\n"
        "engine = hanse.Engine(json.loads(sys.argv[1]))\n"
        "held = iter(engine.query('SELECT * FROM shop.endless'))\n"
        "next(held)\n"
        "print('waits', flush=True)\n"
        "try:\n"
        "    engine.query('SELECT * FROM shop.t1')\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', engine._connectors['shop']._readers.leased, flush=True)\n"
        "engine.close()\n"
    )
    command = [sys.executable, "-c", script, json.dumps(world.config(connections=1))]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=10)
    assert rest == "interrupted 1\n"
    assert process.returncode == 0
    world.wait_until_idle(2)


def test_closing_the_engine_ends_what_runs(world: World, small_queues: None) -> None:
    one = Engine(world.config(connections=2))
    ends: list[str] = []
    slow = "SELECT a.id FROM shop.endless a JOIN crm.endless b USING (id)"

    def run(sql: str, pause: float) -> None:
        try:
            for _ in one.query(sql, settings=OFF):
                time.sleep(pause)
            ends.append("read")
        except Cancelled as failure:
            ends.append(failure.message)
        except HanseError as failure:
            ends.append(repr(failure))

    queries = [(slow, 0.01), (slow, 0), ("SELECT * FROM shop.slow", 0), ("SELECT * FROM crm.endless", 0.01), (slow, 0)]
    clients = [threading.Thread(target=run, args=query) for query in queries]
    unread = one.query("SELECT id FROM crm.endless")
    for client in clients:
        client.start()
    time.sleep(1)
    started = time.monotonic()
    one.close()
    assert time.monotonic() - started < 5
    for client in clients:
        client.join(2)
        assert not client.is_alive()
    assert len(ends) == len(clients)
    assert all("closed" in end or "waiting" in end for end in ends), ends
    with pytest.raises(Cancelled):
        unread.fetchall()
    with pytest.raises(HanseError):
        one.query("SELECT id FROM shop.t1")
    deadline = time.monotonic() + 3
    while threads():
        assert time.monotonic() < deadline, threads()
        time.sleep(0.02)
    world.wait_until_idle(2)
    assert not one._pool.folder.exists()
    one.close()


def test_a_result_that_nobody_closes(engine: Callable[..., Engine], world: World) -> None:
    one = engine()
    for _ in range(4):  # more than there are instances and connections
        next(iter(one.query(joined([("shop", 1), ("crm", 2)]), settings=OFF)))
    assert_nothing_is_left(one, world)
