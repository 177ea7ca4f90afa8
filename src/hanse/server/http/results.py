"""Answers that are kept until their client comes for them: in files, within a number of bytes for all together."""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pyarrow as pa

from hanse.errors import InternalError, ResourceLimit
from hanse.ir.expr import Column
from hanse.spi.arrow import schema


class Room:
    """The bytes that may be kept. Thread-safe."""

    def __init__(self, most: int) -> None:
        """Nothing is kept."""
        self._most = most
        self._lock = threading.Lock()
        self.used = 0

    def take(self, bytes: int) -> None:
        """Keep so many more; raises ResourceLimit (53100)."""
        with self._lock:
            if self.used + bytes > self._most:
                message = f"answers that wait to be read would need more than {self._most:,} bytes"
                hint = "read or delete some, raise listen.result_bytes, or stream the answer: POST /v1/query"
                raise ResourceLimit(message, sqlstate="53100", hint=hint)
            self.used += bytes

    def give(self, bytes: int) -> None:
        """Keep so many less."""
        with self._lock:
            self.used -= bytes


@contextlib.contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as failure:
        message = f"no room for an answer that waits to be read: {failure.strerror or failure}"
        raise ResourceLimit(message, sqlstate="53100", hint="engine.spill_folder names another folder") from None


class Kept:
    """One answer in a file of Arrow's. Written by one thread; then read by any, as often as wanted."""

    def __init__(self, folder: Path, room: Room, columns: tuple[Column, ...]) -> None:
        """An empty file in the folder. Raises ResourceLimit."""
        self._room = room
        self._path = folder / f"{uuid4().hex}.arrow"
        self._starts = [0]
        self._bytes = 0
        self._lock = threading.Lock()
        self._is_closed = False
        self.columns = columns
        with _on_disk():
            self._file = pa.OSFile(str(self._path), "wb")
            self._writer = pa.ipc.new_file(self._file, schema(columns))

    @property
    def rows(self) -> int:
        """How many there are."""
        return self._starts[-1]

    def add(self, batch: pa.RecordBatch) -> None:
        """Keep some rows. Raises ResourceLimit."""
        self._room.take(batch.nbytes)
        self._bytes += batch.nbytes
        with _on_disk():
            self._writer.write_batch(batch)
        self._starts.append(self._starts[-1] + batch.num_rows)

    def end(self) -> None:
        """There are no more. Raises ResourceLimit."""
        with _on_disk():
            self._writer.close()
            self._file.close()

    def read(self, offset: int, most: int | None) -> Iterator[pa.RecordBatch]:
        """Rows from that place on, so many at most. A file that is removed meanwhile is still read to its end; raises
        FileNotFoundError for one that has been."""
        return self._read(pa.OSFile(str(self._path), "rb"), offset, most)

    def _read(self, opened: pa.NativeFile, offset: int, most: int | None) -> Iterator[pa.RecordBatch]:
        with opened as file:
            reader = pa.ipc.open_file(file)
            if reader.num_record_batches != len(self._starts) - 1:
                raise InternalError("an answer that was kept is not what was written")
            end = self.rows if most is None else min(self.rows, offset + most)
            for place, start in enumerate(self._starts[:-1]):
                first, last = max(offset, start), min(end, self._starts[place + 1])
                if first < last:
                    yield reader.get_batch(place).slice(first - start, last - first)

    def close(self) -> None:
        """Forget it. Idempotent."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        with contextlib.suppress(OSError, pa.ArrowInvalid):
            self._file.close()
        self._path.unlink(missing_ok=True)
        self._room.give(self._bytes)
