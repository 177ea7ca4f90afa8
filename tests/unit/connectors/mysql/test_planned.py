"""Rows and costs of plans as MySQL and MariaDB print them."""

from __future__ import annotations

from typing import Any

import pytest

from hanse.connectors.mysql.expected import planned
from hanse.spi.ceiling import Planned


def table(**facts: Any) -> dict[str, Any]:
    return {"table": {"access_type": "ALL", **facts}}


MYSQL = {
    "query_block": {
        "cost_info": {"query_cost": "1210.50"},
        "nested_loop": [
            table(rows_examined_per_scan=100, rows_produced_per_join=10, filtered="10.00"),
            table(rows_examined_per_scan=5, rows_produced_per_join=50, filtered="100.00"),
        ],
    }
}
MARIADB = {"query_block": {"cost": 0.5, "nested_loop": [table(rows=1000, filtered=1), table(rows=1000, filtered=100)]}}
UNION = {
    "query_block": {
        "union_result": {
            "query_specifications": [
                {"query_block": {"cost": 2, "nested_loop": [table(rows=300, filtered=100)]}},
                {"query_block": {"cost": 3, "nested_loop": [table(rows=200, filtered=100)]}},
            ]
        }
    }
}
SUBQUERY = {
    "query_block": {
        "nested_loop": [table(rows=7, filtered=100)],
        "subqueries": [{"query_block": {"nested_loop": [table(rows=50, filtered=100)]}}],
    }
}


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (MYSQL, Planned(100.0, 1210.5)),
        (MARIADB, Planned(10_000.0, 0.5)),
        (UNION, Planned(300.0, 5.0)),
        (SUBQUERY, Planned(50.0, None)),
        ({"query_block": {"message": "Impossible WHERE"}}, Planned(0.0, 0.0)),
        ({"query_block": {"table": {"message": "Impossible WHERE"}}}, Planned(1.0, 0.0)),
        ({}, Planned(None, None)),
    ],
)
def test_the_largest_step_and_the_whole_cost(plan: dict[str, Any], expected: Planned) -> None:
    assert planned(plan) == expected
