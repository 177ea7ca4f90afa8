"""Keys in several statements: PostgreSQL's are asked at once, by several connections that share one snapshot."""

import pytest

from hanse.engine import Engine
from tests.contract.shipping.runs import rows_of, small
from tests.servers.databases import DatabaseFactory

pytestmark = pytest.mark.postgres
ROWS = 20_000


@pytest.mark.parametrize("connections", [1, 3])
def test_statements_of_keys_are_asked_at_once(
    pg_database: DatabaseFactory, monkeypatch: pytest.MonkeyPatch, connections: int
) -> None:
    small(monkeypatch)
    large, few = pg_database(), pg_database()
    large.run(
        f"CREATE TABLE wide AS SELECT i AS id, i % 7 AS n, repeat('x', 500) AS pad FROM generate_series(0, {ROWS - 1}) AS i",
        "ALTER TABLE wide ADD PRIMARY KEY (id)",
        "VACUUM ANALYZE wide",
    )
    few.run("CREATE TABLE few AS SELECT i * 613 AS id FROM generate_series(0, 29) AS i", "ANALYZE few")
    scans = {"connections": connections, "rows_min": 100}
    sources = {
        "shop": {"kind": "postgres", "url": large.url, "parallel_scans": scans},
        "few": {"kind": "postgres", "url": few.url},
    }
    sql = "SELECT w.id, w.n FROM few.few AS k JOIN shop.wide AS w ON w.id = k.id"
    with Engine({"sources": sources}) as engine, engine.query(sql, settings={"key_shipping": "force"}) as result:
        assert rows_of(result) == sorted(((i * 613, i * 613 % 7) for i in range(30)), key=repr)
    seen = next(one for one in result.report.sources if one.source == "shop")
    assert (seen.statements, seen.keys, seen.rows) == (10, [30], 30)
    assert (seen.snapshot is not None) == (connections > 1), "one that is shared is exported"
