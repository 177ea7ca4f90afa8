"""What clients ask of the catalog, of a real PostgreSQL and of ours over the same tables: the same columns, of the same types, and the
same rows but for what cannot be equal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from hanse.server.pgcatalog import About, CatalogDatabase, Client, classify, encoded
from hanse.server.pgcatalog import types as t
from tests.contract.pgcatalog.recorded import Recorded, recorded
from tests.contract.pgcatalog.world import DDL, snapshot
from tests.servers.databases import DatabaseFactory

IDENTITIES = frozenset({t.OID, t.XID, *t.REG})
"""Values of these types are numbers that nobody chose."""
ALL = list(recorded())
_ELSE = "it says what this server is, who owns it and what else it has"
_VISIBLE = "a name that is alone is visible here, whatever the search path"
_WRITES = "everything is read only here, or is enforced elsewhere"
_ORDER = "it is ordered by oids"
_UNKNOWN = "PostgreSQL's own operators, indexes and descriptions are not here"
ROWS_DIFFER = {
    "dotnet_odbc: Npgsql: version": _ELSE,
    "dotnet_odbc: Npgsql: columns of a reader": _WRITES,
    "pgjdbc: getCatalogs": _ELSE,
    "pgjdbc: field metadata": _UNKNOWN,
    r"psql: \d": _VISIBLE,
    r"psql: \dt": _VISIBLE,
    r"psql: \dn": _ELSE,
    r"psql: \dn+": _ELSE,
    r"psql: \du": _ELSE,
    r"psql: \l": _ELSE,
    r"psql: \dv": _VISIBLE,
    r"psql: \di": _VISIBLE,
    r"psql: \dp": _VISIBLE,
    r"psql: \d crm.customers (2)": _WRITES,
    r"psql: \d+ crm.customers (2)": _WRITES,
    r"psql: \d crm.orders (2)": _WRITES,
    r"psql: \dt+ crm.*": _ELSE,
    r"psql: \dx": _ELSE,
    r"psql: \dF": _ELSE,
    r"psql: \dL": _UNKNOWN,
    r"psql: \d pg_class (2)": _UNKNOWN,
    r"psql: \d pg_class (3)": _UNKNOWN,
    r"psql: \d pg_class (4)": _UNKNOWN,
    "python: SQLAlchemy: on connecting": _ELSE,
    "python: SQLAlchemy: has_table": _VISIBLE,
    "python: pgcli: databases": _ELSE,
    "python: dbt: dependencies": "what views read is not known",
    "tools: DBeaver: settings": _ELSE,
    "tools: DBeaver: data types": _UNKNOWN,
    "tools: DBeaver: tables": _WRITES,
    "tools: DBeaver: constraints": _UNKNOWN,
    "tools: DBeaver: indexes": _UNKNOWN,
    "tools: pgAdmin: schemas": _WRITES,
    "tools: DuckDB: tables of a database": _ORDER,
    "tools: DataGrip: schemas": _ORDER,
    "tools: DataGrip: tables": _ORDER,
}


@pytest.fixture(scope="module")
def postgres(pg_database: DatabaseFactory) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(pg_database().url, autocommit=True, cursor_factory=psycopg.RawCursor) as connection:
        for statement in DDL.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        yield connection


@pytest.fixture(scope="module")
def ours(postgres: psycopg.Connection[Any]) -> Iterator[CatalogDatabase]:
    database = CatalogDatabase(snapshot(), postgres.info.dbname, ("ann",))
    yield database
    database.close()


def with_oids(sql: str, first: Callable[[str], tuple[Any, ...] | None]) -> str:
    """The statement with the oids of tables in the place of their names."""
    for table in ("customers", "orders", "rich"):
        if f"{{{table}}}" in sql:
            row = first(f"SELECT 'crm.{table}'::regclass::oid")
            assert row is not None
            sql = sql.replace(f"{{{table}}}", str(row[0]))
    return sql


def by_text(row: tuple[Any, ...], columns: list[tuple[str, int]]) -> tuple[str | None, ...]:
    return tuple(value for value, (_, oid) in zip(row, columns, strict=True) if oid not in IDENTITIES)


@pytest.mark.postgres
@pytest.mark.parametrize("one", ALL, ids=[one.name for one in ALL])
def test_a_statement_is_answered_as_by_postgresql(
    one: Recorded, postgres: psycopg.Connection[Any], ours: CatalogDatabase
) -> None:
    assert classify(one.sql) is About.CATALOG
    ann = Client("ann", postgres.info.dbname)
    mine = with_oids(one.sql, lambda sql: ours.query(sql, ann).rows[0])
    theirs = postgres.execute(with_oids(one.sql, lambda sql: postgres.execute(sql).fetchone()), one.parameters or None)
    answer = ours.query(mine, ann, one.parameters)
    wanted = [(column.name, column.type_code) for column in theirs.description or ()]
    given = [(column.name, column.type.oid) for column in answer.columns]
    assert given == wanted
    described = ours.describe(mine, ann)
    assert described.columns == answer.columns
    assert len(described.parameters) == len(one.parameters)
    if one.name not in ROWS_DIFFER:
        rows = [by_text(_texts(theirs, place), wanted) for place in range(theirs.pgresult.ntuples)]  # type: ignore[union-attr]
        given_rows = [
            by_text(
                tuple(_text(value, column.type.oid) for value, column in zip(row, answer.columns, strict=True)), given
            )
            for row in answer.rows
        ]
        assert given_rows == rows


def _texts(cursor: psycopg.Cursor[Any], place: int) -> tuple[str | None, ...]:
    result = cursor.pgresult
    assert result is not None
    values = [result.get_value(place, column) for column in range(result.nfields)]
    return tuple(None if value is None else value.decode() for value in values)


def _text(value: Any, oid: int) -> str | None:
    found = encoded(value, oid, binary=False)
    return None if found is None else found.decode()
