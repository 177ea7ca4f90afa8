"""A sharded source over SQLite files: what is asked of which shard, and what its configuration may not say."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hanse
from hanse import Engine, HanseError
from hanse.errors import ConfigError, ResourceLimit, SourceUnreachable

SHARDS = 4
TABLES: dict[str, Any] = {
    "orders": {"key": "customer_id", "method": "hash", "function": "mod"},
    "customers": {"key": "id", "method": "hash", "function": "mod", "modulus": 4},
    "events": {
        "key": "day",
        "method": "range",
        "ranges": [
            {"shard": 0, "end": "2024-01-01"},
            {"shard": 1, "start": "2024-01-01", "end": "2025-01-01"},
            {"shard": 2, "start": "2025-01-01"},
        ],
    },
    "regions": {"key": "country", "method": "list", "values": {"0": ["DE", "AT"], "1": ["FR"]}, "other": 2},
    "logs": {"method": "none"},
    "country": {"reference": True},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    for shard in range(SHARDS):
        with contextlib.closing(sqlite3.connect(folder / f"s{shard}.db")) as place, place:
            _fill(place, shard)
    return folder


def _fill(place: sqlite3.Connection, shard: int) -> None:
    place.execute("CREATE TABLE orders (id INTEGER NOT NULL, customer_id INTEGER NOT NULL, total INTEGER, status TEXT)")
    place.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT)")
    place.execute("CREATE TABLE events (day DATE, what TEXT)")
    place.execute("CREATE TABLE regions (country TEXT, name TEXT)")
    place.execute("CREATE TABLE logs (line TEXT)")
    place.execute("CREATE TABLE country (code TEXT, name TEXT)")
    place.execute("INSERT INTO country VALUES ('DE', 'Germany'), ('FR', 'France')")
    place.execute("INSERT INTO logs VALUES (?)", (f"line {shard}",))
    for customer in range(shard, 40, SHARDS):
        place.execute("INSERT INTO customers VALUES (?, ?)", (customer, f"n{customer}"))
        for number in range(3):
            row = (customer * 3 + number, customer, customer * number, "ab"[number % 2])
            place.execute("INSERT INTO orders VALUES (?, ?, ?, ?)", row)
    days = {0: "2023-05-01", 1: "2024-05-01", 2: "2025-05-01"}
    if shard in days:
        place.execute("INSERT INTO events VALUES (?, 'x')", (days[shard],))
    countries = {0: "DE", 1: "FR", 2: "PL"}
    if shard in countries:
        place.execute("INSERT INTO regions VALUES (?, 'r')", (countries[shard],))


def config(folder: Path, **options: Any) -> dict[str, Any]:
    shards = [{"path": str(folder / f"s{shard}.db")} for shard in range(SHARDS)]
    return {"sources": {"sales": {"kind": "sharded", "shards": shards, "tables": TABLES, **options}}}


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Engine]:
    with hanse.connect(config(folder)) as opened:
        yield opened


def asked(engine: Engine, sql: str, params: Any = None) -> tuple[list[tuple[Any, ...]], list[str]]:
    """The rows, and the shards that were asked."""
    with engine.query(sql, params) as result:
        rows = result.fetchall()
    return rows, [source.source for source in result.report.sources if source.started_ms is not None]


@pytest.mark.parametrize(
    ("where", "shards"),
    [
        ("customer_id = 5", [1]),
        ("5 = customer_id", [1]),
        ("customer_id IN (5, 9, 2)", [1, 2]),
        ("customer_id = 1 OR customer_id = 3", [1, 3]),
        ("customer_id = 5 AND status = 'a'", [1]),
        ("customer_id = 5 OR status = 'zzz'", [0, 1, 2, 3]),
        ("customer_id = 5 AND customer_id = 6", []),
        ("customer_id = NULL", []),
        ("customer_id > 5", [0, 1, 2, 3]),
        ("customer_id <> 5", [0, 1, 2, 3]),
        ("NOT customer_id = 5", [0, 1, 2, 3]),
        ("customer_id IN (SELECT id FROM customers WHERE id = 7)", [3]),
    ],
)
def test_only_shards_that_can_have_rows_are_asked(engine: Engine, where: str, shards: list[int]) -> None:
    rows, sources = asked(engine, f"SELECT id FROM sales.orders WHERE {where}")
    assert sorted(sources) == [f"sales/{shard}" for shard in shards]
    everything, _ = asked(engine, "SELECT id, customer_id, status FROM orders")
    with contextlib.closing(sqlite3.connect(":memory:")) as one:
        one.execute("CREATE TABLE orders (id, customer_id, status)")
        one.execute("CREATE TABLE customers (id)")
        one.execute("INSERT INTO customers VALUES (7)")
        one.executemany("INSERT INTO orders VALUES (?, ?, ?)", everything)
        assert sorted(rows) == sorted(one.execute(f"SELECT id FROM orders WHERE {where}").fetchall())


@pytest.mark.parametrize(
    ("table", "where", "shards"),
    [
        ("events", "day = DATE '2024-05-01'", [1]),
        ("events", "day >= DATE '2024-02-01' AND day < DATE '2024-12-01'", [1]),
        ("events", "day >= DATE '2024-06-01'", [1, 2]),
        ("regions", "country = 'FR'", [1]),
        ("regions", "country IN ('PL', 'DE')", [0, 2]),
        ("logs", "line = 'line 2'", [0, 1, 2, 3]),
        ("country", "code = 'DE'", [0]),
    ],
)
def test_ranges_lists_copies_and_what_nobody_knows(engine: Engine, table: str, where: str, shards: list[int]) -> None:
    rows, sources = asked(engine, f"SELECT * FROM {table} WHERE {where}")
    assert sorted(sources) == [f"sales/{shard}" for shard in shards]
    assert rows


def test_a_point_query_is_one_statement_with_all_that_follows(engine: Engine) -> None:
    sql = "SELECT c.name, count(*) FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = {} GROUP BY 1"
    assert asked(engine, sql.format("6")) == ([("n6", 3)], ["sales/2"])
    assert asked(engine, sql.format("$1"), [6]) == ([("n6", 3)], ["sales/2"])
    assert asked(engine, sql.format("$1"), [7]) == ([("n7", 3)], ["sales/3"])
    assert asked(engine, "SELECT count(*) FROM orders WHERE customer_id = $1", [None])[0] == [(0,)]
    assert "f0 @sales/$1 (sharded), sent" in engine.explain(sql.format("$1"), params=[6])


def test_parameters_among_several_keys_leave_shards_out(engine: Engine) -> None:
    sql = "SELECT id FROM orders WHERE customer_id = $1 OR customer_id = $2"
    assert asked(engine, sql, [5, 9]) == ([(15,), (16,), (17,), (27,), (28,), (29,)], ["sales/1"])
    assert sorted(asked(engine, sql, [5, 10])[1]) == ["sales/1", "sales/2"]
    assert asked(engine, "SELECT count(*) FROM orders WHERE customer_id = $1 OR customer_id = $2", [5, 5])[0] == [(3,)]
    assert asked(engine, sql, [None, None]) == ([], [])


def test_joins_on_the_key_happen_on_the_shards(engine: Engine) -> None:
    sql = "SELECT c.name, o.id FROM customers c JOIN orders o ON o.customer_id = c.id WHERE o.total > 70"
    with engine.query(sql) as result:
        assert sorted(result.fetchall()) == [(f"n{c}", c * 3 + 2) for c in range(36, 40)]
        assert result.report.rows_moved == 4
    away = "SELECT c.name FROM customers c JOIN orders o ON o.id = c.id WHERE o.total > 70"
    assert asked(engine, away)[0] == []


def test_the_first_rows_of_all_are_among_the_first_of_each(engine: Engine) -> None:
    with engine.query("SELECT id FROM orders ORDER BY total DESC NULLS LAST, id LIMIT 3") as result:
        assert result.fetchall() == [(119,), (116,), (113,)]
        assert result.report.rows_moved == 3 * SHARDS


def test_groups_by_the_key_are_whole_on_their_shard(engine: Engine) -> None:
    with engine.query("SELECT customer_id, count(*), max(total) FROM orders GROUP BY customer_id") as result:
        assert sorted(result.fetchall()) == [(c, 3, c * 2) for c in range(40)]
        assert result.report.rows_moved == 40


def test_different_rows_come_once_from_each_shard(engine: Engine) -> None:
    with engine.query("SELECT DISTINCT status FROM orders") as result:
        assert sorted(result.fetchall()) == [("a",), ("b",)]
        assert result.report.rows_moved == 2 * SHARDS


def test_no_more_shards_than_allowed(folder: Path) -> None:
    with hanse.connect(config(folder, fan_out_max=2)) as engine:
        assert asked(engine, "SELECT count(*) FROM orders WHERE customer_id IN (1, 2)")[0] == [(6,)]
        with pytest.raises(ResourceLimit, match="asks 4 shards of sales, and fan_out_max is 2") as failure:
            engine.query("SELECT count(*) FROM orders")
        assert failure.value.code == "53400"
        assert failure.value.hint == "compare the key with constants, or raise fan_out_max"


def test_a_lost_shard_is_named_and_does_not_take_the_others_away(folder: Path, tmp_path: Path) -> None:
    for shard in range(SHARDS):
        (tmp_path / f"s{shard}.db").write_bytes((folder / f"s{shard}.db").read_bytes())
    with hanse.connect(config(tmp_path)) as engine:
        assert asked(engine, "SELECT count(*) FROM orders")[0] == [(120,)]
        (tmp_path / "s1.db").unlink()
        engine.catalog.refresh()
        assert asked(engine, "SELECT count(*) FROM orders WHERE customer_id = 2")[0] == [(3,)]
        with pytest.raises(HanseError) as lost:
            engine.query("SELECT count(*) FROM orders").fetchall()
        assert lost.value.source == "sales/1"
    with hanse.connect(config(tmp_path)) as engine:
        with pytest.raises(
            SourceUnreachable, match=r"there is no file .*; its tables are taken to be those of"
        ) as lost:
            engine.query("SELECT * FROM sales.orders")
        assert lost.value.source == "sales/1"


@pytest.mark.parametrize("place", [0, 2])
def test_a_shard_that_was_never_read(folder: Path, tmp_path: Path, place: int) -> None:
    """Shards are alike as far as anybody knows: what one key decides is one statement, at the shard that has it."""
    for shard in range(SHARDS):
        (tmp_path / f"s{shard}.db").write_bytes((folder / f"s{shard}.db").read_bytes())
    (tmp_path / f"s{place}.db").rename(tmp_path / "away")
    point = "SELECT c.name, count(*) FROM customers c JOIN orders o ON o.customer_id = c.id WHERE c.id = $1 GROUP BY 1"
    with hanse.connect(config(tmp_path)) as engine:
        assert "@sales/$1 (sharded)" in engine.explain(point, params=[5])
        assert asked(engine, point, [5]) == ([("n5", 3)], ["sales/1"])
        assert asked(engine, point, [None])[0] == []
        assert asked(engine, "SELECT count(*) FROM orders WHERE customer_id = $1", [None]) == (
            [(0,)],
            [f"sales/{place == 0:d}"],
        )
        assert asked(engine, "SELECT count(*) FROM country")[1] == [f"sales/{place == 0:d}"]
        with pytest.raises(SourceUnreachable) as lost:
            engine.query(point, [place])
        assert lost.value.source == f"sales/{place}"
        kept = [customer for customer in range(40) if customer % SHARDS != place]
        for sql in (
            "SELECT customer_id, count(DISTINCT status), string_agg(status, ',') FROM orders GROUP BY 1",
            "SELECT id, 2, name FROM customers c WHERE EXISTS (SELECT FROM orders o WHERE o.customer_id = c.id)",
        ):
            with engine.query(sql, settings={"partial_results": "on"}) as result:
                assert sorted(row[:2] for row in result.fetchall()) == [(customer, 2) for customer in kept]
                assert result.report.completeness is not None
        (tmp_path / "away").rename(tmp_path / f"s{place}.db")
        deadline = time.monotonic() + 30
        while True:
            try:
                assert asked(engine, point, [place]) == ([(f"n{place}", 3)], [f"sales/{place}"])
                break
            except SourceUnreachable:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def test_columns_that_differ_are_hidden_with_the_reason(tmp_path: Path) -> None:
    for shard, declared in enumerate(("a INTEGER, b INTEGER, c TEXT", "a INTEGER, b TEXT")):
        with contextlib.closing(sqlite3.connect(tmp_path / f"s{shard}.db")) as place, place:
            place.execute(f"CREATE TABLE t ({declared})")
    tables = {
        "t": {"method": "none"},
        "gone": {"method": "none"},
        "keyed": {"key": "b", "method": "hash", "function": "crc32"},
    }
    shards = [{"path": str(tmp_path / f"s{shard}.db"), "name": name} for shard, name in enumerate(("left", "right"))]
    sources = {"s": {"kind": "sharded", "shards": shards, "tables": tables}}
    with hanse.connect({"sources": sources}) as engine:
        table = engine.catalog.table("s.t")
        assert [column.name for column in table.columns] == ["a"]
        assert {column.name: column.reason for column in table.hidden} == {
            "b": "is bigint on shard left and text on shard right",
            "c": "shard right has no such column",
        }
        with pytest.raises(HanseError, match="shard s/left has no table gone"):
            engine.query("SELECT * FROM s.gone")


@pytest.mark.parametrize(
    ("table", "message", "hint"),
    [
        ({"method": "hsh"}, "tables.t.method: Input should be", None),
        ({"methd": "none"}, "unknown key sources.s.tables.t.methd", "did you mean method?"),
        ({}, "tables.t: says neither how it is spread", "method: ... or reference: true"),
        ({"reference": True, "key": "a"}, "a reference table is whole on every shard", None),
        ({"method": "hash", "function": "mod"}, "method hash needs key", None),
        ({"method": "hash", "key": "a", "function": "crc23"}, "unknown hash function crc23", "did you mean crc32?"),
        (
            {"method": "hash", "key": "a", "function": "mod", "modulus": 3},
            "modulus is 3, but there are 2",
            "assignment",
        ),
        (
            {"method": "hash", "key": "a", "function": "mod", "assignment": [0, 0]},
            "no remainder leads to shard 1",
            None,
        ),
        ({"method": "hash", "key": "a", "function": "mod", "ranges": [{"shard": 0}]}, "ranges means nothing", None),
        ({"method": "range", "key": "a"}, "method range needs ranges", None),
        ({"method": "list", "key": "a", "values": {}}, "method list needs values", None),
    ],
)
def test_what_a_table_may_not_say(table: dict[str, Any], message: str, hint: str | None) -> None:
    sources = {"s": {"kind": "sharded", "shards": [{"path": "a.db"}, {"path": "b.db"}], "tables": {"t": table}}}
    with pytest.raises(ConfigError) as failure:
        hanse.connect({"sources": sources})
    assert message in failure.value.message
    assert hint is None or hint in str(failure.value.hint)


@pytest.mark.parametrize(
    ("orders", "message"),
    [
        (
            {"method": "range", "key": "total", "ranges": [{"shard": 0, "end": 5}, {"shard": 1, "start": 4}]},
            "overlap at 4",
        ),
        ({"method": "range", "key": "total", "ranges": [{"shard": 0, "start": 5, "end": 5}]}, "from 5 to 5 is empty"),
        ({"method": "range", "key": "total", "ranges": [{"shard": 9}]}, "there is no shard 9"),
        ({"method": "range", "key": "total", "ranges": [{"shard": 0, "start": "x"}]}, "'x' is no bigint"),
        ({"method": "list", "key": "total", "values": {"0": [1], "1": [1]}}, "the value 1 is listed twice"),
        ({"method": "hash", "key": "status", "function": "mod"}, "mod takes no key of type text"),
        ({"method": "hash", "key": "custmer", "function": "mod"}, "there is no key column custmer"),
    ],
)
def test_what_does_not_fit_the_table_is_said_when_it_is_named(
    folder: Path, orders: dict[str, Any], message: str
) -> None:
    with hanse.connect(config(folder, tables={"orders": orders, "logs": {"method": "none"}})) as engine:
        with pytest.raises(HanseError, match=r"sales.*orders cannot be read") as failure:
            engine.query("SELECT * FROM orders")
        assert message in str(failure.value)
        assert len(asked(engine, "SELECT * FROM logs")[0]) == SHARDS


def test_names_and_kinds_of_shards(folder: Path) -> None:
    where = str(folder / "s0.db")
    for shards, message in (
        ([{"path": "x"}], "sources.s/0 has no kind"),
        ([{"path": where, "name": "a"}, {"path": where, "name": "a"}], "a name of its own"),
        ([], "shards: List should have at least 1 item"),
        ([{"path": where, "pth": 1}], "unknown key sources.s/0.pth"),
    ):
        with pytest.raises(ConfigError, match=message):
            hanse.connect({"sources": {"s": {"kind": "sharded", "shards": shards}}})


def test_show_and_describe(engine: Engine) -> None:
    assert engine.query("SHOW SOURCES").fetchall()[0][:2] == ("sales", "sharded")
    assert dict(engine.catalog.table("orders").details) == {
        "shards": "4 (0, 1, 2, 3), by hash mod, modulus 4 of customer_id"
    }
    assert engine.catalog.table("orders").row_count == 120


def test_keys_go_only_where_they_live(folder: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "crm.db")) as crm, crm:
        crm.execute("CREATE TABLE chosen (customer INTEGER, why TEXT)")
        crm.executemany("INSERT INTO chosen VALUES (?, 'x')", [(1,), (5,), (5,), (2,), (None,), (99,)])
    both = config(folder)
    both["sources"]["crm"] = {"kind": "sqlite", "path": str(tmp_path / "crm.db")}
    sql = "SELECT o.id FROM chosen c JOIN sales.orders o ON o.customer_id = c.customer WHERE c.why = 'x' ORDER BY 1"
    with hanse.connect(both) as engine, engine.query(sql, settings={"key_shipping": "force"}) as result:
        assert [row[0] for row in result.fetchall()] == [3, 4, 5, 6, 7, 8, *(i for i in (15, 16, 17) for _ in range(2))]
        keys = {one.source: one.keys for one in result.report.sources if one.keys}
        moved = {one.source: one.rows for one in result.report.sources}
    assert keys == {"sales/0": [0], "sales/1": [2], "sales/2": [1], "sales/3": [1]}
    assert moved == {"crm": 6, "sales/0": 0, "sales/1": 6, "sales/2": 3, "sales/3": 0}
    asked_of_nobody = next(one for one in result.report.sources if one.source == "sales/0")
    assert ":k" in asked_of_nobody.sql


def test_keys_of_all_shards_together_narrow_another_source(folder: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "crm.db")) as crm, crm:
        crm.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, total INTEGER, name TEXT)")
        crm.executemany("INSERT INTO people VALUES (?, ?, ?)", [(i, i, f"p{i}") for i in range(1000)])
    both = config(folder)
    both["sources"]["crm"] = {"kind": "sqlite", "path": str(tmp_path / "crm.db")}
    join = "SELECT count(*), sum(p.id) FROM (SELECT customer_id, total FROM sales.orders WHERE status = 'b') o JOIN people p"
    with hanse.connect(both) as engine:
        for on, keys in (("p.id = o.customer_id", 40), ("p.id = o.customer_id AND p.total = o.total", 40)):
            sql = f"{join} ON {on}"
            with engine.query(sql, settings={"key_shipping": "off"}) as plain:
                expected = plain.fetchall()
            with engine.query(sql, settings={"key_shipping": "force"}) as result:
                assert result.fetchall() == expected
            shipped = [(one.source, one.keys, one.rows) for one in result.report.sources if one.keys]
            assert shipped == [("crm", [keys], 40)]
            assert "f0.(" in engine.explain(sql, settings={"key_shipping": "force"}) or "AND" not in on


def test_keys_of_several_columns_go_where_one_of_them_lives(folder: Path, tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "crm.db")) as crm, crm:
        crm.execute("CREATE TABLE chosen (number INTEGER, customer INTEGER)")
        crm.executemany("INSERT INTO chosen VALUES (?, ?)", [(3, 1), (15, 5), (17, 1), (None, 1), (8, 2), (9, None)])
    both = config(folder)
    both["sources"]["crm"] = {"kind": "sqlite", "path": str(tmp_path / "crm.db")}
    sql = "SELECT o.id FROM chosen c JOIN sales.orders o ON o.id = c.number AND o.customer_id = c.customer ORDER BY 1"
    with hanse.connect(both) as engine, engine.query(sql, settings={"key_shipping": "force"}) as result:
        assert [row[0] for row in result.fetchall()] == [3, 8, 15]
        keys = {one.source: (one.keys, one.rows) for one in result.report.sources if one.keys}
    assert keys == {"sales/0": ([0], 0), "sales/1": ([3], 2), "sales/2": ([1], 1), "sales/3": ([0], 0)}


def test_nothing_of_a_copy_is_still_counted(engine: Engine) -> None:
    assert asked(engine, "SELECT count(*) FROM country WHERE false")[0] == [(0,)]
    assert asked(engine, "SELECT count(*) FROM orders WHERE false")[0] == [(0,)]


def test_beside_another_source(engine: Engine) -> None:
    sql = "SELECT x, count(*) FROM (SELECT status FROM orders UNION ALL SELECT name FROM country) u(x) GROUP BY x"
    assert sorted(asked(engine, sql)[0]) == [("France", 1), ("Germany", 1), ("a", 80), ("b", 40)]
    routed = "SELECT count(*), max(n) FROM (SELECT id FROM orders WHERE customer_id = $1 UNION ALL SELECT 7) u(n)"
    assert asked(engine, routed, [5])[0] == [(4, 17)]
