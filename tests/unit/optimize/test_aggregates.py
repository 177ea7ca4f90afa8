"""Rules that move aggregates: what must not be moved, and what statistics and sources decide."""

from dataclasses import replace

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.check import check
from hanse.ir.tables import ColumnStatistics, TableStatistics
from hanse.ir.types import FLOAT64, INT64, Type
from hanse.ir.walk import plans
from hanse.optimize import optimize
from tests.unit.plans import COUNT, Plans, call, eq, join, ref


@pytest.fixture
def make() -> Plans:
    return Plans()


def counted(scan: p.Scan, rows: float = 10_000, values: float = 10) -> p.Scan:
    """The scan of a table with so many rows, and so many values in each column."""
    known = {name: ColumnStatistics(distinct=values, null_fraction=0.0) for _, name in scan.outputs}
    return replace(scan, table=replace(scan.table, statistics=TableStatistics(rows, known)))


def typed(scan: p.Scan, name: str, type: Type) -> p.Scan:
    outputs = tuple((replace(c, type=type) if n == name else c, n) for c, n in scan.outputs)
    columns = tuple(replace(c, type=type) if c.name == name else c for c in scan.table.columns)
    return p.Scan(replace(scan.table, columns=columns), outputs)


def groups_of(plan: p.Plan, embedded: frozenset[str] = frozenset(), able: bool = True) -> int:
    """How many aggregates the optimized plan has."""
    better = optimize(plan, embedded=embedded, runs_there=lambda _plan: able)
    check(better)
    return sum(isinstance(node, p.Aggregate) for node in plans(better))


def total(plan: p.Plan, name: str) -> e.Aggregate:
    return e.Aggregate(INT64, "sum", (ref(plan, name),))


def joined(make: Plans) -> tuple[p.Scan, p.Scan, p.Join]:
    a, b = counted(make.scan("crm.a", "id x y")), counted(make.scan("sales.b", "k v"), rows=10)
    return a, b, join(a, b, eq(ref(a, "x"), ref(b, "k")))


def test_groups_go_below_a_join_of_two_sources(make: Plans) -> None:
    a, _, both = joined(make)
    plan = make.groups(both, "v", s=total(a, "y"))
    assert groups_of(plan) == 2


def test_what_the_source_cannot_run_stays(make: Plans) -> None:
    a, _, both = joined(make)
    assert groups_of(make.groups(both, "v", s=total(a, "y")), able=False) == 1


def test_rows_that_are_read_in_place_need_no_groups(make: Plans) -> None:
    a, _, both = joined(make)
    assert groups_of(make.groups(both, "v", s=total(a, "y")), embedded=frozenset({"crm", "sales"})) == 1


def test_as_many_groups_as_rows_are_not_formed(make: Plans) -> None:
    a, b = counted(make.scan("crm.a"), 100, 100), counted(make.scan("sales.b", "k v"), 100, 100)
    both = join(a, b, eq(ref(a, "x"), ref(b, "k")))
    assert groups_of(make.groups(both, "v", s=total(a, "y"))) == 1


def test_nothing_is_formed_where_nothing_is_known(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b", "k v")
    both = join(a, b, eq(ref(a, "x"), ref(b, "k")))
    assert groups_of(make.groups(both, "v", s=total(a, "y"))) == 1


def test_a_part_without_keys_is_not_one_group(make: Plans) -> None:
    a, b = counted(make.scan("crm.a")), counted(make.scan("sales.b", "k v"), rows=10, values=10)
    plan = make.groups(join(a, b), s=total(a, "y"), n=COUNT)
    assert groups_of(plan) == 1


def test_doubles_are_no_keys_of_partial_groups(make: Plans) -> None:
    a = counted(typed(make.scan("crm.a"), "x", FLOAT64))
    b = counted(typed(make.scan("sales.b", "k v"), "k", FLOAT64), rows=10)
    plan = make.groups(join(a, b, eq(ref(a, "x"), ref(b, "k"))), "v", s=total(a, "y"))
    assert groups_of(plan) == 1


def test_the_side_that_may_be_missing_is_not_grouped(make: Plans) -> None:
    a, b = counted(make.scan("crm.a")), counted(make.scan("sales.b", "k v"), rows=10)
    right = join(b, a, eq(ref(a, "x"), ref(b, "k")), "left")
    assert groups_of(make.groups(right, "v", n=COUNT)) == 1
    left = join(a, b, eq(ref(a, "x"), ref(b, "k")), "left")
    assert groups_of(make.groups(left, "v", n=COUNT)) == 2


def test_volatile_arguments_stay(make: Plans) -> None:
    _, _, both = joined(make)
    random = e.Aggregate(FLOAT64, "sum", (call("random", type=FLOAT64),))
    assert groups_of(make.groups(both, "v", s=random)) == 1


def scalar(make: Plans, inner: p.Plan, condition: e.Expr, aggregate: e.Aggregate) -> e.Scalar:
    return e.Scalar(aggregate.type, make.groups(p.Filter(inner, condition), s=aggregate))


def has_subquery(plan: p.Plan) -> bool:
    better = optimize(plan)
    check(better)
    return any(isinstance(part, e.Call) and isinstance(part.args[-1], e.Scalar) for part in _conditions(better))


def _conditions(plan: p.Plan) -> list[e.Expr]:
    return [x for node in plans(plan) if isinstance(node, p.Filter) for x in e.conjuncts(node.predicate)]


def test_correlated_aggregates_become_joins(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b", "k v")
    found = scalar(make, b, eq(ref(b, "k"), ref(a, "x")), total(b, "v"))
    assert not has_subquery(p.Filter(a, call("<", e.Cast(INT64, ref(a, "y")), found)))


def test_a_subquery_of_the_same_source_stays(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b", "k v")
    found = scalar(make, b, eq(ref(b, "k"), ref(a, "x")), total(b, "v"))
    assert has_subquery(p.Filter(a, call("<", e.Cast(INT64, ref(a, "y")), found)))


def test_what_could_fail_for_a_group_that_nobody_asks_for_stays(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b", "k v")
    divided = e.Aggregate(INT64, "sum", (call("/", 1, ref(b, "v"), type=ref(b, "v").type),))
    found = scalar(make, b, eq(ref(b, "k"), ref(a, "x")), divided)
    assert has_subquery(p.Filter(a, call("<", e.Cast(INT64, ref(a, "y")), found)))


def test_a_correlation_that_is_no_equality_stays(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b", "k v")
    found = scalar(make, b, call("<", ref(b, "k"), ref(a, "x")), total(b, "v"))
    assert has_subquery(p.Filter(a, call("<", e.Cast(INT64, ref(a, "y")), found)))


def test_a_filter_over_the_other_side_counts_each_row_of_a_group(make: Plans) -> None:
    a, b, both = joined(make)
    counted_rows = replace(COUNT, filter=call(">", ref(b, "v"), 3))
    plan = make.groups(both, "v", n=counted_rows, s=total(a, "y"))
    assert groups_of(plan) == 2
