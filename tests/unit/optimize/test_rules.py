"""Each rule on plans built by hand: where it fires, and the counter-example of its docstring, where it must not."""

from itertools import pairwise

import pytest

from hanse.errors import InternalError
from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.check import check
from hanse.ir.types import BOOLEAN, FLOAT64, INT32, INT64
from hanse.optimize import driver, optimize
from hanse.optimize.phases import PHASES, Phase, Walk
from hanse.optimize.rule import Context
from tests.unit.plans import COUNT, Plans, both, call, col, eq, join, lit, ref, shape


def random_below(value: float) -> e.Expr:
    return call("<", call("random", type=FLOAT64), e.Literal(FLOAT64, value))


@pytest.fixture
def make() -> Plans:
    return Plans()


def optimized(plan: p.Plan) -> str:
    check(plan)
    steps: list[p.Plan] = []
    new = optimize(plan, recorder=lambda _name, step: steps.append(step))
    for step in steps:
        check(step)
    assert [c.id for c in new.columns] == [c.id for c in plan.columns]
    assert all([c.id for c in step.columns] == [c.id for c in plan.columns] for step in steps)
    return shape(new)


def test_filters_reach_the_side_that_they_concern(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    plan = p.Filter(join(a, b), both(eq(ref(a, "id"), ref(b, "id")), eq(ref(a, "x"), 1), eq(ref(b, "y"), 2)))
    assert optimized(plan) == "inner id = id (filter x = 1 (a[id x y]), filter y = 2 (b[id x y]))"


@pytest.mark.parametrize("kind", ["left", "full"])
def test_a_test_for_null_stays_above_an_outer_join(make: Plans, kind: str) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    plan = p.Filter(join(a, b, eq(ref(a, "id"), ref(b, "id")), kind), call("is_null", ref(b, "y")))
    assert optimized(plan) == f"filter y is null ({kind} id = id (a[id x y], b[id x y]))"


def test_outer_joins_become_inner_where_a_condition_drops_what_they_add(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    left = join(a, b, eq(ref(a, "id"), ref(b, "id")), "left")
    assert optimized(p.Filter(left, eq(ref(b, "y"), 2))) == "inner id = id (a[id x y], filter y = 2 (b[id x y]))"
    full = join(a, b, eq(ref(a, "id"), ref(b, "id")), "full")
    assert optimized(p.Filter(full, eq(ref(a, "y"), 2))) == (
        "project id, x, y, id, x, y (right id = id (b[id x y], filter y = 2 (a[id x y])))"
    )


def test_an_inner_join_above_proves_an_outer_join_inner(make: Plans) -> None:
    a, b, c = (make.scan(f"crm.{name}") for name in "abc")
    left = join(a, b, eq(ref(a, "id"), ref(b, "id")), "left")
    plan = join(left, c, eq(ref(b, "x"), ref(c, "x")))
    assert "left" not in optimized(plan)
    kept = join(left, c, eq(ref(a, "x"), ref(c, "x")))
    assert "left" in optimized(kept)


def test_a_condition_goes_into_the_side_whose_rows_are_only_partners(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    condition = both(eq(ref(a, "id"), ref(b, "id")), eq(ref(a, "x"), 1), eq(ref(b, "y"), 2))
    assert optimized(join(a, b, condition, "left")) == "left (id = id and x = 1) (a[id x y], filter y = 2 (b[id x y]))"
    assert optimized(
        join(a, b, condition, "anti")
    ) == "anti (id = id and x = 1) (a[id x y], filter y = 2 (b[id]))".replace("b[id]", "b[id y]")
    assert optimized(join(a, b, condition, "semi")).startswith("semi id = id (filter x = 1 ")
    full = optimized(join(a, b, condition, "full"))
    assert full == "full (id = id and x = 1 and y = 2) (a[id x y], b[id x y])"


def test_volatile_conditions_do_not_move(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    plan = p.Filter(join(a, b, eq(ref(a, "id"), ref(b, "id"))), random_below(0.5))
    assert optimized(plan).startswith("filter random() < 0.5 (inner")


def test_filters_and_projections(make: Plans) -> None:
    a = make.scan("crm.a")
    plus = make.project(a, call("+", ref(a, "x"), 1, type=INT32), "y")
    assert optimized(p.Filter(plus, eq(ref(plus, "p"), 3))) == "project x + 1, y (filter x + 1 = 3 (a[x y]))"
    b = make.scan("crm.b")
    dice = make.project(b, call("random", type=FLOAT64), "y")
    kept = p.Filter(dice, call("<", ref(dice, "p"), e.Literal(FLOAT64, 0.5)))
    assert optimized(kept) == "filter p < 0.5 (project random(), y (b[y]))"


def test_filters_and_groups(make: Plans) -> None:
    a = make.scan("crm.a")
    groups = make.groups(a, "x", n=COUNT)
    plan = p.Filter(groups, both(eq(ref(groups, "x"), 1), call(">", ref(groups, "n"), e.Literal(INT64, 2))))
    assert optimized(plan) == "filter n > 2 (aggregate x count (filter x = 1 (a[x])))"
    rollup = make.groups(make.scan("crm.b"), "x", sets=((0,), ()), n=COUNT)
    assert optimized(p.Filter(rollup, eq(ref(rollup, "x"), 1))).startswith("filter x = 1 (aggregate")
    one = make.groups(make.scan("crm.c"), n=COUNT)
    assert optimized(p.Filter(one, eq(e.Parameter(INT32, 0), 1))).startswith("filter $1 = 1 (aggregate")


def test_filters_and_windows(make: Plans) -> None:
    a = make.scan("crm.a")
    number = e.WindowCall(INT64, "row_number", (), (ref(a, "x"),), (e.SortKey(ref(a, "y")),))
    window = p.Window(a, ((make.column("n", INT64), number),))
    plan = p.Filter(window, both(eq(ref(window, "x"), 1), eq(ref(window, "y"), 2)))
    assert optimized(plan) == "filter y = 2 (window (filter x = 1 (a[id x y])))"


def test_filters_and_distinct(make: Plans) -> None:
    a = make.scan("crm.a")
    assert optimized(p.Filter(p.Distinct(a), eq(ref(a, "x"), 1))) == "distinct (filter x = 1 (a[id x y]))"
    on = p.Distinct(p.Sort(a, (e.SortKey(ref(a, "x")), e.SortKey(ref(a, "y")))), (ref(a, "x"),))
    plan = p.Filter(on, both(eq(ref(a, "x"), 1), eq(ref(a, "y"), 2)))
    assert optimized(plan) == "filter y = 2 (distinct (sort x, y (filter x = 1 (a[id x y]))))"


def test_filters_and_set_operations(make: Plans) -> None:
    a, b = make.scan("crm.a", "x"), make.scan("sales.b", "x")
    union = make.union(a, b, every=False)
    assert optimized(p.Filter(union, eq(ref(union, "x"), 1))) == "union (filter x = 1 (a[x]), filter x = 1 (b[x]))"
    assert optimized(p.Filter(union, random_below(0.5))).startswith("filter random() < 0.5 (union")


def test_filters_never_pass_a_limit(make: Plans) -> None:
    a = make.scan("crm.a")
    plan = p.Filter(p.Limit(a, e.Literal(INT64, 5)), eq(ref(a, "x"), 1))
    assert optimized(plan) == "filter x = 1 (limit 5 (a[id x y]))"


def test_filters_and_guards(make: Plans) -> None:
    a = make.scan("crm.a")
    leaky = call(">", call("/", lit(1), ref(a, "x"), type=INT32), 0)
    closed = p.Filter(p.Guard(a, "g", is_open=False), both(leaky, eq(ref(a, "y"), 2)))
    assert optimized(closed) == "filter 1 / x > 0 (guard (filter y = 2 (a[id x y])))"
    assert optimized(p.Filter(p.Guard(a, "g"), leaky)) == "guard (filter 1 / x > 0 (a[id x y]))"


def test_conditions_are_simplified(make: Plans) -> None:
    a = make.scan("crm.a")
    x, y = ref(a, "x"), ref(a, "y")
    test = both(call("not", call("or", call("<", x, 3), call("is_null", y))), e.TRUE)
    assert optimized(p.Filter(a, test)) == "filter (x >= 3 and y is not null) (a[id x y])"
    impossible = call("and", eq(x, 1), lit(False))
    assert optimized(p.Filter(p.Guard(a, "g"), impossible)) == "guard (filter False (a[id x y]))"


def test_common_conjuncts_leave_a_disjunction(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    same = eq(ref(a, "id"), ref(b, "id"))
    test = call("or", both(same, eq(ref(a, "x"), 1)), both(same, eq(ref(b, "y"), 2)))
    assert optimized(p.Filter(join(a, b), test)).startswith("inner (id = id and (x = 1 or y = 2))")
    dice = call("or", both(random_below(0.5), eq(ref(a, "x"), 1)), both(random_below(0.5), eq(ref(a, "y"), 2)))
    assert "random() < 0.5 and x = 1" in optimized(p.Filter(a, dice))


def exists(a: p.Plan, b: p.Plan, *tests: e.Expr) -> e.Expr:
    return e.Exists(BOOLEAN, p.Filter(b, both(eq(ref(b, "id"), ref(a, "id")), *tests)))


def test_exists_becomes_a_semi_join(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    plan = p.Filter(a, both(eq(ref(a, "x"), 1), exists(a, b, eq(ref(b, "y"), 2))))
    assert optimized(plan) == "semi id = id (filter x = 1 (a[id x y]), filter y = 2 (b[id y]))"
    c, d = make.scan("crm.c"), make.scan("sales.d")
    assert optimized(p.Filter(c, call("not", exists(c, d)))) == "anti id = id (c[id x y], d[id])"


def test_a_correlation_below_a_projection_and_a_join_is_lifted(make: Plans) -> None:
    a, b, c = make.scan("crm.a"), make.scan("sales.b"), make.scan("sales.c")
    inner = join(p.Filter(b, eq(ref(b, "id"), ref(a, "id"))), c, eq(ref(b, "x"), ref(c, "x")))
    plan = p.Filter(a, e.Exists(BOOLEAN, make.project(inner, lit(1))))
    assert optimized(plan) == "semi id = id (a[id x y], inner x = x (b[id x], c[x]))"


def test_what_cannot_be_lifted_stays_a_subquery(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    groups = make.groups(p.Filter(b, eq(ref(b, "id"), ref(a, "id"))), "y", n=COUNT)
    plan = p.Filter(a, e.Exists(BOOLEAN, p.Filter(groups, call(">", ref(groups, "n"), e.Literal(INT64, 1)))))
    assert optimized(plan) == "filter exists (subquery) (a[id x y])"


def test_a_correlation_with_a_plan_further_out_is_not_lifted(make: Plans) -> None:
    a, b, c = make.scan("crm.a"), make.scan("sales.b"), make.scan("sales.c")
    innermost = e.Exists(BOOLEAN, p.Filter(c, both(eq(ref(c, "id"), ref(b, "id")), eq(ref(c, "x"), ref(a, "x")))))
    plan = p.Filter(a, e.Exists(BOOLEAN, p.Filter(b, both(eq(ref(b, "id"), ref(a, "id")), innermost))))
    assert optimized(plan) == "filter exists (subquery) (a[id x y])"


def test_not_in_becomes_an_anti_join_only_without_nulls(make: Plans) -> None:
    def plan(columns: str, place: str = "sales") -> p.Plan:
        a, b = make.scan("crm.a", columns), make.scan(f"{place}.b", columns)
        within = make.project(b, "x")
        return p.Filter(a, call("not", e.Quantified(BOOLEAN, (ref(a, "x"),), "=", False, within)))

    assert optimized(plan("id x!")) == "anti x = x (a[id x], b[x])"
    assert optimized(plan("id x", "crm")) == "filter not x = any (subquery) (a[id x])"


def test_a_large_not_in_of_another_source_is_divided_unless_it_is_volatile(make: Plans) -> None:
    def plan(*tests: e.Expr, rows: int = 100_000) -> str:
        a, b = make.scan("crm.a"), make.counted("sales.b", rows)
        below: p.Plan = p.Filter(b, e.conjunction(list(tests))) if tests else b
        inner = make.project(below, "x")
        return optimized(p.Filter(a, call("not", e.Quantified(BOOLEAN, (ref(a, "y"),), "=", False, inner))))

    assert plan().startswith(
        "filter not exists (subquery) (anti x = y (filter (y is not null or not exists (subquery))"
    )
    assert plan(rows=100) == "filter not y = any (subquery) (a[id x y])"
    assert plan(call("<", call("random", type=FLOAT64), e.Literal(FLOAT64, 0.5))).startswith(
        "filter not y = any (subquery)"
    )


def test_in_becomes_a_semi_join_but_not_below_or(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    within = e.Quantified(BOOLEAN, (ref(a, "x"),), "=", False, make.project(b, "x"))
    assert optimized(p.Filter(a, within)) == "semi x = x (a[id x y], b[x])"
    assert optimized(p.Filter(a, call("or", within, eq(ref(a, "y"), 1)))).startswith(
        "filter (x = any (subquery) or y = 1)"
    )


def test_constants_travel_along_equations(make: Plans) -> None:
    a, b, c = (make.scan(f"crm.{name}") for name in "abc")
    chain = join(join(a, b, eq(ref(a, "x"), ref(b, "x"))), c, eq(ref(b, "x"), ref(c, "x")))
    assert optimized(p.Filter(chain, eq(ref(c, "x"), 5))).count("filter x = 5") == 3
    outer = join(a, b, eq(ref(a, "x"), ref(b, "x")), "left")
    assert optimized(p.Filter(outer, call(">", ref(a, "x"), 5))).count("filter x > 5") == 2
    other = join(a, p.Filter(b, eq(ref(b, "x"), 5)), eq(ref(a, "x"), ref(b, "x")), "left")
    assert optimized(other).count("filter x = 5") == 1


def test_columns_that_nobody_needs_are_not_read(make: Plans) -> None:
    a = make.scan("crm.a", "t id x")
    assert optimized(make.groups(make.project(a, "x", call("+", ref(a, "id"), 1, type=INT32)), n=COUNT)) == (
        "aggregate  count (a[id])"
    )
    b = make.scan("crm.b")
    assert optimized(make.groups(p.Distinct(b), n=COUNT)) == "aggregate  count (distinct (b[id x y]))"


def test_a_cte_reads_what_its_readers_need(make: Plans) -> None:
    b = make.scan("crm.b")
    one, two = (p.CteScan("s", tuple(make.column(c.name) for c in b.columns)) for _ in range(2))
    twice = p.Cte("s", b, make.project(join(one, two, eq(ref(one, "id"), ref(two, "id"))), col(one, "x").name))
    assert optimized(twice) == "project x (cte (b[id x], inner id = id (s[id x], s[id x])))"


def test_distinct_of_constants_is_one_row(make: Plans) -> None:
    a = make.scan("crm.a")
    same = p.Distinct(make.project(a, lit(1), call("+", 1, 2, type=INT32)))
    assert optimized(same) == "project 1, 1 + 2 (limit 1 (a[id]))"
    told_apart = [
        p.Distinct(make.project(a, lit(1), "x")),
        p.Distinct(make.project(a, call("random", type=FLOAT64))),
        p.Distinct(make.project(a, lit(1)), (lit(1),)),
    ]
    assert all(optimized(plan).startswith("distinct") for plan in told_apart)


def test_limits_go_below_projections_and_into_unions(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    union = make.union(a, b)
    limit = p.Limit(union, e.Literal(INT64, 5), e.Literal(INT64, 2))
    assert optimized(limit) == "limit 5 (union all (limit 7 (a[id x y]), limit 7 (b[id x y])))"
    top = p.Limit(p.Sort(union, (e.SortKey(ref(union, "x")),)), e.Literal(INT64, 5))
    assert optimized(top).count("limit 5 (sort x") == 3
    distinct = p.Limit(make.union(a, b, every=False), e.Literal(INT64, 5))
    assert optimized(distinct).count("limit") == 1
    plus = make.project(a, call("+", ref(a, "x"), 1, type=INT32))
    assert optimized(p.Limit(plus, e.Literal(INT64, 5))) == "project x + 1 (limit 5 (a[x]))"


def test_a_sort_that_nobody_sees_goes(make: Plans) -> None:
    a = make.scan("crm.a")
    key = (e.SortKey(ref(a, "x")),)
    assert "sort" not in optimized(make.groups(p.Sort(a, key), n=COUNT))
    assert "sort" in optimized(make.groups(p.Limit(p.Sort(a, key), e.Literal(INT64, 5)), n=COUNT))
    collected = e.Aggregate(INT64, "array_agg", (ref(a, "x"),))
    assert "sort" in optimized(make.groups(p.Sort(a, key), n=collected))
    assert "sort" in optimized(p.Sort(a, key))


def test_joins_of_one_source_stand_together(make: Plans) -> None:
    a, b, c = make.scan("crm.a"), make.scan("sales.b"), make.scan("crm.c")
    plan = join(join(a, b, eq(ref(a, "x"), ref(b, "x"))), c, eq(ref(a, "id"), ref(c, "id")))
    assert "inner id = id (a[id x y], c[id x y])" in optimized(plan)
    loose = join(join(a, b, eq(ref(a, "x"), ref(b, "x"))), c, eq(ref(b, "id"), ref(c, "id")))
    assert optimized(loose) == "inner id = id (inner x = x (a[id x y], b[id x y]), c[id x y])"


def test_a_product_comes_last(make: Plans) -> None:
    a, b, c = (make.scan(f"crm.{name}") for name in "abc")
    plan = p.Filter(join(join(a, b), c), eq(ref(a, "id"), ref(c, "id")))
    assert "inner (inner id = id (a[id x y], c[id x y]), b[id x y])" in optimized(plan)


def test_an_outer_join_of_another_source_waits(make: Plans) -> None:
    a, b, c = make.scan("crm.a"), make.scan("sales.b"), make.scan("crm.c")
    for kind in ("left", "semi", "anti"):
        first = join(a, b, eq(ref(a, "x"), ref(b, "x")), kind)
        plan = join(first, c, eq(ref(a, "id"), ref(c, "id")))
        assert f"{kind} x = x (inner id = id (a[id x y], c[id x y]), b[" in optimized(plan)
    right = join(b, a, eq(ref(a, "x"), ref(b, "x")), "right")
    plan = join(right, c, eq(ref(a, "id"), ref(c, "id")))
    assert "left x = x (inner id = id (a[id x y], c[id x y]), b[id x y])" in optimized(plan)


def test_what_reads_the_side_that_may_be_missing_comes_after_it(make: Plans) -> None:
    a, b, c = make.scan("crm.a"), make.scan("sales.b"), make.scan("crm.c")
    left = join(a, b, eq(ref(a, "x"), ref(b, "x")), "left")
    known = call("coalesce", ref(b, "y"), ref(a, "y"), type=INT32)
    plan = join(left, c, e.conjunction([eq(ref(a, "id"), ref(c, "id")), eq(known, ref(c, "y"))]))
    waits = "filter coalesce(y, y) = y (left x = x (inner id = id (a[id x y], c[id x y]), b[id x y]))"
    assert waits in optimized(plan)
    only = join(left, c, call("is_not_distinct", ref(b, "y"), ref(c, "y")))
    assert optimized(only) == "inner y is not distinct from y (left x = x (a[id x y], b[id x y]), c[id x y])"
    second = join(left, c, eq(ref(b, "id"), ref(c, "id")), "left")
    assert optimized(second) == "left id = id (left x = x (a[id x y], b[id x y]), c[id x y])"


def test_outer_joins_that_keep_their_places(make: Plans) -> None:
    a, b, c = make.scan("crm.a"), make.scan("sales.b"), make.scan("crm.c")
    full = join(a, b, eq(ref(a, "x"), ref(b, "x")), "full")
    on_key = call("is_not_distinct", ref(a, "id"), ref(c, "id"))
    assert optimized(join(full, c, on_key)) == (
        "inner id is not distinct from id (full x = x (a[id x y], b[id x y]), c[id x y])"
    )
    always = join(a, b, call(">", ref(b, "x"), lit(1)), "left")
    assert "left (a[id x y], filter x > 1 (b[id x y]))" in optimized(join(always, c, eq(ref(a, "id"), ref(c, "id"))))
    inside = join(b, c, eq(ref(b, "x"), ref(c, "x")))
    outer = join(a, inside, eq(ref(a, "id"), ref(b, "id")), "left")
    assert optimized(outer) == "left id = id (a[id x y], inner x = x (b[id x y], c[id x y]))"


class Swaps:
    """A rule that does not keep its promise."""

    name = "swaps"
    matches = (p.Project,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        assert isinstance(node, p.Project)
        return p.Project(node.input, node.items[::-1])


class Unguards:
    """A rule that removes a guard."""

    name = "unguards"
    matches = (p.Guard,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        return node.inputs[0]


class Spins:
    """A rule that never has enough."""

    name = "spins"
    matches = (p.Limit,)

    def apply(self, node: p.Plan, context: Context) -> p.Plan | None:
        assert isinstance(node, p.Limit)
        return p.Limit(node.input, node.count)


@pytest.mark.parametrize(
    ("rule", "message"),
    [(Swaps(), "changed the columns"), (Unguards(), "obligation"), (Spins(), "does not come to an end")],
)
def test_the_driver_holds_rules_to_their_promise(
    make: Plans, monkeypatch: pytest.MonkeyPatch, rule: Swaps | Unguards | Spins, message: str
) -> None:
    a = p.Guard(make.scan("crm.a"), "g")
    plan = p.Limit(make.project(a, "x", "y"), e.Literal(INT64, 5))
    monkeypatch.setattr(driver, "PHASES", (Phase("wrong", Walk.DOWN, (rule,)),))
    with pytest.raises(InternalError, match=message):
        optimize(plan)


def test_a_plan_that_is_done_stays_done(make: Plans) -> None:
    a, b, c = make.scan("crm.a"), make.scan("sales.b"), make.scan("crm.c")
    tests = both(eq(ref(a, "id"), ref(c, "id")), eq(ref(a, "x"), ref(b, "x")), eq(ref(c, "y"), 5))
    once = optimize(p.Filter(join(join(a, b), c), tests))
    assert shape(optimize(once)) == shape(once)


def test_eight_tables_take_few_rewrites(make: Plans) -> None:
    tables = [make.scan(f"{'crm' if place % 2 else 'sales'}.t{place}", "id a b c d e f g h") for place in range(8)]
    plan: p.Plan = tables[0]
    for table in tables[1:]:
        plan = join(plan, table)
    links = [eq(ref(one, "id"), ref(two, "id")) for one, two in pairwise(tables)]
    plan = make.groups(p.Filter(plan, both(*links, *(eq(ref(table, "a"), 5) for table in tables))), "b", n=COUNT)
    rewrites: list[str] = []
    optimize(plan, recorder=lambda name, _: rewrites.append(name))
    assert len(rewrites) <= 12  # 9; more is work that is done twice


def test_phases_name_each_rule_after_its_file() -> None:
    for phase in PHASES:
        for rule in phase.rules:
            assert type(rule).__module__ == f"hanse.optimize.rules.{rule.name}"
