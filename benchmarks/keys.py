"""The key shipping curve: joins with 10 to 200,000 keys, by keys wherever possible, never, and as Hanse chooses.

Two tables in PostgreSQL and MariaDB: `facts`, of HANSE_BENCH_KEY_ROWS rows (1,000,000) whose ids are spread over 70 times as
many numbers, is asked by keys that stand in the other database. ``key_ways`` measures the ways to ask for them.
"""

import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from hashlib import md5
from typing import Any

from benchmarks.results import Series, interleaved, write
from hanse.engine import Engine
from hanse.ir import types as t
from tests.servers.databases import Database, mysql_database, postgres_database

ROWS = int(os.environ.get("HANSE_BENCH_KEY_ROWS", "1000000"))
ROUNDS = int(os.environ.get("HANSE_BENCH_ROUNDS", "3"))
SIZES = os.environ.get("HANSE_BENCH_KEYS", "10,100,1000,10000,50000,100000,200000")
CURVE = [int(count) for count in SIZES.split(",") if int(count) <= ROWS // 5]
STEP, SPAN, GROUPS = 7919, 70, max(1, ROWS // 10)
"""Keys are spread over the table by a prime number of rows; an id is its row's number times 70."""
GOAL = 1.2
"""What Hanse chooses may take that many times as long as the better of keys and no keys."""

POSTGRES = f"""
CREATE TABLE facts AS SELECT i * {SPAN}::bigint AS id, 'code-' || md5(i::text) AS code, (i % {GROUPS})::int AS grp,
  'part-' || (i / {GROUPS}) AS part, 'padding of row ' || i AS pad FROM generate_series(1::bigint, {ROWS}) AS i
"""
MYSQL = f"""
CREATE TABLE facts (id bigint NOT NULL, code varchar(40), grp int, part varchar(20), pad varchar(40)) AS
SELECT seq * {SPAN} AS id, concat('code-', md5(seq)) AS code, seq % {GROUPS} AS grp, concat('part-', seq DIV {GROUPS}) AS part,
  concat('padding of row ', seq) AS pad FROM seq_1_to_{ROWS}
"""
INDEXES = (
    "ALTER TABLE facts ADD PRIMARY KEY (id)",
    "CREATE INDEX by_code ON facts (code)",
    "CREATE INDEX by_grp ON facts (grp, part)",
)
Key = tuple[str, ...]
KEYS: dict[Key, tuple[t.Type, ...]] = {
    ("id",): (t.INT64,),
    ("code",): (t.TEXT,),
    ("grp",): (t.INT32,),
    ("grp", "part"): (t.INT32, t.TEXT),
}
NOTES = [
    f"{ROWS:,} rows. Medians of {ROUNDS} interleaved rounds. `id`: primary key, in order; `code`: text, indexed;",
    "`grp`: integer, indexed, ten rows each; `grp, part`: the same integer and a text of ten values, together one row each.",
]


def keys_of(columns: Key, count: int) -> list[Any]:
    """As many different keys, sorted: of several columns, tuples."""
    numbers = sorted({place * STEP % ROWS + 1 for place in range(count)})
    match columns:
        case ("id",):
            return [number * SPAN for number in numbers]
        case ("code",):
            return sorted(f"code-{md5(str(number).encode(), usedforsecurity=False).hexdigest()}" for number in numbers)
        case ("grp",):
            return sorted({number % GROUPS for number in numbers})
    return sorted((number % GROUPS, f"part-{number // GROUPS}") for number in numbers)


def fill(pg: Database, my: Database) -> None:
    """Make both tables, and in each database the keys for the other."""
    pg.run(POSTGRES, *INDEXES, "VACUUM ANALYZE facts")
    my.run(MYSQL, *INDEXES, "ANALYZE TABLE facts")
    for count in CURVE:
        row = f"((i - 1) * {STEP} % {ROWS} + 1)"
        made = "CREATE TABLE keys_{0} AS SELECT {1} * {2} AS id, {3} AS code, {4} AS grp, {5} AS part FROM {6} AS i"
        series = f"generate_series(1::bigint, {count})"
        code, part = f"'code-' || md5({row}::text)", f"'part-' || ({row} / {GROUPS})"
        there = made.format(count, row, SPAN, code, f"({row} % {GROUPS})::int", part, series)
        pg.run(there, f"ANALYZE keys_{count}")
        numbers = f"(SELECT seq AS i FROM seq_1_to_{count})"
        code, part = f"concat('code-', md5({row}))", f"concat('part-', {row} DIV {GROUPS})"
        signed, group = f"CAST({row} AS SIGNED)", f"CAST({row} % {GROUPS} AS INT)"
        there = made.format(count, signed, SPAN, code, group, part, numbers)
        my.run(there, f"ANALYZE TABLE keys_{count}")


@contextmanager
def filled() -> Iterator[dict[str, Database]]:
    """Both databases, with their tables."""
    with ExitStack() as stack:
        pg = stack.enter_context(postgres_database(os.environ["HANSE_TEST_PG_URL"]))
        my = stack.enter_context(mysql_database(os.environ["HANSE_TEST_MYSQL_URL"]))
        fill(pg, my)
        yield {"pg": pg, "my": my}


def sources(databases: Mapping[str, Database]) -> dict[str, dict[str, str]]:
    """Both as the configuration has them."""
    kinds = {"pg": "postgres", "my": "mysql"}
    return {name: {"kind": kinds[name], "url": database.url} for name, database in databases.items()}


def choices(engine: Engine, origin: str, source: str) -> Iterator[list[Any]]:
    """A row per key, number of keys and setting; the last cell compares the choice with the better of the two."""
    for columns in KEYS:
        for count in CURVE:
            on = " AND ".join(f"f.{column} = k.{column}" for column in columns)
            sql = f"SELECT count(*), max(f.pad) FROM {origin}.keys_{count} AS k JOIN {source}.facts AS f ON {on}"
            seen: dict[str, tuple[Any, int, int]] = {}

            def run(setting: str, sql: str = sql, seen: dict[str, tuple[Any, int, int]] = seen) -> None:
                with engine.query(sql, settings={"key_shipping": setting}) as result:
                    answer = result.fetchall()
                statements = sum(report.statements for report in result.report.sources)
                seen[setting] = (answer, result.report.bytes_moved, statements)

            series = interleaved({name: partial(run, name) for name in ("force", "off", "on")}, ROUNDS)
            assert len({str(answer) for answer, _, _ in seen.values()}) == 1, seen
            pooled = {
                name: _pooled(series, [other for other in seen if seen[other][1:] == seen[name][1:]]) for name in seen
            }
            for setting in ("force", "off", "on"):
                ratio = f"{pooled['on'] / min(pooled.values()):.2f}" if setting == "on" else ""
                measured = f"{series[setting].median:.3f}", *seen[setting][1:], ratio
                yield [source, ", ".join(columns), f"{count:,}", setting, *measured]


def _pooled(series: Mapping[str, Series], names: Sequence[str]) -> float:
    """The median over all runs that sent the same statements: what differs between them is noise."""
    return statistics.median(second for name in names for second in series[name].seconds)


def run() -> None:
    """Measure and write ``results/keys``."""
    with filled() as databases, Engine({"sources": sources(databases)}) as engine:
        rows = [row for pair in (("my", "pg"), ("pg", "my")) for row in choices(engine, *pair)]
    header = ["source", "key", "keys", "key_shipping", "seconds", "bytes", "statements", "on / better"]
    ratios = [float(row[-1]) for row in rows if row[-1]]
    met = f"On is within {GOAL} of the better at {sum(ratio <= GOAL for ratio in ratios)} of {len(ratios)} points; "
    notes = [*NOTES, f"{met}at most {max(ratios)}. Runs of the same statements count together."]
    write("keys", "Key shipping: what Hanse chooses", header, rows, notes)
