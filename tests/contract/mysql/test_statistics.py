"""What the server knows of its tables' values: index cardinalities, histograms, keys."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable

import pytest

from hanse.connectors.mysql import statistics
from hanse.ir import types as t
from hanse.ir.tables import ForeignKey
from hanse.testing.contract import ConnectorContract

pytestmark = pytest.mark.mysql
Make = Callable[..., ConnectorContract]
FILL = """INSERT INTO v SELECT seq, seq % 10, CASE WHEN seq % 4 = 0 THEN NULL ELSE seq % 5 END, concat('x', seq % 100),
date '2020-01-01' + INTERVAL seq DAY, seq FROM seq_1_to_2000"""


def test_indexes_say_how_many_values_there_are(make: Make) -> None:
    contract = make(
        "CREATE TABLE one (a int, b int, PRIMARY KEY (a, b))",
        "CREATE TABLE v (id int PRIMARY KEY, k int, n int, s varchar(20), d date, f double, KEY (k, n), KEY (s(2), k),"
        " KEY (n, s(3)), CONSTRAINT c FOREIGN KEY (n, k) REFERENCES one (a, b))",
        "SET foreign_key_checks = 0",
        FILL,
        "ANALYZE TABLE v",
    )
    table = contract.table("v")
    known = table.statistics
    assert known is not None
    assert known.row_count == pytest.approx(2000, rel=0.2)
    assert known.columns["id"].distinct == pytest.approx(2000, rel=0.2)
    assert known.columns["k"].distinct == pytest.approx(10, rel=1.2)
    assert "s" not in known.columns
    assert set(table.indexes) >= {("id",), ("k", "n"), ("n",)}
    assert table.foreign_keys == (ForeignKey(("n", "k"), table.schema, "one", ("a", "b")),)


def test_histograms_of_mariadb(make: Make) -> None:
    contract = make(
        "CREATE TABLE v (id int PRIMARY KEY, k int, n int, s varchar(20), d date, f double)",
        FILL,
        "SET histogram_type = 'JSON_HB', histogram_size = 100",
        "ANALYZE TABLE v PERSISTENT FOR ALL",
    )
    known = contract.table("v").statistics
    assert known is not None
    found = known.columns
    assert found["n"].null_fraction == pytest.approx(0.25)
    assert found["n"].distinct == pytest.approx(5)
    assert sorted(value for value, _ in found["n"].common) == [0, 1, 2, 3, 4]
    assert sum(share for _, share in found["n"].common) == pytest.approx(0.75, rel=0.01)
    assert (found["id"].minimum, found["id"].maximum) == (1, 2000)
    assert found["f"].histogram[0] == 1
    assert found["f"].histogram[-1] == 2000
    assert 50 <= len(found["f"].histogram) <= 101
    assert (found["d"].minimum, found["d"].maximum) == (dt.date(2020, 1, 2), dt.date(2025, 6, 23))
    assert found["s"].width == pytest.approx(2.9, rel=0.01)


def test_histograms_of_mysql() -> None:
    """As MySQL's manual shows them (Optimizer Statistics)."""
    single = {"buckets": [[1, 0.25], [2, 0.75]], "null-values": 0.25, "histogram-type": "singleton"}
    many = {
        "buckets": [
            ["base64:type254:YQ==", "base64:type254:Yg==", 0.5, 2],
            ["base64:type254:Yw==", "base64:type254:eg==", 1.0, 5],
        ],
        "null-values": 0.0,
        "histogram-type": "equi-height",
    }
    rows = [("d", "v", "a", json.dumps(single)), ("d", "v", "b", json.dumps(many))]
    found = statistics.known([], [], rows)["d", "v"].statistics(100, {"a": t.INT32, "b": t.TEXT})
    assert found is not None
    assert found.columns["a"].common == ((2, 0.5), (1, 0.25))
    assert (found.columns["a"].null_fraction, found.columns["a"].distinct) == (0.25, 2)
    assert found.columns["b"].histogram == ("a", "c", "z")
    assert found.columns["b"].distinct == 7


@pytest.mark.parametrize(
    ("engine", "trust", "enforced"), [("InnoDB", False, [False]), ("InnoDB", True, [True]), ("MyISAM", True, [])]
)
def test_a_foreign_key_is_relied_on_where_somebody_says_so(
    make: Make, engine: str, trust: bool, enforced: list[bool]
) -> None:
    contract = make(
        f"CREATE TABLE one (id int PRIMARY KEY) ENGINE = {engine}",
        f"CREATE TABLE v (x int, FOREIGN KEY (x) REFERENCES one (id)) ENGINE = {engine}",
        trust_foreign_keys=trust,
    )
    assert [key.enforced for key in contract.table("v").foreign_keys] == enforced
