"""Which keys may go where: every operator that lets them pass, and every one that must not."""

from dataclasses import replace

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.fragment import FragmentGraph, Hole, KeyCaps
from hanse.ir.tables import ColumnStatistics, TableStatistics
from hanse.ir.types import FLOAT64, INT64, decimal
from hanse.optimize.estimate import Estimator
from hanse.spi.keys import KeyCosts
from hanse.split import split
from tests.unit.plans import ALL, COUNT, SOURCES, Plans, call, col, eq, join, lit, ref, shape, source


@pytest.fixture
def make() -> Plans:
    return Plans()


def sized(plan: p.Scan, rows: int) -> p.Scan:
    return replace(plan, table=replace(plan.table, row_count=rows))


def graph_of(plan: p.Plan, key_shipping: str = "force", **sources) -> FragmentGraph:
    return split(plan, dict(SOURCES) | sources, key_shipping=key_shipping, sizes=Estimator())


def holes(plan: p.Plan, key_shipping: str = "force", **sources) -> list[str]:
    """Each hole as ``origin table.column -> target table.column``."""
    graph = graph_of(plan, key_shipping, **sources)
    names = {f.id: next(n.table.name for n in _scans(f.plan)) for f in graph.fragments}
    columns = {c.id: c.name for f in graph.fragments for c in f.columns}
    return [f"{_keys(h, names, columns)} -> {_key(h.target, h.target_columns, names, columns)}" for h in graph.holes]


def _keys(hole: Hole, names: dict[int, str], columns: dict[int, str]) -> str:
    return " + ".join(_key(origin.fragment, origin.columns, names, columns) for origin in hole.origins)


def _key(fragment: int, key: tuple[int, ...], names: dict[int, str], columns: dict[int, str]) -> str:
    return f"{names[fragment]}.{' '.join(columns[id] for id in key)}"


def _scans(plan: p.Plan) -> list[p.Scan]:
    return [plan] if isinstance(plan, p.Scan) else [scan for child in plan.inputs for scan in _scans(child)]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("inner", ["a.id -> b.id"]),
        ("semi", ["a.id -> b.id"]),
        ("left", ["a.id -> b.id"]),
        ("anti", ["a.id -> b.id"]),
        ("right", ["b.id -> a.id"]),
        ("full", []),
    ],
)
def test_a_join_narrows_the_side_whose_lonely_rows_it_drops(make: Plans, kind: str, expected: list[str]) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    assert holes(join(a, b, eq(ref(a, "id"), ref(b, "id")), kind)) == expected


def test_the_smaller_side_gives_its_keys_to_the_larger(make: Plans) -> None:
    a, b = sized(make.scan("crm.a"), 1_000_000), sized(make.scan("sales.b"), 10)
    plan = join(a, b, eq(ref(a, "id"), ref(b, "id")))
    assert holes(plan, "on") == ["b.id -> a.id"]
    assert graph_of(plan, "on").holes[0].keys_max == 45_454
    assert holes(plan, "off") == []


def test_sides_of_like_size_are_read_whole(make: Plans) -> None:
    a, b = sized(make.scan("crm.a"), 1000), sized(make.scan("sales.b"), 900)
    assert holes(join(a, b, eq(ref(a, "id"), ref(b, "id"))), "on") == []


def test_the_condition_stands_in_the_target_and_the_join_stays(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    graph = graph_of(join(a, b, eq(ref(a, "id"), ref(b, "id"))))
    here, one, other = shape(graph.coordinator), *(shape(f.plan) for f in graph.fragments)
    assert here == "inner id = id (f0, f1)"
    assert one == "a[id x y]"
    assert other.startswith("filter ")
    assert other.endswith("(b[id x y])")


def test_keys_travel_over_several_hops_but_never_in_a_circle(make: Plans) -> None:
    a, b, c = sized(make.scan("crm.a"), 10), sized(make.scan("sales.b"), 10**4), sized(make.scan("crm.c"), 10**6)
    ab = join(a, b, eq(ref(a, "id"), ref(b, "id")))
    plan = join(ab, c, eq(ref(b, "x"), ref(c, "x")))
    assert holes(plan, "on") == ["a.id -> b.id", "b.x -> c.x"]
    ring = join(ab, c, e.conjunction([eq(ref(b, "x"), ref(c, "x")), eq(ref(c, "y"), ref(a, "y"))]))
    graph = graph_of(ring)
    edges = {(hole.origins[0].fragment, hole.target) for hole in graph.holes}
    assert not edges & {(target, origin) for origin, target in edges}


def test_no_keys_through_a_limit_or_a_global_aggregate(make: Plans) -> None:
    a = make.scan("bare.a")
    for below in (p.Limit(a, e.Literal(INT64, 3)), p.Distinct(a, (ref(a, "x"),))):
        b = make.scan("sales.b")
        assert "b.id -> a.id" not in holes(join(b, below, eq(ref(b, "id"), ref(a, "id"))), bare=BARE)


BARE = source("bare", replace(ALL, limit=False, distinct=False, distinct_on=False, aggregates=False, windows=False))
"""Its limits, groups and windows are computed here, so that keys would have to pass them."""


def test_a_limit_that_the_source_has_taken_is_final(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    plan = join(b, p.Limit(a, e.Literal(INT64, 3)), eq(ref(b, "id"), ref(a, "id")))
    graph = graph_of(plan)
    target = next((f for f in graph.fragments if graph.holes and f.id == graph.holes[0].target), None)
    assert target is not None
    assert "limit" not in shape(target.plan) or shape(target.plan).startswith("filter ")


def test_keys_pass_groups_and_windows_by_their_own_column_only(make: Plans) -> None:
    a = make.scan("bare.a")
    groups = make.groups(a, "id", n=COUNT)
    b = sized(make.scan("sales.b"), 10)
    assert holes(join(b, groups, eq(ref(b, "id"), ref(groups, "id"))), bare=BARE) == ["b.id -> a.id"]
    sets = make.groups(a, "id", "x", sets=((0,), (1,)), n=COUNT)
    assert "b.id -> a.id" not in holes(join(b, sets, eq(ref(b, "id"), ref(sets, "id"))), bare=BARE)
    for partition, passes in (("id", True), ("x", False)):
        number = e.WindowCall(INT64, "row_number", partition_by=(ref(a, partition),))
        window = p.Window(a, ((make.column("n", INT64), number),))
        found = holes(join(b, window, eq(ref(b, "id"), ref(a, "id"))), bare=BARE)
        assert ("b.id -> a.id" in found) is passes


def test_keys_go_into_every_branch_of_a_union(make: Plans) -> None:
    a, c, b = make.scan("crm.a", "id"), make.scan("sales.c", "id"), sized(make.scan("bare.b", "id"), 5)
    union = make.union(a, c)
    assert holes(join(b, union, eq(ref(b, "id"), col(union, "id").ref()))) == ["b.id -> a.id", "b.id -> c.id"]


def test_keys_of_a_union_come_from_all_of_its_sides(make: Plans) -> None:
    a, c = sized(make.scan("crm.a", "id"), 10), sized(make.scan("sales.c", "id"), 10)
    b = sized(make.scan("crm.b", "id"), 10**6)
    union = make.union(a, c)
    plan = join(union, b, eq(col(union, "id").ref(), ref(b, "id")))
    assert holes(plan) == ["a.id + c.id -> b.id"]
    assert holes(plan, "on") == ["a.id + c.id -> b.id"]


def test_no_fragment_gives_keys_of_two_sides_of_a_union(make: Plans) -> None:
    a, b = make.scan("bare.a", "id x"), make.scan("crm.b", "id")
    pairs = make.union(make.project(a, ref(a, "id")), make.project(a, ref(a, "x")))
    graph = graph_of(join(pairs, b, eq(pairs.columns[0].ref(), ref(b, "id")), "left"))
    assert all(len({o.fragment for o in hole.origins}) == len(hole.origins) for hole in graph.holes)


def test_a_side_of_which_some_keys_come_from_no_fragment_gives_none(make: Plans) -> None:
    b = make.scan("crm.b", "id")
    a = make.scan("bare.a", "id")
    one = p.Values((make.column("id"),), ((lit(5),),))
    computed = make.project(make.scan("bare.c", "id"), call("abs", lit(1), type=ref(a, "id").type))
    for other in (one, computed):
        for union in (make.union(a, other), make.union(other, a)):
            plan = join(union, b, eq(union.columns[0].ref(), ref(b, "id")), "left")
            assert holes(plan) == []


def test_integers_that_are_compared_as_decimals_are_shipped(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    for digits, expected in ((20, ["a.id -> b.id"]), (9, [])):
        as_decimal = [e.Cast(decimal(digits, 0), ref(x, "id")) for x in (a, b)]
        assert holes(join(a, b, eq(*as_decimal))) == expected


def test_floats_and_computed_keys_are_not_shipped(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    as_float = [e.Cast(FLOAT64, ref(x, "id")) for x in (a, b)]
    assert holes(join(a, b, eq(*as_float))) == []
    assert holes(join(a, b, eq(call("abs", ref(a, "id"), type=a.columns[0].type), ref(b, "id")))) == []
    assert holes(join(a, b, call("<", ref(a, "id"), ref(b, "id")))) == []


def test_a_source_that_tests_nothing_or_is_read_in_place_gets_no_keys(make: Plans) -> None:
    a = sized(make.scan("crm.a"), 10)
    for capabilities in (replace(ALL, filters=False), replace(ALL, embedded=True)):
        b = sized(make.scan("sales.b"), 10**6)
        plan = join(a, b, eq(ref(a, "id"), ref(b, "id")))
        assert "a.id -> b.id" not in holes(plan, sales=source("sales", capabilities))


def test_without_pushdown_there_is_no_shipping(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    plan = join(a, b, eq(ref(a, "id"), ref(b, "id")))
    assert split(plan, SOURCES, pushdown=False, key_shipping="force", sizes=Estimator()).holes == ()


# -- how many keys, and how they are asked for


def stored(plan: p.Scan, **facts: object) -> p.Scan:
    return replace(plan, table=replace(plan.table, **facts))


def hole_into(make: Plans, target: p.Plan, key_shipping: str = "on", sources: dict | None = None) -> Hole:
    small = sized(make.scan("sales.b"), 10)
    graph = split(
        join(small, target, eq(ref(small, "id"), ref(target, "id")), "left"),
        sources or dict(SOURCES),
        key_shipping=key_shipping,
        sizes=Estimator(),
    )
    return graph.holes[0]


def test_keys_in_the_order_of_rows_are_worth_more(make: Plans) -> None:
    table = stored(make.scan("crm.a"), row_count=1_000_000)
    in_order = TableStatistics(columns={"id": ColumnStatistics(correlation=-0.99)})
    scattered = TableStatistics(columns={"id": ColumnStatistics(correlation=0.2)})
    assert hole_into(make, stored(table, indexes=(("id",),), statistics=in_order)).keys_max == 71_428
    assert hole_into(make, stored(table, indexes=(("id",),), statistics=scattered)).keys_max == 45_454


def test_without_an_index_one_statement_scans(make: Plans) -> None:
    table = stored(make.scan("crm.a"), row_count=1_000_000, indexes=(("x",),))
    hole = hole_into(make, table)
    assert (hole.divisible, hole.keys_max) == (False, KeyCosts().keys)
    assert hole_into(make, table, "force").divisible


def test_what_may_differ_from_time_to_time_is_not_divided(make: Plans) -> None:
    table = make.scan("crm.a")
    first = p.Limit(table, e.Literal(INT64, 10), None)
    assert hole_into(make, table, "force").divisible
    assert not hole_into(make, first, "force").divisible


def test_caps_of_the_configuration(make: Plans) -> None:
    table = stored(make.scan("crm.a"), row_count=1_000_000)

    def most(**caps: int) -> int:
        sources = dict(SOURCES)
        sources["crm"] = replace(sources["crm"], key_caps=KeyCaps(**caps))
        return hole_into(make, table, sources=sources).keys_max

    assert most(keys_max=100) == 100
    assert most(keys_max=10**9) == 45_454
    assert most(keys_max=100_000, fails=True) == 100_000


def test_what_a_source_may_not_decide_is_not_narrowed(make: Plans) -> None:
    table = make.scan("crm.a")
    columns = tuple(replace(c, no_pushdown="in doubt") for c in table.table.columns)
    a, b = stored(table, columns=columns), make.scan("sales.b")
    assert holes(join(a, b, eq(ref(a, "id"), ref(b, "id")))) == ["a.id -> b.id"]
    assert holes(join(b, a, eq(ref(b, "id"), ref(a, "id")), "left")) == []


def test_groups_are_tested_before_they_are_made(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    plan = join(a, make.groups(b, "id", n=COUNT), eq(ref(a, "id"), ref(b, "id")), "left")
    graph = graph_of(plan)
    narrowed = next(f for f in graph.fragments if f.id == graph.holes[0].target)
    assert shape(narrowed.plan).startswith("aggregate")
    assert "(filter " in shape(narrowed.plan)
