"""Which scans are divided: large ones that read most of one table, and nothing that an index or the whole decides."""

from dataclasses import replace

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.request import Request
from hanse.ir.types import INT32, INT64
from hanse.optimize.estimate import Estimator
from hanse.render import render
from hanse.split import split
from tests.unit.plans import COUNT, SOURCES, Plans, call, eq, join, ref

RANGES = ("part = 1", "part = 2", "part = 3")


@pytest.fixture
def make() -> Plans:
    return Plans()


def large(plan: p.Scan, rows: int = 1_000_000) -> p.Scan:
    return replace(plan, table=replace(plan.table, row_count=rows, ranges=RANGES))


def divided(plan: p.Plan, **settings) -> list[int]:
    """Into how many parts each fragment is divided."""
    graph = split(plan, SOURCES, sizes=Estimator(), **settings)
    return [len(fragment.ranges) for fragment in graph.fragments]


def requests(plan: p.Plan) -> tuple[Request, ...]:
    graph = split(plan, SOURCES, sizes=Estimator())
    dialects = {name: source.dialect for name, source in SOURCES.items()}
    capabilities = {name: source.capabilities for name, source in SOURCES.items()}
    return render(graph, dialects, capabilities, dialects["sales"], plan.columns).requests


def test_a_whole_table_is_divided_with_its_columns_and_most_of_its_rows(make: Plans) -> None:
    a = large(make.scan("sales.a"))
    assert divided(a) == [3]
    assert divided(p.Project(a, ((e.Column(90, "n", INT32), ref(a, "id")),))) == [3]
    assert divided(p.Filter(a, call(">", ref(a, "id"), e.Literal(INT32, 3)))) == [3]


def test_few_rows_are_an_indexs_business(make: Plans) -> None:
    a = large(make.scan("sales.a"))
    assert divided(p.Filter(a, eq(ref(a, "id"), e.Literal(INT32, 3)))) == [0]


def test_what_is_more_than_rows_of_one_table_is_one_statement(make: Plans) -> None:
    a, b = large(make.scan("sales.a")), large(make.scan("sales.b"))
    assert divided(join(a, b, eq(ref(a, "id"), ref(b, "id")))) == [0]
    assert divided(p.Limit(a, e.Literal(INT32, 3))) == [0]
    assert divided(p.Aggregate(a, (), ((e.Column(91, "n", INT64), COUNT),))) == [0]
    assert divided(p.Sort(p.Distinct(a), (e.SortKey(ref(a, "id")),)))[0] == 0


def test_keys_of_another_fragment_leave_one_statement_and_others_if_there_are_none(make: Plans) -> None:
    a, b = large(make.scan("sales.a")), replace(make.scan("crm.b"))
    plan = join(a, replace(b, table=replace(b.table, row_count=10)), eq(ref(a, "id"), ref(b, "id")))
    assert divided(plan, key_shipping="on") == [3, 0]
    request = requests(plan)[0]
    assert (len(request.statements), len(request.divided)) == (1, 3)
    assert divided(plan, key_shipping="off") == [3, 0]


def test_not_without_pushdown(make: Plans) -> None:
    assert divided(large(make.scan("sales.a")), pushdown=False) == [0]


def test_a_subquery_is_run_once(make: Plans) -> None:
    a, b = large(make.scan("sales.a")), make.scan("sales.b")
    assert divided(p.Filter(a, call("not", e.Exists(e.TRUE.type, p.Filter(b, eq(ref(b, "id"), ref(a, "id"))))))) == [0]


def test_each_part_is_a_statement_with_its_condition(make: Plans) -> None:
    a = large(make.scan("sales.a"))
    plan = p.Filter(a, call(">", ref(a, "id"), e.Literal(INT32, 3)))
    (request,) = requests(plan)
    assert [str(sql).partition(" WHERE ")[2] for sql in request.statements] == [
        f"{within} AND {str(request.sql).rpartition(' AND ')[2]}" for within in RANGES
    ]
