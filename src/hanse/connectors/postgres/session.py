"""One query's stay at a server: read-only transactions that all see one snapshot, streamed, and ended on demand."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import pyarrow as pa

from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.connectors.postgres.errors import FAILURES, sqlstate, translate
from hanse.connectors.postgres.running import Running
from hanse.connectors.postgres.wire import Decoder, label, statement
from hanse.connectors.shared.pool import Pool
from hanse.errors import Cancelled, HanseError, InvalidValue
from hanse.ir.expr import Literal, Parameter
from hanse.ir.request import Request, SqlText
from hanse.spi.connector import ReadContext

CANCEL_SECONDS = 0.9
READ_ONLY = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@dataclass(frozen=True, slots=True)
class Server:
    """What a session needs of its connector."""

    source: str
    readers: Pool[Any]
    """Connections of ADBC."""
    controls: "Pool[psycopg.Connection[Any]]"
    settings: Mapping[str, str]
    fetch_bytes: int
    dialect: PostgresDialect


class PostgresSession:
    """The session of ``spi.connector`` for PostgreSQL."""

    def __init__(self, server: Server, context: ReadContext) -> None:
        """Connect to nothing yet."""
        self._server = server
        self._context = context
        self._lock = threading.Lock()
        self._exporting = threading.Lock()
        self._running: set[Running] = set()
        self._control: psycopg.Connection[Any] | None = None
        self._ended = False
        self._snapshot: str | None = None

    @property
    def snapshot(self) -> str | None:
        """The exported snapshot that all requests share; None while there is only one."""
        return self._snapshot

    def read(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        """Run the request and yield its batches, decoded."""
        labels = [label(column, request.tables) for column in request.columns]
        sql = statement(self._spelled(request.sql, parameters), request.columns, labels)
        decoder = Decoder(self._server.source, request.columns, labels)
        running = self._start()
        finished = False
        try:
            for batch in running.batches(sql):
                yield from self._slices(decoder.decode(batch))
            self._check(running)
            self._give_back(running)
            finished = True
        except FAILURES as failure:
            raise translate(failure, self._server.source, running.cancelled) from None
        finally:
            if not finished:
                self._drop(running)

    def _slices(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        size = self._context.batch_rows
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size)

    def _check(self, running: Running) -> None:
        if running.cancelled:
            raise Cancelled("the statement was cancelled", source=self._server.source)

    def _spelled(self, sql: SqlText, parameters: tuple[Literal, ...]) -> str:
        return "".join(part if isinstance(part, str) else self._value(part, parameters) for part in sql.parts)

    def _value(self, hole: Parameter, parameters: tuple[Literal, ...]) -> str:
        text = self._server.dialect.literal(parameters[hole.index])
        if text is None:
            message = f"parameter ${hole.index + 1} has a value that PostgreSQL cannot hold"
            raise InvalidValue(message, source=self._server.source)
        return text

    def _start(self) -> Running:
        """A connection in a transaction of ours; an idle one that the server has closed meanwhile is replaced."""
        begin = self._begin()
        while True:
            connection, used = self._server.readers.lease(lambda: self._ended, fresh=False)
            running = Running(connection, self._server.fetch_bytes)
            with self._lock:
                self._running.add(running)
                running.cancelled = self._ended
            try:
                self._check(running)
                running.script(begin)
                return running
            except FAILURES as failure:
                self._drop(running)
                if used and sqlstate(failure) in (None, "57P01"):
                    continue
                raise translate(failure, self._server.source, running.cancelled) from None
            except HanseError:
                self._drop(running)
                raise

    def _begin(self) -> str:
        snapshot = self._shared_snapshot() if self._context.requests > 1 else None
        join = [f"SET TRANSACTION SNAPSHOT '{snapshot}'"] if snapshot else []
        sets = [f"SET LOCAL {name} = {_quoted(value)}" for name, value in self._server.settings.items()]
        own = {"application_name": self._name, "TimeZone": self._context.timezone}
        sets += [f"SET LOCAL {name} = {_quoted(value)}" for name, value in own.items()]
        return "; ".join([READ_ONLY, *join, *sets])

    @property
    def _name(self) -> str:
        return f"{self._server.settings['application_name']}/{self._context.query_id}"

    def _shared_snapshot(self) -> str:
        """The name of the snapshot; the first request exports it, on a connection that then waits for the end."""
        with self._exporting:
            if self._snapshot is None:
                try:
                    self._snapshot = self._export()
                except FAILURES as failure:
                    raise translate(failure, self._server.source, self._ended) from None
            return self._snapshot

    def _export(self) -> str:
        while True:
            control, used = self._server.controls.lease(lambda: self._ended)
            try:
                control.execute(f"{READ_ONLY}; SET LOCAL application_name = {_quoted(self._name)}".encode())
                row = control.execute(b"SELECT pg_catalog.pg_export_snapshot()").fetchone()
            except FAILURES:
                self._server.controls.forget()
                control.close()
                if not used:
                    raise
                continue
            self._control = control
            assert row is not None
            return str(row[0])

    def cancel(self) -> None:
        """End every running statement at the server, within a second."""
        with self._lock:
            self._ended = True
            running = list(self._running)
        threads = [
            threading.Thread(target=one.cancel, args=(CANCEL_SECONDS,), name="hanse-postgres-cancel", daemon=True)
            for one in running
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(CANCEL_SECONDS)

    def close(self) -> None:
        """End what still runs and give the control connection back."""
        self.cancel()
        with self._lock:
            control, self._control = self._control, None
            ended = [one for one in self._running if not one.is_open]
        for one in ended:
            self._drop(one)
        if control is None:
            return
        kept = False
        with contextlib.suppress(*FAILURES):
            control.execute(b"ROLLBACK")
            kept = self._server.controls.give_back(control)
            if not kept:
                control.close()
            return
        self._server.controls.forget()
        control.close()

    def _give_back(self, running: Running) -> None:
        connection = running.finish()
        with self._lock:
            self._running.discard(running)
        if not self._server.readers.give_back(connection):
            connection.close()

    def _drop(self, running: Running) -> None:
        running.drop()
        with self._lock:
            known = running in self._running
            self._running.discard(running)
        if known:
            self._server.readers.forget()


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
