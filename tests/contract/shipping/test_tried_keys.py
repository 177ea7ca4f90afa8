"""Statistics that are wrong, in both directions: keys that nobody expected to pay are sent where they are few, and what was
right about a whole scan stays as it was. Judged by what moved, and by the statements."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from hanse.engine import Engine
from hanse.ir.tables import ColumnStatistics, Table, TableStatistics
from hanse.spi.snapshot import SourceCatalog
from hanse.split import beside, worth
from tests.contract.shipping.runs import rows_of
from tests.servers.databases import Database, DatabaseFactory

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
ROWS = 120_000
WAYS = [("pg", "my"), ("my", "pg")]
MANY = 300_000
"""With a third of that many keys, as is guessed where nothing is known, nobody reads the table by keys, in either direction."""
ASKED = "SELECT w.id, w.v, w.pad FROM {0}.{2} AS k JOIN {1}.wide AS w ON w.id = k.id WHERE {3}"


class Mistaken(Engine):
    """Believes that tables of keys have so many rows, of which the column `v` has so many values."""

    believed: tuple[float, float] = (1.0, 1.0)

    def believe(self, rows: float, values: float = 1.0) -> None:
        """From now on."""
        self.believed = rows, values
        self.catalog.refresh()

    def _completed(self, catalog: SourceCatalog) -> SourceCatalog:
        found = super()._completed(catalog)
        return replace(found, tables=tuple(map(self._mistaken, found.tables)))

    def _mistaken(self, table: Table) -> Table:
        if table.name not in ("few", "lots", "drowsy"):
            return table
        rows, values = self.believed if table.name != "drowsy" else (ROWS, 100)
        columns = {"v": ColumnStatistics(values, 0.0), "id": ColumnStatistics(rows, 0.0)}
        return replace(table, row_count=int(rows), statistics=TableStatistics(rows, columns, 0.0, "wrong"))


@pytest.fixture(scope="module")
def databases(pg_database: DatabaseFactory, mysql_database: DatabaseFactory) -> dict[str, Database]:
    """In both: a table of many rows, a view of it whose rows come slowly, and some keys, of which a condition leaves five."""
    pg, my = pg_database(), mysql_database()
    pg.run(
        f"CREATE TABLE wide AS SELECT i AS id, i % 100 AS v, 'padding of row ' || i AS pad FROM generate_series(1, {ROWS}) i",
        "ALTER TABLE wide ADD PRIMARY KEY (id)",
        "CREATE TABLE lots AS SELECT id, 7 AS v, 0 AS low, 1 AS hi FROM wide",
        "CREATE TABLE few AS SELECT id, 7 AS v, 0 AS low, 1 AS hi FROM wide WHERE id <= 5",
        "ANALYZE wide",
        "CREATE VIEW drowsy AS SELECT id, v, pad FROM wide WHERE pg_sleep(0.001) IS NOT NULL",
    )
    my.run(
        "CREATE TABLE wide (id int PRIMARY KEY, v int, pad varchar(40)) AS SELECT seq AS id, seq % 100 AS v, "
        f"concat('padding of row ', seq) AS pad FROM seq_1_to_{ROWS}",
        "CREATE TABLE lots (id int, v int, low int, hi int) AS SELECT id, 7 AS v, 0 AS low, 1 AS hi FROM wide",
        "CREATE TABLE few (id int, v int, low int, hi int) AS SELECT * FROM lots WHERE id <= 5",
        "ANALYZE TABLE wide",
        "CREATE VIEW drowsy AS SELECT id, v, pad FROM wide WHERE sleep(0.001) = 0",
    )
    return {"pg": pg, "my": my}


@pytest.fixture
def engine(databases: dict[str, Database]) -> Iterator[Mistaken]:
    kinds = {"pg": "postgres", "my": "mysql"}
    with Mistaken(
        {"sources": {name: {"kind": kinds[name], "url": one.url} for name, one in databases.items()}}
    ) as made:
        yield made


@dataclass(frozen=True)
class Seen:
    """What came of a query, and of its request for the keyed table."""

    rows: list[tuple[Any, ...]]
    target: dict[str, Any]
    moved: int


def asked(engine: Engine, sql: str, target: str, **settings: str) -> Seen:
    with engine.query(sql, settings={"observed": "off", **settings}) as result:
        rows = rows_of(result)
    report = result.report.to_dict()
    return Seen(rows, next(one for one in report["sources"] if one["source"] == target), report["bytes_moved"])


FOUND = [(id, id, f"padding of row {id}") for id in range(1, 6)]
CONDITIONS = {"a guess": "k.low < k.hi", "counted": "k.v = 7"}


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize(("origin", "target"), WAYS)
def test_keys_that_are_far_fewer_than_expected_are_sent(
    engine: Mistaken, origin: str, target: str, condition: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "GRACE", 1e6)
    monkeypatch.setattr(beside, "GRACE_MOST", 30.0)  # the keys come within it though the machine stands still
    engine.believe(MANY)
    sql = ASKED.format(origin, target, "few", CONDITIONS[condition])
    assert "tried while all is read" in engine.explain(sql)
    seen, whole = asked(engine, sql, target), asked(engine, sql, target, key_shipping="off")
    assert seen.rows == whole.rows == FOUND
    assert (seen.target["keys"], seen.target["rows"], seen.target["statements"]) == ([5], 5, 1)
    assert whole.target["rows"] == ROWS
    assert seen.moved < whole.moved


@pytest.mark.parametrize(("origin", "target"), WAYS)
def test_a_scan_that_has_begun_is_ended_for_few_keys(
    engine: Mistaken, origin: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "GRACE", 0.0)
    monkeypatch.setattr(beside, "TRIED_LEAST", 0.0)
    engine.believe(MANY)
    sql = ASKED.format(origin, target, "few", CONDITIONS["a guess"]).replace("wide", "drowsy")
    assert "tried while all is read" in engine.explain(sql)
    seen = asked(engine, sql, target)
    assert seen.rows == FOUND, "the whole view takes two minutes"
    assert (seen.target["keys"], seen.target["rows"]) == ([5], 5)


@pytest.mark.parametrize("grace", [0.0, beside.GRACE])
@pytest.mark.parametrize(("origin", "target"), WAYS)
def test_where_all_was_right_nothing_else_moves(
    engine: Mistaken, origin: str, target: str, grace: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "GRACE", grace)
    engine.believe(MANY)
    sql = ASKED.format(origin, target, "lots", CONDITIONS["a guess"])
    assert "tried while all is read" in engine.explain(sql)
    seen, whole = asked(engine, sql, target), asked(engine, sql, target, key_shipping="off")
    assert seen.rows == whole.rows
    assert seen.moved == whole.moved
    assert (seen.target["rows"], seen.target["statements"], seen.target["is_whole"]) == (ROWS, 1, True)


@pytest.mark.parametrize(("origin", "target"), WAYS)
def test_keys_that_are_far_more_than_expected_are_not_sent(
    engine: Mistaken, origin: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worth, "PATIENCE_LEAST", 0.01)
    for condition in CONDITIONS.values():
        engine.believe(10)
        sql = ASKED.format(origin, target, "lots", condition)
        assert "all is begun" in engine.explain(sql)
        seen, whole = asked(engine, sql, target), asked(engine, sql, target, key_shipping="off")
        assert seen.rows == whole.rows
        assert (seen.target["keys"], seen.target["statements"]) == ([None], 1)
        assert seen.moved <= 1.1 * whole.moved


def test_a_source_with_one_connection_is_read_as_if_nothing_were_tried(databases: dict[str, Database]) -> None:
    one = {"kind": "postgres", "url": databases["pg"].url, "connections": 1}
    sources = {"pg": one, "my": {"kind": "mysql", "url": databases["my"].url}}
    with Mistaken({"sources": sources}) as engine:
        engine.believe(MANY)
        for table, found in (("few", 5), ("lots", ROWS)):
            seen = asked(engine, ASKED.format("my", "pg", table, CONDITIONS["a guess"]), "pg")
            assert len(seen.rows) == found


@pytest.mark.parametrize(("origin", "target"), WAYS)
@pytest.mark.parametrize("limit", ["max_rows", "max_bytes"])
def test_under_limits_on_what_is_read_nothing_is_tried(
    engine: Mistaken, origin: str, target: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beside, "GRACE", 0.0)
    engine.believe(MANY)
    sql = ASKED.format(origin, target, "few", CONDITIONS["a guess"])
    seen = asked(engine, sql, target, **{limit: "1000000000"})
    assert (seen.target["keys"], seen.target["rows"], seen.target["bytes_left"]) == ([None], ROWS, 0)
