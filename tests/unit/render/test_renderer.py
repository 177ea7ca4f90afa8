"""Requests, the coordinator's SQL, and that a fragment is read once."""

import duckdb
import pyarrow as pa
import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.expr import Parameter
from hanse.ir.fragment import Fragment, FragmentGraph
from hanse.ir.types import BOOLEAN, INT32, INT64
from hanse.render import render
from hanse.spi.capabilities import Capabilities
from hanse.spi.duckdb.faults import DISABLED_OPTIMIZERS
from tests.unit.render.small import CUSTOMERS, LOCAL, ORDERS, SMALL, Ids, call, eq, number, plus, ref

DIALECTS = {"shop": SMALL, "crm": SMALL, "lake": LOCAL}
SHEETS = {"shop": Capabilities(), "crm": Capabilities(), "lake": Capabilities(embedded=True)}


@pytest.fixture
def ids():
    return Ids()


def graph(coordinator, *fragments):
    return FragmentGraph(fragments, coordinator)


def rendered(coordinator, *fragments):
    return render(graph(coordinator, *fragments), DIALECTS, SHEETS, LOCAL, coordinator.columns)


def read(fragment):
    return p.FragmentScan(fragment.id, fragment.columns)


def test_one_fragment_is_the_answer_as_it_comes(ids):
    one = Fragment(1, "shop", ids.scan(ORDERS))
    requests = rendered(read(one), one)
    assert (requests.direct, requests.sql) == (1, None)
    assert requests.requests[0].tables == (ORDERS,)
    assert requests.requests[0].columns == one.columns
    assert not requests.requests[0].embedded
    assert str(requests.requests[0].sql) == 'SELECT "id", "customer", "total", "note" FROM "main"."orders"'


def test_fragments_are_joined_under_the_names_of_their_relations(ids):
    one, two = Fragment(1, "shop", ids.scan(ORDERS, "customer")), Fragment(2, "crm", ids.scan(CUSTOMERS, "id"))
    join = p.Join(p.JoinKind.INNER, read(one), read(two), eq(one.columns[0].ref(), two.columns[0].ref()))
    requests = rendered(join, one, two)
    assert requests.direct is None
    assert str(requests.sql) == "SELECT t1.c1, t2.c2 FROM f1 t1 JOIN f2 t2 ON t1.c1 = t2.c2"


def test_the_columns_of_a_fragment_may_have_other_ids_above(ids):
    one = Fragment(1, "shop", ids.scan(ORDERS, "customer"))
    above = p.FragmentScan(1, (ids.column("again"),))
    plan = p.Filter(above, call(">", above.columns[0].ref(), number(1)))
    assert str(rendered(plan, one).sql) == "SELECT c1 FROM f1 WHERE c1 > 1"


def test_an_embedded_fragment_stands_in_the_coordinators_sql(ids):
    scan = ids.scan(ORDERS, "id", "total")
    one = Fragment(1, "lake", p.Filter(scan, call(">", ref(scan, "id"), Parameter(INT32, 0))))
    requests = rendered(read(one), one)
    assert requests.requests[0].embedded
    assert requests.direct is None
    assert str(requests.sql) == 'SELECT "id", "total" FROM "main"."orders" WHERE "id" > $1'
    assert requests.sql.parameters == (Parameter(INT32, 0),)
    grouped = p.Aggregate(read(one), (), ((ids.column("n", INT64), e.Aggregate(INT64, "count")),))
    assert str(rendered(grouped, one).sql) == 'SELECT count(*) FROM "main"."orders" WHERE "id" > $1'


def test_an_embedded_fragment_of_another_dialect_is_a_derived_table_in_its_own_words(ids):
    scan = ids.scan(ORDERS, "id")
    one = Fragment(1, "lake", p.Filter(scan, call(">", ref(scan, "id"), Parameter(INT32, 0))))
    grouped = p.Aggregate(read(one), (), ((ids.column("n", INT64), e.Aggregate(INT64, "count")),))
    dialects = DIALECTS | {"lake": SMALL}
    sql = render(graph(grouped, one), dialects, SHEETS, LOCAL, grouped.columns).sql
    assert str(sql) == 'SELECT count(*) FROM (SELECT "id" AS c1 FROM "main"."orders" WHERE "id" > $1) t1'


def test_a_fragment_that_is_read_twice_is_kept(ids):
    one = Fragment(1, "shop", ids.scan(ORDERS, "id"))
    other = p.FragmentScan(1, (ids.column("other"),))
    join = p.Join(p.JoinKind.FULL, read(one), other, eq(one.columns[0].ref(), other.columns[0].ref()))
    sql = str(rendered(join, one).sql)
    assert sql.startswith("WITH hanse_cte1(c1) AS MATERIALIZED (SELECT c1 FROM f1) SELECT ")
    connection = duckdb.connect()
    reader = pa.table({"c1": pa.array([1, 2, None], pa.int32())}).to_reader()
    connection.register("f1", reader)
    assert sorted(connection.execute(sql).fetchall(), key=repr) == [(1, 1), (2, 2), (None, None), (None, None)]


def test_a_fragment_inside_a_recursion_is_kept(ids):
    one = Fragment(1, "shop", ids.scan(ORDERS, "id"))
    n = ids.column("n")
    base = p.Values((ids.column("b"),), ((number(1),),))
    again = p.CteScan("r", (n,))
    step = p.Join(p.JoinKind.INNER, again, read(one), eq(n.ref(), one.columns[0].ref()))
    step = p.Project(step, ((ids.column("next"), plus(n.ref(), number(1))),))
    union = p.SetOperation(p.SetKind.UNION, True, base, step, (ids.column("u"),))
    plan = p.Cte("r", union, p.CteScan("r", (ids.column("o"),)), recursive=True)
    sql = str(rendered(plan, one).sql)
    assert sql.startswith("WITH RECURSIVE hanse_cte1(c1) AS MATERIALIZED (SELECT c1 FROM f1), hanse_cte2(")
    connection = duckdb.connect()
    connection.register("f1", pa.table({"c1": pa.array([1, 2, 2], pa.int32())}).to_reader())
    assert sorted(connection.execute(sql).fetchall()) == [(1,), (2,), (3,), (3,)]


def test_an_embedded_fragment_that_is_read_twice_is_computed_once(ids):
    one = Fragment(1, "lake", ids.scan(ORDERS, "id"))
    other = p.FragmentScan(1, (ids.column("other"),))
    union = p.SetOperation(p.SetKind.UNION, True, read(one), other, (ids.column("u"),))
    sql = str(rendered(union, one).sql)
    assert sql.startswith('WITH hanse_cte1(c1) AS MATERIALIZED (SELECT t1."id" FROM "main"."orders" t1) SELECT ')
    assert sql.count("main") == 1


def test_a_window_over_a_fragment_reads_it_once(ids):
    """Without the setting DuckDB joins the fragment with itself, and the second reader finds nothing."""
    one = Fragment(1, "shop", ids.scan(ORDERS, "id", "customer"))
    most = e.WindowCall(INT32, "max", (one.columns[0].ref(),), (one.columns[1].ref(),))
    sql = str(rendered(p.Window(read(one), ((ids.column("most"), most),)), one).sql)
    rows = pa.table({"c1": pa.array([1, 2, 3], pa.int32()), "c2": pa.array([7, 7, 8], pa.int32())})
    connection = duckdb.connect(config={"disabled_optimizers": DISABLED_OPTIMIZERS})
    connection.register("f1", rows.to_reader())
    assert sorted(connection.execute(sql).fetchall()) == [(1, 7, 2), (2, 7, 2), (3, 8, 3)]


def test_a_subquery_reads_a_fragment_too(ids):
    one, two = Fragment(1, "shop", ids.scan(ORDERS, "id")), Fragment(2, "crm", ids.scan(CUSTOMERS, "id"))
    plan = p.Filter(read(one), e.Exists(BOOLEAN, p.Filter(read(two), eq(two.columns[0].ref(), one.columns[0].ref()))))
    expected = "SELECT t1.c1 FROM f1 t1 WHERE EXISTS (SELECT 1 FROM f2 t2 WHERE t2.c2 = t1.c1)"
    assert str(rendered(plan, one, two).sql) == expected
