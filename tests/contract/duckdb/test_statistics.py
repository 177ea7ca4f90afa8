"""What DuckDB keeps of a file's columns, read from the text of ``stats``: each type, NULLs, nothing, what stands inside."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from hanse.connectors.duckdb import plugin
from hanse.ir.tables import ColumnStatistics, ForeignKey, Table
from tests.contract.reading import connect, table

TYPED = """CREATE TABLE v AS SELECT i::int AS id, CASE WHEN i % 10 < 3 THEN NULL ELSE i % 5 END AS k, 'it''s ' || i % 3 AS t,
date '2020-01-01' + i::int AS d, (-i / 100.0)::decimal(8, 2) AS n, (i / 100.0)::decimal(38, 10) AS w,
timestamp '2020-01-01 12:00:00' + i * INTERVAL 1 HOUR AS ts,
timestamptz '2020-01-01 12:00:00+02' + i * INTERVAL 1 HOUR AS tz, i % 2 = 0 AS b,
CASE WHEN i % 7 = 0 THEN 'nan'::double ELSE i END AS f, i::ubigint + 9223372036854775807::ubigint AS u,
i::hugeint * 100000000000000000000 AS h, i::utinyint AS small, uuid() AS x FROM range(1, 201) AS r (i)"""


def made(folder: Path, *statements: str, name: str = "v") -> Table:
    """The table as the catalog has it after the statements, which make the file."""
    with duckdb.connect(folder / "x.duckdb") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in statements:
            connection.execute(statement)
    return table(connect(plugin, folder, path="x.duckdb").load_catalog(), name)


def columns(folder: Path, *statements: str) -> dict[str, ColumnStatistics]:
    """What is known of the columns of ``v``."""
    found = made(folder, *statements).statistics
    assert found is not None
    assert found.origin == "duckdb"
    return dict(found.columns)


def test_values_are_those_of_the_types(tmp_path: Path) -> None:
    found = columns(tmp_path, TYPED)
    ends = {name: (known.minimum, known.maximum) for name, known in found.items() if known.minimum is not None}
    start = dt.datetime(2020, 1, 1, 12)
    assert ends == {
        "id": (1, 200),
        "k": (0, 4),
        "d": (dt.date(2020, 1, 2), dt.date(2020, 7, 19)),
        "n": (Decimal("-2.00"), Decimal("-0.01")),
        "w": (Decimal("0.01"), Decimal(2)),
        "ts": (start + dt.timedelta(hours=1), start + dt.timedelta(hours=200)),
        "tz": tuple((start + dt.timedelta(hours=h - 2)).replace(tzinfo=dt.UTC) for h in (1, 200)),
        "u": (2**63, 2**63 + 199),
        "h": (Decimal(10**20), Decimal(200 * 10**20)),
        "small": (1, 200),
    }
    assert found["k"].null_fraction is None
    assert {known.null_fraction for name, known in found.items() if name != "k"} == {0.0}
    assert found["k"].distinct == 5
    assert found["t"].distinct == 3
    assert found["id"].distinct == pytest.approx(200, rel=0.3)
    assert all((known.common, known.histogram) == ((), ()) for known in found.values())


def test_many_row_groups_are_one_table(tmp_path: Path) -> None:
    made_table = made(tmp_path, "CREATE TABLE v AS SELECT i AS a, i % 7 AS b FROM range(300000) AS r (i)")
    assert made_table.statistics is not None
    assert (made_table.row_count, made_table.statistics.row_count) == (300_000, 300_000)
    found = made_table.statistics.columns
    assert (found["a"].minimum, found["a"].maximum, found["b"].distinct) == (0, 299_999, 7)
    assert found["a"].distinct == pytest.approx(300_000, rel=0.3)


def test_nulls_alone_have_no_ends(tmp_path: Path) -> None:
    found = columns(
        tmp_path,
        "CREATE TABLE v (a int, b date, c decimal(9, 2), d text, e timestamptz)",
        "INSERT INTO v VALUES (NULL, NULL, NULL, NULL, NULL), (NULL, NULL, NULL, NULL, NULL)",
    )
    assert set(found) == set("abcde")
    assert {known.null_fraction for known in found.values()} == {1.0}
    assert {(known.minimum, known.maximum) for known in found.values()} == {(None, None)}


def test_a_list_is_not_what_its_items_are(tmp_path: Path) -> None:
    found = columns(
        tmp_path,
        "CREATE TABLE v AS SELECT * FROM (VALUES ([1, 2], {'a': 1}, NULL::int[]), (NULL, NULL, NULL)) AS t (l, s, n)",
    )
    assert set(found) == {"n"}
    assert found["n"] == ColumnStatistics(null_fraction=1.0)


def test_texts_that_look_like_statistics(tmp_path: Path) -> None:
    texts = ["[Min: 1, Max: 2][Has Null: false, Has No Null: true][Approx Unique: 77]", None, "[Has Null: true"]
    found = columns(
        tmp_path, "CREATE TABLE v (t text)", f"INSERT INTO v SELECT unnest({[text or '' for text in texts]}::text[])"
    )
    assert (found["t"].distinct, found["t"].null_fraction, found["t"].minimum) == (3, 0.0, None)


def test_what_python_cannot_hold_is_left_out(tmp_path: Path) -> None:
    found = columns(
        tmp_path,
        "CREATE TABLE v AS SELECT date '0044-03-15 (BC)' AS d, 'infinity'::timestamp AS t UNION ALL"
        " SELECT date '2020-01-01', timestamp '2020-01-01'",
    )
    assert (found["d"].minimum, found["d"].maximum) == (None, dt.date(2020, 1, 1))
    assert (found["t"].minimum, found["t"].maximum) == (dt.datetime(2020, 1, 1), None)


def test_an_empty_table(tmp_path: Path) -> None:
    found = made(tmp_path, "CREATE TABLE v (a int)").statistics
    assert found is not None
    assert (found.row_count, found.columns) == (0, {})


def test_an_emptied_table_has_no_row_to_ask(tmp_path: Path) -> None:
    assert columns(tmp_path, "CREATE TABLE v AS SELECT 1 AS a", "DELETE FROM v") == {}


def test_a_view_has_none(tmp_path: Path) -> None:
    assert made(tmp_path, "CREATE TABLE v AS SELECT 1 AS a", "CREATE VIEW w AS FROM v", name="w").statistics is None


def test_odd_names_and_keys(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        "CREATE TABLE one (a int PRIMARY KEY)",
        'CREATE TABLE "o\'d ""n" ("x ""y" int REFERENCES one (a), g int GENERATED ALWAYS AS ("x ""y" + 1))',
        "INSERT INTO one VALUES (5)",
        'INSERT INTO "o\'d ""n" VALUES (5)',
        name="o'd \"n",
    )
    assert found.statistics is not None
    assert found.statistics.columns['x "y'].maximum == 5
    assert found.foreign_keys == (ForeignKey(('x "y',), "main", "one", ("a",), True),)
