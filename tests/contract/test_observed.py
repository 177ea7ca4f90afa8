"""What real servers show of themselves: how far they are, how fast they send, and how many rows conditions leave."""

from __future__ import annotations

import pytest

import hanse
from tests.servers.databases import DatabaseFactory

ROWS = 60_000


@pytest.mark.postgres
@pytest.mark.mysql
def test_servers_show_their_distance_and_their_rows(
    pg_database: DatabaseFactory, mysql_database: DatabaseFactory
) -> None:
    pg, my = pg_database(), mysql_database()
    pg.run(
        "CREATE TABLE t (id int PRIMARY KEY, s text)",
        f"INSERT INTO t SELECT i, 'name ' || i FROM generate_series(1, {ROWS}) AS r(i)",
    )
    my.run(
        "CREATE TABLE u (id int PRIMARY KEY, s varchar(40))",
        f"INSERT INTO u SELECT seq, concat('name ', seq) FROM seq_1_to_{ROWS}",
    )
    sources = {"pg": {"kind": "postgres", "url": pg.url}, "my": {"kind": "mysql", "url": my.url}}
    with hanse.connect({"sources": sources}) as engine:
        for name in ("pg.t", "my.u"):
            sql = f"SELECT id FROM {name} WHERE s LIKE '%7%7%'"
            assert "a guess" in engine.explain(sql)
            for _ in range(3):
                result = engine.query(sql)
                count = len(result.fetchall())
            (source,) = result.report.sources
            assert source.round_trip_ms is not None
            assert 0 < source.round_trip_ms < 1000
            assert f"~{count:,} rows:" in engine.explain(sql)
        # an answer of both, in which each waits for the other's reader: what it waited is told apart
        sql = "SELECT count(*) FROM pg.t JOIN my.u ON t.id = u.id WHERE t.s = u.s"
        for _ in range(3):
            with engine.query(sql, None, {"key_shipping": "off"}) as result:
                assert result.fetchall() == [(ROWS,)]
        assert all(0 <= source.waited_ms < result.report.elapsed_ms for source in result.report.sources)
