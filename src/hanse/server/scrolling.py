"""An answer whose rows can be asked for in both directions, as cursors do (PostgreSQL's manual, "FETCH").

A position is 0 before the first row, the number of a row on it, and one more than there are rows behind the last one.
"""

import pyarrow as pa

from hanse.engine import End
from hanse.errors import ResourceLimit, UserError
from hanse.execute.report import Report
from hanse.ir.expr import Column
from hanse.server.answering import Answer

KEPT_BYTES_MAX = 64 * 1024 * 1024
"""As much of an answer is kept for who wants to go back."""
STEP_ROWS, STEP_BYTES = 65_536, 1_000_000


class Scroll:
    """Reads an answer; keeps what was read, unless it ``is_forward_only``."""

    def __init__(self, answer: Answer, is_forward_only: bool) -> None:
        """Stands before the first row."""
        self._answer = answer
        self._is_forward_only = is_forward_only
        self._kept: list[pa.RecordBatch] = []
        self._bytes = 0
        self._known = 0
        self._is_over = False
        self.position = 0

    @property
    def columns(self) -> tuple[Column, ...]:
        """The answer's columns."""
        return self._answer.columns

    @property
    def report(self) -> Report:
        """How it came about."""
        return self._answer.report

    @property
    def end(self) -> End | None:
        """What ends it early."""
        return self._answer.end

    @property
    def rows(self) -> int:
        """How many have been read."""
        return self._known

    def next(self, rows: int, bytes: int) -> pa.RecordBatch | None:
        """The rows behind the position, so many at most; None where there are none: then it stands behind the last."""
        if self._is_forward_only:
            batch = None if self._is_over else self._answer.next(rows, bytes)
            self._note(batch)
        else:
            self._read(self.position + 1)
            batch = self._at(self.position, rows)
        self.position = self._known + 1 if batch is None else self.position + batch.num_rows
        return batch

    def previous(self, rows: int, bytes: int) -> pa.RecordBatch | None:  # noqa: ARG002
        """The rows before the position, the nearest first; None where there are none: then it stands before the first."""
        self._require_back()
        first = max(0, self.position - 1 - min(rows, STEP_ROWS))
        wanted = self.position - 1 - first
        if wanted <= 0:
            self.position = 0
            return None
        parts = []
        at = first
        while at < first + wanted:
            part = self._at(at, first + wanted - at)
            assert part is not None
            parts.append(part)
            at += part.num_rows
        whole = pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
        self.position = first + 1
        return whole.take(pa.array(range(wanted - 1, -1, -1), pa.int64()))

    def seek(self, position: int) -> None:
        """Stand on that row; behind the last one if there are fewer, before the first for what is less than 1."""
        if position < self.position:
            self._require_back()
        if position <= 0:
            self.position = 0
        elif self._is_forward_only:
            while self.position < position and not self._is_over:
                self.next(min(STEP_ROWS, position - self.position), STEP_BYTES)
        else:
            self._read(position)
            self.position = min(position, self._known + 1)

    def count(self) -> int:
        """How many rows there are. Reads all of them."""
        self._require_back()
        while not self._is_over:
            self._read(self._known + 1)
        return self._known

    def is_on_row(self) -> bool:
        """Whether the position is a row's, as far as it has been looked at."""
        return 1 <= self.position <= self._known

    def close(self) -> None:
        """End it where it still runs, and forget its rows."""
        self._kept, self._is_over = [], True
        self._answer.close()

    def _require_back(self) -> None:
        if self._is_forward_only:
            hint = "Declare it with SCROLL option to enable backward scan."
            raise UserError("cursor can only scan forward", sqlstate="55000", hint=hint)

    def _read(self, rows: int) -> None:
        """Know so many, if there are as many."""
        while self._known < rows and not self._is_over:
            batch = self._answer.next(STEP_ROWS, STEP_BYTES)
            self._note(batch)
            if batch is not None:
                self._bytes += batch.nbytes
                self._kept.append(batch)
            if self._bytes > KEPT_BYTES_MAX:
                self.close()
                hint = "NO SCROLL, or a LIMIT"
                raise ResourceLimit(
                    f"a cursor that scrolls keeps at most {KEPT_BYTES_MAX:,} bytes", sqlstate="53400", hint=hint
                )

    def _note(self, batch: pa.RecordBatch | None) -> None:
        self._is_over = batch is None
        self._known += 0 if batch is None else batch.num_rows

    def _at(self, row: int, most: int) -> pa.RecordBatch | None:
        """Kept rows from that one on (0-based), as far as they lie in one piece."""
        for batch in self._kept:
            if row < batch.num_rows:
                return batch.slice(row, most)
            row -= batch.num_rows
        return None


class Backwards:
    """The same answer, read from where it stands towards its beginning."""

    def __init__(self, scroll: Scroll) -> None:
        """Of that one."""
        self._scroll = scroll
        self.end = scroll.end
        self.report = scroll.report

    def next(self, rows: int, bytes: int) -> pa.RecordBatch | None:
        """The rows before the position."""
        return self._scroll.previous(rows, bytes)

    def close(self) -> None:
        """End it."""
        self._scroll.close()
