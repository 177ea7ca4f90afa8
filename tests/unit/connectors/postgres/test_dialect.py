"""The forms in which text is compared, grouped and sorted, by what is known of its collation."""

from __future__ import annotations

import pytest

from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.connectors.postgres.functions import SAFE_PATTERN
from hanse.ir import types as t
from hanse.ir.expr import Literal
from hanse.ir.tables import Collation
from hanse.spi.dialect import BYTEWISE, Operand, find

DIALECT = PostgresDialect()
DEFAULT = Collation("default", True, False)
GERMAN = Collation("de-x-icu", True, False)
LOOSE = Collation("loose", False, False)
C = Collation("C", True, True)
LITERAL = Operand("'x'::text", t.TEXT, BYTEWISE, Literal(t.TEXT, "x"))


def spelt(name: str, *args: Operand) -> str:
    rule = find(DIALECT.functions, name, args)
    assert rule is not None
    return rule.spell(args)


def column(collation: Collation, name: str = "v") -> Operand:
    return Operand(name, t.TEXT, collation)


@pytest.mark.parametrize(
    ("collation", "equal", "less"),
    [
        (DEFAULT, "v = 'x'::text", "(v) COLLATE \"C\" < 'x'::text"),
        (LOOSE, "(v) COLLATE \"C\" = 'x'::text", "(v) COLLATE \"C\" < 'x'::text"),
        (C, "v = 'x'::text", "v < 'x'::text"),
        (Collation(), "(v) COLLATE \"C\" = 'x'::text", "(v) COLLATE \"C\" < 'x'::text"),
    ],
)
def test_comparisons(collation: Collation, equal: str, less: str) -> None:
    assert spelt("=", column(collation), LITERAL) == equal
    assert spelt("<", column(collation), LITERAL) == less


def test_two_collations_in_one_comparison() -> None:
    assert spelt("=", column(DEFAULT, "v"), column(DEFAULT, "w")) == "v = w"
    assert spelt("=", column(DEFAULT, "v"), column(GERMAN, "w")) == '(v) COLLATE "C" = w'
    assert spelt("<", LITERAL, LITERAL) == "('x'::text) COLLATE \"C\" < 'x'::text"


def test_numbers_have_no_collation() -> None:
    assert spelt("<", Operand("v", t.INT32), Operand("5", t.INT32)) == "v < 5"


@pytest.mark.parametrize(
    ("type", "collation", "group", "order"),
    [
        (t.TEXT, DEFAULT, "v", '(v) COLLATE "C"'),
        (t.TEXT, LOOSE, '(v) COLLATE "C"', '(v) COLLATE "C"'),
        (t.TEXT, C, "v", "v"),
        (t.enum(("a",)), DEFAULT, "v", '(v) COLLATE "C"'),
        (t.FLOAT64, Collation(), "v", "v"),
        (t.UUID, Collation(), "v", "v"),
        (t.JSON, Collation(), None, None),
        (t.INTERVAL, Collation(), None, "v"),
        (t.array(t.INT32), Collation(), "v", None),
        (t.array(t.TEXT), Collation(), '(v) COLLATE "C"', None),
    ],
)
def test_keys(type: t.Type, collation: Collation, group: str | None, order: str | None) -> None:
    assert DIALECT.group_key(Operand("v", type, collation)) == group
    assert DIALECT.order_key(Operand("v", type, collation)) == order


def test_without_unicode_nothing_goes_by_code_point() -> None:
    dialect = PostgresDialect(is_unicode=False)
    assert dialect.order_key(column(DEFAULT)) is None
    assert find(dialect.functions, "<", [column(DEFAULT), LITERAL]) is None
    assert find(dialect.functions, "<", [Operand("v", t.INT32), Operand("5", t.INT32)]) is not None
    assert find(dialect.aggregates, "max", [column(DEFAULT)]) is None
    assert find(dialect.functions, "md5", [column(DEFAULT)]) is None


@pytest.mark.parametrize("pattern", ["abc", "^a.*b$", "[A-Za-z0-9_]+", "a{2,3}|b?", r"\.\+", "(ab)+", "[^a-c]", ""])
def test_patterns_that_mean_the_same(pattern: str) -> None:
    assert SAFE_PATTERN.fullmatch(pattern)
