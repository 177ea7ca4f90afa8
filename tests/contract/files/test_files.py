"""Files as tables: which there are, what their columns are, and what a broken or changed file says."""

from __future__ import annotations

import datetime as dt
import gzip
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hanse.connectors.files import plugin
from hanse.errors import ConfigError, HanseError, InvalidValue, SourceError, SourceUnreachable, StaleSnapshot
from hanse.ir import types as t
from hanse.ir.expr import Column
from hanse.spi.connector import Connector
from tests.contract.reading import connect, read, read_in_place, run, table


def parquet(path: Path, **columns: Any) -> None:
    """Write a Parquet file of these columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def text(path: Path, content: str) -> None:
    """Write a text file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def source_at(folder: Path, path: str = ".", **options: Any) -> Connector:
    return connect(plugin, folder, path=path, **options)


def names(source: Connector) -> list[str]:
    return [f"{found.schema}.{found.name}" for found in source.load_catalog().tables]


def types(source: Connector, name: str) -> dict[str, t.Type]:
    return {column.name: column.type for column in table(source.load_catalog(), name).columns}


def both(source: Connector, name: str, *columns: str) -> list[tuple[Any, ...]]:
    """The rows, which must be the same through a session and in place."""
    found = table(source.load_catalog(), name)
    rows = read(source, found, *columns)
    assert rows == read_in_place(source, found, *columns)
    return rows


class TestNames:
    def test_files_folders_and_schemas(self, tmp_path: Path) -> None:
        parquet(tmp_path / "one.parquet", a=[1])
        parquet(tmp_path / "many/1.parquet", a=[1])
        parquet(tmp_path / "many/2.parquet", a=[2])
        parquet(tmp_path / "raw/orders/1.parquet", a=[3])
        text(tmp_path / "Odd 'name\" [1]*.csv", '"a""b",select,Ä\n1,2,3\n')
        (tmp_path / "empty").mkdir()
        text(tmp_path / "_SUCCESS", "")
        text(tmp_path / ".hidden.csv", "a\n1\n")
        text(tmp_path / "notes.txt", "no table")
        source = source_at(tmp_path)
        assert sorted(names(source)) == ["main.Odd 'name\" [1]*", "main.many", "main.one", "raw.orders"]
        assert sorted(both(source, "many")) == [(1,), (2,)]
        assert both(source, "Odd 'name\" [1]*", 'a"b', "select", "Ä") == [(1, 2, 3)]
        assert read(source, table(source.load_catalog(), "orders", "raw")) == [(3,)]

    def test_a_file_and_a_glob(self, tmp_path: Path) -> None:
        parquet(tmp_path / "logs-1.parquet", a=[1])
        parquet(tmp_path / "logs-2.parquet", a=[2])
        parquet(tmp_path / "other.parquet", a=[3])
        assert names(source_at(tmp_path, "other.parquet")) == ["main.other"]
        globbed = source_at(tmp_path, "logs-*.parquet")
        assert names(globbed) == ["main.logs"]
        assert sorted(both(globbed, "logs")) == [(1,), (2,)]

    def test_two_files_of_one_name(self, tmp_path: Path) -> None:
        parquet(tmp_path / "t.parquet", a=[1])
        text(tmp_path / "t.csv", "a\n1\n")
        source = source_at(tmp_path)
        found = table(source.load_catalog(), "t")
        assert found.columns == ()
        assert "t.csv" in found.hidden[0].reason
        assert "t.parquet" in found.hidden[0].reason
        with pytest.raises(SourceError, match="several files claim the name t"):
            run(source, found, f"SELECT count(*) FROM {found.relation}", (Column(0, "n", t.INT64),))

    def test_a_folder_of_two_formats(self, tmp_path: Path) -> None:
        parquet(tmp_path / "t/a.parquet", a=[1])
        text(tmp_path / "t/b.csv", "a\n1\n")
        assert "several formats" in table(source_at(tmp_path).load_catalog(), "t").hidden[0].reason

    def test_hive_partitions(self, tmp_path: Path) -> None:
        parquet(tmp_path / "logs/day=2024-01-01/host=a/x.parquet", n=[1])
        parquet(tmp_path / "logs/day=2024-01-02/host=7/x.parquet", n=[2])
        parquet(tmp_path / "logs/day=__HIVE_DEFAULT_PARTITION__/host=b%20c/x.parquet", n=[3])
        source = source_at(tmp_path)
        assert types(source, "logs") == {"n": t.INT64, "day": t.DATE, "host": t.TEXT}
        assert sorted(both(source, "logs", "n", "day", "host")) == [
            (1, dt.date(2024, 1, 1), "a"),
            (2, dt.date(2024, 1, 2), "7"),
            (3, None, "b c"),
        ]
        assert names(source_at(tmp_path, "logs")) == ["main.logs"]

    def test_links_are_followed(self, tmp_path: Path) -> None:
        parquet(tmp_path / "elsewhere/x.parquet", a=[1])
        (tmp_path / "lake").mkdir()
        (tmp_path / "lake/t.parquet").symlink_to(tmp_path / "elsewhere/x.parquet")
        assert both(source_at(tmp_path, "lake"), "t") == [(1,)]

    def test_no_such_path(self, tmp_path: Path) -> None:
        with pytest.raises(SourceUnreachable, match="there is no file or folder"):
            source_at(tmp_path, "nowhere").load_catalog()
        assert names(source_at(tmp_path, "no*.parquet")) == []


class TestParquet:
    def test_types(self, tmp_path: Path) -> None:
        day = dt.date(1582, 10, 10)
        columns: dict[str, tuple[pa.Array, t.Type, Any]] = {
            "u64": (pa.array([2**64 - 1], pa.uint64()), t.UINT64, 2**64 - 1),
            "i8": (pa.array([-128], pa.int8()), t.INT8, -128),
            "f16": (pa.array([1.5], pa.float16()), t.FLOAT32, 1.5),
            "dec": (pa.array([Decimal("9" * 38)], pa.decimal128(38, 0)), t.decimal(38, 0), Decimal("9" * 38)),
            "dict": (pa.array(["a"]).dictionary_encode(), t.TEXT, "a"),
            "large": (pa.array(["b"], pa.large_string()), t.TEXT, "b"),
            "bin": (pa.array([b"\x00"]), t.BYTES, b"\x00"),
            "date": (pa.array([day]), t.DATE, day),
            "time": (pa.array([1], pa.time64("us")), t.TIME, dt.time(0, 0, 0, 1)),
            "ms": (pa.array([1], pa.timestamp("ms")), t.TIMESTAMP, dt.datetime(1970, 1, 1, 0, 0, 0, 1000)),
            "ns": (pa.array([1000], pa.timestamp("ns")), t.TIMESTAMP, dt.datetime(1970, 1, 1, 0, 0, 0, 1)),
            "tz": (pa.array([0], pa.timestamp("us", "Europe/Berlin")), t.TIMESTAMPTZ, dt.datetime(1970, 1, 1, tzinfo=dt.UTC)),
            "list": (pa.array([[1, None]]), t.array(t.INT64), [1, None]),
            "struct": (pa.array([{"a": 1}]), t.JSON, '{"a":1}'),
            "map": (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int32())), t.JSON, '{"k":1}'),
        }  # fmt: skip
        parquet(tmp_path / "t.parquet", **{name: made for name, (made, _, _) in columns.items()})
        source = source_at(tmp_path)
        assert types(source, "t") == {name: kind for name, (_, kind, _) in columns.items()}
        assert both(source, "t") == [tuple(value for _, _, value in columns.values())]

    def test_what_would_lose_digits(self, tmp_path: Path) -> None:
        parquet(
            tmp_path / "t.parquet",
            ns=pa.array([1], pa.timestamp("ns")),
            tz=pa.array([1], pa.timestamp("ns", "UTC")),
            tm=pa.array([1], pa.time64("ns")),
            wide=pa.array([Decimal("1.5")], pa.decimal256(50, 2)),
            ok=pa.array([1]),
        )
        source = source_at(tmp_path)
        found = table(source.load_catalog(), "t")
        assert {column.name for column in found.hidden} == {"tz", "tm", "wide"}
        assert all(column.reason for column in found.hidden)
        with pytest.raises(InvalidValue, match=r"table t, column ns: 1970-01-01 00:00:00\.000000001 has digits beyond"):
            read(source, found, "ns")
        cut = source_at(tmp_path, nanoseconds="truncate")
        assert read(cut, table(cut.load_catalog(), "t"), "ns", "tm") == [(dt.datetime(1970, 1, 1), dt.time(0))]

    def test_nan_is_found_in_spite_of_statistics(self, tmp_path: Path) -> None:
        parquet(tmp_path / "t.parquet", f=[float("nan"), 1.0])
        source = source_at(tmp_path)
        found = table(source.load_catalog(), "t")
        count = (Column(0, "n", t.INT64),)
        assert run(source, found, f"SELECT count(*) FROM {found.relation} WHERE f > 5", count) == [(1,)]

    def test_row_counts_come_from_footers(self, tmp_path: Path) -> None:
        parquet(tmp_path / "t/1.parquet", a=[1, 2])
        parquet(tmp_path / "t/2.parquet", a=[3])
        assert table(source_at(tmp_path).load_catalog(), "t").row_count == 3

    def test_files_that_differ(self, tmp_path: Path) -> None:
        parquet(tmp_path / "t/1.parquet", a=pa.array([1], pa.int32()), x=pa.array([1], pa.int64()), only=[True])
        parquet(tmp_path / "t/2.parquet", x=pa.array([1.5], pa.float32()), a=pa.array([2**40], pa.int64()))
        source = source_at(tmp_path)
        found = table(source.load_catalog(), "t")
        assert [column.reason for column in found.hidden] == ["files disagree: BIGINT in 1.parquet, FLOAT in 2.parquet"]
        assert sorted(both(source, "t", "a", "only")) == [(1, True), (2**40, None)]

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"x" * 200 + b"PAR1"])
    def test_a_broken_file_is_named(self, tmp_path: Path, content: bytes) -> None:
        parquet(tmp_path / "t/a.parquet", a=[1])
        (tmp_path / "t/b.parquet").write_bytes(content)
        parquet(tmp_path / "fine.parquet", a=[1])
        source = source_at(tmp_path)
        found = table(source.load_catalog(), "t")
        with pytest.raises(SourceError, match=r"table t cannot be read: .*b\.parquet"):
            run(source, found, f"SELECT count(*) FROM {found.relation}", (Column(0, "n", t.INT64),))
        assert both(source, "fine") == [(1,)]

    def test_a_truncated_file_is_named(self, tmp_path: Path) -> None:
        parquet(tmp_path / "a.parquet", a=list(range(1000)))
        whole = (tmp_path / "a.parquet").read_bytes()
        (tmp_path / "a.parquet").write_bytes(whole[: len(whole) // 2])
        assert "a.parquet" in table(source_at(tmp_path).load_catalog(), "a").hidden[0].reason


class TestChange:
    def test_a_file_that_changed_its_schema(self, tmp_path: Path) -> None:
        parquet(tmp_path / "t.parquet", a=[1], b=["x"])
        source = source_at(tmp_path)
        found = table(source.load_catalog(), "t")
        assert read(source, found) == [(1, "x")]
        parquet(tmp_path / "t.parquet", a=["now text"], b=["x"])
        with pytest.raises(StaleSnapshot):
            read(source, found, "a")
        parquet(tmp_path / "t.parquet", a=[2])
        with pytest.raises(StaleSnapshot):
            read(source, found)
        assert both(source, "t") == [(2,)]

    def test_files_that_appear_are_read(self, tmp_path: Path) -> None:
        parquet(tmp_path / "t/1.parquet", a=[1])
        parquet(tmp_path / "t/2.parquet", a=[2])
        source = source_at(tmp_path)
        found = table(source.load_catalog(), "t")
        parquet(tmp_path / "t/3.parquet", a=[3])
        assert len(read(source, found)) == 3

    def test_a_file_that_vanished(self, tmp_path: Path) -> None:
        parquet(tmp_path / "t.parquet", a=[1])
        source = source_at(tmp_path)
        found = table(source.load_catalog(), "t")
        (tmp_path / "t.parquet").unlink()
        with pytest.raises(HanseError):
            read(source, found)


class TestCsv:
    def test_types_lose_nothing(self, tmp_path: Path) -> None:
        text(
            tmp_path / "t.csv",
            "id,zip,f,day,ts,tz,odd,flag,empty,long,big\n"
            '1,007,1.5,2024-02-29,2024-01-01T10:00:00,2024-01-01 10:00:00Z,01/02/2024,true,"",0.12345678901234567890,1\n'
            "2,123,-2e3,0001-01-01,2024-01-01 10:00:00.123456,2024-01-01 10:00:00+02,03/02/2024,false,,1,"
            "12345678901234567890\n",
        )
        source = source_at(tmp_path)
        assert types(source, "t") == {
            "id": t.INT64, "zip": t.TEXT, "f": t.FLOAT64, "day": t.DATE, "ts": t.TIMESTAMP, "tz": t.TIMESTAMPTZ,
            "odd": t.TEXT, "flag": t.BOOLEAN, "empty": t.TEXT, "long": t.TEXT, "big": t.decimal(38, 0),
        }  # fmt: skip
        first, second = both(source, "t")
        assert first[:4] == (1, "007", 1.5, dt.date(2024, 2, 29))
        assert (first[8], second[8]) == ("", None)
        assert first[9] == "0.12345678901234567890"
        assert second[4:6] == (dt.datetime(2024, 1, 1, 10, 0, 0, 123456), dt.datetime(2024, 1, 1, 8, tzinfo=dt.UTC))
        assert second[10] == Decimal(12345678901234567890)

    @pytest.mark.parametrize(("name", "content"), [("t.csv", "a;b\n1;x,y\n"), ("t.tsv", "a\tb\n1\tx,y\n")])
    def test_delimiters(self, tmp_path: Path, name: str, content: str) -> None:
        text(tmp_path / name, content)
        assert both(source_at(tmp_path), "t") == [(1, "x,y")]

    def test_packed(self, tmp_path: Path) -> None:
        with gzip.open(tmp_path / "t.csv.gz", "wt") as file:
            file.write("a,b\n1,two\n")
        assert both(source_at(tmp_path), "t") == [(1, "two")]

    def test_files_with_columns_in_another_order(self, tmp_path: Path) -> None:
        text(tmp_path / "t/1.csv", "a,b\n1,x\n")
        text(tmp_path / "t/2.csv", "b,a\ny,2\n")
        assert sorted(both(source_at(tmp_path), "t", "a", "b")) == [(1, "x"), (2, "y")]

    def test_a_value_that_does_not_fit_later_names_file_line_and_column(self, tmp_path: Path) -> None:
        lines = "".join(f"{i},x\n" for i in range(5000))
        text(tmp_path / "t.csv", f"a,b\n{lines}")
        source = source_at(tmp_path)
        found = table(source.load_catalog(), "t")
        assert found.column("a").type == t.INT64
        text(tmp_path / "t.csv", f"a,b\n{lines}seven,x\n")
        with pytest.raises(InvalidValue) as failure:
            read(source, found)
        said = str(failure.value)
        assert "Line: 5002" in said
        assert 'column "a"' in said
        assert "t.csv" in said
        assert "\n" not in said

    def test_given_types_and_options(self, tmp_path: Path) -> None:
        text(tmp_path / "t.csv", "1|1.50|NA\n2|3|'a|b'\n")
        csv = {"header": False, "delimiter": "|", "quote": "'", "null_strings": ["NA"]}
        source = source_at(tmp_path, csv=csv, columns={"t": {"column1": "numeric(6,2)"}})
        assert types(source, "t")["column1"] == t.decimal(6, 2)
        assert both(source, "t") == [(1, Decimal("1.50"), None), (2, Decimal("3.00"), "a|b")]
        narrow = source_at(tmp_path, csv=csv, columns={"t": {"column1": "numeric(6,0)"}})
        with pytest.raises(InvalidValue, match=r"table t, column column1: 1\.50 is not numeric"):
            read(narrow, table(narrow.load_catalog(), "t"))
        with pytest.raises(ConfigError, match="no type money"):
            source_at(tmp_path, columns={"t": {"column1": "money"}})

    def test_ragged_and_empty_files_are_named(self, tmp_path: Path) -> None:
        text(tmp_path / "ragged.csv", "a,b\n1,2\n1\n")
        text(tmp_path / "empty.csv", "")
        text(tmp_path / "header.csv", "a,b\n")
        catalog = source_at(tmp_path).load_catalog()
        assert "ragged.csv" in table(catalog, "ragged").hidden[0].reason
        assert "empty.csv is empty" in table(catalog, "empty").hidden[0].reason
        assert [column.name for column in table(catalog, "header").columns] == ["a", "b"]

    def test_encodings(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_bytes("a,b\n1,café\n".encode("latin-1"))
        assert both(source_at(tmp_path, csv={"encoding": "latin-1"}), "t") == [(1, "café")]
        assert table(source_at(tmp_path).load_catalog(), "t").columns == ()


class TestJson:
    def test_types_lose_nothing(self, tmp_path: Path) -> None:
        text(
            tmp_path / "t.ndjson",
            '{"i": 1, "f": 1.5, "big": 12345678901234567890, "d": "2024-01-01", "o": {"x": [1]}, "l": [1], "t": true}\n'
            '{"i": 2, "extra": "x"}\n',
        )
        source = source_at(tmp_path)
        assert types(source, "t") == {
            "i": t.INT64, "f": t.FLOAT64, "big": t.decimal(38, 0), "d": t.DATE, "o": t.JSON, "l": t.array(t.INT64),
            "t": t.BOOLEAN, "extra": t.TEXT,
        }  # fmt: skip
        day, big = dt.date(2024, 1, 1), Decimal(12345678901234567890)
        first = (1, 1.5, big, day, '{"x":[1]}', [1], True, None)
        assert both(source, "t", *types(source, "t")) == [first, (2, None, None, None, None, None, None, "x")]

    def test_an_array_of_objects(self, tmp_path: Path) -> None:
        text(tmp_path / "t.json", '[{"a": 1}, {"a": 2}]')
        assert both(source_at(tmp_path), "t") == [(1,), (2,)]

    def test_a_number_that_does_not_fit_later_is_not_rounded(self, tmp_path: Path) -> None:
        text(tmp_path / "t.ndjson", '{"a": 1}\n')
        source = source_at(tmp_path)
        found = table(source.load_catalog(), "t")
        text(tmp_path / "t.ndjson", '{"a": 1.7}\n')
        with pytest.raises(InvalidValue, match=r"table t, column a: 1\.7 is not bigint"):
            read(source, found)

    def test_a_broken_file_is_named(self, tmp_path: Path) -> None:
        text(tmp_path / "t.ndjson", '{"a": 1}\n{"a":\n')
        assert "t.ndjson" in table(source_at(tmp_path).load_catalog(), "t").hidden[0].reason


def test_nothing_else_can_be_read(tmp_path: Path) -> None:
    parquet(tmp_path / "lake/t.parquet", a=[1])
    parquet(tmp_path / "secret.parquet", a=[2])
    source = source_at(tmp_path, "lake")
    found = table(source.load_catalog(), "t")
    with pytest.raises(HanseError, match="disabled by configuration"):
        run(source, found, f"SELECT a FROM read_parquet('{tmp_path}/secret.parquet')", (Column(0, "a", t.INT64),))


def test_patterns_choose_tables(tmp_path: Path) -> None:
    parquet(tmp_path / "a.parquet", a=[1])
    parquet(tmp_path / "b.parquet", a=[1])
    assert names(source_at(tmp_path, tables=["b*"])) == ["main.b"]


def test_unchanged_files_are_not_looked_into_again(tmp_path: Path) -> None:
    parquet(tmp_path / "t.parquet", a=[1])
    source = source_at(tmp_path)
    first = table(source.load_catalog(), "t")
    assert table(source.load_catalog(), "t") is first


def test_duckdb_is_the_version_this_was_tried_with() -> None:
    assert duckdb.__version__.startswith("1.5.")
