"""What several threads produce, as one answer: batches in the order of their arrival, a few at a time."""

import threading
from collections import deque
from collections.abc import Callable, Iterator

import pyarrow as pa

from hanse.connectors.shared.lanes import Stopped

Put = Callable[[pa.RecordBatch], None]
Produce = Callable[[Put], None]
"""Hands over batches one by one; ``Stopped`` out of that means that nobody wants more."""


class Merged:
    """One answer of several producers, each in a thread of its own. The first failure ends it."""

    def __init__(self, name: str, batches_max: int) -> None:
        """Nobody produces yet; as many batches wait as ``batches_max``, then the producers do."""
        self._name = name
        self._batches_max = batches_max
        self._batches: deque[pa.RecordBatch] = deque()
        self._changed = threading.Condition()
        self._producing = 0
        self._failure: BaseException | None = None
        self._stopped = False

    @property
    def producing(self) -> int:
        """How many producers have not ended."""
        return self._producing

    def start(self, produce: Produce) -> None:
        """Let one more produce; called before the first one or by a producer."""
        with self._changed:
            self._producing += 1
        threading.Thread(target=self._run, args=(produce,), name=self._name, daemon=True).start()

    def _run(self, produce: Produce) -> None:
        failure: BaseException | None = None
        try:
            produce(self._put)
        except Stopped:
            pass
        except BaseException as raised:  # noqa: BLE001  # it belongs to the reader
            failure = raised
        with self._changed:
            self._producing -= 1
            self._failure = self._failure or failure
            self._changed.notify_all()

    def _put(self, batch: pa.RecordBatch) -> None:
        with self._changed:
            self._changed.wait_for(lambda: len(self._batches) < self._batches_max or self._is_over)
            if self._is_over:
                raise Stopped
            self._batches.append(batch)
            self._changed.notify_all()

    @property
    def _is_over(self) -> bool:
        return self._stopped or self._failure is not None

    def wait_for_others(self, count: int = 1) -> None:
        """For a producer: wait until no more than ``count`` are left, itself among them, or nobody wants anything."""
        with self._changed:
            self._changed.wait_for(lambda: self._producing <= count or self._is_over)

    def stop(self) -> None:
        """Nobody wants the rest."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> bool:
        """Whether all producers end within so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._producing, seconds)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while (batch := self._next()) is not None:
            yield batch

    def _next(self) -> pa.RecordBatch | None:
        with self._changed:
            self._changed.wait_for(lambda: self._batches or self._failure or not self._producing)
            if self._failure is not None:
                raise self._failure
            if not self._batches:
                return None
            batch = self._batches.popleft()
            self._changed.notify_all()
            return batch
