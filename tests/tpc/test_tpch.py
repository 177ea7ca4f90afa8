"""TPC-H: 22 queries, pushdown on and off, over several spreads of the eight tables, equal DuckDB's own answers."""

from __future__ import annotations

import pytest

from tests.tpc.data import Benchmark
from tests.tpc.spread import Servers, Spread, check, engine

SCALE = 0.01
TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")
SPREADS: dict[str, Spread] = {
    "joins cross sources": {
        "postgres": ("customer", "supplier"),
        "mysql": ("orders", "partsupp"),
        "files": ("lineitem",),
        "sqlite": ("nation", "region"),
        "duckdb": ("part",),
    },
    "joins stay at home": {
        "postgres": ("customer", "lineitem", "orders"),
        "mysql": ("part", "partsupp", "supplier"),
        "sqlite": ("nation", "region"),
    },
    "all in PostgreSQL": {"postgres": TABLES},
    "all in MariaDB": {"mysql": TABLES},
}


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    return Benchmark("tpch", SCALE)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.postgres
@pytest.mark.mysql
@pytest.mark.parametrize("name", SPREADS)
def test_every_query_equals_the_reference(benchmark: Benchmark, pg_url: str, mysql_url: str, name: str) -> None:
    with engine(benchmark, SPREADS[name], Servers(pg_url, mysql_url)) as eng:
        assert check(benchmark, eng, benchmark.queries.__getitem__, benchmark.queries, {}) == {}


def test_the_reference_answers_every_query(benchmark: Benchmark) -> None:
    answers = {number: benchmark.reference.execute(sql).fetchall() for number, sql in benchmark.queries.items()}
    assert len(answers) == 22
    assert all(answers.values())
