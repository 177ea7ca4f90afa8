"""Shards on real servers: PostgreSQL's own hash partitions, MariaDB's CRC32, what moves, and what happens when one is away."""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

import hanse
from hanse import Engine, HanseError
from hanse.ir.hashes import hasher
from hanse.ir.types import Kind
from tests.servers.databases import Database, DatabaseFactory

SHARDS = 4
VALUES: dict[str, tuple[Kind, tuple[Any, ...]]] = {
    "smallint": (Kind.INT16, (0, 1, -1, 32767, -32768)),
    "integer": (Kind.INT32, (0, 1, -1, 77, 2**31 - 1, -(2**31))),
    "bigint": (Kind.INT64, (0, 1, -1, 2**40, -(2**40), 2**63 - 1, -(2**63), 1234567890123)),
    "text": (Kind.TEXT, ("", "a", "\u00e9\U0001f600", *("x" * size for size in range(1, 40)))),
    "char(10)": (Kind.TEXT, ("abc",)),
    "uuid": (Kind.UUID, tuple(str(uuid.UUID(int=17**n)) for n in range(20))),
    "date": (Kind.DATE, (dt.date(2000, 1, 1), dt.date(1999, 12, 31), dt.date(2026, 2, 3))),
}


@pytest.mark.postgres
@pytest.mark.parametrize("type", VALUES)
def test_the_hash_is_that_of_postgresql(type: str, pg_database: DatabaseFactory) -> None:
    kind, values = VALUES[type]
    with contextlib.closing(pg_database().connect()) as connection:
        connection.execute(f"CREATE TABLE parts (k {type}) PARTITION BY HASH (k)")
        for value in values:
            for modulus in (3, 16):
                remainder = hasher("postgres_hash", kind)(value) % modulus
                test = f"SELECT satisfies_hash_partition('parts'::regclass, {modulus}, {remainder}, %s::{type})"
                assert connection.execute(test, (value,)).fetchone() == (True,), value


@pytest.mark.mysql
def test_the_checksum_is_that_of_mysql(mysql_database: DatabaseFactory) -> None:
    for value in ("", "a", "\u00e9", "42"):
        assert mysql_database().rows(f"SELECT CRC32('{value}'), CONV(LEFT(MD5('{value}'), 8), 16, 10)")[0] == (
            hasher("crc32", Kind.TEXT)(value),
            str(hasher("md5", Kind.TEXT)(value)),
        )


@pytest.fixture(scope="module")
def places(pg_database: DatabaseFactory) -> list[Database]:
    """Four databases, each with the rows that PostgreSQL's partitions of the same remainder have."""
    whole = pg_database()
    whole.run(
        "CREATE TABLE orders (customer_id bigint NOT NULL, status text, total integer) PARTITION BY HASH (customer_id)",
        *(
            f"CREATE TABLE orders_{n} PARTITION OF orders FOR VALUES WITH (MODULUS {SHARDS}, REMAINDER {n})"
            for n in range(SHARDS)
        ),
        "INSERT INTO orders SELECT i % 1000, 's' || i % 3, i FROM generate_series(1, 20000) AS s(i)",
    )
    found = []
    for n in range(SHARDS):
        place = pg_database()
        place.run("CREATE TABLE orders (customer_id bigint NOT NULL, status text, total integer)")
        rows = whole.rows(f"SELECT customer_id, status, total FROM orders_{n}")
        with (
            contextlib.closing(place.connect()) as connection,
            connection.cursor() as cursor,
            cursor.copy("COPY orders FROM STDIN") as copy,
        ):
            for row in rows:
                copy.write_row(row)
        place.run("CREATE INDEX ON orders (customer_id)", "ANALYZE orders")
        found.append(place)
    return found


def block(places: list[Database], **options: Any) -> dict[str, Any]:
    orders = {"key": "customer_id", "method": "hash", "function": "postgres_hash", "modulus": len(places)}
    return {"kind": "sharded", "shards": [{"url": p.url} for p in places], "tables": {"orders": orders}, **options}


@pytest.fixture(scope="module")
def engine(places: list[Database]) -> Iterator[Engine]:
    with hanse.connect({"sources": {"sales": block(places)}}) as opened:
        yield opened


@pytest.mark.postgres
def test_every_point_query_finds_its_rows_with_one_statement(engine: Engine) -> None:
    for customer in range(0, 1000, 37):
        for sql, params in (
            (f"SELECT count(*), sum(total) FROM orders WHERE customer_id = {customer}", None),
            ("SELECT count(*), sum(total) FROM orders WHERE customer_id = $1", [customer]),
        ):
            with engine.query(sql, params) as result:
                assert result.fetchall() == [(20, sum(range(customer or 1000, 20001, 1000)))]
            assert len(result.report.sources) == 1


@pytest.mark.postgres
def test_groups_by_the_key_move_as_many_rows_as_there_are_groups(engine: Engine) -> None:
    sql = "SELECT customer_id, count(DISTINCT status), string_agg(status, ',' ORDER BY total) FROM orders GROUP BY 1"
    with engine.query(sql) as result:
        rows = result.fetchall()
    assert (len(rows), {row[1] for row in rows}) == (1000, {3})
    assert result.report.rows_moved == 1000


@pytest.mark.postgres
def test_one_shard_away(places: list[Database]) -> None:
    away = {"url": places[1].url.rpartition("/")[0] + "/nowhere", "name": "east"}
    broken = {**block(places), "shards": [{"url": places[0].url}, away, *({"url": p.url} for p in places[2:])]}
    with hanse.connect({"sources": {"sales": broken}}) as engine, pytest.raises(HanseError) as failure:
        engine.query("SELECT * FROM sales.orders")
    assert failure.value.source == "sales"
    assert "shard sales/east" in failure.value.message


@pytest.mark.postgres
@pytest.mark.mysql
def test_shards_of_different_kinds(pg_database: DatabaseFactory, mysql_database: DatabaseFactory) -> None:
    left, right = pg_database(), mysql_database()
    rows = [(n, f"name {n}") for n in range(40)]
    for place, parity in ((left, 0), (right, 1)):
        place.run("CREATE TABLE people (id bigint PRIMARY KEY, name varchar(20))")
        for n, name in rows:
            if hasher("crc32", Kind.INT64)(n) % 2 == parity:
                place.run(f"INSERT INTO people VALUES ({n}, '{name}')")
    people = {"key": "id", "method": "hash", "function": "crc32"}
    source = {"kind": "sharded", "shards": [{"url": left.url}, {"url": right.url}], "tables": {"people": people}}
    with hanse.connect({"sources": {"s": source}}) as engine:
        assert sorted(engine.query("SELECT * FROM people").fetchall()) == rows
        for n, name in rows[:10]:
            for sql, params in (
                (f"SELECT name FROM people WHERE id = {n}", None),
                ("SELECT name FROM people WHERE id = $1", [n]),
            ):
                with engine.query(sql, params) as result:
                    assert result.fetchall() == [(name,)]
                assert len([one for one in result.report.sources if one.started_ms is not None]) == 1


@pytest.mark.mysql
def test_a_routed_request_speaks_of_each_database_by_its_name(mysql_database: DatabaseFactory) -> None:
    places = [mysql_database(), mysql_database()]
    for parity, place in enumerate(places):
        place.run("CREATE TABLE t (id int PRIMARY KEY, x int)", f"INSERT INTO t VALUES ({parity}, {parity})")
    table = {"key": "id", "method": "hash", "function": "mod"}
    source = {"kind": "sharded", "shards": [{"url": p.url} for p in places], "tables": {"t": table}}
    with hanse.connect({"sources": {"s": source}}) as engine:
        for parity in range(2):
            with engine.query("SELECT x FROM t WHERE id = $1", [parity]) as result:
                assert result.fetchall() == [(parity,)]
            assert [one.source for one in result.report.sources] == [f"s/{parity}"]


@pytest.mark.postgres
def test_groups_over_sixteen_shards_move_as_many_rows_as_there_are_groups_on_each(
    pg_database: DatabaseFactory,
) -> None:
    place = pg_database()
    for shard in range(16):
        place.run(
            f"CREATE SCHEMA s{shard}",
            f"CREATE TABLE s{shard}.orders (customer_id bigint, status text, total integer)",
            f"INSERT INTO s{shard}.orders SELECT {shard} + 16 * i, 's' || i % 5, i FROM generate_series(0, 999) AS g(i)",
            f"ANALYZE s{shard}.orders",
        )
    orders = {"key": "customer_id", "method": "hash", "function": "mod"}
    shards = [{"url": place.url, "schemas": [f"s{shard}"], "connections": 1} for shard in range(16)]
    with hanse.connect(
        {"sources": {"sales": {"kind": "sharded", "shards": shards, "tables": {"orders": orders}}}}
    ) as engine:
        sql = "SELECT status, count(*), sum(total), avg(total), min(customer_id) FROM orders WHERE total >= {} GROUP BY status"
        for query, params in ((sql.format(0), None), (sql.format("$1"), [0])):
            with engine.query(query, params) as result:
                rows = sorted(result.fetchall())
            sums = [sum(range(group, 1000, 5)) for group in range(5)]
            assert rows == [(f"s{g}", 3200, 16 * sums[g], sums[g] / 200, 16 * g) for g in range(5)]
            assert len(result.report.sources) == 16
            assert result.report.rows_moved <= 5 * 16
        with engine.query("SELECT count(*), sum(total) FROM orders") as result:
            assert result.fetchall() == [(16000, 16 * sum(range(1000)))]
        assert result.report.rows_moved == 16
        with engine.query("SELECT status FROM orders WHERE customer_id = 35") as result:
            assert result.fetchall() == [("s2",)]
        assert len(result.report.sources) == 1


@pytest.mark.postgres
@pytest.mark.mysql
@pytest.mark.parametrize("unknown", ["all", "error"])
@pytest.mark.parametrize("type", ["bigint", "text", "uuid", "date"])
def test_a_lookup_table_of_either_kind_says_where_keys_are(
    type: str, unknown: str, pg_database: DatabaseFactory, mysql_database: DatabaseFactory
) -> None:
    if type == "uuid":  # MySQL has none of its own
        directory, declared = pg_database(), ("uuid", "uuid")
    else:
        directory, declared = mysql_database(), (type, "varchar(50)" if type == "text" else type)
    keys = [str(key) for key in _keys(type)]
    places = [pg_database(), pg_database()]
    for shard, place in enumerate(places):
        place.run(f"CREATE TABLE orders (customer {declared[0]} NOT NULL, total integer)")
        for number, key in enumerate(keys):
            if number % 3 % 2 == shard:
                place.run(f"INSERT INTO orders VALUES ('{key}', {number}), ('{key}', {number})")
    directory.run(f"CREATE TABLE place (k {declared[1]}, s varchar(10))")
    for number, key in enumerate(keys):
        directory.run(f"INSERT INTO place VALUES ('{key}', '{number % 3 % 2}')")
    lookup = {"source": "d", "table": "place", "key": "k", "shard": "s", "unknown": unknown}
    orders = {"key": "customer", "method": "lookup", "lookup": lookup}
    shards = {"kind": "sharded", "shards": [{"url": x.url} for x in places], "tables": {"orders": orders}}
    found = {"kind": "postgres" if type == "uuid" else "mysql", "url": directory.url}
    with hanse.connect({"sources": {"s": shards, "d": found}}) as engine:
        for number, key in enumerate(keys):
            with engine.query(f"SELECT total FROM orders WHERE customer = {type} '{key}'") as result:
                assert result.fetchall() == [(number,), (number,)]
            sent = [one.source for one in result.report.sources if one.statements and not one.lookup]
            assert sent == [f"s/{number % 3 % 2}"]
        groups = engine.query("SELECT count(*), sum(n) FROM (SELECT count(*) AS n FROM orders GROUP BY customer) AS x")
        assert groups.fetchall() == [(len(keys), 2 * len(keys))]


def _keys(type: str) -> tuple[Any, ...]:
    values = {"bigint": (0, -1, 2**40, 7), "text": ("a", "A", "ä", "a b"), "date": ("2000-01-01", "2026-02-03")}
    return values.get(type) or tuple(uuid.UUID(int=17**n) for n in range(1, 6))
