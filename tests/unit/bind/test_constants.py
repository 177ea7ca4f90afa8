"""Integer arithmetic over literals becomes the number; what could fail, or is no integer, stays an expression."""

import pytest

from hanse.bind.constants import folded
from hanse.ir.expr import Call, Expr, Literal, Parameter
from hanse.ir.plan import Limit
from hanse.ir.types import INT32, INT64
from tests.unit.bind.world import bound


def count_of(sql: str) -> Expr | None:
    plan = bound(f"SELECT id FROM customers LIMIT {sql}").plan
    return plan.count if isinstance(plan, Limit) else None


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("1 + 1", 2),
        ("2 * 3 - 1", 5),
        ("7 / 2", 3),
        ("-7 / -2", 3),
        ("(7 % 4)", 3),
        ("-(-3)", 3),
        ("abs(-4)", 4),
        ("2.5", 3),
    ],
)
def test_arithmetic_is_done(sql: str, value: int) -> None:
    assert count_of(sql) == Literal(INT64, value)


@pytest.mark.parametrize("sql", ["1 / 0", "(5 % 0)", "2147483647 + 1", "(SELECT 1)", "length('abc')"])
def test_what_may_fail_or_asks_is_left(sql: str) -> None:
    assert not isinstance(count_of(sql), Literal)
    assert count_of(sql) is not None


def test_null_is_no_limit() -> None:
    assert count_of("NULL") is None
    assert count_of("CAST(NULL AS bigint)") is None
    assert count_of("1 + NULL::integer") is None


def test_quotients_and_remainders_are_those_of_postgres() -> None:
    pairs = [(7, 2), (-7, 2), (7, -2), (-7, -2)]
    made = [
        [folded(Call(INT32, name, (Literal(INT32, a), Literal(INT32, b)))) for a, b in pairs] for name in ("/", "%")
    ]
    assert [[x.value for x in row if isinstance(x, Literal)] for row in made] == [[3, -3, -3, 3], [1, -1, 1, -1]]


def test_a_parameter_alone_is_a_number_of_rows_of_its_own() -> None:
    query = bound("SELECT id FROM customers WHERE id = $1 LIMIT $1 OFFSET $1", types=(INT32,))
    assert query.parameter_types == (INT32,)
    assert query.row_counts == ((0, "OFFSET"), (0, "LIMIT"))
    assert isinstance(query.plan, Limit)
    assert (query.plan.count, query.plan.offset) == (Parameter(INT64, 2), Parameter(INT64, 1))
