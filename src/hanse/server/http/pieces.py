"""An answer as pieces of bytes, made in a thread: about as much as a socket takes at a time, and early what comes slowly."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from hanse.errors import HanseError
from hanse.execute.report import Report
from hanse.ir.expr import Column
from hanse.server.http.formats import WRITERS, Shape
from hanse.server.http.statement import statement_of

PIECE_BYTES = 1_000_000
"""About as much is made ready at a time; the next when that has gone."""
BATCH_ROWS = 65_536
GATHER_SECONDS = 0.02
"""For so long small batches are gathered before the first goes out."""


class Source(Protocol):
    """Where rows come from."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns."""

    @property
    def report(self) -> Report:
        """How they came about."""

    def next(self, rows: int, bytes: int) -> pa.RecordBatch | None:
        """The next rows, so many and about so many bytes at most; None after the last."""

    def close(self) -> None:
        """End it where it still runs."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Some of an answer; whether there is no more."""

    data: bytes
    is_last: bool


class Pieces:
    """The pieces of one answer. One thread at a time."""

    def __init__(self, answer: Source, media: str, statement: Callable[[], dict[str, Any]] | None = None) -> None:
        """Nothing is read. ``statement`` is asked for what is said at the end; by default it is that of the report."""
        self._statement = statement or (lambda: statement_of(answer.report))
        self._answer = answer
        self._writer = WRITERS[media](Shape.of(answer.columns, answer.report))
        self._is_begun = False

    @property
    def answer(self) -> Source:
        """Whose they are."""
        return self._answer

    def next(self) -> Piece:
        """The next piece. Raises HanseError; the answer then holds nothing any more."""
        found: list[bytes] = []
        began = time.monotonic()
        try:
            if not self._is_begun:
                self._is_begun = True
                found.append(self._writer.head())
            while sum(map(len, found)) < PIECE_BYTES and time.monotonic() - began < GATHER_SECONDS:
                batch = self._answer.next(BATCH_ROWS, PIECE_BYTES)
                if batch is None:
                    found.append(self._writer.tail(self._statement()))
                    return Piece(b"".join(found), True)
                found.append(self._writer.rows(batch))
        except BaseException:
            self._answer.close()
            raise
        return Piece(b"".join(found), False)

    def failed(self, error: HanseError) -> bytes:
        """What is said instead of the next piece."""
        return self._writer.failed(error)
