"""What production's parts cost a point join of two sources: everything configured that takes part in a query without ending
it, against an engine of which nothing is configured, and each part alone."""

import os
import random
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.results import Series, write
from hanse.engine import Engine
from tests.servers.databases import mysql_database, postgres_database

ROUNDS = int(os.environ.get("HANSE_BENCH_OVERHEAD_ROUNDS", "400"))
ROWS = 100_000
WARM_UP = 30
GOAL_MS = 1.5
SQL = "SELECT o.id, o.total, c.name FROM shop.orders o JOIN crm.customers c ON c.id = o.customer WHERE o.id = $1"
POSTGRES = f"""
CREATE TABLE orders AS SELECT i AS id, i * 7919 % {ROWS} + 1 AS customer, i / 100.0 AS total
FROM generate_series(1, {ROWS}) AS i
"""
MYSQL = f"""
CREATE TABLE customers (id int PRIMARY KEY, name varchar(40)) AS
SELECT seq AS id, concat('n', seq) AS name FROM seq_1_to_{ROWS}
"""

LIMITS = {
    "limits": {"statements": 3, "statements_per_second": 1e6, "rows_per_minute": 10**9, "bytes_per_minute": "100 GB"}
}
GUARDRAILS = {
    "guardrails": {
        "max_rows": 10**6,
        "max_bytes": "1 GB",
        "cross_join_rows": 10**6,
        "sort_rows": 10**6,
        "tables": {"orders*": {"require": ["id"]}, "*": {"hours": "00:00-23:59"}},
    }
}
EXPLAIN = {"guardrails": {"explain_rows": 10**6}}
DEADLINES = {"deadlines": {"connect": 5, "first_row": 10, "idle": 10, "total": 30}}
FAILURES = {
    "on_failure": "skip",
    "breaker": {"failures": 3, "within": 30},
    "retry": {"attempts": 3, "budget": 0.2},
}
GROUPS = {
    "concurrency": 50,
    "memory": "2 GB",
    "query_memory": "500 MB",
    "groups": {
        "people": {
            "groups": {"${user}": {"concurrency": 10, "quota": {"rows": 10**9, "bytes": "1 TB", "per": "1 day"}}}
        }
    },
    "selectors": [{"client": "bi-*", "group": "people"}, {"group": "people.${user}"}],
}
SETTINGS = {"statement_timeout": 30, "queue_timeout": 10, "profile": "batch", "tags": "point, benchmark"}
Part = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]
"""What is added to each source's block, to the whole configuration, and to the query's settings."""
PARTS: dict[str, Part] = {
    "nothing": ({}, {}, {}),
    "resource groups": ({}, {"resource_groups": GROUPS}, {}),
    "limits of sources": (LIMITS, {}, {}),
    "guardrails": (GUARDRAILS, {}, {}),
    "guardrails by EXPLAIN": (EXPLAIN, {}, {}),
    "deadlines and failures": (DEADLINES | FAILURES, {}, SETTINGS),
    "records on disk": ({}, {"engine": {"state": "state"}}, {}),
    "all but EXPLAIN": (
        LIMITS | GUARDRAILS | DEADLINES | FAILURES,
        {"resource_groups": GROUPS, "engine": {"state": "all"}},
        SETTINGS,
    ),
}


def run() -> None:
    """Measure, print, and write ``results/overhead``."""
    with ExitStack() as stack:
        shop = stack.enter_context(postgres_database(os.environ["HANSE_TEST_PG_URL"]))
        crm = stack.enter_context(mysql_database(os.environ["HANSE_TEST_MYSQL_URL"]))
        shop.run(POSTGRES, "ALTER TABLE orders ADD PRIMARY KEY (id)", "VACUUM ANALYZE orders")
        crm.run(MYSQL, "ANALYZE TABLE customers")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hanse-overhead-")))
        sources = {
            "shop": {"kind": "postgres", "url": shop.url, "tls": {"mode": "disable"}},
            "crm": {"kind": "mysql", "url": crm.url, "tls": {"mode": "disable"}},
        }
        engines = {name: stack.enter_context(_engine(part, sources, folder)) for name, part in PARTS.items()}
        found = _measured(engines)
    bare = found["nothing"].median
    rows: list[list[object]] = []
    for name, series in found.items():
        ordered = sorted(series.seconds)
        cells = [f"{seconds * 1000:.2f}" for seconds in (series.median, ordered[int(len(ordered) * 0.99)])]
        rows.append([name, *cells, f"{(series.median - bare) * 1000:+.2f}"])
    notes = [
        f"Goal: all together at most {GOAL_MS} ms more than nothing. {ROUNDS} interleaved rounds, warm; the key is `$1`.",
        "`guardrails by EXPLAIN` asks each source for its plan first: a round trip, and what the source takes to plan.",
    ]
    header = ["configured", "p50 ms", "p99 ms", "more, p50 ms"]
    write("overhead", "A point join of PostgreSQL and MariaDB with production's parts", header, rows, notes)


def _engine(part: Part, sources: Mapping[str, dict[str, Any]], folder: Path) -> Engine:
    block, whole, settings = part
    config = {"sources": {name: found | block for name, found in sources.items()}, **whole}
    if "engine" in config:
        config["engine"] = {"state": str(folder / config["engine"]["state"])}
    engine = Engine(config)
    for name, value in settings.items():
        engine.query(f"SET {name} = '{value}'").fetchall()
    return engine


def _measured(engines: Mapping[str, Engine]) -> dict[str, Series]:
    """Milliseconds of every query, the engines in turn, in another order each time: who follows whom is the caches' matter."""
    chance = random.Random(5)
    seconds: dict[str, list[float]] = {name: [] for name in engines}
    names = list(engines)
    for number in range(WARM_UP + ROUNDS):
        chance.shuffle(names)
        for name in names:
            key = chance.randrange(1, ROWS + 1)
            started = perf_counter()
            ((id, _, _),) = engines[name].query(SQL, (key,)).fetchall()
            took = perf_counter() - started
            if id != key:
                raise AssertionError(f"{name} found {id} for {key}")
            if number >= WARM_UP:
                seconds[name].append(took)
    return {name: Series(name, tuple(found)) for name, found in seconds.items()}
