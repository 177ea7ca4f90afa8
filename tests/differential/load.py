"""Fill the sources: every table into a source of its kind, and all tables into one DuckDB file and one PostgreSQL."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq

from tests.differential.families import LABELS, Family
from tests.differential.tables import Table
from tests.servers.databases import Database

HUE = "CREATE TYPE hue AS ENUM (" + ", ".join(f"'{label}'" for label in LABELS) + ")"


def columns_of(table: Table, declarations: Sequence[str], quote: str = '"') -> str:
    """The column list of a CREATE TABLE."""
    pairs = zip(table.columns, declarations, strict=True)
    keyed = ((f"{quote}{one.name}{quote}", text, " PRIMARY KEY" if one.name == "id" else "") for one, text in pairs)
    return ", ".join(f"{name} {text}{key}" for name, text, key in keyed)


def postgres(database: Database, tables: Sequence[Table]) -> None:
    """Tables as declared; HUE is an enum there."""
    with contextlib.closing(database.connect()) as connection:
        connection.execute(HUE)
        for table in tables:
            _copy(connection, table, [one.declared for one in table.columns])


def oracle(database: Database, tables: Sequence[Table]) -> None:
    """Every table, whatever its source, with the types that Hanse gives its columns."""
    with contextlib.closing(database.connect()) as connection:
        for table in tables:
            _copy(connection, table, [one.family.oracle for one in table.columns])


def _copy(connection: psycopg.Connection[Any], table: Table, declarations: Sequence[str]) -> None:
    connection.execute(f"CREATE TABLE {table.name} ({columns_of(table, declarations)})")
    with connection.cursor() as cursor, cursor.copy(f"COPY {table.name} FROM STDIN") as copy:
        for row in table.rows:
            copy.write_row(row)
    if table.has_key:
        connection.execute(f"CREATE INDEX ON {table.name} (k)")


def mysql(database: Database, tables: Sequence[Table]) -> None:
    """Tables as declared."""
    with contextlib.closing(database.connect()) as connection, connection.cursor() as cursor:
        for table in tables:
            declared = columns_of(table, [one.declared for one in table.columns], "`")
            cursor.execute(f"CREATE TABLE {table.name} ({declared})")
            holes = ", ".join(["%s"] * len(table.columns))
            cursor.executemany(f"INSERT INTO {table.name} VALUES ({holes})", table.rows)
            if table.has_key:
                cursor.execute(f"CREATE INDEX by_k ON {table.name} (k)")


def sqlite(path: Path, tables: Sequence[Table]) -> None:
    """Tables as declared; dates as SQLite's own functions write them."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for table in tables:
            connection.execute(
                f"CREATE TABLE {table.name} ({columns_of(table, [one.declared for one in table.columns])})"
            )
            holes = ", ".join("?" * len(table.columns))
            rows = [tuple(map(_for_sqlite, row)) for row in table.rows]
            connection.executemany(f"INSERT INTO {table.name} VALUES ({holes})", rows)
        connection.commit()


def places(path: Path, rows: Sequence[tuple[int, str]]) -> None:
    """A lookup table: keys, and the shards of their rows."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE placed (k INTEGER, s TEXT)")
        connection.executemany("INSERT INTO placed VALUES (?, ?)", rows)
        connection.commit()


def _for_sqlite(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def parquet(folder: Path, tables: Sequence[Table]) -> None:
    """One file per table."""
    folder.mkdir(parents=True, exist_ok=True)
    for table in tables:
        pq.write_table(arrow(table), folder / f"{table.name}.parquet")


def database_file(path: Path, tables: Sequence[Table]) -> None:
    """Tables of a DuckDB file, with the types that DuckDB has for the families."""
    with contextlib.closing(duckdb.connect(str(path))) as connection:
        # DuckDB 1.5.5 fails on run-length encoded columns under some filters ("RLESelect - selection vector ...").
        connection.execute("PRAGMA force_compression = 'uncompressed'")
        connection.execute(HUE)
        for table in tables:
            declarations = [duck(one.family) for one in table.columns]
            connection.execute(f"CREATE TABLE {table.name} ({columns_of(table, declarations)})")
            connection.register("given", arrow(table))
            connection.execute(f"INSERT INTO {table.name} SELECT * FROM given")
            connection.unregister("given")


def duck(family: Family) -> str:
    """The declaration of a family in DuckDB."""
    return family.declared["duckdb"][0]


def arrow(table: Table) -> pa.Table:
    """The rows as Arrow."""
    arrays = [pa.array([row[i] for row in table.rows], column.family.arrow) for i, column in enumerate(table.columns)]
    return pa.Table.from_arrays(arrays, names=[column.name for column in table.columns])
