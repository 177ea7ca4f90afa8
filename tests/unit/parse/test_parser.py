"""Text to Statement: kinds, parameters, what is kept of the syntax, what is refused and where."""

import pytest
from sqlglot import exp

from hanse.errors import HanseError, ResourceLimit, SyntaxFailure
from hanse.parse.parser import LENGTH_MAX, parse


@pytest.mark.parametrize(
    ("text", "kind", "options"),
    [
        ("SELECT 1", "query", {}),
        ("  (SELECT 1) UNION SELECT 2;  ", "query", {}),
        ("WITH x AS (SELECT 1) TABLE x", "query", {}),
        ("VALUES (1)", "query", {}),
        ("EXPLAIN SELECT 1", "explain", {"analyze": False, "format": "text", "stage": None}),
        ("explain analyze select 1", "explain", {"analyze": True, "format": "text", "stage": None}),
        ("EXPLAIN FRAGMENTS SELECT 1", "explain", {"analyze": False, "format": "text", "stage": "FRAGMENTS"}),
        (
            "EXPLAIN (FORMAT JSON, STAGE sql, ANALYZE) (SELECT 1)",
            "explain",
            {"analyze": True, "format": "json", "stage": "SQL"},
        ),
        ("SHOW tables FROM crm", "show", {"name": "tables", "arguments": ("FROM", "crm")}),
        ("SET pushdown = off", "set", {"name": "pushdown", "value": "off"}),
        ("SET SESSION x.y TO 'a b'", "set", {"name": "x.y", "value": "a b"}),
        ("SET TIME ZONE 'UTC'", "set", {"name": "timezone", "value": "UTC"}),
        ("SET x TO DEFAULT", "set", {"name": "x", "value": None}),
    ],
)
def test_kinds(text, kind, options):
    statement = parse(text)
    assert (statement.kind, dict(statement.options), statement.text) == (kind, options, text)
    assert (statement.syntax is None) == (kind in ("show", "set"))


def test_parameters_by_number_and_by_name():
    assert parse("SELECT $2, $1, $2").parameters == ("1", "2")
    statement = parse("SELECT :b, :a, :b, x::int, a[1:n] FROM t")
    assert statement.parameters == ("b", "a")
    assert [p.this.this for p in statement.syntax.find_all(exp.Parameter)] == ["1", "2", "1"]


def test_calls_keep_their_name_and_their_arguments_order():
    text = "SELECT date_trunc('month', x), strpos(a, b), LEFT(a, 1), if(a, b), to_char(x, 'YYYY'), count(*) FROM t"
    calls = list(parse(text).syntax.find_all(exp.Anonymous))
    assert [str(call.this).lower() for call in calls] == ["date_trunc", "strpos", "left", "if", "to_char", "count"]
    assert [arg.name for arg in calls[1].expressions] == ["a", "b"]


def test_an_interval_keeps_its_text():
    call = parse("SELECT INTERVAL '1 hour ago', INTERVAL '1 12:30' DAY TO MINUTE").syntax.expressions
    assert [[arg.name for arg in x.expressions] for x in call] == [["1 hour ago", ""], ["1 12:30", "DAY TO MINUTE"]]


def test_numbers_may_have_underscores():
    numbers = "1_000, 1_0.5_0, 1_0., 1_0e1_0, 1.5_0, 0x_1F, 0o17, 0b1_1, 0x1f"
    found = [x.this for x in parse(f"SELECT {numbers}").syntax.expressions]
    assert found == ["1000", "10.50", "10.", "10e10", "1.50", "31", "15", "3", "31"]


@pytest.mark.parametrize(
    ("text", "message", "position"),
    [
        ("", "the statement is empty", 0),
        (";;", "the statement is empty", 0),
        ("SELECT 1 +", "syntax error at end of input", 10),
        ("SELECT (1", "syntax error at end of input: expecting )", 9),
        ("SELECT a b c FROM t", 'syntax error at or near "c"', 11),
        ("SELECT a, FROM t", 'syntax error at or near "FROM"', 10),
        ("SELECT f(a,) FROM t", 'syntax error at or near ")"', 11),
        ("SELECT 'ü' x y", 'syntax error at or near "y"', 13),
        ("SELECT\n  1 WHERE\n  x y z", 'syntax error at or near "y"', 21),
        ("SELECT 'abc", "unterminated string, identifier or comment", 7),
        ("SELECT 1; SELECT 2", "only one statement can be run at a time", 10),
        ("SELEC 1", 'syntax error at or near "SELEC"', 0),
        ("DELETE FROM t", "Hanse only reads: DELETE is not possible", 0),
        ("/* x */ COPY t TO 'x'", "Hanse only reads: COPY is not possible", 8),
        ("EXPLAIN INSERT INTO t VALUES (1)", "Hanse only reads: INSERT is not possible", 8),
        ("EXPLAIN", "EXPLAIN needs a query", 7),
        ("SELECT a == 1", 'syntax error at or near "=="', 9),
        ("SELECT 12abc", 'trailing junk after numeric literal at or near "12abc"', 7),
        ("SELECT $1, :a", "$1 and :name cannot be mixed in one statement", 11),
        ("SELECT $a", 'syntax error at or near "$"', 7),
        ("SET x", "SET needs a name and a value: SET name = value", 5),
    ],
)
def test_refusals_say_where(text, message, position):
    with pytest.raises(SyntaxFailure) as caught:
        parse(text)
    assert (caught.value.message, caught.value.position, caught.value.code) == (message, position, "42601")


@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 101 + "1" + ")" * 101,
        "SELECT " + "NOT " * 5000 + "true",
        "SELECT " + "- " * 5000 + "1",
        "SELECT 1" + "::int" * 5000,
        "SELECT " + " + ".join(["1"] * 5000),
        "SELECT " + "CASE WHEN true THEN " * 5000 + "1" + " END" * 5000,
        "SELECT " + "(SELECT " * 5000 + "1" + ")" * 5000,
        "SELECT " + "f(" * 5000,
        "SELECT a" + "[1]" * 5000,
    ],
    ids=["parens", "not", "minus", "cast", "plus", "case", "subquery", "call", "subscript"],
)
def test_depth_is_limited_without_recursion(text):
    with pytest.raises(ResourceLimit) as caught:
        parse(text)
    assert caught.value.code == "54001"


def test_long_flat_chains_are_fine():
    parse("SELECT 1 FROM t WHERE " + " OR ".join(f"a = {n}" for n in range(5000)))
    parse(" UNION ALL ".join(["SELECT 1"] * 2000))
    parse("SELECT 1 FROM t WHERE a IN (" + ", ".join(map(str, range(20_000))) + ")")


def test_parameters_need_no_space_between_them():
    assert parse("SELECT $1,$2||$3").parameters == ("1", "2", "3")
    assert parse("SELECT coalesce($1,$2)").parameters == ("1", "2")
    assert parse("SELECT $tag$ $1,$2 $tag$").parameters == ()


def test_length_is_limited():
    with pytest.raises(ResourceLimit) as caught:
        parse("SELECT '" + "x" * LENGTH_MAX + "'")
    assert caught.value.code == "54000"


@pytest.mark.parametrize(
    "text", ["(", ")", "SELECT )", "WITH", "SELECT * FROM", "VALUES", "TABLE", "EXPLAIN (", "SHOW", '"', "$$x", "/*"]
)
def test_fragments_fail_cleanly(text):
    with pytest.raises(HanseError):
        parse(text)
