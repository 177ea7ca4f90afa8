"""The printer: trees for people, plain values for JSON."""

import datetime as dt
import json

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir import text
from hanse.ir.expr import Column, Interval, Literal, SortKey
from hanse.ir.tables import Table, TableColumn
from hanse.ir.types import BOOLEAN, BYTES, DATE, INT32, INT64, INTERVAL, TEXT, array

CUSTOMERS = Table("crm", "", "customers", (TableColumn("id", INT32), TableColumn("segment", TEXT)), "customers")
ORDERS = Table("shop", "", "orders", (TableColumn("id", INT32), TableColumn("total", INT32)), "orders")
C_ID, SEGMENT = Column(1, "id", INT32), Column(2, "segment", TEXT)
O_ID, TOTAL = Column(3, "id", INT32), Column(4, "total", INT32)
C = p.Scan(CUSTOMERS, ((C_ID, "id"), (SEGMENT, "segment")))
O = p.Scan(ORDERS, ((O_ID, "id"), (TOTAL, "total")))


def call(name, *args, type=BOOLEAN):
    return e.Call(type, name, args)


def n(value):
    return Literal(INT32, value)


def test_a_tree_shows_each_operator_with_columns_by_the_shortest_name_that_is_theirs_alone():
    gold = p.Filter(p.Guard(C, "g1"), call("=", SEGMENT.ref(), Literal(TEXT, "it's")))
    join = p.Join(p.JoinKind.INNER, gold, O, call("=", C_ID.ref(), O_ID.ref()))
    total = Column(5, "sum", INT64)
    plan = p.Limit(
        p.Sort(
            p.Aggregate(join, (SEGMENT,), ((total, e.Aggregate(INT64, "sum", (TOTAL.ref(),), distinct=True)),)),
            (SortKey(total.ref(), descending=True), SortKey(SEGMENT.ref(), nulls_first=True)),
        ),
        Literal(INT64, 5),
        Literal(INT64, 1),
    )
    assert text.tree(plan).splitlines() == [
        "Limit: 5 offset 1",
        "└─ Sort: sum desc nulls last, segment nulls first",
        "   └─ Aggregate: by segment; sum(distinct total) as sum",
        "      └─ Join: inner on customers.id = orders.id",
        "         ├─ Filter: segment = 'it''s'",
        "         │  └─ Guard g1",
        "         │     └─ Scan: crm.customers (id, segment)",
        "         └─ Scan: shop.orders (id, total)",
    ]


def test_two_columns_of_one_name_and_table_are_told_apart_by_number():
    other = Column(9, "id", INT32)
    again = p.Scan(CUSTOMERS, ((other, "id"),))
    plan = p.Join(p.JoinKind.LEFT, C, again, call("=", C_ID.ref(), other.ref()))
    assert text.tree(plan).startswith("Join: left on id#1 = id#9\n")


def test_subqueries_hang_below_their_operator():
    found = p.Filter(O, call("=", O_ID.ref(), C_ID.ref()))
    plan = p.Filter(C, call("not", e.Exists(BOOLEAN, found)))
    assert text.tree(plan).splitlines() == [
        "Filter: not exists (subquery)",
        "├─ Scan: crm.customers (id, segment)",
        "└─ subquery Filter: orders.id = customers.id",
        "   └─ Scan: shop.orders (id, total)",
    ]


def test_parentheses_stand_where_they_change_the_meaning():
    a, b = C_ID.ref(), TOTAL.ref()
    either = call("or", call("=", a, n(1)), call("is_null", b))
    assert text.expression(call("and", either, call("<", a, b))) == "(id = 1 or total is null) and id < total"
    assert text.expression(call("*", call("+", a, b), n(2))) == "(id + total) * 2"
    assert text.expression(call("-", a, call("-", b, n(2)))) == "id - (total - 2)"
    assert text.expression(call("not", call("and", either, either))).startswith("not (")
    assert text.expression(call("=", call("=", a, b), e.TRUE)) == "(id = total) = true"
    assert text.expression(e.InList(BOOLEAN, a, (n(1), n(2)))) == "id in (1, 2)"
    assert text.expression(call("is_distinct", a, b)) == "id is distinct from total"


def test_constants_say_their_type_where_it_is_not_plain():
    assert text.expression(Literal(DATE, dt.date(2026, 1, 1))) == "date '2026-01-01'"
    assert text.expression(Literal(INTERVAL, Interval(1, 0, 5))) == "interval '1 months 5 microseconds'"
    assert text.expression(Literal(BYTES, b"\x01")) == "'\\x01'"
    assert text.expression(Literal(array(INT32), (1, None))) == "array[1, null]"
    assert text.expression(Literal(TEXT, None)) == "null"
    assert text.expression(e.Parameter(TEXT, 0)) == "$1"


def test_windows_cases_and_casts():
    frame = e.Frame("rows", e.Bound("preceding", n(2)), e.Bound("current"), "ties")
    calls = ((Column(7, "r", INT64), e.WindowCall(INT64, "sum", (TOTAL.ref(),), (O_ID.ref(),), frame=frame)),)
    assert text.tree(p.Window(O, calls)).splitlines()[0] == (
        "Window: sum(total) over (partition by id rows between 2 preceding and current row exclude ties) as r"
    )
    case = e.Case(INT32, ((call("is_null", TOTAL.ref()), n(0)),), e.Cast(INT32, TOTAL.ref(), safe=True))
    assert text.expression(case) == "case when total is null then 0 else try_cast(total as integer) end"


def test_leaves_and_set_operations():
    x, y = Column(20, "x", INT32), Column(21, "y", INT32)
    values = p.Values((x,), tuple((n(i),) for i in range(5)))
    series = p.TableFunction("generate_series", (n(1), n(3)), (y,))
    plan = p.SetOperation(p.SetKind.EXCEPT, True, values, series, (Column(22, "z", INT32),))
    assert text.tree(plan).splitlines() == [
        "SetOperation: except all as (z)",
        "├─ Values: (0), (1), (2) ... 5 rows as (x)",
        "└─ TableFunction: generate_series(1, 3) as (y)",
    ]
    cte = p.Cte("w", values, p.CteScan("w", (Column(23, "v", INT32),)), recursive=True)
    assert text.tree(cte).splitlines()[::2] == ["Cte: recursive w", "└─ CteScan: w as (v)"]
    assert text.tree(p.FragmentScan(3, (x, y))) == "FragmentScan: f3 (x, y)"


def test_plain_values_for_json():
    plan = p.Filter(C, call("is_not_null", e.Scalar(INT32, p.Limit(O, Literal(INT64, 1)))))
    described = text.as_dict(plan)
    assert json.loads(json.dumps(described)) == described
    assert described["operator"] == "Filter"
    assert described["details"] == "(subquery) is not null"
    assert described["columns"][1] == {"id": 2, "name": "segment", "type": "text"}
    assert described["inputs"][0]["operator"] == "Scan"
    assert described["subqueries"][0]["operator"] == "Limit"
