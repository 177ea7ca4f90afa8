"""What a SQLite file says of its values: counts, ANALYZE's averages, row ids; and what it says wrongly or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from hanse.connectors.sqlite import plugin
from hanse.ir.tables import ColumnStatistics, ForeignKey, Table, TableStatistics
from tests.contract.reading import connect, table

NUMBERS = "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < 1000)"


def made(folder: Path, script: str, name: str = "v", verify: bool = True) -> Table:
    """The table as the catalog has it after the script."""
    with sqlite3.connect(folder / "x.db") as connection:
        connection.executescript(script)
    connection.close()
    return table(connect(plugin, folder, path="x.db", verify=verify).load_catalog(), name)


def known(folder: Path, script: str, verify: bool = True) -> TableStatistics:
    """The statistics of the table ``v`` after the script."""
    found = made(folder, script, verify=verify).statistics
    assert found is not None
    return found


ANALYZED = f"""
CREATE TABLE v (id INTEGER PRIMARY KEY, k INT, t TEXT, e TEXT, u INT UNIQUE);
CREATE INDEX ik ON v (k, t); CREATE INDEX it ON v (t DESC, lower(e));
CREATE INDEX ie ON v (lower(e)); CREATE INDEX ip ON v (e) WHERE e > 'e5';
{NUMBERS} INSERT INTO v SELECT i, CASE WHEN i % 10 < 3 THEN NULL ELSE i % 5 END, 'x' || (i % 3), 'e' || i, i FROM r;
ANALYZE;
"""


def test_averages_of_indexes_say_how_many_values_there_are(tmp_path: Path) -> None:
    found = made(tmp_path, ANALYZED)
    assert found.row_count == 1000
    assert found.statistics is not None
    assert (found.statistics.row_count, found.statistics.origin) == (1000, "sqlite_stat1")
    columns = found.statistics.columns
    assert set(columns) == {"k", "t", "u"}
    # five values and NULL, which SQLite counts as one more
    assert columns["k"].distinct == pytest.approx(6, rel=0.01)
    assert columns["t"].distinct == pytest.approx(3, rel=0.01)
    assert columns["u"].distinct == 1000
    assert all(
        (c.null_fraction, c.minimum, c.maximum, c.common, c.histogram) == (None, None, None, (), ())
        for c in columns.values()
    )
    assert set(found.indexes) == {("id",), ("k", "t"), ("t",), ("u",)}


def test_a_count_of_all_rows_wins_over_an_old_analyze(tmp_path: Path) -> None:
    script = ANALYZED + "DELETE FROM v WHERE id > 10;"
    assert known(tmp_path, script).row_count == 10
    assert known(tmp_path, "", verify=False).row_count == 1000


def test_the_key_of_a_table_without_rowid_is_known(tmp_path: Path) -> None:
    script = f"""CREATE TABLE v (a TEXT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID;
        {NUMBERS} INSERT INTO v SELECT 'x' || (i % 10), i FROM r; ANALYZE;"""
    found = made(tmp_path, script, verify=False)
    assert found.indexes == (("a", "b"),)
    assert found.statistics == TableStatistics(1000, {"a": ColumnStatistics(distinct=10)}, None, "sqlite_stat1")


def test_without_analyze_rows_are_counted_or_the_greatest_id(tmp_path: Path) -> None:
    script = f"CREATE TABLE v (a INT); CREATE INDEX i ON v (a); {NUMBERS} INSERT INTO v SELECT i FROM r;"
    assert known(tmp_path, script + "DELETE FROM v WHERE a < 900;") == TableStatistics(101, {}, None, "count")
    assert known(tmp_path, "", verify=False) == TableStatistics(1000, {}, None, "row ids")


def test_a_column_that_has_the_name_of_the_row_id_is_not_asked_for_it(tmp_path: Path) -> None:
    script = "CREATE TABLE v (rowid TEXT, RowID2 INT); INSERT INTO v VALUES ('abc', 7), ('q', 9);"
    assert known(tmp_path, script, verify=False) == TableStatistics(2, {}, None, "row ids")
    taken = "CREATE TABLE all_taken (ROWID TEXT, _rowid_ INT, oid INT); INSERT INTO all_taken VALUES ('a', 1, 1);"
    assert made(tmp_path, taken, "all_taken", verify=False).statistics is None


def test_ids_below_zero_count_nothing(tmp_path: Path) -> None:
    script = "CREATE TABLE v (id INTEGER PRIMARY KEY); INSERT INTO v VALUES (-5), (-4);"
    assert known(tmp_path, script).row_count == 2
    assert made(tmp_path, "", verify=False).statistics is None


def test_empty_tables_and_views(tmp_path: Path) -> None:
    script = "CREATE TABLE v (a INT PRIMARY KEY); CREATE VIEW w AS SELECT a FROM v; ANALYZE;"
    assert known(tmp_path, script) == TableStatistics(0, {}, None, "count")
    assert known(tmp_path, "", verify=False) == TableStatistics(0, {}, None, "row ids")
    assert made(tmp_path, "", "w").statistics is None


def test_statistics_that_make_no_sense_are_as_good_as_none(tmp_path: Path) -> None:
    script = ANALYZED + "UPDATE sqlite_stat1 SET stat = CASE idx WHEN 'ik' THEN '1000 0 0' ELSE 'unordered' END;"
    assert known(tmp_path, script, verify=False) == TableStatistics(1000, {}, None, "sqlite_stat1")
    assert known(tmp_path, "UPDATE sqlite_stat1 SET stat = 'x';", verify=False).origin == "row ids"


def test_words_behind_the_numbers_are_left_out(tmp_path: Path) -> None:
    script = ANALYZED + "UPDATE sqlite_stat1 SET stat = '1000 250 1 sz=30 noskipscan' WHERE idx = 'ik';"
    assert known(tmp_path, script).columns["k"].distinct == 4


def test_odd_names_and_keys(tmp_path: Path) -> None:
    script = """CREATE TABLE one (a INT, b INT, PRIMARY KEY (a, b));
        CREATE TABLE "o'd ""n" ("x ""y" INT, z INT, FOREIGN KEY (z, "x ""y") REFERENCES one (a, b));
        CREATE INDEX "i ""x" ON "o'd ""n" ("x ""y"); INSERT INTO "o'd ""n" VALUES (1, 1), (2, 1), (2, 1), (1, 1); ANALYZE;"""
    found = made(tmp_path, script, "o'd \"n")
    assert found.statistics is not None
    assert found.statistics.columns == {'x "y': ColumnStatistics(distinct=2)}
    assert found.foreign_keys == (ForeignKey(("z", 'x "y'), "main", "one", ("a", "b")),)
