"""Faults of the pinned DuckDB: each is still there, and our settings avoid it. A fault that is mended shows here first."""

from __future__ import annotations

import duckdb
import pytest

from hanse.ir.types import INT32, array
from hanse.spi.dialect import Operand
from hanse.spi.duckdb.faults import DISABLED_OPTIMIZERS
from hanse.spi.duckdb.logic import LOGIC

PART = "SELECT o.b, o.c FROM {} x WHERE x.a = o.a AND x.b = o.a LIMIT 2"
LATERAL = f"SELECT o.a, l.b FROM o, LATERAL (({PART.format('p')}) UNION ALL ({PART.format('q')}) LIMIT 3) l ORDER BY 1"


def answer(disabled: str) -> list[tuple[int, int]]:
    """Of the query, with these optimizers off."""
    with duckdb.connect(config={"disabled_optimizers": disabled}) as connection:
        for table in "opq":
            connection.execute(f"CREATE TABLE {table} AS SELECT i AS a, i AS b, i AS c FROM range(3) AS r(i)")
        return connection.execute(LATERAL).fetchall()


def test_a_lateral_union_of_limited_parts() -> None:
    assert answer(DISABLED_OPTIMIZERS) == [(0, 0), (0, 0), (1, 1), (1, 1), (2, 2), (2, 2)]
    with pytest.raises(duckdb.Error, match="unordered_map"):
        answer(DISABLED_OPTIMIZERS.removesuffix(",deliminator"))


def test_two_bounds_of_a_list() -> None:
    items, low, high = (Operand(sql, array(INT32)) for sql in ("l", "[1, 1]", "[3]"))
    spelt = " AND ".join(LOGIC[op][0].spell([items, bound]) for op, bound in ((">=", low), ("<", high)))
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT CASE WHEN i < 5 THEN [i, 0] END AS l FROM range(6) AS r(i)")
        assert connection.execute(f"SELECT l FROM t WHERE {spelt}").fetchall() == [([2, 0],)]
        assert connection.execute(f"SELECT count({spelt}) FROM t").fetchall() == [(5,)]
        with pytest.raises(duckdb.Error, match="BETWEEN"):
            connection.execute("SELECT l FROM t WHERE l >= [1, 1] AND l < [3]").fetchall()
