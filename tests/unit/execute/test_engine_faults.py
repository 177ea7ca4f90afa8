"""Faults of the pinned DuckDB: the case that goes wrong, on an instance as execution makes it."""

from pathlib import Path

from hanse.execute.instances import Instance
from hanse.settings import EngineSettings

ROWS = "(0,1,9),(0,4,9),(1,0,9),(1,1,9),(2,5,9),(2,7,1),(1,8,9),(1,9,9)"
QUERY = """SELECT count(*) FROM (SELECT id, k, y FROM c ORDER BY id, k LIMIT 4 OFFSET 0) a
           JOIN (SELECT * FROM c WHERE k >= 0) b ON b.y = a.id"""


def test_a_join_does_not_reach_below_a_limit(tmp_path: Path) -> None:
    instance = Instance(EngineSettings(threads=2), tmp_path)
    instance.root.execute(f"CREATE TABLE c AS SELECT * FROM (VALUES {ROWS}) t(id, k, y)")
    answers = {instance.root.execute(QUERY).fetchall()[0][0] for _ in range(500)}
    instance.close()
    assert answers == {2}
