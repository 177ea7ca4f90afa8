"""The company is the same every time, is quickly built, and its question has an answer that people can read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from hanse.demo.company import SOURCES, build
from hanse.demo.question import SQL
from hanse.engine import Engine


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("company")
    build(made)
    return made


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Engine]:
    with Engine(folder / "hanse.yaml") as made:
        yield made


def test_every_source_has_its_tables(engine: Engine) -> None:
    tables = {name: sorted(table.name for table in engine.catalog.tables(name)) for name in SOURCES}
    assert tables == {
        "crm": ["customers", "regions"],
        "orders_eu": ["items", "orders"],
        "orders_us": ["items", "orders"],
        "stock": ["levels", "products"],
        "payments": ["payments"],
        "lake": ["weblogs"],
    }


def test_the_question_has_a_readable_answer_with_and_without_pushdown(engine: Engine) -> None:
    rows = engine.query(SQL).fetchall()
    assert 10 <= len(rows) <= 25
    assert {row[2] for row in rows} == {"EU", "US"}
    assert all(row[4] > 0 and row[8] > 0 for row in rows)
    assert engine.query(SQL, settings={"pushdown": "off"}).fetchall() == rows


def test_little_leaves_the_payments(engine: Engine) -> None:
    result = engine.query(SQL)
    result.fetchall()
    asked = [one for one in result.report.to_dict()["sources"] if one["source"] == "payments"]
    assert [one["sql"].split("WHERE")[1].strip() for one in asked] == ["\"status\" = 'pending'"]
    pending = engine.query("SELECT count(*) FROM payments.payments WHERE status = 'pending'").fetchall()
    assert asked[0]["rows"] == pending[0][0] < 1_000


def test_the_stores_fit_together(engine: Engine) -> None:
    for shard, continent in (("orders_eu", "EU"), ("orders_us", "US")):
        homes = f"""
            SELECT DISTINCT r.continent FROM {shard}.orders o
            JOIN crm.customers c ON c.id = o.customer_id JOIN crm.regions r ON r.id = c.region_id"""
        assert engine.query(homes).fetchall() == [(continent,)]
        unpaid = f"""
            SELECT count(*) FROM {shard}.orders o
            LEFT JOIN payments.payments p ON p.order_id = o.id AND p.amount = o.total WHERE p.id IS NULL"""
        assert engine.query(unpaid).fetchall() == [(0,)]
    assert engine.query("SELECT min(day), max(day) FROM lake.weblogs").fetchall() == [
        (dt.date(2026, 2, 1), dt.date(2026, 2, 28))
    ]


def test_the_same_rows_every_time(tmp_path: Path) -> None:
    build(tmp_path / "a", orders_per_shard=500)
    build(tmp_path / "b", orders_per_shard=500)
    build(tmp_path / "b", orders_per_shard=500)  # over what is there
    answers = []
    for name in ("a", "b"):
        with Engine(tmp_path / name / "hanse.yaml") as engine:
            answers.append(
                [
                    engine.query(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
                    for table in ("crm.customers", "orders_us.items", "stock.levels", "payments.payments")
                ]
            )
    assert answers[0] == answers[1]
