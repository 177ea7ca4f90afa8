"""Observed rows and paces in estimates, in the order of joins, and in the choice of keys; without them nothing changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pytest

from hanse.ir import plan as p
from hanse.ir.columns import exactly
from hanse.ir.signature import signature
from hanse.optimize import optimize
from hanse.optimize.estimate import Estimator
from hanse.optimize.observed import NOTHING_SEEN
from hanse.spi.pace import NOMINAL, UNKNOWN, Pace
from hanse.split import split
from tests.unit.plans import SOURCES, Plans, call, eq, join, ref, shape


@dataclass
class Seen:
    """What was observed, as a test says."""

    found: Mapping[str, float] = field(default_factory=dict)
    paces: Mapping[str, Pace] = field(default_factory=dict)
    sets: tuple[frozenset[str], ...] = ()
    any: bool = True

    def knows(self, tables: frozenset[str]) -> bool:
        return True

    def rows(self, signature: str) -> float | None:
        return self.found.get(signature)

    def joins(self, tables: frozenset[str]) -> Iterable[frozenset[str]]:
        return [those for those in self.sets if those <= tables]

    def pace(self, source: str) -> Pace:
        return self.paces.get(source, UNKNOWN)


@pytest.fixture
def make() -> Plans:
    return Plans()


def test_rows_that_were_seen_are_no_guess(make: Plans) -> None:
    scan = make.scan("crm.t")
    plan = p.Filter(scan, call("<", ref(scan, "x"), 5))
    assert Estimator().is_guess(plan)
    seen = Estimator(Seen({"[crm.t | crm.t.x < 5]": 42}))
    assert (seen.rows(plan), seen.is_guess(plan)) == (42, False)
    above = p.Filter(plan, eq(ref(scan, "y"), 1))
    assert seen.rows(above) <= 42
    assert Estimator(Seen()).rows(plan) == Estimator(NOTHING_SEEN).rows(plan) == Estimator().rows(plan)


def test_no_rows_at_all_are_taken_for_one(make: Plans) -> None:
    scan = make.scan("crm.t")
    assert Estimator(Seen({"crm.t": 0})).rows(scan) == 1


def ordered(plan: p.Plan, seen: Seen) -> str:
    return shape(optimize(exactly(plan, plan.columns), estimator=Estimator(seen)))


def test_what_was_seen_of_a_join_orders_the_next(make: Plans) -> None:
    a, b = make.counted("crm.a", 10_000, x=100), make.counted("crm.b", 10_000, x=100)
    c = make.counted("sales.c", 1000, y=1000)
    condition = eq(ref(a, "x"), ref(b, "x"))
    plan = join(join(a, b, condition), c, eq(ref(a, "y"), ref(c, "y")))
    known = signature(join(a, b, condition))
    assert known is not None
    apart = ordered(plan, Seen())  # a million rows of a and b together: the join with c comes first
    together = ordered(plan, Seen({known: 5}, sets=(frozenset({"crm.a", "crm.b"}),)))
    assert apart != together
    assert ordered(plan, Seen(sets=(frozenset({"crm.a", "crm.b"}),))) == apart


def holes(plan: p.Plan, seen: Seen) -> int:
    return len(split(plan, SOURCES, sizes=Estimator(seen)).holes)


def linked(make: Plans, keys: int, rows: int) -> p.Plan:
    one, other = make.counted("crm.a", keys, x=keys), make.counted("sales.b", rows, x=rows)
    return join(one, other, eq(ref(one, "id"), ref(other, "id")))


def test_slow_bytes_are_worth_more_keys(make: Plans) -> None:
    plan = linked(make, 9_000, 100_000)
    assert holes(plan, Seen()) == 0
    assert holes(plan, Seen(paces={"sales": Pace(bandwidth=NOMINAL / 20)})) == 1
    assert holes(plan, Seen(paces={"sales": Pace(bandwidth=NOMINAL)})) == 0


def test_a_slow_source_of_keys_is_not_waited_for(make: Plans) -> None:
    plan = linked(make, 1_000, 100_000)
    assert holes(plan, Seen()) == 1
    assert holes(plan, Seen(paces={"crm": Pace(bandwidth=NOMINAL / 500)})) == 0
    assert holes(plan, Seen(paces={"crm": Pace(bandwidth=NOMINAL / 500), "sales": Pace(bandwidth=NOMINAL / 500)})) == 1


def test_a_distant_source_of_keys_is_not_waited_for_where_little_is_saved(make: Plans) -> None:
    plan = linked(make, 100, 5_000)
    assert holes(plan, Seen()) == 1
    assert holes(plan, Seen(paces={"crm": Pace(round_trip=0.1)})) == 0
    assert holes(linked(make, 100, 5_000_000), Seen(paces={"crm": Pace(round_trip=0.1)})) == 1


def test_a_source_that_scans_slowly_is_asked_by_keys(make: Plans) -> None:
    one, other = make.counted("crm.a", 30_000, x=100), make.counted("sales.b", 3_500, x=3_500)
    plan = join(one, other, eq(ref(one, "x"), ref(other, "x")))
    assert holes(plan, Seen()) == 0
    assert holes(plan, Seen(paces={"sales": Pace(scan=1_000)})) == 1


def test_falsehoods_do_no_harm(make: Plans) -> None:
    plan = linked(make, 100, 5_000)
    for pace in (Pace(1e9, 1e-9, 1e-9), Pace(0, 1e18, 1e18)):
        found = split(plan, SOURCES, sizes=Estimator(Seen(paces=dict.fromkeys(SOURCES, pace))))
        assert len(found.fragments) == 2
        optimize(plan, estimator=Estimator(Seen({"crm.a": 1e18}, dict.fromkeys(SOURCES, pace))))
