"""Every spelling of the dialect, on the real server: the answer is PostgreSQL's as the manual has it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from hanse.errors import InvalidValue
from hanse.ir import plan as p
from hanse.ir import types as t
from hanse.ir.expr import Call, Cast, Column, Expr, InList, Literal
from hanse.ir.tables import Verdict
from hanse.render.writer import write
from hanse.spi.arrow import carrier
from hanse.spi.dialect import Operand
from hanse.spi.duckdb.dialect import DuckDBDialect
from hanse.testing.contract import ConnectorContract, covered
from tests.contract.postgres.samples import CALLS, CASTS, LITERALS, comparisons, d, f, i, s, x

pytestmark = pytest.mark.postgres
SAMPLES = [*comparisons(), *CALLS]


def same(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) and isinstance(found, float):
        if math.isnan(expected):
            return math.isnan(found)
        return found == expected and math.copysign(1, found) == math.copysign(1, expected)
    return found == expected and (found is None) == (expected is None)


def differences(contract: ConnectorContract, expressions: list[Expr], expected: list[Any]) -> list[Any]:
    found = contract.values(*expressions)[0]
    answers = zip(expressions, found, expected, strict=True)
    return [(node, answer, wanted) for node, answer, wanted in answers if not same(answer, wanted)]


def test_samples_cover_every_rule(contract: ConnectorContract) -> None:
    assert covered(contract.dialect.functions, {name for _, name, _, _ in SAMPLES}) == set()


def test_calls(contract: ConnectorContract) -> None:
    calls: list[Expr] = [call(*sample[:3]) for sample in SAMPLES]
    expected = [answer for *_, answer in SAMPLES]
    for start in range(0, len(calls), 200):
        assert differences(contract, calls[start : start + 200], expected[start : start + 200]) == []


@pytest.fixture(scope="module")
def coordinator() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:", config={"threads": "1"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection


def call(type: t.Type, name: str, args: tuple[Expr, ...]) -> Expr:
    return InList(type, args[0], args[1:]) if name == "in" else Call(type, name, args)


def computed(connection: duckdb.DuckDBPyConnection, node: Expr) -> Any:
    """What the coordinator makes of an expression, in the carrier of its type."""
    sql = write(p.Values((Column(1, "v", node.type),), ((node,),)), DuckDBDialect())
    array = connection.execute(str(sql)).to_arrow_table().column(0).combine_chunks()
    return array.cast(carrier(node.type)).to_pylist()[0]


def test_the_coordinator_agrees(coordinator: duckdb.DuckDBPyConnection) -> None:
    nodes: list[tuple[Expr, Any]] = [(call(*sample[:3]), sample[3]) for sample in SAMPLES]
    nodes += [(Cast(type, arg), expected) for arg, type, expected in CASTS]
    found = ((node, computed(coordinator, node), expected) for node, expected in nodes)
    assert [one for one in found if not same(one[1], one[2])] == []


def test_casts(contract: ConnectorContract) -> None:
    casts: list[Expr] = [Cast(type, arg) for arg, type, _ in CASTS]
    assert differences(contract, casts, [answer for *_, answer in CASTS]) == []


def test_literals(contract: ConnectorContract) -> None:
    assert differences(contract, [literal for literal, _ in LITERALS], [value for _, value in LITERALS]) == []


def test_typed_nulls(contract: ConnectorContract) -> None:
    types = [t.BOOLEAN, t.INT16, t.INT64, t.decimal(9, 2), t.FLOAT32, t.TEXT, t.BYTES, t.DATE, t.TIME, t.TIMESTAMPTZ]
    types += [t.INTERVAL, t.UUID, t.JSON, t.enum(("a",)), t.array(t.TEXT), t.NULL]
    assert contract.values(*(Literal(type, None) for type in types)) == [(None,) * len(types)]


@pytest.mark.parametrize(
    "literal",
    [
        x("a\0b"),
        x("\ud800"),
        Literal(t.UINT64, 1),
        Literal(t.INT8, 1),
        Literal(t.array(t.array(t.INT32)), ((1,),)),
        Literal(t.array(t.TEXT), ("a\0",)),
    ],
)
def test_unspeakable_literals(contract: ConnectorContract, literal: Literal) -> None:
    assert contract.dialect.literal(literal) is None


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (Call(t.INT32, "+", (i(2**31 - 1), i(1))), "22003"),
        (Call(t.INT16, "*", (s(300), s(300))), "22003"),
        (Call(t.INT64, "neg", (Literal(t.INT64, -(2**63)),)), "22003"),
        (Call(t.INT32, "/", (i(1), i(0))), "22012"),
        (Call(t.FLOAT64, "/", (f(1), f(0))), "22012"),
        (Call(t.INT32, "%", (i(1), i(0))), "22012"),
        (Call(t.FLOAT64, "sqrt", (f(-1),)), "2201F"),
        (Call(t.DATE, "make_date", (i(2021), i(2), i(29))), "22008"),
        (Call(t.TEXT, "substr", (x("abc"), i(1), i(-1))), "22011"),
        (Call(t.TEXT, "split_part", (x("a"), x(","), i(0))), "22023"),
        (Call(t.BOOLEAN, "like", (x("ab"), x("a\\"))), "22025"),
        (Cast(t.INT16, i(40000)), "22003"),
        (Cast(t.decimal(3, 2), d("10")), "22003"),
        (Cast(t.INT32, f(math.nan)), "22003"),
        (Call(t.decimal(38, 0), "*", (d("9" * 38), d("10"))), "22003"),
    ],
)
def test_errors(contract: ConnectorContract, call: Expr, code: str) -> None:
    with pytest.raises(InvalidValue) as failure:
        contract.value(call)
    assert failure.value.code == code
    assert failure.value.source == "shop"


@pytest.mark.parametrize("name", ["lower", "upper", "initcap", "ilike", "exp", "ln", "^", "similar_to", "~*"])
def test_what_depends_on_the_server_stays_here(contract: ConnectorContract, name: str) -> None:
    rule = contract.rule(name, [Operand("x", t.TEXT)])
    assert rule is not None
    assert rule.verdict is Verdict.NO
    assert rule.reason


@pytest.mark.parametrize(
    "pattern", [r"\d", r"\w", r"a(?i)b", r"(a)\1", "[[:alpha:]]", "***=a", "a{1000}", "a**", "\\", "[a", "(?:a)"]
)
def test_patterns_that_may_differ_stay_here(contract: ConnectorContract, pattern: str) -> None:
    literal = x(pattern)
    rule = contract.rule("~", [Operand("x", t.TEXT), Operand("y", t.TEXT, literal=literal)])
    assert rule is not None
    assert rule.verdict is Verdict.NO


def test_casts_that_differ_stay_here(contract: ConnectorContract) -> None:
    doubtful = [
        (t.TEXT, t.INT32),
        (t.TEXT, t.DATE),
        (t.FLOAT64, t.TEXT),
        (t.FLOAT64, t.decimal(9, 2)),
        (t.decimal(9, 2), t.TEXT),
    ]
    doubtful += [
        (t.INTERVAL, t.TEXT),
        (t.TIMESTAMPTZ, t.TEXT),
        (t.JSON, t.INT32),
        (t.INT32, t.UINT64),
        (t.INT32, t.INT8),
    ]
    for source, target in doubtful:
        assert contract.dialect.cast(Operand("x", source), target, False) is None
    assert contract.dialect.cast(Operand("x", t.INT32), t.INT64, True) is None
