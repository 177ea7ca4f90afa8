"""SELECT clause by clause: what it yields, and the plan that it becomes."""

import datetime as dt
from decimal import Decimal

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir import types as t
from tests.unit.bind.world import NOW, bound, names, nodes, shape


def value(sql: str) -> e.Expr:
    """The one expression of ``SELECT sql``."""
    plan = bound(f"SELECT {sql}").plan
    assert isinstance(plan, p.Project)
    return plan.items[0][1]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("1", e.Literal(t.INT32, 1)),
        ("-1", e.Literal(t.INT32, -1)),
        ("2147483648", e.Literal(t.INT64, 2**31)),
        ("9223372036854775808", e.Literal(t.decimal(19, 0), Decimal(2**63))),
        ("1.50", e.Literal(t.decimal(3, 2), Decimal("1.50"))),
        (".5", e.Literal(t.decimal(1, 1), Decimal("0.5"))),
        ("1e3", e.Literal(t.decimal(4, 0), Decimal(1000))),
        ("25e-3", e.Literal(t.decimal(3, 3), Decimal("0.025"))),
        ("1e50", e.Literal(t.FLOAT64, 1e50)),
        ("'a''b'", e.Literal(t.TEXT, "a'b")),
        (r"'a\nb'", e.Literal(t.TEXT, r"a\nb")),
        (r"E'a\nb'", e.Literal(t.TEXT, "a\nb")),
        (r"U&'d\0061t\+000061'", e.Literal(t.TEXT, "data")),
        ("$x$it's$x$", e.Literal(t.TEXT, "it's")),
        ("'a' 'b'", e.Literal(t.TEXT, "ab")),
        (r"'\x4142'::bytea", e.Literal(t.BYTES, b"AB")),
        ("true", e.Literal(t.BOOLEAN, True)),
        ("NULL", e.Literal(t.TEXT, None)),
        ("NULL::int", e.Literal(t.INT32, None)),
        ("DATE '2020-02-29'", e.Literal(t.DATE, dt.date(2020, 2, 29))),
        ("date('2020-02-29')", e.Literal(t.DATE, dt.date(2020, 2, 29))),
        ("TIMESTAMP '2020-02-29 10:00'", e.Literal(t.TIMESTAMP, dt.datetime(2020, 2, 29, 10))),
        ("TIMESTAMPTZ '2020-02-29 10:00+02'", e.Literal(t.TIMESTAMPTZ, dt.datetime(2020, 2, 29, 8, tzinfo=dt.UTC))),
        ("TIME '10:30'", e.Literal(t.TIME, dt.time(10, 30))),
        ("INTERVAL '1 day 2 hours'", e.Literal(t.INTERVAL, e.Interval(0, 1, 7_200_000_000))),
        ("INTERVAL '3' MONTH", e.Literal(t.INTERVAL, e.Interval(3))),
        ("INTERVAL '1-2' YEAR TO MONTH", e.Literal(t.INTERVAL, e.Interval(14))),
        ("INTERVAL '1 hour ago'", e.Literal(t.INTERVAL, e.Interval(0, 0, -3_600_000_000))),
        ("INTERVAL '1 12:34:56' DAY TO MINUTE", e.Literal(t.INTERVAL, e.Interval(0, 1, 45_240_000_000))),
        ("INTERVAL 30 DAYS", e.Literal(t.INTERVAL, e.Interval(0, 30))),
        ("now()", e.Literal(t.TIMESTAMPTZ, NOW)),
        ("current_timestamp(3)", e.Literal(t.TIMESTAMPTZ, NOW.replace(microsecond=679000))),
        ("current_date", e.Literal(t.DATE, dt.date(2026, 1, 2))),
        ("'5'::int + 1", e.Call(t.INT32, "+", (e.Literal(t.INT32, 5), e.Literal(t.INT32, 1)))),
        ("'12.50'::numeric", e.Literal(t.decimal(4, 2), Decimal("12.50"))),
        ("1 <> 2 AND true AND false", None),
    ],
)
def test_constants(sql, expected):
    found = value(sql)
    if expected is None:
        assert isinstance(found, e.Call)
        assert (found.name, len(found.args)) == ("and", 3)
    else:
        assert found == expected


def test_the_current_date_is_that_of_the_sessions_zone():
    plan = bound("SELECT current_date, localtime", timezone="Europe/Berlin").plan
    assert [expr.value for _, expr in plan.items] == [dt.date(2026, 1, 3), dt.time(0, 4, 5, 678901)]


def test_literals_take_the_type_of_their_surroundings():
    plan = bound("SELECT id FROM customers WHERE born >= '1994-01-01' AND region = 'x' AND id IN ('1', 2)").plan
    terms = list(e.conjuncts(nodes(plan, p.Filter)[0].predicate))
    assert terms[0].args[1] == e.Literal(t.DATE, dt.date(1994, 1, 1))
    assert terms[1].args[1] == e.Literal(t.TEXT, "x")
    assert terms[2].items == (e.Literal(t.INT32, 1), e.Literal(t.INT32, 2))


def test_parameters_take_the_type_of_their_surroundings():
    assert bound("SELECT $1 + id, name = $2, $4 FROM customers WHERE born < $3 AND id > $1").parameter_types == (
        t.INT32,
        t.TEXT,
        t.DATE,
        t.TEXT,
    )
    assert bound("SELECT id FROM orders WHERE customer_id = :id OR id = :id").parameter_types == (t.INT32,)
    query = bound("SELECT id FROM customers WHERE id = $1", types=(t.INT64,))
    assert query.parameter_types == (t.INT64,)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "SELECT id, c.name, c.* FROM customers c WHERE false",
            "id integer,name text,id integer,name text,region text,born date,Mixed text",
        ),
        ('SELECT mixed, "Mixed" FROM customers', "mixed text,Mixed text"),
        (
            "SELECT id + 1, -id, lower(name), count(*) OVER (), CASE WHEN true THEN 1 END, born::text, 1::int8 FROM customers",
            "?column? integer,?column? integer,lower text,count bigint,case integer,born text,int8 bigint",
        ),
        (
            "SELECT extract(year FROM born), position('a' IN name), trim(name), substring(name FROM 2), now() FROM customers",
            "extract numeric(10,0),position integer,btrim text,substring text,now timestamptz",
        ),
        (
            "SELECT (SELECT max(total) FROM orders), EXISTS (SELECT 1), ARRAY[1], ARRAY(SELECT name FROM customers)",
            "max numeric(12,2),exists boolean,array integer[],array text[]",
        ),
        (
            "SELECT sum(id), avg(id), sum(total), count(*) FROM orders",
            "sum numeric(38,0),avg double precision,sum numeric(38,2),count bigint",
        ),
        ("VALUES (1, 'a'), (2.5, NULL)", "column1 numeric(11,1),column2 text"),
        (
            "SELECT CASE WHEN true THEN 1 ELSE lower(name)::int END, true::int, '{1}'::int[], born::date::text FROM customers",
            "lower integer,int4 integer,int4 integer[],born text",
        ),
        ("TABLE crm.t", "a integer,b integer,x text"),
        (
            "SELECT doc -> 'a' ->> 0, tags[1], tags[1:2], tags || 'x'::text, doc #>> '{a,b}' FROM orders",
            "?column? text,tags text,tags text[],?column? text[],?column? text",
        ),
        (
            "SELECT born + 1, born - born, born + INTERVAL '1 day', placed AT TIME ZONE 'UTC' FROM customers, orders",
            "?column? date,?column? integer,?column? timestamp,timezone timestamptz",
        ),
    ],
)
def test_outputs(sql, expected):
    assert ",".join(shape(sql)) == expected


def test_group_by_takes_ordinals_aliases_and_expressions():
    for key in ("1", "r", "lower(region)"):
        plan = bound(f"SELECT lower(region) AS r, count(*) FROM customers GROUP BY {key} ORDER BY 2 DESC, {key}").plan
        aggregate = nodes(plan, p.Aggregate)[0]
        assert len(aggregate.keys) == 1
        assert isinstance(aggregate.input, p.Project)
        assert names(plan)[:3] == ["Sort", "Project", "Aggregate"]


def test_an_input_column_comes_before_an_output_alias_in_group_by():
    aggregate = nodes(bound("SELECT count(*) AS region, region AS x FROM customers GROUP BY region").plan, p.Aggregate)[
        0
    ]
    assert [key.name for key in aggregate.keys] == ["region"]


@pytest.mark.parametrize(
    ("clause", "sets"),
    [
        ("a, b", None),
        ("(a, b)", None),
        ("()", ((),)),
        ("ROLLUP (a, b)", ((0, 1), (0,), ())),
        ("CUBE (a, b)", ((0, 1), (0,), (1,), ())),
        ("GROUPING SETS ((a, b), a, ())", ((0, 1), (0,), ())),
        ("a, ROLLUP (b)", ((0, 1), (0,))),
        ("ROLLUP ((a, b), x)", ((0, 1, 2), (0, 1), ())),
        ("GROUPING SETS (ROLLUP (a, b), x)", ((0, 1), (0,), (), (2,))),
    ],
)
def test_grouping_sets(clause, sets):
    assert nodes(bound(f"SELECT count(*) FROM crm.t GROUP BY {clause}").plan, p.Aggregate)[0].sets == sets


def test_grouping_reads_keys():
    aggregate = nodes(bound("SELECT grouping(a, b) FROM crm.t GROUP BY CUBE (a, b)").plan, p.Aggregate)[0]
    call = aggregate.calls[0][1]
    assert call.name == "grouping"
    assert [arg.id for arg in call.args] == [key.id for key in aggregate.keys]


def test_the_primary_key_determines_the_other_columns():
    aggregate = nodes(
        bound("SELECT c.name, count(*) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id").plan,
        p.Aggregate,
    )
    assert [key.name for key in aggregate[0].keys] == ["id", "name"]


def test_equal_aggregates_are_computed_once():
    plan = bound("SELECT count(*), count(*) + 1 FROM customers HAVING count(*) > 1 ORDER BY count(*)").plan
    assert len(nodes(plan, p.Aggregate)[0].calls) == 1
    assert names(plan) == ["Sort", "Project", "Filter", "Aggregate", "Guard", "Scan"]


def test_aggregates_keep_distinct_filter_and_order():
    sql = """SELECT string_agg(DISTINCT name, ',' ORDER BY name DESC) FILTER (WHERE id > 1),
                    percentile_cont(0.5) WITHIN GROUP (ORDER BY id) FROM customers"""
    first, second = (call for _, call in nodes(bound(sql).plan, p.Aggregate)[0].calls)
    assert (first.name, first.distinct, len(first.args), first.order_by[0].descending) == ("string_agg", True, 2, True)
    assert first.filter is not None
    assert (second.name, second.order_by[0].expr.type) == ("percentile_cont", t.FLOAT64)


def test_windows_over_groups_with_named_windows_and_qualify():
    sql = """SELECT region, sum(count(*)) OVER w AS s FROM customers GROUP BY region
             WINDOW v AS (PARTITION BY region), w AS (v ORDER BY count(*) ROWS 1 PRECEDING)
             QUALIFY rank() OVER (v ORDER BY region) = 1"""
    plan = bound(sql).plan
    assert names(plan)[:4] == ["Project", "Filter", "Window", "Aggregate"]
    first, second = (call for _, call in nodes(plan, p.Window)[0].calls)
    assert first.frame == e.Frame("rows", e.Bound("preceding", e.Literal(t.INT64, 1)), e.Bound("current"))
    assert len(first.partition_by) == len(second.partition_by) == 1
    assert (second.name, second.frame) == ("rank", None)


def test_qualify_reads_keys_not_the_rows_below():
    plan = bound("SELECT count(*) FROM customers GROUP BY lower(region) QUALIFY lower(region) <> 'x'").plan
    predicate = nodes(plan, p.Filter)[0].predicate
    assert isinstance(predicate.args[0], e.Ref)


def test_order_by_makes_null_order_explicit_and_drops_hidden_columns():
    query = bound("SELECT name FROM customers ORDER BY born, name DESC, id DESC NULLS LAST LIMIT 2 OFFSET 1")
    assert names(query.plan)[:4] == ["Project", "Limit", "Sort", "Project"]
    sort = nodes(query.plan, p.Sort)[0]
    assert [(k.descending, k.nulls_first) for k in sort.keys] == [(False, False), (True, True), (True, False)]
    assert [c.name for c in query.columns] == ["name"]
    limit = nodes(query.plan, p.Limit)[0]
    assert (limit.count, limit.offset) == (e.Literal(t.INT64, 2), e.Literal(t.INT64, 1))


@pytest.mark.parametrize(
    ("tail", "count", "offset", "ties"),
    [
        ("LIMIT ALL OFFSET 3", None, 3, False),
        ("FETCH FIRST ROW ONLY", 1, None, False),
        ("OFFSET 2 ROWS FETCH NEXT 5 ROWS ONLY", 5, 2, False),
        ("FETCH FIRST 3 ROWS WITH TIES", 3, None, True),
    ],
)
def test_limits(tail, count, offset, ties):
    plan = bound(f"SELECT id FROM customers ORDER BY id {tail}").plan
    assert isinstance(plan, p.Limit)
    assert plan.with_ties == ties
    assert [x and x.value for x in (plan.count, plan.offset)] == [count, offset]


def test_distinct_on_takes_the_first_row_under_its_sort():
    plan = bound("SELECT DISTINCT ON (region) name FROM customers ORDER BY region, born DESC LIMIT 1").plan
    assert names(plan)[:6] == ["Project", "Limit", "Sort", "Distinct", "Sort", "Project"]
    assert names(bound("SELECT DISTINCT region FROM customers ORDER BY region").plan)[:3] == [
        "Sort",
        "Distinct",
        "Project",
    ]


def test_set_returning_functions_of_the_select_list_become_a_lateral_join():
    plan = bound("SELECT id, unnest(tags) AS tag FROM orders ORDER BY tag").plan
    join = nodes(plan, p.Join)[0]
    assert join.lateral
    assert isinstance(join.right, p.TableFunction)
    assert join.right.args[0].name == "tags"


def test_logic_and_comparison_have_one_normal_form():
    def form(sql: str) -> str:
        call = nodes(bound(f"SELECT 1 FROM customers c, orders WHERE {sql}").plan, p.Filter)[0].predicate
        return spelled(call)

    def spelled(x: e.Expr) -> str:
        match x:
            case e.Call():
                return f"{x.name}({', '.join(map(spelled, x.args))})"
            case e.Ref():
                return x.name
            case e.Literal():
                return str(x.value)
            case e.InList():
                return f"in({', '.join(map(spelled, (x.arg, *x.items)))})"
        return type(x).__name__

    assert form("c.id BETWEEN 1 AND 2") == "and(>=(id, 1), <=(id, 2))"
    assert form("c.id NOT BETWEEN SYMMETRIC 2 AND 1") == "not(or(and(>=(id, 2), <=(id, 1)), and(>=(id, 1), <=(id, 2))))"
    assert form("name NOT LIKE 'a!%' ESCAPE '!'") == "not(like(name, a!%, !))"
    assert form("name !~* 'x'") == "not(~*(name, x))"
    assert form("name IS DISTINCT FROM region") == "is_distinct(name, region)"
    assert form("paid IS NOT TRUE AND paid IS UNKNOWN") == "and(is_not_true(paid), is_null(paid))"
    assert form("NOT name IS NOT NULL") == "not(is_not_null(name))"
    assert form("(c.id, name) = (1, 'a')") == "and(=(id, 1), =(name, a))"
    assert form("(c.id, name) < (1, 'a')") == "or(<(id, 1), and(=(id, 1), <(name, a)))"
    assert form("(c.id, name) IN ((1, 'a'), (2, 'b'))") == "or(and(=(id, 1), =(name, a)), and(=(id, 2), =(name, b)))"
    assert form("c.id = ANY ('{1,2}')").startswith("any_array_=(id, ")
    assert form("name LIKE ANY (tags)") == "any_array_like(name, tags)"


def test_subqueries_stay_expressions_with_references_outward():
    sql = """SELECT id FROM customers c WHERE EXISTS (SELECT 1 FROM orders WHERE customer_id = c.id)
             AND id NOT IN (SELECT id FROM orders) AND (id, name) IN (SELECT customer_id, 'x' FROM orders)
             AND id > ALL (VALUES (1), (2)) AND id = (SELECT max(id) FROM orders)"""
    exists, not_in, row, every, scalar = e.conjuncts(nodes(bound(sql).plan, p.Filter)[0].predicate)
    assert isinstance(exists, e.Exists)
    assert isinstance(not_in, e.Call)
    inner = not_in.args[0]
    assert isinstance(inner, e.Quantified)
    assert (inner.operator, inner.every, inner.args[0].type, inner.plan.columns[0].type) == (
        "=",
        False,
        t.INT64,
        t.INT64,
    )
    assert isinstance(row, e.Quantified)
    assert len(row.args) == len(row.plan.columns) == 2
    assert isinstance(every, e.Quantified)
    assert (every.operator, every.every) == (">", True)
    assert isinstance(scalar, e.Call)
    assert isinstance(scalar.args[1], e.Scalar)


def test_array_of_a_subquery_keeps_its_order_and_is_never_null():
    call = value("ARRAY(SELECT name FROM customers ORDER BY born DESC)")
    assert isinstance(call, e.Call)
    assert call.name == "coalesce"
    aggregate = call.args[0].plan
    assert aggregate.calls[0][1].order_by[0].descending
    assert call.args[1].value == ()


def test_lengths_of_text_types_cut():
    assert value("'abcdef'::varchar(3)").name == "left"
    assert value("'abc'::char(5)").name == "rtrim"
    assert value("TRY_CAST('x' AS int)") == e.Cast(t.INT32, e.Literal(t.TEXT, "x"), safe=True)
