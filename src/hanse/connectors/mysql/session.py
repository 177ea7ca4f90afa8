"""One query's stay at a server: read-only statements under one snapshot, streamed, and ended on demand."""

import contextlib
import functools
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from hanse.connectors.mysql.decode import Decoder, Policy
from hanse.connectors.mysql.dialect import MysqlDialect
from hanse.connectors.mysql.errors import FAILURES, INTERRUPTED, is_lost, number, translate
from hanse.connectors.mysql.expected import planned
from hanse.connectors.mysql.opening import shut_connection
from hanse.connectors.mysql.shots import ROWS_BEFORE, Shot, begun, unlike
from hanse.connectors.mysql.wire import Connection, Rows, check_warnings
from hanse.connectors.shared.attempts import Attempt, given_up_after
from hanse.connectors.shared.lanes import Lanes
from hanse.connectors.shared.ownership import Ownership
from hanse.connectors.shared.pool import Pool
from hanse.errors import Cancelled, HanseError, InvalidValue, StaleSnapshot
from hanse.ir.consistency import Picture
from hanse.ir.expr import Literal, Parameter
from hanse.ir.request import Request, SqlText
from hanse.ir.tables import Table
from hanse.spi.connector import ReadContext

POLITE_SECONDS = 0.3
"""How long the server may take to hear of the end before our sockets are shut."""
KILL_SECONDS = 0.8
"""How long it is tried to tell it."""
GRACE_SECONDS = 0.25
"""How much later than a query's deadline the server ends its statements by itself, where it hears nothing of us."""


@dataclass(frozen=True, slots=True)
class Door:
    """What a session needs of its connector."""

    source: str
    pool: Pool[Connection]
    ways: "Ways"
    policy: Policy
    dialect: MysqlDialect
    round_trip: float | None = None
    """What an exchange took when a connection was opened, in seconds."""
    is_copy: bool = False
    """Whether the server was one that replays another's transactions when its catalog was read."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How statements are marked, limited and ended."""

    connect: Callable[[Attempt], Connection]
    """Opens a connection beside the pool, to end statements with."""
    limited: Callable[[Connection, str, float], str]
    """The statement as it is sent so that the server ends it after so many seconds."""
    owner: Ownership[Connection]
    """Whose the statements are."""


class Running:
    """A connection that a session has leased. ``doomed``: it is to be killed, so it never goes back to the pool."""

    __slots__ = ("connection", "doomed")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.doomed = False


class Told:
    """Whom to tell how far a request is."""

    __slots__ = ("_context", "_request")

    def __init__(self, context: ReadContext, request: Request) -> None:
        self._context = context
        self._request = request

    def asking(self) -> None:
        """Its turn has come."""
        self._context.asking(self._request)

    def connected(self) -> None:
        """It is sent."""
        self._context.connected(self._request)


class MysqlSession:
    """The session of ``spi.connector`` for MySQL and MariaDB.

    A single statement has a connection to itself: it sees one snapshot. Several share a transaction WITH CONSISTENT
    SNAPSHOT on one connection and take turns (``Lanes``).
    """

    def __init__(self, door: Door, context: ReadContext) -> None:
        """Lease a connection, and open none yet."""
        self._door = door
        self._context = context
        self._lock = threading.Lock()
        self._begin_lock = threading.Lock()
        self._running: set[Running] = set()
        self._attempts: set[Attempt] = set()
        """Connections that are being made."""
        self._ended = False
        self._answered = 0
        self._cause: HanseError | None = None
        """Why the shared connection is lost, for those who come after whoever found that out."""
        self._shared: Running | None = None
        self._shot: Shot | None = None
        """What is known of what the requests share, or of what the only one saw."""
        self._unlike: dict[str, str] = {}
        """Tables that no snapshot shows, each with the reason."""
        self._lease = door.pool.lease(1, context.is_ended, context.share)
        self._lanes = Lanes(door.source, 1, context)

    @property
    def snapshot(self) -> str | None:
        """What several requests share: the binary log's position, or the transaction's connection and start. None for a
        single request, and where a table's engine has no snapshots (MyISAM, Aria, MEMORY)."""
        shot = self._shot
        return shot.name if shot is not None and not self._unlike else None

    @property
    def picture(self) -> Picture | None:
        """Of the transaction's snapshot, or of what a single statement sees."""
        shot = self._shot
        return None if shot is None else shot.picture(self._unlike)

    def pin(self, tables: Sequence[Table], meet: Callable[[], object]) -> None:
        """Begin the transaction that all requests share."""
        self._unlike |= unlike(tables)
        try:
            self._transaction(meet)
        except FAILURES as raised:
            raise translate(raised, self._door.source, self._ended) from None

    @property
    def round_trip(self) -> float | None:
        """As connecting showed it."""
        return self._door.round_trip

    def read(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        """Run the request and yield its batches, decoded."""
        texts = [self._spelled(sql, parameters) for sql in request.statements]
        decoder = Decoder(request.columns, request.tables, self._door.policy)
        self._unlike |= unlike(request.tables)
        return self._counted(request.fragment, texts, decoder, Told(self._context, request))

    def _counted(self, fragment: int, texts: Sequence[str], decoder: Decoder, told: Told) -> Iterator[pa.RecordBatch]:
        """The answer; after the last one others may have the connection, however long the query goes on."""
        try:
            if self._context.requests > 1 or len(texts) > 1 or self._context.pinned:
                yield from self._lanes.read(fragment, lambda: self._turn(texts, decoder, told))
            else:
                yield from self._alone(texts[0], decoder, told)
        finally:
            with self._lock:
                self._answered += 1
                last = self._answered >= self._context.requests
            if last:
                self._release()

    def _spelled(self, sql: SqlText, parameters: tuple[Literal, ...]) -> str:
        return sql.spelled(lambda part: self._value(part, parameters))

    def _value(self, hole: Parameter, parameters: tuple[Literal, ...]) -> str:
        text = self._door.dialect.literal(parameters[hole.index])
        if text is None:
            message = f"parameter ${hole.index + 1} has a value that the source cannot hold"
            raise InvalidValue(message, source=self._door.source)
        return text if text.isdigit() else f"({text})"  # LIMIT takes a number, and no expression

    # one request: a connection of its own

    def _alone(self, sql: str, decoder: Decoder, told: Told) -> Iterator[pa.RecordBatch]:
        running: Running | None = None
        finished = False
        told.asking()
        try:
            running, rows = self._start(sql, told)
            is_first = ROWS_BEFORE.search(sql) is None
            for batch in self._batches(running, rows, decoder):
                if is_first:
                    is_first = self._seen()
                yield batch
            self._seen()
            self._give_back(running)
            finished = True
        except FAILURES as failure:
            raise translate(failure, self._door.source, self._ended) from None
        finally:
            if running is not None and not finished:
                self._drop(running)

    def _seen(self) -> bool:
        """The only statement has read something, so its snapshot was taken; returns False."""
        if self._shot is not None and self._shot.after is None:
            self._shot = replace(self._shot, after=self._context.moment())
        return False

    def _start(self, sql: str, told: Told) -> tuple[Running, Rows]:
        """The statement on a leased connection; an idle one that the server has closed meanwhile is replaced."""
        while True:
            running, used = self._connected()
            try:
                told.connected()
                self._explain(running, [sql])
                self._shot = Shot(self._context.moment(), is_copy=self._door.is_copy)
                return running, self._rows(running, sql)
            except FAILURES as failure:
                self._drop(running)
                if not (used and is_lost(failure)) or self._ended:
                    raise
            except HanseError:
                self._drop(running)
                raise

    def _explain(self, running: Running, texts: Sequence[str]) -> None:
        """Raise where the server's own plans are above what may be."""
        ceiling = self._context.ceiling
        if ceiling is None:
            return
        plans = []
        with running.connection.cursor() as cursor:
            for text in texts:
                cursor.execute(f"/* {self._tag} */ EXPLAIN FORMAT=JSON {text}")
                plans.append(planned(json.loads(cursor.fetchone()[0])))
        ceiling.check(plans, self._door.source)

    def _connected(self) -> tuple[Running, bool]:
        attempt = Attempt()
        with self._lock:
            self._raise_if_ended()
            self._attempts.add(attempt)
        try:
            connection, used = self._lease.connection(attempt)
        finally:
            with self._lock:
                self._attempts.discard(attempt)
        running = Running(connection)
        with self._lock:
            self._running.add(running)
            ended = self._ended
        if ended:
            self._drop(running)
            self._raise_if_ended()
        if not used:
            self._context.answered()
        return running, used

    def _raise_if_ended(self) -> None:
        if self._ended:
            raise Cancelled("the statement was cancelled", source=self._door.source)

    def _rows(self, running: Running, sql: str) -> Rows:
        """Send a statement. The server ends it by itself where nobody will want its answer then and no cancel gets through."""
        left = max(0.001, self._context.seconds_left() + GRACE_SECONDS)
        sql = self._door.ways.limited(running.connection, sql, left)
        return Rows(running.connection, f"/* {self._tag} */ {sql}", self._context.batch_rows, self._context.batch_bytes)

    @functools.cached_property
    def _tag(self) -> str:
        """What the server shows of the session's statements: whose they are, and what for."""
        return f"hanse:{self._context.query_id}{self._door.ways.owner.suffix()}"

    def _batches(self, running: Running, rows: Rows, decoder: Decoder) -> Iterator[pa.RecordBatch]:
        if rows.width != decoder.width:
            message = f"the source answered with {rows.width} columns, not {decoder.width}"
            raise StaleSnapshot(message, source=self._door.source)
        for block in rows:
            if running.doomed:
                raise Cancelled("the statement was cancelled", source=self._door.source)
            yield decoder.decode(block)
        if rows.warnings:
            check_warnings(running.connection, self._door.source)

    # several requests: turns in one transaction

    def _turn(self, texts: Sequence[str], decoder: Decoder, told: Told) -> Iterator[pa.RecordBatch]:
        """One answer, in its turn. Leaving it early ends its statement and keeps the transaction."""
        told.asking()
        try:
            running = self._transaction()
            told.connected()
            self._explain(running, texts)
            for sql in texts:
                yield from self._answer(running, sql, decoder)
        except FAILURES as raised:
            raise translate(raised, self._door.source, self._ended) from None

    def _answer(self, running: Running, sql: str, decoder: Decoder) -> Iterator[pa.RecordBatch]:
        """The rows of one statement of the transaction."""
        rows = self._rows(running, sql)
        try:
            yield from self._batches(running, rows, decoder)
        except GeneratorExit:
            self._skip(running, rows)
            raise
        except FAILURES as raised:
            self._cause = translate(raised, self._door.source, self._ended)
            self._doom(running)
            raise
        except BaseException:
            self._doom(running)
            raise

    def _skip(self, running: Running, rows: Rows) -> None:
        """End one statement of the transaction, whose rest nobody wants, and keep the transaction for the others."""
        if running.doomed:
            return
        self._end([running], "KILL QUERY")
        for statement in (rows.drain, running.connection.ping):
            try:
                statement()
            except FAILURES as failure:
                if number(failure) != INTERRUPTED:
                    self._doom(running)
                    raise

    def _transaction(self, meet: Callable[[], object] = lambda: None) -> Running:
        """The shared connection; the first request opens its transaction."""
        with self._begin_lock:
            shared = self._shared
            if shared is not None:
                if shared.doomed:
                    ended = Cancelled("another request of the query was ended", source=self._door.source)
                    raise self._cause or ended
                return shared
            while True:
                running, used = self._connected()
                try:
                    meet()
                    self._shot = begun(running.connection, self._context.moment)
                    self._shared = running
                    return running
                except FAILURES as failure:
                    self._drop(running)
                    if not (used and is_lost(failure)) or self._ended:
                        raise

    # the end

    def cancel(self) -> None:
        """End every running statement at the server, within a second. Only the first call waits for that."""
        with self._lock:
            running = [] if self._ended else list(self._running)
            self._ended = True
            attempts = list(self._attempts)
            for one in running:
                one.doomed = True
        self._lanes.stop()
        for attempt in attempts:
            attempt.give_up()
        if running:
            self._kill(running)

    def close(self) -> None:
        """End what still runs, and give the connection back or drop it."""
        with self._lock:
            answered = self._answered >= self._context.requests
        if not answered:
            self.cancel()
        self._release()

    def _release(self) -> None:
        """Give the shared connection back, if it is clean, then the right to it."""
        with self._lock:
            shared, self._shared = self._shared, None
        if shared is not None:
            with contextlib.suppress(*FAILURES, HanseError):
                if not shared.doomed:
                    shared.connection.rollback()
                    self._give_back(shared)
            self._drop(shared)
        self._lease.end()

    def _give_back(self, running: Running) -> None:
        with self._lock:
            doomed = running.doomed
            if not doomed:
                self._running.discard(running)
        if doomed:
            self._drop(running)
            raise Cancelled("the statement was cancelled", source=self._door.source)
        if not self._lease.give_back(running.connection):
            running.connection.close()

    def _drop(self, running: Running) -> None:
        """End the statement and its connection."""
        with self._lock:
            known = running in self._running
            self._running.discard(running)
        if not known:
            return
        self._doom(running)
        running.connection._force_close()

    def _doom(self, running: Running) -> None:
        with self._lock:
            doomed, running.doomed = running.doomed, True
        if not doomed and running.connection.open:
            self._kill([running])

    def _kill(self, running: list[Running]) -> None:
        """End connections; whatever comes of that, our sockets are shut, so that no reader waits."""
        self._end(running, "KILL CONNECTION")
        for one in running:
            shut_connection(one.connection)

    def _end(self, running: list[Running], command: str) -> None:
        numbers = [one.connection.thread_id() for one in running]
        killer = threading.Thread(target=self._execute, args=(command, numbers), name="hanse-mysql-kill", daemon=True)
        killer.start()
        killer.join(POLITE_SECONDS)

    def _execute(self, command: str, numbers: list[int]) -> None:
        """From a connection of our own beside the pool, which may be in use to the last one."""
        with contextlib.suppress(HanseError), given_up_after(KILL_SECONDS) as attempt:
            control = self._door.ways.connect(attempt)
            attempt.ends_by(lambda: shut_connection(control))
            for one in numbers:
                with contextlib.suppress(*FAILURES), control.cursor() as cursor:
                    cursor.execute(f"{command} {one}")
            with contextlib.suppress(*FAILURES):
                control.close()
            if not attempt.is_given_up:
                return
        self._door.ways.owner.left_behind(self._tag)
