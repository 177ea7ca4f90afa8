"""The SQL of whole statements in each dialect. ``make golden`` rewrites the files; read the difference."""

import datetime as dt
import os
from pathlib import Path

import pytest

from hanse.bind.binder import BindContext, allow_all, bind
from hanse.bind.tables import Tables
from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.connectors.sqlite.dialect import SQLiteDialect
from hanse.errors import InternalError
from hanse.ir.tables import Collation, Table, TableColumn
from hanse.ir.types import DATE, INT32, TEXT
from hanse.parse.parser import parse
from hanse.render import write
from hanse.spi.duckdb.dialect import DuckDBDialect

HERE = Path(__file__).parent
QUERIES = [query.strip() for query in (HERE / "queries.sql").read_text().split("\n\n")[1:]]
DIALECTS = {dialect.name: dialect for dialect in (DuckDBDialect(), PostgresDialect(), MysqlDialect(), SQLiteDialect())}
COLLATIONS = {
    "postgres": Collation("en_US", equal_is_bytewise=True),
    "mysql": Collation("utf8mb4_general_ci"),
}


def table(dialect, name, *columns):
    collation = COLLATIONS.get(dialect.name, Collation("BINARY", equal_is_bytewise=True, order_is_codepoint=True))
    found = tuple(TableColumn(column, type, collation=collation) for column, type in columns)
    return Table("shop", "", name, found, dialect.quote(name))


def sql(dialect, query):
    tables = Tables(
        [
            table(
                dialect,
                "orders",
                ("id", INT32),
                ("customer", INT32),
                ("total", INT32),
                ("placed", DATE),
                ("note", TEXT),
            ),
            table(dialect, "customers", ("id", INT32), ("name", TEXT), ("age", INT32)),
        ]
    )
    context = BindContext(now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC), parameter_types=(INT32,))
    try:
        return str(write(bind(parse(query), tables, allow_all, context).plan, dialect))
    except InternalError as error:
        return f"-- stays here: {error.message.split(': ')[1]}"


@pytest.mark.parametrize("name", DIALECTS)
def test_statements_are_written_as_recorded(name):
    found = "".join(f"{query}\n---\n{sql(DIALECTS[name], query)}\n\n" for query in QUERIES)
    path = HERE / name / "queries.golden"
    if os.environ.get("HANSE_GOLDEN") == "write":
        path.write_text(found)
    assert found == path.read_text()
