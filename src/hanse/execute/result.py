"""The stream of an answer: schema, Arrow batches, report. Whoever holds it must read it to its end or close it."""

import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from hanse.errors import HanseError, InvalidValue, StaleSnapshot
from hanse.execute.cancel import CancelScope
from hanse.execute.limits import Limit, check_answer
from hanse.execute.queue import BatchQueue
from hanse.execute.report import Report
from hanse.ir.expr import Column
from hanse.spi.arrow import schema


def python_rows(batch: pa.RecordBatch) -> list[tuple[Any, ...]]:
    """A batch's rows as Python values; raises InvalidValue for a moment that Python's types cannot hold."""
    if not batch.num_columns:
        return [()] * batch.num_rows
    return list(zip(*map(_python_values, batch.columns, batch.schema.names), strict=True))


def _python_values(column: pa.Array, name: str) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
        return values
    except (OverflowError, ValueError):
        raise InvalidValue(
            f"column {name} holds a date or time that Python cannot represent: years 1 to 9999",
            sqlstate="22008",
            hint="read the answer as Arrow, or cast the column to text",
        ) from None


class ResultStream:
    """An answer on its way. Iterating yields RecordBatches; leaving early means ``close``, which ends every source."""

    def __init__(
        self,
        columns: tuple[Column, ...],
        queue: BatchQueue,
        scope: CancelScope,
        report: Report,
        release: Callable[[], None],
    ) -> None:
        """Hold a running query; ``release`` gives back all that it holds and is called exactly once."""
        self.columns = columns
        self.schema = schema(columns)
        self.report = report
        self._queue = queue
        self._scope = scope
        self._release = release
        self._released = False
        self._lock = threading.Lock()
        self._again: Callable[[StaleSnapshot], Self] | None = None
        self._limits: tuple[Limit, ...] = ()
        self._elapsed: Callable[[], float | None] = lambda: None

    def timed(self, elapsed: Callable[[], float]) -> Self:
        """Note when the first row is handed on; ``elapsed`` gives milliseconds since the query started."""
        self._elapsed = elapsed
        return self

    def limited(self, limits: tuple[Limit, ...]) -> Self:
        """Fail with the first batch that makes the answer larger than it may be."""
        self._limits = limits
        return self

    def on_stale(self, again: Callable[[StaleSnapshot], Self]) -> Self:
        """Let a source's changed schema, found before the first row, be answered by the stream of a new plan, once."""
        self._again = again
        return self

    @classmethod
    def of_rows(cls, columns: tuple[Column, ...], rows: list[tuple[Any, ...]], report: Report) -> Self:
        """An answer that is already here, such as that of SHOW."""
        scope = CancelScope()
        queue = BatchQueue(scope)
        arrow = schema(columns)
        values = [pa.array([row[i] for row in rows], field.type) for i, field in enumerate(arrow)]
        queue.put(pa.RecordBatch.from_arrays(values, schema=arrow))
        queue.finish()
        return cls(columns, queue, scope, report, lambda: None)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            batch = self._first()
            self.report.first_row_ms = self._elapsed()
            while batch is not None:
                self.report.rows += batch.num_rows
                self.report.bytes += batch.nbytes
                check_answer(self._limits, self.report.rows, self.report.bytes)
                yield pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)
                batch = self._queue.get()
            self.report.complete = self.report.finished = True
        except HanseError as failure:
            self._scope.end(failure)
            raise
        finally:
            self.close()

    def _first(self) -> pa.RecordBatch | None:
        try:
            return self._queue.get()
        except StaleSnapshot as stale:
            if self._again is None:
                raise
            again, self._again = self._again, None
            self.report.replaced = True
            self._release()
            fresh = again(stale)
            self._queue, self._scope, self._release, self.report = (
                fresh._queue,
                fresh._scope,
                fresh._release,
                fresh.report,
            )
            fresh._released = True  # its resources are ours now
            if fresh.schema != self.schema:
                raise
            return self._queue.get()

    def cancel(self) -> None:
        """End the query; a reader that waits gets Cancelled. Thread-safe."""
        self._scope.end()

    def close(self) -> None:
        """End what still runs and give everything back. Idempotent."""
        with self._lock:
            if self._released:
                return
            self._released = True
        if not (self.report.complete and all(source.finished for source in self.report.sources)):
            self._scope.end()  # also what a LIMIT computed here has left unread
        self._release()

    def reader(self) -> pa.RecordBatchReader:
        """The rest of the answer as a pyarrow reader."""
        return pa.RecordBatchReader.from_batches(self.schema, iter(self))

    def to_arrow(self) -> pa.Table:
        """The whole answer in memory."""
        return pa.Table.from_batches(list(self), schema=self.schema)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """The whole answer as Python rows."""
        rows: list[tuple[Any, ...]] = []
        for batch in self:
            rows.extend(python_rows(batch))
        return rows

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """Arrow's PyCapsule stream interface: polars, DuckDB, pandas and others read a result as it is."""
        return self.reader().__arrow_c_stream__(requested_schema)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if not getattr(self, "_released", True):
            self.close()
