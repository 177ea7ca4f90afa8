"""The engines beside which ours is measured, each over real servers at a hundredth of the benchmark's size.

They take minutes, and Trino's programs a gigabyte: they are asked only where HANSE_BENCH_FOLDER names where data and
programs stay.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.federated.answers import digest
from benchmarks.federated.link import NETWORKS
from benchmarks.federated.loading import Tpch
from benchmarks.federated.measure import Cell, Plan, Store, measure
from benchmarks.federated.peers.base import Unavailable
from benchmarks.federated.run import openers, stage
from benchmarks.federated.splits import SPLITS
from benchmarks.federated.trino.client import Client
from benchmarks.federated.trino.dialect import translated
from benchmarks.federated.trino.releases import Java, chosen
from tests.servers.packages import ServerMissing

SCALE = 0.01
LEFT_OUT = "lake is left out"


@pytest.fixture(scope="module")
def tpch() -> Iterator[Tpch]:
    folder = os.environ.get("HANSE_BENCH_FOLDER")
    if not folder:
        pytest.skip("HANSE_BENCH_FOLDER names no folder for the engines' servers")
    with contextlib.ExitStack() as stack:
        try:
            data = stack.enter_context(stage(Path(folder), SCALE))
        except ServerMissing as missing:
            pytest.skip(str(missing))
        yield data


def asked(tpch: Tpch, engine: str, split: str, numbers: list[int]) -> tuple[dict[int, Cell], str]:
    """What an engine says to queries over a split at 1 Gbit/s, and the note on it."""
    queries = {number: tpch.queries[number] for number in numbers}
    with contextlib.ExitStack() as stack:
        engines = openers([engine], tpch.folder.parent, queries, stack)
        store = Store(tpch.folder / "smoke.jsonl", resume=False)
        plan = Plan(engines, queries, rounds=1, timeout=60.0)
        notes = measure(split, tpch.sources(SPLITS[split]), NETWORKS["1gbit"], plan, store)
    return {cell.query: cell for cell in store.cells.values()}, notes[engine]


def right(cell: Cell, tpch: Tpch) -> bool:
    """Whether an answer is the reference's, and came from the sources."""
    expected = digest(tpch.reference.execute(tpch.queries[cell.query]).fetchall())
    return not cell.failure and cell.digest == expected and cell.statements > 0 and cell.received > 0


@pytest.mark.slow
def test_postgres_fdw_answers_over_two_databases(tpch: Tpch) -> None:
    cells, note = asked(tpch, "postgres_fdw", "A", [3, 14])
    assert note.startswith("PostgreSQL ")
    assert right(cells[3], tpch), cells[3]
    assert right(cells[14], tpch), cells[14]


@pytest.mark.slow
def test_postgres_fdw_says_which_tables_of_the_mixed_split_it_cannot_read(tpch: Tpch) -> None:
    cells, note = asked(tpch, "postgres_fdw", "mixed", [3, 14])
    assert LEFT_OUT in note
    assert not cells[14].raced
    assert LEFT_OUT in cells[14].failure
    if "two is left out: mysql_fdw is not installed" in note:
        assert not cells[3].raced
    else:
        assert "mysql_fdw" in note
        assert right(cells[3], tpch), cells[3]


@pytest.mark.slow
def test_trino_answers_over_every_kind_of_source(tpch: Tpch) -> None:
    cells, note = asked(tpch, "trino", "mixed", [3, 14])
    if note.startswith("left out"):
        pytest.skip(note)
    assert right(cells[3], tpch), (note, cells[3])
    assert right(cells[14], tpch), cells[14]


def test_the_java_that_is_here_chooses_trinos_release() -> None:
    old, newer = Java(Path("/a"), 17), Java(Path("/b"), 25)
    assert chosen([newer, old])[1] == newer
    assert int(chosen([newer, old])[0].version) > int(chosen([old])[0].version)
    with pytest.raises(Unavailable, match=r"needs Java 17, and the newest here is 11"):
        chosen([Java(Path("/c"), 11)])
    with pytest.raises(Unavailable, match="there is none here"):
        chosen([])


def test_trino_is_asked_for_doubles_where_it_would_round() -> None:
    sql = "SELECT avg(a.x), sum(a.x) / sum(b.y) FROM a, b WHERE a.k = b.k"
    said = translated(sql, {"a": ("one", "public"), "b": ("two", "lake")})
    assert "AVG(CAST(a.x AS DOUBLE))" in said
    assert "CAST(SUM(a.x) AS DOUBLE) / SUM(b.y)" in said
    assert "FROM one.public.a" in said
    assert "two.lake.b" in said


def test_a_server_that_is_not_there_is_no_answer() -> None:
    with pytest.raises(OSError, match="refused"):
        Client(1).ask("SELECT 1", 1.0)
