"""What an aggregate is below and above, its types, and what is not taken apart."""

import pytest

from hanse.ir import expr as e
from hanse.ir import plan as p
from hanse.ir.check import check
from hanse.ir.decompose import decompose
from hanse.ir.text import expression
from hanse.ir.types import BOOLEAN, FLOAT32, FLOAT64, INT32, INT64, INTERVAL, TEXT, Type, decimal
from tests.unit.plans import Plans, call, ref


def split(make: Plans, type: Type, aggregate: e.Aggregate, key: Type = INT32) -> tuple[p.Aggregate, p.Plan] | None:
    """The partial and the final plan over VALUES of a key and an argument called v."""
    columns = (make.column("k", key), make.column("v", type))
    rows = p.Values(columns, ())
    arg = tuple(columns[1].ref() for _ in aggregate.args)
    whole = e.Aggregate(aggregate.type, aggregate.name, arg, aggregate.distinct, aggregate.filter, aggregate.order_by)
    node = p.Aggregate(rows, columns[:1], ((make.column("whole", whole.type), whole),))
    parts = decompose(node, make.column)
    if parts is None:
        return None
    partial = parts.only(rows)
    final = parts.final(node, partial)
    check(final)
    assert [(c.id, c.type) for c in final.columns] == [(c.id, c.type) for c in node.columns]
    return partial, final


V = e.Ref(INT32, 0, "v")


@pytest.mark.parametrize(
    ("type", "aggregate", "below", "above"),
    [
        (INT32, e.Aggregate(INT64, "sum", (V,)), INT64, "cast(sum as bigint)"),
        (INT64, e.Aggregate(decimal(38, 0), "sum", (V,)), decimal(38, 0), "sum"),
        (decimal(12, 2), e.Aggregate(decimal(38, 2), "sum", (V,)), decimal(38, 2), "sum"),
        (FLOAT64, e.Aggregate(FLOAT64, "sum", (V,)), FLOAT64, "sum"),
        (TEXT, e.Aggregate(INT64, "count", (V,)), INT64, "coalesce(cast(sum as bigint), 0)"),
        (TEXT, e.Aggregate(TEXT, "max", (V,)), TEXT, "whole"),
        (BOOLEAN, e.Aggregate(BOOLEAN, "bool_and", (V,)), BOOLEAN, "whole"),
    ],
)
def test_types_of_both_steps(make: Plans, type: Type, aggregate: e.Aggregate, below: Type, above: str) -> None:
    found = split(make, type, aggregate)
    assert found is not None
    partial, final = found
    assert isinstance(final, p.Project)
    assert [column.type for column, _ in partial.calls] == [below]
    assert expression(final.items[-1][1]) == above


def test_an_average_of_exact_numbers_adds_exactly(make: Plans) -> None:
    below = make.column("v", decimal(12, 2))
    rows = p.Values((below,), ())
    average = e.Aggregate(FLOAT64, "avg", (e.Cast(FLOAT64, below.ref()),))
    count = e.Aggregate(INT64, "count", (below.ref(),))
    node = p.Aggregate(rows, (), ((make.column("a", FLOAT64), average), (make.column("n", INT64), count)))
    parts = decompose(node, make.column)
    assert parts is not None
    check(parts.final(node, parts.only(rows)))
    assert [(x.name, x.type) for _, x in parts.below] == [("sum", decimal(38, 2)), ("count", INT64)]


def test_arguments_of_distinct_become_keys(make: Plans) -> None:
    found = split(make, TEXT, e.Aggregate(INT64, "count", (V,), distinct=True))
    assert found is not None
    assert [key.name for key in found[0].keys] == ["k", "v"]
    assert found[0].calls == ()
    least = split(make, TEXT, e.Aggregate(TEXT, "min", (V,), distinct=True))
    assert least is not None
    assert [key.name for key in least[0].keys] == ["k"]


@pytest.mark.parametrize(
    ("type", "aggregate"),
    [
        (FLOAT64, e.Aggregate(FLOAT64, "var_samp", (V,))),
        (FLOAT32, e.Aggregate(FLOAT32, "sum", (V,))),
        (INTERVAL, e.Aggregate(INTERVAL, "sum", (V,))),
        (INTERVAL, e.Aggregate(INTERVAL, "avg", (V,))),
        (TEXT, e.Aggregate(TEXT, "string_agg", (V, V), order_by=(e.SortKey(V),))),
        (TEXT, e.Aggregate(TEXT, "mode", (), order_by=(e.SortKey(V),))),
        (FLOAT64, e.Aggregate(INT64, "count", (V,), distinct=True)),
        (INT32, e.Aggregate(INT64, "count", (V,), distinct=True, filter=e.TRUE)),
        (INT32, e.Aggregate(INT32, "bit_xor", (V,), distinct=True)),
    ],
)
def test_what_does_not_split(make: Plans, type: Type, aggregate: e.Aggregate) -> None:
    assert split(make, type, aggregate) is None


def test_keys_whose_equal_values_differ_are_no_keys_of_parts(make: Plans) -> None:
    assert split(make, INT32, e.Aggregate(INT64, "count"), key=FLOAT64) is None


def test_several_parts_have_columns_of_their_own(make: Plans) -> None:
    a, b = make.scan("crm.a"), make.scan("sales.b")
    union = make.union(a, b)
    doubled = call("*", ref(union, "x"), 2, type=INT32)
    node = make.groups(union, "id", total=e.Aggregate(INT64, "sum", (doubled,)), n=e.Aggregate(INT64, "count"))
    parts = decompose(node, make.column)
    assert parts is not None
    sides = [
        parts.partial(side, {out.id: c for out, c in zip(union.outputs, side.columns, strict=True)}, make.column)
        for side in (a, b)
    ]
    whole = p.SetOperation(p.SetKind.UNION, True, sides[0], sides[1], parts.columns)
    check(parts.final(node, whole))


@pytest.fixture
def make() -> Plans:
    return Plans()
