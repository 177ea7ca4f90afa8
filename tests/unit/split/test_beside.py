"""Keys that nobody expects to pay: where they are tried beside a whole scan, and where that would not be free."""

from dataclasses import replace

import pytest

from hanse.guardrails import SourceGuardrails
from hanse.ir import plan as p
from hanse.ir.choices import Choices
from hanse.ir.fragment import FragmentGraph, KeyCaps
from hanse.optimize.estimate import Estimator
from hanse.policy.demands import Restricted
from hanse.policy.guardrails import Rules, demanded
from hanse.split import beside, split
from tests.unit.plans import ALL, COUNT, SOURCES, Plans, call, eq, join, ref, source

ROWS = 300_000


@pytest.fixture
def make() -> Plans:
    return Plans()


def some(make: Plans, name: str = "crm.orders", rows: int = ROWS) -> p.Plan:
    """Rows of which a condition, that nobody can estimate, leaves some."""
    orders = make.counted(name, rows, "id x y", x=rows, y=10)
    return p.Filter(orders, call("<", ref(orders, "x"), ref(orders, "y")))


def graph_of(
    plan: p.Plan, key_shipping: str = "on", choices: Choices | None = None, **sources: object
) -> FragmentGraph:
    sizes = Estimator(choices=choices) if choices else Estimator()
    return split(plan, {**SOURCES, **sources}, key_shipping=key_shipping, sizes=sizes)


def tried(graph: FragmentGraph) -> list[str]:
    names = {f.id: f.source for f in graph.fragments}
    return [f"{names[h.origins[0].fragment]} -> {names[h.target]}" for h in graph.holes if h.is_tried]


def on(left: p.Plan, one: str, right: p.Plan, other: str) -> p.Join:
    return join(left, right, eq(ref(left, one), ref(right, other)))


def test_a_guess_and_what_conditions_select_may_be_wrong(make: Plans) -> None:
    wide = make.counted("sales.wide", 200_000, "id x")
    graph = graph_of(on(some(make), "x", wide, "id"))
    assert tried(graph) == ["crm -> sales"]
    assert not any(keys.target == graph.holes[0].target for keys in graph.refused), "it is no longer refused"
    orders = make.counted("crm.orders", ROWS, "id x y", x=ROWS, y=1)
    counted = p.Filter(orders, eq(ref(orders, "y"), 1))
    assert tried(graph_of(on(counted, "x", wide, "id"))) == ["crm -> sales"]
    whole = make.counted("crm.orders", ROWS, "id x", x=ROWS)
    assert tried(graph_of(on(whole, "x", wide, "id"))) == [], "all of a table are as many as it has"


def test_a_scan_begins_soon_and_waits_a_little(make: Plans) -> None:
    (hole,) = graph_of(on(some(make), "x", make.counted("sales.wide", 200_000, "id x"), "id")).holes
    assert hole.patience is not None
    assert hole.patience.seconds is not None
    assert hole.patience.beside is not None
    assert 0 < hole.patience.seconds <= beside.GRACE_MOST
    assert hole.patience.seconds + hole.patience.beside < 0.2
    assert hole.patience.keys < hole.patience.worth / 5


def test_not_where_it_would_cost_those_who_are_right(make: Plans) -> None:
    wide = make.counted("sales.wide", 200_000, "id x y")
    plan = on(some(make), "x", wide, "id")
    assert tried(graph_of(plan)) == ["crm -> sales"]
    strict = replace(source("sales"), key_caps=KeyCaps(keys_max=1000, fails=True))
    assert tried(graph_of(plan, sales=strict)) == [], "a cap that refuses queries"
    assert tried(graph_of(plan, crm=source("crm", replace(ALL, embedded=True)))) == [], "read by all threads"
    assert tried(graph_of(plan, "off")) == []
    assert tried(graph_of(plan, "force")) == []
    small = make.counted("sales.small", 5_000, "id x")
    assert tried(graph_of(on(some(make), "x", small, "id"))) == [], "it is read before keys could come"
    another = make.counted("sales.another", 250_000, "id x", x=250_000)
    assert "crm -> sales" not in tried(graph_of(on(plan, "y@1", another, "x"))), "two requests see one snapshot"


def test_nobody_waits_for_keys_of_what_waits(make: Plans) -> None:
    wide = make.counted("sales.wide", 200_000, "id x", x=200_000)
    last = make.counted("bare.last", 900_000, "id x")
    graph = graph_of(on(on(some(make), "x", wide, "id"), "x@1", last, "id"), bare=source("bare"))
    into = [hole.target for hole in graph.holes if hole.is_tried]
    giving = {origin.fragment for hole in graph.holes for origin in hole.origins}
    assert giving.isdisjoint(into)
    assert len(into) == len(set(into))


def test_groups_that_a_condition_leaves(make: Plans) -> None:
    orders = make.counted("crm.orders", 3_000_000, "id x y", x=ROWS)
    groups = make.groups(orders, "x", n=COUNT)
    few = p.Filter(groups, call("<", ref(groups, "x"), ref(groups, "n")))
    assert tried(graph_of(on(few, "x", make.counted("sales.wide", 2_000_000, "id x"), "id"))) in ([], ["crm -> sales"])


def test_a_pinned_plan_keeps_what_it_tried(make: Plans) -> None:
    plan = on(some(make), "x", make.counted("sales.wide", 200_000, "id x"), "id")
    made = Choices()
    assert tried(graph_of(plan, choices=made)) == ["crm -> sales"]
    assert tried(graph_of(plan, choices=Choices.of_text(made.as_text()))) == ["crm -> sales"]
    assert tried(graph_of(plan, choices=Choices({"ship": []}))) == [], "a plan that was pinned before keys were tried"
    none = Choices()
    small = on(some(make), "x", make.counted("sales.wide", 5_000, "id x"), "id")
    assert tried(graph_of(small, choices=none)) == []
    assert tried(graph_of(plan, choices=Choices.of_text(none.as_text()))) == []


def test_keys_that_are_only_tried_meet_no_guardrail(make: Plans) -> None:
    block = SourceGuardrails.model_validate({"tables": {"wide": {"require": [{"column": "id", "keys": True}]}}})
    rules = Rules(sources={"sales": block})
    wide = make.counted("sales.wide", 200_000, "id x")
    few = make.counted("crm.few", 10, "id x")
    for plan, is_met in ((on(some(make), "x", wide, "id"), False), (on(few, "x", wide, "id"), True)):
        graph = graph_of(plan)
        (demand,) = demanded(graph, plan, rules, Estimator())
        assert isinstance(demand, Restricted)
        assert (demand.hole is not None) == is_met
        assert [hole.is_tried for hole in graph.holes] == [not is_met]


def test_rows_that_are_read_once_for_two_give_keys_under_their_own_names(make: Plans) -> None:
    """One fragment stands for both sides of the join at one source; the second has columns of its own there."""
    rows, wide = some(make), make.counted("sales.wide", 200_000, "id x")
    again = some(make)
    pairs = join(rows, again, call("<", ref(rows, "id"), ref(again, "id")))
    graph = graph_of(join(pairs, wide, eq(ref(again, "x"), ref(wide, "id"))))
    assert len({fragment.id for fragment in graph.fragments}) == len(graph.fragments)
    lone = join(rows, join(again, wide, eq(ref(again, "x"), ref(wide, "id"))), eq(ref(rows, "id"), ref(wide, "x")))
    for hole in graph_of(lone).holes:
        ids = {fragment.id: {column.id for column in fragment.columns} for fragment in graph_of(lone).fragments}
        assert all(ids[origin.fragment].issuperset(origin.columns) for origin in hole.origins)
