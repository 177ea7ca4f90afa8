"""What decides how many rows a plan yields is one text, whatever form the plan has; what could be mistaken has none."""

from __future__ import annotations

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.signature import signature, tables_of
from hanse.ir.types import BOOLEAN, INT64
from tests.unit.plans import COUNT, Plans, both, call, eq, join, lit, ref


@pytest.fixture
def make() -> Plans:
    return Plans()


def test_columns_and_order_do_not_matter(make: Plans) -> None:
    scan, other = make.scan("crm.t"), make.scan("crm.t", "x id")
    one = p.Filter(scan, both(eq(ref(scan, "x"), 1), call("<", ref(scan, "id"), 9)))
    two = make.project(
        p.Sort(p.Filter(other, call("<", ref(other, "id"), 9)), (e.SortKey(ref(other, "id")),)), "id", "x"
    )
    two = p.Filter(two, eq(lit(1), ref(two, "x")))
    assert signature(one) == signature(two) == "[crm.t | 1 = crm.t.x, crm.t.id < 9]"
    assert signature(scan) == "crm.t"


def test_a_constant_matters(make: Plans) -> None:
    scan = make.scan("crm.t")
    texts = {signature(p.Filter(scan, eq(ref(scan, "x"), value))) for value in (1, 2, "1")}
    assert len(texts) == 3


def test_joins_are_sets_of_tables_and_conditions(make: Plans) -> None:
    a, b, c = (make.scan(f"crm.{name}") for name in "abc")
    one = join(join(a, b, eq(ref(a, "x"), ref(b, "x"))), c, eq(ref(b, "x"), ref(c, "x")))
    two = p.Filter(join(c, join(b, a, e.TRUE), eq(ref(a, "x"), ref(c, "x"))), eq(ref(b, "x"), ref(a, "x")))
    assert signature(one) == signature(two) == "[crm.a, crm.b, crm.c | crm.a.x = crm.b.x = crm.c.x]"
    assert tables_of(one) == {"crm.a", "crm.b", "crm.c"}
    assert signature(join(a, b, eq(ref(a, "x"), ref(b, "x")), "left")) != signature(
        join(b, a, eq(ref(a, "x"), ref(b, "x")), "left")
    )


def test_groups_and_what_is_tested_of_them(make: Plans) -> None:
    scan = make.scan("crm.t")
    groups = make.groups(scan, "x", n=COUNT)
    many = p.Filter(groups, call(">", ref(groups, "n"), 5))
    assert signature(many) == "[groups(crm.t by crm.t.x) | count() > 5]"
    before = make.groups(p.Filter(scan, call(">", ref(scan, "y"), 5)), "x", n=COUNT)
    assert signature(before) == "groups([crm.t | crm.t.y > 5] by crm.t.x)"
    filtered = make.groups(scan, "x", n=e.Aggregate(INT64, "count", filter=eq(ref(scan, "y"), 1)))
    assert signature(filtered) == "groups(crm.t by crm.t.x)"
    assert signature(p.Filter(filtered, call(">", ref(filtered, "n"), 5))) is None


def test_other_operators(make: Plans) -> None:
    scan, other = make.scan("crm.t", "x"), make.scan("crm.u", "x")
    assert signature(p.Limit(scan, lit(5, INT64))) == "limit(crm.t, 5)"
    assert signature(p.Distinct(scan)) == "distinct(crm.t by crm.t.x)"
    assert signature(make.union(scan, other)) == "union all(crm.t; crm.u)"
    assert signature(make.union(scan, other, every=False)) == "union(crm.t; crm.u by (crm.t.x or crm.u.x))"
    assert signature(p.Guard(scan, "crm.t")) == "crm.t"
    assert signature(p.Guard(scan, "policy", is_open=False)) == "policy(crm.t)"


def test_what_could_be_mistaken_has_none(make: Plans) -> None:
    scan, again = make.scan("crm.t"), make.scan("crm.t")
    assert signature(join(scan, again, eq(ref(scan, "x"), ref(again, "y")))) is None  # which of the two has x?
    assert signature(p.Filter(scan, e.InKeys(BOOLEAN, ref(scan, "x"), 0))) is None
    assert signature(p.Filter(scan, e.Exists(BOOLEAN, make.scan("crm.u")))) is None
    other = make.scan("crm.u")
    assert signature(p.Filter(scan, eq(ref(scan, "x"), ref(other, "x")))) is None  # a column from around
    assert signature(p.Values((), ((),))) is None


def test_a_computed_column_does_not_grow_without_bound(make: Plans) -> None:
    plan: p.Plan = make.scan("crm.t", "x")
    value = plan.columns[0]
    for _ in range(40):
        column = make.column("p")
        plan = p.Project(plan, ((column, call("+", value.ref(), value.ref())),))
        value = column
    assert signature(p.Filter(plan, eq(value.ref(), 1))) is None
