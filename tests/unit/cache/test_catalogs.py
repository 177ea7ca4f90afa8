"""What is kept of sources' tables: everything that a query's meaning rests on, of the same source alone, and no secret."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

from hanse.cache.catalogs import KnownCatalogs, place_of
from hanse.ir import types as t
from hanse.ir.tables import Collation, HiddenColumn, Table, TableColumn, TableStatistics
from hanse.spi.capabilities import Capabilities
from hanse.spi.duckdb.dialect import DuckDBDialect
from hanse.spi.snapshot import SourceCatalog

TYPES = (t.INT32, t.decimal(12, 2), t.enum(("a", "b")), t.Array(t.Kind.ARRAY, t.decimal(5, 0)), t.TIMESTAMPTZ, t.UINT64)
COLUMNS = tuple(TableColumn(f"c{place}", type, place > 0, "its type") for place, type in enumerate(TYPES))
TEXT = TableColumn("t", t.TEXT, collation=Collation("de", True, False, 9))
TABLE = Table("shop", "s", "t", (*COLUMNS, TEXT), "", (HiddenColumn("h", "x", "why"),), ("c0",), (("c1", "t"),))
BLOCK: dict[str, Any] = {"kind": "postgres", "url": "postgresql://u:tiger@db1/shop", "password": "lion"}


def catalog(table: Table = TABLE, **more: Any) -> SourceCatalog:
    return SourceCatalog("shop", "postgres", (table,), DuckDBDialect(), Capabilities(**more), "PostgreSQL 16", "s")


def test_tables_are_recalled_as_they_were(tmp_path: Path) -> None:
    statistics = TableStatistics(7, {}, 1.0, "leopard")
    with_values = replace(TABLE, relation='"s"."t"', row_count=7, statistics=statistics)
    store = KnownCatalogs(tmp_path, {"shop": BLOCK})
    assert store.recall("shop", DuckDBDialect()) is None
    store.keep(catalog(with_values), 1000.0)
    store.close()
    found = KnownCatalogs(tmp_path, {"shop": {**BLOCK, "password": "new", "on_failure": "skip"}})
    recalled = found.recall("shop", DuckDBDialect())
    assert recalled is not None
    known, at = recalled
    assert (known.tables, at, known.default_schema) == ((TABLE,), 1000.0, "s")
    found.close()
    path = tmp_path / "catalogs.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    kept = b"".join(one.read_bytes() for one in tmp_path.iterdir())
    assert not any(word in kept for word in (b"tiger", b"lion", b"leopard"))


def test_another_place_is_another_source(tmp_path: Path) -> None:
    store = KnownCatalogs(tmp_path, {"shop": BLOCK})
    store.keep(catalog(), 1000.0)
    store.close()
    for other in (
        {"url": "postgresql://u:tiger@db2/shop"},
        {"url": "postgresql://v:tiger@db1/shop"},
        {"schemas": ["x"]},
    ):
        another = KnownCatalogs(tmp_path, {"shop": BLOCK | other})
        assert another.recall("shop", DuckDBDialect()) is None
        another.close()
    same = {"url": "postgresql://u:puma@db1/shop"}, {"limits": {"statements": 2}}
    assert {place_of(BLOCK | more) for more in same} == {place_of(BLOCK)}
    words = [f"host=db1 user=u password={word}" for word in ("a", "'b c'")]
    assert place_of({"conninfo": words[0]}) == place_of({"conninfo": words[1]}) != place_of({"conninfo": "host=db2"})


def test_files_are_looked_at_and_a_broken_store_knows_nothing(tmp_path: Path) -> None:
    store = KnownCatalogs(tmp_path, {"shop": BLOCK})
    store.keep(catalog(embedded=True), 1000.0)
    assert store.recall("shop", DuckDBDialect()) is None
    store.close()
    (tmp_path / "catalogs.db").write_bytes(b"no database")
    broken = KnownCatalogs(tmp_path, {"shop": BLOCK})
    broken.keep(catalog(), 1000.0)
    assert broken.recall("shop", DuckDBDialect()) is None
