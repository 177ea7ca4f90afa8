"""Shipped keys change no answer: every type both ways on the real servers, with odd texts, under every kind of collation,
in one statement and in many; and no row comes twice where the server calls different keys equal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hanse.engine import Engine
from hanse.errors import ResourceLimit
from tests.contract.shipping.runs import VALUES, both, config, rows_of, small, target
from tests.servers.databases import Database


@pytest.mark.parametrize("column", VALUES)
@pytest.mark.parametrize(
    ("one", "other"), [("pg", "my"), ("my", "pg"), ("lite", "my"), ("my", "lite"), ("pg", "lite"), ("lite", "pg")]
)
def test_every_type(engine: Engine, batched: bool, one: str, other: str, column: str) -> None:
    if column == "u" and "lite" in (one, other):
        one, other = "pg", "my"
    report = both(
        engine,
        f"SELECT a.id AS one, b.id AS two FROM {one}.t AS a JOIN {other}.t AS b ON a.{column} = b.{column} WHERE a.id < 90",
    )
    seen = target(report)
    assert seen["keys"] == [len(set(VALUES[column]))]
    assert (seen["statements"] > 1) == (batched and column != "d") or column in ("u", "m", "n", "d")


@pytest.mark.parametrize(
    "table", ["pg.x.plain", "pg.x.loose", "pg.x.padded", "pg.x.c", "my.x.plain", "my.x.padded", "my.x.exact", "my.x.loose",
              "my.latin.t", "my.greek.t", "lite.x.loose", "lite.t.t"]
)  # fmt: skip
@pytest.mark.parametrize("origin", ["pg", "my", "lite"])
def test_texts_under_every_collation(engine: Engine, batched: bool, table: str, origin: str) -> None:
    source, name, column = table.split(".")
    if source == origin:
        return
    report = both(
        engine, f"SELECT a.id AS one, b.id AS two FROM {origin}.t AS a JOIN {source}.{name} AS b ON a.t = b.{column}"
    )
    whole = table == "lite.x.loose"
    assert target(report)["statements"] > 1 if batched and not whole else target(report)["statements"] == 1


@pytest.mark.parametrize(("origin", "source"), [("my", "pg"), ("my", "lite"), ("lite", "my"), ("lite", "pg")])
def test_texts_with_a_nul(engine: Engine, batched: bool, origin: str, source: str) -> None:
    table = "nul" if source != "pg" else "t"
    assert target(both(engine, f"SELECT b.t FROM {origin}.nul AS a JOIN {source}.{table} AS b ON a.t = b.t"))[
        "keys"
    ] == [3]


def test_integers_of_other_widths(engine: Engine, batched: bool) -> None:
    for column in ("u", "s"):
        both(engine, f"SELECT a.id AS one, b.id AS two FROM pg.t AS a JOIN my.whole AS b ON a.i = b.{column}")
        both(engine, f"SELECT a.id AS one, b.id AS two FROM my.whole AS a JOIN pg.t AS b ON a.{column} = b.i")


@pytest.mark.parametrize("kind", ["LEFT", "RIGHT"])
def test_outer_joins(engine: Engine, batched: bool, kind: str) -> None:
    both(engine, f"SELECT a.id AS one, b.id AS two FROM pg.x AS a {kind} JOIN my.x AS b ON a.plain = b.loose")


def test_aggregates_are_divided_by_group_and_limits_are_not(engine: Engine, batched: bool) -> None:
    grouped = "(SELECT plain, count(*) AS c FROM my.x GROUP BY plain) AS b"
    assert (
        target(both(engine, f"SELECT a.id, b.c FROM pg.t AS a JOIN {grouped} ON a.t = b.plain"))["statements"] > 1
    ) == batched
    first = "(SELECT plain, id FROM my.x ORDER BY id LIMIT 30) AS b"
    assert (
        target(both(engine, f"SELECT a.id AS one, b.id AS two FROM pg.t AS a LEFT JOIN {first} ON a.t = b.plain"))[
            "statements"
        ]
        == 1
    )


def test_dense_keys_are_ranges(engine: Engine) -> None:
    for source in ("my", "pg", "lite"):
        origin = "pg" if source == "my" else "my"
        report = both(engine, f"SELECT b.id FROM {origin}.t AS a JOIN {source}.t AS b ON a.id = b.id WHERE a.id <> 40")
        assert "BETWEEN 0 AND 39" in target(report)["sql"]
        assert "BETWEEN 41 AND 81" in target(report)["sql"]
        assert target(report)["rows"] == 81


def test_an_index_finds_batches(pg: Database, my: Database, file: Path) -> None:
    """A tenth of the ids that are spread over 70 million numbers: only matches move, in as many statements as lists need."""
    rows = 210_000
    my.run(
        f"CREATE TABLE IF NOT EXISTS wide (id bigint PRIMARY KEY, v int) AS SELECT seq * 333 AS id, seq AS v FROM seq_1_to_{rows}",
        "ANALYZE TABLE wide",
    )
    pg.run(f"CREATE TABLE wide AS SELECT i * 333::bigint AS id, i AS v FROM generate_series(1, {rows}) AS i")
    pg.run("ALTER TABLE wide ADD PRIMARY KEY (id)", "ANALYZE wide")
    for database, made in ((my, f"SELECT seq * 3330 AS id FROM seq_1_to_{rows // 10}"),):
        database.run(f"CREATE TABLE IF NOT EXISTS few (id bigint) AS {made}", "ANALYZE TABLE few")
    pg.run(
        f"CREATE TABLE few AS SELECT i * 3330::bigint AS id FROM generate_series(1, {rows // 10}) AS i", "ANALYZE few"
    )
    with Engine(config(pg, my, file)) as engine:
        for origin, source, statements in (("pg", "my", 2), ("my", "pg", 1)):
            with engine.query(
                f"SELECT sum(w.v) FROM {origin}.few AS k JOIN {source}.wide AS w ON w.id = k.id"
            ) as result:
                assert rows_of(result) == [(sum(range(10, rows + 1, 10)),)]
            seen = target(result.report.to_dict())
            assert (seen["rows"], seen["keys"], seen["statements"]) == (rows // 10, [rows // 10], statements)


@pytest.mark.parametrize(
    ("caps", "said"),
    [
        ({"keys_max": 10}, "more than 10 of keys, which is more than key_shipping.keys_max"),
        ({"bytes_max": 60}, "key_shipping.bytes_max allows"),
        ({"batches_max": 2}, "statements of keys, which is more than key_shipping.batches_max"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("condition", ["a.t = b.t", "a.t = b.t AND a.i = b.i"], ids=["values", "rows"])
def test_caps(
    capped: Callable[..., Engine], condition: str, caps: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    sql = f"SELECT a.id AS one, b.id AS two FROM pg.t AS a JOIN my.t AS b ON {condition}"
    with capped(**caps) as engine:
        assert target(both(engine, sql))["keys"] == [None]
    with (
        capped(**caps, over="fail") as engine,
        pytest.raises(ResourceLimit, match=said) as refused,
    ):
        list(engine.query(sql, settings={"key_shipping": "force"}))
    assert (refused.value.source, refused.value.code) == ("my", "54000")
    assert "sources.my.key_shipping" in str(refused.value.hint)
