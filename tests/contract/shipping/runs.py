"""What the tests of shipped keys share: values of every type and odd texts, and runs with keys beside runs without."""

import datetime as dt
import json
import uuid
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.connectors.sqlite.dialect import SQLiteDialect
from hanse.engine import Engine
from hanse.execute.result import ResultStream
from tests.servers.databases import Database

TEXTS = [
    *("a", "A", "a ", " a", "ä", "Ä", "ss", "ß", "é", "e\u0301", "b", "B", "", " ", "  "),
    *(
        "a\\",
        "a'b",
        'a"b',
        '"',
        "'",
        "''",
        "\\",
        '\\"',
        "\\'",
        "a,b",
        "{a,b}",
        "{}",
        "NULL",
        "null",
        "\\N",
        "--",
        "/*",
        "$1",
    ),
    *("{0}", "%s", "a\tb", "a\nb", "😀", "%", "_", "a%", "x'61'", "'); DROP TABLE t; --", "1 = 1", "long " * 12),
]
WHOLE = [-(2**63), -(2**31), -5, -1, 0, 1, 2, 3, 4, 7, 100, 101, 102, 103, 2**31, 2**53 + 1, 2**63 - 1]
DAYS = [
    dt.date(1, 1, 1),
    dt.date(1999, 12, 31),
    *(dt.date(2024, 2, day) for day in range(26, 30)),
    dt.date(9999, 12, 31),
]
MOMENTS = [dt.datetime(2024, 2, 29, 23, 59, 59, 999999), dt.datetime(2024, 3, 1), dt.datetime(1000, 1, 1, 0, 0, 0, 1)]
NUMBERS = [Decimal("-99999999.99"), Decimal("0.00"), Decimal("0.01"), Decimal("1.10"), Decimal("12345678.90")]
UUIDS = [uuid.UUID(int=number) for number in (0, 1, 2**64, 2**128 - 1)]
VALUES: dict[str, list[Any]] = {"t": TEXTS, "i": WHOLE, "d": DAYS, "m": MOMENTS, "n": NUMBERS, "u": UUIDS}
ROWS = [
    (number, *(values[number % len(values)] if number < 80 else None for values in VALUES.values()))
    for number in range(82)
]


def config(pg: Database, my: Database, file: Path, **caps: object) -> dict[str, Any]:
    more = {"key_shipping": caps} if caps else {}
    return {
        "sources": {
            "pg": {"kind": "postgres", "url": pg.url, **more},
            "my": {"kind": "mysql", "url": my.url, **more},
            "lite": {"kind": "sqlite", "path": str(file), **more},
        }
    }


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three keys to a statement."""
    for dialect in (PostgresDialect, SQLiteDialect):
        monkeypatch.setattr(dialect, "key_costs", replace(dialect.key_costs, keys=3))
    costs = replace(MysqlDialect().key_costs, keys=3)
    monkeypatch.setattr(MysqlDialect, "key_costs", property(lambda _: costs, lambda *_: None), raising=False)


def rows_of(result: ResultStream) -> list[tuple[Any, ...]]:
    return sorted((tuple(row.values()) for batch in result for row in batch.to_pylist()), key=repr)


def both(engine: Engine, sql: str) -> dict[str, Any]:
    """The report of the run with keys, whose answer is that of the run without any pushdown."""
    with engine.query(sql, settings={"pushdown": "off"}) as plain:
        expected = rows_of(plain)
    with engine.query(sql, settings={"key_shipping": "force"}) as shipped:
        assert rows_of(shipped) == expected
    found: dict[str, Any] = json.loads(json.dumps(shipped.report.to_dict(), default=str))
    return found


def target(report: dict[str, Any]) -> dict[str, Any]:
    return next(source for source in report["sources"] if source["keys"])
