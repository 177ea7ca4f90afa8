"""One catalog for all sessions, and another when sources have changed."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from hanse.engine import Engine
from hanse.groups import Caller
from hanse.server.catalogs import Catalogs
from hanse.server.registry import Registry
from hanse.server.session import Session, opened

TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'app'::regnamespace AND relkind = 'r' ORDER BY 1"


def _tables(catalogs: Catalogs, session: Session) -> list[str]:
    return [row[0] for row in catalogs.query(TABLES, session, (), (), lambda _: None).rows]


def test_what_sources_are_now(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    with sqlite3.connect(path) as store:
        store.execute("CREATE TABLE first (id INTEGER PRIMARY KEY)")
    with Engine({"sources": {"app": {"kind": "sqlite", "path": str(path)}}}) as engine:
        catalogs = Catalogs(engine.catalog.snapshot, Registry(1))
        ann, bob = (opened(place, Caller(name), {}, engine) for place, name in enumerate(("ann", "bob"), 1))
        assert _tables(catalogs, ann) == ["first"]
        kept = catalogs._database
        assert _tables(catalogs, bob) == ["first"]
        version = engine.catalog.refresh().version
        assert _tables(catalogs, ann) == ["first"]
        assert catalogs._database is kept, "nothing has changed"
        with sqlite3.connect(path) as store:
            store.execute("CREATE TABLE second (id INTEGER PRIMARY KEY)")
        assert engine.catalog.refresh().version > version
        assert _tables(catalogs, bob) == ["first", "second"]
        assert catalogs._database is not kept
