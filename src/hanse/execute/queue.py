"""A queue of Arrow batches that is bounded by bytes: what makes a slow reader slow its writer, and nothing larger."""

import threading
import time
from collections import deque

import pyarrow as pa

from hanse.execute.cancel import CancelScope
from hanse.execute.memory import UNCOUNTED, QueryMemory

BYTES_MAX = 16 * 1024 * 1024
"""Bytes that wait in one queue; a batch is always let in when the queue is empty."""

CROWDED_S = 0.02
"""How often a writer looks whether its query's other queues have made room."""

MOMENT_S, MOMENT_BYTES = 0.01, 8 * 1024 * 1024
"""How long a writer is held back, and per how much input that has given no batch yet (800 MB/s at most)."""


class BatchQueue:
    """One writer, one reader. Ending the scope wakes both; they then raise what ended it."""

    def __init__(self, scope: CancelScope, bytes_max: int = BYTES_MAX, memory: QueryMemory = UNCOUNTED) -> None:
        """An empty queue that belongs to a query, whose ``memory`` all of its queues share."""
        self._scope = scope
        self._memory = memory
        self._bytes_max = bytes_max
        self._batches: deque[pa.RecordBatch] = deque()
        self._bytes = 0
        self._read_ahead = 0
        self._finished = False
        self._changed = threading.Condition()
        scope.on_end(self._wake)

    def put(self, batch: pa.RecordBatch, *, wait: bool = True) -> None:
        """Add a batch, waiting while the queue is full (unless its reader may itself wait for what is put)."""
        size = batch.nbytes
        with self._changed:
            while wait and self._bytes and self._is_full(size) and not self._scope.ended:
                self._changed.wait(CROWDED_S if self._memory.is_counted else None)
            self._scope.check()
            self._memory.take(size)
            self._batches.append(batch)
            self._read_ahead = 0
            self._bytes += size
            self._changed.notify_all()

    def _is_full(self, size: int) -> bool:
        return self._bytes + size > self._bytes_max or self._memory.is_crowded(size)

    def wait_until_wanted(self, size: int) -> None:
        """Wait before the writer reads another ``size`` bytes of what it makes its batches from.

        What the writer has read and not yet put is not seen here, so it is held back while more than half of the queue
        is full, or while it has read half a queue since its last batch and the reader still has something to read. A
        writer that has put nothing so far may need all of its input first: that one is only given a moment to put.
        """
        half = self._bytes_max // 2
        with self._changed:
            while self._bytes > half and not self._scope.ended:
                self._changed.wait()
            self._read_ahead += size
            if self._read_ahead <= half:
                return
            if not self._bytes:
                if self._read_ahead > MOMENT_BYTES:
                    self._changed.wait(MOMENT_S)
                    self._read_ahead = 0
                return
            while self._bytes and self._read_ahead > half and not self._scope.ended:
                self._changed.wait()
            self._read_ahead = 0

    def wait_until_whole(self, bytes_max: int, latest: float) -> bool:
        """Wait until the last batch has come. False where more than ``bytes_max`` bytes wait before that, at ``latest`` (of
        the monotonic clock), and when the query has ended."""
        with self._changed:
            while not self._finished and self._bytes <= bytes_max and not self._scope.ended:
                left = latest - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
            return self._finished

    @property
    def bytes(self) -> int:
        """What waits now."""
        return self._bytes

    def finish(self) -> None:
        """No more batches will come."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()

    def get(self) -> pa.RecordBatch | None:
        """The next batch, waiting for it; None after the last."""
        with self._changed:
            while not self._batches and not self._finished and not self._scope.ended:
                self._changed.wait()
            self._scope.check()
            if not self._batches:
                return None
            batch = self._batches.popleft()
            self._bytes -= batch.nbytes
            self._memory.give_back(batch.nbytes)
            self._changed.notify_all()
            return batch

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
