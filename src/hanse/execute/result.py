"""The stream of an answer: schema, Arrow batches, report. Whoever holds it must read it to its end or close it."""

import threading
import weakref
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Protocol, Self

import pyarrow as pa

from hanse.errors import HanseError, InvalidValue
from hanse.execute.cancel import CancelScope
from hanse.execute.deadlines import ReaderWatch
from hanse.execute.limits import Limit, check_answer
from hanse.execute.queue import BatchQueue
from hanse.execute.report import Report
from hanse.execute.spool import Spool
from hanse.ir.expr import Column
from hanse.spi.alarms import Alarms
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


class Sequel(Protocol):
    """What may answer a query instead of a run that fails before the first row."""

    def follows(self, failure: HanseError) -> bool:
        """Whether another run may answer after this failure, as far as that is known without doing anything."""

    def begun(self, failure: HanseError) -> "ResultStream | None":
        """The other run; None if there is none after all. What the first one held has been given back."""


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
        self._queue: BatchQueue | Spool = queue
        self._scope = scope
        self._release = release
        self._released = False
        self._lock = threading.Lock()
        self._sequel: Sequel | None = None
        self._spool: Spool | None = None
        self._is_cancelled = False
        self._limits: tuple[Limit, ...] = ()
        self._elapsed: Callable[[], float | None] = lambda: None
        self._watch: ReaderWatch | None = None
        self._over: Callable[[Report], object] = lambda _: None
        self._count: Callable[[int, int], object] = lambda rows, bytes: None  # noqa: ARG005  # nobody counts
        self._check: Callable[[], object] = lambda: None

    def timed(self, elapsed: Callable[[], float]) -> Self:
        """Note when the first row is handed on; ``elapsed`` gives milliseconds since the query started."""
        self._elapsed = elapsed
        return self

    def told(self, over: Callable[[Report], object]) -> Self:
        """Say once, with the report of what answered, that the answer is over, whoever ended it, and holds nothing any more."""
        self._over = over
        return self

    def limited(self, limits: tuple[Limit, ...]) -> Self:
        """Fail with the first batch that makes the answer larger than it may be."""
        self._limits = limits
        return self

    def followed(self, sequel: Sequel) -> Self:
        """Let failures before the first row be answered by other runs."""
        self._sequel = sequel
        return self

    def counted(self, count: Callable[[int, int], object]) -> Self:
        """Tell of each batch's rows and bytes, before it is handed on; what that raises ends the query."""
        self._count = count
        return self

    def checked(self, check: Callable[[], object]) -> Self:
        """Call this after the last batch, before anybody is told that there are no more; what it raises ends the query."""
        self._check = check
        return self

    def held(self, spool: Spool) -> Self:
        """Hold the answer back until all of it is here, so that every failure comes before the first row."""
        self._spool = spool
        return self

    def watched(self, seconds: float, alarms: Alarms) -> Self:
        """End when nobody has read for so long. Who does not keep the answer is not kept from forgetting it."""
        left = weakref.WeakMethod(self._left)
        self._watch = ReaderWatch(seconds, alarms, lambda failure: (found := left()) and found(failure))
        return self

    def _left(self, failure: HanseError) -> None:
        """Give everything back, though the reader may still come; blocks nobody."""
        self._scope.end(failure)
        threading.Thread(target=self.close, name="hanse-left", daemon=True).start()

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
        watch = self._watch
        try:
            if watch is not None:
                watch.comes()
            batch = self._first()
            self.report.first_row_ms = self._elapsed()
            while batch is not None:
                self.report.rows += batch.num_rows
                self.report.bytes += batch.nbytes
                check_answer(self._limits, self.report.rows, self.report.bytes)
                self._count(batch.num_rows, batch.nbytes)
                if watch is not None:
                    watch.goes()
                yield pa.RecordBatch.from_arrays(batch.columns, schema=self.schema)
                if watch is not None:
                    watch.comes()
                batch = self._get()
            self.report.finished = True
            self.report.complete = self.report.completeness is None
        except HanseError as failure:
            self._scope.end(failure)
            raise
        finally:
            self.close()

    def _first(self) -> pa.RecordBatch | None:
        while True:
            try:
                if self._spool is not None:
                    self._spool.fill(self._get, self._limits)
                    self._queue = self._spool
                return self._get()
            except HanseError as failure:
                if self._sequel is None or not self._sequel.follows(failure):
                    raise
                self._release()
                fresh = self._sequel.begun(failure)
                if fresh is None:
                    raise
                moved = self.report.bytes_moved
                self._become(fresh)
                self.report.bytes_before += moved
                if fresh.schema != self.schema:
                    raise

    def _get(self) -> pa.RecordBatch | None:
        batch = self._queue.get()
        if batch is None:
            self._check()
        return batch

    def _become(self, fresh: "ResultStream") -> None:
        """Be the other stream from now on; it is nobody else's."""
        fresh._released = True
        if self._spool is not None:
            self._spool.close()
        self._queue, self._scope, self._release = fresh._queue, fresh._scope, fresh._release
        self._sequel, self._spool = fresh._sequel, fresh._spool
        self.report, self._elapsed, self._count = fresh.report, fresh._elapsed, fresh._count
        self._check = fresh._check
        if self._is_cancelled:
            self._scope.end()

    def cancel(self) -> None:
        """End the query; a reader that waits gets Cancelled. Thread-safe."""
        self._is_cancelled = True
        self._scope.end()

    def close(self) -> None:
        """End what still runs and give everything back. Idempotent."""
        with self._lock:
            if self._released:
                return
            self._released = True
        if self._watch is not None:
            self._watch.off()
        if not (self.report.finished and all(source.finished for source in self.report.sources)):
            self._scope.end()  # also what a LIMIT computed here has left unread
        try:
            self._release()
            if self._spool is not None:
                self._spool.close()
        finally:
            self._over(self.report)

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
