"""Keys that were possible and are not sent: each with its reason and what was weighed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hanse.ir import plan as p
from hanse.ir.fragment import FragmentGraph, amount
from hanse.optimize.estimate import Estimator
from hanse.split import split
from tests.unit.plans import ALL, SOURCES, Plans, eq, join, ref, source


@pytest.fixture
def make() -> Plans:
    return Plans()


def graph(left: p.Plan, right: p.Plan, one: str = "id", other: str = "id", **sources: object) -> FragmentGraph:
    plan = join(left, right, eq(ref(left, one), ref(right, other)))
    return split(plan, {**SOURCES, **sources}, sizes=Estimator())


def reasons(found: FragmentGraph) -> dict[str, str]:
    return {f"f{keys.origins[0].fragment} -> f{keys.target}": keys.reason for keys in found.refused}


def test_keys_that_are_sent_say_what_they_spare(make: Plans) -> None:
    found = graph(make.counted("crm.a", 100), make.counted("sales.b", 100_000))
    (hole,) = found.holes
    assert hole.weighed is not None
    assert hole.weighed.keys == 100
    assert hole.weighed.by_keys < hole.weighed.whole / 10
    assert reasons(found) == {"f1 -> f0": "keys go the other way"}


def test_too_many(make: Plans) -> None:
    found = graph(make.counted("crm.a", 90_000), make.counted("sales.b", 100_000))
    assert reasons(found)["f0 -> f1"] == "more than the 7,692 that are worth it"
    weighed = next(keys.weighed for keys in found.refused if keys.origins[0].fragment == 0)
    assert (weighed.keys, weighed.by_keys > weighed.whole) == (90_000, True)


def test_useless(make: Plans) -> None:
    found = graph(make.counted("crm.a", 950), make.counted("sales.b", 100_000, x=1_000), "id", "x")
    assert reasons(found)["f0 -> f1"] == "they would find nearly all rows"


def test_slower_than_in_place(make: Plans) -> None:
    lake = source("lake", replace(ALL, embedded=True))
    found = graph(make.counted("lake.a", 5_000), make.counted("sales.b", 6_000, x=6_000), "id", "x", lake=lake)
    assert reasons(found) == {"f0 -> f1": "more than the 1,200 that are worth it"}
    found = graph(make.counted("lake.a", 1_000), make.counted("sales.b", 6_000, x=6_000), "id", "x", lake=lake)
    assert reasons(found) == {"f0 -> f1": "they come from rows that are read in place, with all threads"}


def test_forced_keys_refuse_nothing_but_circles(make: Plans) -> None:
    left, right = make.counted("crm.a", 90_000), make.counted("sales.b", 100_000)
    plan = join(left, right, eq(ref(left, "id"), ref(right, "id")))
    found = split(plan, SOURCES, key_shipping="force", sizes=Estimator())
    assert set(reasons(found).values()) == {"keys go the other way"}
    assert split(plan, SOURCES, key_shipping="off", sizes=Estimator()).refused == ()


def test_amounts() -> None:
    assert [amount(size) for size in (0, 999, 1_000, 2_500_000, 7.2e9)] == [
        "0 bytes",
        "999 bytes",
        "1.0 kB",
        "2.5 MB",
        "7.2 GB",
    ]
