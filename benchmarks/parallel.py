"""A whole table by one connection and by several, over networks that limit all connections together or each by itself."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from urllib.parse import urlsplit, urlunsplit

from benchmarks import tables
from benchmarks.federated.link import Network
from benchmarks.federated.proxy import Upstream, proxy
from benchmarks.results import interleaved, write
from hanse.engine import Engine

ROUNDS = int(os.environ.get("HANSE_BENCH_ROUNDS", "3"))
CONNECTIONS = (1, 2, 4, 8)
NETWORKS = (
    None,
    Network("1 Gbit/s", 1e9),
    Network("1 Gbit/s, 100 Mbit/s a connection, 5 ms", 1e9, 0.005, 1e8),
)
QUERIES = {
    "all columns": "SELECT * FROM pg.lines",
    "grouped here": "SELECT flag, count(*), sum(price) FROM pg.lines WHERE random() >= 0 GROUP BY flag",
}


def _consume(engine: Engine, sql: str) -> None:
    with engine.query(sql) as result:
        for _ in result:
            pass
    assert result.report.rows_moved == tables.ROWS, result.report.rows_moved


@contextmanager
def _engines(url: str) -> Iterator[dict[str, Engine]]:
    """An engine for each number of connections."""
    with ExitStack() as opened:
        engines: dict[str, Engine] = {}
        for count in CONNECTIONS:
            scans = {"connections": count, "rows_min": 0}
            block = {"kind": "postgres", "url": url, "connections": 16, "parallel_scans": scans}
            engines[str(count)] = opened.enter_context(Engine({"sources": {"pg": block}}))
        yield engines


def _rows(name: str, url: str) -> Iterator[list[str]]:
    with _engines(url) as engines:
        for label, sql in QUERIES.items():
            work: dict[str, Callable[[], object]] = {
                count: partial(_consume, engine, sql) for count, engine in engines.items()
            }
            series = interleaved(work, ROUNDS)
            yield [name, label, *(f"{series[str(count)].median:.2f}" for count in CONNECTIONS)]


def run() -> None:
    """Measure and write ``results/parallel``."""
    rows: list[list[str]] = []
    with tables.postgres() as database:
        parts = urlsplit(database.url)
        for network in NETWORKS:
            if network is None:
                rows += _rows("loopback", database.url)
                continue
            with proxy(network, {"pg": Upstream("postgres", parts.port or 5432)}) as between:
                netloc = f"{parts.username}:{parts.password}@127.0.0.1:{between.ports['pg']}"
                rows += _rows(network.name, urlunsplit(parts._replace(netloc=netloc)))
    header = ["network", "what", *(f"{count} connection{'s' if count > 1 else ''}, s" for count in CONNECTIONS)]
    title = f"Parallel scans of {tables.ROWS:,} rows on PostgreSQL"
    write(
        "parallel",
        title,
        header,
        rows,
        [f"Medians of {ROUNDS} interleaved rounds; server and engine share the machine."],
    )
