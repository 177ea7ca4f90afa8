"""Python's DB-API 2.0 (PEP 249) over an engine.

    import hanse.dbapi

    with hanse.dbapi.connect("hanse.yaml") as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM crm.customers WHERE region = :region", {"region": "north"})
        for row in cursor: ...

Rows stream: a cursor that is not read to its end should be closed. Transactions do not exist, as everything is read only:
``commit`` does nothing and ``rollback`` is not supported.
"""

import datetime as dt
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from hanse import errors
from hanse.engine import Engine
from hanse.execute.report import Report
from hanse.execute.result import ResultStream, python_rows
from hanse.groups import Caller

apilevel = "2.0"
threadsafety = 1
paramstyle = "named"
"""``:name`` with a mapping; ``$1`` with a sequence works too."""


class Warning(Exception):  # the name is PEP 249's
    """An important warning; never raised."""


class Error(Exception):
    """Base of all errors of this module; ``__cause__`` is the HanseError, ``sqlstate`` its code."""

    sqlstate: str = "XX000"


class InterfaceError(Error):
    """The module was used wrongly."""


class DatabaseError(Error):
    """The statement or a source failed."""


class DataError(DatabaseError):
    """A value does not fit or cannot be computed."""


class OperationalError(DatabaseError):
    """A source or a resource failed."""


class IntegrityError(DatabaseError):
    """A constraint was violated; never raised."""


class InternalError(DatabaseError):
    """A bug of the engine."""


class ProgrammingError(DatabaseError):
    """The statement or the configuration is wrong."""


class NotSupportedError(DatabaseError):
    """A feature that does not exist."""


CLASSES: tuple[tuple[type[errors.HanseError], type[Error]], ...] = (
    (errors.InvalidValue, DataError),
    (errors.Unsupported, NotSupportedError),
    (errors.Cancelled, OperationalError),
    (errors.NotConsistent, OperationalError),
    (errors.UserError, ProgrammingError),
    (errors.Denied, ProgrammingError),
    (errors.SourceError, OperationalError),
    (errors.ResourceLimit, OperationalError),
    (errors.InternalError, InternalError),
)


def _error(failure: errors.HanseError) -> Error:
    ours = next((ours for theirs, ours in CLASSES if isinstance(failure, theirs)), DatabaseError)
    error = ours(str(failure))
    error.sqlstate = failure.code
    return error


class TypeObject:
    """Compares equal to the type codes of its family (PEP 249, Type Objects)."""

    def __init__(self, *kinds: str) -> None:
        """A family of kinds (``ir.types.Kind``)."""
        self.kinds = frozenset(kinds)

    def __eq__(self, other: object) -> bool:
        return other in self.kinds if isinstance(other, str) else self is other

    def __hash__(self) -> int:
        return hash(self.kinds)


STRING = TypeObject("text", "enum", "uuid", "json")
BINARY = TypeObject("bytea")
NUMBER = TypeObject(
    "int8",
    "smallint",
    "integer",
    "bigint",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "numeric",
    "real",
    "double precision",
)
DATETIME = TypeObject("date", "time", "timestamp", "timestamptz", "interval")
ROWID = TypeObject()

Date = dt.date
Time = dt.time
Timestamp = dt.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> dt.date:  # noqa: N802  # the name is PEP 249's
    """The local date of a number of seconds since the epoch."""
    return Date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> dt.time:  # noqa: N802
    """The local time of day of a number of seconds since the epoch."""
    return Time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> dt.datetime:  # noqa: N802
    """The local timestamp of a number of seconds since the epoch."""
    return Timestamp(*time.localtime(ticks)[:6])  # local time is what PEP 249 asks for


class Connection:
    """An engine as a DB-API connection."""

    def __init__(self, engine: Engine) -> None:
        """Wrap an engine, which ``close`` closes."""
        self._engine: Engine | None = engine

    @property
    def engine(self) -> Engine:
        """The engine; raises InterfaceError when closed."""
        if self._engine is None:
            raise InterfaceError("the connection is closed")
        return self._engine

    def cursor(self) -> "Cursor":
        """A new cursor."""
        _ = self.engine
        return Cursor(self)

    def commit(self) -> None:
        """Nothing: there are no writes."""
        _ = self.engine

    def rollback(self) -> None:
        """Not supported: there are no transactions."""
        raise NotSupportedError("there are no transactions: everything is read only")

    def close(self) -> None:
        """Close the engine."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Cursor:
    """One statement at a time, its rows fetched as they stream."""

    def __init__(self, connection: Connection) -> None:
        """A cursor on an open connection."""
        self.connection = connection
        self.arraysize = 1
        self.rowcount = -1
        self.description: list[tuple[Any, ...]] | None = None
        self._result: ResultStream | None = None
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self._is_open = True

    def execute(self, operation: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None) -> "Cursor":
        """Run a statement; its rows are then fetched."""
        self._require_open()
        self._end()
        try:
            result = self.connection.engine.query(operation, parameters)
        except errors.HanseError as failure:
            raise _error(failure) from failure
        self._result = result
        self.description = [
            (column.name, column.type.kind.value, None, None, None, None, column.nullable) for column in result.columns
        ] or None
        self._rows = _rows(result)
        return self

    def executemany(self, operation: str, seq_of_parameters: Iterable[Sequence[Any] | Mapping[str, Any]]) -> None:
        """Run a statement once per set of parameters; the last one's rows are then fetched."""
        for parameters in seq_of_parameters:
            self.execute(operation, parameters)

    @property
    def report(self) -> Report | None:
        """How the answer came about, and whether it is ``complete``; None before a statement (an extension of PEP 249)."""
        return None if self._result is None else self._result.report

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row, or None after the last."""
        self._require_result()
        try:
            return next(self._rows, None)
        except errors.HanseError as failure:
            raise _error(failure) from failure

    def fetchmany(self, size: int | None = None) -> list[tuple[Any, ...]]:
        """The next ``size`` rows, ``arraysize`` by default; fewer at the end."""
        rows: list[tuple[Any, ...]] = []
        while len(rows) < (self.arraysize if size is None else size) and (row := self.fetchone()) is not None:
            rows.append(row)
        return rows

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows that are left."""
        self._require_result()
        try:
            return list(self._rows)
        except errors.HanseError as failure:
            raise _error(failure) from failure

    def fetch_arrow_table(self) -> pa.Table:
        """The whole answer as an Arrow table; before any row was fetched."""
        result = self._require_result()
        try:
            return result.to_arrow()
        except errors.HanseError as failure:
            raise _error(failure) from failure

    def setinputsizes(self, sizes: Sequence[Any]) -> None:
        """Ignored, as PEP 249 allows."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Ignored, as PEP 249 allows."""

    def close(self) -> None:
        """End what still runs."""
        self._end()
        self._is_open = False

    def _end(self) -> None:
        if self._result is not None:
            self._result.close()
        self._result = None
        self.description = None
        self._rows = iter(())

    def _require_open(self) -> None:
        if not self._is_open:
            raise InterfaceError("the cursor is closed")

    def _require_result(self) -> ResultStream:
        self._require_open()
        if self._result is None or self.description is None:
            raise InterfaceError("no statement with rows has been executed")
        return self._result

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while (row := self.fetchone()) is not None:
            yield row

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _rows(result: ResultStream) -> Iterator[tuple[Any, ...]]:
    for batch in result:
        yield from python_rows(batch)


def connect(config: str | Path | Mapping[str, Any] = "hanse.yaml", user: str = "", client: str = "") -> Connection:
    """A connection over the sources of a hanse.yaml, or of a mapping of the same shape; ``user`` and ``client``, the program
    that asks, decide about resource groups."""
    try:
        return Connection(Engine(config, caller=Caller(user, client=client)))
    except errors.HanseError as failure:
        raise _error(failure) from failure
