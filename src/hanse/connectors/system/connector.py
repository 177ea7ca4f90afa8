"""A source whose tables are made for each query, from what the engine knows when the query first asks for one of them."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import duckdb
import pyarrow as pa

from hanse.connectors.shared.embedded.capabilities import CAPABILITIES
from hanse.connectors.shared.embedded.carriers import name
from hanse.connectors.shared.embedded.engine import Engine
from hanse.connectors.shared.embedded.session import EmbeddedSession
from hanse.ir.consistency import Level, Picture
from hanse.ir.request import Request
from hanse.ir.tables import Table, TableColumn
from hanse.ir.types import Type
from hanse.spi.arrow import carrier
from hanse.spi.connector import ReadContext
from hanse.spi.dialect import BYTEWISE
from hanse.spi.duckdb.dialect import DuckDBDialect
from hanse.spi.snapshot import SourceCatalog

DIALECT = DuckDBDialect()
Rows = Callable[[str], Sequence[Sequence[Any]]]
"""The rows of a table by its name, all of one moment; moments are seconds since 1970."""


@dataclass(frozen=True, slots=True)
class SystemTable:
    """One table: its name, its columns (name, type, comment), and what it is for."""

    name: str
    columns: tuple[tuple[str, Type, str], ...]
    comment: str


class SystemConnector:
    """The source ``system``. Its tables are found by nobody who does not name it."""

    def __init__(self, source: str, tables: Sequence[SystemTable], capture: Callable[[], Rows]) -> None:
        """``capture`` gives the rows of one moment: a query's."""
        self._source = source
        self._capture = capture
        self._tables = tuple(_table(source, table) for table in tables)
        self._engine = Engine(lambda: (), lambda _: None)

    @property
    def source(self) -> str:
        """The name under which users know it."""
        return self._source

    def load_catalog(self) -> SourceCatalog:
        """The tables; they never change."""
        sheet = replace(CAPABILITIES, embedded=False)
        return SourceCatalog(self._source, self._source, self._tables, DIALECT, sheet, "Hanse", is_listed=False)

    def begin(self, context: ReadContext) -> "SystemSession":
        """A session that captures the tables when it is first asked."""
        return SystemSession(self._source, self._engine, self._capture, context)

    def close(self) -> None:
        """Forget the engine."""
        self._engine.forget()


class SystemSession(EmbeddedSession):
    """One query's stay: all its requests see the same moment."""

    def __init__(self, source: str, engine: Engine, capture: Callable[[], Rows], context: ReadContext) -> None:
        """Nothing is captured yet."""
        super().__init__(source, engine, DIALECT, context, None)
        self._capture = capture
        self._capturing = threading.Lock()
        self._rows: Rows | None = None
        self._arrow: dict[str, pa.Table] = {}
        self._moment = context.moment
        self._taken: tuple[float, float] | None = None

    @property
    def picture(self) -> Picture | None:
        """Each table is captured by itself, from what changes meanwhile."""
        earliest, latest = self._taken or (None, None)
        return Picture(Level.STATEMENT, None, earliest, latest, why="its tables are captured one by one")

    def prepare(self, cursor: duckdb.DuckDBPyConnection, request: Request) -> None:
        """Make the request's tables, for this cursor alone."""
        for table in request.tables:
            arrow = self._table(table)
            cursor.register("captured", arrow.to_reader().__arrow_c_stream__())
            cursor.execute(f"CREATE TEMP TABLE {name(table.name)} AS SELECT * FROM captured")
            cursor.unregister("captured")

    def _table(self, table: Table) -> pa.Table:
        with self._capturing:
            began = self._moment() if self._taken is None else self._taken[0]
            if self._rows is None:
                self._rows = self._capture()
            if table.name not in self._arrow:
                self._arrow[table.name] = _arrow(table, self._rows(table.name))
                self._taken = (began, self._moment())
            return self._arrow[table.name]


def _arrow(table: Table, rows: Sequence[Sequence[Any]]) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(table.columns)
    fields = [pa.field(column.name, carrier(column.type)) for column in table.columns]
    arrays = [_array(values, field.type) for values, field in zip(columns, fields, strict=True)]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _array(values: Sequence[Any], type: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(type):
        values = [None if value is None else round(value * 1_000_000) for value in values]
        return pa.array(values, pa.int64()).cast(type)
    return pa.array(values, type)


def _table(source: str, table: SystemTable) -> Table:
    columns = tuple(
        TableColumn(name, type, remote_type=str(type), collation=BYTEWISE, comment=comment)
        for name, type, comment in table.columns
    )
    return Table(source, "", table.name, columns, name(table.name), comment=table.comment)
