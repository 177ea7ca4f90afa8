"""A table that says where keys live: what is asked of which shard, what follows from keys that it does not have, and its age."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hanse
from hanse import Engine, HanseError
from hanse.errors import ConfigError, InvalidValue, ResourceLimit, SourceError

SHARDS = ("north", "south", "west")
KEYS = 30
"""Customers, of whom the last three are in no lookup table, the very last with rows on two shards."""


def at(customer: int) -> int:
    return customer * 7 // 5 % 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for shard, name in enumerate(SHARDS):
        run(tmp_path / f"{name}.db", *_tables(shard))
    run(
        tmp_path / "dir.db",
        "CREATE TABLE place (customer INTEGER, shard TEXT)",
        "CREATE TABLE numbers (customer INTEGER, shard INTEGER, other TEXT)",
        *(f"INSERT INTO place VALUES ({customer}, '{SHARDS[at(customer)]}')" for customer in range(KEYS - 3)),
        *(f"INSERT INTO numbers VALUES ({customer}, {at(customer)}, 'x')" for customer in range(KEYS - 3)),
        "INSERT INTO place VALUES (NULL, 'north'), (77, NULL)",
    )
    run(
        tmp_path / "crm.db",
        "CREATE TABLE vip (id INTEGER PRIMARY KEY)",
        "INSERT INTO vip VALUES (3), (4), (5), (29)",
    )
    return tmp_path


def _tables(shard: int) -> Iterator[str]:
    yield "CREATE TABLE customers (id INTEGER NOT NULL, name TEXT)"
    yield "CREATE TABLE orders (customer INTEGER NOT NULL, total INTEGER)"
    for customer in range(KEYS):
        if at(customer) == shard:
            yield f"INSERT INTO customers VALUES ({customer}, 'n{customer}')"
        if at(customer) == shard or (customer == KEYS - 1 and shard == (at(customer) + 1) % 3):
            yield f"INSERT INTO orders VALUES ({customer}, {customer * 10}), ({customer}, {shard})"


def run(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as file, file:
        for statement in statements:
            file.execute(statement)


def config(folder: Path, **lookup: Any) -> dict[str, Any]:
    block = {"source": "dir", "table": "place", "key": "customer", "shard": "shard", "max_age": 0} | lookup
    spread = {"method": "lookup", "lookup": block}
    tables = {"customers": {"key": "id", **spread}, "orders": {"key": "customer", **spread}}
    shards = [{"name": name, "path": str(folder / f"{name}.db")} for name in SHARDS]
    plain = {name: {"kind": "sqlite", "path": str(folder / f"{name}.db")} for name in ("dir", "crm")}
    return {"sources": {"shop": {"kind": "sharded", "shards": shards, "tables": tables}, **plain}}


@contextlib.contextmanager
def opened(folder: Path, **lookup: Any) -> Iterator[Engine]:
    with hanse.connect(config(folder, **lookup)) as engine:
        yield engine


def asked(engine: Engine, sql: str, params: Any = None, **settings: str) -> tuple[list[tuple[Any, ...]], list[str]]:
    """The rows, and the shards that were sent a statement."""
    with engine.query(sql, params, settings) as result:
        rows = sorted(result.fetchall())
    return rows, sorted({x.source for x in result.report.sources if x.statements and x.source.startswith("shop/")})


@pytest.mark.parametrize("unknown", ["all", "error"])
@pytest.mark.parametrize("table", ["place", "numbers"])
def test_a_known_key_is_looked_for_where_it_is(folder: Path, unknown: str, table: str) -> None:
    with opened(folder, unknown=unknown, table=table) as engine:
        for customer in range(6):
            rows = [(f"n{customer}",)], [f"shop/{SHARDS[at(customer)]}"]
            assert asked(engine, f"SELECT name FROM customers WHERE id = {customer}") == rows
            assert asked(engine, "SELECT name FROM customers WHERE id = $1", [customer]) == rows
        two = asked(engine, "SELECT name FROM customers WHERE id IN (0, 1) AND name <> 'x'")
        assert two == ([("n0",), ("n1",)], sorted({f"shop/{SHARDS[at(0)]}", f"shop/{SHARDS[at(1)]}"}))


def test_an_unknown_key_is_looked_for_everywhere(folder: Path) -> None:
    with opened(folder) as engine:
        everywhere = sorted(f"shop/{name}" for name in SHARDS)
        for value in (KEYS - 1, 77):
            rows = [(f"n{value}",)] if value < KEYS else []
            assert asked(engine, f"SELECT name FROM customers WHERE id = {value}") == (rows, everywhere)
            assert asked(engine, "SELECT name FROM customers WHERE id = $1", [value]) == (rows, everywhere)
        assert asked(engine, "SELECT count(*) FROM customers WHERE id < 5")[1] == everywhere


def test_an_unknown_key_is_refused_where_every_key_is_known(folder: Path) -> None:
    with opened(folder, unknown="error") as engine:
        for sql, params in (("id = 29", None), ("id = $1", [29]), ("id IN (1, 29)", None)):
            with pytest.raises(InvalidValue, match=r"the key 29 is not in the lookup table dir\.place"):
                asked(engine, f"SELECT name FROM customers WHERE {sql}", params)
        assert asked(engine, "SELECT name FROM customers WHERE id = $1", [None])[0] == []


def test_groups_and_joins_are_whole_though_rows_have_strayed(folder: Path) -> None:
    total = {c: c * 10 + at(c) + ((at(c) + 1) % 3 + c * 10 if c == KEYS - 1 else 0) for c in range(KEYS)}
    with opened(folder) as engine:
        rows, _ = asked(engine, "SELECT customer, sum(total) FROM orders GROUP BY customer")
        assert [tuple(map(int, row)) for row in rows] == sorted(total.items())
        rows, _ = asked(
            engine, "SELECT c.name, sum(o.total) FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.name"
        )
        assert {name: int(value) for name, value in rows} == {f"n{c}": value for c, value in total.items()}
        assert len(asked(engine, "SELECT DISTINCT customer FROM orders")[0]) == KEYS


def test_shards_join_and_group_where_every_key_is_known(folder: Path) -> None:
    sql = "SELECT c.id, count(*) FROM customers c JOIN orders o ON o.customer = c.id GROUP BY c.id"
    with opened(folder) as together:
        assert "Join" in together.explain(sql).partition("f0 @")[0]
    with opened(folder, unknown="error") as engine:
        assert "Join" not in engine.explain(sql).partition("f0 @")[0]
        rows, _ = asked(engine, f"SELECT * FROM ({sql}) AS x WHERE id < {KEYS - 3}")
        assert rows == [(customer, 2) for customer in range(KEYS - 3)]


def test_keys_of_other_sources_go_where_they_live(folder: Path) -> None:
    sql = "SELECT c.id, c.name FROM customers c JOIN vip ON vip.id = c.id"
    with opened(folder) as engine:
        with engine.query(sql, settings={"key_shipping": "force"}) as result:
            assert sorted(result.fetchall()) == [(id, f"n{id}") for id in (3, 4, 5, 29)]
        keys = {x.source.removeprefix("shop/"): x.keys for x in result.report.sources if "shop" in x.source}
        for shard, name in enumerate(SHARDS):
            assert keys[name] == [sum(at(id) == shard for id in (3, 4, 5)) + 1]


@pytest.mark.parametrize("max_age", [0, 3600])
def test_a_key_that_moves_is_found_when_the_table_is_read_again(folder: Path, max_age: float) -> None:
    with opened(folder, max_age=max_age) as engine:
        for sql, params in (
            ("SELECT name FROM customers WHERE id = 3", None),
            ("SELECT name FROM customers WHERE id = $1", [3]),
        ):
            old, new = (SHARDS[at(3)], SHARDS[(at(3) + 1) % 3])
            assert asked(engine, sql, params) == ([("n3",)], [f"shop/{old}"])
        run(folder / f"{old}.db", "DELETE FROM customers WHERE id = 3")
        run(folder / f"{new}.db", "INSERT INTO customers VALUES (3, 'n3')")
        run(folder / "dir.db", f"UPDATE place SET shard = '{new}' WHERE customer = 3")
        for sql, params in (
            ("SELECT name FROM customers WHERE id = 3", None),
            ("SELECT name FROM customers WHERE id = $1", [3]),
        ):
            found = ([("n3",)], [f"shop/{new}"]) if not max_age else ([], [f"shop/{old}"])
            assert asked(engine, sql, params) == found


def test_a_table_that_is_made_anew_is_read_again(folder: Path) -> None:
    with opened(folder) as engine:
        asked(engine, "SELECT name FROM customers WHERE id = 3")
        run(folder / "dir.db", "ALTER TABLE place RENAME TO away")
        with pytest.raises(HanseError):
            asked(engine, "SELECT name FROM customers WHERE id = 3")
        run(
            folder / "dir.db", "CREATE TABLE place (shard INTEGER, customer INTEGER)", "INSERT INTO place VALUES (1, 3)"
        )
        assert asked(engine, "SELECT name FROM customers WHERE id = 3")[1] == ["shop/south"]


def test_describe_says_where_keys_are_looked_up(folder: Path) -> None:
    with opened(folder) as engine:
        assert dict(engine.catalog.table("customers").details)["shards"].endswith("by lookup in dir.place of id")


@pytest.mark.parametrize(
    ("lookup", "error", "message"),
    [
        ({"source": "nowhere"}, ConfigError, "there is no source nowhere"),
        ({"source": "shop"}, ConfigError, "there is no source shop that has tables of its own"),
        ({"table": "places"}, ConfigError, "source dir has no table places"),
        ({"key": "k"}, ConfigError, "no column k"),
        ({"table": "numbers", "key": "other"}, ConfigError, "other is text, and the key bigint"),
        ({"table": "numbers", "shard": "other"}, SourceError, "there is no shard x"),
        ({"rows_max": 5}, ResourceLimit, "more than 5 rows"),
    ],
)
def test_what_is_wrong_with_a_lookup_table_is_said(
    folder: Path, lookup: dict[str, Any], error: type[HanseError], message: str
) -> None:
    with opened(folder, **lookup) as engine, pytest.raises(error, match=message):
        asked(engine, "SELECT name FROM customers WHERE id = 3")


def test_a_key_on_two_shards_is_an_error_where_groups_rest_on_one(folder: Path) -> None:
    run(folder / "dir.db", "INSERT INTO place VALUES (3, 'north'), (3, 'west')")
    with opened(folder, unknown="error") as engine, pytest.raises(SourceError, match="has key 3 on two shards"):
        asked(engine, "SELECT name FROM customers WHERE id = 4")
    with opened(folder) as engine:
        assert {"shop/north", "shop/west"} <= set(asked(engine, "SELECT name FROM customers WHERE id = 3")[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "lookup", "key": "id"}, "method lookup needs lookup"),
        ({"method": "lookup", "lookup": {"source": "dir", "table": "t", "key": "k", "shard": "s"}}, "needs key"),
        (
            {"method": "none", "lookup": {"source": "dir", "table": "t", "key": "k", "shard": "s"}},
            "lookup means nothing",
        ),
    ],
)
def test_what_the_configuration_may_not_say(folder: Path, options: dict[str, Any], message: str) -> None:
    block = config(folder)
    block["sources"]["shop"]["tables"]["customers"] = options
    with pytest.raises(ConfigError, match=message):
        hanse.connect(block).close()


def test_the_reading_of_it_is_told_counted_and_part_of_what_moved(folder: Path) -> None:
    with opened(folder, max_age=3600) as engine:
        sql = "SELECT name FROM customers WHERE id = 3"
        assert f"Looked up: dir.main.place, to know where keys are: {KEYS - 1} rows" in engine.explain(
            sql, analyze=True
        )
        assert "Looked up" not in engine.explain(sql, analyze=True)
    with opened(folder, max_age=3600) as engine:
        for rows, legs in ((KEYS, ["dir", "shop/" + SHARDS[at(3)]]), (1, ["shop/" + SHARDS[at(3)]])):
            with engine.query("SELECT name FROM customers WHERE id = 3 REQUIRE SNAPSHOT") as result:
                assert result.fetchall() == [("n3",)]
            assert result.report.complete
            assert (result.report.rows_moved, [x.source for x in result.report.sources]) == (rows, legs)
            assert result.report.consistency and list(result.report.consistency.sources) == legs[-1:]
        legs = engine.query("SELECT tables, rows FROM system.query_sources WHERE source = 'dir'").fetchall()
        assert legs == [("dir.main.place", KEYS - 1)]


@pytest.mark.parametrize(
    ("guardrails", "message"),
    [
        (
            {"tables": {"place": {"require": ["customer"]}}},
            r"the lookup table dir.main.place, .* must restrict customer",
        ),
        ({"hours": None}, r"the lookup table dir.main.place, .* hours"),
        ({"max_rows": 10}, r"guardrail max_rows of dir: a query may read from dir 10 rows"),
        ({"max_bytes": 100}, r"guardrail max_bytes of dir"),
    ],
)
def test_guardrails_of_its_source_hold_for_it(folder: Path, guardrails: dict[str, Any], message: str) -> None:
    block = config(folder)
    block["sources"]["dir"]["guardrails"] = {"hours": _other_hours()} if "hours" in guardrails else guardrails
    with hanse.connect(block) as engine:
        for _ in range(2):
            with pytest.raises(HanseError, match=message) as failed:
                asked(engine, "SELECT name FROM customers WHERE id = 3")
            assert failed.value.source == "dir"
        assert len(asked(engine, "SELECT name FROM customers")[0]) == KEYS


def _other_hours() -> str:
    now = dt.datetime.now(dt.UTC)
    return f"{now + dt.timedelta(hours=3):%H}:00-{now + dt.timedelta(hours=5):%H}:00 UTC"


def test_what_a_user_allows_a_query_is_not_used_up_by_it(folder: Path) -> None:
    with opened(folder) as engine:
        assert asked(engine, "SELECT name FROM customers WHERE id = 3", max_rows="1")[0] == [("n3",)]
