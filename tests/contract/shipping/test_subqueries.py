"""Keys into what a query only asks for partners: semi and anti joins, both ways, with NULLs on both sides, and subqueries that
stay subqueries. Only rows that may match move, and the answer is that without keys."""

from typing import Any

import pytest

from hanse.engine import Engine
from hanse.optimize.rules import divide_not_in
from tests.contract.shipping.runs import both, rows_of, target

PAIRS = [("pg", "my"), ("my", "pg"), ("lite", "pg"), ("my", "lite")]
OF = "SELECT {0} FROM {3}.t AS b WHERE b.{1} = a.{1} AND b.id {2} 9"
FEW = "a.id < 20 AND a.id <> 3"


def sub(what: str, column: str, other: str, sign: str = ">=") -> str:
    return OF.format(what, column, sign, other)


ASKED = {
    "exists": f"SELECT a.id FROM {{0}}.t AS a WHERE {FEW} AND EXISTS ({{1}})",
    "not exists": f"SELECT a.id FROM {{0}}.t AS a WHERE {FEW} AND NOT EXISTS ({{1}})",
    "below or": f"SELECT a.id FROM {{0}}.t AS a WHERE {FEW} AND (a.id = 9 OR EXISTS ({{1}}))",
    "below not or": f"SELECT a.id FROM {{0}}.t AS a WHERE {FEW} AND NOT (a.id = 9 OR EXISTS ({{1}}))",
    "selected": f"SELECT a.id, EXISTS ({{1}}) AS found FROM {{0}}.t AS a WHERE {FEW}",
    "counted": f"SELECT a.id, ({{2}}) AS found FROM {{0}}.t AS a WHERE {FEW}",
    "first": f"SELECT a.id, ({{1}} ORDER BY b.id LIMIT 1) AS found FROM {{0}}.t AS a WHERE {FEW}",
    "lateral": f"SELECT a.id, l.id AS other FROM {{0}}.t AS a CROSS JOIN LATERAL ({{1}} ORDER BY b.id LIMIT 2) AS l WHERE {FEW}",
    "left lateral": f"SELECT a.id, l.id AS other FROM {{0}}.t AS a LEFT JOIN LATERAL ({{1}} ORDER BY b.id LIMIT 1) AS l ON true WHERE {FEW}",
    "groups": f"SELECT a.id FROM {{0}}.t AS a WHERE {FEW} AND EXISTS ({{1}} GROUP BY b.id HAVING count(*) > 0)",
}


@pytest.mark.parametrize("query", ASKED)
@pytest.mark.parametrize("column", ["i", "t", "d"])
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_correlated_subqueries(engine: Engine, one: str, other: str, column: str, query: str) -> None:
    found, counted = sub("b.id", column, f"{other}"), sub("count(*)", column, other)
    seen = target(both(engine, ASKED[query].format(one, found, counted)))
    assert seen["source"] == other
    assert 0 < seen["rows"] < 73, "all that the other condition leaves are 73"


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_in(engine: Engine, one: str, other: str) -> None:
    inner = f"(SELECT b.i FROM {other}.t AS b WHERE b.id >= 9)"
    for condition in (f"a.i IN {inner}", f"a.i = ANY {inner}", f"a.id = 9 OR a.i IN {inner}"):
        seen = target(both(engine, f"SELECT a.id FROM {one}.t AS a WHERE a.id < 5 AND ({condition})"))
        assert (seen["source"], seen["rows"] < 40) == (other, True)
    inner = f"(SELECT b.i, b.t FROM {other}.t AS b WHERE b.id >= 9)"
    for condition in (f"(a.i, a.t) IN {inner}", f"a.id = 9 OR (a.i, a.t) IN {inner}"):
        both(engine, f"SELECT a.id FROM {one}.t AS a WHERE a.id < 25 AND ({condition})")


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_left_join_without_partner(engine: Engine, one: str, other: str) -> None:
    for column in ("i", "t"):
        sql = f"SELECT a.id FROM {one}.t AS a LEFT JOIN {other}.t AS b ON b.{column} = a.{column} AND b.id > 60 WHERE b.id IS NULL"
        assert target(both(engine, f"{sql} AND a.id IN (1, 5, 12, 70, 80, 81)"))["source"] == other


def test_what_leaves_rows_without_partner_gets_no_keys(engine: Engine) -> None:
    """Of NOT EXISTS the outer rows, and where false and unknown differ."""
    for condition in (
        "NOT EXISTS (SELECT 1 FROM pg.t AS a WHERE a.i = b.i AND a.id < 5)",
        "(b.i IN (SELECT a.i FROM pg.t AS a WHERE a.id < 5)) IS NULL",
        "NOT (b.i = 3 OR b.i IN (SELECT a.i FROM pg.t AS a WHERE a.id > 70))",
    ):
        report = both(engine, f"SELECT b.id FROM my.t AS b WHERE {condition}")
        assert [one["keys"] for one in report["sources"] if one["source"] == "my"] == [[]]


# -- NOT IN with NULLs

INNER = {
    "no null": "SELECT b.{0} FROM {1}.t AS b WHERE b.id < 70 AND b.id > 5",
    "a null": "SELECT b.{0} FROM {1}.t AS b WHERE b.id > 5",
    "only null": "SELECT b.{0} FROM {1}.t AS b WHERE b.id > 79",
    "none": "SELECT b.{0} FROM {1}.t AS b WHERE b.id > 1000",
    "computed": "SELECT b.{0} FROM {1}.t AS b WHERE b.{0} IS NOT NULL AND b.id % 2 = 0",
}


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("column", ["i", "t"])
@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_not_in(engine: Engine, one: str, other: str, column: str, inner: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = INNER[inner].format(column, other)
    for condition in (
        f"a.{column} NOT IN ({text})",
        f"a.{column} <> ALL ({text})",
        f"NOT (a.{column} IN ({text}))",
        f"a.id % 3 = 0 AND a.{column} NOT IN ({text}) AND a.id NOT IN (SELECT b.id FROM {other}.t AS b WHERE b.id < 9)",
    ):
        sql = f"SELECT a.id FROM {one}.t AS a WHERE a.id <> 3 AND {condition}"
        answers: list[Any] = []
        for least in (10**9, 0):
            monkeypatch.setattr(divide_not_in, "ROWS_LEAST", least)
            for shipping in ("off", "force"):
                engine.catalog.refresh()
                with engine.query(sql, settings={"key_shipping": shipping, "plan_cache": "off"}) as result:
                    answers.append(rows_of(result))
        assert all(answer == answers[0] for answer in answers), (sql, answers)


def test_a_large_not_in_moves_matches_only(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divide_not_in, "ROWS_LEAST", 0)
    sql = "SELECT a.id FROM pg.t AS a WHERE a.id < 6 AND a.i NOT IN (SELECT b.i FROM my.t AS b)"
    with engine.query(sql, settings={"key_shipping": "force", "plan_cache": "off"}) as result:
        assert rows_of(result) == []
    there = [one for one in result.report.sources if one.source == "my"]
    assert sum(one.rows for one in there) < 40
    assert sum(one.statements for one in there) == 3
