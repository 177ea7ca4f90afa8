"""Asks every engine every query in turn, and keeps what each cell of the table says as soon as it is known."""

import contextlib
import json
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter

from benchmarks.federated.answers import digest
from benchmarks.federated.link import LOOPBACK, Network
from benchmarks.federated.loading import Source
from benchmarks.federated.peers.base import Openers, Peer, Unavailable
from benchmarks.federated.proxy import Proxy, Upstream, proxy
from benchmarks.federated.splits import BY_SIZE

WARM_UP = "SELECT count(*) FROM {0}"
LONG_SECONDS = 20.0
"""A cell that has taken so long is not repeated."""


@dataclass(slots=True)
class Cell:
    """One engine's answer to one query of one split over one network."""

    engine: str
    split: str
    network: str
    query: int
    seconds: list[float] = field(default_factory=list)
    received: int = 0
    sent: int = 0
    statements: int = 0
    rows: int = 0
    digest: str = ""
    failure: str = ""

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What makes it this cell."""
        return self.engine, self.split, self.network, self.query

    @property
    def raced(self) -> bool:
        """Whether the engine could try, however it ended."""
        return not self.failure.startswith(Unavailable.__name__)

    @property
    def median(self) -> float:
        """The median of the runs; infinite if there is none."""
        return statistics.median(self.seconds) if self.seconds else float("inf")


class Store:
    """The cells of a run in a file, one a line, so that a run that ended early can be gone on with."""

    def __init__(self, file: Path, resume: bool) -> None:
        self.file = file
        self.cells: dict[tuple[str, str, str, int], Cell] = {}
        file.parent.mkdir(parents=True, exist_ok=True)
        if resume and file.exists():
            for line in file.read_text(encoding="utf-8").splitlines():
                cell = Cell(**json.loads(line))
                self.cells[cell.key] = cell
        else:
            file.write_text("", encoding="utf-8")

    def add(self, cell: Cell) -> None:
        """Keep a cell and say it."""
        self.cells[cell.key] = cell
        with self.file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(asdict(cell)) + "\n")
        said = cell.failure or f"{cell.median:8.3f} s {cell.received / 1e6:9.3f} MB {cell.statements:5} {cell.digest}"
        print(f"{cell.network:>9} {cell.split:>6} Q{cell.query:<3} {cell.engine:<13} {said}", flush=True)


@dataclass(frozen=True)
class Plan:
    """What a run asks: the engines, the queries, how often, how long at most."""

    openers: Openers
    queries: Mapping[int, str]
    rounds: int
    timeout: float


@contextlib.contextmanager
def network_before(network: Network, sources: Sequence[Source]) -> Iterator[tuple[Proxy, list[Source]]]:
    """The sources behind a network."""
    upstreams = {s.name: Upstream(s.kind, _port(s)) for s in sources if s.kind != "files"}
    with proxy(network, upstreams) as between:
        yield between, [source.through(between.ports) for source in sources]


def _port(source: Source) -> int:
    return int(source.url.rsplit(":", 1)[1].split("/")[0])


def measure(split: str, sources: Sequence[Source], network: Network, plan: Plan, store: Store) -> dict[str, str]:
    """All queries over one split and one network; returns why engines are missing, and the versions of the others."""
    notes: dict[str, str] = {}
    with network_before(network, sources) as (between, through), contextlib.ExitStack() as stack:
        counted = open_peers(stack, plan.openers, through, notes)
        timed = counted if network is not LOOPBACK else open_peers(stack, plan.openers, sources, notes)
        for number, sql in plan.queries.items():
            cells = [Cell(name, split, network.name, number) for name in plan.openers if name in timed]
            cells = [cell for cell in cells if cell.key not in store.cells]
            for turn in range(plan.rounds + 1):
                for cell in cells:
                    _turn(cell, turn, (counted[cell.engine], timed[cell.engine]), sql, (between, plan))
            for cell in cells:
                store.add(cell)
    return notes


def _turn(cell: Cell, turn: int, peers: tuple[Peer, Peer], sql: str, how: tuple[Proxy, Plan]) -> None:
    """The first turn is counted; at a network of no limit only the others, which go without the proxy, are timed."""
    (counted, timed), (between, plan) = peers, how
    if cell.failure or sum(cell.seconds) > LONG_SECONDS:
        return
    try:
        if turn == 0:
            before = between.counts()
            seconds, rows = _timed(counted, sql, plan.timeout)
            after = between.counts().since(before)
            cell.received, cell.sent, cell.statements = after.received, after.sent, after.statements
            cell.rows, cell.digest = len(rows), digest(rows)
        else:
            seconds, rows = _timed(timed, sql, plan.timeout)
        if turn or (counted is timed and seconds > LONG_SECONDS):
            cell.seconds.append(seconds)
        if digest(rows) != cell.digest:
            cell.failure = "two runs gave different answers"
    except Exception as failure:  # noqa: BLE001 - whatever an engine raises is a result, and the others go on
        cell.failure = f"{type(failure).__name__}: {str(failure).strip().splitlines()[0][:160]}"


def _timed(peer: Peer, sql: str, timeout: float) -> tuple[float, list[tuple[object, ...]]]:
    started = perf_counter()
    rows = peer.ask(sql, timeout)
    return perf_counter() - started, rows


def open_peers(
    stack: contextlib.ExitStack, openers: Openers, sources: Sequence[Source], notes: dict[str, str]
) -> dict[str, Peer]:
    """The engines that can be opened over these sources, each warm: it knows the tables and has connections."""
    peers = {}
    for name, opener in openers.items():
        try:
            peer = _warm(opener, sources, stack)
        except Unavailable as failure:
            notes[name] = f"left out: {failure}"
        except Exception as failure:  # noqa: BLE001 - the others go on
            notes[name] = f"failed to open: {str(failure).strip()[:300]}"
        else:
            peers[name], notes[name] = peer, peer.version
        print(f"# {name}: {notes[name]}", flush=True)
    return peers


def _warm(opener: Callable[[Sequence[Source]], Peer], sources: Sequence[Source], stack: contextlib.ExitStack) -> Peer:
    peer = opener(sources)
    stack.callback(peer.close)
    for source in sources:
        with contextlib.suppress(Unavailable):  # it cannot read this one, and its note says so
            peer.ask(WARM_UP.format(min(source.tables, key=BY_SIZE.index)), 60.0)
    return peer
