"""One schema, many queries: pushdown on = pushdown off = one DuckDB with everything = PostgreSQL with everything."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hanse.engine import Engine
from hanse.errors import HanseError
from hanse.testing.differential import Answer, answer, difference
from tests.differential import load, spreading
from tests.differential.choices import Choices, shrunk
from tests.differential.lies import Liar
from tests.differential.oracle import PostgresOracle, bytewise_database
from tests.differential.queries import Generator, Query
from tests.differential.tables import Table, schema
from tests.servers import databases

SHRINK_ATTEMPTS = 400
LIES_PERCENT = int(os.environ.get("HANSE_FUZZ_LIES", "25"))
"""In how many of a hundred queries the tables' statistics are replaced by random ones, too."""
REFUSED = ("42", "0A")
"""Classes of errors in which the judge says that this is no statement of his."""
DATA_ERRORS = ("22", "21", "54", "57", "53")
"""Classes of errors that depend on which rows are met first: only whether both sides give one of them is compared."""


@dataclass(frozen=True)
class Found:
    """One difference: which seeds show it, the smallest query that still does, and what differs."""

    schema_seed: int
    query_seed: int
    between: str
    problem: str
    query: Query
    plans: str = ""

    def __str__(self) -> str:
        values = f"\n  with {self.query.parameters}" if self.query.parameters else ""
        return f"schema {self.schema_seed} query {self.query_seed}: {self.between}\n{self.query.sql}{values}\n{self.problem}\n{self.plans}"


@dataclass
class Tally:
    """What became of the queries."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    found: list[Found] = field(default_factory=list)
    asked: int = 0

    @property
    def executed(self) -> int:
        """How many queries had rows to compare, an empty answer included."""
        return self.counts["equal"] + self.counts["different"]

    def __str__(self) -> str:
        return ", ".join(f"{count} {what}" for what, count in sorted(self.counts.items()))


@dataclass
class World:
    """The sources of one schema, filled, and the ways to ask them."""

    tables: list[Table]
    spread: Engine
    shards: Engine
    together: Engine
    postgres: PostgresOracle
    liars: Sequence[Liar]
    """Over the sources of ``spread`` and ``shards``, with falsified statistics."""
    lying: bool = False
    """Whether the query at hand is asked of one of them too."""

    def lie(self, seed: int, percent: int) -> None:
        """In so many of a hundred queries, by their seeds, let the liars believe other nonsense and be asked."""
        choices = Choices(seed)
        self.lying = choices.chance(percent)
        if self.lying:
            self.liars[0].lie(choices.below(2**31))
            self.liars[1].lie(choices.below(2**31))

    def ways(self) -> list[tuple[str, Callable[[Query], Answer]]]:
        """The ways to ask, by name; every one must answer like the one before."""
        lies = [
            ("statistics falsified", lambda q: answer(self.liars[0], q.sql, q.parameters)),
            ("statistics falsified, over shards", lambda q: answer(self.liars[1], q.sql, q.parameters)),
        ]
        return [
            ("PostgreSQL with everything", lambda q: self.postgres.answer(q.sql, q.parameters)),
            ("pushdown off", lambda q: answer(self.spread, q.sql, q.parameters, pushdown="off")),
            ("pushdown on", lambda q: answer(self.spread, q.sql, q.parameters)),
            ("keys shipped", lambda q: answer(self.spread, q.sql, q.parameters, key_shipping="force")),
            ("over shards", lambda q: answer(self.shards, q.sql, q.parameters)),
            ("over shards, keys shipped", lambda q: answer(self.shards, q.sql, q.parameters, key_shipping="force")),
            ("one DuckDB with everything", lambda q: answer(self.together, q.sql, q.parameters)),
            *(lies if self.lying else []),
        ]


@contextlib.contextmanager
def world(
    seed: int, pg_url: str, mysql_url: str, through: Callable[[str], str] = str, **options: object
) -> Iterator[World]:
    """Create and fill the sources of a schema's seed. Engines reach servers at what ``through`` makes of their URLs; their
    blocks have these further ``options``."""
    tables = schema(seed)
    with contextlib.ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="hanse-fuzz-", ignore_cleanup_errors=True))
        )
        pg = stack.enter_context(databases.postgres_database(pg_url))
        my = stack.enter_context(databases.mysql_database(mysql_url))
        judge = stack.enter_context(bytewise_database(pg_url))
        of = {
            kind: [one for one in tables if one.kind == kind]
            for kind in ("postgres", "mysql", "sqlite", "files", "duckdb")
        }
        load.postgres(pg, of["postgres"])
        load.mysql(my, of["mysql"])
        load.sqlite(folder / "ref.db", of["sqlite"])
        load.parquet(folder / "lake", of["files"])
        load.database_file(folder / "wh.duckdb", of["duckdb"])
        load.database_file(folder / "all.duckdb", tables)
        load.oracle(judge, tables)
        sources: dict[str, dict[str, Any]] = {
            "pg": {"kind": "postgres", "url": through(pg.url), "parallel_scans": {"connections": 3, "rows_min": 0}},
            "my": {"kind": "mysql", "url": through(my.url)},
            "ref": {"kind": "sqlite", "path": str(folder / "ref.db")},
            "lake": {"kind": "files", "path": str(folder / "lake")},
            "wh": {"kind": "duckdb", "path": str(folder / "wh.duckdb")},
        }
        for name in ("pg", "my"):
            sources[name] |= options
        small = {"threads": 1, "instances": 1, "memory_limit": "512MB"}
        spread = stack.enter_context(Engine({"sources": sources, "engine": small}))
        together = stack.enter_context(
            Engine({"sources": {"all": {"kind": "duckdb", "path": str(folder / "all.duckdb")}}, "engine": small})
        )
        oracle = stack.enter_context(contextlib.closing(PostgresOracle(judge)))
        over = {
            "pgs": _sharded(
                Choices(seed + 1),
                of["postgres"],
                [stack.enter_context(databases.postgres_database(pg_url)) for _ in range(3)],
                load.postgres,
                "postgres",
            ),
            "mys": _sharded(
                Choices(seed + 2),
                of["mysql"],
                [stack.enter_context(databases.mysql_database(mysql_url)) for _ in range(2)],
                load.mysql,
                "mysql",
            ),
        }
        for block in over.values():
            for shard in block["shards"]:
                shard["url"] = through(shard["url"])
            block |= options
        load.places(folder / "places.db", spreading.PLACED)
        over["places"] = {"kind": "sqlite", "path": str(folder / "places.db")}
        rest = {name: source for name, source in sources.items() if name not in ("pg", "my")}
        shards = stack.enter_context(Engine({"sources": over | rest, "engine": small}))
        liars = [stack.enter_context(Liar({"sources": those, "engine": small})) for those in (sources, over | rest)]
        yield World(tables, spread, shards, together, oracle, liars)


def _sharded(
    choices: Choices,
    tables: list[Table],
    places: Sequence[databases.Database],
    fill: Callable[[databases.Database, Sequence[Table]], None],
    kind: str,
) -> dict[str, Any]:
    """The block of a sharded source with these tables, whose shards are filled."""
    ways = spreading.ways(choices, len(places), tables, kind == "postgres")
    parts = [ways[table.name].parts(table, len(places), choices) for table in tables]
    for shard, place in enumerate(places):
        fill(place, [part[shard] for part in parts])
    return {
        "kind": "sharded",
        "shards": [{"kind": kind, "url": place.url, "connections": 4} for place in places],
        "tables": {name: way.options for name, way in ways.items()},
    }


def campaign(
    place: World,
    schema_seed: int,
    query_seeds: Sequence[int],
    tally: Tally,
    progress: Callable[[], None] = lambda: None,
) -> None:
    """Ask every query of the seeds in every way, and write down what became of it."""
    for seed in query_seeds:
        choices = Choices(seed)
        query = Generator(place.tables, choices).query()
        place.lie(seed, LIES_PERCENT)
        verdict = _compare(place, query, tally)
        if verdict is not None:
            small = _smallest(place, choices.taken, verdict[0])
            between, problem = _compare(place, small, Tally()) or verdict
            tally.found.append(Found(schema_seed, seed, between, problem, small, _plans(place, small)))
            tally.counts["different"] += 1
        tally.asked += 1
        progress()


def _compare(place: World, query: Query, tally: Tally) -> tuple[str, str] | None:
    """The first two ways that differ, and how; else None, with the outcome counted."""
    (_, judge), *others = place.ways()
    expected = judge(query)
    if expected.error and expected.error.startswith("57"):
        tally.counts["skipped: slow"] += 1
        return None
    answers = [(name, ask(query)) for name, ask in others]
    tally.counts["run"] += 1
    if expected.error and expected.error.startswith(REFUSED):
        tally.counts["skipped: PostgreSQL refuses"] += 1
        tally.reasons[expected.message] += 1
        expected, first = answers[0][1], "pushdown off"
    else:
        first = "PostgreSQL"
    for name, found in answers:
        problem = _problem(query, expected, found)
        if problem:
            return f"{name} is not {first}", problem
    if expected.error:
        tally.counts[f"skipped: both fail ({expected.error[:2]})"] += 1
    elif first == "PostgreSQL":
        tally.counts["equal"] += 1
        tally.counts["equal, with rows"] += bool(expected.rows)
    return None


def _problem(query: Query, expected: Answer, found: Answer) -> str | None:
    if expected.error and found.error and {expected.error[:2], found.error[:2]} <= set(DATA_ERRORS):
        return None
    return difference(expected, found, ordered=query.ordered, approximate=query.approximate)


def _smallest(place: World, taken: Sequence[int], between: str) -> Query:
    """The smallest query whose answers still differ in the same way."""

    def differs(recorded: Sequence[int]) -> bool:
        verdict = _compare(place, _replayed(place, recorded), Tally())
        return verdict is not None and verdict[0] == between

    return _replayed(place, shrunk(taken, differs, SHRINK_ATTEMPTS))


def _replayed(place: World, recorded: Sequence[int]) -> Query:
    return Generator(place.tables, Choices(recorded=recorded)).query()


def _plans(place: World, query: Query) -> str:
    try:
        return place.spread.explain(query.sql, params=query.parameters)
    except HanseError as failure:
        return f"(no plan: {failure})"


def reporter(total: int, name: str, tally: Tally) -> Callable[[], None]:
    """A progress line on a terminal's stderr, once a second at most."""
    started, shown = time.monotonic(), [0.0]

    def progress() -> None:
        now, done = time.monotonic(), tally.asked
        if sys.stderr.isatty() and (now - shown[0] >= 1 or done == total):
            shown[0] = now
            rate = done / max(now - started, 0.001)
            sys.stderr.write(f"\r{name}: {done}/{total} queries, {rate:.0f}/s, {len(tally.found)} differences ")
            sys.stderr.flush()

    return progress
