"""Answers requests: one transaction is one snapshot; what is tested is tested again when the file has changed."""

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence

import adbc_driver_manager
import pyarrow as pa

from hanse.connectors.sqlite import verify
from hanse.connectors.sqlite.catalog import Facts
from hanse.connectors.sqlite.database import Database
from hanse.connectors.sqlite.dialect import DIALECT
from hanse.connectors.sqlite.failures import translate
from hanse.connectors.sqlite.reading import decode, from_rows, pinned
from hanse.errors import Cancelled, HanseError, InternalError, SourceError, StaleSnapshot
from hanse.ir.consistency import Level, Picture
from hanse.ir.expr import Literal
from hanse.ir.request import Request, SqlText
from hanse.ir.tables import Table
from hanse.spi.connector import ReadContext

SHORT_SCAN_ROWS = 2_000_000
"""A table that SQLite scans in well under a second: a statement over it alone needs no interrupting."""
MAY_BE_SILENT = re.compile(r"\b(WHERE|GROUP|ORDER|DISTINCT|HAVING|count|sum|min|max)\b", re.IGNORECASE)
"""What can keep a statement busy without yielding rows."""
ATTEMPTS = 3


class SQLiteSession:
    """One query's stay at one file."""

    def __init__(self, database: Database, known: dict[str, Facts], schema_version: int, context: ReadContext) -> None:
        """``known``: what was found about each table; a new test of a changed file is written back to it."""
        self._database = database
        self._known = known
        self._schema_version = schema_version
        self._batch_rows = context.batch_rows
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._token = ""
        self._taken: tuple[float, float] | None = None
        """Between which moments the transaction began to read."""
        self._moment = context.moment
        self._has_settled = False
        """Whether a change since then would show."""
        self._cancelled = False
        self._readers = 0
        self._closing = False

    @property
    def snapshot(self) -> str | None:
        """A digest of the file's state, once something has been read."""
        return self._token or None

    @property
    def picture(self) -> Picture | None:
        """The transaction's: a writer cannot change what it sees."""
        return Picture(Level.SNAPSHOT, self._token, *self._taken) if self._taken else None

    def pin(self, tables: Sequence[Table], meet: Callable[[], object]) -> None:  # noqa: ARG002  # all tables are alike
        """Begin to read."""
        meet()
        try:
            self._enter()
        except sqlite3.Error as failure:
            raise translate(failure, self._database.source) from None
        self._leave()

    def read(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        """Run the request; batches of ``wire_schema(request.columns)``."""
        texts = [statement(sql, parameters) for sql in request.statements]
        connection = self._enter()
        try:
            self._test_again(connection, request.tables)
            for text in texts:
                batches = self._bulk(text, request) if self._is_bulk(text, request.tables) else None
                yield from batches if batches is not None else self._rows(connection, text, request)
        except (sqlite3.Error, adbc_driver_manager.Error, pa.ArrowException, OSError) as failure:
            raise self._explain(failure, connection, request.tables, texts[0]) from None
        finally:
            self._leave()

    def _enter(self) -> sqlite3.Connection:
        """The session's connection, whose transaction and token belong together."""
        with self._lock:
            if self._cancelled:
                raise Cancelled("the query was cancelled", source=self._database.source)
            for _ in range(ATTEMPTS if self._connection is None else 0):
                began, before = self._moment(), self._database.state()
                connection = self._database.connect()
                if before.digest == self._database.state().digest:
                    self._connection, self._token = connection, before.digest
                    self._taken, self._has_settled = (began, self._moment()), before.has_settled
                    break
                connection.close()
            if self._connection is None:
                raise SourceError("the file changes too fast to read it", source=self._database.source)
            self._readers += 1
            return self._connection

    def _leave(self) -> None:
        with self._lock:
            self._readers -= 1
            self._drop_if_idle()

    def _drop_if_idle(self) -> None:
        if self._closing and not self._readers and self._connection is not None:
            self._connection.close()
            self._connection = None

    def _test_again(self, connection: sqlite3.Connection, tables: tuple[Table, ...]) -> None:
        """Raise StaleSnapshot if the schema changed, or a new value breaks what reading a column rests on."""
        if connection.execute("PRAGMA schema_version").fetchone()[0] != self._schema_version:
            raise StaleSnapshot("the schema has changed", source=self._database.source)
        for table in tables:
            facts = self._known.get(table.name)
            if facts is None:
                raise StaleSnapshot(f"there is no table {table.name} any more", source=self._database.source)
            if facts.token == self._token or not facts.tested:
                continue
            _, broken = verify.broken(connection, table.name, {name: facts.claims[name] for name in facts.tested})
            if broken:
                problem = f"table {table.name} has new values that are not of their column's type: {', '.join(sorted(broken))}"
                raise StaleSnapshot(problem, source=self._database.source)
            self._known[table.name] = Facts(facts.claims, facts.tested, self._token)

    def _is_bulk(self, text: str, tables: tuple[Table, ...]) -> bool:
        if len(tables) != 1 or tables[0].row_count is None:
            return False
        return tables[0].row_count <= SHORT_SCAN_ROWS or not MAY_BE_SILENT.search(text)

    def _bulk(self, text: str, request: Request) -> Iterator[pa.RecordBatch] | None:
        """The faster way, if its own connection sees the very same state of the file."""
        if not self._has_settled:
            return None
        bulk = self._database.bulk()
        if self._database.state().digest != self._token:
            bulk.close()
            return None
        return self._stream(bulk, text, request)

    def _stream(
        self, bulk: "adbc_driver_manager.dbapi.Connection", text: str, request: Request
    ) -> Iterator[pa.RecordBatch]:
        options = {"adbc.sqlite.query.batch_rows": str(self._batch_rows)}
        with bulk, bulk.cursor(adbc_stmt_kwargs=options) as cursor:
            cursor.execute(pinned(text, request.columns))
            skip = 1
            for batch in cursor.fetch_record_batch():
                self._raise_if_cancelled()
                rows, skip = batch.slice(skip), 0
                if rows.num_rows:
                    yield decode(rows.columns, request.columns, self._database.source)

    def _rows(self, connection: sqlite3.Connection, text: str, request: Request) -> Iterator[pa.RecordBatch]:
        cursor = connection.execute(text)
        try:
            while rows := cursor.fetchmany(self._batch_rows):
                self._raise_if_cancelled()
                yield decode(from_rows(rows, request.columns), request.columns, self._database.source)
        finally:
            cursor.close()

    def _raise_if_cancelled(self) -> None:
        if self._cancelled:
            raise Cancelled("the query was cancelled", source=self._database.source)

    def _explain(
        self, failure: BaseException, connection: sqlite3.Connection, tables: tuple[Table, ...], text: str
    ) -> HanseError:
        """Name the value that could not be read, if that is the reason; only columns that the statement names count."""
        source = self._database.source
        if self._cancelled:
            return Cancelled("the query was cancelled", source=source)
        for table in tables:
            facts = self._known.get(table.name)
            claims = {name: claim for name, claim in facts.claims.items() if _names(text, name)} if facts else {}
            found = verify.culprit(connection, source, table.name, claims)
            if found:
                return found
        return translate(failure, source)

    def cancel(self) -> None:
        """Interrupt what runs; the faster way looks for this between batches."""
        with self._lock:
            self._cancelled = True
            if self._connection is not None:
                self._connection.interrupt()

    def close(self) -> None:
        """End what still runs and let go of the file."""
        self.cancel()
        with self._lock:
            self._closing = True
            self._drop_if_idle()


def _names(text: str, column: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(column.replace(chr(34), chr(34) * 2))}(?!\w)", text) is not None


def statement(sql: SqlText, parameters: tuple[Literal, ...]) -> str:
    """The text with its holes filled by literals."""
    return sql.spelled(lambda part: _spell(parameters[part.index]))


def _spell(value: Literal) -> str:
    text = DIALECT.literal(value)
    if text is None:
        raise InternalError(f"SQLite cannot spell a literal of type {value.type}")
    return text
