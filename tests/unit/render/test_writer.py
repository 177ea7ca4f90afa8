"""What shares a SELECT and what may not, by text and by the rows that DuckDB gives."""

import duckdb
import pytest

from hanse.errors import InternalError
from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.expr import Literal, Parameter, SortKey
from hanse.ir.tables import Collation, TableColumn
from hanse.ir.types import BOOLEAN, BYTES, INT32, INT64, TEXT
from hanse.render import write
from tests.unit.render.small import (
    CUSTOMERS,
    LOCAL,
    ORDERS,
    SMALL,
    Ids,
    big,
    call,
    eq,
    number,
    plus,
    project,
    ref,
    table,
    text,
)  # fmt: skip


@pytest.fixture(scope="module")
def database():
    connection = duckdb.connect()
    connection.execute("CREATE TABLE main.orders (id INTEGER, customer INTEGER, total INTEGER, note VARCHAR)")
    connection.execute(
        "INSERT INTO orders VALUES (1, 1, 10, 'a'), (2, 1, 20, 'b'), (3, 2, NULL, 'a'), (4, NULL, 3, NULL)"
    )
    connection.execute("CREATE TABLE main.customers (id INTEGER, name VARCHAR, age INTEGER)")
    connection.execute("INSERT INTO customers VALUES (1, 'x', 3), (2, 'y', NULL), (7, 'z', 5)")
    yield connection
    connection.close()


@pytest.fixture
def ids():
    return Ids()


@pytest.fixture
def orders(ids):
    return ids.scan(ORDERS, "id", "total")


def sql(plan, dialect=SMALL):
    return str(write(plan, dialect))


def run(database, plan, dialect=LOCAL):
    return sorted(database.execute(sql(plan, dialect)).fetchall(), key=repr)


def count(ids, plan):
    return p.Aggregate(plan, (), ((ids.column("n", INT64), e.Aggregate(INT64, "count")),))


def test_one_table_reads_without_qualifiers(ids, orders):
    plan = p.Filter(
        orders, call("and", call(">", ref(orders, "total"), number(10)), call("is_null", ref(orders, "id")))
    )
    assert sql(plan) == 'SELECT "id", "total" FROM "main"."orders" WHERE "total" > 10 AND "id" IS NULL'


def test_and_or_not_keep_their_meaning(ids, orders):
    a, b = call("is_null", ref(orders, "id")), call("is_null", ref(orders, "total"))
    either = call("or", a, call("and", a, b))
    text_ = sql(p.Filter(orders, call("and", either, call("not", either), eq(call("=", a, b), e.TRUE))))
    where = text_.split("WHERE ")[1]
    inner = '"id" IS NULL OR ("id" IS NULL AND "total" IS NULL)'
    assert where == f'({inner}) AND (NOT ({inner})) AND (("id" IS NULL) = ("total" IS NULL)) = TRUE'


def test_the_form_in_which_a_column_is_read_stands_in_predicates_too(ids):
    inet = table("hosts", TableColumn("ip", TEXT, read_as="{0}::text", collation=Collation("C", True, True)))
    hosts = ids.scan(inet, "ip")
    plan = p.Filter(hosts, eq(ref(hosts, "ip"), text("::1")))
    assert sql(plan) == """SELECT "ip"::text FROM "main"."hosts" WHERE "ip"::text = '::1'"""


def test_parameters_are_holes_and_literals_cannot_forge_them(ids, orders):
    notes = ids.scan(ORDERS, "note")
    forged = "\x000\x00 {0} $1 '"
    plan = p.Filter(
        notes, call("and", eq(ref(notes, "note"), text(forged)), eq(ref(notes, "note"), Parameter(TEXT, 1)))
    )
    written = write(plan, SMALL)
    assert written.parameters == (Parameter(TEXT, 1),)
    assert written.parts[0].endswith("\"note\" = '\x000\x00 {0} $1 ''' AND \"note\" = ")


def test_a_sorted_list_of_expressions_is_qualified(ids, orders):
    """PostgreSQL names CAST(x AS text) x, and a bare x in ORDER BY would mean that."""
    words = e.Cast(TEXT, ref(orders, "id"))
    plan = project(p.Sort(orders, (SortKey(ref(orders, "id")),)), ids=ids, w=words)
    assert sql(plan) == 'SELECT CAST(t1."id" AS VARCHAR) FROM "main"."orders" t1 ORDER BY t1."id" ASC NULLS LAST'


def test_text_is_grouped_and_sorted_in_its_exact_forms(ids):
    loose = table("notes", TableColumn("note", TEXT))
    notes = ids.scan(loose, "note")
    grouped = p.Aggregate(notes, notes.columns, ())
    assert sql(grouped) == 'SELECT "note" COLLATE bytes FROM "main"."notes" GROUP BY "note" COLLATE bytes'
    assert sql(p.Sort(notes, (SortKey(ref(notes, "note"), True, False),))).endswith(
        '"note" COLLATE "C" DESC NULLS LAST'
    )
    assert sql(p.Distinct(notes)) == 'SELECT DISTINCT "note" COLLATE bytes FROM "main"."notes"'
    other = ids.scan(loose, "note")
    union = p.SetOperation(p.SetKind.UNION, False, notes, other, (ids.column("note", TEXT),))
    assert sql(union).count("COLLATE bytes") == 2
    least = e.Aggregate(TEXT, "min", (ref(notes, "note"),))
    assert 'min("note" COLLATE "C")' in sql(p.Aggregate(notes, (), ((ids.column("m", TEXT), least),)))
    kinds = e.Aggregate(INT64, "count", (ref(notes, "note"),), distinct=True)
    assert 'count(DISTINCT "note" COLLATE bytes)' in sql(p.Aggregate(notes, (), ((ids.column("k", INT64), kinds),)))


def test_a_key_that_is_bytewise_as_it_stands_still_sorts_in_its_exact_form(ids):
    """PostgreSQL under en_US tells all strings apart, but sorts them otherwise than by code point."""
    local = table("notes", TableColumn("note", TEXT, collation=Collation("en_US", equal_is_bytewise=True)))
    notes = ids.scan(local, "note")
    for plan in (p.Distinct(notes), p.Aggregate(notes, notes.columns, ())):
        written = sql(p.Sort(plan, (SortKey(ref(notes, "note")),)))
        assert (
            written.endswith('"note" COLLATE "C" ASC NULLS LAST')
            or '"c1" COLLATE "C"' in written
            or ".c1 COLLATE" in written
        )


def test_distinct_on_and_its_sort_say_the_key_in_one_form(ids):
    notes = ids.scan(table("notes", TableColumn("note", TEXT)), "note")
    key = ref(notes, "note")
    plan = p.Distinct(p.Sort(notes, (SortKey(key),)), (key,))
    assert sql(plan) == (
        'SELECT DISTINCT ON ("note" COLLATE "C") "note" FROM "main"."notes" ORDER BY "note" COLLATE "C" ASC NULLS LAST'
    )


def test_constant_keys_are_never_taken_for_places(ids, orders, database):
    one = project(orders, ids=ids, k=number(1), total=ref(orders, "total"))
    assert "ORDER BY" not in sql(p.Sort(one, (SortKey(ref(one, "k")), SortKey(number(2)))))
    grouped = p.Aggregate(one, (one.columns[0],), ((ids.column("n", INT64), e.Aggregate(INT64, "count")),))
    assert run(database, grouped) == [(1, 4)]
    assert run(database, p.Distinct(p.Sort(one, ()), (number(1),)))[0][0] == 1


def test_a_key_with_a_hole_is_computed_below(ids, orders):
    keyed = project(orders, ids=ids, k=plus(ref(orders, "id"), Parameter(INT32, 0)))
    plan = p.Aggregate(keyed, keyed.columns, ())
    assert len(write(plan, SMALL).parameters) == 1


def test_volatile_values_are_computed_once(ids, orders):
    r = project(orders, ids=ids, r=call("random", type=INT32))
    twice = project(r, ids=ids, a=ref(r, "r"), b=ref(r, "r"))
    for plan in (twice, p.Filter(r, call(">", ref(r, "r"), number(0))), p.Sort(r, (SortKey(ref(r, "r")),))):
        assert sql(plan).count("random()") == 1
        assert "FROM (SELECT random()" in sql(plan)


def test_expensive_values_are_not_written_many_times(ids):
    notes = ids.scan(ORDERS, "note")
    low = project(notes, ids=ids, low=call("lower", call("lower", ref(notes, "note"), type=TEXT), type=TEXT))
    for _ in range(4):
        low = project(low, ids=ids, low=call("||", ref(low, "low"), ref(low, "low"), type=TEXT))
    assert sql(low).count("lower") == 2


def test_null_extended_expressions_stay_below_the_join(ids, database):
    orders, customers = ids.scan(ORDERS, "id", "customer"), ids.scan(CUSTOMERS, "id", "age")
    known = project(
        customers, ids=ids, id=ref(customers, "id"), age=call("coalesce", ref(customers, "age"), number(0), type=INT32)
    )
    join = p.Join(p.JoinKind.LEFT, orders, known, eq(ref(orders, "customer"), ref(known, "id")))
    assert run(database, join)[-1] == (4, None, None, None)
    assert run(database, join)[2] == (3, 2, 2, 0)


def test_a_filter_on_the_missing_side_goes_to_on_and_that_of_a_full_join_below(ids, database):
    orders, customers = ids.scan(ORDERS, "id", "customer"), ids.scan(CUSTOMERS, "id", "age")
    some = p.Filter(customers, call("is_not_null", ref(customers, "age")))
    condition = eq(ref(orders, "customer"), ref(customers, "id"))
    left = p.Join(p.JoinKind.LEFT, orders, some, condition)
    assert 'ON t2."age" IS NOT NULL AND t1."customer" = t2."id"' in sql(left)
    assert len(run(database, left)) == 4
    full = p.Join(p.JoinKind.FULL, orders, some, condition)
    assert "FULL JOIN (SELECT" in sql(full)
    assert len(run(database, full)) == 5


@pytest.mark.parametrize(("kind", "expected"), [(p.JoinKind.SEMI, [1, 2]), (p.JoinKind.ANTI, [3, 4])])
def test_semi_and_anti_joins(ids, database, kind, expected):
    orders, customers = ids.scan(ORDERS, "id", "customer"), ids.scan(CUSTOMERS, "id", "age")
    some = p.Filter(customers, call("is_not_null", ref(customers, "age")))
    plan = p.Join(kind, orders, some, eq(ref(orders, "customer"), ref(customers, "id")))
    assert f" {kind.upper()} JOIN " in sql(plan, LOCAL)
    assert "EXISTS (SELECT 1 FROM " in sql(plan, SMALL)
    for dialect in (LOCAL, SMALL):
        assert [row[0] for row in run(database, plan, dialect)] == expected


def test_an_outer_join_on_a_subquery(ids, database):
    orders, customers = ids.scan(ORDERS, "id", "customer"), ids.scan(CUSTOMERS, "id")
    inner = ids.scan(CUSTOMERS, "id")
    top = e.Scalar(INT32, p.Aggregate(inner, (), ((ids.column("m"), e.Aggregate(INT32, "min", (ref(inner, "id"),))),)))
    condition = call("and", eq(ref(orders, "customer"), ref(customers, "id")), eq(ref(orders, "customer"), top))
    assert run(database, p.Join(p.JoinKind.LEFT, orders, customers, condition)) == [
        (1, 1, 1), (2, 1, 1), (3, 2, None), (4, None, None),
    ]  # fmt: skip
    assert run(database, p.Join(p.JoinKind.RIGHT, customers, orders, condition))[-1] == (None, 4, None)


def test_nothing_crosses_a_limit(ids, orders, database):
    top = p.Limit(p.Sort(orders, (SortKey(ref(orders, "id")),)), big(2))
    assert run(database, count(ids, top)) == [(2,)]
    assert run(database, p.Filter(top, call(">", ref(orders, "id"), number(1)))) == [(2, 20)]
    assert run(database, p.Limit(p.Limit(orders, big(1)), big(3)))[0] is not None
    assert len(run(database, p.Limit(p.Limit(orders, big(1)), big(3)))) == 1
    assert run(database, p.Limit(p.Sort(top, (SortKey(ref(orders, "id"), True, True),)), big(1))) == [(2, 20)]
    assert sql(project(top, ids=ids, i=ref(orders, "id"))).count("SELECT") == 1
    assert sql(project(top, ids=ids, i=plus(ref(orders, "id"), number(1)))).count("SELECT") == 2


def test_ties(ids, database):
    orders = ids.scan(ORDERS, "customer", "id")
    keys = (SortKey(ref(orders, "customer")),)
    assert len(run(database, p.Limit(p.Sort(orders, keys), big(1), None, with_ties=True))) == 2
    assert len(run(database, p.Limit(p.Sort(orders, keys), big(1), big(1), with_ties=True))) == 1
    assert run(database, p.Limit(p.Sort(orders, keys), big(0), big(1), with_ties=True)) == []
    assert len(run(database, p.Limit(p.Sort(orders, keys), big(2), big(1), with_ties=True))) == 2


def test_one_group_stays_one_row_when_no_aggregate_is_asked_for(ids, orders, database):
    one = project(count(ids, orders), ids=ids, k=number(7))
    assert run(database, one) == [(7,)]
    assert run(database, p.Aggregate(p.Filter(orders, e.Literal(BOOLEAN, False)), (), ())) == [(1,)]
    nothing = count(ids, p.Filter(orders, Literal(BOOLEAN, False)))
    assert len(run(database, p.Filter(orders, e.Exists(BOOLEAN, nothing)))) == 4


def test_having_and_where_around_groups(ids, orders, database):
    total = ids.column("total", INT64)
    customers = ids.scan(ORDERS, "customer", "total")
    grouped = p.Aggregate(
        customers, (customers.columns[0],), ((total, e.Aggregate(INT64, "sum", (ref(customers, "total"),))),)
    )
    kept = p.Filter(grouped, call(">", total.ref(), big(3)))
    assert "HAVING CAST(sum(" in sql(kept)
    assert run(database, kept) == [(1, 30)]


def test_grouping_sets_tell_equal_keys_apart(ids, orders, database):
    keys = project(orders, ids=ids, a=ref(orders, "id"), b=ref(orders, "id"))
    plan = p.Aggregate(p.Limit(keys, big(1)), keys.columns, (), sets=((0,), (1,), ()))
    assert len(run(database, plan)) == 3
    assert sum(row == (None, None) for row in run(database, plan)) == 1


def test_grouping_says_which_keys_are_there(ids, orders, database):
    grouping = e.Aggregate(INT64, "grouping", (ref(orders, "id"),))
    plan = p.Aggregate(orders, (orders.columns[0],), ((ids.column("g", INT64), grouping),), sets=((0,), ()))
    assert (None, 1) in run(database, plan)


def test_aggregate_clauses(ids, database):
    orders = ids.scan(ORDERS, "id", "note")
    note, id = ref(orders, "note"), ref(orders, "id")
    words = e.Aggregate(TEXT, "string_agg", (note, text("/")), True, call(">", id, number(0)), (SortKey(note, True),))
    middle = e.Aggregate(INT64, "percentile_cont", (number(0),), order_by=(SortKey(id),))
    plan = p.Aggregate(orders, (), ((ids.column("w", TEXT), words), (ids.column("m", INT64), middle)))
    written = sql(plan)
    assert 'string_agg(DISTINCT "note", \'/\' ORDER BY "note" DESC NULLS LAST) FILTER (WHERE "id" > 0)' in written
    assert 'percentile_cont(0) WITHIN GROUP (ORDER BY "id" ASC NULLS LAST)' in written
    assert run(database, plan) == [("b/a", 1.0)]


def test_windows_and_what_stands_on_them(ids, orders, database):
    frame = e.Frame("rows", e.Bound("preceding"), e.Bound("current"), "no others")
    over = e.WindowCall(INT64, "sum", (ref(orders, "id"),), (), (SortKey(ref(orders, "id")),), frame)
    before = e.WindowCall(INT32, "lag", (ref(orders, "total"),), (), (SortKey(ref(orders, "id")),), ignore_nulls=True)
    s, l = ids.column("s", INT64), ids.column("l")
    plan = p.Window(orders, ((s, over), (l, before)))
    assert 'CAST(sum("id") OVER (ORDER BY "id" ASC NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)' in sql(
        plan
    )
    assert run(database, p.Filter(plan, call(">", s.ref(), big(5)))) == [(3, None, 6, 20), (4, 3, 10, 20)]
    again = p.Window(plan, ((ids.column("z", INT64), e.WindowCall(INT64, "sum", (s.ref(),))),))
    assert run(database, again)[0] == (1, 10, 1, None, 20)
    assert run(database, count(ids, plan)) == [(4,)]


def test_set_operations_nest_on_the_right_and_go_on_on_the_left(ids, database):
    a, b, c = (ids.scan(ORDERS, "customer") for _ in range(3))
    one = p.SetOperation(p.SetKind.UNION, True, a, b, (ids.column(),))
    assert sql(p.SetOperation(p.SetKind.UNION, True, one, c, (ids.column(),))).count("FROM (") == 0
    nested = p.SetOperation(p.SetKind.EXCEPT, True, c, one, (ids.column(),))
    assert sql(nested).count("FROM (") == 1
    assert run(database, nested) == []
    top = p.Limit(p.Sort(a, (SortKey(ref(a, "customer")),)), big(1))
    other = p.SetOperation(p.SetKind.UNION, True, top, b, (ids.column(),))
    assert len(run(database, other)) == 5
    assert run(database, p.Limit(p.Sort(other, (SortKey(other.columns[0].ref(), True),)), big(1))) == [(2,)]


def test_ctes_are_hoisted_unless_they_are_correlated(ids, orders, database):
    x = ids.column("x")
    cte = p.Cte("w", orders, p.CteScan("w", (x, ids.column("y"))))
    joined = p.Join(p.JoinKind.INNER, ids.scan(CUSTOMERS, "id"), cte, eq(x.ref(), number(1)))
    assert sql(joined, LOCAL).startswith("WITH hanse_cte1(c1, c2) AS MATERIALIZED (SELECT ")
    assert sql(joined, SMALL).startswith("WITH hanse_cte1(c1, c2) AS (SELECT ")
    customers = ids.scan(CUSTOMERS, "id")
    mine = p.Filter(ids.scan(ORDERS, "customer"), e.TRUE)
    mine = p.Filter(mine, eq(mine.columns[0].ref(), ref(customers, "id")))
    local = p.Cte("v", mine, p.CteScan("v", (ids.column("u"),)))
    plan = p.Filter(customers, e.Exists(BOOLEAN, local))
    assert "EXISTS (WITH hanse_cte1" in sql(plan)
    assert run(database, plan) == [(1,), (2,)]


def test_recursion(ids, database):
    n, m, out = ids.column("n"), ids.column("m"), ids.column("out")
    base = p.Values((ids.column("b"),), ((number(1),),))
    step = p.Filter(p.CteScan("r", (m,)), call("<", m.ref(), number(4)))
    step = p.Project(step, ((ids.column("next"), plus(m.ref(), number(1))),))
    plan = p.Cte("r", p.SetOperation(p.SetKind.UNION, True, base, step, (n,)), p.CteScan("r", (out,)), recursive=True)
    for dialect in (LOCAL, SMALL):
        assert sql(plan, dialect).startswith("WITH RECURSIVE ")
        assert run(database, plan, dialect) == [(1,), (2,), (3,), (4,)]


def test_values_and_table_functions(ids, database):
    x, y = ids.column("x"), ids.column("y", TEXT)
    values = p.Values((x, y), ((number(1), text("a")), (number(2), text("b"))))
    assert sql(values, LOCAL) == "SELECT t1.c1, t1.c2 FROM (VALUES (1, 'a'), (2, 'b')) t1(c1, c2)"
    assert run(database, values, SMALL) == [(1, "a"), (2, "b")]
    assert sql(p.Values((x,), ((number(1),),))) == "SELECT 1"
    assert run(database, p.Values((x, y), ())) == []
    series = p.TableFunction("generate_series", (number(1), x.ref()), (ids.column("i"), ids.column("k", INT64)), True)
    lateral = p.Join(p.JoinKind.LEFT, values, series, e.TRUE, lateral=True)
    assert run(database, lateral) == [(1, "a", 1, 1), (2, "b", 1, 1), (2, "b", 2, 2)]


def test_subqueries_as_values(ids, orders, database):
    customers = ids.scan(CUSTOMERS, "id")
    mine = ids.scan(ORDERS, "customer", "total")
    found = p.Filter(mine, eq(ref(mine, "customer"), ref(customers, "id")))
    m = ids.column("m")
    most = e.Scalar(INT32, p.Aggregate(found, (), ((m, e.Aggregate(INT32, "max", (ref(mine, "total"),))),)))
    assert run(database, project(customers, ids=ids, id=ref(customers, "id"), most=most)) == [
        (1, 20),
        (2, None),
        (7, None),
    ]
    owners = ids.scan(ORDERS, "customer")
    any_of = e.Quantified(BOOLEAN, (ref(customers, "id"),), "=", False, owners)
    known = p.Filter(owners, call("is_not_null", owners.columns[0].ref()))
    none_of = e.Quantified(BOOLEAN, (ref(customers, "id"),), "<>", True, known)
    most_of = e.Quantified(BOOLEAN, (ref(customers, "id"),), ">=", True, known)
    assert run(database, p.Filter(customers, any_of)) == [(1,), (2,)]
    assert run(database, p.Filter(customers, none_of)) == [(7,)]
    assert run(database, p.Filter(customers, most_of)) == [(2,), (7,)]
    pair = e.Quantified(BOOLEAN, (ref(customers, "id"), number(10)), "=", False, mine)
    assert run(database, p.Filter(customers, pair)) == [(1,)]


def test_a_closed_guard_is_a_select_of_its_own(ids, orders):
    tenant = p.Filter(orders, eq(ref(orders, "id"), number(7)))
    test = call(">", ref(orders, "total"), number(1))
    assert sql(p.Filter(p.Guard(tenant, "g1"), test)).count("SELECT") == 1
    assert sql(p.Filter(p.Guard(tenant, "g1", is_open=False), test)).count("SELECT") == 2


def test_order_survives_a_derived_table(ids, database):
    orders = ids.scan(ORDERS, "id", "total")
    top = p.Limit(p.Sort(orders, (SortKey(ref(orders, "total"), True, False),)), big(3))
    plan = project(top, ids=ids, i=plus(ref(orders, "id"), number(100)))
    assert sql(plan).endswith(" ORDER BY t2.c2 DESC NULLS LAST")
    assert database.execute(sql(plan)).fetchall() == [(102,), (101,), (104,)]


def test_sorting_after_distinct_by_what_is_not_listed(ids, orders, database):
    distinct = p.Distinct(orders)
    plan = p.Sort(distinct, (SortKey(plus(ref(orders, "id"), number(0)), True, True),))
    assert "FROM (SELECT DISTINCT" in sql(plan)
    assert [row[0] for row in database.execute(sql(plan)).fetchall()] == [4, 3, 2, 1]
    assert sql(p.Sort(distinct, (SortKey(ref(orders, "id")),))).count("SELECT") == 1


def test_in_lists_fall_back_to_equality(ids):
    class Careful(type(SMALL)):
        functions = {
            **SMALL.functions,
            "=": (*SMALL.functions["="][:0], type(SMALL.functions["="][0])("same({0}, {1})")),
        }

    notes = ids.scan(ORDERS, "id")
    plan = p.Filter(notes, e.InList(BOOLEAN, ref(notes, "id"), (number(1), number(2))))
    assert sql(plan).endswith('WHERE "id" IN (1, 2)')
    assert sql(plan, Careful()).endswith('WHERE (same("id", 1) OR same("id", 2))')


@pytest.mark.parametrize(
    "node",
    [
        call("levenshtein", text("a"), text("b")),
        eq(Literal(BYTES, b"x"), Literal(BYTES, b"x")),
        call("is_null", e.Cast(BYTES, text("a"))),
        call("is_null", e.Ref(INT32, 999, "nowhere")),
    ],
)
def test_what_has_no_spelling_is_an_internal_error(ids, orders, node):
    with pytest.raises(InternalError):
        sql(p.Filter(orders, node))
