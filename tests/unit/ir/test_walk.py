"""In which order plans are met, and what is remembered of an operator."""

from __future__ import annotations

import pickle
from dataclasses import replace

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.types import BOOLEAN
from hanse.ir.walk import children, nested, plans
from tests.unit.plans import Plans, both, eq, join, ref


def test_operators_are_met_top_first_and_left_to_right_with_subqueries_after_inputs() -> None:
    make = Plans()
    left, right, inner, innermost = (make.scan(f"crm.{name}") for name in ("a", "b", "c", "d"))
    deep = p.Filter(inner, e.Exists(BOOLEAN, innermost))
    top = p.Filter(join(left, right, eq(ref(left, "x"), ref(right, "x"))), both(e.Exists(BOOLEAN, deep), e.TRUE))
    assert list(plans(top)) == [top, top.input, left, right, deep, inner, innermost]
    assert children(top) == (top.input, deep)
    assert nested(top) == (deep,)
    assert nested(left) == ()


def test_what_is_remembered_of_an_operator_is_no_part_of_it() -> None:
    make = Plans()
    scan, one, other = make.scan("crm.a"), make.scan("crm.b"), make.scan("crm.c")
    asked, not_asked = (p.Filter(scan, e.Exists(BOOLEAN, one)) for _ in range(2))
    assert nested(asked) == (one,)
    assert asked == not_asked
    assert repr(asked) == repr(not_asked)
    assert nested(replace(asked, predicate=e.Exists(BOOLEAN, other))) == (other,)
    assert nested(pickle.loads(pickle.dumps(asked))) == (one,)
