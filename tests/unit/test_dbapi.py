"""PEP 249 over a DuckDB file."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from hanse import dbapi, errors
from hanse.dbapi import Connection, Cursor


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    path = tmp_path_factory.mktemp("dbapi") / "wh.duckdb"
    with duckdb.connect(str(path)) as wh:
        wh.execute(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR, seen TIMESTAMP, price DECIMAL(8,2), raw BLOB)"
        )
        wh.execute(
            "INSERT INTO t VALUES (1, 'a', '2026-01-02 03:04:05', 1.50, 'x'), (2, 'b', NULL, 2, NULL), (3, NULL, NULL, 3, NULL)"
        )
    with dbapi.connect({"sources": {"wh": {"kind": "duckdb", "path": str(path)}}}) as opened:
        yield opened


@pytest.fixture
def cursor(connection: Connection) -> Iterator[Cursor]:
    with connection.cursor() as opened:
        yield opened


def test_the_module_says_what_it_is() -> None:
    assert (dbapi.apilevel, dbapi.threadsafety, dbapi.paramstyle) == ("2.0", 1, "named")
    assert issubclass(dbapi.Warning, Exception) and issubclass(dbapi.Error, Exception)
    for error in (dbapi.InterfaceError, dbapi.DatabaseError):
        assert issubclass(error, dbapi.Error)
    for name in ("Data", "Operational", "Integrity", "Internal", "Programming", "NotSupported"):
        assert issubclass(getattr(dbapi, f"{name}Error"), dbapi.DatabaseError)


def test_description_and_type_objects(cursor: Cursor) -> None:
    assert cursor.description is None and cursor.rowcount == -1
    cursor.execute("SELECT id, name, seen, price, raw FROM t")
    assert cursor.description is not None
    assert [column[0] for column in cursor.description] == ["id", "name", "seen", "price", "raw"]
    assert all(len(column) == 7 for column in cursor.description)
    codes = [column[1] for column in cursor.description]
    families = [dbapi.NUMBER, dbapi.STRING, dbapi.DATETIME, dbapi.NUMBER, dbapi.BINARY]
    assert all(code == family for code, family in zip(codes, families, strict=True))
    assert codes[0] != dbapi.STRING and codes[1] != dbapi.NUMBER
    assert cursor.description[0][6] is False


def test_every_kind_of_value_has_one_type_object(cursor: Cursor) -> None:
    cursor.execute(
        "SELECT true, 1::smallint, 1.5, 1::real, 'x'::text, '\\x00'::bytea, DATE '2026-01-01', TIME '01:00', INTERVAL '1 day',"
        " TIMESTAMPTZ '2026-01-01Z', '{}'::json, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid"
    )
    families = (dbapi.STRING, dbapi.BINARY, dbapi.NUMBER, dbapi.DATETIME)
    assert cursor.description is not None
    counts = [sum(column[1] == family for family in families) for column in cursor.description]
    assert counts == [0] + [1] * 11  # PEP 249 has no family for booleans


def test_fetching(cursor: Cursor) -> None:
    assert cursor.execute("SELECT id FROM t ORDER BY id") is cursor
    assert cursor.fetchone() == (1,)
    assert cursor.fetchmany() == [(2,)]
    assert cursor.fetchmany(5) == [(3,)]
    assert cursor.fetchone() is None and cursor.fetchmany(2) == [] and cursor.fetchall() == []
    cursor.execute("SELECT id FROM t ORDER BY id")
    cursor.arraysize = 2
    assert cursor.fetchmany() == [(1,), (2,)]
    assert cursor.fetchall() == [(3,)]
    cursor.execute("SELECT id FROM t ORDER BY id DESC")
    assert list(cursor) == [(3,), (2,), (1,)]
    assert cursor.execute("SELECT * FROM t WHERE id = 1").fetchall() == [
        (1, "a", dt.datetime(2026, 1, 2, 3, 4, 5), decimal.Decimal("1.50"), b"x")
    ]


def test_a_table_instead_of_rows(cursor: Cursor) -> None:
    assert cursor.execute("SELECT id FROM t ORDER BY id").fetch_arrow_table().to_pydict() == {"id": [1, 2, 3]}


def test_parameters_of_both_styles(cursor: Cursor) -> None:
    assert cursor.execute("SELECT name FROM t WHERE id = :id", {"id": 2}).fetchall() == [("b",)]
    assert cursor.execute("SELECT name FROM t WHERE id = $1 OR name = $2", [1, "b"]).fetchall() == [("a",), ("b",)]
    assert cursor.execute("SELECT :x::text", {"x": "'; DROP TABLE t --"}).fetchone() == ("'; DROP TABLE t --",)
    cursor.executemany("SELECT name FROM t WHERE id = $1", [[1], [2]])
    assert cursor.fetchall() == [("b",)]
    with pytest.raises(dbapi.ProgrammingError, match="07001"):
        cursor.execute("SELECT :x", {})


@pytest.mark.parametrize(
    ("sql", "error", "code"),
    [
        ("SELEC", dbapi.ProgrammingError, "42601"),
        ("SELECT * FROM nothing", dbapi.ProgrammingError, "42P01"),
        ("SELECT 'x'::int", dbapi.DataError, "22P02"),
        ("SELECT 1 / (id - id) FROM t", dbapi.DataError, "22012"),
        ("SELECT DATE '20000-01-01'", dbapi.DataError, "22008"),
    ],
)
def test_errors_are_those_of_the_standard(cursor: Cursor, sql: str, error: type[dbapi.Error], code: str) -> None:
    with pytest.raises(error) as caught:
        cursor.execute(sql).fetchall()
    assert caught.value.sqlstate == code
    assert isinstance(caught.value.__cause__, errors.HanseError)
    assert cursor.execute("SELECT 1").fetchall() == [(1,)]  # the cursor is as good as before


def test_a_source_that_fails_is_an_operational_error(tmp_path: Path) -> None:
    with (
        dbapi.connect({"sources": {"gone": {"kind": "sqlite", "path": str(tmp_path / "no.db")}}}) as lost,
        pytest.raises(dbapi.OperationalError, match="08001"),
    ):
        lost.cursor().execute("SELECT * FROM gone.t")
    with pytest.raises(dbapi.ProgrammingError, match="F0000"):
        dbapi.connect(tmp_path / "none.yaml")


def test_what_is_closed_says_so() -> None:
    connection = dbapi.connect({"sources": {}})
    cursor = connection.cursor()
    with pytest.raises(dbapi.InterfaceError):
        cursor.fetchone()
    cursor.execute("SELECT 1")
    cursor.close()
    cursor.close()
    for use in (cursor.fetchone, cursor.fetchall, cursor.fetchmany, lambda: cursor.execute("SELECT 1")):
        with pytest.raises(dbapi.InterfaceError):
            use()
    connection.commit()
    with pytest.raises(dbapi.NotSupportedError):
        connection.rollback()
    connection.close()
    connection.close()
    for use in (connection.commit, connection.cursor):
        with pytest.raises(dbapi.InterfaceError):
            use()


def test_a_statement_without_columns_has_no_rows_to_fetch(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET batch_rows = 100")
        assert cursor.description is None
        with pytest.raises(dbapi.InterfaceError):
            cursor.fetchall()
        cursor.execute("RESET batch_rows")


def test_constructors() -> None:
    assert dbapi.Date(2026, 1, 2) == dt.date(2026, 1, 2)
    assert dbapi.Time(1, 2, 3) == dt.time(1, 2, 3)
    assert dbapi.Timestamp(2026, 1, 2, 3, 4, 5) == dt.datetime(2026, 1, 2, 3, 4, 5)
    assert dbapi.Binary(b"x") == b"x"
    noon = dt.datetime(2026, 1, 2, 12, 30).timestamp()
    assert dbapi.DateFromTicks(noon) == dt.date(2026, 1, 2)
    assert dbapi.TimeFromTicks(noon) == dt.time(12, 30)
    assert dbapi.TimestampFromTicks(noon) == dt.datetime(2026, 1, 2, 12, 30)
