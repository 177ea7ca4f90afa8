"""No constant of a sent statement is left in what is kept of it, whatever stands around it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.connectors.sqlite.dialect import SQLiteDialect
from hanse.ir import types as t
from hanse.ir.expr import Literal
from hanse.observe.redaction import UNREADABLE, redacted
from hanse.parse.normal import normalized, shown
from hanse.recording import described
from hanse.spi.dialect import Dialect
from hanse.spi.duckdb.dialect import DuckDBDialect

CASES = [
    ("SELECT c1, \"c'2\", t3.c4 FROM `t1` WHERE x = 'a''b'", 'SELECT c1, "c\'2", t3.c4 FROM `t1` WHERE x = ?'),
    ("a IN (1, 2.5,3e-10, 'x') LIMIT 10", "a IN (?) LIMIT ?"),
    ("x = E'a\\'secret' OR y = X'aa' OR z = _utf8mb4 X'bb'", "x = ? OR y = ? OR z = ?"),
    ("DATE'2020-01-01' < c1 -- secret's", "DATE? < c1"),
    ("/* hanse:ab01 */ SELECT 1::int4", "SELECT ?::int4"),
    ("'{1,2}'::int8[], $1, decimal(38,18)", "?::int8[], $1, decimal(?)"),
    ("a = 'b", UNREADABLE),
    ("", ""),
]


@pytest.mark.parametrize(("sql", "expected"), CASES)
def test_constants_are_hidden_and_names_are_not(sql: str, expected: str) -> None:
    assert redacted(sql) == expected


CANARIES = [
    "canary",
    "it's canary",
    "can\\ary'--",
    'x"canary"',
    "/* canary */",
    "канарейка",
    "a\ncanary",
    "\\",
    "'",
    "''",
]


@pytest.mark.parametrize("dialect", [PostgresDialect(), MysqlDialect(), SQLiteDialect(), DuckDBDialect()])
@pytest.mark.parametrize("value", CANARIES)
def test_no_text_survives_in_any_dialect(dialect: Dialect, value: str) -> None:
    spelt = dialect.literal(Literal(t.TEXT, value))
    assert spelt is not None
    found = redacted(f'SELECT "c1" FROM "t" WHERE ("n" = {spelt}) AND ("m" <> {spelt}) ORDER BY "c1"')
    assert "canary" not in found
    assert "канарейка" not in found
    # whatever the dialect writes around it (a cast, chr(10)), the rest stands
    assert found.startswith('SELECT "c1" FROM "t" WHERE ("n" = ')
    assert found.endswith(' ORDER BY "c1"')


@pytest.mark.parametrize("dialect", [PostgresDialect(), MysqlDialect(), SQLiteDialect(), DuckDBDialect()])
def test_no_number_and_no_moment_survives(dialect: Dialect) -> None:
    values = [
        Literal(t.INT64, 7654321),
        Literal(t.decimal(12, 4), Decimal("7654321.7654")),
        Literal(t.FLOAT64, 7.654321e55),
        Literal(t.DATE, dt.date(7654, 3, 21)),
        Literal(t.TIMESTAMP, dt.datetime(7654, 3, 21, 7, 6, 54)),
        Literal(t.BYTES, b"7654321"),
    ]
    for value in values:
        found = redacted(f"SELECT {dialect.literal(value)}")
        assert "765" not in found
        assert b"7654321".hex() not in found


STATEMENT = """\
SELECT a.b,  count(*) FROM "T"x /* secret 'x */ WHERE a IN ('x', 2,3) AND b='it''s' -- tail secret
 AND d=E'\\'x' AND e = $q$sec'ret$q$ AND f=$1 AND g=:name AND h=-1.5e3;"""


def test_a_users_statement_is_shown_as_it_was_written_but_for_its_values() -> None:
    assert shown(STATEMENT) == (
        'SELECT a.b, count(*) FROM "T"x WHERE a IN (?) AND b=? AND d=? AND e = ? AND f=$1 AND g=:name AND h=-?'
    )
    assert normalized(shown(STATEMENT)) == normalized(STATEMENT)


@pytest.mark.parametrize(
    "text", ["SELECT 'secret", 'SELECT "secret', "SELECT $q$secret", "/* secret", "SELECT E'secret\\'"]
)
def test_of_what_cannot_be_read_nothing_is_shown(text: str) -> None:
    assert "secret" not in described(text)[0]


def test_statements_that_differ_in_values_have_one_fingerprint() -> None:
    first, second, third = (
        described(text)[1] for text in ("SELECT 1 WHERE a IN (1,2)", "select 2  where a in (3)", "SELECT b")
    )
    assert first == second != third
