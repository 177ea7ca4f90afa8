"""TPC-DS: 99 queries, pushdown on and off, over four kinds of source, equal DuckDB's own answers."""

from __future__ import annotations

import pytest

from tests.tpc.data import Benchmark
from tests.tpc.spread import Servers, Spread, check, engine

SCALE = 0.01
QUERIES = 99
# Each part is a test of its own, with its own spread, so that two workers share the work.
SPREADS: tuple[Spread, Spread] = (
    {
        "postgres": ("store_sales", "store_returns", "item", "customer", "store", "promotion", "warehouse"),
        "mysql": ("catalog_sales", "catalog_returns", "web_returns", "customer_address", "call_center", "catalog_page"),
        "files": ("web_sales", "inventory", "date_dim", "time_dim"),
        "sqlite": ("household_demographics", "income_band", "ship_mode", "reason", "web_page"),
        "duckdb": ("customer_demographics", "web_site"),
    },
    {
        "postgres": (
            "web_sales",
            "catalog_sales",
            "inventory",
            "customer_address",
            "date_dim",
            "warehouse",
            "web_site",
        ),
        "mysql": ("store_sales", "store_returns", "store", "customer", "item", "promotion", "web_page", "reason"),
        "files": ("catalog_returns", "web_returns", "customer_demographics", "call_center"),
        "sqlite": ("household_demographics", "income_band", "ship_mode", "time_dim", "catalog_page"),
    },
)
REFERENCE: dict[int, str] = {}
"""Where DuckDB's own text means something else than PostgreSQL's: the text that the reference answers instead."""


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    return Benchmark("tpcds", SCALE)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.postgres
@pytest.mark.mysql
@pytest.mark.parametrize("part", [0, 1])
def test_every_query_equals_the_reference(benchmark: Benchmark, pg_url: str, mysql_url: str, part: int) -> None:
    assert len(benchmark.queries) == QUERIES
    numbers = [number for number in benchmark.queries if number % 2 == part]
    with engine(benchmark, SPREADS[part], Servers(pg_url, mysql_url)) as eng:
        assert check(benchmark, eng, benchmark.queries.__getitem__, numbers, REFERENCE) == {}


def test_every_table_is_somewhere(benchmark: Benchmark) -> None:
    for spread in SPREADS:
        assert sorted(table for tables in spread.values() for table in tables) == benchmark.tables
