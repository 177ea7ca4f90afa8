"""What the server refuses to put together stays here: texts of several collations, computed numbers of rows (error 1267, 1064)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

import hanse
from hanse.engine import Engine
from tests.servers.databases import Database

TABLE = """
CREATE TABLE t (id int PRIMARY KEY, a varchar(20) COLLATE utf8mb4_general_ci, b varchar(20) COLLATE utf8mb4_unicode_ci,
                c varchar(20) CHARACTER SET latin1)
"""
QUERIES = [
    "SELECT id, CASE WHEN id = 1 THEN a ELSE b END AS x FROM t ORDER BY id",
    "SELECT id, CASE WHEN id = 1 THEN a ELSE c END AS x FROM t ORDER BY id",
    "SELECT id, CASE WHEN id = 1 THEN c ELSE '\N{GRINNING FACE}' END AS x FROM t ORDER BY id",
    "SELECT id FROM t WHERE CASE WHEN id = 1 THEN a ELSE b END = 'a'",
    "SELECT id FROM (SELECT id, a AS x FROM t UNION ALL SELECT id, b FROM t) q ORDER BY id, x",
    "SELECT id FROM (SELECT id, a AS x FROM t UNION ALL SELECT id, c FROM t) q ORDER BY id, x",
    "SELECT id FROM (SELECT id, c AS x FROM t UNION ALL SELECT 3, '\N{GRINNING FACE}' FROM t) q ORDER BY id, x",
    "SELECT id FROM (SELECT id, a AS x FROM t UNION SELECT id, b FROM t) q ORDER BY id, x",
]
TOGETHER = [
    "SELECT id, CASE WHEN id = 1 THEN a ELSE 'x' END AS x FROM t ORDER BY id",
    "SELECT id, CASE WHEN id = 1 THEN c ELSE NULL END AS x FROM t ORDER BY id",
    "SELECT id, CASE WHEN id = 1 THEN 'x' ELSE 'y' END AS x FROM t ORDER BY id",
    "SELECT id, a FROM t UNION ALL SELECT id, '\N{GRINNING FACE}' FROM t",
]


@pytest.fixture
def engine(mysql_database: Callable[..., Database]) -> Iterator[Engine]:
    database = mysql_database()
    database.run(TABLE, "INSERT INTO t VALUES (1, 'a', 'B', '\u00fc'), (2, 'A', 'b', 'x')")
    with hanse.connect({"sources": {"my": {"kind": "mysql", "url": database.url}}}) as found:
        yield found


@pytest.mark.parametrize("sql", QUERIES)
def test_texts_of_several_collations_meet_here(engine: Engine, sql: str) -> None:
    here = engine.query(sql, settings={"pushdown": "off"}).fetchall()
    assert engine.query(sql).fetchall() == here
    assert len(here) > 0


@pytest.mark.parametrize("sql", TOGETHER)
def test_texts_that_go_together_meet_there(engine: Engine, sql: str) -> None:
    result = engine.query(sql)
    assert sorted(result.fetchall(), key=str) == sorted(
        engine.query(sql, settings={"pushdown": "off"}).fetchall(), key=str
    )
    sent = [source.sql for source in result.report.sources]
    assert len(sent) == 1
    assert "CASE" in sent[0] or "UNION ALL" in sent[0]


def test_a_correlated_subquery_has_an_answer_for_each_text(engine: Engine) -> None:
    """MariaDB's cache of such answers goes by collation: it had one for 'a' and 'A'."""
    result = engine.query("SELECT id FROM t WHERE (SELECT max(u.id) FROM t u WHERE u.a = t.a) = id")
    assert sorted(result.fetchall()) == [(1,), (2,)]
    assert ["MAX" in source.sql for source in result.report.sources] == [True]


def test_why_they_stay_is_said(engine: Engine) -> None:
    text = engine.explain(QUERIES[0])
    assert "texts of several collations (utf8mb4_general_ci, utf8mb4_unicode_ci) do not go together" in text


@pytest.mark.parametrize(
    ("sql", "params", "sent"),
    [
        ("SELECT id FROM t ORDER BY id LIMIT 1 + 1 OFFSET 2 - 1", None, "LIMIT 2 OFFSET 1"),
        ("SELECT id FROM t ORDER BY id LIMIT $1 OFFSET $2", [None, 1], "LIMIT $4 OFFSET $3"),
        ("SELECT id FROM t ORDER BY id LIMIT $1 OFFSET $2", [1, None], "LIMIT $4 OFFSET $3"),
        ("SELECT id FROM t ORDER BY id LIMIT (SELECT 2)", None, None),
        ("SELECT id FROM t ORDER BY id LIMIT CAST(NULL AS integer)", None, None),
    ],
)
def test_the_server_is_sent_plain_numbers_of_rows(
    engine: Engine, sql: str, params: list[int | None] | None, sent: str | None
) -> None:
    result = engine.query(sql, params)
    rows = result.fetchall()
    assert rows == engine.query(sql, params, {"pushdown": "off"}).fetchall()
    (text,) = [source.sql for source in result.report.sources]
    assert (sent in text) if sent else ("LIMIT" not in text)
