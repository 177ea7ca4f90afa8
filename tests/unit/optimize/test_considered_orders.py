"""Which join orders were considered: the chosen one is the cheapest of them, and the others are told in their order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanse.ir import plan as p
from hanse.ir.columns import exactly
from hanse.ir.tables import TableStatistics
from hanse.optimize import Recording, optimize
from hanse.optimize.ordering import considered, order, whole_cost
from tests.unit.optimize.test_ordering import graph
from tests.unit.plans import Plans, eq, join, ref


@pytest.mark.parametrize(("seed", "size"), [(1, 3), (2, 5), (3, 8), (4, 14)])
def test_the_chosen_order_is_the_cheapest_that_was_considered(seed: int, size: int) -> None:
    known = graph(seed, size, 0.2)
    best, trees = order(known), considered(known)
    costs = [whole_cost(known, tree) for tree in trees]
    assert costs == sorted(costs)
    assert min(costs) <= whole_cost(known, best) * (1 + 1e-9)
    assert len(trees) > 1
    assert all(tree.subset == best.subset for tree in trees)


def scans(make: Plans) -> tuple[p.Scan, ...]:
    found = []
    for name, rows in (("crm.a", 100_000), ("sales.b", 50), ("crm.c", 1_000)):
        scan = make.scan(name)
        facts = TableStatistics(float(rows))
        found.append(replace(scan, table=replace(scan.table, row_count=rows, statistics=facts, primary_key=("id",))))
    return tuple(found)


def test_orders_are_told_where_somebody_wants_to_know() -> None:
    a, b, c = scans(Plans())
    plan = join(join(a, b, eq(ref(a, "x"), ref(b, "id"))), c, eq(ref(a, "y"), ref(c, "id")))
    recording = Recording()
    optimize(exactly(plan, plan.columns), recorder=recording)
    chosen, *others = recording.orders
    assert chosen.is_chosen
    assert others
    assert not any(other.is_chosen for other in others)
    assert all(other.cost >= chosen.cost for other in others)
    assert {"crm.a", "sales.b", "crm.c"} == set(chosen.text.replace("(", "").replace(")", "").split(", "))


def test_one_source_orders_its_joins_itself() -> None:
    a, _, c = scans(Plans())
    plan = join(a, c, eq(ref(a, "y"), ref(c, "id")))
    recording = Recording()
    optimize(exactly(plan, plan.columns), recorder=recording)
    assert recording.orders == []
