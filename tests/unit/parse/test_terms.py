"""Clauses that demand consistency, and names that look like them."""

import pytest

from hanse.errors import SyntaxFailure
from hanse.ir.consistency import NOTHING, Terms
from hanse.parse.parser import parse
from hanse.parse.terms import divided

PLAIN = "SELECT a FROM t"
CLAUSES = [
    ("REQUIRE SNAPSHOT", Terms(snapshot=True)),
    ("require\n snapshot ;", Terms(snapshot=True)),
    ("MAX SKEW 500 ms", Terms(skew=0.5)),
    ("MAX SKEW 500ms;", Terms(skew=0.5)),
    ("max skew 1500 MS", Terms(skew=1.5)),
    ("MAX SKEW 2 s", Terms(skew=2.0)),
    ("MAX SKEW 0 ms", Terms(skew=0.0)),
    ("MAX SKEW 0.25 s -- so close", Terms(skew=0.25)),
    ("STRICT", Terms(strict=True)),
    ("STRICT MAX SKEW 1 s REQUIRE SNAPSHOT", Terms(True, 1.0, True)),
    ("REQUIRE SNAPSHOT /* and */ MAX SKEW 10 ms", Terms(True, 0.01)),
]
QUERIES = [
    PLAIN,
    "SELECT a FROM t AS x",
    "SELECT a FROM s.t WHERE b = 'x'",
    "SELECT a FROM t WHERE b = $1",
    "SELECT a FROM t WHERE b = :name",
    "SELECT a FROM t ORDER BY a DESC NULLS LAST",
    "SELECT a FROM t LIMIT 5",
    "SELECT a FROM t GROUP BY a HAVING count(*) > 1",
    "SELECT a FROM t WHERE b IS NULL",
    "SELECT a FROM t WHERE b",
    "SELECT a FROM t WHERE CASE WHEN b THEN c END",
    "(SELECT a FROM t)",
    "SELECT a FROM (SELECT 1 AS a) AS x",
    "SELECT a FROM t UNION ALL SELECT b FROM u",
    "WITH x AS (SELECT 1 AS a) SELECT a FROM x",
    "TABLE t",
    'SELECT a FROM "t u"',
    "SELECT a FROM t JOIN u USING (a)",
    "SELECT a[1] FROM t WHERE a[1] = b[2]",
]


@pytest.mark.parametrize(("clause", "terms"), CLAUSES)
@pytest.mark.parametrize("query", QUERIES)
def test_a_query_ends_with_clauses_and_is_the_same_without_them(query: str, clause: str, terms: Terms) -> None:
    assert divided(f"{query} {clause}") == (query, terms)
    for text, kind in ((f"{query} {clause}", "query"), (f"EXPLAIN ANALYZE {query} {clause}", "explain")):
        statement = parse(text)
        assert (statement.kind, statement.terms, statement.query_text) == (kind, terms, query)
        assert statement.syntax == parse(query).syntax


NAMES = [
    "SELECT a FROM require snapshot",
    "SELECT a FROM s.require snapshot",
    "SELECT a FROM t, require snapshot",
    "SELECT a FROM t CROSS JOIN require snapshot",
    "SELECT require snapshot",
    "SELECT a, require snapshot",
    "SELECT a FROM t AS strict",
    "SELECT strict.a FROM t strict",
    "SELECT 1 strict",
    "SELECT (1) strict",
    "SELECT count(*) strict",
    "SELECT 1 IS DISTINCT FROM 2 strict",
    "SELECT a FROM strict",
    "SELECT a FROM s.strict",
    "SELECT a FROM t ORDER BY strict",
    "SELECT a FROM t WHERE b = strict",
    'SELECT a FROM t "strict"',
    'SELECT a FROM t "strict" -- strict',
    "SELECT 'require snapshot'",
    "SELECT snapshot FROM require",
    "SELECT skew FROM max",
]


@pytest.mark.parametrize("text", NAMES)
def test_names_are_no_clauses(text: str) -> None:
    assert divided(text) == (text, NOTHING)
    assert parse(text).terms == NOTHING


@pytest.mark.parametrize(
    "text", ["SHOW strict", "RESET strict", "SHOW require_snapshot", "SET strict = on", "KILL 'ab12'"]
)
def test_other_statements_have_no_clauses(text: str) -> None:
    assert divided(text) == (text, NOTHING)
    assert parse(text).terms == NOTHING


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT a FROM t MAX SKEW 5 minutes", 'a number of ms or s, not of "minutes"'),
        ("SELECT a FROM t MAX SKEW 5 ms MAX SKEW 6 ms", "twice"),
        ("SELECT a FROM t STRICT STRICT", "twice"),
        ("SELECT a FROM t REQUIRE SNAPSHOT LIMIT 5", "near"),
        ("SELECT a FROM t MAX SKEW ms", "near"),
        ("SELECT a FROM t MAX SKEW -5 ms", "near"),
        ("SELECT a FROM t REQUIRE", None),
        ("REQUIRE SNAPSHOT", "near"),
        ("SELECT REQUIRE SNAPSHOT FROM", None),
    ],
)
def test_what_is_no_clause_either_is_refused(text: str, message: str | None) -> None:
    if message is None:
        assert parse_or_nothing(text).is_any is False
        return
    with pytest.raises(SyntaxFailure, match=message):
        parse(text)


def parse_or_nothing(text: str) -> Terms:
    try:
        return parse(text).terms
    except SyntaxFailure:
        return NOTHING


def test_a_query_that_reads_nothing_may_end_with_clauses() -> None:
    assert divided("SELECT 1 STRICT REQUIRE SNAPSHOT") == ("SELECT 1 STRICT", Terms(snapshot=True))
    assert divided("SELECT 1 REQUIRE SNAPSHOT STRICT") == ("SELECT 1", Terms(snapshot=True, strict=True))


def test_demands_add_up() -> None:
    assert Terms(snapshot=True).and_also(Terms(skew=1.0)) == Terms(True, 1.0)
    assert Terms(skew=2.0).and_also(Terms(skew=1.0, strict=True)) == Terms(False, 1.0, True)
    assert NOTHING.and_also(NOTHING) == NOTHING
    assert str(Terms(True, 0.5, True)) == "REQUIRE SNAPSHOT MAX SKEW 500 ms STRICT"
