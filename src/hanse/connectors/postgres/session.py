"""One query's stay at a server: read-only transactions that all see one snapshot, streamed, and ended on demand."""

import contextlib
import functools
import json
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg
import pyarrow as pa

from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.connectors.postgres.errors import FAILURES, is_lost, sqlstate, translate
from hanse.connectors.postgres.expected import planned
from hanse.connectors.postgres.running import Running, Wire
from hanse.connectors.postgres.shots import Shot, exported, foreign
from hanse.connectors.postgres.sockets import shut_control
from hanse.connectors.postgres.wire import Decoder, label, statement
from hanse.connectors.postgres.work import AT_ONCE_MS, Work
from hanse.connectors.shared.attempts import Attempt
from hanse.connectors.shared.lanes import Lanes
from hanse.connectors.shared.merging import Merged, Put
from hanse.connectors.shared.ownership import Ownership
from hanse.connectors.shared.pool import Lease, Pool
from hanse.errors import Cancelled, HanseError, InvalidValue, SourceUnreachable
from hanse.ir.consistency import Picture
from hanse.ir.expr import Literal, Parameter
from hanse.ir.request import Request, SqlText
from hanse.ir.tables import Table
from hanse.spi.connector import ReadContext

POLITE_SECONDS = 0.3
"""How long a cancel may take at the server before the connection is cut."""
CANCEL_SECONDS = 0.7
"""How long in all, before that, too, is left."""
SHUT_AGAIN_SECONDS = 0.05
SHUT_TIMES = 4
GRACE_SECONDS = 0.25
"""How much later than a query's deadline the server ends its statements by itself, where it hears nothing of us."""
Control = psycopg.Connection[Any]
C = TypeVar("C")
TIMES = ("statement_timeout", "idle_in_transaction_session_timeout")
CHECKS = "client_connection_check_interval"
"""A setting of servers that see whether their client is there."""
LOST_SNAPSHOT = ("22023", "55000")
"""What the server says of a snapshot whose connection has gone, or goes just now."""
READ_ONLY = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


@dataclass(frozen=True, slots=True)
class Server:
    """What a session needs of its connector."""

    source: str
    readers: Pool[Wire]
    """Connections of ADBC."""
    controls: Pool[Control]
    """Connections that hold snapshots: at most one for each session, so as many as there may be readers."""
    owner: Ownership[Control]
    """Whose the statements are."""
    settings: Mapping[str, str]
    fetch_bytes: int
    dialect: PostgresDialect
    scan_connections: int = 1
    """As many as may read one table at once."""


class PostgresSession:
    """The session of ``spi.connector`` for PostgreSQL.

    It leases a connection for each request, as far as the cap allows; beyond that requests take turns (``Lanes``).
    """

    def __init__(self, server: Server, context: ReadContext) -> None:
        """Lease connections, and open none yet."""
        self._server = server
        self._context = context
        self._lock = threading.Lock()
        self._exporting = threading.Lock()
        self._running: set[Running] = set()
        self._attempts: set[Attempt] = set()
        """Connections that are being made."""
        self._control: Control | None = None
        self._ended = False
        self._snapshot: str | None = None
        self._shot: Shot | None = None
        """What is known of the exported snapshot."""
        self._alone: Running | None = None
        """Whose own snapshot it is that was read, where none is shared."""
        self._foreign: frozenset[str] = frozenset()
        self._answered = 0
        self._round_trip: float | None = None
        width = min(context.requests, context.at_once or context.requests)
        self._lease = server.readers.lease(width, context.is_ended, context.share)
        self._holder: Lease[Control] | None = None
        if context.requests > 1 or context.pinned:
            self._holder = server.controls.lease(1, context.is_ended)
        turns = context.requests > self._lease.size
        self._lanes = Lanes(server.source, self._lease.size, context) if turns else None

    @property
    def snapshot(self) -> str | None:
        """The exported snapshot that all requests share; None while there is only one."""
        return self._snapshot

    @property
    def picture(self) -> Picture | None:
        """Of the exported snapshot, or of the only transaction's own, which has no name."""
        shot, alone = self._shot, self._alone
        if shot is None and alone is not None and alone.taken is not None:
            shot = Shot(*alone.taken)
        return None if shot is None else shot.picture(self._foreign)

    def pin(self, tables: Sequence[Table], meet: Callable[[], object]) -> None:
        """Export a snapshot for all requests to come."""
        self._foreign |= foreign(tables)
        self._shared_snapshot(meet)

    @property
    def round_trip(self) -> float | None:
        """What beginning a transaction took."""
        return self._round_trip

    def read(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        """Run the request and yield its batches, decoded."""
        self._foreign |= foreign(request.tables)
        try:
            if self._lanes is None:
                yield from self._batches(request, parameters)
            else:
                yield from self._lanes.read(request.fragment, lambda: self._batches(request, parameters))
        finally:
            self._count_answer()

    def _batches(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        """The answer, on a connection that the session may use, or on several."""
        self._context.asking(request)
        labels = [label(column, request.tables) for column in request.columns]
        spelt = [statement(self._spelled(sql, parameters), request.columns, labels) for sql in request.statements]
        decoder = Decoder(self._server.source, request.columns, labels)
        large = [table.relation for table in request.tables if table.ranges]
        more = self._spare(len(spelt) - 1) if large and not self._is_watched else 0
        if more:
            started = functools.partial(self._context.connected, request)
            yield from self._at_once(Work(spelt, large), decoder, more, started)
        else:
            running = self._start()
            self._context.connected(request)
            yield from self._one_by_one(running, self._allowed(running, spelt), decoder)

    @property
    def _is_watched(self) -> bool:
        """Whether one connection has to do: its plan is looked at first, or what it sends is soon too much."""
        return self._context.ceiling is not None or self._fetch_bytes < self._server.fetch_bytes

    @property
    def _fetch_bytes(self) -> int:
        most = self._context.batch_bytes
        return self._server.fetch_bytes if most is None else min(most, self._server.fetch_bytes)

    def _allowed(self, running: Running, statements: Sequence[str]) -> Iterator[str]:
        """The statements, if the server's own plans of them are below the ceiling."""
        ceiling = self._context.ceiling
        if ceiling is not None:
            ceiling.check([planned(json.loads(running.plan(sql))) for sql in statements], self._server.source)
        yield from statements

    def _one_by_one(
        self, running: Running, statements: Iterator[str], decoder: Decoder, last: Callable[[], object] = lambda: None
    ) -> Generator[pa.RecordBatch]:
        """The rows of statements that share a transaction, which ends with them, after ``last`` is done."""
        finished = False
        try:
            for sql in statements:
                for batch in running.batches(sql):
                    yield from self._slices(decoder.decode(batch))
            last()
            self._check(running)
            self._give_back(running)
            finished = True
        except FAILURES as failure:
            running.is_lost = is_lost(failure)
            raise translate(failure, self._server.source, running.cancelled) from None
        finally:
            if not finished:
                self._drop(running)

    # one request on several connections: see shared.merging and the ADR on parallel scans

    def _spare(self, wanted: int) -> int:
        """Further connections for a request, of those that nobody wants now; with them, its statements share a snapshot."""
        if wanted < 1 or self._lanes is not None or self._context.at_once is not None:
            return 0
        more = self._lease.grow(min(wanted, self._server.scan_connections - 1))
        if more and self._holder is None:
            self._holder = self._server.controls.lease(1, self._context.is_ended)
        return more

    def _at_once(
        self, work: Work, decoder: Decoder, more: int, started: Callable[[], object]
    ) -> Iterator[pa.RecordBatch]:
        """The rows of all statements. One connection is in its transaction, and so holds the table's lock, from before the
        first statement until after the last: else somebody could rewrite the table in between, and rows would move from
        one range into another. The others come when that lock is held; one that does not get it at once is not needed."""
        merged = Merged(f"hanse-postgres-{self._server.source}", more + 2)
        mine: list[Running] = []

        def read(running: Running, statements: Iterator[str], put: Put, last: Callable[[], object]) -> None:
            mine.append(running)
            with contextlib.closing(self._one_by_one(running, statements, decoder, last)) as batches:
                for batch in batches:
                    put(batch)

        def first(put: Put) -> None:
            running = self._start(work.lock())
            started()
            for _ in range(more):
                merged.start(another)
            read(running, iter(work), put, merged.wait_for_others)

        def another(put: Put) -> None:
            try:
                running = self._start_another(work)
                if running is not None:
                    read(running, work.while_unwanted(self._lease), put, lambda: None)
            finally:
                self._lease.shrink(1)

        merged.start(first)
        try:
            yield from merged
        finally:
            merged.stop()
            if merged.producing:
                self._end(mine)
                merged.wait(CANCEL_SECONDS)

    def _start_another(self, work: Work) -> Running | None:
        """A further connection that holds the tables' locks too; None if it cannot have that at once."""
        try:
            return self._start(work.lock(AT_ONCE_MS, self._server.settings["lock_timeout"]))
        except HanseError:
            return None

    def _count_answer(self) -> None:
        """After the last answer others may have the connections, however long the query goes on."""
        with self._lock:
            self._answered += 1
            last = self._answered >= self._context.requests
        if last:
            self._release()

    def _slices(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        size = self._context.batch_rows
        for start in range(0, batch.num_rows, size):
            yield batch.slice(start, size)

    def _check(self, running: Running) -> None:
        if running.cancelled:
            raise Cancelled("the statement was cancelled", source=self._server.source)

    def _spelled(self, sql: SqlText, parameters: tuple[Literal, ...]) -> str:
        return sql.spelled(lambda part: self._value(part, parameters))

    def _value(self, hole: Parameter, parameters: tuple[Literal, ...]) -> str:
        text = self._server.dialect.literal(parameters[hole.index])
        if text is None:
            message = f"parameter ${hole.index + 1} has a value that PostgreSQL cannot hold"
            raise InvalidValue(message, source=self._server.source)
        return text

    def _start(self, lock: str = "") -> Running:
        """A connection in a transaction of ours; an idle one that the server has closed meanwhile is replaced."""
        while True:
            connection, used = self._connected(self._lease)
            running = Running(connection, self._fetch_bytes, self._context.moment)
            with self._lock:
                self._running.add(running)
                running.cancelled = self._ended
            try:
                self._check(running)
                begin = self._begin() + lock
                before = time.monotonic()
                running.script(begin)
                took = time.monotonic() - before
                self._context.answered()
                self._alone = running
                self._round_trip = took if self._round_trip is None else min(took, self._round_trip)
                return running
            except FAILURES as failure:
                running.is_lost = is_lost(failure)
                self._drop(running)
                if used and running.is_lost:
                    continue
                raise self._of_begin(failure, running.cancelled) from None
            except HanseError:
                self._drop(running)
                raise

    def _connected(self, lease: Lease[C]) -> tuple[C, bool]:
        """A connection of the lease, and whether it was used before; the end of the session gives up making one."""
        attempt = Attempt()
        with self._lock:
            self._raise_if_ended()
            self._attempts.add(attempt)
        try:
            return lease.connection(attempt)
        except HanseError:
            self._raise_if_ended()
            raise
        finally:
            with self._lock:
                self._attempts.discard(attempt)

    def _of_begin(self, failure: BaseException, cancelled: bool) -> HanseError:
        """Our error for a transaction that did not start: a snapshot goes with the connection that exported it."""
        cancelled |= self._ended  # the end shuts the connection that holds the snapshot before it cancels this one
        if sqlstate(failure) in LOST_SNAPSHOT and self._snapshot is not None and not cancelled:
            return SourceUnreachable("the connection that held the snapshot was lost", source=self._server.source)
        return translate(failure, self._server.source, cancelled)

    def _begin(self) -> str:
        snapshot = self._shared_snapshot() if self._holder is not None else None
        join = [f"SET TRANSACTION SNAPSHOT '{snapshot}'"] if snapshot else []
        sets = _local(self._server.settings)
        own = {"application_name": self._name, "TimeZone": self._context.timezone, **self._deadline()}
        return "; ".join([READ_ONLY, *join, *sets, *_local(own)])

    def _deadline(self) -> dict[str, str]:
        """When the server ends a statement by itself, if nobody will want its answer then and no cancel gets through: while
        it computes, while it sends to nobody, and while it waits for us."""
        left = self._context.seconds_left()
        if left == float("inf"):
            return {}
        most = max(1, round((left + GRACE_SECONDS) * 1000))
        found = {name: min(most, int(self._server.settings[name]) or most) for name in TIMES}
        if CHECKS in self._server.settings:
            found["tcp_user_timeout"] = most
        return {name: str(value) for name, value in found.items()}

    @functools.cached_property
    def _name(self) -> str:
        """What the server shows of the session's transactions: whose they are, and what for."""
        return f"{self._server.settings['application_name']}/{self._context.query_id}{self._server.owner.suffix()}"

    def _shared_snapshot(self, meet: Callable[[], object] = lambda: None) -> str:
        """The name of the snapshot; the first request exports it, on a connection that then waits for the end."""
        with self._exporting:
            while self._snapshot is None:
                try:
                    self._export(meet)
                except FAILURES as failure:
                    raise translate(failure, self._server.source, self._ended) from None
            return self._snapshot

    def _export(self, meet: Callable[[], object]) -> None:
        """Try once; an idle connection that the server has closed meanwhile is worth another try."""
        assert self._holder is not None
        control, used = self._connected(self._holder)
        try:
            with self._lock:
                self._raise_if_ended()
                self._control = control
            own = {"application_name": self._name, **self._deadline()}
            begin = "; ".join([READ_ONLY, *_local(own)]).encode()
            control.execute(begin)
            self._context.answered()
            meet()
            name, shot = exported(control, begin, self._context.moment)
            with self._lock:
                self._raise_if_ended()
                self._snapshot, self._shot = name, shot
        except BaseException as failure:
            self._close_control(control)
            if not used or self._ended or not isinstance(failure, FAILURES):
                raise

    def _raise_if_ended(self) -> None:
        if self._ended:
            raise Cancelled("the statement was cancelled", source=self._server.source)

    def _close_control(self, control: Control) -> None:
        with self._lock:
            self._control = None
            control.close()

    def cancel(self) -> None:
        """End every running statement at the server, within a second. Only the first call waits for that."""
        with self._lock:
            is_first, self._ended = not self._ended, True
            running, attempts = list(self._running), list(self._attempts)
            if self._control is not None:
                shut_control(self._control)
        if not is_first:
            return
        if self._lanes is not None:
            self._lanes.stop()
        for attempt in attempts:
            attempt.give_up()
        self._end(running)
        for _ in range(round(CANCEL_SECONDS / SHUT_AGAIN_SECONDS)):
            with self._lock:
                attempts = list(self._attempts)
            if not attempts:
                break
            for attempt in attempts:  # libpq may have tried another way in
                attempt.give_up()
            time.sleep(SHUT_AGAIN_SECONDS)

    def _end(self, running: list[Running]) -> None:
        """End statements, within the time that a cancel may take: at the server or, where it does not hear us, here."""
        cancels = [
            (
                one,
                threading.Thread(target=one.cancel, args=(CANCEL_SECONDS,), name="hanse-postgres-cancel", daemon=True),
            )
            for one in running
        ]
        for _, thread in cancels:
            thread.start()
        now = time.monotonic()
        for _, thread in cancels:
            thread.join(max(0.0, now + POLITE_SECONDS - time.monotonic()))
        late = [both for both in cancels if both[1].is_alive()]
        for one, _ in late:
            one.shut()  # its reader waits no more, while the server may still hear of it
        for _, thread in late:
            thread.join(max(0.0, now + CANCEL_SECONDS - time.monotonic()))
        for _ in range(SHUT_TIMES):
            for one, thread in late:
                if thread.is_alive():
                    one.shut(thread)
                    thread.join(SHUT_AGAIN_SECONDS)
        if any(one.is_cut for one in running):
            self._server.owner.left_behind(self._name)

    def close(self) -> None:
        """End what still runs and give everything back.

        A reader that is nevertheless in its driver closes its connection itself, and nobody waits for it.
        """
        with self._lock:
            answered = self._answered >= self._context.requests
        if not answered:
            self.cancel()
        self._release()

    def _release(self) -> None:
        """Give back the control connection, then the right to the others: so controls are never more than readers."""
        if self._holder is not None:
            with self._lock:
                control = self._control if self._snapshot is not None else None  # else its reader closes it
            if control is not None and not self._is_kept(control, self._holder):
                self._close_control(control)
            self._holder.end()
        self._lease.end()

    def _is_kept(self, control: Control, holder: Lease[Control]) -> bool:
        """Whether the control connection is clean and somebody else's now. One that was ended may be silent."""
        if self._ended:
            return False
        with contextlib.suppress(*FAILURES):
            control.execute(b"ROLLBACK")
            with self._lock:
                self._control = None
            return holder.give_back(control)
        return False

    def _give_back(self, running: Running) -> None:
        connection = running.finish()
        with self._lock:
            self._running.discard(running)
        if not self._lease.give_back(connection):
            connection.close()

    def _drop(self, running: Running) -> None:
        running.drop()
        with self._lock:
            self._running.discard(running)


def _local(settings: Mapping[str, str]) -> list[str]:
    return [f"SET LOCAL {name} = {_quoted(value)}" for name, value in settings.items()]


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
