"""What the footers of Parquet files say together: types, NULLs, files that lack columns or statistics; text says nothing."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hanse.connectors.files import footers, plugin
from hanse.ir.tables import ColumnStatistics, Table, TableStatistics
from tests.contract.reading import connect, table

N = 100
HOURS = [dt.datetime(2020, 1, 1) + dt.timedelta(hours=hour) for hour in range(N)]
TYPED = pa.table({
    "i": pa.array(range(N), pa.int32()),
    "k": pa.array([None if i % 4 == 0 else i for i in range(N)], pa.int64()),
    "u": pa.array([2**63 + i for i in range(N)], pa.uint64()),
    "t": [f"x{i:03}" for i in range(N)],
    "d": [dt.date(2020, 1, 1) + dt.timedelta(i) for i in range(N)],
    "n": pa.array([Decimal(-i) / 100 for i in range(N)], pa.decimal128(8, 2)),
    "w": pa.array([Decimal(i) / 100 for i in range(N)], pa.decimal128(38, 10)),
    "ts": pa.array(HOURS, pa.timestamp("us")),
    "tz": pa.array(HOURS, pa.timestamp("us", "Europe/Berlin")),
    "f": [float("nan") if i % 7 == 0 else float(i) for i in range(N)],
    "b": [i % 2 == 0 for i in range(N)],
    "l": [[i] for i in range(N)],
    "s": [{"i": -5} for i in range(N)],
    "nothing": pa.array([None] * N, pa.int32()),
})  # fmt: skip


def write(path: Path, data: pa.Table | dict[str, Any], **options: Any) -> None:
    """A Parquet file of these columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(data if isinstance(data, pa.Table) else pa.table(data), path, **options)


def read(folder: Path, name: str = "v") -> Table:
    """The table of that name in the folder."""
    return table(connect(plugin, folder, path=".").load_catalog(), name)


def columns(folder: Path) -> dict[str, ColumnStatistics]:
    """What is known of the columns of ``v``."""
    found = read(folder).statistics
    assert found is not None
    assert found.origin == "file footers"
    return dict(found.columns)


def test_values_are_those_of_the_types(tmp_path: Path) -> None:
    write(tmp_path / "v.parquet", TYPED, row_group_size=30)
    found = columns(tmp_path)
    assert {name: (known.minimum, known.maximum) for name, known in found.items() if known.minimum is not None} == {
        "i": (0, 99),
        "k": (1, 99),
        "u": (2**63, 2**63 + 99),
        "t": ("x000", "x099"),
        "d": (dt.date(2020, 1, 1), dt.date(2020, 4, 9)),
        "n": (Decimal("-0.99"), Decimal("0.00")),
        "w": (Decimal(0), Decimal("0.99")),
        "ts": (HOURS[0], HOURS[-1]),
        "tz": (HOURS[0].replace(tzinfo=dt.UTC), HOURS[-1].replace(tzinfo=dt.UTC)),
    }
    assert (found["k"].null_fraction, found["nothing"].null_fraction, found["i"].null_fraction) == (0.25, 1, 0)
    # NaN is greater than what a footer calls the greatest
    assert found["f"] == found["b"] == ColumnStatistics(null_fraction=0)
    assert not {"l", "s"} & set(found)
    assert all(known.distinct is None for known in found.values())


def test_footers_without_statistics_count_rows_alone(tmp_path: Path) -> None:
    write(tmp_path / "v.parquet", TYPED, write_statistics=False)
    assert read(tmp_path).statistics == TableStatistics(N, {}, None, "file footers")


def test_one_file_without_statistics_hides_what_the_others_say(tmp_path: Path) -> None:
    write(tmp_path / "v/1.parquet", {"a": [1, 2]}, write_statistics=False)
    write(tmp_path / "v/2.parquet", {"a": [3, 4]})
    assert read(tmp_path).statistics == TableStatistics(4, {}, None, "file footers")


def test_no_rows(tmp_path: Path) -> None:
    write(tmp_path / "v.parquet", TYPED.slice(0, 0))
    assert read(tmp_path).statistics == TableStatistics(0, {}, None, "file footers")


def test_a_file_without_rows_hides_nothing(tmp_path: Path) -> None:
    write(tmp_path / "v/1.parquet", {"a": pa.array([], pa.int64())})
    write(tmp_path / "v/2.parquet", {"a": [3, 4]})
    assert columns(tmp_path)["a"] == ColumnStatistics(None, 0, 3, 4)


def test_files_of_several_shapes(tmp_path: Path) -> None:
    write(tmp_path / "v/1.parquet", {"a": pa.array([1, 2], pa.int32()), "b": [1, 2], "C": pa.array([None] * 2, "int8")})
    write(tmp_path / "v/2.parquet", {"a": pa.array([2**40, None], pa.int64()), "c": pa.array([7, 8], "int8")})
    found = columns(tmp_path)
    assert found["a"] == ColumnStatistics(None, 0.25, 1, 2**40)
    assert found["b"] == ColumnStatistics(None, 0.5, 1, 2), "the second file has no b: its rows are NULL there"
    assert found["C"] == ColumnStatistics(None, 0.5, 7, 8), (
        "one column, whatever its case, with NULLs alone in one file"
    )


def test_partitions_of_a_folder(tmp_path: Path) -> None:
    for year, count in (("2023", 3), ("2024", 1)):
        write(tmp_path / f"v/year={year}/x.parquet", {"a": [int(year)] * count})
    found = read(tmp_path)
    assert {column.name for column in found.columns} == {"a", "year"}
    assert found.statistics is not None
    assert found.statistics.row_count == 4
    assert found.statistics.columns == {"a": ColumnStatistics(None, 0, 2023, 2024)}


def test_a_field_of_a_struct_is_not_the_column_of_its_path(tmp_path: Path) -> None:
    write(tmp_path / "v.parquet", {"a, i": [100, 200], "a": [{"i": 1}] * 2})
    assert "a, i" not in columns(tmp_path)


def test_more_chunks_than_are_looked_at(tmp_path: Path) -> None:
    count = footers.CHUNKS_MAX // 2 + 1
    write(tmp_path / "v.parquet", {"a": range(count), "b": range(count)}, row_group_size=1)
    assert read(tmp_path).statistics == TableStatistics(count, {}, None, "file footers")


def test_text_files_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("a,b\n1,2\n")
    (tmp_path / "w.jsonl").write_text('{"a": 1}\n')
    assert [(read(tmp_path, name).statistics, read(tmp_path, name).row_count) for name in "vw"] == [(None, None)] * 2
