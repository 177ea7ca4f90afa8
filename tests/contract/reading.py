"""Reads tables through a connector as an engine would: by the session, and in place through a DuckDB connection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from hanse.ir.expr import Column
from hanse.ir.request import Request, SqlText
from hanse.ir.tables import Table
from hanse.spi.arrow import wire_schema
from hanse.spi.connector import Connector, Embedded, Plugin, ReadContext
from hanse.spi.snapshot import SourceCatalog


def connect(plugin: Plugin, folder: Path, **options: Any) -> Connector:
    """A source named ``src``."""
    return plugin.connect("src", plugin.options.model_validate(options), folder)


def table(catalog: SourceCatalog, name: str, schema: str = "main") -> Table:
    """The table of that name."""
    return next(found for found in catalog.tables if (found.schema, found.name) == (schema, name))


def select(found: Table, names: Sequence[str]) -> tuple[str, tuple[Column, ...]]:
    """A statement that reads these columns as the catalog says, and the request's columns."""
    columns = [found.column(name) for name in names]
    quoted = ['"' + column.name.replace('"', '""') + '"' for column in columns]
    terms = ((c.read_as or "{0}").replace("{0}", q) for c, q in zip(columns, quoted, strict=True))
    outputs = tuple(Column(place, column.name, column.type) for place, column in enumerate(columns))
    return f"SELECT {', '.join(terms)} FROM {found.relation}", outputs


def run(connector: Connector, found: Table, sql: str, columns: tuple[Column, ...]) -> list[tuple[Any, ...]]:
    """The rows of one request, read in batches of exactly the wire's schema."""
    session = connector.begin(ReadContext("ab", 1, batch_rows=1000))
    try:
        batches = list(session.read(Request(0, connector.source, SqlText((sql,)), columns, (found,)), ()))
    finally:
        session.close()
    assert all(batch.schema == wire_schema(columns) for batch in batches)
    return rows(pa.Table.from_batches(batches, wire_schema(columns)))


def rows(read: pa.Table) -> list[tuple[Any, ...]]:
    """The table's rows as tuples."""
    return list(zip(*(column.to_pylist() for column in read.columns), strict=True))


def read(connector: Connector, found: Table, *names: str) -> list[tuple[Any, ...]]:
    """The rows of a table through a session; all columns by default."""
    sql, columns = select(found, names or [column.name for column in found.columns])
    return run(connector, found, sql, columns)


def read_in_place(connector: Connector, found: Table, *names: str) -> list[tuple[Any, ...]]:
    """The same rows through a DuckDB connection to which the source is attached, as the coordinator has it."""
    assert isinstance(connector, Embedded)
    sql, columns = select(found, names or [column.name for column in found.columns])
    with duckdb.connect() as coordinator:
        coordinator.execute("SET TimeZone = 'UTC'")
        connector.attach(coordinator)
        connector.attach(coordinator)  # it is idempotent
        result = coordinator.execute(sql).to_arrow_table()
    arrays = [array.cast(field.type) for array, field in zip(result.columns, wire_schema(columns), strict=True)]
    return rows(pa.Table.from_arrays(arrays, schema=wire_schema(columns)))
