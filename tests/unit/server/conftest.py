"""An engine over one small file."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest

from hanse.engine import Engine
from tests.unit.server.machine import Machine


@pytest.fixture(scope="package")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("wh") / "wh.duckdb"
    with duckdb.connect(str(path)) as store:
        store.execute("CREATE TABLE people (id INTEGER, name VARCHAR, small UTINYINT)")
        store.execute("INSERT INTO people VALUES (1, 'Ann', 7), (2, NULL, 8), (3, 'Bö', 9)")
        store.execute("CREATE TABLE numbers AS SELECT i AS n FROM range(100000) AS r(i)")
    with Engine({"sources": {"wh": {"kind": "duckdb", "path": str(path)}}}) as made:
        yield made


@pytest.fixture
def machine(engine: Engine) -> Machine:
    return Machine(engine)
