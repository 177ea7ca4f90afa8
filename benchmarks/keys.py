"""The key shipping curve: joins with 10 to 200,000 keys, against the whole scan and against each way to ask for keys.

Two tables in PostgreSQL and MariaDB: `facts`, of HANSE_BENCH_KEY_ROWS rows (1,000,000) whose ids are spread over 70 times as
many numbers, is asked by keys that stand in the other database. First every mechanism through the source's own session,
then the whole query through Hanse: with keys wherever possible, never, and as Hanse chooses.
"""

import os
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from hashlib import md5
from pathlib import Path
from typing import Any

from benchmarks.results import Series, interleaved, write
from hanse.catalog.plugins import connect
from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.engine import Engine
from hanse.ir import types as t
from hanse.ir.expr import Column
from hanse.ir.request import Request, SqlText
from hanse.ir.tables import Collation
from hanse.spi.connector import Connector, ReadContext
from hanse.spi.dialect import Dialect, Operand
from tests.servers.databases import Database, mysql_database, postgres_database

ROWS = int(os.environ.get("HANSE_BENCH_KEY_ROWS", "1000000"))
ROUNDS = int(os.environ.get("HANSE_BENCH_ROUNDS", "3"))
SIZES = os.environ.get("HANSE_BENCH_KEYS", "10,100,1000,10000,50000,100000,200000")
CURVE = [int(count) for count in SIZES.split(",") if int(count) <= ROWS // 5]
STEP, SPAN, GROUPS = 7919, 70, max(1, ROWS // 10)
"""Keys are spread over the table by a prime number of rows; an id is its row's number times 70."""
COLUMNS = (Column(0, "id", t.INT64), Column(1, "grp", t.INT32), Column(2, "pad", t.TEXT))
EXACT = Collation("C", equal_is_bytewise=True, order_is_codepoint=True)
LOOSE = Collation("utf8mb4_general_ci")

POSTGRES = f"""
CREATE TABLE facts AS SELECT i * {SPAN}::bigint AS id, 'code-' || md5(i::text) AS code, (i % {GROUPS})::int AS grp,
  'padding of row ' || i AS pad FROM generate_series(1::bigint, {ROWS}) AS i
"""
MYSQL = f"""
CREATE TABLE facts (id bigint NOT NULL, code varchar(40), grp int, pad varchar(40)) AS SELECT seq * {SPAN} AS id,
  concat('code-', md5(seq)) AS code, seq % {GROUPS} AS grp, concat('padding of row ', seq) AS pad
FROM seq_1_to_{ROWS}
"""
KEYS = {"id": t.INT64, "code": t.TEXT, "grp": t.INT32}
"""A primary key in the table's order, a text with an index, and a number with an index and ten rows each."""

Condition = Callable[[Sequence[Any]], list[str]]


@dataclass(frozen=True)
class Side:
    """One database under test."""

    name: str
    connector: Connector
    relation: str
    database: Database

    def read(self, conditions: Sequence[str]) -> tuple[int, int]:
        """Rows and bytes of all statements, each in a session of its own."""
        rows = size = 0
        for condition in conditions:
            session = self.connector.begin(ReadContext("be", 1))
            text = f"SELECT id, grp, pad FROM {self.relation} WHERE {condition}"
            for batch in session.read(Request(0, self.name, SqlText((text,)), COLUMNS, ()), ()):
                rows, size = rows + batch.num_rows, size + batch.nbytes
            session.close()
        return rows, size


def keys_of(column: str, count: int) -> list[Any]:
    """As many different keys, sorted."""
    numbers = sorted({place * STEP % ROWS + 1 for place in range(count)})
    if column == "code":
        return sorted(f"code-{md5(str(number).encode(), usedforsecurity=False).hexdigest()}" for number in numbers)
    return [number * SPAN for number in numbers] if column == "id" else sorted({n % GROUPS for n in numbers})


def batched(condition: Callable[[Sequence[Any]], str], size: int) -> Condition:
    """The condition for so many keys at a time."""
    return lambda keys: [condition(keys[start : start + size]) for start in range(0, len(keys), size)]


def text_of(dialect: Dialect, type: t.Type, value: Any) -> str:
    """One key."""
    return str(dialect.key(type, value))


def postgres_ways(column: str) -> dict[str, Condition]:
    """PostgreSQL's ways to ask for keys."""
    type, spoken = KEYS[column], PostgresDialect()
    arg = Operand(column, type, EXACT)
    spell = partial(text_of, spoken, type)
    array = partial(spoken.key_list, arg)
    return {
        "array": lambda keys: [array(keys)],
        "arrays of 10,000": batched(array, 10_000),
        "IN list": lambda keys: [f"{column} IN ({', '.join(map(spell, keys))})"],
        "VALUES": lambda keys: [f"{column} IN (VALUES {', '.join(f'({spell(key)})' for key in keys)})"],
        "unnest": lambda keys: [f"{column} IN (SELECT unnest({array(keys).partition(' = ANY ')[2] or '(NULL)'}))"],
    }


def mysql_ways(column: str) -> dict[str, Condition]:
    """MariaDB's ways to ask for keys."""
    type, spoken = KEYS[column], MysqlDialect()
    arg = Operand(column, type, LOOSE)
    spell = partial(text_of, spoken, type)
    stored = "varchar(40)" if type == t.TEXT else "bigint"

    def json_table(keys: Sequence[Any]) -> list[str]:
        items = ",".join(f'"{key}"' if type == t.TEXT else str(key) for key in keys)
        return [f"{column} IN (SELECT k FROM JSON_TABLE('[{items}]', '$[*]' COLUMNS (k {stored} PATH '$')) AS j)"]

    return {
        "lists of 20,000": batched(partial(spoken.key_list, arg), 20_000),
        "lists of 1,000": batched(partial(spoken.key_list, arg), 1_000),
        "IN list": lambda keys: [f"{column} IN ({', '.join(map(spell, keys))})"],
        "JSON_TABLE": json_table,
    }


WAYS = {"pg": postgres_ways, "my": mysql_ways}


def fill(pg: Database, my: Database) -> None:
    """Make both tables, and in each database the keys for the other."""
    indexes = [
        "ALTER TABLE facts ADD PRIMARY KEY (id)",
        "CREATE INDEX by_code ON facts (code)",
        "CREATE INDEX by_grp ON facts (grp)",
    ]
    pg.run(POSTGRES, *indexes, "VACUUM ANALYZE facts")
    my.run(MYSQL, *indexes, "ANALYZE TABLE facts")
    for count in CURVE:
        row = f"(i - 1) * {STEP} % {ROWS} + 1"
        made = "CREATE TABLE keys_{0} AS SELECT ({1}) * {2} AS id, {3} AS code, {4} AS grp FROM {5} AS i"
        group = f"(({row}) % {GROUPS})"
        series = f"generate_series(1::bigint, {count})"
        pg.run(
            made.format(count, row, SPAN, f"'code-' || md5(({row})::text)", f"({group})::int", series),
            f"ANALYZE keys_{count}",
        )
        numbers = f"(SELECT seq AS i FROM seq_1_to_{count})"
        text = made.format(
            count, f"CAST({row} AS SIGNED)", SPAN, f"concat('code-', md5({row}))", f"CAST({group} AS INT)", numbers
        )
        my.run(text, f"ANALYZE TABLE keys_{count}")


def mechanisms(side: Side) -> Iterator[list[Any]]:
    """A row per key column, number of keys and way."""
    for column in KEYS:
        for count in CURVE:
            keys = keys_of(column, count)
            ways = {"whole scan": ["1 = 1"], **{way: made(keys) for way, made in WAYS[side.name](column).items()}}
            moved: dict[str, tuple[int, int]] = {}

            def read(way: str, conditions: list[str], moved: dict[str, tuple[int, int]] = moved) -> None:
                moved[way] = side.read(conditions)

            series = interleaved({way: partial(read, way, made) for way, made in ways.items()}, ROUNDS)
            for way, conditions in ways.items():
                seconds = f"{series[way].median:.3f}"
                yield [side.name, column, f"{len(keys):,}", way, seconds, *moved[way], len(conditions)]


def choices(engine: Engine, origin: str, source: str) -> Iterator[list[Any]]:
    """A row per key column, number of keys and setting; the last cell compares the choice with the better of the two."""
    for column in KEYS:
        for count in CURVE:
            sql = f"SELECT count(*), max(f.pad) FROM {origin}.keys_{count} AS k "
            sql += f"JOIN {source}.facts AS f ON f.{column} = k.{column}"
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
                yield [
                    source,
                    column,
                    f"{count:,}",
                    setting,
                    f"{series[setting].median:.3f}",
                    *seen[setting][1:],
                    ratio,
                ]


def _pooled(series: Mapping[str, Series], names: Sequence[str]) -> float:
    """The median over all runs that sent the same statements: what differs between them is noise."""
    return statistics.median(second for name in names for second in series[name].seconds)


def run() -> None:
    """Measure and write ``results/keys`` and ``results/keys_choice``."""
    with ExitStack() as stack:
        pg = stack.enter_context(postgres_database(os.environ["HANSE_TEST_PG_URL"]))
        my = stack.enter_context(mysql_database(os.environ["HANSE_TEST_MYSQL_URL"]))
        fill(pg, my)
        sources = {"pg": {"kind": "postgres", "url": pg.url}, "my": {"kind": "mysql", "url": my.url}}
        notes = [
            f"{ROWS:,} rows. Medians of {ROUNDS} interleaved rounds. `id`: primary key, in order; `code`: text, indexed;"
        ]
        notes.append("`grp`: integer, indexed, ten rows each.")
        with Engine({"sources": sources}) as engine:
            rows = [row for pair in (("my", "pg"), ("pg", "my")) for row in choices(engine, *pair)]
        header = ["source", "column", "keys", "key_shipping", "seconds", "bytes", "statements", "on / better"]
        write(
            "keys_choice",
            "Key shipping: what Hanse chooses",
            header,
            rows,
            [*notes, "Goal: on is within 1.2 of the better; runs of the same statements count together."],
        )
        rows = []
        for name, database, relation in (("pg", pg, "public.facts"), ("my", my, "facts")):
            connector = connect(name, sources[name], Path())
            connector.load_catalog()
            rows += list(mechanisms(Side(name, connector, relation, database)))
            connector.close()
        header = ["source", "column", "keys", "way", "seconds", "rows", "bytes", "statements"]
        write("keys", "Key shipping: ways to ask for keys", header, rows, notes)
