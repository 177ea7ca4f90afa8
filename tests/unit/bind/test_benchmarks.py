"""Every query of TPC-H and TPC-DS binds, in DuckDB's own texts."""

import re
from functools import cache
from pathlib import Path

import duckdb
import duckdb_extension_tpcds
import duckdb_extension_tpch
import pytest

from hanse.bind.binder import BindContext, Tables, allow_all, bind
from hanse.ir import types as t
from hanse.ir.check import check
from hanse.ir.tables import Table, TableColumn
from hanse.parse.parser import parse
from tests.unit.bind.world import NOW

KINDS = {"INTEGER": t.INT32, "BIGINT": t.INT64, "VARCHAR": t.TEXT, "DATE": t.DATE, "TIME": t.TIME}
WORLDS = {"tpch": (duckdb_extension_tpch, "dbgen", 22), "tpcds": (duckdb_extension_tpcds, "dsdgen", 99)}


def type_of(text: str) -> t.Type:
    number = re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", text)
    return t.decimal(int(number[1]), int(number[2])) if number else KINDS[text]


@cache
def world(name: str) -> tuple[Tables, dict[int, str]]:
    """The schema and the queries of one benchmark."""
    package, generate, _ = WORLDS[name]
    (extension,) = Path(package.__file__).parent.rglob(f"{name}.duckdb_extension")
    with duckdb.connect() as connection:
        connection.execute(f"LOAD '{extension}'")
        connection.execute(f"CALL {generate}(sf=0)")
        columns = """SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal
                     ORDER BY table_name, column_index"""
        found: dict[str, list[TableColumn]] = {}
        for table, column, kind in connection.execute(columns).fetchall():
            found.setdefault(table, []).append(TableColumn(column, type_of(kind)))
        queries = dict(connection.execute(f"SELECT query_nr, query FROM {name}_queries()").fetchall())
    return Tables([Table("lake", "main", label, tuple(cs), label) for label, cs in found.items()]), queries


@pytest.mark.parametrize(
    ("name", "number"), [(name, n + 1) for name, (*_, count) in WORLDS.items() for n in range(count)]
)
def test_every_query_binds(name, number):
    tables, queries = world(name)
    query = bind(parse(queries[number]), tables, allow_all, BindContext(NOW))
    check(query.plan)
    assert query.columns
