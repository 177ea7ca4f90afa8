"""Runs the coordinator's statement in a DuckDB instance: fragments in as relations, Arrow batches of our carriers out."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import duckdb
import pyarrow as pa

from hanse.errors import InvalidValue, StaleSnapshot
from hanse.execute import profile
from hanse.execute.cancel import CancelScope
from hanse.execute.failures import translate
from hanse.execute.fetch import Fetch
from hanse.execute.instances import Instance
from hanse.execute.queue import BatchQueue
from hanse.execute.report import CoordinatorReport, Report
from hanse.execute.threads import Work
from hanse.ir.expr import Column, Literal
from hanse.ir.request import Request, RequestGraph, SqlText
from hanse.spi.arrow import carried, unrepresentable, wire_schema
from hanse.spi.dialect import Dialect
from hanse.spi.duckdb.faults import DISABLED_OPTIMIZERS

AS_WRITTEN = "join_order,build_side_probe_side"
"""Optimizers of DuckDB that count a stream as one row, and so would make a hash table of the largest one as well."""

LITTLE_SECONDS, LITTLE_BYTES = 0.01, 64 * 1024
"""How long the statement waits for its inputs to be here as a whole, and how much of each of them may wait for it."""


def statement(sql: SqlText, parameters: Sequence[Literal], dialect: Dialect) -> str:
    """The text with its holes filled by literals, as the dialect spells them."""
    return sql.spelled(lambda part: str(dialect.literal(parameters[part.index])))


@dataclass(frozen=True, slots=True)
class Settings:
    """How one statement is run."""

    timezone: str
    batch_rows: int
    """Of the answer's batches, at most."""
    as_written: bool
    """See ``RequestGraph.as_written``."""
    operators: bool
    """Whether its operators are measured."""
    elapsed: Callable[[], float]
    """Milliseconds since the query started."""
    memory: int | None = None
    """Bytes that the engine may have; None: as configured."""


class Coordinator:
    """One statement in one instance, for one query."""

    def __init__(self, instance: Instance, scope: CancelScope, settings: Settings) -> None:
        """Take a cursor on the instance; ending the scope interrupts it."""
        optimizers = f"{DISABLED_OPTIMIZERS},{AS_WRITTEN}" if settings.as_written else DISABLED_OPTIMIZERS
        self._instance = instance
        self._fetches: Mapping[int, Fetch] = {}
        memory = instance.memory_limit if settings.memory is None else f"{settings.memory}B"
        self._cursor = instance.cursor(
            {"TimeZone": settings.timezone, "disabled_optimizers": optimizers, "memory_limit": memory}
        )
        self._settings = settings
        self._scope = scope
        self._ends: Callable[[], object] = lambda: None
        scope.on_end(self._interrupt)

    def _interrupt(self) -> None:
        with suppress(duckdb.ConnectionException):  # it has ended by itself and is closed
            self._cursor.interrupt()

    def read(self, fetches: Mapping[int, Fetch], answer: BatchQueue) -> None:
        """Let each fragment be the relation ``f<N>``, and be read as far as the reader of the answer wants more."""
        self._fetches = fetches
        for fetch in fetches.values():
            fetch.answer = answer

    def tell(self, ends: Callable[[], object]) -> None:
        """Call ``ends`` when all has been read, but before the reader knows."""
        self._ends = ends

    def work(self, sql: str, graph: RequestGraph, queue: BatchQueue, report: Report) -> Work:
        """What a thread of its own does: run the statement; ``queue`` gets batches of ``wire_schema(graph.columns)``."""
        return Work("hanse-coordinator", partial(self._run, sql, graph, queue, report))

    def _run(self, sql: str, graph: RequestGraph, queue: BatchQueue, report: Report) -> None:
        embedded = [request for request in graph.requests if request.embedded]
        here = report.coordinator = CoordinatorReport(self._settings.elapsed())
        try:
            if not embedded:
                _wait_for_little(self._fetches.values())
            if self._scope.ended:
                return
            for number, fetch in self._fetches.items():
                self._cursor.register(f"f{number}", fetch.stream())
            if embedded or self._settings.operators:
                profile.enable(self._cursor)
            self._stream(sql, graph.columns, queue, here)
            if embedded:
                report.read_in_place(profile.rows_read(self._cursor, embedded))
            if self._settings.operators:
                here.operators = profile.operators(self._cursor)
            self._ends()
            queue.finish()
        except (duckdb.BinderException, duckdb.CatalogException) as failure:
            self._instance.has_failed = True
            self._scope.end(_stale(failure, embedded) if embedded else translate(failure))
        except Exception as failure:  # noqa: BLE001  # a thread must hand its failure on, whatever it is
            self._instance.has_failed = True
            self._scope.end(translate(failure))
        finally:
            self._look(here)
            here.ended_ms = self._settings.elapsed()
            self._cursor.close()

    def _look(self, here: CoordinatorReport) -> None:
        """How much is on disk now; the first time of many it is nearly the most."""
        here.spilled_bytes = max(here.spilled_bytes, self._instance.spilled())

    def _stream(self, sql: str, columns: tuple[Column, ...], queue: BatchQueue, here: CoordinatorReport) -> None:
        schema = wire_schema(columns)
        for batch in self._cursor.execute(sql).to_arrow_reader(self._settings.batch_rows):
            if here.first_batch_ms is None:
                here.first_batch_ms = self._settings.elapsed()
                self._look(here)
            if batch.num_rows:
                queue.put(representable(conform(batch, schema), columns))


def _wait_for_little(fetches: Iterable[Fetch]) -> None:
    """Leave the processors to those who fetch until everything is here, if that is little and soon: an engine that waits for
    rows is woken with every batch, in each of its threads, and takes from them what it does not yet need."""
    latest = time.monotonic() + LITTLE_SECONDS
    for fetch in fetches:
        if not fetch.queue.wait_until_whole(LITTLE_BYTES, latest):
            return


def _stale(failure: duckdb.Error, embedded: list[Request]) -> StaleSnapshot:
    """A name of an embedded source that DuckDB does not find (any more): its file is not what the catalog says."""
    message = str(failure).split("\n", 1)[0].partition(": ")[2]
    return StaleSnapshot(f"the source has changed: {message}", source=embedded[0].source)


def row(values: Sequence[Literal], columns: tuple[Column, ...]) -> pa.RecordBatch:
    """An answer of one row that needs no engine."""
    names = wire_schema(columns)
    arrays = [pa.array([one.value], field.type) for one, field in zip(values, names, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=names)


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch in the carriers of ``schema``, by position; a value that does not fit raises."""
    arrays = [carried(array, field.type) for array, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def representable(batch: pa.RecordBatch, columns: tuple[Column, ...]) -> pa.RecordBatch:
    """The batch; raises InvalidValue if it holds what DuckDB knows and no carrier of ours has (``infinity``)."""
    for array, column in zip(batch.columns, columns, strict=True):
        if strange := unrepresentable(array, column.type):
            raise InvalidValue(
                f"column {column.name} holds {strange}, which {column.type} cannot represent here",
                sqlstate="22008",
                hint="filter such rows out, or cast the column to text",
            )
    return batch
