"""``hanse query``: where the statement comes from, where the answer goes, and in which form."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet
import pytest

from tests.cli.running import HANSE, environment, hanse, started

JOIN = """SELECT c.name, count(*) AS orders, sum(o.total) AS total
FROM ref.customers c JOIN wh.orders o ON o.customer = c.id GROUP BY c.name ORDER BY c.name"""


def test_a_table_for_people_and_a_report(world: Path) -> None:
    done = hanse(world, "query", "--report", JOIN)
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].split(" | ") == ["name", "orders", "total"]
    assert [line.split("|")[1].strip() for line in lines[2:5]] == ["33", "33", "34"]
    assert lines[-1] == "(3 rows)"
    assert "ref (sqlite): 3 rows" in done.err and "SELECT" in done.err
    assert "wh (duckdb): read in place" in done.err and "moved in all: 3 rows" in done.err


def test_csv_tells_null_from_empty_text(world: Path) -> None:
    done = hanse(
        world, "query", "--format", "csv", "SELECT id, name, region, 'a,\"b\"' AS q FROM ref.customers ORDER BY id"
    )
    assert done.out == 'id,name,region,q\n1,Ada,north,"a,""b"""\n2,Bo,,"a,""b"""\n3,"",south,"a,""b"""\n'
    assert done.err == ""


def test_json_keeps_every_digit_and_every_column(world: Path) -> None:
    sql = "SELECT 12345678901234567890.12 AS n, 1 AS x, NULL AS x, ARRAY[1, 2] AS a, 0.1::real AS r"
    done = hanse(world, "query", "--format", "json", sql)
    assert '"n": 12345678901234567890.12' in done.out
    assert json.loads(done.out)[0] | {"n": 0} == {"n": 0, "x": 1, "x_2": None, "a": [1, 2], "r": 0.1}


def test_the_statement_from_a_file_and_from_standard_input(world: Path, tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_bytes(b"\xef\xbb\xbfSELECT city\nFROM lake.cities\nWHERE id = 1;\n")
    assert hanse(world, "query", "--format", "csv", "-f", str(tmp_path / "q.sql")).out == "city\nLübeck\n"
    assert hanse(world, "query", "--format", "csv", stdin="SELECT 'ü' AS u".encode()).out == "u\nü\n"
    (tmp_path / "latin.sql").write_bytes("SELECT 'ü'".encode("latin-1"))
    done = hanse(world, "query", "-f", str(tmp_path / "latin.sql"))
    assert (done.code, done.first) == (1, f"error 22021: {tmp_path}/latin.sql is not UTF-8 at byte 8")
    assert (
        hanse(world, "query", "-f", "none.sql").first == "error 58030: cannot read none.sql: No such file or directory"
    )


def test_parameters(world: Path) -> None:
    numbered = hanse(world, "query", "--format", "csv", "-p", "2", "-p", "a=b", "SELECT $1 + 1 AS n, $2 AS t")
    assert numbered.out == "n,t\n3,a=b\n"
    named = hanse(
        world, "query", "--format", "csv", "-p", "r=north", "SELECT name FROM ref.customers WHERE region = :r"
    )
    assert named.out == "name\nAda\n"
    wrong = hanse(world, "query", "-p", "region=north", "SELECT :r")
    assert (wrong.code, wrong.first) == (1, "error 07001: no parameter for -p region=")


def test_settings(world: Path) -> None:
    off = hanse(world, "query", "--set", "pushdown=off", "--report", "SELECT name FROM ref.customers WHERE id = 1")
    assert "ref (sqlite): 3 rows" in off.err
    zone = hanse(
        world,
        "query",
        "--set",
        "timezone=Asia/Kolkata",
        "--format",
        "csv",
        "SELECT timestamptz '2026-01-01 00:00Z' AS t",
    )
    assert zone.out == "t\n2026-01-01 05:30:00+05:30\n"
    wrong = hanse(world, "query", "--set", "pushdwn=off", "SELECT 1")
    assert (wrong.code, wrong.err) == (1, "error 42704: there is no setting pushdwn\nhint: did you mean pushdown?\n")
    for pair, code in (("pushdown=maybe", "22023"), ("timezone=Mars", "22023"), ("pushdown", "42601"), ("=1", "42704")):
        refused = hanse(world, "query", "--set", pair, "SELECT 1")
        assert (refused.code, refused.err.startswith(f"error {code}: ")) == (1, True), refused.err


def test_every_suffix_of_an_output_file(world: Path, tmp_path: Path) -> None:
    names = ["a.csv", "a.json", "a.parquet", "a.arrow", "a.arrows", "a.txt"]
    for name in names:
        done = hanse(world, "query", "-o", str(tmp_path / name), "SELECT id, city FROM lake.cities ORDER BY id")
        assert (done.code, done.out, done.err) == (0, "", ""), name
    rows = [{"id": 1, "city": "Lübeck"}, {"id": 2, "city": "Visby"}]
    assert (tmp_path / "a.csv").read_text() == "id,city\n1,Lübeck\n2,Visby\n"
    assert json.loads((tmp_path / "a.json").read_text()) == rows
    assert pa.parquet.read_table(tmp_path / "a.parquet").to_pylist() == rows
    assert pa.ipc.open_file(tmp_path / "a.arrow").read_all().to_pylist() == rows
    assert pa.ipc.open_stream(tmp_path / "a.arrows").read_all().to_pylist() == rows
    assert (tmp_path / "a.txt").read_text().endswith("(2 rows)\n")
    assert sorted(os.listdir(tmp_path)) == sorted(names)


def test_a_failure_leaves_the_file_as_it_was(world: Path, tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("before")
    done = hanse(world, "query", "-o", str(tmp_path / "out.csv"), "SELECT n, 1 / (299999 - n) AS d FROM lake.numbers")
    assert (done.code, done.first) == (1, "error 22012: division by zero")
    assert {name: (tmp_path / name).read_text() for name in os.listdir(tmp_path)} == {"out.csv": "before"}
    nowhere = hanse(world, "query", "-o", str(tmp_path / "no" / "out.csv"), "SELECT 1")
    assert (nowhere.code, nowhere.first) == (
        1,
        f"error 58030: cannot write {tmp_path}/no/out.csv: No such file or directory",
    )


def test_a_named_pipe_is_written_to_and_a_link_is_kept(world: Path, tmp_path: Path) -> None:
    pipe, target, link = tmp_path / "pipe", tmp_path / "target.csv", tmp_path / "link.csv"
    os.mkfifo(pipe)
    got: list[str] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()))
    reader.start()
    assert hanse(world, "query", "--format", "csv", "-o", str(pipe), "SELECT 1 AS a").code == 0
    reader.join()
    assert got == ["a\n1\n"] and pipe.is_fifo()
    target.write_text("")
    link.symlink_to(target)
    assert hanse(world, "query", "-o", str(link), "SELECT 2 AS a").code == 0
    assert link.is_symlink() and target.read_text() == "a\n2\n"


@pytest.mark.parametrize("format", ["table", "csv", "json", "arrow", "parquet"])
def test_a_reader_that_goes_ends_the_query_quietly(world: Path, format: str) -> None:
    with started(world, "query", "--format", format, "SELECT * FROM lake.numbers") as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.read(4)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(30) == 141


def test_binary_formats_stream_into_a_pipe(world: Path) -> None:
    done = subprocess.run(
        [HANSE, "query", "--format", "arrow", "SELECT count(*) AS n FROM lake.numbers"],
        cwd=world,
        env=environment(),
        capture_output=True,
        check=True,
    )
    assert pa.ipc.open_stream(done.stdout).read_all().to_pylist() == [{"n": 300_000}]


def test_where_the_configuration_comes_from(world: Path, tmp_path: Path) -> None:
    nothing = hanse(tmp_path, "query", "SELECT 1")
    assert nothing.code == 2
    assert (
        nothing.err
        == "error F0000: cannot read hanse.yaml: No such file or directory\nhint: hanse init writes a first one\n"
    )
    given = hanse(tmp_path, "query", "SELECT count(*) FROM lake.cities", HANSE_CONFIG=str(world / "hanse.yaml"))
    assert given.code == 0
    option = hanse(tmp_path, "tables", "-c", str(world / "hanse.yaml"), HANSE_CONFIG="nothing.yaml")
    assert option.code == 0 and "cities" in option.out


def test_usage_errors_exit_with_two(world: Path) -> None:
    assert hanse(world, "query", "--format", "xml", "SELECT 1").code == 2
    assert hanse(world, "nothing").code == 2
    twice = hanse(world, "query", "-f", "x.sql", "SELECT 1")
    assert (twice.code, twice.first) == (1, "error 42601: give the statement once: as an argument or with -f")


def test_a_statement_without_columns_writes_nothing(world: Path) -> None:
    assert hanse(world, "query", "SET timezone = 'UTC'") == hanse(world, "query", "--format", "csv", "RESET timezone")


def test_a_demo_in_a_folder_of_its_own(tmp_path: Path) -> None:
    done = hanse(tmp_path, "demo", "--folder", "company")
    assert done.code == 0 and done.err == ""
    for part in ("Which customers have late orders", "moved in all:", "The plan:", "stays in company"):
        assert part in done.out
    again = hanse(
        tmp_path, "query", "-c", "company/hanse.yaml", "--format", "csv", "SELECT count(*) AS n FROM crm.customers"
    )
    assert again.out == "n\n12000\n"
