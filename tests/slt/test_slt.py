"""Run the files of SQL logic tests in every configuration that they name, and on PostgreSQL itself."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hanse.engine import Engine
from hanse.testing.differential import Answer, answer
from tests.differential import load
from tests.differential.oracle import PostgresOracle, bytewise_database
from tests.slt import world
from tests.slt.blocks import CONFIGURATIONS, Block, File, read
from tests.slt.cells import agree, shown

FILES = sorted(Path(__file__).parent.glob("*/*.slt"))
WRITE = os.environ.get("HANSE_SLT") == "write"
pytestmark = [pytest.mark.postgres, pytest.mark.mysql]


@pytest.fixture(scope="module")
def engines(pg_url: str, mysql_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Engine]]:
    """Engines by configuration; `pushdown-off` asks the mixed one."""
    with contextlib.ExitStack() as stack:
        made: dict[str, Engine] = {}

        def engine(configuration: str) -> Engine:
            name = "mixed" if configuration == "pushdown-off" else configuration
            if name not in made:
                folder = tmp_path_factory.mktemp(name)
                made[name] = stack.enter_context(world.engine(name, folder, pg_url, mysql_url))
            return made[name]

        yield engine


@pytest.fixture(scope="module")
def postgres(pg_url: str) -> Iterator[PostgresOracle]:
    """PostgreSQL with every table."""
    with bytewise_database(pg_url) as database:
        load.oracle(database, [world.placed(name, "postgres") for name in world.tables()])
        with contextlib.closing(PostgresOracle(database)) as oracle:
            yield oracle


@pytest.mark.parametrize("configuration", CONFIGURATIONS)
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_statements(engines: Callable[[str], Engine], path: Path, configuration: str) -> None:
    file = read(path)
    if configuration not in file.configurations:
        return
    engine = engines(configuration)
    pushdown = {"pushdown": "off"} if configuration == "pushdown-off" else {}
    found = [
        (block, answer(engine, block.sql, block.parameters or None, **block.settings, **pushdown))
        for block in file.blocks
    ]
    assert _wrong(file, found) == []


@pytest.mark.parametrize(
    "path", [path for path in FILES if path.parent.name == "pg_compat"], ids=lambda path: path.stem
)
def test_postgres_agrees(postgres: PostgresOracle, path: Path) -> None:
    file = read(path)
    found = [(block, postgres.answer(block.sql, block.parameters)) for block in file.blocks]
    if WRITE:
        file.blocks[:] = [_rewritten(block, one) for block, one in found]
        file.write()
    assert _wrong(file, [(block, one) for block, (_, one) in zip(file.blocks, found, strict=True)]) == []


def test_there_are_enough_statements() -> None:
    assert sum(len(read(path).blocks) for path in FILES) >= 250


def _rewritten(block: Block, found: Answer) -> Block:
    if block.error or found.error:
        return block
    cells = _cells(found)
    return block.with_rows(cells if block.ordered else sorted(cells))


def _wrong(file: File, found: list[tuple[Block, Answer]]) -> list[str]:
    problems = ((block, _problem(block, one)) for block, one in found)
    return [f"{file.path.name}:{block.line}: {problem}\n  {block.sql}" for block, problem in problems if problem]


def _problem(block: Block, found: Answer) -> str | None:
    if block.error or found.error:
        wanted = f"error {block.error}" if block.error else f"{len(block.rows)} rows"
        return None if block.error == found.error else f"expected {wanted}, found {found.message or found.rows}"
    cells = _cells(found)
    pairs = list(zip(cells, found.rows, strict=True))
    expected = block.rows
    if not block.ordered:
        pairs.sort(key=lambda pair: pair[0])
        expected = sorted(expected)
    if len(expected) != len(pairs):
        return f"expected {expected}, found {cells}"
    wrong = [
        (want, got) for want, (got, values) in zip(expected, pairs, strict=True)
        if len(want) != len(got) or not all(map(agree, want, got, values))
    ]  # fmt: skip
    return f"expected {wrong[0][0]}, found {wrong[0][1]}" if wrong else None


def _cells(found: Answer) -> list[list[str]]:
    return [[shown(value, kind) for value, kind in zip(row, found.kinds, strict=True)] for row in found.rows]
