"""Several requests on fewer connections, read in any order: answers are kept aside while nobody takes them.

A query may have more requests for a source than it has connections there, so requests take turns. The coordinator may
want the last answer while it does not read the first: then the first must not wait for its reader. An answer whose turn
it is fills a few batches of memory and then waits for its reader, as a lone request does; as long as another request
waits for its turn, what is not taken goes to a file instead. So every turn ends by itself.
"""

import os
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO, NamedTuple

import pyarrow as pa

from hanse.errors import Cancelled, ResourceLimit, SourceError
from hanse.spi.arrow import end
from hanse.spi.connector import ReadContext

BATCHES_IN_MEMORY = 4
PATIENCE_SECONDS = 0.25
"""So long a request lets those before it in the query come first: their threads start in that order, and may be overtaken."""
COMPRESSION = pa.ipc.IpcWriteOptions(compression="lz4")
Produce = Callable[[], Iterator[pa.RecordBatch]]


class Stopped(Exception):
    """Nobody wants the rest."""


class Kept(NamedTuple):
    """Where in its file a batch stands, as an Arrow stream of its own."""

    offset: int
    size: int


class Lanes:
    """Whose turn it is on ``width`` connections: in the query's order as far as its requests come at once, then of arrival."""

    def __init__(self, source: str, width: int, context: ReadContext) -> None:
        """Nobody waits."""
        self.source = source
        self.folder = context.spill_folder
        self.arrived = context.arrived
        self.changed = threading.Condition()
        self._width = width
        self._bytes_left = context.spill_bytes
        self._space = context.spill_space
        self._order: list[Spool] = []
        self._places = {fragment: place for place, fragment in enumerate(context.at_start)}
        self._awaited = set(self._places.values())
        self._stopped = False

    def read(self, fragment: int, produce: Produce) -> Iterator[pa.RecordBatch]:
        """The batches of that fragment, which ``produce`` yields when its turn has come; it is closed before the turn ends."""
        spool = Spool(self, self._places.get(fragment, len(self._places)))
        with self.changed:
            self._awaited.discard(spool.place)
            later = (at for at, other in enumerate(self._order) if not other.begun and other.place > spool.place)
            self._order.insert(next(later, len(self._order)), spool)
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
            self.changed.wait_for(lambda: self._is_none_before(spool) or spool.stopped, PATIENCE_SECONDS)
            self.changed.wait_for(lambda: spool in self._order[: self._width] or spool.stopped)
            if spool.stopped:
                raise Stopped
            spool.begun = True
        batches = produce()
        try:
            for batch in batches:
                self.arrived(batch)
                spool.put(batch)
        finally:
            end(batches)

    def _is_none_before(self, spool: "Spool") -> bool:
        return all(place >= spool.place for place in self._awaited)

    def is_wanted(self) -> bool:
        """Whether somebody waits for a turn. Call with ``changed`` held."""
        return len(self._order) > self._width

    def spend(self, size: int) -> None:
        """Count bytes that were put into a file; raises ResourceLimit when they are too many."""
        fits = self._space.take(size)
        if fits and self._bytes_left is not None:
            with self.changed:
                self._bytes_left -= size
                fits = self._bytes_left >= 0
            if not fits:
                self._space.give_back(size)
        if not fits:
            hint = "raise engine.spill_limit or engine.spill_total, or the option connections"
            message = "the answers that wait for one another are larger than the space to spill"
            raise ResourceLimit(message, sqlstate="53400", source=self.source, hint=hint)

    def give_back(self, size: int) -> None:
        """Bytes that were put into a file are not there any more."""
        self._space.give_back(size)

    def stop(self) -> None:
        """Nobody wants anything any more: end every turn, and every wait for one."""
        with self.changed:
            self._stopped = True
            for spool in self._order:
                spool.stopped = True
            self.changed.notify_all()


class Spool:
    """One answer between the thread that reads the connection (``put``, ``finish``) and its reader (iteration)."""

    def __init__(self, lanes: Lanes, place: int) -> None:
        """Empty, and not finished; ``place`` is where it comes in the query."""
        self._lanes = lanes
        self.place = place
        self.begun = False
        self._batches: deque[pa.RecordBatch | Kept] = deque()
        self._in_memory = 0
        self._file: IO[bytes] | None = None
        self._end = self._spent = 0
        self._finished = False
        self._failure: BaseException | None = None
        self.stopped = False

    def put(self, batch: pa.RecordBatch) -> None:
        """Hand one batch over; raises Stopped, or ResourceLimit where there is no room for a file."""
        with self._lanes.changed:
            self._lanes.changed.wait_for(lambda: self._has_room() or self._lanes.is_wanted() or self.stopped)
            if self.stopped:
                raise Stopped
            if self._has_room():
                self._in_memory += 1
                self._hand_over(batch)
                return
        try:
            kept = self._keep(batch)
        except OSError as failure:
            message = f"no room to keep an answer aside: {failure.strerror or failure}"
            hint = "engine.spill_folder"
            raise ResourceLimit(message, sqlstate="53100", source=self._lanes.source, hint=hint) from None
        with self._lanes.changed:
            self._hand_over(kept)

    def _has_room(self) -> bool:
        return self._in_memory < BATCHES_IN_MEMORY

    def _hand_over(self, item: "pa.RecordBatch | Kept") -> None:
        self._batches.append(item)
        self._lanes.changed.notify_all()

    def _keep(self, batch: pa.RecordBatch) -> Kept:
        """Put the batch into the file, which has no name and so goes with the process at the latest."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="hanse-answer-", dir=self._lanes.folder)  # noqa: SIM115
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema, options=COMPRESSION) as writer:
            writer.write_batch(batch)
        data = memoryview(sink.getvalue())
        self._lanes.spend(len(data))
        self._spent += len(data)
        kept = Kept(self._end, len(data))
        while data:
            written = os.pwrite(self._file.fileno(), data, self._end)
            self._end += written
            data = data[written:]
        return kept

    def finish(self, failure: BaseException | None = None) -> None:
        """There is no more; ``failure`` is why."""
        with self._lanes.changed:
            self._finished, self._failure = True, failure
            self._lanes.changed.notify_all()

    def stop(self) -> None:
        """Nobody wants the rest."""
        with self._lanes.changed:
            self.stopped = True
            self._lanes.changed.notify_all()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            while (batch := self._next()) is not None:
                yield batch
        finally:
            self.stop()
            self._wait_finished()
            if self._file is not None:
                self._file.close()
                self._lanes.give_back(self._spent)

    def _wait_finished(self) -> None:
        with self._lanes.changed:
            self._lanes.changed.wait_for(lambda: self._finished)

    def _next(self) -> pa.RecordBatch | None:
        """The next batch, waiting for it; None after the last."""
        with self._lanes.changed:
            self._lanes.changed.wait_for(lambda: self._batches or self._finished)
            if not self._batches:
                if self._failure is not None:
                    raise self._failure
                return None
            item = self._batches.popleft()
            if not isinstance(item, Kept):
                self._in_memory -= 1
                self._lanes.changed.notify_all()
                return item
        return self._fetched(item)

    def _fetched(self, kept: Kept) -> pa.RecordBatch:
        assert self._file is not None
        try:
            data = os.pread(self._file.fileno(), kept.size, kept.offset)
            return pa.ipc.open_stream(data).read_next_batch()
        except (OSError, pa.ArrowException) as failure:
            raise SourceError(f"an answer that was kept aside is lost: {failure}", source=self._lanes.source) from None
