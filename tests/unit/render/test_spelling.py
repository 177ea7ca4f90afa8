"""Parentheses, templates, and text that must not be looked into."""

import pytest

from hanse.errors import InternalError
from hanse.ir.expr import Parameter
from hanse.ir.types import INT32
from hanse.render.spelling import LOGIC, LOOSE, MARK, OPAQUE, TIGHT, Marks, aggregate_template, bare, level, template


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"a"', TIGHT), ("t1.c5", TIGHT), ("12", TIGHT), ("'a or b'", TIGHT), ("DATE '2026-01-01'", TIGHT),
        ("lower(a or b)", TIGHT), ("(a)", TIGHT), ('"a"::text', TIGHT), ("a::double precision", TIGHT),
        ("CAST(a AS numeric(3, 1))", TIGHT), ("CASE WHEN a AND b THEN 1 END", TIGHT), ("f(x)::int[]", TIGHT),
        ("a + b", LOOSE), ("-5", LOOSE), ("a IS NOT NULL", LOOSE), ("(a) + (b)", LOOSE), ('"a" COLLATE "C"', LOOSE),
        ("CASE WHEN a THEN 1 END + CASE WHEN b THEN 1 END", LOOSE), ("a::int + b", LOOSE),
        ("a and b", LOGIC), ("NOT(a)", LOGIC), ("a between 1 and 2", LOGIC), ("a NOT IN (1)", LOGIC),
        ("a::int and b", LOGIC), (r"'\' or '", LOGIC), ("a -- b", LOGIC), ("(a", LOGIC), ("a)(", LOGIC),
    ],
)  # fmt: skip
def test_how_firmly_a_text_holds_together(text, expected):
    assert level(text) == expected


def test_parentheses_that_enclose_all_go():
    assert bare("((a + b))") == "a + b"
    assert bare("(a) + (b)") == "(a) + (b)"
    assert bare("(')')") == "')'"
    assert bare("((SELECT 1))") == "(SELECT 1)"
    assert bare("(a, b)") == "(a, b)"


def test_arguments_get_parentheses_where_nothing_delimits_them():
    loose, tight = ("a + b", LOOSE), ("c", TIGHT)
    assert template("{0} * {1}").fill([loose, tight]) == ("(a + b) * c", LOOSE)
    assert template("(({0} * {1}))").fill([loose, tight]) == ("(a + b) * c", LOOSE)
    assert template("f({0}, {1})").fill([loose, loose]) == ("f(a + b, a + b)", TIGHT)
    assert template("CAST({0} AS text)").fill([loose]) == ("CAST(a + b AS text)", TIGHT)
    assert template("concat({*})").fill([loose, tight]) == ("concat(a + b, c)", TIGHT)
    assert template("({0})::text").fill([loose]) == ("(a + b)::text", TIGHT)
    assert template("{0}::text").fill([loose]) == ("(a + b)::text", TIGHT)
    assert template("{0}").fill([loose]) == loose


def test_an_argument_that_looks_like_a_place_stays_what_it_is():
    assert template("f({0}, {1})").fill([("'{1}'", TIGHT), ("'{0}'", TIGHT)])[0] == "f('{1}', '{0}')"


CLAUSES = {"distinct": "DISTINCT ", "order": " ORDER BY y", "over": " OVER ()"}


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("sum({0})", "sum(DISTINCT x ORDER BY y) OVER ()"),
        ("CAST(sum({0}) AS bigint)", "CAST(sum(DISTINCT x ORDER BY y) OVER () AS bigint)"),
        ("CAST(sum({0}) AS decimal(38,0))", "CAST(sum(DISTINCT x ORDER BY y) OVER () AS decimal(38,0))"),
        ("sum({0})::numeric(38,0)", "sum(DISTINCT x ORDER BY y) OVER ()::numeric(38,0)"),
        ("sum(CAST({0} AS double))", "sum(DISTINCT CAST(x AS double) ORDER BY y) OVER ()"),
        ("to_json(list({distinct}{0}{order}){over})", "to_json(list(DISTINCT x ORDER BY y) OVER ())"),
        ("sum({0}) / count({0})", "sum(DISTINCT x ORDER BY y) OVER () / count(DISTINCT x ORDER BY y) OVER ()"),
    ],
)
def test_the_clauses_of_an_aggregate_go_to_its_call(spelling, expected):
    assert aggregate_template(spelling).fill([("x", TIGHT)], CLAUSES)[0] == expected


def test_an_aggregate_without_a_call_is_a_mistake():
    with pytest.raises(InternalError):
        aggregate_template("{0} + 1")


def test_marks_come_back_as_they_were():
    marks = Marks()
    hole, other = Parameter(INT32, 0), Parameter(INT32, 1)
    odd = f"'{MARK}0{MARK}{OPAQUE}1{OPAQUE}{{0}}'"
    text = f"f({marks.foreign(odd)}, {marks.hidden(f'{marks.hole(hole)} + 1', repeatable=False)}, {marks.hole(other)})"
    resolved = marks.resolve(text)
    assert resolved.parts == (f"f({odd}, ", hole, " + 1, ", other, ")")
    assert resolved.parameters == (hole, other)


def test_optional_text_stands_only_where_columns_are_qualified():
    marks = Marks()
    text = marks.optional("t1.") + '"a"'
    assert str(marks.resolve(text)) == '"a"'
    marks.qualified = True
    assert str(marks.resolve(text)) == 't1."a"'
