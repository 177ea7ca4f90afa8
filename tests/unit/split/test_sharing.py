"""Fragments that would read the same rows are one; those that would not, or need not be read whole, are not."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from hanse import Engine
from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.check import check
from hanse.ir.fragment import Fragment, FragmentGraph
from hanse.ir.sharding import Home
from hanse.ir.tables import TableStatistics
from hanse.ir.types import FLOAT64
from hanse.optimize.estimate import Estimator
from hanse.split import split
from hanse.split.sharing import share_fragments
from tests.unit.plans import ALL, COUNT, SOURCES, Plans, call, eq, join, ref, shape, source


@pytest.fixture
def make() -> Plans:
    return Plans()


def cut(plan: p.Plan, key_shipping: str = "off", pushdown: bool = True, **sources) -> FragmentGraph:
    check(plan)
    settings = {"pushdown": pushdown, "key_shipping": key_shipping, "sizes": Estimator()}
    graph = split(plan, {**SOURCES, **sources}, **settings)
    check(graph.coordinator)
    assert [column.id for column in graph.coordinator.columns] == [column.id for column in plan.columns]
    return graph


def fragments(graph: FragmentGraph) -> list[str]:
    return [shape(fragment.plan) for fragment in graph.fragments]


def around(make: Plans, one: p.Plan, other: p.Plan) -> p.Plan:
    """Both joined with a table of another source, so that they are cut apart."""
    middle = make.scan("sales.m", "id")
    return join(
        join(one, middle, eq(ref(one, "id"), ref(middle, "id"))), other, eq(ref(other, "id"), ref(middle, "id"))
    )


def counted(make: Plans, place: str = "crm.a", x: object = 1) -> p.Plan:
    scan = make.scan(place)
    return make.groups(p.Filter(scan, eq(ref(scan, "x"), x)), "id", n=COUNT)


def test_the_same_plan_twice_is_one_fragment(make: Plans) -> None:
    graph = cut(around(make, counted(make), counted(make)))
    assert len(graph.fragments) == 2
    reads = [node.fragment for node in _reads(graph.coordinator)]
    assert sorted(reads) == [0, 0, 1]


def _reads(plan: p.Plan) -> list[p.FragmentScan]:
    return [plan] if isinstance(plan, p.FragmentScan) else [scan for child in plan.inputs for scan in _reads(child)]


def test_other_columns_of_the_same_rows_come_with_them(make: Plans) -> None:
    one, other = make.scan("crm.a", "id x"), make.scan("crm.a", "y id")
    graph = cut(around(make, one, other))
    assert fragments(graph) == ["a[id x y]", "m[id]"]
    first, second = (scan for scan in _reads(graph.coordinator) if scan.fragment == 0)
    assert [c.name for c in first.columns] == [c.name for c in second.columns] == ["id", "x", "y"]
    assert {c.id for c in first.columns}.isdisjoint(c.id for c in second.columns)


def test_a_column_that_is_tested_only_is_passed_on_where_another_reads_it(make: Plans) -> None:
    one, other = make.scan("crm.a", "id x"), make.scan("crm.a", "id x")
    tested = make.project(p.Filter(one, eq(ref(one, "x"), 1)), "id")
    plan = around(make, tested, p.Filter(other, eq(ref(other, "x"), 1)))
    assert fragments(cut(plan)) == ["filter x = 1 (a[id x])", "m[id]"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("crm.a", 1), ("crm.a", 2)),
        (("crm.a", 1), ("crm.b", 1)),
        (("crm.a", e.Literal(FLOAT64, 0.0)), ("crm.a", e.Literal(FLOAT64, -0.0))),
    ],
    ids=["conditions", "tables", "zeros"],
)
def test_what_differs_stays_apart(make: Plans, one: tuple, other: tuple) -> None:
    plans = []
    for place, value in (one, other):
        scan = make.scan(place)
        plans.append(p.Filter(scan, eq(ref(scan, "x"), value)))
    assert len(cut(around(make, *plans)).fragments) == 3
    assert len(cut(around(make, counted(make, *one), counted(make, *other))).fragments) == 3


def test_parts_of_one_source_are_not_parts_of_another(make: Plans) -> None:
    one, other = make.scan("crm.a"), make.scan("bare.a")
    assert len(cut(around(make, one, other)).fragments) == 3


def test_what_keys_narrow_stays_apart(make: Plans) -> None:
    graph = cut(around(make, make.scan("crm.a"), make.scan("crm.a")), "force")
    assert graph.holes
    assert len(graph.fragments) == 3


def test_keys_come_from_the_one_that_is_left(make: Plans) -> None:
    one, other = make.scan("crm.a", "id x"), make.scan("crm.a", "y id")
    first, second = make.scan("sales.b", "id"), make.scan("bare.c", "id")
    plan = join(
        join(one, first, eq(ref(one, "id"), ref(first, "id"))),
        join(other, second, eq(ref(other, "y"), ref(second, "id"))),
        eq(ref(one, "x"), ref(other, "id")),
        "full",
    )
    graph = cut(plan, "force", bare=source("bare"))
    assert min(fragments(graph)) == "a[id x y]"
    shared = graph.fragments[0]
    names = {column.id: column.name for column in shared.columns}
    origins = [origin for hole in graph.holes for origin in hole.origins]
    assert sorted(names[id] for origin in origins for id in origin.columns) == ["id", "y"]
    assert all(origin.fragment == shared.id for origin in origins)


def test_rows_that_are_too_many_to_be_kept_come_twice(make: Plans) -> None:
    def large(scan: p.Scan, rows: float) -> p.Scan:
        return replace(scan, table=replace(scan.table, statistics=TableStatistics(rows, {})))

    for rows, count in ((1_000_000, 2), (100_000_000, 3)):
        plan = around(make, large(make.scan("crm.a"), rows), large(make.scan("crm.a"), rows))
        assert len(cut(plan).fragments) == count


def test_what_is_read_in_place_is_read_twice(make: Plans) -> None:
    here = source("crm", replace(ALL, embedded=True))
    assert len(cut(around(make, make.scan("crm.a"), make.scan("crm.a")), crm=here).fragments) == 3


def test_parts_of_which_parameters_choose_stay_apart(make: Plans) -> None:
    home = Home("crm", 0, "id", None, (call("=", e.Parameter(ref(make.scan("crm.a"), "id").type, 0), 1),))

    def part(scan: p.Scan) -> p.Scan:
        return replace(scan, table=replace(scan.table, home=home))

    assert len(cut(around(make, part(make.scan("crm.a")), part(make.scan("crm.a")))).fragments) == 3


def test_what_is_volatile_is_read_twice(make: Plans) -> None:
    def fragments(chance: e.Expr) -> FragmentGraph:
        plans = [p.Filter(make.scan("crm.a"), call("<", chance, e.Literal(FLOAT64, 0.5))) for _ in range(2)]
        one, other = (p.FragmentScan(place, plan.columns) for place, plan in enumerate(plans))
        both = join(one, other, eq(ref(one, "id"), ref(other, "id")))
        graph = FragmentGraph(tuple(Fragment(place, "crm", plan) for place, plan in enumerate(plans)), both)
        return share_fragments(graph, SOURCES, Estimator())

    assert len(fragments(e.Literal(FLOAT64, 0.1)).fragments) == 1
    assert len(fragments(call("random", type=FLOAT64)).fragments) == 2


def test_without_pushdown_every_table_is_read_for_itself(make: Plans) -> None:
    assert len(cut(around(make, make.scan("crm.a"), make.scan("crm.a")), pushdown=False).fragments) == 3


def test_the_engine_asks_once_and_answers_alike(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "hr.db") as file:
        file.execute("CREATE TABLE emp (id INTEGER PRIMARY KEY, boss INTEGER, name TEXT)")
        file.executemany("INSERT INTO emp VALUES (?, ?, ?)", [(1, None, "a"), (2, 1, "b"), (3, 1, "c"), (4, 3, "d")])
    with sqlite3.connect(tmp_path / "pay.db") as file:
        file.execute("CREATE TABLE pay (id INTEGER PRIMARY KEY, euro INTEGER)")
        file.executemany("INSERT INTO pay VALUES (?, ?)", [(1, 40), (2, 30), (3, 30), (4, 20)])
    sources = {name: {"kind": "sqlite", "path": str(tmp_path / f"{name}.db")} for name in ("hr", "pay")}
    sql = (
        "SELECT e.name, p.euro, b.name, q.euro FROM emp e LEFT JOIN pay p ON p.id = e.id FULL JOIN "
        "(SELECT b.id, b.name, q.euro FROM emp b LEFT JOIN pay q ON q.id = b.id) q ON q.id = e.boss "
        "LEFT JOIN emp b ON b.id = q.id ORDER BY 1, 3"
    )
    with Engine({"sources": sources}) as engine:
        once = engine.query(sql)
        apart = engine.query(sql, settings={"pushdown": "off"})
        rows = once.fetchall()
        assert len(rows) == 6
        assert rows == apart.fetchall()
        assert [len(result.report.sources) for result in (once, apart)] == [2, 5]
