"""What the protocol's machine wants to be done that may wait: values that go out, results that come back.

``Worker`` does it, in whatever thread it is called.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hanse.errors import HanseError, UserError
from hanse.ir import types as t
from hanse.parse.copying import CopyOut
from hanse.parse.cursors import Fetch
from hanse.parse.script import Piece, pieces
from hanse.server.answering import Answer, Running
from hanse.server.pgcatalog import ResultColumn, is_about_catalog, told
from hanse.server.pgwire import oids
from hanse.server.pgwire.lookups import listed
from hanse.server.pgwire.reading import expanded
from hanse.server.pgwire.rows import Layout, data_rows
from hanse.server.scrolling import Backwards, Scroll

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
    """What are the columns, and the parameters' types? Yields ``Described``."""

    sql: str
    declared: tuple[int, ...]
    """What the client said of the parameters' types: OIDs, 0 where it leaves that to us."""


@dataclass(frozen=True, slots=True)
class Described:
    """A statement before it runs."""

    parameters: tuple[int, ...]
    """OIDs of its parameters, and of those that the client has declared besides."""
    used: int
    """How many of them the statement has."""
    columns: tuple[ResultColumn, ...]
    is_lookup: bool = False
    """Whether the catalog answers it."""


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
    parameters: tuple[int, ...] = ()
    """OIDs of the values."""
    is_read: bool = True
    """False: start it, and read nothing yet."""


@dataclass(frozen=True, slots=True)
class Read:
    """Read on. Yields a ``Chunk``."""

    answer: Answer | Scroll | Backwards
    layout: Layout
    most: int


@dataclass(frozen=True, slots=True)
class Seek:
    """Move a cursor to where rows are wanted from. Yields ``Sought``."""

    scroll: Scroll
    fetch: Fetch


@dataclass(frozen=True, slots=True)
class Sought:
    """What is to be read from there."""

    most: int | None
    """Rows, 0: all; None: nothing."""
    is_backward: bool = False
    rows: int = 0
    """Rows that were passed without reading."""


@dataclass(frozen=True, slots=True)
class Shut:
    """End answers that nobody will read on. Yields nothing."""

    answers: Sequence[Answer | Scroll]


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
    columns: tuple[ResultColumn, ...]
    formats: tuple[int, ...]
    """Each column's."""
    chunk: Chunk
    is_lookup: bool


Work = Cut | Describe | Start | Read | Seek | Shut
Found = tuple[Piece, ...] | Described | Started | Chunk | Sought | None


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
                return self._described(work)
            case Start():
                return self._start(work)
            case Read():
                self._running.read_on(work.answer)
                return _read(work.answer, work.layout, work.most)
            case Seek():
                self._running.read_on(work.scroll)
                return _sought(work.scroll, work.fetch)
            case Shut():
                for answer in work.answers:
                    answer.close()
                return None

    def _described(self, work: Describe) -> Described:
        if is_about_catalog(work.sql):
            look = self._running.describe_lookup(work.sql, work.declared)
            more = work.declared[len(look.parameters) :]
            return Described(look.parameters + more, len(look.parameters), look.columns, is_lookup=True)
        found = self._running.describe(work.sql, tuple(map(oids.declared, work.declared)))
        types = found.parameter_types
        said = tuple(_said(work.declared, place, type) for place, type in enumerate(types))
        sent = tuple(map(oids.declared, said))
        if any(one != type and not _is_exact(one) for one, type in zip(sent, types, strict=True)):
            found = self._running.describe(work.sql, sent)  # a type of ours that a client sends as a wider one
        return Described(said + work.declared[len(types) :], len(types), told(found.columns))

    def _start(self, work: Start) -> Started:
        is_lookup = is_about_catalog(work.sql)
        if is_lookup:
            look = self._running.look_up(work.sql, work.values, work.parameters)
            formats = expanded(work.formats, len(look.columns))
            answer, layout = listed(look, formats, work.copy)
            columns = look.columns
        else:
            answer = self._running.start(work.sql, work.values)
            types = tuple(column.type for column in answer.columns)
            columns = told(answer.columns)
            formats = _formats(answer, work)
            layout = Layout(types, formats, answer.report.timezone, work.copy)
        if work.promised is not None and tuple(one.type.oid for one in columns) != work.promised:
            answer.close()
            raise UserError("cached plan must not change result type", sqlstate="0A000", hint="prepare it again")
        chunk = _read(answer, layout, work.most) if work.is_read else Chunk((), 0, False)
        return Started(answer, layout, columns, formats, chunk, is_lookup)


def _formats(answer: Answer, work: Start) -> tuple[int, ...]:
    try:
        return expanded(work.formats, len(answer.columns))
    except HanseError:
        answer.close()
        raise


def _said(declared: tuple[int, ...], place: int, type: t.Type) -> int:
    """The type of a parameter: what the client says, or what the statement makes of it."""
    known = declared[place] if place < len(declared) else 0
    return known if known not in (0, oids.UNKNOWN) else oids.of_type(type)


def _is_exact(type: t.Type) -> bool:
    """Whether its values have the digits that they have, whatever the type says."""
    return isinstance(type, t.Decimal) or (isinstance(type, t.Array) and _is_exact(type.item))


def _sought(scroll: Scroll, fetch: Fetch) -> Sought:
    """Where FETCH reads (PostgreSQL's manual): the cursor stands before the first row that it does."""
    count, how = fetch.count, fetch.how
    if how in ("forward", "backward"):
        if count is None:
            return Sought(0, how == "backward")
        if count:
            return Sought(abs(count), (how == "backward") != (count < 0))
    if how == "absolute":
        assert count is not None
        row = count if count >= 0 else scroll.count() + 1 + count
    else:
        row = scroll.position + (count or 0) if how == "relative" else scroll.position
        if row == scroll.position and not (scroll.is_on_row() and not fetch.is_move):
            return Sought(None, rows=int(scroll.is_on_row()))
    scroll.seek(row - 1)
    return Sought(1 if row > 0 else None)


def _read(answer: Answer | Scroll | Backwards, layout: Layout, most: int) -> Chunk:
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
