"""Several requests on one connection, read in any order: one answer after another, kept aside while nobody takes it.

MySQL exports no snapshot, so all requests of a query share one transaction, hence one connection, hence take turns. The
coordinator may want the second answer while it does not read the first: then the first must not wait for its reader. An
answer whose turn it is fills a few batches of memory and then waits for its reader, as a lone request does; as soon as
another request waits for its turn, the rest goes to a file of its own, and the connection is free for the next.
"""

import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from typing import IO

import pyarrow as pa

from hanse.errors import ResourceLimit

BATCHES_IN_MEMORY = 4
COMPRESSION = pa.ipc.IpcWriteOptions(compression="lz4")


class Stopped(Exception):
    """Nobody wants the rest."""


class Lane:
    """Whose turn it is on the connection, in the order of arrival."""

    def __init__(self) -> None:
        """Nobody waits."""
        self.changed = threading.Condition()
        self._order: deque[Spool] = deque()

    def enter(self) -> "Spool":
        """A place at the end of the lane."""
        with self.changed:
            spool = Spool(self)
            self._order.append(spool)
            self.changed.notify_all()
            return spool

    def is_wanted(self) -> bool:
        """Whether somebody waits behind the first. Call with ``changed`` held."""
        return len(self._order) > 1

    def wait(self, spool: "Spool") -> None:
        """Wait for the turn; raises Stopped if nobody wants the answer any more."""
        with self.changed:
            self.changed.wait_for(lambda: self._order[0] is spool or spool.stopped)
            if spool.stopped:
                raise Stopped

    def leave(self, spool: "Spool") -> None:
        """Let the next one have its turn."""
        with self.changed:
            self._order.remove(spool)
            self.changed.notify_all()


class Spool:
    """One answer between the thread that reads the connection (``put``, ``finish``) and its reader (iteration)."""

    def __init__(self, lane: Lane) -> None:
        """Empty, and not finished."""
        self._lane = lane
        self._memory: deque[pa.RecordBatch] = deque()
        self._file: IO[bytes] | None = None
        self._writer: pa.RecordBatchWriter | None = None
        self._finished = False
        self._failure: BaseException | None = None
        self.stopped = False

    def put(self, batch: pa.RecordBatch) -> None:
        """Hand one batch over; raises Stopped, or ResourceLimit where there is no room for a file."""
        with self._lane.changed:
            self._lane.changed.wait_for(
                lambda: self._has_room() or self._writer or self._lane.is_wanted() or self.stopped
            )
            if self.stopped:
                raise Stopped
            if self._writer is None and self._has_room():
                self._memory.append(batch)
                self._lane.changed.notify_all()
                return
        try:
            self._spill(batch)
        except OSError as failure:
            raise ResourceLimit(f"no room to keep an answer aside: {failure.strerror}", sqlstate="53100") from None

    def _has_room(self) -> bool:
        return len(self._memory) < BATCHES_IN_MEMORY

    def _spill(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            self._file = tempfile.TemporaryFile(prefix="hanse-mysql-")  # noqa: SIM115  # closed by the reader
            self._writer = pa.ipc.new_stream(self._file, batch.schema, options=COMPRESSION)
        self._writer.write_batch(batch)

    def finish(self, failure: BaseException | None = None) -> None:
        """There is no more; ``failure`` is why."""
        try:
            if self._writer is not None:
                self._writer.close()
        except OSError as full:
            failure = failure or ResourceLimit(f"no room to keep an answer aside: {full.strerror}", sqlstate="53100")
        with self._lane.changed:
            self._finished, self._failure = True, failure
            self._lane.changed.notify_all()

    def stop(self) -> None:
        """Nobody wants the rest."""
        with self._lane.changed:
            self.stopped = True
            self._lane.changed.notify_all()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            while (batch := self._next()) is not None:
                yield batch
            if self._file is not None:
                self._file.seek(0)
                yield from pa.ipc.open_stream(self._file)
        finally:
            self.stop()
            self._wait_finished()
            if self._file is not None:
                self._file.close()

    def _wait_finished(self) -> None:
        with self._lane.changed:
            self._lane.changed.wait_for(lambda: self._finished)

    def _next(self) -> pa.RecordBatch | None:
        """The next batch in memory, waiting for it; None when memory is empty for good."""
        with self._lane.changed:
            self._lane.changed.wait_for(lambda: self._memory or self._finished)
            if self._memory:
                batch = self._memory.popleft()
                self._lane.changed.notify_all()
                return batch
            if self._failure is not None:
                raise self._failure
            return None
