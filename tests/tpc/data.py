"""The benchmark's tables and queries, made by DuckDB's extensions, and their way into every kind of source."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pymysql

from tests.servers.databases import Database

ROWS_AT_A_TIME = 2_000
GENERATE = {"tpch": "CALL dbgen(sf={scale})", "tpcds": "CALL dsdgen(sf={scale})"}


class Benchmark:
    """One benchmark's data in a DuckDB of its own, which is also the reference."""

    def __init__(self, name: str, scale: float) -> None:
        self.name = name
        self.reference = duckdb.connect(config={"threads": 2})
        found = importlib.util.find_spec(f"duckdb_extension_{name}")
        assert found is not None and found.origin is not None
        extension = Path(found.origin).parent / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension"
        self.reference.execute(f"LOAD '{extension}'")
        # The queries are asked as PostgreSQL means them: whole numbers divide to whole numbers, NULLs are greatest.
        self.reference.execute("SET integer_division = true")
        self.reference.execute("SET default_null_order = 'postgres'")
        self.reference.execute(GENERATE[name].format(scale=scale))
        tables = self.reference.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
        self.tables = [row[0] for row in tables]
        self.queries: dict[int, str] = dict(
            self.reference.execute(f"SELECT query_nr, query FROM {name}_queries() ORDER BY 1").fetchall()
        )

    def declared(self, table: str, kind: str) -> list[tuple[str, str]]:
        """Names and types of the columns in the words of that kind of source."""
        rows = self.reference.execute(
            "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = $1 ORDER BY column_index", [table]
        ).fetchall()
        return [(name, _spelled(type, name, kind)) for name, type in rows]

    def keys(self, table: str) -> list[str]:
        """The columns that the queries join by, which have an index at the servers."""
        return [name for name, _ in self.declared(table, "") if name.endswith(("key", "_sk"))]

    def arrow(self, table: str) -> pa.Table:
        """All rows."""
        return self.reference.execute(f"SELECT * FROM {table}").to_arrow_table()


def _spelled(type: str, name: str, kind: str) -> str:
    if type != "VARCHAR":
        return type
    if kind == "mysql":
        return "varchar(500)"
    # char(n) in one place, so that blank-trimmed text meets the same text declared otherwise
    fixed = kind == "postgres" and name in ("l_shipmode", "o_orderpriority", "c_mktsegment", "p_brand", "d_day_name")
    return "char(30)" if fixed else "text"


def columns(declared: Iterable[tuple[str, str]]) -> str:
    """The list in a CREATE TABLE."""
    return ", ".join(f"{name} {type}" for name, type in declared)


def into_postgres(benchmark: Benchmark, database: Database, tables: Iterable[str]) -> None:
    """COPY as CSV."""
    with contextlib.closing(psycopg.connect(database.url, autocommit=True)) as connection:
        for table in tables:
            connection.execute(f"CREATE TABLE {table} ({columns(benchmark.declared(table, 'postgres'))})")  # type: ignore[arg-type]
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:  # type: ignore[arg-type]
                copy.write(_csv(benchmark.arrow(table)))
            for column in benchmark.keys(table):
                connection.execute(f"CREATE INDEX ON {table} ({column})")  # type: ignore[arg-type]
            connection.execute(f"ANALYZE {table}")  # type: ignore[arg-type]


def _csv(rows: pa.Table) -> bytes:
    buffer = io.BytesIO()
    options = csv.WriteOptions(include_header=False, quoting_style="needed")
    csv.write_csv(rows, buffer, options)
    return buffer.getvalue()


def into_mysql(benchmark: Benchmark, database: Database, tables: Iterable[str]) -> None:
    """Inserts of many rows each."""
    with contextlib.closing(database.connect()) as connection, connection.cursor() as cursor:
        for table in tables:
            cursor.execute(f"CREATE TABLE {table} ({columns(benchmark.declared(table, 'mysql'))}) ENGINE=InnoDB")
            for batch in benchmark.arrow(table).to_batches(ROWS_AT_A_TIME):
                cursor.execute(f"INSERT INTO {table} VALUES {_values(batch, connection)}")
            indexes = [f"ADD INDEX by_{column} ({column})" for column in benchmark.keys(table)]
            cursor.execute(f"ALTER TABLE {table} {', '.join(indexes)}")
            cursor.execute(f"ANALYZE TABLE {table}")


def _values(batch: pa.RecordBatch, connection: pymysql.Connection[Any]) -> str:
    """Rows as MySQL writes them; texts are escaped by the driver."""
    spelled = []
    for column in batch.columns:
        values = column.to_pylist()
        if pa.types.is_integer(column.type) or pa.types.is_decimal(column.type):
            spelled.append(["NULL" if value is None else str(value) for value in values])
        else:
            spelled.append(["NULL" if value is None else connection.escape(str(value)) for value in values])
    return ", ".join(f"({', '.join(row)})" for row in zip(*spelled, strict=True))


def into_sqlite(benchmark: Benchmark, path: Path, tables: Iterable[str]) -> None:
    """Rows as SQLite stores them: dates as text, decimals (of two places here) as numbers."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table in tables:
            declared = benchmark.declared(table, "sqlite")
            connection.execute(f"CREATE TABLE {table} ({columns(declared)})")
            rows = zip(
                *([_stored(value) for value in one.to_pylist()] for one in benchmark.arrow(table).columns), strict=True
            )
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(declared))})", rows)
        connection.commit()


def _stored(value: Any) -> Any:
    return value if value is None or isinstance(value, int | float | str) else str(value)


def into_parquet(benchmark: Benchmark, folder: Path, tables: Iterable[str]) -> None:
    """One file per table."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        pq.write_table(benchmark.arrow(table), folder / f"{table}.parquet")


def into_duckdb(benchmark: Benchmark, path: Path, tables: Iterable[str]) -> None:
    """A database file."""
    with contextlib.closing(duckdb.connect(str(path))) as connection:
        for table in tables:
            rows = benchmark.arrow(table)  # noqa: F841 - read by name below
            connection.execute(f"CREATE TABLE {table} AS SELECT * FROM rows")
