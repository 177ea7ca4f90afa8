"""The validator refuses what a tree alone can tell; properties of functions are what rules rely on."""

import pytest

from hanse.errors import InternalError
from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.check import check, obligations
from hanse.ir.properties import is_leakproof, is_volatile, rejects_null
from hanse.ir.types import FLOAT64, INT64, TEXT
from tests.unit.plans import COUNT, Plans, both, call, col, eq, join, lit, ref


@pytest.fixture
def make() -> Plans:
    return Plans()


def test_a_sound_plan_passes(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    joined = p.Filter(join(a, b, eq(ref(a, "id"), ref(b, "id"))), eq(ref(a, "x"), 1))
    check(p.Sort(make.groups(joined, "y", n=COUNT), (e.SortKey(ref(joined, "y")),)))


def test_a_reference_to_nothing_is_refused(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    with pytest.raises(InternalError, match="no column x#"):
        check(p.Filter(a, eq(ref(b, "x"), 1)))


def test_a_reference_with_another_type_is_refused(make: Plans) -> None:
    a = make.scan("crm.a")
    wrong = e.Ref(TEXT, col(a, "x").id, "x")
    with pytest.raises(InternalError, match="is read as text"):
        check(p.Filter(a, call("is_null", wrong)))


def test_a_column_made_twice_is_refused(make: Plans) -> None:
    a = make.scan("crm.a")
    with pytest.raises(InternalError, match="made twice"):
        check(join(a, a))


def test_right_columns_do_not_leave_a_semi_join(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    semi = join(a, b, eq(ref(a, "id"), ref(b, "id")), "semi")
    check(semi)
    with pytest.raises(InternalError, match="no column"):
        check(p.Filter(semi, eq(ref(b, "x"), 1)))


def test_a_subquery_sees_the_plan_around_it(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    inner = p.Filter(b, eq(ref(b, "id"), ref(a, "id")))
    check(p.Filter(a, e.Exists(eq(1, 1).type, inner)))
    with pytest.raises(InternalError, match="no column"):
        check(inner)


def test_only_a_lateral_join_lets_the_right_side_see_the_left(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b")
    inner = p.Filter(b, eq(ref(b, "id"), ref(a, "id")))
    check(join(a, inner, lateral=True))
    with pytest.raises(InternalError, match="no column"):
        check(join(a, inner))


def test_sides_of_a_set_operation_have_the_types_of_its_output(make: Plans) -> None:
    a, b = make.scan("crm.a", "x"), make.scan("crm.b", "t")
    with pytest.raises(InternalError, match="on one side"):
        check(p.SetOperation(p.SetKind.UNION, True, a, b, (make.column("x"),)))


def test_a_cte_is_read_with_its_own_columns_and_inside_itself_only_if_recursive(make: Plans) -> None:
    a = make.scan("crm.a", "x")
    reader = p.CteScan("r", (make.column("x"),))
    step = p.CteScan("r", (make.column("x"),))
    union = make.union(a, step)
    check(p.Cte("r", union, reader, recursive=True))
    with pytest.raises(InternalError, match="no CTE r"):
        check(p.Cte("r", union, reader))
    with pytest.raises(InternalError, match="not those of the CTE"):
        check(p.Cte("r", make.scan("crm.b", "x y"), p.CteScan("r", (make.column("x"),))))


def test_a_subquery_yields_as_many_columns_as_are_compared(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("crm.b", "x y")
    with pytest.raises(InternalError, match="yields 2 columns"):
        check(p.Filter(a, e.Quantified(eq(1, 1).type, (ref(a, "x"),), "=", False, b)))


def test_obligations_are_found_inside_subqueries(make: Plans) -> None:
    a, b = make.scan("crm.a"), p.Guard(make.scan("crm.b"), "g2")
    plan = p.Filter(p.Guard(a, "g1"), e.Exists(eq(1, 1).type, b))
    assert obligations(plan) == {"g1", "g2"}


def test_null_rejection(make: Plans) -> None:
    a = make.scan("crm.a")
    x, y = ref(a, "x"), ref(a, "y")
    missing = {x.id, y.id}
    assert rejects_null(eq(x, 1), missing)
    assert rejects_null(call("is_not_null", x), missing)
    assert rejects_null(call("not", e.InList(eq(1, 1).type, x, (lit(1),))), missing)
    assert rejects_null(call("or", eq(x, 1), call(">", y, 2)), missing)
    assert not rejects_null(call("or", eq(x, 1), call("is_null", y)), missing)
    assert not rejects_null(call("is_null", x), missing)
    assert not rejects_null(eq(call("coalesce", x, 3, type=x.type), 3), missing)
    assert not rejects_null(call("is_distinct", x, 3), missing)
    assert not rejects_null(eq(x, 1), {y.id})


def test_leak_proof_and_volatile(make: Plans) -> None:
    a = make.scan("crm.a")
    x = ref(a, "x")
    assert is_leakproof(both(eq(x, 1), e.InList(eq(1, 1).type, x, (lit(1), lit(2)))))
    assert not is_leakproof(call(">", call("/", lit(1), x, type=x.type), 0))
    assert not is_leakproof(eq(x, e.Literal(INT64, 1)))
    assert is_volatile(call("<", call("random", type=FLOAT64), 0.5))
    assert not is_volatile(eq(x, 1))
    assert is_volatile(e.Exists(eq(1, 1).type, p.Filter(a, call("<", call("random", type=FLOAT64), 0.5))))
