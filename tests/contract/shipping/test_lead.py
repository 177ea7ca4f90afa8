"""Keys of several columns of which one has an index: PostgreSQL gets that one's values beside the rows of values."""

import pytest

from hanse.engine import Engine
from hanse.execute import fetch
from tests.contract.shipping.runs import both, target
from tests.servers.databases import DatabaseFactory

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
ROWS = 30_000
ODD = "CASE WHEN {0} % 11 = 0 THEN NULL WHEN {0} % 7 = 0 THEN concat('it''s \\\\ ', {0} % 5000) ELSE concat('K', {0} % 5000) END"
INDEXES = {"(a)": True, "(a, d)": True, "(d, a)": False, "(a, b)": False, "(b, c, a)": False, "(b)": False}


@pytest.mark.parametrize("index", INDEXES)
def test_the_indexed_column_leads(
    pg_database: DatabaseFactory, mysql_database: DatabaseFactory, index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "SQL_SHOWN", 10**6)
    there, here = pg_database(), mysql_database()
    text = ODD.format("i").replace("\\\\", "\\")
    there.run(
        f"CREATE TABLE w AS SELECT {text} AS a, i % 3 AS b, i AS c, i % 2 AS d FROM generate_series(1, {ROWS}) AS i",
        f"CREATE INDEX ON w {index}",
        "ANALYZE w",
    )
    here.run(
        f"CREATE TABLE k AS SELECT {ODD.format('seq')} AS a, seq % 4 AS b FROM seq_1_to_300",
        "ALTER TABLE k CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin",
        "ANALYZE TABLE k",
    )
    sources = {"pg": {"kind": "postgres", "url": there.url}, "my": {"kind": "mysql", "url": here.url}}
    with Engine({"sources": sources}) as engine:
        for kind in ("JOIN", "LEFT JOIN"):
            seen = target(both(engine, f"SELECT w.c, k.b FROM my.k AS k {kind} pg.w AS w ON w.a = k.a AND w.b = k.b"))
            condition = seen["sql"].partition(" WHERE ")[2]
            assert ('"a" = ANY (' in condition) == INDEXES[index], condition[:100]
            assert '("a", "b") IN (' in condition
