"""The rows of small fragments while they arrive, and which of two alternatives is read when they are known."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from hanse.execute.cancel import CancelScope
from hanse.ir.fragment import SmallSide
from hanse.ir.request import Request, RowsHole
from hanse.spi.dialect import Dialect


class CollectedRows:
    """The rows of one fragment: one thread adds, others wait. Undecided until it is finished, or has too many."""

    def __init__(self, rows_max: int, scope: CancelScope) -> None:
        """No row yet; ending the scope wakes who waits."""
        self._rows_max = rows_max
        self._scope = scope
        self._changed = threading.Condition()
        self._batches: list[pa.RecordBatch] = []
        self._count = 0
        self._decided = False
        self._is_whole = False
        scope.on_end(self._wake)

    @property
    def decided(self) -> bool:
        """Whether it is known if these are all rows."""
        return self._decided

    def add(self, batch: pa.RecordBatch) -> None:
        """Take the rows of one batch."""
        if self._decided:
            return
        self._count += batch.num_rows
        if self._count > self._rows_max:
            self._batches.clear()
            self._decide(False)
        else:
            self._batches.append(batch)

    def finish(self) -> None:
        """The fragment has no more rows."""
        if not self._decided:
            self._decide(True)

    def _decide(self, is_whole: bool) -> None:
        with self._changed:
            self._decided, self._is_whole = True, is_whole
            self._changed.notify_all()

    def wait(self) -> list[pa.RecordBatch] | None:
        """All rows; None if they are too many. Raises what ended the query."""
        with self._changed:
            while not self._decided and not self._scope.ended:
                self._changed.wait()
        self._scope.check()
        return self._batches if self._is_whole else None

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class Choice:
    """One small side being decided, for its target and for those that are read instead."""

    def __init__(self, side: SmallSide, target: Request, dialect: Dialect, scope: CancelScope) -> None:
        """``dialect`` is that of the target's source."""
        self.rows = {origin: CollectedRows(side.rows_max, scope) for origin in side.origins}
        self._side = side
        self._dialect = dialect
        self._holes = {part.fragment: part for part in target.sql.parts if isinstance(part, RowsHole)}
        self._lock = threading.Lock()
        self._is_decided = False
        self._texts: Mapping[int, str] | None = None

    def of(self, request: Request) -> Request | None:
        """What becomes of one of the alternatives: the target with the rows, or what is read instead; None for the other."""
        texts = self._decided()
        if request.fragment != self._side.target:
            return request if texts is None else None
        return replace(request, sql=request.sql.with_rows(texts)) if texts else None

    def _decided(self) -> Mapping[int, str] | None:
        """The rows as SQL, by fragment: nothing if one has none, so that nobody has to be asked; None if they are too many
        or hold what the source cannot be sent. Whoever comes first decides, once."""
        found = {origin: rows.wait() for origin, rows in self.rows.items()}
        with self._lock:
            if not self._is_decided:
                self._texts = self._spelt(found)
                self._is_decided = True
            return self._texts

    def _spelt(self, found: Mapping[int, list[pa.RecordBatch] | None]) -> Mapping[int, str] | None:
        if any(batches is not None and not any(batch.num_rows for batch in batches) for batches in found.values()):
            return {}
        texts: dict[int, str] = {}
        for fragment, batches in found.items():
            text = None if batches is None else self._text(self._holes[fragment], batches)
            if text is None:
                return None
            texts[fragment] = text
        size = sum(len(text.encode()) for text in texts.values())
        return texts if size <= self._side.bytes_max else None

    def _text(self, hole: RowsHole, batches: list[pa.RecordBatch]) -> str | None:
        try:
            rows = [row for batch in batches for row in _values(batch, hole)]
        except (OverflowError, ValueError):
            return None  # a moment that Arrow holds and Python does not
        return self._dialect.rows(hole.names, hole.types, rows)


def _values(batch: pa.RecordBatch, hole: RowsHole) -> list[tuple[Any, ...]]:
    columns = [batch.column(batch.schema.get_field_index(name)).to_pylist() for name in hole.names]
    return list(zip(*columns, strict=True)) if columns else [()] * batch.num_rows
