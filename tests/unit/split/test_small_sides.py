"""Which rows may go into another source's query: where that moves less and is the same, and every case where it is not."""

from dataclasses import replace

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.check import check
from hanse.ir.fragment import FragmentGraph, KeyCaps
from hanse.ir.tables import Collation, ColumnStatistics, TableColumn, TableStatistics
from hanse.ir.types import FLOAT64, INT64, TEXT, Type
from hanse.optimize.estimate import Estimator
from hanse.spi.keys import KeyCosts
from hanse.spi.pace import Pace
from hanse.split import split
from tests.unit.plans import COUNT, LOOSE, SOURCES, Plans, Sheet, call, col, eq, join, lit, ref, shape, source


class Taking(Sheet):
    """Takes rows."""

    rows_max = 1000


TAKING = dict(SOURCES) | {"sales": replace(source("sales"), dialect=Taking())}


class Far(Estimator):
    """Over a network of 100 Mbit/s."""

    def pace(self, source: str) -> Pace:
        return Pace(round_trip=0.005, bandwidth=12.5e6)


@pytest.fixture
def make() -> Plans:
    return Plans()


def sized(plan: p.Scan, rows: int, **distinct: int) -> p.Scan:
    columns = {name: ColumnStatistics(distinct=float(count)) for name, count in distinct.items()}
    return replace(plan, table=replace(plan.table, row_count=rows, statistics=TableStatistics(rows, columns)))


def graph_of(plan: p.Plan, key_shipping: str = "force", sources=TAKING) -> FragmentGraph:
    return split(plan, sources, key_shipping=key_shipping, sizes=Far())


def is_shipped(plan: p.Plan, key_shipping: str = "force", sources=TAKING) -> bool:
    return bool(graph_of(plan, key_shipping, sources).small_sides)


def total(plan: p.Plan, name: str) -> e.Aggregate:
    return e.Aggregate(INT64, "sum", (ref(plan, name),))


def pair(make: Plans, kind: str = "inner", small: str = "id x t") -> p.Join:
    a, b = sized(make.scan("crm.a", small), 50), sized(make.scan("sales.b", "id y t"), 1_000_000, id=40, y=1000)
    return join(a, b, eq(ref(a, "id"), ref(b, "id")), kind)


def test_groups_by_columns_of_both_sides_are_formed_at_the_larger_source(make: Plans) -> None:
    both = pair(make)
    plan = make.groups(both, "x", "y", total=total(both, "y"))
    graph = graph_of(plan, "on")
    (side,) = graph.small_sides
    assert (side.target, side.origins, side.instead, side.rows_max) == (2, (0,), (1,), 1000)
    assert graph.fragments[2].source == "sales"
    there = shape(graph.fragments[2].plan)
    assert there.startswith("project x, y, total (aggregate x y sum (inner id = id (f0, b[")
    here = shape(graph.coordinator)
    assert here.startswith("union all (f2, aggregate x y sum (inner id = id (f0, f1)")
    assert [column.name for column in graph.coordinator.columns] == ["x", "y", "total"]
    check(graph.coordinator)


def test_only_what_moves_clearly_less(make: Plans) -> None:
    both = pair(make)
    many = make.groups(both, "x", "y", "id", "id@1", total=total(both, "y"))
    assert is_shipped(many)
    assert not is_shipped(join(both.left, both.right, both.condition), "on")
    a, b = sized(make.scan("crm.a"), 50), sized(make.scan("sales.b"), 900, id=40, y=1000)
    few = join(a, b, eq(ref(a, "id"), ref(b, "id")))
    assert not is_shipped(make.groups(few, "y", n=COUNT), "on")
    a, b = sized(make.scan("crm.a"), 5000), sized(make.scan("sales.b"), 1_000_000, id=4000, y=10)
    large = join(a, b, eq(ref(a, "id"), ref(b, "id")))
    assert not is_shipped(make.groups(large, "y", n=COUNT), "on")
    assert not is_shipped(make.groups(both, "y", n=COUNT), "off")


def test_on_the_same_machine_narrow_rows_move(make: Plans) -> None:
    a, b = sized(make.scan("crm.a"), 50), sized(make.scan("sales.b", "id y t1 t2 t3 t4"), 1_000_000, id=40, y=1000)
    both = join(a, b, eq(ref(a, "id"), ref(b, "id")))
    narrow = make.groups(both, "x", "y", total=total(both, "y"))
    wide = p.Limit(p.Sort(both, (e.SortKey(ref(both, "y")),)), lit(10, INT64))
    for plan, expected in ((narrow, False), (wide, True)):
        graph = split(plan, TAKING, key_shipping="on", sizes=Estimator())
        assert bool(graph.small_sides) is expected


def test_a_source_that_joins_by_nested_loops_needs_an_index(make: Plans) -> None:
    class Looping(Taking):
        key_costs = KeyCosts(pair=0.5)

        def looks_up(self, column: TableColumn) -> bool:
            return column.type != TEXT

        def row_collation(self, type: Type) -> Collation:
            return Collation("C", True, True)

    sources = dict(SOURCES) | {"sales": replace(source("sales"), dialect=Looping())}
    for indexes, on, expected in (
        ((), "id", False),
        ((("y",),), "id", False),
        ((("id", "y"),), "id", True),
        ((("t",),), "t", False),
    ):
        both = pair(make)
        b = replace(both.right, table=replace(both.right.table, indexes=indexes))
        found = join(both.left, b, eq(ref(both.left, on), ref(b, on)))
        plan = make.groups(found, "x", total=total(found, "y"))
        assert is_shipped(plan, "on", sources) is expected
        assert is_shipped(plan, "force", sources)


def test_chances_that_cost_little(make: Plans) -> None:
    """Of which columns nothing is known, their groups are a guess; so are rows that a condition leaves."""
    both = pair(make)
    unknown = make.groups(both, "x", "y", n=COUNT)
    assert is_shipped(unknown, "on")
    a, b = sized(make.scan("crm.a"), 50_000), sized(make.scan("sales.b"), 1_000_000, id=40_000, y=10)
    guessed = p.Filter(a, eq(ref(a, "x"), 7))
    some = join(guessed, b, eq(ref(a, "id"), ref(b, "id")))
    assert is_shipped(make.groups(some, "y", n=COUNT), "on")
    known = join(a, b, eq(ref(a, "id"), ref(b, "id")))
    assert not is_shipped(make.groups(known, "y", n=COUNT), "on")
    far = p.Filter(sized(make.scan("crm.a"), 5_000_000), eq(ref(a, "x"), 7))
    many = join(replace(guessed, input=replace(a, table=far.input.table)), b, eq(ref(a, "id"), ref(b, "id")))
    assert not is_shipped(make.groups(many, "y", n=COUNT), "on")


def test_an_aggregate_without_keys_is_divided(make: Plans) -> None:
    both = pair(make)
    graph = graph_of(make.groups(both, n=COUNT, total=total(both, "y")))
    here = shape(graph.coordinator)
    assert here.startswith("project n, total (aggregate  n total (union all (f2, aggregate  count sum (inner") or (
        "union all (f2, aggregate " in here and here.startswith("project ")
    )
    check(graph.coordinator)
    median = e.Aggregate(FLOAT64, "percentile_cont", (lit(0.5, FLOAT64),), order_by=(e.SortKey(ref(both, "y")),))
    assert not is_shipped(make.groups(both, m=median))


def test_the_first_rows_by_an_order_and_different_rows(make: Plans) -> None:
    both = pair(make)
    rows = p.Limit(p.Sort(both, (e.SortKey(ref(both, "y")),)), lit(10, INT64))
    graph = graph_of(rows, "on")
    assert shape(graph.coordinator).startswith("sort y (union all (f2, limit 10 (sort y (inner")
    assert shape(graph.fragments[2].plan).startswith("project id, x, t, id, y, t (limit 10 (sort y (inner")
    assert is_shipped(p.Distinct(make.project(both, "x", "y")))
    hidden = make.project(rows, "x")
    assert shape(graph_of(hidden).coordinator).startswith("project x (sort y (union all")


@pytest.mark.parametrize(("kind", "expected"), [("inner", True), ("semi", True), ("left", False), ("anti", False)])
def test_only_joins_that_yield_nothing_without_the_larger_side(make: Plans, kind: str, expected: bool) -> None:
    both = pair(make, kind)
    assert is_shipped(make.groups(both, "x", n=COUNT)) is expected


def test_grouping_sets_and_aggregates_below_that_always_yield_a_row(make: Plans) -> None:
    both = pair(make)
    assert not is_shipped(make.groups(both, "x", "y", sets=((0,), ()), n=COUNT))
    one = make.groups(both, n=COUNT)
    assert shape(graph_of(p.Limit(one, lit(1, INT64))).coordinator).startswith("limit 1 (project ")


def test_text_that_may_compare_otherwise_there_joins_here(make: Plans) -> None:
    a, b = make.scan("crm.a", "t x"), make.scan("sales.b", "t y", collation=LOOSE)
    both = join(a, b, eq(ref(a, "t"), ref(b, "t")))
    assert not is_shipped(make.groups(both, "x", n=COUNT))
    proven = make.scan("sales.b", "t y")
    both = join(a, proven, eq(ref(a, "t"), ref(proven, "t")))
    assert not is_shipped(make.groups(both, "x", n=COUNT))

    class Bytewise(Taking):
        def row_collation(self, type):
            return Collation("bytewise", True, True)

    assert is_shipped(
        make.groups(both, "x", n=COUNT), sources=TAKING | {"sales": replace(source("sales"), dialect=Bytewise())}
    )


def test_types_without_exact_constants_stay(make: Plans) -> None:
    both = pair(make)
    wide = replace(both, left=make.project(both.left, "id", "x", call("+", ref(both.left, "x"), 1.5, type=FLOAT64)))
    assert not is_shipped(make.groups(wide, "p", n=COUNT))
    assert is_shipped(make.groups(wide, "x", n=COUNT))


def test_sources_that_take_no_rows(make: Plans) -> None:
    both = pair(make)
    plan = make.groups(both, "x", n=COUNT)
    assert not is_shipped(plan, sources=SOURCES)


def test_what_the_source_cannot_do_stays(make: Plans) -> None:
    both = pair(make)
    strange = e.Aggregate(INT64, "string_agg", (ref(both, "y"),))
    assert not is_shipped(make.groups(both, "x", s=strange))
    tested = p.Filter(both, call("sqrt", ref(both, "y")))
    assert not is_shipped(make.groups(tested, "x", n=COUNT))


def test_large_fragments_that_are_read_elsewhere_too_or_feed_others(make: Plans) -> None:
    a, b, c = sized(make.scan("crm.a"), 50), sized(make.scan("sales.b"), 1000), sized(make.scan("bare.c"), 10_000_000)
    both = join(join(a, b, eq(ref(a, "id"), ref(b, "id"))), c, eq(ref(b, "x"), ref(c, "x")))
    graph = graph_of(make.groups(both, "y", n=COUNT))
    instead = {id for side in graph.small_sides for id in side.instead}
    assert all(origin.fragment not in instead for hole in graph.holes for origin in hole.origins)


def test_several_small_and_several_large_fragments(make: Plans) -> None:
    a, b = sized(make.scan("crm.a"), 50), sized(make.scan("sales.b"), 1_000_000)
    c = sized(make.scan("sales.c"), 1_000_000)
    both = join(join(b, a, eq(ref(b, "id"), ref(a, "id"))), c, eq(ref(a, "x"), ref(c, "x")))
    graph = graph_of(make.project(both, "y", "y@2"))
    (side,) = graph.small_sides
    assert (len(side.origins), len(side.instead)) == (1, 2)


def test_caps_of_the_configuration(make: Plans) -> None:
    both = pair(make)
    capped = replace(TAKING["sales"], key_caps=KeyCaps(keys_max=60, bytes_max=500))
    plan = make.groups(both, "x", n=COUNT)
    (side,) = graph_of(plan, "on", TAKING | {"sales": capped}).small_sides
    assert (side.rows_max, side.bytes_max) == (60, 500)
    less = replace(TAKING["sales"], key_caps=KeyCaps(keys_max=40))
    assert not is_shipped(plan, "on", TAKING | {"sales": less})


def test_conditions_on_keys_are_not_part_of_the_alternative(make: Plans) -> None:
    both = pair(make)
    graph = graph_of(make.groups(both, "x", n=COUNT))
    assert [(hole.origins[0].fragment, hole.target) for hole in graph.holes] == [(0, 1)]
    assert "in keys" not in shape(graph.fragments[2].plan)
    assert col(graph.coordinator, "x").id not in {column.id for column in graph.fragments[2].columns}
