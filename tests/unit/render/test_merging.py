"""Whatever operators share a SELECT, the rows are those of one SELECT per operator, on DuckDB."""

import random
from collections import Counter

import duckdb
import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.types import BOOLEAN, INT32, INT64
from hanse.render.writer import Writer
from tests.unit.render.small import CUSTOMERS, LOCAL, ORDERS, SMALL, Ids, call, number

SEEDS = 160


class Bytes(type(SMALL)):
    """Semi-joins as EXISTS, VALUES as UNION ALL."""

    name = "bytes"
    subqueries_in_on = False


DIALECTS = (LOCAL, Bytes())


@pytest.fixture(scope="module")
def database():
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    connection.execute("CREATE TABLE main.orders (id INTEGER, customer INTEGER, total INTEGER, note VARCHAR)")
    connection.execute(
        "INSERT INTO orders VALUES (1, 1, 10, 'a'), (2, 1, 10, 'b'), (3, 2, NULL, 'a'), (4, NULL, 3, NULL), (5, 9, 7, '')"
    )
    connection.execute("CREATE TABLE main.customers (id INTEGER, name VARCHAR, age INTEGER)")
    connection.execute(
        "INSERT INTO customers VALUES (1, 'a', 3), (2, 'b', NULL), (2, 'b', 3), (3, NULL, 7), (NULL, 'a', 1)"
    )
    yield connection
    connection.close()


class Generator:
    """Random plans of which every execution gives the same rows: a limit stands only over a sort by all columns."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.ids = Ids()

    def plan(self, depth):
        if depth <= 0:
            return self.leaf()
        return getattr(self, self.random.choice(self.NODES))(depth - 1)

    NODES = (
        "filter", "filter", "project", "project", "join", "join", "join", "semi", "aggregate", "aggregate", "distinct",
        "top", "sort", "union", "window", "first", "subquery", "cte", "lateral", "guard", "global_aggregate",
    )  # fmt: skip

    def leaf(self):
        pick = self.random.random()
        if pick < 0.1:
            columns = (self.ids.column("n"), self.ids.column("m"))
            rows = self.random.choice([0, 1, 1, 3])
            return p.Values(columns, tuple((number(self.random.randint(0, 3)), number(i)) for i in range(rows)))
        return self.ids.scan(ORDERS if pick < 0.55 else CUSTOMERS)

    def shaped(self, depth):
        """A plan below which something must often stay in a SELECT of its own."""
        if self.random.random() < 0.5:
            return self.plan(depth)
        return getattr(self, self.random.choice(["project", "filter", "top", "distinct", "global_aggregate"]))(0)

    def numbers(self, plan):
        return [column.ref() for column in plan.columns if column.type.kind == INT32.kind]

    def value(self, plan, depth=2):
        found = self.numbers(plan)
        if not found or depth == 0 or self.random.random() < 0.4:
            return (
                self.random.choice(found) if found and self.random.random() < 0.8 else number(self.random.randint(0, 9))
            )
        left, right = self.value(plan, depth - 1), self.value(plan, depth - 1)
        name = self.random.choice(["+", "-", "coalesce", "case"])
        if name == "case":
            return e.Case(INT32, ((self.test(plan, 0), left),), right)
        return call(name, left, right, type=INT32)

    def test(self, plan, depth=1):
        pick = self.random.random()
        if depth and pick < 0.3:
            name = self.random.choice(["and", "or"])
            return call(name, self.test(plan, depth - 1), self.test(plan, depth - 1))
        if depth and pick < 0.4:
            return call("not", self.test(plan, depth - 1))
        if pick < 0.6:
            return call("is_null", self.value(plan, 1))
        return call(self.random.choice(["=", "<", ">="]), self.value(plan, 1), self.value(plan, 1))

    def filter(self, depth):
        plan = self.plan(depth)
        return p.Filter(plan, self.test(plan))

    def guard(self, depth):
        return p.Guard(self.plan(depth), "g1", self.random.random() < 0.5)

    def project(self, depth):
        plan = self.shaped(depth) if depth else self.plan(depth)
        kept = [column for column in plan.columns if self.random.random() < 0.6]
        items = [(column, column.ref()) for column in kept]
        items += [(self.ids.column("v"), self.value(plan)) for _ in range(self.random.randint(not items, 3))]
        return p.Project(plan, tuple(items))

    def join(self, depth):
        left, right = self.shaped(depth), self.shaped(depth - 1)
        kind = self.random.choice([p.JoinKind.INNER, p.JoinKind.LEFT, p.JoinKind.RIGHT, p.JoinKind.FULL])
        return p.Join(kind, left, right, self.condition(left, right, kind))

    def condition(self, left, right, kind=None):
        a, b = self.numbers(left), self.numbers(right)
        if not a or not b:
            return e.TRUE
        condition = call("=", self.random.choice(a), self.random.choice(b))
        if self.random.random() < 0.5:
            condition = call("and", condition, call("<", self.random.choice(a), self.random.choice(b)))
        if kind in (p.JoinKind.INNER, p.JoinKind.LEFT) and self.random.random() < 0.2:
            inner = self.ids.scan(CUSTOMERS)
            exists = e.Exists(BOOLEAN, p.Filter(inner, call("=", inner.columns[0].ref(), self.random.choice(a))))
            condition = call("and", condition, exists)
        return condition

    def semi(self, depth):
        left, right = self.plan(depth), self.plan(depth - 1)
        return p.Join(self.random.choice([p.JoinKind.SEMI, p.JoinKind.ANTI]), left, right, self.condition(left, right))

    def lateral(self, depth):
        left = self.plan(depth)
        outer = self.value(left, 1)
        right = p.Filter(self.ids.scan(CUSTOMERS), e.TRUE)
        right = p.Filter(right, call("=", right.columns[0].ref(), outer))
        made = p.Project(right, ((self.ids.column("l"), call("+", right.columns[2].ref(), outer, type=INT32)),))
        return p.Join(self.random.choice([p.JoinKind.INNER, p.JoinKind.LEFT]), left, made, e.TRUE, lateral=True)

    def sums(self, plan):
        calls = [(self.ids.column("n", INT64), e.Aggregate(INT64, "count"))]
        if self.random.random() < 0.7:
            condition = self.test(plan) if self.random.random() < 0.3 else None
            call_ = e.Aggregate(INT64, "sum", (self.value(plan),), self.random.random() < 0.3, condition)
            calls.append((self.ids.column("s", INT64), call_))
        if self.random.random() < 0.5:
            calls.append((self.ids.column("least"), e.Aggregate(INT32, "min", (self.value(plan, 1),))))
        return tuple(calls)

    def aggregate(self, depth):
        plan = self.plan(depth)
        keys = tuple(self.random.sample(plan.columns, min(len(plan.columns), self.random.randint(1, 2))))
        sets = None
        if self.random.random() < 0.3:
            sets = tuple(tuple(range(n)) for n in range(len(keys), -1, -1))
        return p.Aggregate(plan, keys, self.sums(plan), sets)

    def global_aggregate(self, depth):
        plan = self.plan(depth)
        return p.Aggregate(plan, (), self.sums(plan))

    def distinct(self, depth):
        return p.Distinct(self.plan(depth))

    def keys(self, plan):
        return tuple(
            e.SortKey(column.ref(), self.random.random() < 0.5, self.random.random() < 0.5) for column in plan.columns
        )

    def sort(self, depth):
        plan = self.plan(depth)
        return p.Sort(plan, self.keys(plan))

    def top(self, depth):
        plan = self.shaped(depth) if depth else self.plan(depth)
        offset = number(1, INT64) if self.random.random() < 0.3 else None
        ties = self.random.random() < 0.3
        return p.Limit(p.Sort(plan, self.keys(plan)), number(self.random.randint(1, 6), INT64), offset, ties)

    def first(self, depth):
        plan = self.plan(depth)
        on = plan.columns[0].ref()
        return p.Distinct(p.Sort(plan, self.keys(plan)), (on,))

    def narrow(self, plan):
        return p.Project(plan, ((self.ids.column("u"), self.value(plan)), (self.ids.column("w"), self.value(plan))))

    def union(self, depth):
        left, right = self.narrow(self.plan(depth)), self.narrow(self.plan(depth - 1))
        kind, all_ = self.random.choice(list(p.SetKind)), self.random.random() < 0.5
        one = p.SetOperation(kind, all_, left, right, (self.ids.column(), self.ids.column()))
        if self.random.random() < 0.3:
            kind, all_ = self.random.choice(list(p.SetKind)), self.random.random() < 0.5
            one = p.SetOperation(kind, all_, one, self.narrow(self.leaf()), (self.ids.column(), self.ids.column()))
        return one

    def window(self, depth):
        plan = self.plan(depth)
        partition = (self.value(plan, 1),) if self.random.random() < 0.5 else ()
        rank = e.WindowCall(INT64, "rank", (), partition, (e.SortKey(self.value(plan, 1)),))
        total = e.WindowCall(INT64, "sum", (self.value(plan, 1),), partition)
        return p.Window(plan, ((self.ids.column("r", INT64), rank), (self.ids.column("t", INT64), total)))

    def subquery(self, depth):
        plan = self.plan(depth)
        outer = self.value(plan, 1)
        inner = self.ids.scan(ORDERS)
        found = p.Filter(inner, call("=", inner.columns[1].ref(), outer))
        pick = self.random.random()
        if pick < 0.25:
            return p.Filter(plan, e.Exists(BOOLEAN, found))
        if pick < 0.35:
            return p.Filter(plan, e.Exists(BOOLEAN, p.Aggregate(found, (), self.sums(found))))
        if pick < 0.7:
            most = self.ids.column("most")
            scalar = e.Scalar(
                INT32, p.Aggregate(found, (), ((most, e.Aggregate(INT32, "max", (inner.columns[2].ref(),))),))
            )
            return p.Project(plan, ((self.ids.column("q"), scalar), *((c, c.ref()) for c in plan.columns)))
        ids = p.Project(inner, ((inner.columns[1], inner.columns[1].ref()),))
        return p.Filter(plan, e.Quantified(BOOLEAN, (outer,), "=", False, ids))

    def cte(self, depth):
        definition = self.plan(depth)
        name = f"w{self.ids.next}"
        scans = [p.CteScan(name, tuple(self.ids.column(c.name, c.type) for c in definition.columns)) for _ in range(2)]
        return p.Cte(name, definition, p.Join(p.JoinKind.INNER, scans[0], scans[1], self.condition(*scans)))


def rows(database, plan, dialect, merge):
    sql = str(Writer(dialect, merge).statement(plan))
    try:
        return sql, database.execute(sql).fetchall()
    except duckdb.Error as error:
        raise AssertionError(f"{error}\n{sql}") from error


@pytest.mark.parametrize("chunk", range(4))
def test_sharing_a_select_changes_nothing(database, chunk):
    for seed in range(chunk * SEEDS // 4, (chunk + 1) * SEEDS // 4):
        plan = Generator(seed).plan(4)
        for dialect in DIALECTS:
            merged, found = rows(database, plan, dialect, True)
            nested, expected = rows(database, plan, dialect, False)
            assert Counter(found) == Counter(expected), f"seed {seed}\n{merged}\n{nested}"
            if isinstance(plan, p.Sort):
                assert found == expected, f"seed {seed}\n{merged}\n{nested}"
