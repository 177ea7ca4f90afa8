"""Rows from EXPLAIN FORMAT=JSON as MySQL and MariaDB write it; None where the server does not know either."""

from __future__ import annotations

from typing import Any

import pytest

from hanse.connectors.mysql.expected import rows_of

CONDITION = {"attached_condition": "t.s like '%7%'"}


def mariadb(*tables: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"query_block": {"select_id": 1, "nested_loop": [{"table": table} for table in tables], **more}}


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (mariadb({"access_type": "range", "rows": 200, "filtered": 50, **CONDITION}), 100),
        (mariadb({"access_type": "ALL", "rows": 200, "filtered": 10, **CONDITION}), 20),
        (mariadb({"access_type": "ALL", "rows": 200, "filtered": 100}), 200),
        (mariadb({"access_type": "ALL", "rows": 200, "filtered": 100, **CONDITION}), None),
        (mariadb({"access_type": "ALL", "rows": 20}, {"access_type": "ref", "rows": 3, "filtered": 50.0}), 30),
        (mariadb({"access_type": "ALL"}), None),
        (mariadb({"access_type": "range", "rows": 5}, having_condition="x"), None),
        ({"query_block": {"grouping_operation": {"table": {"access_type": "range", "rows": 5}}}}, None),
        ({"query_block": {"message": "no matching row in const table"}}, None),
        (
            {
                "query_block": {
                    "ordering_operation": {
                        "nested_loop": [
                            {"table": {"access_type": "range", "rows_produced_per_join": 7, "filtered": "33.33"}},
                            {"table": {"access_type": "ref", "rows_produced_per_join": 21, "filtered": "100.00"}},
                        ]
                    }
                }
            },
            21,
        ),
    ],
)
def test_rows(plan: dict[str, Any], expected: float | None) -> None:
    assert rows_of(plan) == expected
