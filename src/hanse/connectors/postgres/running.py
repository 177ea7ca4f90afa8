"""One statement on its way: the batches of a cursor, and how to end it from another thread at any moment.

Two locks: ``_inside`` is held while the reader's thread is in the driver; ``_handle`` keeps the handles from being closed
under a cancel. A statement whose reader is inside is cancelled at the server, which wakes the reader. If nobody is
inside, the server may be stuck sending, deaf to cancels: then its connection is closed. Where neither is of use since the
network is silent, its socket is shut.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
from adbc_driver_manager import AdbcStatement
from adbc_driver_manager._reader import AdbcRecordBatchReader
from adbc_driver_postgresql import StatementOptions

from hanse.connectors.postgres.sockets import Mark, shut_waited_for
from hanse.errors import Cancelled

RETRY_SECONDS = 0.05
HANDED_SECONDS = 0.1
"""How long a reader waits for the thread that cancels his statement."""
LOST_SECONDS = 0.5
"""How long anybody waits for the end of a statement whose connection has failed."""
OPTION = StatementOptions.BATCH_SIZE_HINT_BYTES.value
COPY = StatementOptions.USE_COPY.value


class Wire:
    """A connection of ADBC, and how to find its socket."""

    __slots__ = ("adbc", "mark")

    def __init__(self, adbc: Any, mark: Mark) -> None:
        self.adbc = adbc
        self.mark = mark

    def close(self) -> None:
        """End it."""
        self.adbc.close()


class Running:
    """A leased connection with at most one statement on it."""

    def __init__(self, connection: Wire, fetch_bytes: int, moment: Callable[[], float] = time.time) -> None:
        """Take over a connection, outside any transaction."""
        self._connection = connection
        self._moment = moment
        self.taken: tuple[float, float] | None = None
        """When its transaction took its snapshot, unless that is another's: with its first query, between these moments."""
        self._statement = AdbcStatement(connection.adbc)
        self._statement.set_options(**{OPTION: str(fetch_bytes)})
        self._reader: Any = None
        self._inside = threading.Lock()
        self._handle = threading.Lock()
        self.cancelled = False
        self.is_open = True
        self.is_lost = False
        """Whether the connection itself has failed: cancelling needs another one, and may wait as long as TCP does."""
        self._is_left = False
        """Whether who cancels has to close the connection."""
        self.is_cut = False
        """Whether we have cut it, since nothing gets through."""
        self._has_run = False

    def script(self, sql: str) -> None:
        """Run statements without results."""
        with self._inside:
            self._statement.set_sql_query(sql)
            self._statement.execute_update()

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Run one query, after the one before was read to its end; raises what the driver raises."""
        with self._inside:
            self._close_reader()
            self._statement.set_sql_query(sql)
            self._has_run = True
            handle = self._asked()
            self._reader = AdbcRecordBatchReader._import_from_c(handle.address)  # it keeps the SQLSTATE of late errors
        while True:
            with self._inside:
                if not self.is_open:
                    return
                try:
                    batch = self._reader.read_next_batch()
                except StopIteration:
                    return
            yield batch

    def plan(self, sql: str) -> str:
        """What EXPLAIN says of one query, as JSON."""
        with self._inside:
            self._statement.set_options(**{COPY: "false"})  # there is no COPY of a plan
            self._statement.set_sql_query(f"EXPLAIN (FORMAT JSON) {sql}")
            handle = self._asked()
            reader = AdbcRecordBatchReader._import_from_c(handle.address)
            text = "".join(map(str, reader.read_next_batch().column(0).to_pylist()))
            reader.close()
            self._statement.set_options(**{COPY: "true"})
            return text

    def _asked(self) -> Any:
        """The answer to a query, once it begins."""
        before = self._moment()
        handle, _ = self._statement.execute_query()
        self.taken = self.taken or (before, self._moment())
        return handle

    def finish(self) -> Wire:
        """End the transaction of a statement that was read to its end; returns the connection, clean. Raises Cancelled if it
        was dropped meanwhile: it is closed then, and must be nobody's."""
        with self._inside:
            self._close_reader()
        self.script("ROLLBACK")
        with self._handle:
            if not self.is_open:
                raise Cancelled("the statement was cancelled")
            self._statement.close()
            self.is_open = False
        return self._connection

    def drop(self) -> None:
        """Close the connection, whatever it is doing; the server ends the statement when it notices. Never raises. Where a
        cancel is stuck in a silent network, that thread closes it."""
        if not self._handle.acquire(timeout=HANDED_SECONDS):
            self._is_left = True
            if not self._handle.acquire(blocking=False):
                return
        try:
            if not self.is_open:
                return
            self.is_open = False
        finally:
            self._handle.release()
        if not self.is_lost:
            self._close()
            return
        closing = threading.Thread(target=self._close, name="hanse-postgres-close", daemon=True)
        closing.start()
        closing.join(LOST_SECONDS)
        if closing.is_alive():
            self.shut(closing)

    def _close(self) -> None:
        cancel = (self._cancel,) if self._has_run and not self.is_cut else ()
        for close in (*cancel, self._close_reader, self._statement.close, self._connection.close):
            with contextlib.suppress(Exception):
                close()

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _cancel(self) -> None:
        self._statement.cancel()

    def cancel(self, seconds: float) -> None:
        """Wake a reader that is in the driver, or drop the connection of one that is not; gives up after ``seconds``."""
        self.cancelled = True
        for _ in range(max(1, round(seconds / RETRY_SECONDS))):
            with self._handle:
                if not self.is_open:
                    return
                with contextlib.suppress(Exception):
                    if not self.is_cut:
                        self._cancel()
            if self._is_left:
                self.drop()
                return
            if self._inside.acquire(timeout=RETRY_SECONDS):
                try:
                    self.drop()
                finally:
                    self._inside.release()
                return

    def shut(self, canceller: threading.Thread | None = None) -> None:
        """Cut the connection: who waits on it is woken, however silent the network is; so is the thread that cancels it, if
        there is one. May be called again."""
        self.is_lost = self.is_cut = True
        self._connection.mark.shut()
        if canceller is not None:
            shut_waited_for(canceller)
