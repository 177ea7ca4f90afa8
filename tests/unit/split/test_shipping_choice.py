"""Which keys are worth sending, by statistics: rows weigh what they have bytes, and waiting costs something."""

from dataclasses import replace

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.fragment import FragmentGraph, KeyCaps, Patience
from hanse.ir.tables import ColumnStatistics
from hanse.ir.types import INT32, INT64
from hanse.optimize.estimate import Estimator
from hanse.spi.pace import Pace
from hanse.split import split
from hanse.split.worth import PATIENCE_LEAST
from tests.unit.plans import ALL, COUNT, SOURCES, Plans, call, eq, join, lit, ref, source


@pytest.fixture
def make() -> Plans:
    return Plans()


def graph_of(plan: p.Plan, key_shipping: str = "on", **sources: object) -> FragmentGraph:
    return split(plan, {**SOURCES, **sources}, key_shipping=key_shipping, sizes=Estimator())


def edges(plan: p.Plan, key_shipping: str = "on", **sources: object) -> list[str]:
    """Each hole as ``origin column -> target column``."""
    graph = graph_of(plan, key_shipping, **sources)
    names = {c.id: f"{f.source}.{c.name}" for f in graph.fragments for c in f.columns}
    return [
        " ".join(names[id] for id in hole.origins[0].columns)
        + " -> "
        + " ".join(names[id] for id in hole.target_columns)
        for hole in graph.holes
        if not hole.is_tried
    ]


def on(left: p.Plan, one: str, right: p.Plan, other: str) -> p.Join:
    return join(left, right, eq(ref(left, one), ref(right, other)))


WIDE = "id " + " ".join(f"t{place}" for place in range(12))


def test_narrow_rows_are_read_first_where_they_spare_wide_ones(make: Plans) -> None:
    orders = make.counted("crm.orders", 120_000, "id x", x=20_000)
    assert edges(on(orders, "x", make.counted("sales.wide", 100_000, WIDE), "id")) == ["crm.x -> sales.id"]
    assert edges(on(orders, "x", make.counted("sales.narrow", 100_000, "id x"), "id")) == []


def test_no_more_keys_are_expected_than_any_step_on_their_way_has_rows(make: Plans) -> None:
    orders = make.counted("crm.orders", 100_000, "id x y", x=100_000, y=1000)
    few = p.Filter(orders, eq(ref(orders, "y"), 7))
    items = make.counted("crm.items", 400_000, "id z", z=100_000)
    plan = on(few, "id", items, "z")
    assert Estimator().rows(plan) == pytest.approx(400, rel=0.1)
    assert Estimator().distinct(plan, ref(few, "x").id) <= 100


# -- keys that find everything


def test_keys_that_find_all_rows_are_not_sent(make: Plans) -> None:
    nations, people = make.counted("crm.nations", 23, "id x"), make.counted("sales.people", 100_000, x=25)
    plan = on(people, "x", nations, "id")
    assert edges(plan) == []
    assert edges(plan, "force") == ["crm.id -> sales.x"]


def test_keys_that_a_condition_chose_are_sent(make: Plans) -> None:
    nations, people = make.counted("crm.nations", 25, "id x", x=5), make.counted("sales.people", 100_000, x=25)
    few = p.Filter(nations, eq(ref(nations, "x"), 3))
    assert edges(on(people, "x", few, "id")) == ["crm.id -> sales.x"]


def test_few_values_are_found_by_few_of_many_keys(make: Plans) -> None:
    """The target has 25 values of 10,000: those 20 keys that are left are most probably others."""
    every, people = make.counted("crm.every", 10_000, "id x", x=500), make.counted("sales.people", 100_000, x=25)
    few = p.Filter(every, eq(ref(every, "x"), 3))
    assert edges(on(people, "x", few, "id")) == ["crm.id -> sales.x"]


def test_values_beyond_the_keys_ends_are_left_out(make: Plans) -> None:
    keys = ColumnStatistics(23.0, 0.0, 1, 30)
    nations = make.counted("crm.nations", 23, "id x", id=keys)
    inside, beyond = (ColumnStatistics(25.0, 0.0, low, low + 24) for low in (1, 25))
    assert edges(on(make.counted("sales.people", 100_000, x=inside), "x", nations, "id")) == []
    assert edges(on(make.counted("sales.people", 100_000, x=beyond), "x", nations, "id")) == ["crm.id -> sales.x"]


def test_rows_without_a_value_are_left_out_too(make: Plans) -> None:
    nations, half = make.counted("crm.nations", 23, "id x"), ColumnStatistics(25.0, 0.5)
    assert edges(on(make.counted("sales.people", 100_000, x=half), "x", nations, "id")) == ["crm.id -> sales.x"]


# -- chances


def guessed(make: Plans, rows: int, name: str = "crm.orders") -> p.Plan:
    """Groups of which a condition, that nobody can estimate, leaves some."""
    orders = make.counted(name, rows, "id x y", x=rows // 4)
    groups = make.groups(orders, "x", n=COUNT)
    odd = call("=", call("abs", ref(groups, "n"), type=ref(groups, "n").type), lit(1))
    return p.Filter(groups, call("or", odd, call("<", ref(groups, "x"), ref(groups, "n"))))


def test_a_guess_of_many_keys_is_a_chance_where_waiting_is_cheap(make: Plans) -> None:
    people = make.counted("sales.people", 20_000)
    graph = graph_of(on(guessed(make, 1_000_000), "x", people, "id"))
    assert [hole.keys_max for hole in graph.holes] == [1538]
    origin = next(f for f in graph.fragments if f.id == graph.holes[0].origins[0].fragment)
    assert Estimator().distinct(origin.plan, graph.holes[0].origins[0].columns[0]) > 10_000


def test_no_chance_if_waiting_costs_much_or_gains_nothing(make: Plans) -> None:
    for rows in (500, 500_000):
        found = edges(on(guessed(make, 1_000_000), "x", make.counted("sales.people", rows), "id"))
        assert "crm.x -> sales.id" not in found


def test_no_chance_if_the_number_of_keys_is_known(make: Plans) -> None:
    orders = make.counted("crm.orders", 1_000_000, "id x y", x=250_000, y=2)
    half = p.Filter(orders, eq(ref(orders, "y"), 1))
    assert edges(on(make.groups(half, "x", n=COUNT), "x", make.counted("sales.people", 20_000), "id")) == []


def test_no_chance_where_too_many_keys_are_refused_or_read_in_place(make: Plans) -> None:
    plan = on(guessed(make, 1_000_000), "x", make.counted("sales.people", 20_000), "id")
    strict = replace(source("sales"), key_caps=KeyCaps(keys_max=1000, fails=True))
    assert edges(plan, sales=strict) == []
    assert edges(plan, crm=source("crm", replace(ALL, embedded=True))) == []
    assert edges(plan) == ["crm.x -> sales.id"]


def test_no_chance_for_a_fragment_whose_own_keys_are_awaited(make: Plans) -> None:
    people = make.counted("sales.people", 20_000, x=20_000)
    last = make.counted("bare.last", 10_000_000, WIDE)
    able = source("bare")
    two = join(on(guessed(make, 1_000_000), "x", people, "id"), last, eq(ref(people, "x"), ref(last, "id")))
    assert edges(two, bare=able) == ["sales.x -> bare.id"]


# -- relays


def relay(make: Plans, people: int) -> p.Plan:
    """Items of customers and suppliers of one nation: the customers' nations choose suppliers, and those items."""
    customers = make.counted("crm.customers", people, "id x y", x=25, y=10)
    asian = p.Filter(customers, eq(ref(customers, "y"), 1))
    narrow = p.Filter(asian, e.InList(eq(1, 1).type, ref(customers, "x"), tuple(map(lit, range(5)))))
    wide = make.counted("crm.suppliers", 600, "id x", x=25)
    items = make.counted("sales.items", 2_000_000, "id c s", c=30_000, s=600)
    both = e.conjunction([eq(ref(items, "s"), ref(wide, "id")), eq(ref(customers, "x"), ref(wide, "x"))])
    return join(on(items, "c", narrow, "id"), wide, both)


def test_keys_are_relayed_by_a_small_fragment_into_one_that_waits_anyway(make: Plans) -> None:
    found = edges(relay(make, 30_000))
    assert found == ["crm.id -> sales.c", "crm.x -> crm.x", "crm.id -> sales.s"]


def test_no_relay_into_a_fragment_that_waits_for_nobody(make: Plans) -> None:
    assert edges(relay(make, 3_000_000)) == []


# -- how long keys are awaited


def patience(plan: p.Plan, sizes: Estimator | None = None, **sources: object) -> Patience | None:
    """That of the only hole."""
    (hole,) = split(plan, {**SOURCES, **sources}, sizes=sizes or Estimator()).holes
    return hole.patience


def test_counted_keys_are_awaited_until_they_are_more_than_expected(make: Plans) -> None:
    orders, people = make.counted("crm.orders", 1_000_000, WIDE, x=100_000), make.counted("sales.people", 1000)
    found = patience(on(people, "id", orders, "id"))
    assert found is not None
    assert found.seconds is None
    assert (found.rows, found.keys) == (1_000_000, found.worth // 10)
    many = patience(on(make.counted("sales.many", 70_000), "id", orders, "id"))
    assert many is not None
    assert many.keys == 91_000, "no surprise, for about as many are expected"
    force = split(on(people, "id", orders, "id"), SOURCES, key_shipping="force", sizes=Estimator())
    assert force.holes[0].patience is None


def test_guessed_keys_are_awaited_for_a_part_of_the_time_of_a_scan(make: Plans) -> None:
    class Far(Estimator):
        def pace(self, source: str) -> Pace:
            return Pace(scan=1.0)

    orders, people = make.counted("crm.orders", 1_000_000, WIDE, x=100_000), make.counted("sales.people", 10_000)
    few = p.Filter(people, call(">", call("+", ref(people, "y"), ref(people, "x"), type=INT32), 3))
    found, far = patience(on(few, "id", orders, "id")), patience(on(few, "id", orders, "id"), Far())
    assert found is not None
    assert far is not None
    assert found.seconds is not None
    assert found.seconds >= PATIENCE_LEAST
    assert far.seconds is not None
    assert far.seconds > 1000 * found.seconds


@pytest.mark.parametrize(
    ("values", "is_grouped", "is_late"), [(500_000, True, True), (500_000, False, False), (50, True, False)]
)
def test_numbers_that_only_groups_show_are_late_where_they_may_be_far_higher(
    make: Plans, values: int, is_grouped: bool, is_late: bool
) -> None:
    """Conditions are expected to leave 1,000 rows of a million; their keys may be as many as the column has values."""
    orders = make.counted("crm.orders", 1_000_000, WIDE)
    few = p.Filter(items := make.counted("sales.items", 1_000_000, "id x y", x=values, y=1000), eq(ref(items, "y"), 3))
    found = patience(on(make.groups(few, "x", total=COUNT) if is_grouped else few, "x", orders, "id"))
    assert found is not None
    assert (found.seconds is not None) == is_late


@pytest.mark.parametrize(("origin", "is_on_time"), [("crm", False), ("sales", True)])
def test_a_source_that_computes_the_keys_gets_no_scan_beside_that(make: Plans, origin: str, is_on_time: bool) -> None:
    orders = make.counted("crm.orders", 1_000_000, WIDE, x=100_000)
    groups = make.groups(make.counted(f"{origin}.items", 6_000_000, "id x y", x=100_000), "x", total=COUNT)
    few = p.Filter(groups, call(">", call("+", ref(groups, "total"), ref(groups, "total"), type=INT64), 3_000_000))
    between = make.counted("lake.between", 1_000_000, "id x", x=10)
    found = patience(on(on(between, "x", orders, "t1"), "id@1", few, "x"), lake=source("lake"))
    assert found is not None
    assert (found.seconds is not None) == is_on_time


def test_a_cap_that_refuses_and_a_small_target_leave_no_choice_but_to_wait(make: Plans) -> None:
    orders, people = make.counted("crm.orders", 1_000_000, WIDE, x=100_000), make.counted("sales.people", 1000)
    plan = on(people, "id", orders, "id")
    caps = replace(source("crm"), key_caps=KeyCaps(keys_max=5000, fails=True))
    assert patience(plan, crm=caps) is None
    small = make.counted("crm.small", 5000, WIDE)
    assert patience(on(make.counted("sales.few", 10), "id", small, "id")) is None


def test_the_hole_knows_the_ends_of_the_column(make: Plans) -> None:
    people = make.counted("sales.people", 10)
    for low, high in ((3, 70), (None, 70)):
        orders = make.counted("crm.orders", 1_000_000, x=replace(ColumnStatistics(1000.0), minimum=low, maximum=high))
        (hole,) = graph_of(on(people, "id", orders, "x")).holes
        assert hole.spans == ((None if low is None else (3, 70)),)


def test_a_slow_network_makes_keys_worth_more_and_a_server_as_slow_as_it_was_measured_does_not(make: Plans) -> None:
    def keys_max(bandwidth: float | None) -> int:
        class Paced(Estimator):
            def pace(self, source: str) -> Pace:
                return Pace(bandwidth=bandwidth)

        plan = on(make.counted("sales.few", 10), "id", make.counted("crm.many", 1_000_000, "id x"), "id")
        (hole,) = split(plan, SOURCES, sizes=Paced()).holes
        return hole.keys_max

    assert keys_max(None) == keys_max(200e6) == pytest.approx(keys_max(50e6), rel=0.01)
    assert keys_max(5e6) > 1.2 * keys_max(50e6)


def test_what_a_source_groups_is_read_there_however_few_groups_it_yields(make: Plans) -> None:
    def sent(buyers: int) -> list[str]:
        orders = make.counted("crm.orders", 1_000_000, "id x y", x=100_000)
        orders = replace(orders, table=replace(orders.table, indexes=(("x",),)))
        groups = make.groups(orders, "x", n=COUNT)
        return edges(on(make.counted("sales.buyers", buyers), "id", groups, "x"))

    assert sent(30_000) == ["sales.id -> crm.x"], "more than a third of the groups, but a third of the rows to group"
    assert sent(99_000) == []
