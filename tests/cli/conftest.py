"""The small world, built once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.running import build


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with hanse.yaml, a DuckDB file, a SQLite file, Parquet and CSV; tests only read it."""
    folder = tmp_path_factory.mktemp("world")
    build(folder)
    return folder
