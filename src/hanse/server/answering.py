"""What a session asks, done in a thread of its own while it is being done: the engine blocks, listeners do not.

Thread-safe as far as ``stop`` goes: everything else is one call at a time.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, Protocol

import pyarrow as pa

from hanse.engine import Description, End
from hanse.errors import Cancelled, HanseError
from hanse.execute.report import Report
from hanse.execute.result import ResultStream
from hanse.groups import Caller
from hanse.ir.expr import Column
from hanse.ir.types import Type
from hanse.parameters import Given
from hanse.parse.statements import EXPLAIN, QUERY
from hanse.server import pgcatalog
from hanse.server.catalogs import Catalogs
from hanse.server.session import Session


class Asked(Protocol):
    """What is needed of the engine."""

    def query(
        self,
        sql: str,
        params: Given,
        settings: Mapping[str, Any],
        caller: Caller,
        begun: Callable[[End], object],
    ) -> ResultStream:
        """Start a statement."""

    def describe(self, sql: str, types: Sequence[Type], settings: Mapping[str, Any]) -> Description:
        """Describe one."""


class Answer:
    """A running statement's rows, taken as many as are wanted."""

    def __init__(self, stream: ResultStream, end: End | None) -> None:
        """``end`` ends the statement early."""
        self._stream = stream
        self._batches = iter(stream)
        self._kept: pa.RecordBatch | None = None
        self.end = end
        self.rows = 0

    @property
    def columns(self) -> tuple[Column, ...]:
        """The answer's columns."""
        return self._stream.columns

    @property
    def report(self) -> Report:
        """How it came about, as far as it has."""
        return self._stream.report

    def next(self, rows: int, bytes: int) -> pa.RecordBatch | None:
        """The next rows, so many and about so many bytes at most; None after the last. Raises HanseError."""
        batch, self._kept = self._kept, None
        while batch is None or not batch.num_rows:
            batch = next(self._batches, None)
            if batch is None:
                return None
        most = min(rows, max(1, int(batch.num_rows * bytes / max(1, batch.nbytes))))
        if batch.num_rows > most:
            batch, self._kept = batch.slice(0, most), batch.slice(most)
        self.rows += batch.num_rows
        return batch

    def close(self) -> None:
        """End it where it still runs."""
        self._stream.close()


class Read(Protocol):
    """An answer that was started before."""

    @property
    def end(self) -> End | None:
        """What ends it early."""


class Running:
    """What one session runs, a message of its client at a time."""

    def __init__(self, engine: Asked, session: Session, catalogs: Catalogs) -> None:
        """Nothing runs."""
        self._engine = engine
        self._session = session
        self._catalogs = catalogs
        self._lock = threading.Lock()
        self._is_busy = False
        self._end: End | None = None
        self._why: HanseError | None = None

    def stop(self, why: HanseError | None = None) -> None:
        """End what runs at this moment, if anything does; its reader is told why. Waits for nobody."""
        why = why or Cancelled("canceling statement due to user request")
        with self._lock:
            if not self._is_busy:
                return
            self._why = self._why or why
            end = self._end
        if end is not None:
            end(why)

    @contextmanager
    def busy(self) -> Iterator[None]:
        """While this holds, ``stop`` ends what is done."""
        with self._lock:
            self._is_busy, self._why, self._end = True, None, None
        try:
            yield
        finally:
            with self._lock:
                self._is_busy, self._end = False, None

    def read_on(self, answer: "Read") -> None:
        """From now on ``stop`` ends this one, which was started for an earlier message."""
        if answer.end is not None:
            self._begun(answer.end)

    def _begun(self, end: End) -> None:
        with self._lock:
            self._end, why = end, self._why
        if why is not None:
            end(why)

    def describe(self, sql: str, types: Sequence[Type]) -> Description:
        """What a statement's answer has for columns, and the types of its parameters. Raises HanseError."""
        found = self._engine.describe(sql, types, self._session.variables.settings)
        if found.kind in (QUERY, EXPLAIN):
            return found
        with closing(self.start(sql, ())) as answer:  # SHOW is answered from what is known, and costs nothing
            return Description(found.kind, answer.columns, ())

    def describe_lookup(self, sql: str, oids: Sequence[int]) -> pgcatalog.Description:
        """The same of a statement about the catalog. Raises HanseError."""
        return self._catalogs.describe(sql, self._session, oids)

    def look_up(self, sql: str, values: Sequence[Any], oids: Sequence[int]) -> pgcatalog.Answer:
        """The answer of a statement about the catalog, whole. Raises HanseError."""
        return self._catalogs.query(sql, self._session, values, oids, self._begun)

    def start(self, sql: str, values: Given) -> Answer:
        """Start a statement. Raises HanseError."""
        stream = self._engine.query(sql, values, self._session.variables.settings, self._session.caller, self._begun)
        return Answer(stream, self._end)
