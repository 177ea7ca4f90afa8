"""``python -m benchmarks federated``: TPC-H over several databases, Hanse beside its peers, over several networks."""

import argparse
import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from benchmarks.federated import report
from benchmarks.federated.answers import digest
from benchmarks.federated.link import NETWORKS
from benchmarks.federated.loading import Tpch
from benchmarks.federated.measure import Plan, Store, measure
from benchmarks.federated.peers.attach import DuckDB
from benchmarks.federated.peers.base import Opener
from benchmarks.federated.peers.fdw import PostgresFdw
from benchmarks.federated.peers.ours import Hanse
from benchmarks.federated.peers.trino import Trino, warm
from benchmarks.federated.proxy import ceiling
from benchmarks.federated.servers import WhenAsked, mariadb, postgres
from benchmarks.federated.splits import QUERIES, SPLITS
from benchmarks.federated.trino.server import Running, trino
from benchmarks.results import FOLDER, write

ENGINES = ("hanse", "duckdb", "postgres_fdw", "trino")


def options(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks federated", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="TPC-H's scale factor")
    parser.add_argument("--all", action="store_true", help="all 22 queries, not Accio's ten")
    parser.add_argument("--queries", type=_numbers, help="only these, as 3,5,7")
    parser.add_argument("--splits", type=_names, default=list(SPLITS), help="of A,B,C,mixed")
    parser.add_argument("--networks", type=_names, default=list(NETWORKS), help="of loopback,1gbit,100mbit")
    parser.add_argument("--engines", type=_names, default=list(ENGINES), help="of " + ",".join(ENGINES))
    parser.add_argument("--rounds", type=int, default=3, help="timed runs of each query")
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds after which an engine is given up on")
    parser.add_argument("--resume", action="store_true", help="keep what an earlier run found")
    parser.add_argument("--folder", type=Path, default=scratch(), help="where servers and data stay between runs")
    return parser.parse_args(arguments)


def scratch() -> Path:
    """Where data stay unless it is said."""
    given = os.environ.get("HANSE_BENCH_FOLDER")
    return Path(given) if given else Path(tempfile.gettempdir()) / f"hanse-bench-{os.getuid()}"


def _names(text: str) -> list[str]:
    return text.split(",")


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the folder; raises SystemExit if another run does."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit(f"another benchmark runs in {folder}; give this one a --folder of its own") from None
        yield


@contextlib.contextmanager
def stage(folder: Path, scale: float) -> Iterator[Tpch]:
    """Both servers, and the data of one scale; one run at a time has a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    with alone(folder), postgres(folder / "postgres") as pg, mariadb(folder / "mariadb") as my:
        yield Tpch(folder, scale, pg, my)


def openers(
    names: Sequence[str], folder: Path, queries: Mapping[int, str], stack: contextlib.ExitStack
) -> dict[str, Opener]:
    """How to open each engine; servers of their own start when they are first needed, and stop with the stack."""
    mediator = WhenAsked(stack, lambda: postgres(folder / "mediator"))
    trinos = WhenAsked(stack, lambda: _warm_trino(folder / "trino", queries))
    known: dict[str, Opener] = {
        "hanse": Hanse,
        "duckdb": DuckDB,
        "postgres_fdw": partial(PostgresFdw, mediator),
        "trino": partial(Trino, trinos),
    }
    return {name: known[name] for name in names}


@contextlib.contextmanager
def _warm_trino(folder: Path, queries: Mapping[int, str]) -> Iterator[Running]:
    with trino(folder) as server:
        warm(server, queries)
        yield server


def run(arguments: Sequence[str] = ()) -> None:
    """Measure, and write ``results/federated``."""
    chosen = options(arguments)
    with stage(chosen.folder, chosen.scale) as tpch, contextlib.ExitStack() as stack:
        numbers = sorted(tpch.queries) if chosen.all else chosen.queries or QUERIES
        queries = {number: tpch.queries[number] for number in numbers}
        expected = {number: digest(tpch.reference.execute(sql).fetchall()) for number, sql in queries.items()}
        engines = openers(chosen.engines, chosen.folder, queries, stack)
        plan = Plan(engines, queries, chosen.rounds, chosen.timeout)
        store = Store(FOLDER / f"federated_sf{chosen.scale:g}.cells.jsonl", chosen.resume)
        facts = [f"{name}: {ceiling(NETWORKS[name]):.0f} MB/s pass here at most" for name in chosen.networks]
        for network in chosen.networks:
            for name in chosen.splits:
                notes = measure(name, tpch.sources(SPLITS[name]), NETWORKS[network], plan, store)
                facts += [f"{engine} ({name}): {note}" for engine, note in notes.items()]
        _write(chosen, store, expected, facts)


def _write(chosen: argparse.Namespace, store: Store, expected: dict[int, str], facts: list[str]) -> None:
    cells = list(store.cells.values())
    notes = [*report.summary(cells, expected), "", *(f"- {fact}" for fact in dict.fromkeys(facts))]
    title = f"TPC-H at scale {chosen.scale:g} over several databases"
    write(f"federated_sf{chosen.scale:g}", title, report.HEADER, report.rows(cells, expected), notes)
