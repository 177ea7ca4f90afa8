"""Several requests on fewer connections, read in any order: answers are kept aside while nobody takes them.

A query may have more requests for a source than it has connections there, so requests take turns. The coordinator may
want the last answer while it does not read the first: then the first must not wait for its reader. An answer whose turn
it is fills a few batches of memory and then waits for its reader, as a lone request does; as soon as another request
waits for its turn, the rest goes to a file, and the connection is free for the next. So every turn ends by itself.
"""

import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO

import pyarrow as pa

from hanse.errors import Cancelled, HanseError, ResourceLimit, SourceError
from hanse.spi.connector import ReadContext

BATCHES_IN_MEMORY = 4
COMPRESSION = pa.ipc.IpcWriteOptions(compression="lz4")
Produce = Callable[[], Iterator[pa.RecordBatch]]


class Stopped(Exception):
    """Nobody wants the rest."""


class Lanes:
    """Whose turn it is on ``width`` connections, in the order of arrival."""

    def __init__(self, source: str, width: int, context: ReadContext) -> None:
        """Nobody waits."""
        self.source = source
        self.folder = context.spill_folder
        self.changed = threading.Condition()
        self._width = width
        self._bytes_left = context.spill_bytes
        self._order: list[Spool] = []
        self._stopped = False

    def read(self, produce: Produce) -> Iterator[pa.RecordBatch]:
        """The batches that ``produce`` yields when its turn has come; it is closed before the turn ends."""
        spool = Spool(self)
        with self.changed:
            self._order.append(spool)
            spool.stopped = self._stopped
            self.changed.notify_all()
        name = f"hanse-pump-{self.source}"
        threading.Thread(target=self._pump, args=(spool, produce), name=name, daemon=True).start()
        return iter(spool)

    def _pump(self, spool: "Spool", produce: Produce) -> None:
        failure: BaseException | None = None
        try:
            self._turn(spool, produce)
        except Stopped:
            failure = Cancelled("the statement was cancelled", source=self.source)
        except BaseException as raised:  # noqa: BLE001  # it belongs to the reader of the spool
            failure = raised
        finally:
            with self.changed:
                self._order.remove(spool)
                self.changed.notify_all()
            spool.finish(failure)

    def _turn(self, spool: "Spool", produce: Produce) -> None:
        with self.changed:
            self.changed.wait_for(lambda: spool in self._order[: self._width] or spool.stopped)
            if spool.stopped:
                raise Stopped
        batches = produce()
        try:
            for batch in batches:
                spool.put(batch)
        finally:
            if close := getattr(batches, "close", None):
                close()

    def is_wanted(self) -> bool:
        """Whether somebody waits for a turn. Call with ``changed`` held."""
        return len(self._order) > self._width

    def spend(self, size: int) -> None:
        """Count bytes that were put into a file; raises ResourceLimit when they are too many."""
        if self._bytes_left is None:
            return
        with self.changed:
            self._bytes_left -= size
            full = self._bytes_left < 0
        if full:
            hint = "raise engine.spill_limit, or the option connections"
            message = "the answers that wait for one another are larger than the space to spill"
            raise ResourceLimit(message, sqlstate="53400", source=self.source, hint=hint)

    def stop(self) -> None:
        """Nobody wants anything any more: end every turn, and every wait for one."""
        with self.changed:
            self._stopped = True
            for spool in self._order:
                spool.stopped = True
            self.changed.notify_all()


class Spool:
    """One answer between the thread that reads the connection (``put``, ``finish``) and its reader (iteration)."""

    def __init__(self, lanes: Lanes) -> None:
        """Empty, and not finished."""
        self._lanes = lanes
        self._memory: deque[pa.RecordBatch] = deque()
        self._file: IO[bytes] | None = None
        self._writer: pa.RecordBatchWriter | None = None
        self._finished = False
        self._failure: BaseException | None = None
        self.stopped = False

    def put(self, batch: pa.RecordBatch) -> None:
        """Hand one batch over; raises Stopped, or ResourceLimit where there is no room for a file."""
        with self._lanes.changed:
            self._lanes.changed.wait_for(
                lambda: self._has_room() or self._writer or self._lanes.is_wanted() or self.stopped
            )
            if self.stopped:
                raise Stopped
            if self._writer is None and self._has_room():
                self._memory.append(batch)
                self._lanes.changed.notify_all()
                return
        try:
            self._spill(batch)
        except OSError as failure:
            raise self._full(failure) from None

    def _has_room(self) -> bool:
        return len(self._memory) < BATCHES_IN_MEMORY

    def _spill(self, batch: pa.RecordBatch) -> None:
        if self._writer is None or self._file is None:
            self._file = tempfile.TemporaryFile(prefix="hanse-answer-", dir=self._lanes.folder)  # noqa: SIM115
            self._writer = pa.ipc.new_stream(self._file, batch.schema, options=COMPRESSION)
        before = self._file.tell()
        self._writer.write_batch(batch)
        self._lanes.spend(self._file.tell() - before)

    def _full(self, failure: OSError) -> HanseError:
        message = f"no room to keep an answer aside: {failure.strerror or failure}"
        return ResourceLimit(message, sqlstate="53100", source=self._lanes.source, hint="engine.spill_folder")

    def finish(self, failure: BaseException | None = None) -> None:
        """There is no more; ``failure`` is why."""
        try:
            if self._writer is not None:
                self._writer.close()
                self._flush()
        except OSError as full:
            failure = failure or self._full(full)
        with self._lanes.changed:
            self._finished, self._failure = True, failure
            self._lanes.changed.notify_all()

    def _flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def stop(self) -> None:
        """Nobody wants the rest."""
        with self._lanes.changed:
            self.stopped = True
            self._lanes.changed.notify_all()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            while (batch := self._next()) is not None:
                yield batch
            if self._file is not None:
                yield from self._kept()
        finally:
            self.stop()
            self._wait_finished()
            if self._file is not None:
                self._close()

    def _kept(self) -> Iterator[pa.RecordBatch]:
        assert self._file is not None
        try:
            self._file.seek(0)
            yield from pa.ipc.open_stream(self._file)
        except (OSError, pa.ArrowException) as failure:
            raise SourceError(f"an answer that was kept aside is lost: {failure}", source=self._lanes.source) from None

    def _close(self) -> None:
        """Free the space. A file on a full disk cannot even be closed without a complaint."""
        assert self._file is not None
        try:
            self._file.close()
        except OSError:
            self._file = None

    def _wait_finished(self) -> None:
        with self._lanes.changed:
            self._lanes.changed.wait_for(lambda: self._finished)

    def _next(self) -> pa.RecordBatch | None:
        """The next batch in memory, waiting for it; None when memory is empty for good."""
        with self._lanes.changed:
            self._lanes.changed.wait_for(lambda: self._memory or self._finished)
            if self._memory:
                batch = self._memory.popleft()
                self._lanes.changed.notify_all()
                return batch
            if self._failure is not None:
                raise self._failure
            return None
