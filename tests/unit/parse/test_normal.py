"""Statements without values: nothing that a user wrote as one is left, and equal forms are equal texts."""

from __future__ import annotations

import pytest

from hanse.parse.normal import normalized


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("SELECT Name FROM t WHERE id = 42;", "select name from t where id = ?"),
        ("select 1.5, -2, 1e3", "select ? , - ? , ?"),
        ("SELECT \"Name\", 'it''s' FROM t -- secret", 'select "Name" , ? from t'),
        ("SELECT /* secret */ 1", "select ?"),
        ("SELECT $1, $2", "select $ 1 , $ 2"),
        ("SELECT :id", "select : id"),
        ("SELECT 1 FROM t WHERE a IN (1, 2, 3) AND b IN ('x')", "select ? from t where a in ( ? ) and b in ( ? )"),
        ("SELECT f(1, 2) FROM t WHERE a IN (SELECT 1)", "select f ( ? , ? ) from t where a in ( select ? )"),
        ("SELECT a IN (b, 1, 2, $1)", "select a in ( b , $ 1 )"),
    ],
)
def test_forms(text: str, wanted: str) -> None:
    assert normalized(text) == wanted


@pytest.mark.parametrize(
    "value",
    [
        "'secret'",
        "E'secret\\n'",
        "$$secret$$",
        "$tag$secret$tag$",
        "DATE '1812-secret'",
        "INTERVAL 'secret'",
        "'sec' 'secret'",
        "8675309",
        "0.8675309",
        "'\\x8675309'",
        "x'8675309abc'",
        "B'0101'",
        "N'secret'",
        "U&'secret'",
    ],
)
def test_no_value_is_left(value: str) -> None:
    form = normalized(f"SELECT a FROM t WHERE b = {value} AND c = 1")
    assert "secret" not in form
    assert "8675309" not in form
    assert "0101" not in form
