"""Answers requests from a source's own engine: what serves a query that reads nothing else."""

import threading
from collections.abc import Iterator

import duckdb
import pyarrow as pa

from hanse.connectors.shared.embedded.engine import Engine
from hanse.connectors.shared.embedded.failures import translate
from hanse.errors import Cancelled, InternalError, InvalidValue
from hanse.ir.expr import Column, Literal
from hanse.ir.request import Request, SqlText
from hanse.spi.arrow import carried, carrier, unrepresentable, wire_schema
from hanse.spi.connector import ReadContext
from hanse.spi.dialect import Dialect


class EmbeddedSession:
    """One query's stay at one embedded source."""

    def __init__(
        self, source: str, engine: Engine, dialect: Dialect, context: ReadContext, snapshot: str | None
    ) -> None:
        """Nothing is opened before the first read."""
        self._source = source
        self._engine = engine
        self._dialect = dialect
        self._batch_rows = context.batch_rows
        self._snapshot = snapshot
        self._cursors: set[duckdb.DuckDBPyConnection] = set()
        self._lock = threading.Lock()
        self._cancelled = False

    @property
    def snapshot(self) -> str | None:
        """A digest of the files: paths, sizes, times of change."""
        return self._snapshot

    def read(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        """Run the request; batches of ``wire_schema(request.columns)``."""
        cursor = self._open()
        try:
            self.prepare(cursor, request)
            text = statement(request.sql, parameters, self._dialect)
            for batch in cursor.execute(text).to_arrow_reader(self._batch_rows):
                if self._cancelled:
                    raise Cancelled("the query was cancelled", source=self._source)
                if batch.num_rows:
                    yield conform(batch, request.columns, self._source)
        except (duckdb.Error, pa.ArrowException, OSError) as failure:
            if self._cancelled:
                raise Cancelled("the query was cancelled", source=self._source) from None
            raise translate(failure, self._source) from None
        finally:
            with self._lock:
                self._cursors.discard(cursor)
            cursor.close()

    def prepare(self, cursor: duckdb.DuckDBPyConnection, request: Request) -> None:
        """Before a request runs: nothing, where the engine has its tables."""

    def _open(self) -> duckdb.DuckDBPyConnection:
        cursor = self._engine.cursor()
        with self._lock:
            if self._cancelled:
                cursor.close()
                raise Cancelled("the query was cancelled", source=self._source)
            self._cursors.add(cursor)
        return cursor

    def cancel(self) -> None:
        """Interrupt every running statement."""
        with self._lock:
            self._cancelled = True
            for cursor in self._cursors:
                cursor.interrupt()

    def close(self) -> None:
        """End what still runs."""
        self.cancel()


def statement(sql: SqlText, parameters: tuple[Literal, ...], dialect: Dialect) -> str:
    """The text with its holes filled by literals, as the dialect spells them."""
    return sql.spelled(lambda part: _spell(parameters[part.index], dialect))


def _spell(value: Literal, dialect: Dialect) -> str:
    text = dialect.literal(value)
    if text is None:
        raise InternalError(f"DuckDB's dialect cannot spell a literal of type {value.type}")
    return text


def conform(batch: pa.RecordBatch, columns: tuple[Column, ...], source: str) -> pa.RecordBatch:
    """The batch in our carriers, by position; raises InvalidValue for infinity and 24:00:00, which they cannot hold."""
    arrays = []
    for array, column in zip(batch.columns, columns, strict=True):
        array = carried(array, carrier(column.type))
        if strange := unrepresentable(array, column.type):
            raise InvalidValue(
                f"column {column.name} holds {strange}, which {column.type} cannot represent here",
                sqlstate="22008",
                source=source,
                hint="filter such rows out, or cast the column to text",
            )
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, schema=wire_schema(columns))
