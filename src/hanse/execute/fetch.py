"""Opens, streams and accounts one request: a thread that fills a bounded queue, and a stream that DuckDB can read."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from hanse.errors import NO_PREDICATE, GuardrailRefused, HanseError, InternalError, SourceError
from hanse.execute.batches import filled, refusal
from hanse.execute.cancel import CancelScope
from hanse.execute.keys import ShippedKeys
from hanse.execute.limits import Limits, Meter
from hanse.execute.memory import UNCOUNTED, QueryMemory
from hanse.execute.probing import Probe, Way, probed
from hanse.execute.queue import BatchQueue
from hanse.execute.report import SourceReport
from hanse.execute.small_sides import Choice, CollectedRows
from hanse.execute.threads import Work
from hanse.ir.consistency import Picture
from hanse.ir.expr import Literal
from hanse.ir.request import Request
from hanse.spi.arrow import end, wire_schema
from hanse.spi.connector import Session
from hanse.spi.dialect import Dialect

SQL_SHOWN = 2000
"""A statement with keys that is longer than that is reported with their holes."""
AT_ONCE_MS = 2.0
"""Batches that follow upon the first within that time came with it."""
COLLECT_BYTES_MAX = 64 * 1024 * 1024
"""What may wait while its keys are collected; with more, the query goes on without shipping them."""


class Fetch:
    """One request in flight."""

    def __init__(
        self,
        request: Request,
        report: SourceReport,
        scope: CancelScope,
        elapsed: Callable[[], float],
        memory: QueryMemory = UNCOUNTED,
    ) -> None:
        """Prepare to fetch; ``elapsed`` gives milliseconds since the query started, ``memory`` is what all of it shares."""
        self._memory = memory
        self.request = request
        self.schema = wire_schema(request.columns)
        self.queue = BatchQueue(scope, memory=memory)
        self.answer: BatchQueue | None = None
        """The queue of the whole answer, where a coordinator stands between."""
        self._report = report
        self._scope = scope
        self._elapsed = elapsed
        self._feeds: list[tuple[ShippedKeys, tuple[int, ...]]] = []
        self._awaits: dict[int, tuple[ShippedKeys, Dialect]] = {}
        self._rows: list[CollectedRows] = []
        self._choice: Choice | None = None
        self._way: Way | None = None
        self._meter = Meter(Limits())
        self._picture: Callable[[], Picture | None] = lambda: None
        self._shown: Callable[[], object] = lambda: None
        self._ends: Callable[[], object] = lambda: None

    def tell(self, shown: Callable[[], object], ends: Callable[[], object] = lambda: None) -> None:
        """Call ``shown`` when the report says what rows are a picture of, which may raise what is to end the query; ``ends``
        when there are no more, but before the reader knows."""
        self._shown, self._ends = shown, ends

    def feed(self, keys: ShippedKeys, columns: tuple[int, ...]) -> None:
        """Collect keys from these columns of what is fetched."""
        self._feeds.append((keys, columns))

    def await_keys(self, keys: ShippedKeys, dialect: Dialect) -> None:
        """Fetch only when these keys are known."""
        self._awaits[keys.hole.id] = (keys, dialect)

    def feed_rows(self, rows: CollectedRows) -> None:
        """Collect the rows that are fetched, as long as they are few."""
        self._rows.append(rows)

    def await_choice(self, choice: Choice) -> None:
        """Fetch only if this is the alternative that is chosen."""
        self._choice = choice

    def count(self, meter: Meter) -> None:
        """Count there what is fetched."""
        self._meter = meter

    def probe(self, way: Way) -> None:
        """Do not wait for keys for ever: see ``probing``."""
        self._way = way

    @property
    def _collecting(self) -> tuple[ShippedKeys | CollectedRows, ...]:
        """What others wait for."""
        return (*(keys for keys, _ in self._feeds), *self._rows)

    def work(self, session: Session | None, parameters: tuple[Literal, ...]) -> Work:
        """What a thread of its own does, which ends with the stream, an error, or the query. A request that is idle needs
        no session."""
        return Work(f"hanse-fetch-{self.request.source}", partial(self._run, session, parameters))

    def _run(self, session: Session | None, parameters: tuple[Literal, ...]) -> None:
        report = self._report
        others: list[Session] = []
        try:
            probe = self._probed(others)
            request = self._filled() if probe is None else None
            session = others[0] if others else session
            report.started_ms = self._elapsed()
            if probe is not None:
                self._hand_over(probe)
            if request is not None and session is not None:
                report.sql = str(request.sql) if len(str(request.sql)) <= SQL_SHOWN else report.sql
                report.statements = len(request.statements)
                batches = session.read(request, parameters)
                report.snapshot = session.snapshot
                self._picture = lambda: getattr(session, "picture", None)
                self._pass_on(batches)
                report.snapshot = session.snapshot
                self._show()
                self._note_round_trip(getattr(session, "round_trip", None))  # ``Timed``
            for feed in self._collecting:
                feed.finish()
            report.last_row_ms = self._elapsed() if probe is None else self._at(probe.ended)
            report.finished = True
            self._ends()
            self.queue.finish()
        except HanseError as failure:
            self._scope.end(failure)
        except Exception as failure:  # noqa: BLE001  # a driver's own failure must reach the user, not end a thread
            message = f"{type(failure).__name__}: {failure}"
            self._scope.end(SourceError(message, source=self.request.source))
        finally:
            for other in others:
                other.close()

    def _at(self, moment: float | None) -> float:
        """Milliseconds since the query started, of a moment of the monotonic clock."""
        now = time.monotonic()
        return self._elapsed() - (now - (moment or now)) * 1000

    def _note_round_trip(self, seconds: float | None) -> None:
        self._report.round_trip_ms = None if seconds is None else seconds * 1000

    def _pass_on(self, batches: Iterator[pa.RecordBatch]) -> None:
        """Fill the queue. A failure keeps this frame alive, so the statement is ended here and not by its collection."""
        try:
            for batch in batches:
                self._account(batch)
                self._put(batch)
        finally:
            end(batches)

    def _probed(self, others: list[Session]) -> Probe | None:
        """The scan that was begun because keys were late, or are not expected to pay, if its rows are the answer. If not, the
        session for the keys is added to ``others``, where it is another one."""
        awaited = [keys for keys, _ in self._awaits.values()]
        if self._way is None or self.request.idle or self._choice is not None:
            for keys in awaited:
                if keys.hole.is_tried:
                    keys.give_up()
            return None
        probe = probed(self.request, awaited, self._way, self._scope)
        if probe is not None and not probe.take():
            self._report.bytes_left = probe.bytes
            self._meter.lost(self.request.source, probe.rows, probe.bytes)
            others += [probe.for_keys] if probe.for_keys is not None else []
            return None
        for keys in awaited if probe is not None else ():
            keys.give_up()
        return probe

    def _hand_over(self, probe: Probe) -> None:
        """Make its rows the answer; what is learned of the source goes by the time when they came."""
        report = self._report
        report.keys, report.is_whole = [None] * len(self._awaits), True
        report.statements = probe.statements if report.shared_with is None else 0
        report.started_ms = self._at(probe.began)
        if probe.first_row is not None:
            report.first_row_ms = self._at(probe.first_row)
        self._picture = lambda: probe.picture
        self._pass_on(probe.taken())
        report.waited_ms = probe.waited * 1000
        report.snapshot = probe.snapshot
        self._show()
        self._note_round_trip(probe.round_trip)

    def _filled(self) -> Request | None:
        """The request with its keys; None if there are none, so that nothing need be asked."""
        if self.request.idle:
            return None
        request = self.request if self._choice is None else self._choice.of(self.request)
        if request is None or not self._awaits:
            return request
        found = {id: keys.wait() for id, (keys, _) in self._awaits.items()}
        for keys, _ in self._awaits.values():
            if keys.is_over_cap:
                raise refusal(f"keys_max, more than {keys.hole.keys_max:,}", self.request.source)
        if any(filling.count == 0 for filling in found.values()):
            request = None
        else:
            _, dialect = next(iter(self._awaits.values()))
            request = filled(request, found, dialect)
            for filling in found.values():
                if filling.hole.required and filling.count is None:
                    raise _unrestricted(self.request)
        self._report.keys = [filling.count for filling in found.values()]
        self._report.is_whole = all(filling.is_empty for filling in found.values())
        return request

    def _put(self, batch: pa.RecordBatch) -> None:
        """Hand a batch on. While keys are collected the reader may be waiting for a fragment that waits for them, so the
        queue must not fill: what would be too much ends the collecting."""
        for keys, columns in self._feeds:
            keys.add([batch.column(self.schema.get_field_index(f"c{id}")) for id in columns])
            if self.queue.bytes > COLLECT_BYTES_MAX or self._memory.is_crowded(batch.nbytes):
                keys.give_up()
        for rows in self._rows:
            rows.add(batch)
        before = self._elapsed()
        self.queue.put(batch, wait=all(feed.decided for feed in self._collecting))
        self._report.waited_ms += self._elapsed() - before

    def _account(self, batch: pa.RecordBatch) -> None:
        if batch.schema != self.schema:
            raise InternalError(
                f"fragment f{self.request.fragment} yields {batch.schema.types}, not {self.schema.types}",
                source=self.request.source,
            )
        self._meter.took(self.request.source, batch)
        report = self._report
        now = self._elapsed()
        if report.first_row_ms is None:
            self._show()
            report.first_row_ms = now
            report.connected_ms = report.started_ms if report.connected_ms is None else report.connected_ms
        if now - report.first_row_ms <= AT_ONCE_MS:
            report.first_bytes += batch.nbytes
        report.rows += batch.num_rows
        report.bytes += batch.nbytes
        report.batches += 1

    def _show(self) -> None:
        """Note what the rows are a picture of; raises NotConsistent where that is not enough."""
        found = self._picture()
        if found is not None:
            self._report.picture = found
            self._shown()

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The batches in order; raises what ended the query.

        DuckDB reads on while its own reader waits: it counts an Arrow string as 16 bytes, so its streaming buffer holds a
        gigabyte before it is full. So a batch is only given while the answer's reader wants more.
        """
        while (batch := self.queue.get()) is not None:
            if self.answer is not None:
                self.answer.wait_until_wanted(batch.nbytes)
            yield batch

    def stream(self) -> Any:
        """The batches as a PyCapsule of Arrow's C stream interface, which is read once.

        Not an object that has such a stream: DuckDB would have pyarrow filter that one, by pyarrow's rules for NaN.
        """
        return pa.RecordBatchReader.from_batches(self.schema, self.batches()).__arrow_c_stream__()


def _unrestricted(request: Request) -> GuardrailRefused:
    """What a query is told whose keys are too many, where a guardrail allows no other way to read their target."""
    tables = ", ".join(map(str, request.tables))
    message = (
        f"guardrail require of {tables}: a join has more keys than are sent one by one, and nothing else restricts it"
    )
    hint = "restrict the other side of the join, or the required column by constants"
    return GuardrailRefused(message, sqlstate=NO_PREDICATE, source=request.source, hint=hint)
