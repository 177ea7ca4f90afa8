"""What is promised of deadlines and cancels, measured: `scripts/with_servers.py python -m tests.fault.shows [holes] [cancels]`."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanse.engine import Engine
from hanse.errors import Cancelled, HanseError
from tests.fault.conftest import World, leases, made, threads
from tests.fault.proxy import Proxy
from tests.servers import databases

OFF = {"pushdown": "off", "plan_cache": "on"}
DEADLINE = 0.4
POINT = "SELECT n FROM {}.t1 WHERE id = 7"
SHAPES = (
    "SELECT id, pad FROM {0}.endless",
    "SELECT * FROM {0}.slow",
    "SELECT e.id, e.pad FROM {0}.endless e JOIN {1}.t1 USING (id)",
    "SELECT a.id FROM {0}.t1 a JOIN {0}.t2 USING (id) JOIN {0}.t3 USING (id) JOIN {1}.t4 USING (id)",
    "SELECT n FROM {0}.t5 WHERE id = 7",
)


@dataclass
class Found:
    """What was measured, and what was left behind of it."""

    late_ms: list[float] = field(default_factory=list)
    """How long after its deadline, or its cancel, each query was over; in order of size."""
    left: list[str] = field(default_factory=list)
    breakers: dict[str, str] = field(default_factory=dict)
    open_ms: list[float] = field(default_factory=list)
    """How long after that the last of its statements was over at the servers."""
    kilobytes: int = 0
    """By how much the process has grown from the fifth query to the last."""

    def __str__(self) -> str:
        at = lambda share: f"{self.late_ms[min(len(self.late_ms) - 1, int(len(self.late_ms) * share))]:.0f}"  # noqa: E731
        late = f"{len(self.late_ms)} queries over after p50 {at(0.5)}, p99 {at(0.99)}, at most {at(1)} ms"
        ended = f"; statements over after at most {max(self.open_ms):.0f} ms" if self.open_ms else ""
        return f"{late}{ended}; left: {self.left or 'nothing'}; {self.breakers}; {self.kilobytes:+,} kB"


def resident() -> int:
    """Memory of this process, in kB."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition("VmRSS:")[2].split()[0])


def breakers(engine: Engine) -> dict[str, str]:
    return dict(engine.breakers())


def _left(engine: Engine, source: str, proxy: Proxy) -> list[str]:
    """What is held, except connections that wait for the next query, and the one of the lock."""
    found = [f"{count} {name}" for name, count in leases(engine).items() if count]
    found += [f"thread {name}" for name in threads()]
    connector: Any = engine._connectors[source]
    pools = [connector._readers, connector._controls] if source == "shop" else [connector._pool]
    idle = sum(len(pool._idle) for pool in pools) + bool(connector._owner._suffix)
    more = proxy.clients() - idle
    return found + ([f"{more} sockets"] if more > 0 else [])


def black_holes(world: World, source: str, times: int, seed: int) -> Found:
    """Queries in whose midst the network goes silent: when they are over, and what they leave."""
    chance, found = random.Random(seed), Found()
    other = "crm" if source == "shop" else "shop"
    for number in range(times):
        with Proxy(getattr(world, source).url) as proxy, Engine(world.config(**{source: proxy.url})) as engine:
            engine.query(POINT.format(other)).fetchall()
            if chance.random() < 0.7:
                engine.query(POINT.format(source)).fetchall()  # else there is no connection yet
            engine.catalog.tables()
            shape = chance.choice(SHAPES[:-1]).format(source, other)
            timer = threading.Timer(chance.random() * DEADLINE / 2, proxy.swallow)
            timer.start()
            started = time.monotonic()
            with contextlib.suppress(Cancelled):
                engine.query(shape, settings={**OFF, "statement_timeout": DEADLINE}).fetchall()
            over = time.monotonic()
            found.late_ms.append((over - started - DEADLINE) * 1000)
            timer.join()
            while (left := _left(engine, source, proxy)) and time.monotonic() < over + 1:
                time.sleep(0.01)
            found.left += [f"{shape}: {one}" for one in left]
            while any(busy := world.busy().values()) and time.monotonic() < over + 5:
                time.sleep(0.02)
            found.open_ms.append((time.monotonic() - over) * 1000)
            if any(busy):
                found.left.append(f"{shape}: statements {world.busy()}")
        if number == min(4, times - 1):
            before = resident()
    found.kilobytes = resident() - before
    found.late_ms.sort()
    return found


def cancels(world: World, source: str, times: int, seed: int) -> Found:
    """Queries that are cancelled at any moment of theirs."""
    chance, found = random.Random(seed), Found()
    other = "crm" if source == "shop" else "shop"
    with Engine(world.config(connections=4)) as engine:
        for name in ("shop", "crm"):
            engine.query(POINT.format(name)).fetchall()
        for number in range(times):
            with contextlib.suppress(HanseError):
                result = engine.query(chance.choice(SHAPES).format(source, other), settings=OFF)
                ended: list[float] = []

                pause = chance.random() ** 2 * 0.3

                def end(result=result, ended=ended, pause=pause) -> None:
                    time.sleep(pause)
                    ended.append(time.monotonic())
                    result.cancel()

                thread = threading.Thread(target=end, daemon=True)
                thread.start()
                with contextlib.suppress(Cancelled):
                    for _ in result:
                        pass
                over = time.monotonic()
                thread.join()
                found.late_ms.append(max(0.0, (over - ended[0]) * 1000))
            if number % 20 == 19 or number == times - 1:
                last = time.monotonic()
                while any(busy := world.busy().values()) and time.monotonic() < last + 1:
                    time.sleep(0.005)
                found.open_ms.append((time.monotonic() - last) * 1000)
                if any(busy):
                    found.left.append(f"query {number}: statements {world.busy()}")
        found.breakers = breakers(engine)
        deadline = time.monotonic() + 1
        while (left := [f"{count} {name}" for name, count in leases(engine).items() if count] + threads()) and (
            time.monotonic() < deadline
        ):
            time.sleep(0.01)
        found.left += left
    found.late_ms.sort()
    return found


def main() -> int:
    """Measure and print; the exit code is 1 if something was late or left."""
    holes, times = (int(text) for text in (*sys.argv[1:], "100", "1000")[:2])
    seed = int(os.environ.get("HANSE_FAULT_SEED", "0")) or random.SystemRandom().randrange(1 << 30)
    print(f"seed {seed}")
    is_bad = False
    with contextlib.ExitStack() as created:
        shop = created.enter_context(databases.postgres_database(os.environ["HANSE_TEST_PG_URL"], collation="C"))
        crm = created.enter_context(databases.mysql_database(os.environ["HANSE_TEST_MYSQL_URL"]))
        world = made(shop, crm)
        for source in ("shop", "crm"):
            for name, found in (
                ("black holes", black_holes(world, source, holes, seed)),
                ("cancels", cancels(world, source, times, seed)),
            ):
                print(f"{name}, {source}: {found}", flush=True)
                is_bad |= bool(found.left) or found.late_ms[-1] > (500 if name == "black holes" else 1000)
    return int(is_bad)


if __name__ == "__main__":
    sys.exit(main())
