"""One server over four stores of files for all tests that only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.running import build
from tests.wire.serving import Served, configured, served

SOURCES = {
    "wh": {"kind": "duckdb", "path": "wh.duckdb"},
    "ref": {"kind": "sqlite", "path": "ref.db"},
    "lake": {"kind": "files", "path": "data"},
}


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the stores, and hanse.yaml for their server."""
    folder = tmp_path_factory.mktemp("served")
    build(folder)
    configured(folder, SOURCES)
    return folder


@pytest.fixture(scope="session")
def server(stores: Path) -> Iterator[Served]:
    """The server."""
    with served(stores / "serve.yaml") as started:
        yield started
