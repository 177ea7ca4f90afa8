"""What goes to a source, what stays here and why: on plans built by hand and sources of declared abilities."""

from dataclasses import replace

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.fragment import Decision, FragmentGraph
from hanse.ir.tables import Verdict
from hanse.ir.types import BOOLEAN, FLOAT64, INT32, INT64, TEXT
from hanse.optimize import optimize
from hanse.optimize.estimate import Estimator
from hanse.spi.capabilities import Capabilities
from hanse.split import split
from tests.unit.plans import ALL, COUNT, LOOSE, SOURCES, Plans, both, call, col, eq, join, lit, ref, shape, source


@pytest.fixture
def make() -> Plans:
    return Plans()


FIVE = e.Literal(INT64, 5)


def cut(plan: p.Plan, **sources: Capabilities) -> tuple[str, ...]:
    """The coordinator's plan, then each fragment's."""
    graph = graph_of(plan, **sources)
    return (shape(graph.coordinator), *(shape(fragment.plan) for fragment in graph.fragments))


def graph_of(plan: p.Plan, **sources: Capabilities) -> FragmentGraph:
    known = dict(SOURCES) | {name: source(name, capabilities) for name, capabilities in sources.items()}
    graph = split(plan, known, sizes=Estimator())
    assert [c.id for c in graph.coordinator.columns] == [c.id for c in plan.columns]
    return graph


def reasons(graph: FragmentGraph) -> list[str]:
    """All reasons of things that did not simply go."""
    found = [d for fragment in graph.fragments for d in fragment.decisions] + list(graph.decisions)
    assert all(d.reason for d in found if d.verdict is not Verdict.EXACT)
    return [f"{d.verdict}: {d.what}: {d.reason}" for d in found if d.verdict is not Verdict.EXACT]


def test_a_query_of_one_source_goes_as_a_whole(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    groups = make.groups(p.Filter(join(a, b, eq(ref(a, "id"), ref(b, "id"))), eq(ref(a, "x"), 1)), "y@1", n=COUNT)
    plan = p.Limit(p.Sort(groups, (e.SortKey(ref(groups, "n"), True),)), FIVE)
    here, there = cut(plan)
    assert here == "f0"
    assert there == shape(plan)
    assert not reasons(graph_of(plan))


def test_sources_are_joined_here(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    plan = make.project(join(a, b, eq(ref(a, "id"), ref(b, "id"))), "x@0")
    assert cut(plan) == ("project x (inner id = id (f0, f1))", "a[id x]", "b[id]")
    assert reasons(graph_of(plan)) == ["NO: inner join on id = id: joins sources crm and sales"]


def test_each_conjunct_goes_by_itself(make: Plans) -> None:
    a = make.scan("crm.a", "id x t", collation=LOOSE)
    plan = p.Filter(
        a, both(eq(ref(a, "x"), 1), eq(ref(a, "t"), "Jo"), eq(call("initcap", ref(a, "t"), type=TEXT), "Jo"))
    )
    here, there = cut(plan)
    assert there == "filter (x = 1 and t = 'Jo') (a[id x t])"
    assert here == "filter (t = 'Jo' and initcap(t) = 'Jo') (f0)"
    assert reasons(graph_of(plan)) == [
        "SUPERSET: t = 'Jo': the collation ignores case",
        "NO: initcap(t) = 'Jo': no proven spelling of initcap(text) in sheet",
    ]


def test_the_order_of_text_needs_proof(make: Plans) -> None:
    a = make.scan("crm.a", "id t", collation=LOOSE)
    plan = p.Filter(a, call("<", ref(a, "t"), "m"))
    assert reasons(graph_of(plan)) == ["NO: t < 'm': text order under collation latin1_swedish_ci is not proven"]
    sort = p.Limit(p.Sort(a, (e.SortKey(ref(a, "t")),)), FIVE)
    assert cut(sort) == ("limit 5 (sort t (f0))", "a[id t]")
    groups = make.groups(a, "t", n=COUNT)
    assert cut(groups) == ("aggregate t count (f0)", "a[t]")
    assert cut(p.Distinct(a))[0] == "distinct (f0)"


def test_a_superset_is_never_negated(make: Plans) -> None:
    a = make.scan("crm.a", "id t", collation=LOOSE)
    test = eq(ref(a, "t"), "Jo")
    assert cut(p.Filter(a, call("not", test)))[1] == "a[id t]"
    either = call("or", test, eq(ref(a, "id"), 1))
    assert cut(p.Filter(a, either))[1] == "filter (t = 'Jo' or id = 1) (a[id t])"


def test_nothing_but_filters_and_plain_projections_stands_on_a_superset(make: Plans) -> None:
    a = make.scan("crm.a", "id x t", collation=LOOSE)
    tested = p.Filter(a, eq(ref(a, "t"), "Jo"))
    assert cut(p.Limit(tested, FIVE)) == ("limit 5 (filter t = 'Jo' (f0))", "filter t = 'Jo' (a[id x t])")
    assert cut(make.groups(tested, n=COUNT))[0] == "aggregate  count (filter t = 'Jo' (f0))"
    plain = make.project(tested, "x")
    assert cut(plain) == ("project x (filter t = 'Jo' (f0))", "project x, t (filter t = 'Jo' (a[id x t]))")
    computed = make.project(tested, call("%", lit(1), ref(a, "x"), type=INT32))
    assert cut(computed)[0] == "project 1 % x (filter t = 'Jo' (f0))"


def test_a_residual_may_stand_above_an_inner_join_but_not_under_an_outer_one(make: Plans) -> None:
    a, b = make.scan("crm.a", "id t", collation=LOOSE), make.scan("crm.b")
    tested = p.Filter(a, eq(ref(a, "t"), "Jo"))
    same = eq(ref(a, "id"), ref(b, "id"))
    assert cut(join(tested, b, same))[0] == "filter t = 'Jo' (f0)"
    assert len(cut(join(tested, b, same, "left"))) == 2
    assert len(cut(join(b, tested, same, "left"))) == 3
    assert len(cut(join(b, tested, same, "semi"))) == 3


def test_conditions_that_cannot_go_stay_above_an_inner_join_only(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    odd = eq(call("initcap", ref(a, "x"), type=INT32), ref(b, "x"))
    test = both(eq(ref(a, "id"), ref(b, "id")), odd)
    here, there = cut(join(a, b, test))
    assert (here, there) == ("filter initcap(x) = x (f0)", "inner id = id (a[id x y], b[id x y])")
    assert len(cut(join(a, b, test, "left"))) == 3


def test_a_product_is_made_here(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    assert cut(join(a, b)) == ("inner (f0, f1)", "a[id x y]", "b[id x y]")
    assert len(cut(join(a, b, call("<", ref(a, "x"), ref(b, "x"))))) == 3
    assert len(cut(join(a, b, call("<", ref(a, "x"), ref(b, "x")), "semi"))) == 2


def test_a_projection_is_divided(make: Plans) -> None:
    a = make.scan("crm.a")
    plan = make.project(a, call("+", ref(a, "x"), 1, type=INT32), call("initcap", ref(a, "y"), type=INT32))
    assert cut(plan) == ("project p, initcap(y) (f0)", "project x + 1, y (a[id x y])")


def test_volatile_functions_stay(make: Plans) -> None:
    a = make.scan("crm.a")
    test = call("<", call("random", type=FLOAT64), e.Literal(FLOAT64, 0.5))
    assert cut(p.Filter(a, test)) == ("filter random() < 0.5 (f0)", "a[id x y]")
    assert "differently each time" in reasons(graph_of(p.Filter(a, test)))[0]


def test_a_doubtful_column_is_only_read(make: Plans) -> None:
    a = make.scan("crm.a", "x", no_pushdown="time 24:00:00")
    assert cut(p.Filter(a, eq(ref(a, "x"), 1))) == ("filter x = 1 (f0)", "a[x]")
    assert reasons(graph_of(p.Filter(a, eq(ref(a, "x"), 1)))) == ["NO: x = 1: x: time 24:00:00"]
    assert len(cut(make.groups(a, "x", n=COUNT))) == 2
    assert cut(make.groups(a, "x", n=COUNT))[0] == "aggregate x count (f0)"
    assert cut(make.groups(a, n=COUNT))[0] == "f0"
    named = make.project(a, ref(a, "x"))
    assert cut(p.Filter(named, eq(ref(named, "p"), 1)))[1] == "project x (a[x])"


def test_a_source_that_only_reads(make: Plans) -> None:
    a = make.scan("bare.a")
    plan = p.Limit(p.Filter(make.project(a, "id", "x"), eq(ref(a, "x"), 1)), FIVE)
    assert cut(plan) == ("limit 5 (filter x = 1 (f0))", "project id, x (a[id x y])")
    assert reasons(graph_of(plan))[0] == "NO: x = 1: the source has no filters"


def test_order_is_restored_where_a_source_sorted_for_a_limit(make: Plans) -> None:
    a = make.scan("crm.a")
    top = p.Limit(p.Sort(a, (e.SortKey(ref(a, "y")),)), FIVE)
    plan = make.project(top, call("initcap", ref(a, "x"), type=INT32))
    assert cut(plan) == ("project initcap(x) (sort y (f0))", "project x, y (limit 5 (sort y (a[id x y])))")
    joined = join(top, make.scan("sales.b", "k"))
    assert cut(joined) == ("inner (f0, f1)", "limit 5 (sort y (a[id x y]))", "b[k]")


def test_a_sort_alone_is_done_where_its_order_is_seen(make: Plans) -> None:
    a = make.scan("crm.a")
    plan = make.project(p.Sort(a, (e.SortKey(ref(a, "y")),)), call("initcap", ref(a, "x"), type=INT32))
    assert cut(plan) == ("project initcap(x) (sort y (f0))", "project x, y (a[id x y])")
    unseen = join(p.Sort(a, (e.SortKey(ref(a, "y")),)), make.scan("sales.b", "k"))
    assert "sort" not in "".join(cut(unseen))


def test_set_operations(make: Plans) -> None:
    a, b, c = make.scan("crm.a", "x"), make.scan("crm.b", "x"), make.scan("sales.c", "x")
    assert cut(make.union(a, b, every=False)) == ("f0", "union (a[x], b[x])")
    assert cut(make.union(make.union(a, b), c)) == ("union all (f0, f1)", "union all (a[x], b[x])", "c[x]")
    text = [make.scan(f"crm.{name}", "t", collation=LOOSE) for name in "de"]
    assert cut(make.union(*text))[0] == "f0"
    assert cut(make.union(*text, every=False))[0] == "union (f0, f1)"


def test_windows_need_the_capability(make: Plans) -> None:
    a = make.scan("crm.a")
    number = e.WindowCall(INT64, "row_number", (), (ref(a, "x"),), (e.SortKey(ref(a, "y")),))
    plan = p.Window(a, ((make.column("n", INT64), number),))
    assert cut(plan)[0] == "f0"
    assert cut(plan, crm=replace(ALL, windows=False))[0] == "window (f0)"
    lag = p.Window(a, ((make.column("n", INT64), replace(number, name="lag", args=(ref(a, "x"),))),))
    assert "no proven spelling of lag(integer)" in reasons(graph_of(lag))[0]


def test_subqueries_go_only_as_a_whole_to_the_same_source(make: Plans) -> None:
    def plan(place: str) -> p.Plan:
        a, b = make.scan("crm.a"), make.scan(place)
        biggest = make.groups(p.Filter(b, eq(ref(b, "id"), ref(a, "id"))), m=e.Aggregate(INT32, "max", (ref(b, "x"),)))
        return p.Filter(a, eq(ref(a, "x"), e.Scalar(INT32, biggest)))

    assert cut(plan("crm.b"))[0] == "f0"
    assert cut(plan("sales.b"))[0] == "filter x = (subquery) (f0)"
    assert len(graph_of(plan("sales.b")).fragments) == 2
    assert "has no subqueries" in reasons(graph_of(plan("crm.b"), crm=replace(ALL, subqueries=False)))[0]


def test_a_cte_of_one_source_goes_as_a_whole(make: Plans) -> None:
    def plan(other: str, recursive: bool = False) -> p.Plan:
        a, b = make.scan("crm.a", "id x"), make.scan(other, "id")
        reader = p.CteScan(f"r{a.columns[0].id}", (make.column("id"), make.column("x")))
        return p.Cte(reader.name, a, join(reader, b, eq(ref(reader, "id"), ref(b, "id"))))

    assert cut(plan("crm.b"))[0] == "f0"
    here, *there = cut(plan("sales.b"))
    assert here.startswith("cte (f0, inner id = id (r")
    assert there == ["a[id x]", "b[id]"]
    assert cut(plan("crm.b"), crm=replace(ALL, ctes=False))[0].startswith("cte (f0, inner")


def test_a_recursive_cte(make: Plans) -> None:
    a, b = make.scan("crm.a", "id"), make.scan("crm.b", "id x")
    step = p.CteScan("r", (make.column("id"),))
    next_ids = make.project(join(step, b, eq(ref(step, "id"), ref(b, "id"))), ref(b, "x"))
    plan = p.Cte("r", make.union(a, next_ids), p.CteScan("r", (make.column("id"),)), recursive=True)
    assert cut(plan)[0] == "f0"
    here, *there = cut(plan, crm=replace(ALL, recursive_ctes=False))
    assert here.startswith("cte (union all (f0, project x (inner id = id (r[id], f1))), r[id])")
    assert there == ["a[id]", "b[id x]"]


def test_values_follow_a_table(make: Plans) -> None:
    a = make.scan("crm.a")
    values = p.Values((make.column("k"),), ((lit(1),), (lit(2),)))
    plan = join(a, values, eq(ref(a, "id"), ref(values, "k")))
    assert cut(plan)[0] == "f0"
    assert cut(plan, crm=replace(ALL, values=False))[0] == "inner id = k (f0, values )"
    assert cut(values) == ("values ",)


def test_lateral_joins(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    right = p.Limit(p.Filter(b, eq(ref(b, "id"), ref(a, "id"))), FIVE)
    plan = join(a, right, lateral=True)
    assert cut(plan)[0] == "f0"
    here, *there = cut(plan, crm=replace(ALL, lateral=False))
    assert here == "inner (f1, limit 5 (filter id = id (f0)))"
    assert there == ["b[id x y]", "a[id x y]"]


def test_a_lateral_join_whose_correlation_stays_here_is_no_product_there(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    right = p.Filter(b, both(eq(ref(b, "id"), ref(a, "id")), eq(call("initcap", ref(b, "x"), type=INT32), 1)))
    assert len(cut(join(a, right, lateral=True))) == 3


def test_closed_guards_keep_conditions_that_could_reveal_rows(make: Plans) -> None:
    a = make.scan("crm.a")
    guarded = p.Guard(p.Filter(a, eq(ref(a, "y"), 7)), "g", is_open=False)
    leaky = call(">", call("%", lit(1), ref(a, "x"), type=INT32), 0)
    assert cut(p.Filter(guarded, leaky)) == ("filter 1 % x > 0 (f0)", "guard (filter y = 7 (a[id x y]))")
    assert cut(p.Filter(guarded, eq(ref(a, "x"), 1)))[0] == "f0"
    unproven = p.Guard(p.Filter(a, eq(call("initcap", ref(a, "y"), type=INT32), 7)), "g", is_open=False)
    assert cut(p.Filter(unproven, leaky))[0] == "filter 1 % x > 0 (guard (filter initcap(y) = 7 (f0)))"


def test_open_guards_travel_with_their_table(make: Plans) -> None:
    a = p.Guard(make.scan("crm.a"), "g")
    plan = p.Filter(a, eq(call("initcap", ref(a, "y"), type=INT32), 7))
    assert cut(plan) == ("filter initcap(y) = 7 (f0)", "guard (a[id x y])")


def test_aggregates_with_distinct_filter_and_order(make: Plans) -> None:
    a = make.scan("crm.a", "id x t", collation=LOOSE)
    counted = e.Aggregate(INT64, "count", (ref(a, "x"),), distinct=True)
    assert cut(make.groups(a, n=counted))[0] == "f0"
    assert cut(make.groups(a, n=replace(counted, args=(ref(a, "t"),))))[0] != "f0"
    some = make.groups(a, n=replace(COUNT, filter=eq(ref(a, "x"), 1)))
    assert cut(some)[0] == "f0"
    assert cut(some, crm=replace(ALL, aggregate_filter=False))[0] != "f0"
    sets = make.groups(a, "x", sets=((0,), ()), n=COUNT)
    assert "grouping sets" in reasons(graph_of(sets, crm=replace(ALL, grouping_sets=False)))[0]


def test_without_pushdown_all_rows_are_read(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    plan = optimize(make.project(p.Filter(join(a, b, eq(ref(a, "id"), ref(b, "id"))), eq(ref(a, "x"), 1)), "y@1"))
    graph = split(plan, SOURCES, pushdown=False, sizes=Estimator())
    assert [sorted(name for _, name in f.plan.outputs) for f in graph.fragments if isinstance(f.plan, p.Scan)] == [
        ["id", "x"],
        ["id", "y"],
    ]
    assert "filter x = 1" in shape(graph.coordinator)
    assert graph.decisions == (Decision("everything above the scans", Verdict.NO, "pushdown is off"),)


def test_without_pushdown_positions_hold(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    narrow = [make.project(scan, "x") for scan in (a, b)]
    graph = split(optimize(p.Distinct(make.union(*narrow, every=False))), SOURCES, pushdown=False, sizes=Estimator())
    assert shape(graph.coordinator) == "distinct (union (f0, f1))"
    assert [[column.name for column in fragment.columns] for fragment in graph.fragments] == [["x"], ["x"]]


def test_nothing_needed_still_reads_one_column(make: Plans) -> None:
    a = make.scan("crm.a", "t id x")
    plan = optimize(make.groups(a, n=COUNT))
    assert cut(plan, crm=Capabilities()) == ("aggregate  count (f0)", "a[id]")


def test_quantified_comparisons(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    within = e.Quantified(BOOLEAN, (ref(a, "x"),), "=", False, make.project(b, "x"))
    assert cut(p.Filter(a, call("not", within)))[0] == "f0"
    text = [make.scan(f"crm.{name}", "t", collation=LOOSE) for name in "cd"]
    named = e.Quantified(BOOLEAN, (ref(text[0], "t"),), "=", False, text[1])
    assert cut(p.Filter(text[0], named))[0] == "filter t = any (subquery) (f0)"


def test_the_column_of_a_literal_compares_bytewise(make: Plans) -> None:
    a = make.scan("crm.a")
    named = make.project(a, "id", lit("x"))
    assert cut(p.Filter(named, call("<", ref(named, "p"), "y")))[0] == "f0"
    assert col(named, "p").type == TEXT
