"""An answer that is held back until all of it is here: some of it in memory, the rest in a file."""

import contextlib
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pyarrow as pa

from hanse.errors import ResourceLimit
from hanse.execute.limits import Limit, check_answer

MEMORY_BYTES_MAX = 64 * 1024 * 1024
"""What is held in memory; more goes to a file."""


@contextlib.contextmanager
def _on_disk() -> Iterator[None]:
    """Where the disk may be full."""
    try:
        yield
    except OSError as failure:
        message = f"no room for an answer that is held back until it is complete: {failure}"
        raise ResourceLimit(message, sqlstate="53100", hint="engine.spill_folder names another folder") from None


class Spool:
    """The batches of one answer, written and then read once. One thread."""

    def __init__(self, folder: Path, file_bytes_max: int | None) -> None:
        """Nothing is held; a file of at most that many bytes is made in the folder when it is needed."""
        self._folder = folder
        self._path: Path | None = None
        self._file_bytes_max = file_bytes_max
        self._batches: deque[pa.RecordBatch] = deque()
        self._file: pa.NativeFile | None = None
        self._reader: pa.RecordBatchReader | None = None

    def fill(self, get: Callable[[], pa.RecordBatch | None], limits: tuple[Limit, ...]) -> None:
        """Take all that ``get`` gives, up to None; raises what it raises, and ResourceLimit beyond the limits, or where the
        disk is full."""
        rows = bytes = in_memory = in_file = 0
        writer: pa.RecordBatchWriter | None = None
        while (batch := get()) is not None:
            rows, bytes = rows + batch.num_rows, bytes + batch.nbytes
            check_answer(limits, rows, bytes)
            if writer is None and in_memory + batch.nbytes <= MEMORY_BYTES_MAX:
                in_memory += batch.nbytes
                self._batches.append(batch)
                continue
            in_file += batch.nbytes
            if self._file_bytes_max is not None and in_file > self._file_bytes_max:
                raise self._full()
            with _on_disk():
                if writer is None:
                    self._path = self._folder / f"held-{uuid4().hex}.arrow"
                    self._file = pa.OSFile(str(self._path), "wb")
                    writer = pa.ipc.new_stream(self._file, batch.schema)
                writer.write_batch(batch)
        if writer is not None and self._file is not None:
            with _on_disk():
                writer.close()
                self._file.close()
            self._file = pa.OSFile(str(self._path), "rb")
            self._reader = pa.ipc.open_stream(self._file)

    def _full(self) -> ResourceLimit:
        message = (
            f"the answer is held back until it is complete, and needs more than {self._file_bytes_max:,} bytes of disk"
        )
        hint = "raise engine.spill_limit, or SET partial_results = off: then rows are passed on as they come"
        return ResourceLimit(message, sqlstate="53100", hint=hint)

    def get(self) -> pa.RecordBatch | None:
        """The next batch; None after the last."""
        if self._batches:
            return self._batches.popleft()
        if self._reader is None:
            return None
        try:
            return self._reader.read_next_batch()
        except StopIteration:
            return None

    def close(self) -> None:
        """Forget what is held, and remove the file. Idempotent."""
        self._batches.clear()
        self._reader = None
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._path is not None:
            self._path.unlink(missing_ok=True)
