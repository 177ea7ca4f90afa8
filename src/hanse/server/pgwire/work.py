"""What the protocol's machine wants to be done that may wait: values that go out, results that come back.

``Worker`` does it, in whatever thread it is called.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hanse.engine import Description
from hanse.errors import HanseError, UserError
from hanse.ir.types import Type
from hanse.parse.copying import CopyOut
from hanse.parse.script import Piece, pieces
from hanse.server.answering import Answer, Running
from hanse.server.pgwire.oids import of_type
from hanse.server.pgwire.reading import expanded
from hanse.server.pgwire.rows import Layout, data_rows

PIECE_BYTES = 1_000_000
"""About as much of an answer is made ready at a time; the next when that has gone."""
BATCH_ROWS = 65_536
GATHER_SECONDS = 0.02
"""For so long small batches are gathered before the first goes out."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Which statements are in a long text? Yields them."""

    text: str


@dataclass(frozen=True, slots=True)
class Describe:
    """What are the columns, and the parameters' types? Yields a ``Description``."""

    sql: str
    types: tuple[Type, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """Start a statement and read its first rows. Yields ``Started``."""

    sql: str
    values: tuple[Any, ...]
    formats: tuple[int, ...]
    most: int
    """Rows, 0: all."""
    promised: tuple[int, ...] | None = None
    """The columns' types that the client was told; others are an error."""
    copy: CopyOut | None = None
    """How rows are written that are copied out."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read on. Yields a ``Chunk``."""

    answer: Answer
    layout: Layout
    most: int


@dataclass(frozen=True, slots=True)
class Shut:
    """End answers that nobody will read on. Yields nothing."""

    answers: Sequence[Answer]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows, as messages; whether there are no more."""

    messages: tuple[memoryview, ...]
    rows: int
    is_last: bool


@dataclass(frozen=True, slots=True)
class Started:
    """A statement that runs, and its first rows."""

    answer: Answer
    layout: Layout
    chunk: Chunk


Work = Cut | Describe | Start | Read | Shut
Found = tuple[Piece, ...] | Description | Started | Chunk | None


class Worker:
    """Does one connection's work."""

    def __init__(self, running: Running) -> None:
        """Whatever ``running`` runs can be stopped there."""
        self._running = running

    def __call__(self, work: Work) -> Found:
        """Do it; raises HanseError. An answer that fails holds nothing any more."""
        match work:
            case Cut():
                return tuple(pieces(work.text))
            case Describe():
                return self._running.describe(work.sql, work.types)
            case Start():
                return self._start(work)
            case Read():
                self._running.read_on(work.answer)
                return _read(work.answer, work.layout, work.most)
            case Shut():
                for answer in work.answers:
                    answer.close()
                return None

    def _start(self, work: Start) -> Started:
        answer = self._running.start(work.sql, work.values)
        try:
            types = tuple(column.type for column in answer.columns)
            if work.promised is not None and tuple(map(of_type, types)) != work.promised:
                raise UserError("cached plan must not change result type", sqlstate="0A000", hint="prepare it again")
            layout = Layout(types, expanded(work.formats, len(types)), answer.report.timezone, work.copy)
        except HanseError:
            answer.close()
            raise
        return Started(answer, layout, _read(answer, layout, work.most))


def _read(answer: Answer, layout: Layout, most: int) -> Chunk:
    """Rows until there is enough to send, or no more are wanted."""
    found: list[memoryview] = []
    rows = size = 0
    began = time.monotonic()
    try:
        while True:
            batch = answer.next(most - rows if most else BATCH_ROWS, PIECE_BYTES)
            if batch is None:
                return Chunk(tuple(found), rows, True)
            pieces = tuple(data_rows(batch, layout))
            found += pieces
            size += sum(map(len, pieces))
            rows += batch.num_rows
            if size >= PIECE_BYTES or rows == most or time.monotonic() - began > GATHER_SECONDS:
                return Chunk(tuple(found), rows, False)
    except BaseException:
        answer.close()
        raise
