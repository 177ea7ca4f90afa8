"""By what promise a join with a table may be left out, and each thing that breaks the promise."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.check import check
from hanse.ir.sharding import Home
from hanse.ir.tables import Collation, ForeignKey
from hanse.ir.types import INT64
from hanse.optimize import optimize
from hanse.optimize.references import needs_values, reference
from tests.unit.plans import LOOSE, Plans, both, call, eq, join, ref, shape

KEY = ForeignKey(("x",), "", "b", ("id",), True)


@pytest.fixture
def make() -> Plans:
    return Plans()


def changed(scan: p.Scan, **facts: Any) -> p.Scan:
    return replace(scan, table=replace(scan.table, **facts))


def referring(make: Plans, columns: str = "id x! y", *keys: ForeignKey, **facts: Any) -> p.Scan:
    return changed(make.scan("crm.a", columns), foreign_keys=keys or (KEY,), **facts)


def referred(make: Plans, columns: str = "id! y", **facts: Any) -> p.Scan:
    return changed(make.scan("crm.b", columns), **({"primary_key": ("id",)} | facts))


def optimized(plan: p.Plan) -> str:
    check(plan)
    new = optimize(plan)
    check(new)
    assert [c.id for c in new.columns] == [c.id for c in plan.columns]
    return shape(new)


def joined(make: Plans, a: p.Scan, b: p.Plan, kind: str = "inner") -> p.Plan:
    """``a`` joined with ``b`` by x = id, and y of a alone read."""
    return make.project(join(a, b, eq(ref(a, "x"), ref(b, "id")), kind), "y" if kind == "semi" else "y@0")


@pytest.mark.parametrize("kind", ["inner", "semi"])
def test_what_is_promised_is_not_asked(make: Plans, kind: str) -> None:
    assert optimized(joined(make, referring(make), referred(make), kind)) == "a[y]"


def test_either_side_may_be_left_out(make: Plans) -> None:
    a, b = referring(make), referred(make)
    plan = make.project(join(b, a, eq(ref(a, "x"), ref(b, "id"))), "y@1")
    assert optimized(plan) == "a[y]"


def test_rows_without_a_value_to_refer_by_go(make: Plans) -> None:
    assert optimized(joined(make, referring(make, "id x y"), referred(make))) == (
        "project y (filter x is not null (a[x y]))"
    )


def test_rows_that_an_outer_join_has_added_go(make: Plans) -> None:
    a, b, c = referring(make), referred(make), make.scan("crm.c", "k")
    outer = join(c, a, eq(ref(a, "id"), ref(c, "k")), "left")
    pairs = reference(join(outer, b, eq(ref(outer, "x"), ref(b, "id"))), b, outer)
    assert pairs is not None
    assert needs_values(a.columns, pairs) == []
    assert needs_values(outer.columns, pairs) == [call("is_not_null", ref(outer, "x"))]


def test_the_key_that_is_referred_to_is_the_value_that_refers(make: Plans) -> None:
    a, b = referring(make), referred(make)
    plan = make.project(join(a, b, eq(ref(a, "x"), ref(b, "id"))), "y@0", "id@1")
    assert optimized(plan) == "project y, x (a[x y])"


def test_a_wider_value_is_another(make: Plans) -> None:
    a, b = referring(make), referred(make)
    wide = replace(b.table.columns[0], type=INT64)
    b = replace(b, table=replace(b.table, columns=(wide, *b.table.columns[1:])))
    id = replace(b.outputs[0][0], type=INT64)
    b = replace(b, outputs=((id, "id"), *b.outputs[1:]))
    plan = join(a, b, eq(e.Cast(INT64, ref(a, "x")), ref(b, "id")))
    assert optimized(make.project(plan, "y@0")) == "a[y]"
    assert "b[" in optimized(make.project(plan, "y@0", "id@1"))


def test_a_key_of_several_columns(make: Plans) -> None:
    key = ForeignKey(("x", "y"), "", "b", ("id", "n"), True)
    a, b = referring(make, "id x! y", key), referred(make, "id! n!", primary_key=("id", "n"))
    whole = both(eq(ref(a, "x"), ref(b, "id")), eq(ref(a, "y"), ref(b, "n")))
    assert optimized(make.project(join(a, b, whole), "id@0")) == "project id (filter y is not null (a[id y]))"
    crossed = both(eq(ref(a, "x"), ref(b, "n")), eq(ref(a, "y"), ref(b, "id")))
    assert "b[" in optimized(make.project(join(a, b, crossed), "id@0"))
    assert "b[" in optimized(make.project(join(a, b, eq(ref(a, "x"), ref(b, "id"))), "id@0"))


def test_columns_of_one_row_refer_not_those_of_two(make: Plans) -> None:
    key = ForeignKey(("x", "y"), "", "b", ("id", "n"), True)
    b = referred(make, "id! n!", primary_key=("id", "n"))
    one, two = referring(make, "id! x! y!", key), referring(make, "id! x! y!", key)
    pair = join(one, two, eq(ref(one, "id"), ref(two, "id")))
    condition = both(eq(ref(one, "x"), ref(b, "id")), eq(ref(two, "y"), ref(b, "n")))
    assert "b[" in optimized(make.project(join(pair, b, condition), "id@0"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"foreign_keys": (replace(KEY, enforced=False),)}, {}),
        ({"foreign_keys": (replace(KEY, table="c"),)}, {}),
        ({"foreign_keys": (replace(KEY, schema="old"),)}, {}),
        ({"foreign_keys": (replace(KEY, columns=("y",)),)}, {}),
        ({"foreign_keys": (replace(KEY, referenced=("y",)),)}, {}),
        ({}, {"primary_key": ()}),
        ({}, {"source": "sales"}),
        ({}, {"is_view": True}),
        ({"is_view": True}, {}),
        ({}, {"home": Home("crm", 0, "id", None)}),
    ],
)
def test_what_is_not_promised_is_asked(make: Plans, one: dict[str, Any], other: dict[str, Any]) -> None:
    a, b = changed(referring(make), **one), referred(make, **other)
    assert "b[" in optimized(joined(make, a, b))


@pytest.mark.parametrize("kind", ["left", "full", "anti"])
def test_other_joins_stay(make: Plans, kind: str) -> None:
    a, b = referring(make), referred(make)
    plan = join(a, b, eq(ref(a, "x"), ref(b, "id")), kind)
    assert "b[" in optimized(make.project(plan, "y@0") if kind == "anti" else make.project(plan, "y@0", "y@1"))


def test_a_condition_on_the_other_table_drops_rows(make: Plans) -> None:
    a, b = referring(make), referred(make)
    assert "b[" in optimized(joined(make, a, p.Filter(b, eq(ref(b, "y"), 1))))


def test_a_condition_on_both_drops_rows(make: Plans) -> None:
    a, b = referring(make), referred(make)
    condition = both(eq(ref(a, "x"), ref(b, "id")), call("<", ref(a, "y"), ref(b, "id")))
    assert "b[" in optimized(make.project(join(a, b, condition), "y@0"))


def test_a_policy_may_hide_rows(make: Plans) -> None:
    a, b = referring(make), referred(make)
    for is_open in (True, False):
        plan = joined(make, a, p.Guard(b, "policy", is_open))
        assert ("b[" in optimized(plan)) is not is_open


@pytest.mark.parametrize(
    ("facts", "left_out"),
    [
        ({}, True),
        ({"collation": LOOSE}, False),
        ({"collation": Collation("ci")}, False),
        ({"read_as": "{0}::text"}, False),
    ],
)
def test_text_must_be_told_apart_by_its_bytes(make: Plans, facts: dict[str, Any], left_out: bool) -> None:
    key = ForeignKey(("t",), "", "b", ("tid",), True)
    a = changed(make.scan("crm.a", "t! y"), foreign_keys=(key,))
    b = changed(make.scan("crm.b", "tid!"), primary_key=("tid",))
    loose = replace(a.table.columns[0], **facts)
    a = replace(a, table=replace(a.table, columns=(loose, *a.table.columns[1:])))
    plan = make.project(join(a, b, eq(ref(a, "t"), ref(b, "tid"))), "y")
    assert ("b[" not in optimized(plan)) is left_out


def test_groups_keep_what_they_are_grouped_by(make: Plans) -> None:
    a, b = referring(make), referred(make)
    groups = make.groups(a, "x", n=e.Aggregate(INT64, "count"))
    plan = make.project(join(groups, b, eq(ref(groups, "x"), ref(b, "id"))), "n")
    assert "b[" not in optimized(plan)
    sets = make.groups(referring(make), "x", sets=((0,), ()), n=e.Aggregate(INT64, "count"))
    plan = make.project(join(sets, b, eq(ref(sets, "x"), ref(b, "id"))), "n")
    assert "is not null" in optimized(plan)
