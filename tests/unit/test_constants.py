"""SELECT 1, by which pools of connections see that these are alive, asks nobody and starts no engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from hanse.engine import Engine
from hanse.errors import HanseError


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path: Path = tmp_path_factory.mktemp("constants") / "wh.duckdb"
    duckdb.connect(str(path)).execute("CREATE TABLE t AS SELECT 1 AS id").close()
    with Engine({"sources": {"wh": {"kind": "duckdb", "path": str(path)}}}) as made:
        yield made


@pytest.mark.parametrize(
    ("sql", "row"),
    [
        ("SELECT 1", (1,)),
        ("SELECT 1;", (1,)),
        ("SELECT 'ä' AS a, true AS b, 9007199254740993 AS c, 2::smallint AS d", ("ä", True, 9007199254740993, 2)),
        ("SELECT NULL::integer AS n, '' AS e", (None, "")),
        ("SELECT NULL AS n", (None,)),
        ("SELECT 1.50 AS n", None),
        ("SELECT date '2026-02-03' AS d, 1 AS n", None),
        ("SELECT 1 + 1 AS n", None),
        ("SELECT 1 AS n WHERE false", None),
        ("SELECT 1 AS n UNION ALL SELECT 2", None),
        ("SELECT 1 AS n LIMIT 0", None),
        ("SELECT 1 AS n FROM wh.t", None),
        ("SELECT (SELECT 1) AS n", None),
    ],
)
def test_the_answer_is_that_of_an_engine(engine: Engine, sql: str, row: tuple[Any, ...] | None) -> None:
    for _ in range(2):  # the second time by the plan that was kept
        with engine.query(sql) as stream:
            found = stream.to_arrow()
        with engine.query(sql, settings={"operators": "on"}) as whole:
            assert found.equals(whole.to_arrow())
        assert whole.report.coordinator is not None, "who measures it wants it done"
        if row is not None:
            assert [tuple(one.values()) for one in found.to_pylist()] == [row]
            assert stream.report.rows == 1
            assert stream.report.complete


def test_no_engine_is_started(engine: Engine) -> None:
    with engine.query("SELECT 1") as stream:
        assert stream.fetchall() == [(1,)]
    assert stream.report.coordinator is None
    assert not stream.report.sources
    with engine.query("SELECT $1::integer + 0", [1]) as stream:
        assert stream.fetchall() == [(1,)]
    assert stream.report.coordinator is not None


def test_parameters_are_no_constants(engine: Engine) -> None:
    assert [engine.query("SELECT $1::integer", [n]).fetchall() for n in (1, 2)] == [[(1,)], [(2,)]]


def test_limits_and_explanations_are_as_for_any_query(engine: Engine) -> None:
    with pytest.raises(HanseError):
        engine.query("SELECT 'xxxxxxxxxx' AS a", settings={"result_bytes": 1}).fetchall()
    assert "1 as one" in engine.explain("SELECT 1 AS one", analyze=True)
