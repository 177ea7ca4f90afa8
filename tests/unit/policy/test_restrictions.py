"""Which conditions reach a scan, on plans by hand: only what drops rows that nobody above could use."""

from __future__ import annotations

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.policy.restrictions import scans
from hanse.split.words import name_of
from tests.unit.plans import COUNT, Plans, call, eq, join, lit, ref


def seen(plan: p.Plan) -> dict[str, str]:
    return {scan.table.name: " ".join(map(name_of, tests)) for scan, tests in scans(plan)}


def filtered(plan: p.Plan, column: str = "x") -> p.Filter:
    return p.Filter(plan, eq(ref(plan, column), 5))


def test_filters_reach_a_scan_through_what_drops_no_other_rows() -> None:
    make = Plans()
    a = make.scan("crm.a")
    below = p.Filter(p.Guard(a, "open"), call(">", ref(a, "y"), 1))
    plan = filtered(p.Distinct(p.Sort(make.project(below, "x", "y"), (e.SortKey(ref(a, "y")),))))
    assert seen(plan) == {"a": "x = 5 y > 1"}


@pytest.mark.parametrize("kind", ["limit", "group", "window", "set", "distinct on"])
def test_filters_stop_where_what_they_drop_counts(kind: str) -> None:
    make = Plans()
    a, b = make.scan("crm.a"), make.scan("crm.b")
    rank = e.WindowCall(lit(1).type, "row_number")
    over: dict[str, p.Plan] = {
        "limit": p.Limit(a, lit(10)),
        "group": make.groups(a, "x", n=COUNT),
        "window": p.Window(a, ((make.column("n"), rank),)),
        "set": make.union(a, b),
        "distinct on": p.Distinct(a, (ref(a, "y"),)),
    }
    assert set(seen(filtered(over[kind])).values()) == {""}


@pytest.mark.parametrize(
    ("kind", "left", "right"),
    [
        ("inner", "x = 5 y = 1 x = 7", "x = 5 y = 1 x = 7"),
        ("left", "x = 5", "y = 1 x = 7"),
        ("right", "y = 1 x = 7", "x = 5"),
        ("full", "", ""),
        ("semi", "x = 5 y = 1 x = 7", "y = 1 x = 7"),
        ("anti", "x = 5", "y = 1 x = 7"),
    ],
)
def test_a_join_passes_on_what_its_kind_allows(kind: str, left: str, right: str) -> None:
    make = Plans()
    a, b = make.scan("crm.a"), make.scan("crm.b")
    condition = e.conjunction([eq(ref(a, "y"), 1), eq(ref(b, "x"), 7)])
    plan = p.Filter(join(a, b, condition, kind), eq(ref(a, "x"), 5))
    assert seen(plan) == {"a": left, "b": right}


def test_every_scan_is_found_also_in_subqueries_and_ctes() -> None:
    make = Plans()
    a, b, c, d = (make.scan(f"crm.{name}") for name in "abcd")
    inner = p.Filter(b, eq(ref(b, "x"), ref(a, "x")))
    plan = p.Filter(a, e.conjunction([e.Exists(lit(True).type, inner), eq(ref(a, "x"), 5)]))
    cte = p.Cte("n", c, filtered(d))
    assert list(seen(plan)) == ["a", "b"]
    assert seen(cte) == {"c": "", "d": "x = 5"}
