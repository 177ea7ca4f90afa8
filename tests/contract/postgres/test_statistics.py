"""What ANALYZE found is known to the planner: shares, common values, bounds, keys and indexes, decoded by type."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest

from hanse.ir.tables import ColumnStatistics, ForeignKey
from hanse.testing.contract import ConnectorContract

pytestmark = pytest.mark.postgres
Make = Callable[..., ConnectorContract]
VALUES = """INSERT INTO v SELECT i, CASE WHEN i % 10 < 3 THEN NULL ELSE i % 5 END, 'it''s "' || i % 3,
date '2020-01-01' + i, i / 100.0, timestamptz '2020-01-01 12:00+02' + i * interval '1 hour', i % 2 = 0,
CASE WHEN i % 7 = 0 THEN float8 'NaN' ELSE i END, 'b' FROM generate_series(1, 1000) AS i"""


def columns(contract: ConnectorContract, table: str) -> dict[str, ColumnStatistics]:
    known = contract.table(table).statistics
    assert known is not None
    return dict(known.columns)


def test_values_are_those_of_the_types(make: Make) -> None:
    contract = make(
        "CREATE TABLE v (id int PRIMARY KEY, k int, t text, d date, n numeric(8,2), z timestamptz, b bool, f float8,"
        " c char(20))",
        VALUES,
        "ANALYZE v",
    )
    found = columns(contract, "v")
    known = contract.table("v").statistics
    assert known is not None
    assert (known.row_count, known.origin) == (1000, "pg_stats")
    assert known.taken_at is not None
    assert found["id"].distinct == 1000
    assert (found["id"].minimum, found["id"].maximum, len(found["id"].histogram)) == (1, 1000, 101)
    assert found["id"].correlation == 1
    assert found["k"].null_fraction == pytest.approx(0.3)
    assert found["k"].distinct == 5
    assert sorted(value for value, _ in found["k"].common) == [0, 1, 2, 3, 4]
    assert sum(share for _, share in found["k"].common) == pytest.approx(0.7)
    assert {value for value, _ in found["t"].common} == {"it's \"0", "it's \"1", "it's \"2"}
    assert found["t"].width == 8
    assert (found["d"].minimum, found["d"].maximum) == (dt.date(2020, 1, 2), dt.date(2020, 1, 1) + dt.timedelta(1000))
    assert found["n"].maximum == Decimal("10.00")
    assert found["z"].minimum == dt.datetime(2020, 1, 1, 11, tzinfo=dt.UTC)
    assert dict(found["b"].common) == pytest.approx({True: 0.5, False: 0.5})
    assert all(bound == bound for bound in found["f"].histogram)
    assert found["c"].common == (("b", 1.0),)


def test_without_analyze_nothing_is_made_up(make: Make) -> None:
    contract = make("CREATE TABLE v (a int)", "CREATE VIEW w AS SELECT a FROM v")
    assert contract.table("v").statistics is None
    assert contract.table("w").statistics is None


def test_a_partitioned_table_has_the_statistics_of_all_its_parts(make: Make) -> None:
    contract = make(
        "CREATE TABLE p (a int) PARTITION BY RANGE (a)",
        "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100)",
        "CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (100) TO (200)",
        "INSERT INTO p SELECT * FROM generate_series(0, 199)",
        "ANALYZE p",
    )
    found = columns(contract, "p")["a"]
    assert (found.minimum, found.maximum, found.distinct) == (0, 199, 200)


def test_a_column_of_many_values_is_read_with_few_points(make: Make) -> None:
    contract = make(
        "CREATE TABLE v (a int, long text)",
        "ALTER TABLE v ALTER a SET STATISTICS 5000",
        "INSERT INTO v SELECT i, repeat('x', 200) || i FROM generate_series(1, 20000) AS i",
        "ANALYZE v",
    )
    found = columns(contract, "v")
    assert 100 <= len(found["a"].histogram) <= 202
    assert (found["a"].minimum, found["a"].maximum) == (1, 20000)
    assert (found["long"].histogram, found["long"].common) == ((), ())
    assert found["long"].distinct == 20000


def test_indexes_and_foreign_keys(make: Make) -> None:
    contract = make(
        "CREATE TABLE one (a int, b int, PRIMARY KEY (a, b))",
        "CREATE TABLE v (x int, y int, t text, FOREIGN KEY (y, x) REFERENCES one (a, b))",
        "CREATE INDEX ON v (x, y)",
        "CREATE INDEX ON v (t, lower(t), x)",
        "CREATE INDEX ON v (lower(t))",
        "CREATE INDEX ON v (y) WHERE x > 5",
        "CREATE INDEX ON v USING brin (x)",
    )
    table = contract.table("v")
    assert table.indexes == (("x", "y"), ("t",))
    assert contract.table("one").indexes == (("a", "b"),)
    assert table.foreign_keys == (ForeignKey(("y", "x"), table.schema, "one", ("a", "b"), True),)
