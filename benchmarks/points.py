"""``python -m benchmarks points``: one row of each of two sources joined by key, warm: p50 and p99 of every engine."""

import argparse
import contextlib
import random
import statistics
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.federated.answers import digest
from benchmarks.federated.link import LOOPBACK
from benchmarks.federated.loading import Source
from benchmarks.federated.measure import network_before, open_peers
from benchmarks.federated.peers.base import Opener, Peer, Rows
from benchmarks.federated.peers.ours import Hanse
from benchmarks.federated.run import ENGINES, openers, scratch, stage
from benchmarks.federated.splits import SPLITS
from benchmarks.results import write

SQL = (
    "SELECT o_orderkey, o_totalprice, c_name, c_acctbal FROM orders JOIN customer ON c_custkey = o_custkey "
    "WHERE o_orderkey = {key}"
)
PARAMETER = "hanse, $1"
WARM_UP = 20
GOAL_MS = 10
COUNTED = 10


class WithParameter(Hanse):
    """Hanse, asked as applications ask: the key is a parameter, so that the plan is kept."""

    def ask(self, sql: str, timeout: float, parameters: Sequence[Any] = ()) -> Rows:
        """The whole answer, the key of a point join taken out of its text."""
        start, found, key = sql.partition("o_orderkey = ")
        if not found:
            return super().ask(sql, timeout, parameters)
        return super().ask(f"{start}{found}$1", timeout, (int(key),))


def run(arguments: Sequence[str] = ()) -> None:
    """Measure over two PostgreSQL databases and over PostgreSQL and MariaDB, and write ``results/points``."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks points", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="TPC-H's scale factor")
    parser.add_argument("--rounds", type=int, default=300, help="timed queries of each engine")
    parser.add_argument("--engines", type=lambda text: text.split(","), default=list(ENGINES))
    parser.add_argument("--folder", type=Path, default=scratch(), help="where servers and data stay between runs")
    chosen = parser.parse_args(arguments)
    rows: list[list[object]] = []
    notes = [f"Goal of Hanse: p50 under {GOAL_MS} ms."]
    with stage(chosen.folder, chosen.scale) as tpch, contextlib.ExitStack() as stack:
        engines = openers(chosen.engines, chosen.folder, tpch.queries, stack)
        if "hanse" in engines:
            engines[PARAMETER] = WithParameter
        picked = tpch.reference.execute(
            "SELECT o_orderkey FROM orders USING SAMPLE 1000 ROWS (reservoir, 7)"
        ).fetchall()
        keys = [int(key) for (key,) in picked]
        for name in ("C", "mixed"):
            sources = [source for source in tpch.sources(SPLITS[name]) if source.kind != "files"]
            rows += _measured(name, sources, engines, (keys, chosen.rounds, notes))
    header = ["split", "engine", "p50 ms", "p99 ms", "bytes a query", "statements a query", "answers"]
    write("points", f"One order and its customer, TPC-H at scale {chosen.scale:g}", header, rows, notes)


def _measured(
    split: str, sources: Sequence[Source], engines: dict[str, Opener], what: tuple[list[int], int, list[str]]
) -> list[list[object]]:
    keys, rounds, notes = what
    said: dict[str, str] = {}
    with network_before(LOOPBACK, sources) as (between, through), contextlib.ExitStack() as stack:
        counted = open_peers(stack, engines, through, said)
        timed = open_peers(stack, engines, sources, said)
        notes.extend(f"{engine} ({split}): {note}" for engine, note in said.items())
        moved = {}
        for name, peer in counted.items():
            _ask(peer, keys[:WARM_UP])
            before = between.counts()
            answers = digest(_ask(peer, keys[:COUNTED]))
            moved[name] = (between.counts().since(before), answers)
        milliseconds = _times(timed, keys, rounds)
    rows: list[list[object]] = []
    for name, (counts, answers) in moved.items():
        ordered = sorted(milliseconds[name])
        p50, p99 = statistics.median(ordered), ordered[int(len(ordered) * 0.99)]
        each = [counts.received // COUNTED, f"{counts.statements / COUNTED:g}"]
        rows.append([split, name, f"{p50:.2f}", f"{p99:.2f}", *each, answers])
    return rows


def _ask(peer: Peer, keys: Sequence[int]) -> list[tuple[object, ...]]:
    return [row for key in keys for row in peer.ask(SQL.format(key=key), 60.0)]


def _times(peers: dict[str, Peer], keys: list[int], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every query, the engines in turn; another order of keys for each run would be another benchmark."""
    for peer in peers.values():
        _ask(peer, keys[:WARM_UP])
    chooser = random.Random(11)
    found: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(rounds):
        key = chooser.choice(keys)
        for name, peer in peers.items():
            started = perf_counter()
            _ask(peer, [key])
            found[name].append((perf_counter() - started) * 1000)
    return found
