"""Which table lives where, the engine over them, and the comparison with DuckDB's own answers."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hanse.engine import Engine
from hanse.ir.types import FLOATS
from hanse.testing.differential import Answer, answer, difference
from tests.servers import databases
from tests.tpc import data
from tests.tpc.data import Benchmark

LIMIT = re.compile(r"\s+LIMIT\s+\d+\s*;?\s*$", re.IGNORECASE)
Spread = Mapping[str, Iterable[str]]


@dataclass(frozen=True)
class Servers:
    """The administrators of the two servers."""

    postgres: str
    mysql: str


@contextlib.contextmanager
def engine(benchmark: Benchmark, spread: Spread, servers: Servers) -> Iterator[Engine]:
    """The benchmark's tables in sources of those kinds."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hanse-tpc-", ignore_cleanup_errors=True)))
        sources: dict[str, dict[str, str]] = {}
        for kind, tables in spread.items():
            sources[f"at_{kind}"] = _filled(stack, benchmark, kind, tables, (folder, servers))
        small = {"threads": 2, "instances": 1, "memory_limit": "1GB"}
        yield stack.enter_context(Engine({"sources": sources, "engine": small}))


def _filled(
    stack: contextlib.ExitStack, benchmark: Benchmark, kind: str, tables: Iterable[str], where: tuple[Path, Servers]
) -> dict[str, str]:
    folder, servers = where
    match kind:
        case "postgres":
            postgres = stack.enter_context(databases.postgres_database(servers.postgres))
            data.into_postgres(benchmark, postgres, tables)
            return {"kind": kind, "url": postgres.url}
        case "mysql":
            mysql = stack.enter_context(databases.mysql_database(servers.mysql))
            data.into_mysql(benchmark, mysql, tables)
            return {"kind": kind, "url": mysql.url}
        case "sqlite":
            data.into_sqlite(benchmark, folder / "tables.db", tables)
            return {"kind": kind, "path": str(folder / "tables.db")}
        case "files":
            data.into_parquet(benchmark, folder / "lake", tables)
            return {"kind": kind, "path": str(folder / "lake")}
        case _:
            data.into_duckdb(benchmark, folder / "tables.duckdb", tables)
            return {"kind": "duckdb", "path": str(folder / "tables.duckdb")}


def check(
    benchmark: Benchmark, eng: Engine, text: Callable[[int], str], numbers: Iterable[int], reference: Mapping[int, str]
) -> dict[str, str]:
    """What differs from the reference, by query and setting; empty if nothing does."""
    problems: dict[str, str] = {}
    for number in numbers:
        sql = text(number)
        expected = _expected(benchmark, reference.get(number, sql))
        for pushdown in ("on", "off"):
            problem = _problem(benchmark, eng, sql, expected, pushdown)
            if problem:
                problems[f"{benchmark.name} {number} pushdown {pushdown}"] = problem
    return problems


def _expected(benchmark: Benchmark, sql: str) -> Answer:
    return Answer(benchmark.reference.execute(sql).fetchall())


def _problem(benchmark: Benchmark, eng: Engine, sql: str, expected: Answer, pushdown: str) -> str | None:
    found = answer(eng, sql, pushdown=pushdown)
    problem = _differs(expected, found)
    if problem and not found.error and LIMIT.search(sql):
        # A limit may cut among equal keys: then all rows must agree, and the number of those that are left.
        whole = LIMIT.sub("", sql)
        if len(expected.rows) == len(found.rows):
            problem = _differs(_expected(benchmark, whole), answer(eng, whole, pushdown=pushdown))
    return problem


def _differs(expected: Answer, found: Answer) -> str | None:
    """Floats may differ in their last digits: which columns are floats, the engine says itself."""
    return difference(expected, found, approximate=[i for i, kind in enumerate(found.kinds) if kind in FLOATS])
