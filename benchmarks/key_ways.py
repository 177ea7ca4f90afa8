"""Every way to ask a source for keys, and the whole scan: what ``spi.keys.KeyCosts`` are measured by.

Through the sources' own sessions, over the tables of ``keys``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.keys import CURVE, KEYS, NOTES, ROUNDS, Key, filled, keys_of, sources
from benchmarks.results import interleaved, write
from hanse.catalog.plugins import connect
from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.ir import types as t
from hanse.ir.expr import Column
from hanse.ir.request import Request, SqlText
from hanse.ir.tables import Collation
from hanse.spi.connector import Connector, ReadContext
from hanse.spi.dialect import Dialect, Operand

COLUMNS = (Column(0, "id", t.INT64), Column(1, "grp", t.INT32), Column(2, "pad", t.TEXT))
EXACT = Collation("C", equal_is_bytewise=True, order_is_codepoint=True)
LOOSE = Collation("utf8mb4_general_ci")

Condition = Callable[[Sequence[Any]], list[str]]


@dataclass(frozen=True)
class Side:
    """One database under test."""

    name: str
    connector: Connector
    relation: str

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


def batched(condition: Callable[[Sequence[Any]], str], size: int) -> Condition:
    """The condition for so many keys at a time."""
    return lambda keys: [condition(keys[start : start + size]) for start in range(0, len(keys), size)]


def once(condition: Callable[[Sequence[Any]], str]) -> Condition:
    """The condition for all keys."""
    return lambda keys: [condition(keys)]


def listed(dialect: Dialect, columns: Key) -> Callable[[Sequence[Any]], str]:
    """The plain list of SQL."""
    arg = ", ".join(columns)
    return lambda keys: f"({arg}) IN ({', '.join(_spelt(dialect, columns, keys))})"


def _spelt(dialect: Dialect, columns: Key, keys: Sequence[Any]) -> Iterator[str]:
    types = KEYS[columns]
    for key in keys:
        parts = key if len(types) > 1 else (key,)
        yield f"({', '.join(str(dialect.key(type, part)) for type, part in zip(types, parts, strict=True))})"


def _operands(columns: Key, collation: Collation) -> list[Operand]:
    return [Operand(column, type, collation) for column, type in zip(columns, KEYS[columns], strict=True)]


def postgres_ways(columns: Key) -> dict[str, Condition]:
    """PostgreSQL's ways to ask for keys."""
    spoken, args = PostgresDialect(), _operands(columns, EXACT)
    ways = {
        "IN list": once(listed(spoken, columns)),
        "VALUES": once(lambda keys: f"({', '.join(columns)}) IN (VALUES {', '.join(_spelt(spoken, columns, keys))})"),
    }
    if len(columns) > 1:
        rows = partial(spoken.key_rows, args)
        return {"arrays side by side": once(rows), "arrays of 10,000": batched(rows, 10_000), **ways}
    array = partial(spoken.key_list, args[0])
    return {
        "array": once(array),
        "arrays of 10,000": batched(array, 10_000),
        **ways,
        "unnest": once(lambda keys: f"{columns[0]} IN (SELECT unnest({array(keys).partition(' = ANY ')[2]}))"),
    }


def mysql_ways(columns: Key) -> dict[str, Condition]:
    """MariaDB's ways to ask for keys."""
    spoken, args = MysqlDialect(), _operands(columns, LOOSE)
    ours = partial(spoken.key_rows, args) if len(columns) > 1 else partial(spoken.key_list, args[0])
    stored = {t.TEXT: "varchar(40)", t.INT64: "bigint", t.INT32: "int"}

    def json_table(keys: Sequence[Any]) -> str:
        found = [key if len(columns) > 1 else (key,) for key in keys]
        items = ",".join("[" + ",".join(f'"{x}"' if isinstance(x, str) else str(x) for x in key) + "]" for key in found)
        shape = ", ".join(f"k{place} {stored[arg.type]} PATH '$[{place}]'" for place, arg in enumerate(args))
        names = ", ".join(f"k{place}" for place in range(len(args)))
        table = f"JSON_TABLE('[{items}]', '$[*]' COLUMNS ({shape})) AS j"
        return f"({', '.join(columns)}) IN (SELECT {names} FROM {table})"

    return {
        "lists of 20,000": batched(ours, 20_000),
        "lists of 1,000": batched(ours, 1_000),
        "IN list": once(listed(spoken, columns)),
        "JSON_TABLE": once(json_table),
    }


WAYS = {"pg": postgres_ways, "my": mysql_ways}
UNBEARABLE = {("pg", 2, "IN list"): 1_000}
"""A list of rows is a chain of OR to PostgreSQL, which it compares with every row where it scans: with no more keys."""


def measured(side: Side) -> Iterator[list[Any]]:
    """A row per key, number of keys and way."""
    for columns in KEYS:
        for count in CURVE:
            keys = keys_of(columns, count)
            ways = {"whole scan": ["1 = 1"]}
            for way, made in WAYS[side.name](columns).items():
                if count <= UNBEARABLE.get((side.name, len(columns), way), count):
                    ways[way] = made(keys)
            moved: dict[str, tuple[int, int]] = {}

            def read(way: str, conditions: list[str], moved: dict[str, tuple[int, int]] = moved) -> None:
                moved[way] = side.read(conditions)

            series = interleaved({way: partial(read, way, made) for way, made in ways.items()}, ROUNDS)
            for way, conditions in ways.items():
                seconds = f"{series[way].median:.3f}"
                yield [side.name, ", ".join(columns), f"{len(keys):,}", way, seconds, *moved[way], len(conditions)]


def run() -> None:
    """Measure and write ``results/key_ways``."""
    rows: list[list[Any]] = []
    with filled() as databases:
        for name, relation in (("pg", "public.facts"), ("my", "facts")):
            connector = connect(name, sources(databases)[name], Path())
            connector.load_catalog()
            rows += measured(Side(name, connector, relation))
            connector.close()
    header = ["source", "key", "keys", "way", "seconds", "rows", "bytes", "statements"]
    write("key_ways", "Key shipping: ways to ask for keys", header, rows, NOTES)
