"""Whatever the rules and the cut do, the rows stay the same: random queries run as bound, optimized, and cut, on DuckDB."""

import datetime as dt
import os
from collections import Counter
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import duckdb
import pytest

from hanse.bind.binder import BindContext, allow_all, bind
from hanse.bind.tables import Tables
from hanse.connectors.shared.embedded.capabilities import CAPABILITIES
from hanse.ir.check import check
from hanse.ir.plan import Plan
from hanse.ir.tables import ColumnStatistics, Table, TableColumn, TableStatistics
from hanse.ir.types import INT32
from hanse.optimize import optimize
from hanse.optimize.estimate import Estimator
from hanse.parse.parser import parse
from hanse.render import render
from hanse.spi.duckdb.dialect import DuckDBDialect
from hanse.spi.duckdb.faults import DISABLED_OPTIMIZERS
from hanse.spi.snapshot import SourceCatalog
from hanse.split import runs_there, split
from tests.unit.optimize.aggregates import random_aggregate
from tests.unit.optimize.queries import COLUMNS, TABLES, random_query

QUERIES = int(os.environ.get("HANSE_FUZZ_QUERIES", "150"))
CHUNK = 50
DIALECT = DuckDBDialect()
NOT_NULL = {("a", "id"), ("b", "x")}
PLACES = {"a": "one", "b": "two", "c": "one"}
"""The source of each table."""
# Statistics promise far more rows than there are, so that rules find their work worth it.
CATALOG = tuple(
    Table(
        PLACES[name],
        "",
        name,
        tuple(TableColumn(column, INT32, (name, column) not in NOT_NULL) for column in COLUMNS),
        f"main.{name}",
        statistics=TableStatistics(1000.0, {column: ColumnStatistics(distinct=5.0) for column in COLUMNS}),
    )
    for name in TABLES
)
SOURCES = {name: SourceCatalog(name, "duckdb", (), DIALECT, CAPABILITIES) for name in ("one", "two")}


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    random = Random(7)
    connection = duckdb.connect(config={"disabled_optimizers": DISABLED_OPTIMIZERS})
    for name in TABLES:
        connection.execute(f"CREATE TABLE {name} ({', '.join(f'{column} INTEGER' for column in COLUMNS)})")
        for _ in range(14):
            row = [
                random.randint(0, 4) if random.random() < 0.8 or (name, column) in NOT_NULL else None
                for column in COLUMNS
            ]
            connection.execute(f"INSERT INTO {name} VALUES (?, ?, ?, ?)", row)
    return connection


def bound(sql: str) -> Plan:
    context = BindContext(dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    return bind(parse(sql), Tables(CATALOG), allow_all, context).plan


def run(connection: duckdb.DuckDBPyConnection, plan: Plan, pushdown: bool) -> list[Any]:
    graph = split(plan, SOURCES, pushdown=pushdown, sizes=Estimator())
    capabilities = {name: source.capabilities for name, source in SOURCES.items()}
    requests = render(graph, dict.fromkeys(SOURCES, DIALECT), capabilities, DIALECT, plan.columns)
    assert requests.sql is not None
    return connection.execute(str(requests.sql)).fetchall()


@pytest.mark.parametrize("first", range(0, QUERIES, CHUNK))
@pytest.mark.parametrize("make", [random_query, random_aggregate])
def test_random_queries_keep_their_rows(
    database: duckdb.DuckDBPyConnection, first: int, make: Callable[[int], str]
) -> None:
    for seed in range(first, min(first + CHUNK, QUERIES)):
        sql = make(seed)
        plan = bound(sql)
        check(plan)
        better = optimize(
            plan, recorder=lambda _name, step: check(step), runs_there=partial(runs_there, sources=SOURCES)
        )
        try:
            expected = run(database, plan, pushdown=False)
        except duckdb.InternalException:
            continue  # DuckDB fails over some correlated subqueries; there is nothing to compare with
        for name, rows in (("optimized", run(database, better, False)), ("cut", run(database, better, True))):
            assert Counter(rows) == Counter(expected), f"seed {seed}, {name}: {sql}"
