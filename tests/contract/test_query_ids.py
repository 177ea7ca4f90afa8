"""A query's id is seen at its sources while it runs, whatever its statement holds; and no secret and no value is in anything that
is kept or told of it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hanse.engine import Engine
from hanse.errors import HanseError
from hanse.observe.timeline import page
from hanse.observe.traces import Traces
from tests.servers.databases import Database, DatabaseFactory

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
OWNER = "~[0-9a-f]{5}"
"""The token of the process, behind the id."""


@dataclass(frozen=True)
class World:
    """The table ``t`` (id, note) in both, with ``slow`` beside it."""

    shop: Database
    crm: Database

    def config(self, state: Path) -> dict[str, Any]:
        return {
            "sources": {
                "shop": {"kind": "postgres", "url": self.shop.url},
                "crm": {"kind": "mysql", "url": self.crm.url},
            },
            "engine": {"state": str(state)},
        }

    def seen(self, source: str) -> list[str]:
        """What runs there, as the server's own list of activity shows it."""
        if source == "shop":
            mine = (
                f"datname = '{self.shop.name}' AND state = 'active' AND query LIKE '%slow%' AND pid <> pg_backend_pid()"
            )
            return [row[0] for row in self.shop.rows(f"SELECT application_name FROM pg_stat_activity WHERE {mine}")]
        mine = f"DB = '{self.crm.name}' AND INFO LIKE '%slow%' AND ID <> CONNECTION_ID()"
        return [row[0] for row in self.crm.rows(f"SELECT INFO FROM information_schema.PROCESSLIST WHERE {mine}")]


@pytest.fixture(scope="module")
def world(pg_database: DatabaseFactory, mysql_database: DatabaseFactory) -> World:
    shop, crm = pg_database(), mysql_database()
    shop.run(
        "CREATE TABLE t (id int PRIMARY KEY, note text)",
        "INSERT INTO t VALUES (1, 'a'), (2, '*/ b'), (3, '7')",
        "CREATE VIEW slow AS SELECT id, note, pg_sleep(0.7) IS NULL AS v FROM t WHERE id = 1",
    )
    crm.run(
        "CREATE TABLE t (id INT PRIMARY KEY, note VARCHAR(100))",
        "INSERT INTO t VALUES (1, 'a'), (2, '*/ b'), (3, '7')",
        "CREATE VIEW slow AS SELECT id, note, SLEEP(0.7) AS v FROM t WHERE id = 1",
    )
    return World(shop, crm)


@pytest.fixture
def engine(world: World, tmp_path: Path) -> Iterator[Engine]:
    with Engine(world.config(tmp_path / "state")) as opened:
        yield opened


STATEMENTS = [
    "SELECT note, v FROM {0}.slow WHERE note <> 'x' -- {1}",
    "SELECT note, v FROM {0}.slow WHERE note <> '*/ KILL 1; -- {1}'",
    "/* */ SELECT note, v FROM {0}.slow WHERE note <> '/* hanse:ffffffffffffffffffffffffffffffff */' /* {1} */",
]


@pytest.mark.parametrize("source", ["shop", "crm"])
@pytest.mark.parametrize("statement", STATEMENTS)
def test_the_id_arrives_whatever_the_statement_holds(engine: Engine, world: World, source: str, statement: str) -> None:
    sql = statement.format(source, "x' OR '' = '")
    found: list[str] = []
    result = engine.query(sql)

    def look() -> None:
        deadline = time.monotonic() + 5
        while not found and time.monotonic() < deadline:
            found.extend(world.seen(source))

    looking = threading.Thread(target=look)
    looking.start()
    assert [row[0] for row in result.fetchall()] == ["a"]
    looking.join()
    id = result.report.query_id
    assert len(id) == 32
    if source == "shop":
        assert re.fullmatch(f"hanse/{id}{OWNER}", found[0])
        assert len(found) == 1
        assert len(found[0]) < 64  # longer names are cut
    else:
        assert re.match(rf"/\* hanse:{id}{OWNER} \*/ SELECT ", found[0])
    assert engine.query("SELECT state FROM system.queries WHERE id = $1", [id]).fetchall() == [("finished",)]


def test_nothing_that_is_kept_or_told_holds_a_secret_or_a_value(world: World, tmp_path: Path) -> None:
    canary = "canary7654321"
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    joined = f"SELECT * FROM shop.t JOIN crm.t AS c USING (id) WHERE t.note <> '{canary}' AND c.id <> 7654321"
    with Engine(world.config(tmp_path / "state")) as engine:
        traces = Traces(provider)
        engine._observation.recorder.listeners.append(traces)
        engine.query(joined).fetchall()
        engine.query(joined, settings={"pushdown": "off"}).fetchall()
        engine.query(
            "SELECT * FROM shop.t JOIN crm.t AS c USING (id) WHERE t.note <> $1 AND c.note <> $1", [canary]
        ).fetchall()
        engine.query(f"EXPLAIN ANALYZE {joined}").fetchall()
        for failing in (
            f"SELECT '{canary}'::int FROM shop.t",
            f"SELECT ('{canary}' || note)::int FROM shop.t WHERE note = '7'",
            f"SELECT ('{canary}' || note)::date FROM crm.t",
            f"SELECT * FROM shop.missing WHERE note = '{canary}'",
            f"SELECT '{canary}",
            f"KILL '{canary}'",
            f"SET timezone = '{canary}'",
        ):
            with pytest.raises(HanseError):
                engine.query(failing).fetchall()
        told = [engine.metrics(), engine.metrics(shared=True)]
        told += [repr(one) + page(one) for one in engine.queries.records()]
        told += [str(row) for row in engine.query("SELECT * FROM system.queries").fetchall()]
        told += [str(row) for row in engine.query("SELECT * FROM system.query_sources").fetchall()]
        told += [str(row) for row in engine.query("SELECT * FROM system.plans").fetchall()]
        told += [str(row) for row in engine.query("SELECT * FROM system.sources").fetchall()]
    told += [span.to_json() for span in exporter.get_finished_spans()]
    told += [path.read_bytes().decode("latin-1") for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert len(exporter.get_finished_spans()) >= 11
    passwords = [urlsplit(database.url).password for database in (world.shop, world.crm)]
    assert all(passwords)
    for secret in ("7654321", *passwords):
        assert [text[max(0, text.find(secret) - 200) :][:400] for text in told if secret in text] == []
