"""Samples from real servers: blocks of PostgreSQL's tables, ranges of MySQL's keys, every shard; and nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

import hanse
from hanse.engine import Engine
from hanse.ir.tables import TableStatistics
from tests.servers.databases import Database, DatabaseFactory

ROWS = 200_000


@pytest.fixture(scope="module")
def pg(pg_database: DatabaseFactory) -> Database:
    """Tables of which the server knows nothing: no ANALYZE ran, and none will meanwhile."""
    database = pg_database()
    database.run(
        "CREATE TABLE big (id bigint, k int, s text, n numeric(10,2), at timestamptz) WITH (autovacuum_enabled = off)",
        f"INSERT INTO big SELECT i, i % 100, CASE WHEN i % 4 > 0 THEN 'n' || i % 7 END, i / 10.0, "
        f"timestamptz '2024-01-01' + i * interval '1 min' FROM generate_series(1, {ROWS}) AS s(i)",
        "CREATE TABLE parted (k int, v int) PARTITION BY LIST (k)",
        *(
            f"CREATE TABLE parted_{k} PARTITION OF parted FOR VALUES IN ({k}) WITH (autovacuum_enabled = off)"
            for k in range(3)
        ),
        "INSERT INTO parted SELECT i % 3, i FROM generate_series(1, 30000) AS s(i)",
        "CREATE TABLE empty (k int)",
        "CREATE VIEW few AS SELECT k FROM big WHERE id <= 50",
        "CREATE TABLE told (k int)",
        "INSERT INTO told SELECT i % 10 FROM generate_series(1, 1000) AS s(i)",
        "ANALYZE told",
    )
    return database


@pytest.fixture(scope="module")
def engine(pg: Database, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    state = str(tmp_path_factory.mktemp("state"))
    with hanse.connect({"sources": {"pg": {"kind": "postgres", "url": pg.url}}, "engine": {"state": state}}) as opened:
        yield opened


def known(engine: Engine, name: str) -> TableStatistics:
    found = engine.catalog.table(name).statistics
    assert found is not None
    return found


@pytest.mark.postgres
def test_blocks_of_postgresql(engine: Engine, pg: Database) -> None:
    done = {one.table.name: one for one in engine.analyze()}
    assert set(done) == {"big", "parted", "empty"}
    assert not any(one.problem for one in done.values())
    assert done["big"].sampled < ROWS / 2
    found = known(engine, "pg.big")
    assert found.row_count == pytest.approx(ROWS, rel=0.1)
    columns = found.columns
    assert columns["id"].distinct == pytest.approx(ROWS, rel=0.1)
    assert columns["k"].distinct == 100
    assert columns["s"].null_fraction == pytest.approx(0.25, abs=0.02)
    assert {value for value, _ in columns["s"].common} == {f"n{k}" for k in range(7)}
    assert columns["id"].histogram[25] == pytest.approx(ROWS / 2, rel=0.2)
    assert columns["n"].histogram[-1] > ROWS / 11
    assert columns["at"].histogram[0].tzinfo is not None
    assert known(engine, "pg.parted").row_count == pytest.approx(30_000, rel=0.05)
    assert known(engine, "pg.empty").row_count == 0
    # the server's own numbers are as they were
    assert pg.rows("SELECT count(*) FROM pg_stats WHERE tablename = 'big'") == [(0,)]


@pytest.mark.postgres
def test_plans_know_the_sample(engine: Engine) -> None:
    if "sample" not in known(engine, "pg.big").origin:
        engine.analyze("pg.big")
    text = engine.explain("SELECT id FROM pg.big WHERE k = 7")
    assert "a guess" not in text
    expected = next(line for line in text.splitlines() if line.startswith("f0"))
    assert float(expected.partition("~")[2].split()[0].replace(",", "")) == pytest.approx(ROWS / 100, rel=0.2)


@pytest.mark.postgres
def test_views_and_analyzed_tables_are_sampled_where_they_are_named(engine: Engine) -> None:
    (view,) = engine.analyze("pg.few")
    assert (view.sampled, view.problem) == (50, None)
    (told,) = engine.analyze("pg.public.told")
    assert told.sampled == 1000
    assert known(engine, "pg.told").columns["k"].distinct == 10


@pytest.mark.mysql
def test_ranges_of_the_key_of_mysql(mysql_database: DatabaseFactory, tmp_path: Path) -> None:
    database = mysql_database()
    database.run(
        "CREATE TABLE big (id int PRIMARY KEY, k int, s varchar(20), at datetime)",
        f"INSERT INTO big SELECT seq * 3, seq % 100, concat('n', seq % 7), '2024-01-01' + INTERVAL seq MINUTE"
        f" FROM seq_1_to_{ROWS}",
        "CREATE TABLE keyless (a varchar(10), b int)",
        "INSERT INTO keyless SELECT concat('x', seq % 5), seq FROM seq_1_to_1000",
    )
    settings = {
        "sources": {"my": {"kind": "mysql", "url": database.url}},
        "engine": {"state": str(tmp_path)},
    }
    with hanse.connect(settings) as engine:
        done = {one.table.name: one for one in engine.analyze("my")}
        assert not any(one.problem for one in done.values())
        assert 20_000 <= done["big"].sampled <= 30_000
        assert done["keyless"].sampled == 1000
        columns = known(engine, "my.big").columns
        assert columns["k"].distinct == 100
        assert columns["at"].distinct == pytest.approx(ROWS, rel=0.3)
        assert columns["s"].common[0][1] == pytest.approx(1 / 7, rel=0.1)
        assert columns["at"].histogram[0] < columns["at"].histogram[-1]
        assert known(engine, "my.keyless").columns["a"].distinct == 5


@pytest.mark.postgres
def test_every_shard_is_sampled(pg_database: DatabaseFactory, tmp_path: Path) -> None:
    places = [pg_database() for _ in range(2)]
    for place in range(2):
        places[place].run(
            "CREATE TABLE t (id bigint, k int) WITH (autovacuum_enabled = off)",
            f"INSERT INTO t SELECT i, i % 10 FROM generate_series(1, 1000) AS s(i) WHERE i % 2 = {place}",
            "CREATE TABLE ref (k int) WITH (autovacuum_enabled = off)",
            "INSERT INTO ref VALUES (1), (2)",
        )
    block = {
        "kind": "sharded",
        "shards": [{"kind": "postgres", "url": place.url} for place in places],
        "tables": {
            "t": {"key": "id", "method": "hash", "function": "mod", "modulus": 2},
            "ref": {"reference": True},
        },
    }
    with hanse.connect({"sources": {"sales": block}, "engine": {"state": str(tmp_path)}}) as engine:
        done = engine.analyze()
        assert [str(one.table) for one in done] == ["sales/0.public.t", "sales/1.public.t", "sales/0.public.ref"]
        found = known(engine, "sales.t")
        assert (found.row_count, found.columns["id"].distinct) == (1000, 1000)
        assert known(engine, "sales.ref").row_count == 2
