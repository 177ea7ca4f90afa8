"""Samples of tables: what is found, where it is kept, how it meets what the source knows, and what cannot be sampled."""

from __future__ import annotations

import datetime as dt
import sqlite3
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

import hanse
from hanse import Engine
from hanse.cache.samples import read, written
from hanse.catalog.sampled import better
from hanse.catalog.summary import Sampled, distinct, summarized
from hanse.cli.main import main
from hanse.errors import ConfigError, UnknownName
from hanse.ir.expr import Column
from hanse.ir.tables import ColumnStatistics, TableStatistics
from hanse.ir.types import FLOAT64, INT64, TEXT, TIMESTAMPTZ

ROWS = 100_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("analyze")
    with duckdb.connect() as here:
        items = f"SELECT i AS id, i % 100 AS k, 'n' || (i % 7) AS s FROM range({ROWS}) AS r(i)"
        here.execute(f"COPY ({items}) TO '{path}/items.csv'")
        here.execute(
            f"COPY (SELECT id, s, CASE WHEN id % 4 > 0 THEN k END AS k FROM ({items})) TO '{path}/lots.parquet'"
        )
    with sqlite3.connect(path / "x.db") as ref:
        ref.execute("CREATE TABLE v (id INTEGER PRIMARY KEY, k INT, t TEXT)")
        ref.executemany("INSERT INTO v VALUES (?, ?, ?)", ((i, i % 50, f"t{i}") for i in range(ROWS)))
        ref.execute("CREATE TABLE small (k TEXT)")
        ref.executemany("INSERT INTO small VALUES (?)", [("a",), ("b",), ("a",), (None,)])
        ref.execute("CREATE VIEW w AS SELECT k FROM v WHERE id < 10")
    ref.close()
    (path / "hanse.yaml").write_text(
        "sources:\n  lake: {kind: files, path: .}\n  ref: {kind: sqlite, path: x.db}\nengine: {state: .hanse}\n"
    )
    return path


@pytest.fixture(scope="module")
def engine(folder: Path) -> Engine:
    with hanse.connect(folder / "hanse.yaml") as opened:
        opened.analyze()
    with hanse.connect(folder / "hanse.yaml") as again:  # what another process finds
        yield again


def known(engine: Engine, name: str) -> TableStatistics:
    found = engine.catalog.table(name).statistics
    assert found is not None
    return found


@pytest.mark.parametrize("table", ["lake.items", "lake.lots", "ref.v"])
def test_a_sample_tells_how_many_values_there_are(engine: Engine, table: str) -> None:
    found = known(engine, table)
    assert found.row_count == ROWS
    assert found.taken_at is not None
    assert "sample of" in found.origin
    assert found.columns["id"].distinct == pytest.approx(ROWS, rel=0.01)
    assert found.columns["k"].distinct in (50, 100, 75)
    assert found.columns["id"].histogram[0] < ROWS / 5
    assert found.columns["id"].histogram[-1] > ROWS * 4 / 5


def test_what_the_source_knows_stays(engine: Engine) -> None:
    found = known(engine, "lake.lots")
    assert (found.columns["id"].minimum, found.columns["id"].maximum) == (0, ROWS - 1)  # from the footer
    assert found.columns["k"].null_fraction == 0.25
    assert found.origin.startswith("file footers and a sample of ")


def test_frequent_values_have_their_shares(engine: Engine) -> None:
    common = dict(known(engine, "lake.items").columns["s"].common)
    assert set(common) == {f"n{i}" for i in range(7)}
    assert sum(common.values()) == pytest.approx(1)


def test_a_small_table_is_read_whole(engine: Engine) -> None:
    found = known(engine, "ref.small")
    assert found.columns["k"] == ColumnStatistics(2, 0.25, "a", "b", (("a", 0.5), ("b", 0.25)), (), 1)
    assert found.origin == "all 4 rows"


def test_plans_use_the_sample(folder: Path, engine: Engine) -> None:
    with hanse.connect({"sources": {"lake": {"kind": "files", "path": str(folder)}}}) as without:
        assert "a guess" in without.explain("SELECT id FROM lake.items WHERE s = 'n1'")
    text = engine.explain("SELECT id FROM lake.items WHERE s = 'n1'")
    assert "~14,2" in text
    assert "a guess" not in text


def test_only_what_lacks_statistics_is_sampled_unless_it_is_named(engine: Engine) -> None:
    assert engine.analyze() == []
    assert [str(one.table) for one in engine.analyze("ref")] == ["ref.main.small", "ref.main.v", "ref.main.w"]
    assert [one.sampled for one in engine.analyze("ref.main.w")] == [10]
    with pytest.raises(UnknownName, match=r"there is no source or table ref\.smal") as failure:
        engine.analyze("ref.smal")
    assert failure.value.hint == "did you mean ref.main.small?"


def test_plans_made_before_are_not_used_again(folder: Path, tmp_path: Path) -> None:
    sources = {"ref": {"kind": "sqlite", "path": str(folder / "x.db")}}
    with hanse.connect({"sources": sources, "engine": {"state": str(tmp_path / "state")}}) as engine:
        version = engine.catalog.snapshot().version
        engine.analyze("ref.small")
        assert engine.catalog.snapshot().version > version


def test_without_a_folder_there_is_nothing_to_keep_it_in(folder: Path) -> None:
    with (
        hanse.connect({"sources": {"ref": {"kind": "sqlite", "path": str(folder / "x.db")}}}) as engine,
        pytest.raises(ConfigError, match="no folder to keep statistics in") as failure,
    ):
        engine.analyze()
    assert "state: .hanse" in str(failure.value.hint)


def test_what_cannot_be_read_is_told_and_the_rest_sampled(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "x.duckdb")) as wh:
        wh.execute("CREATE TABLE a AS SELECT 1 AS k; CREATE VIEW b AS SELECT error('broken') AS z")
    sources = {"wh": {"kind": "duckdb", "path": str(tmp_path / "x.duckdb")}}
    with hanse.connect({"sources": sources, "engine": {"state": str(tmp_path / "state")}}) as engine:
        fine, broken = engine.analyze("wh")
    assert (fine.problem, fine.sampled) == (None, 1)
    assert broken.problem is not None
    assert broken.statistics is None


def command(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [*words], env={"HANSE_CONFIG": str(folder / "hanse.yaml")})


def test_on_the_command_line(folder: Path, engine: Engine) -> None:
    done = command(folder, "analyze", "ref.small", "--format", "csv")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == ["table,rows,sampled,columns,problem", "ref.main.small,4,4,1,"]
    assert "tells enough" in command(folder, "analyze").stderr
    described = command(folder, "describe", "ref.small").stdout
    assert "statistics: 4 rows, values of 1 of 1 columns, from all 4 rows, less than a minute ago" in described


def test_duj1() -> None:
    assert distinct(1000, 1000, 1000, 1e6) == 1e6  # each value once: all are different
    assert distinct(1000, 10, 0, 1e6) == 10  # none once: these are all
    assert distinct(100, 60, 50, 1000) == pytest.approx(100 * 60 / (100 - 50 + 50 * 0.1))
    assert distinct(50, 7, 3, 50) == 7
    assert distinct(0, 0, 0, 0) == 0


def test_odd_values_do_no_harm() -> None:
    columns = (Column(0, "f", FLOAT64), Column(1, "n", INT64), Column(2, "t", TIMESTAMPTZ), Column(3, "x", TEXT))
    rows = pa.table(
        [
            pa.array([float("nan"), float("inf"), 1.5, None]),
            pa.array([None] * 4, pa.int64()),
            pa.array([2**62, 0, 1, 2], pa.timestamp("us", "UTC")),  # a year that Python has not
            pa.array(["x" * 100, "y" * 100, "z" * 100, "x" * 100]),
        ],
        names=["f", "n", "t", "x"],
    )
    found = summarized(Sampled(columns, rows, 4, spread=True))
    assert (found["f"].minimum, found["f"].maximum) == (1.5, 1.5)
    assert found["n"] == ColumnStatistics(0.0, 1.0)
    assert found["t"].minimum is None
    assert found["x"].common == ()
    assert found["x"].width == 100
    assert found["x"].distinct == 3


def test_first_rows_say_nothing_of_ends_and_frequencies() -> None:
    rows = pa.table([pa.array(range(100))], names=["n"])
    found = summarized(Sampled((Column(0, "n", INT64),), rows, 10_000, spread=False))["n"]
    assert found == ColumnStatistics(10_000, 0.0)


def test_what_is_older_gives_way() -> None:
    own = TableStatistics(10, {"a": ColumnStatistics(5), "b": ColumnStatistics(common=((1, 0.5),))}, 100, "pg_stats")
    new = TableStatistics(99, {"a": ColumnStatistics(7), "b": ColumnStatistics(3, histogram=(1, 2))}, 200, "a sample")
    found = better(own, new)
    assert (found.row_count, found.taken_at, found.columns["a"].distinct) == (99, 200, 7)
    assert (found.columns["b"].histogram, found.columns["b"].common) == ((1, 2), ())
    kept = better(TableStatistics(10, own.columns, 300, "pg_stats"), new)
    assert (kept.row_count, kept.taken_at, kept.columns["a"].distinct) == (10, 300, 5)
    assert kept.columns["b"] == ColumnStatistics(3, common=((1, 0.5),))


def test_every_value_is_read_as_it_was_written() -> None:
    moment = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)
    values = (Decimal("1.50"), moment, dt.date(2026, 1, 2), dt.time(1, 2), "é", 7, 1.5, True)
    column = ColumnStatistics(8, 0.5, values[0], values[0], tuple((value, 0.1) for value in values), values, 3.5, 0.9)
    found = TableStatistics(8, {"a": column, "b": ColumnStatistics()}, 12.5, "all 8 rows")
    assert read(written(found)) == found
    assert [type(value) for value in read(written(found)).columns["a"].histogram] == [type(value) for value in values]


def test_a_column_of_another_type_has_no_sample(engine: Engine, tmp_path: Path) -> None:
    sources = {"ref": {"kind": "sqlite", "path": str(tmp_path / "x.db")}}
    for declared in ("INT", "TEXT"):
        with sqlite3.connect(tmp_path / "x.db") as ref:
            ref.executescript(f"DROP TABLE IF EXISTS a; CREATE TABLE a (k {declared}); INSERT INTO a VALUES (1)")
        ref.close()
        with hanse.connect({"sources": sources, "engine": {"state": str(tmp_path / "state")}}) as opened:
            if declared == "INT":
                opened.analyze("ref.a")
            assert ("k" in known(opened, "ref.a").columns) is (declared == "INT")


def test_a_broken_store_is_no_store(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "samples.db").write_text("this is no database" * 100)
    sources = {"ref": {"kind": "sqlite", "path": str(folder / "x.db")}}
    with hanse.connect({"sources": sources, "engine": {"state": str(tmp_path)}}) as engine:
        assert engine.catalog.table("ref.small").row_count == 4
        with pytest.raises(ConfigError, match=r"cannot write to the folder engine\.state"):
            engine.analyze("ref.small")
