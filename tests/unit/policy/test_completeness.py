"""What is claimed of answers from which something is missing, and which are refused."""

from __future__ import annotations

import datetime as dt

import pytest

from hanse.bind.binder import BindContext, allow_all, bind
from hanse.bind.tables import Tables
from hanse.ir import types as t
from hanse.ir.completeness import Claim, Loss
from hanse.ir.plan import Scan
from hanse.ir.tables import Table, TableColumn
from hanse.ir.walk import plans
from hanse.parse.parser import parse
from hanse.policy.completeness import Refused, claimed
from hanse.policy.losing import without
from hanse.settings import OnFailure

MONEY = t.decimal(12, 2)
CONTEXT = BindContext(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), "UTC")


def table(name: str, columns: dict[str, t.Type], unique: str = "id") -> Table:
    source, _, short = name.partition(".")
    made = tuple(TableColumn(column, type) for column, type in columns.items())
    return Table(source, "", short, made, short, primary_key=("id",), unique_keys=((unique,),))


ORDERS = {"id": t.INT64, "customer": t.INT64, "total": MONEY, "qty": t.Type(t.Kind.UINT32), "at": t.DATE}
TABLES = Tables(
    [
        table("shop.orders", ORDERS),
        table("crm.customers", {"id": t.INT64, "name": t.TEXT, "region": t.TEXT}),
        table("pay.payments", {"id": t.INT64, "order_id": t.INT64, "status": t.TEXT, "paid": MONEY}, "order_id"),
        table("pay.refunds", {"id": t.INT64, "order_id": t.INT64, "sum": MONEY}),
    ]
)
SOME = "rows may be missing"
TOP = "rows may not be the right ones"


def claim(sql: str, source: str = "shop", choice: OnFailure = "skip", loss: Loss = Loss.PART) -> Claim:
    plan = bind(parse(sql), TABLES, allow_all, CONTEXT).plan
    found = claimed(plan, lambda one: loss if one.source == source else Loss.NONE, lambda _: choice)
    rest = without(plan, {source})
    assert not [node for node in plans(rest) if isinstance(node, Scan) and node.table.source == source]
    assert [(c.id, c.type) for c in rest.columns] == [(c.id, c.type) for c in plan.columns]
    return found


def said(sql: str, source: str = "shop", choice: OnFailure = "skip", loss: Loss = Loss.PART) -> str:
    found = claim(sql, source, choice, loss)
    return " | ".join((str(found.rows), *(str(standing) for _, standing in found.columns)))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT id, total FROM shop.orders", "{some} | exact | exact"),
        ("SELECT id + 1, upper(at::text) FROM shop.orders WHERE total > 5", "{some} | exact | exact"),
        ("SELECT id FROM crm.customers", "all | exact"),
        ("SELECT c.name, o.id FROM crm.customers c JOIN shop.orders o ON o.customer = c.id", "{some} | exact | exact"),
        (
            "SELECT o.id, c.name FROM shop.orders o LEFT JOIN crm.customers c ON o.customer = c.id",
            "{some} | exact | exact",
        ),
        ("SELECT name FROM crm.customers WHERE id IN (SELECT customer FROM shop.orders)", "{some} | exact"),
        (
            "SELECT name FROM crm.customers c WHERE EXISTS (SELECT FROM shop.orders o WHERE o.customer = c.id)",
            "{some} | exact",
        ),
        (
            "SELECT id FROM shop.orders o WHERE NOT EXISTS (SELECT FROM crm.customers c WHERE c.id = o.customer)",
            "{some} | exact",
        ),
        ("SELECT id FROM shop.orders EXCEPT SELECT id FROM crm.customers", "{some} | exact"),
        ("SELECT id FROM shop.orders UNION ALL SELECT id FROM crm.customers", "{some} | exact"),
        ("SELECT id FROM shop.orders UNION SELECT id FROM crm.customers", "{some} | exact"),
        ("SELECT id FROM shop.orders INTERSECT SELECT id FROM crm.customers", "{some} | exact"),
        ("SELECT DISTINCT customer FROM shop.orders", "{some} | exact"),
        ("SELECT id FROM shop.orders ORDER BY total", "{some} | exact"),
        ("SELECT id FROM shop.orders LIMIT 5", "{some} | exact"),
        ("WITH a AS (SELECT id FROM shop.orders) SELECT x.id FROM a x JOIN a y ON x.id = y.id", "{some} | exact"),
        (
            "WITH RECURSIVE r(n) AS (SELECT id FROM shop.orders UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r",
            "{some} | exact",
        ),
        ("SELECT c.id, g.n FROM crm.customers c, generate_series(1, c.id) AS g(n)", "all | exact | exact"),
    ],
)
def test_rows_that_are_missing(sql: str, expected: str) -> None:
    assert said(sql) == expected.format(some=SOME)


@pytest.mark.parametrize(
    ("call", "standing"),
    [
        ("count(*)", "lower bound"),
        ("count(total)", "lower bound"),
        ("count(DISTINCT customer)", "lower bound"),
        ("count(*) FILTER (WHERE total > 3)", "lower bound"),
        ("sum(qty)", "lower bound"),
        ("sum(abs(total))", "lower bound"),
        ("sum(total * total)", "lower bound"),
        ("sum(CASE WHEN at > DATE '2026-01-01' THEN 1 ELSE 0 END)", "lower bound"),
        ("sum(total) FILTER (WHERE total >= 0)", "lower bound"),
        ("coalesce(sum(qty), 0) + 1", "lower bound"),
        ("count(*)::numeric * 2", "lower bound"),
        ("count(*) > 3", "lower bound"),
        ("3 <= count(*)", "lower bound"),
        ("sum(total)", "unknown"),
        ("coalesce(sum(qty), 5)", "unknown"),
        ("count(*) - sum(qty)", "unknown"),
        ("-count(*)", "unknown"),
        ("count(*) < 3", "unknown"),
        ("count(*)::text", "unknown"),
        ("avg(qty)", "unknown"),
        ("min(total)", "unknown"),
        ("max(total)", "unknown"),
        ("stddev(total)", "unknown"),
        ("string_agg(at::text, ',')", "unknown"),
        ("bool_or(total > 5)", "unknown"),
    ],
)
def test_aggregates(call: str, standing: str) -> None:
    assert said(f"SELECT {call} FROM shop.orders") == f"all | {standing}"
    assert said(f"SELECT customer, {call} FROM shop.orders GROUP BY customer") == f"{SOME} | exact | {standing}"
    assert said(f"SELECT {call} FROM shop.orders", source="crm") == "all | exact"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT sum(total) FROM shop.orders WHERE total > 0", "all | lower bound"),
        ("SELECT sum(total) FROM shop.orders WHERE total > -1", "all | unknown"),
        ("SELECT sum(n) FROM (SELECT count(*) AS n FROM shop.orders GROUP BY customer) g", "all | lower bound"),
        ("SELECT customer FROM shop.orders GROUP BY customer HAVING count(*) > 5", "{some} | exact"),
        (
            "SELECT c.name, (SELECT count(*) FROM shop.orders o WHERE o.customer = c.id) FROM crm.customers c",
            "all | exact | lower bound",
        ),
        (
            "SELECT c.name, (SELECT avg(qty) FROM shop.orders o WHERE o.customer = c.id) FROM crm.customers c",
            "all | exact | unknown",
        ),
        (
            "SELECT c.name, EXISTS (SELECT FROM shop.orders o WHERE o.customer = c.id) FROM crm.customers c",
            "all | exact | lower bound",
        ),
        (
            "SELECT c.name FROM crm.customers c WHERE (SELECT count(*) FROM shop.orders o WHERE o.customer = c.id) > 2",
            "{some} | exact",
        ),
        ("SELECT id FROM shop.orders ORDER BY total DESC LIMIT 5", "{top} | unknown"),
        ("SELECT id FROM shop.orders LIMIT 5 OFFSET 2", "{top} | unknown"),
        (
            "SELECT customer, count(*) AS n FROM shop.orders GROUP BY customer ORDER BY n DESC LIMIT 3",
            "{top} | unknown | unknown",
        ),
        ("SELECT id, rank() OVER (ORDER BY total) FROM shop.orders", "{some} | exact | unknown"),
        ("SELECT id, sum(qty) OVER (PARTITION BY customer) FROM shop.orders", "{some} | exact | unknown"),
        (
            "SELECT id FROM (SELECT id, rank() OVER (ORDER BY total) AS r FROM shop.orders) x WHERE r <= 3",
            "{top} | unknown",
        ),
        (
            "SELECT DISTINCT ON (customer) customer, total FROM shop.orders ORDER BY customer, total",
            "{top} | unknown | unknown",
        ),
        (
            "SELECT customer, qty, count(*) FROM shop.orders GROUP BY ROLLUP (customer, qty)",
            "{some} | exact | exact | lower bound",
        ),
    ],
)
def test_what_follows_from_them(sql: str, expected: str) -> None:
    assert said(sql) == expected.format(some=SOME, top=TOP)


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        (
            "SELECT name FROM crm.customers c LEFT JOIN shop.orders o ON o.customer = c.id",
            "an outer join over shop.orders",
        ),
        (
            "SELECT name FROM shop.orders o RIGHT JOIN crm.customers c ON o.customer = c.id",
            "an outer join over shop.orders",
        ),
        (
            "SELECT name FROM crm.customers c FULL JOIN shop.orders o ON o.customer = c.id",
            "an outer join over shop.orders",
        ),
        (
            "SELECT name FROM crm.customers c WHERE NOT EXISTS (SELECT FROM shop.orders o WHERE o.customer = c.id)",
            "a condition decides",
        ),
        ("SELECT name FROM crm.customers WHERE id NOT IN (SELECT customer FROM shop.orders)", "a condition decides"),
        ("SELECT name FROM crm.customers WHERE id > ALL (SELECT customer FROM shop.orders)", "a condition decides"),
        ("SELECT id FROM crm.customers EXCEPT SELECT customer FROM shop.orders", "EXCEPT over shop.orders"),
        ("SELECT id FROM crm.customers EXCEPT ALL SELECT customer FROM shop.orders", "EXCEPT over shop.orders"),
        ("SELECT customer FROM shop.orders GROUP BY customer HAVING count(*) < 5", "a condition decides"),
        ("SELECT customer FROM shop.orders GROUP BY customer HAVING avg(qty) > 5", "a condition decides"),
        ("SELECT name FROM crm.customers WHERE id = (SELECT max(customer) FROM shop.orders)", "a condition decides"),
        (
            "SELECT name, (SELECT total FROM shop.orders o WHERE o.id = c.id) FROM crm.customers c",
            "a scalar subquery over shop.orders",
        ),
        (
            "SELECT n, count(*) FROM (SELECT count(*) AS n FROM shop.orders GROUP BY customer) g GROUP BY n",
            "a group's key n",
        ),
        (
            "SELECT DISTINCT n FROM (SELECT count(*) AS n FROM shop.orders GROUP BY customer) g",
            "a column of DISTINCT n",
        ),
        ("SELECT count(*) FROM shop.orders UNION SELECT id FROM crm.customers", "a column of UNION"),
        (
            "SELECT c.id FROM crm.customers c JOIN (SELECT count(*) AS n FROM shop.orders) g ON g.n = c.id",
            "a join decides",
        ),
    ],
)
def test_what_is_refused(sql: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        claim(sql)
    assert claim(sql, source="nobody").rows == "all"


def test_a_table_without_which_nothing_may_be_answered() -> None:
    with pytest.raises(Refused, match=r"on_failure of shop\.orders is fail"):
        claim("SELECT id FROM shop.orders", choice="fail")


PAID = "SELECT o.id, p.status FROM shop.orders o LEFT JOIN pay.payments p ON p.order_id = o.id"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (PAID, "all | exact | unavailable"),
        (f"{PAID} WHERE p.status = 'paid'", "{some} | exact | unavailable"),
        (f"{PAID} WHERE p.status <> 'paid' OR o.qty > 3", "{some} | exact | unavailable"),
        (f"{PAID} WHERE p.status IS NOT NULL", "{some} | exact | unavailable"),
        (
            "SELECT o.id, r.sum FROM shop.orders o LEFT JOIN pay.refunds r ON r.order_id = o.id",
            "{some} | exact | unavailable",
        ),
        (
            (
                "SELECT o.id, r.n FROM shop.orders o LEFT JOIN (SELECT order_id, count(*) AS n FROM pay.refunds GROUP BY 1) r"
                " ON r.order_id = o.id"
            ),
            "all | exact | unknown",
        ),
        (
            "SELECT o.id, (SELECT p.status FROM pay.payments p WHERE p.order_id = o.id) FROM shop.orders o",
            "all | exact | unavailable",
        ),
        (
            "SELECT o.id, p.status FROM pay.payments p RIGHT JOIN shop.orders o ON p.order_id = o.id",
            "all | exact | unavailable",
        ),
        (
            "SELECT o.id, p.status FROM pay.payments p FULL JOIN shop.orders o ON p.order_id = o.id",
            "{some} | exact | unavailable",
        ),
        (
            "SELECT count(p.id), count(*), sum(p.paid) FROM shop.orders o LEFT JOIN pay.payments p ON p.order_id = o.id",
            "all | lower bound | exact | unknown",
        ),
        (
            "SELECT o.id, lower(p.status), coalesce(p.status, '-') FROM shop.orders o LEFT JOIN pay.payments p ON p.order_id = o.id",
            "all | exact | unavailable | unknown",
        ),
        (
            (
                "SELECT o.id, c.name FROM shop.orders o LEFT JOIN pay.payments p ON p.order_id = o.id"
                " LEFT JOIN crm.customers c ON c.id = p.id"
            ),
            "all | exact | unavailable",
        ),
    ],
)
def test_outer_joins_to_what_may_be_null(sql: str, expected: str) -> None:
    assert said(sql, source="pay", choice="null") == expected.format(some=SOME)


def test_groups_of_nothing_are_null_where_all_is_lost() -> None:
    groups = "SELECT order_id, avg(sum) AS n FROM pay.refunds GROUP BY 1"
    sql = f"SELECT o.id, r.n FROM shop.orders o LEFT JOIN ({groups}) r ON r.order_id = o.id"
    assert said(sql, "pay", "null", Loss.WHOLE) == "all | exact | unavailable"
    assert said(sql, "pay", "null", Loss.PART) == "all | exact | unknown"


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT status FROM pay.payments", "only outer joins"),
        ("SELECT count(*) FROM shop.orders o JOIN pay.payments p ON p.order_id = o.id", "only outer joins"),
        ("SELECT id FROM shop.orders WHERE id IN (SELECT order_id FROM pay.payments)", "only outer joins"),
        (
            "SELECT id, EXISTS (SELECT FROM pay.payments p WHERE p.order_id = o.id) FROM shop.orders o",
            "only outer joins",
        ),
        (f"{PAID} WHERE p.status IS NULL", "a condition decides"),
        (f"{PAID} WHERE coalesce(p.status, 'open') = 'open'", "a condition decides"),
        (
            "SELECT p.status, count(*) FROM shop.orders o LEFT JOIN pay.payments p ON p.order_id = o.id GROUP BY 1",
            "a group's key",
        ),
        (
            "SELECT DISTINCT p.status FROM shop.orders o LEFT JOIN pay.payments p ON p.order_id = o.id",
            "a column of DISTINCT",
        ),
        (
            (
                "SELECT o.id FROM shop.orders o LEFT JOIN pay.payments p ON p.order_id = o.id"
                " FULL JOIN crm.customers c ON c.id = p.id"
            ),
            "an outer join decides",
        ),
        (
            (
                f"SELECT x.id FROM crm.customers c JOIN ({PAID}) x ON x.id = c.id WHERE NOT EXISTS "
                f"(SELECT FROM ({PAID}) y WHERE y.status = c.name)"
            ),
            "a condition decides",
        ),
    ],
)
def test_other_uses_of_what_may_be_null_are_refused(sql: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        claim(sql, source="pay", choice="null")
