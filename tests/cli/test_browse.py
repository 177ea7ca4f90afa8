"""What there is and whether it answers: ``sources``, ``tables``, ``describe``, ``check``, ``init``, ``explain``."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.cli.running import hanse, write_config

WORLD = {
    "wh": {"kind": "duckdb", "path": "wh.duckdb"},
    "gone": {"kind": "sqlite", "path": "gone.db"},
}


def test_sources_and_tables(world: Path) -> None:
    found = json.loads(hanse(world, "sources", "--format", "json").out)
    assert [(one["source"], one["kind"], one["tables"]) for one in found] == [
        ("wh", "duckdb", 1),
        ("ref", "sqlite", 1),
        ("lake", "files", 3),
    ]
    tables = hanse(world, "tables", "lake", "--format", "csv").out.splitlines()
    assert tables[0] == "source,schema,table,rows,is_view,comment"
    assert sorted(line.split(",")[2] for line in tables[1:]) == ["cities", "numbers", "wide"]
    unknown = hanse(world, "tables", "lak")
    assert (unknown.code, unknown.err) == (1, "error 42P01: there is no source lak\nhint: did you mean lake?\n")


def test_describe_says_why_a_column_cannot_be_read(world: Path) -> None:
    done = hanse(world, "describe", "lake.wide", "--format", "json")
    readable, hidden = json.loads(done.out)
    assert (readable["column"], readable["type"]) == ("a", "bigint")
    assert (hidden["column"], hidden["type"]) == ("wide", "cannot be read")
    assert "at most 38" in hidden["comment"]
    unknown = hanse(world, "describe", "order")
    assert (unknown.code, unknown.first) == (1, "error 42P01: there is no table order")


def test_check_tells_which_source_is_down(world: Path, tmp_path: Path) -> None:
    up = hanse(world, "check")
    assert up.code == 0
    assert up.out.splitlines()[1:] == [
        up.out.splitlines()[1],
        "lake (files): ok, DuckDB 1.5.5, 3 tables, 1 column cannot be read (see hanse describe)",
    ]
    shutil.copy(world / "wh.duckdb", tmp_path)
    write_config(tmp_path / "hanse.yaml", WORLD)
    down = hanse(tmp_path, "check")
    assert down.code == 1
    assert down.out.splitlines()[0] == "wh (duckdb): ok, DuckDB 1.5.5, 1 table"
    assert down.out.splitlines()[1].startswith("gone (sqlite): error 08001 [gone]: ")


def test_what_one_lost_source_hides_is_said(world: Path, tmp_path: Path) -> None:
    shutil.copy(world / "wh.duckdb", tmp_path)
    write_config(tmp_path / "hanse.yaml", WORLD)
    listed = hanse(tmp_path, "tables")
    assert listed.code == 0 and "orders" in listed.out
    assert listed.first.startswith("error 08001 [gone]: ")
    for command in (("tables", "gone"), ("describe", "gone.t")):
        lost = hanse(tmp_path, *command)
        assert lost.code == 1 and lost.out == ""
        assert lost.first.startswith("error 08001 [gone]: ")
    assert hanse(tmp_path, "query", "--format", "csv", "SELECT count(*) AS n FROM orders").out == "n\n100\n"


def test_init_writes_a_file_that_works_and_overwrites_none(tmp_path: Path) -> None:
    first = hanse(tmp_path, "init")
    assert (first.code, first.out) == (0, "wrote hanse.yaml; fill in a source, then: hanse check -c hanse.yaml\n")
    checked = hanse(tmp_path, "check")
    assert (checked.code, checked.out, checked.err) == (0, "hanse.yaml names no sources yet\n", "")
    written = (tmp_path / "hanse.yaml").read_text()
    again = hanse(tmp_path, "init")
    assert (again.code, again.first) == (1, "error 58P02: hanse.yaml is there already")
    assert (tmp_path / "hanse.yaml").read_text() == written


def test_explain_in_every_form(world: Path) -> None:
    sql = "SELECT c.name, o.total FROM ref.customers c JOIN wh.orders o ON o.customer = c.id WHERE c.id = 1"
    text = hanse(world, "explain", sql).out
    assert "@ref (sqlite), sent, ~1 row:" in text
    assert "@wh (duckdb), read in place, ~100 rows:" in text
    plan = json.loads(hanse(world, "explain", "--format", "json", sql).out)
    assert {fragment["source"] for fragment in plan["fragments"]} == {"ref", "wh"}
    stage = hanse(world, "explain", "--format", "sql", "-p", "1", sql.replace("= 1", "= $1")).out
    assert [line.split()[:2] for line in stage.splitlines()] == [["f0", "@wh"], ["f1", "@ref"], ["here", "duckdb:"]]
    analyzed = hanse(world, "explain", "--analyze", "--set", "pushdown=off", "-", stdin=sql.encode()).out
    assert "rows 3 (expected ~3), bytes" in analyzed
    assert "\nRows: 33 (expected ~" in analyzed and "; moved: 3 rows" in analyzed
    assert "\nconsistency: snapshot per source" in analyzed
    wrong = hanse(world, "explain", "EXPLAIN SET x = 1")
    assert wrong.code == 1 and wrong.first.startswith("error 42601: ")
