"""A whole scan that begins while keys are late or more than expected, and is either the answer or left: never both it and
the keys' rows.

Nobody sees its rows before it is decided. They are kept here; when the keys come, or it is over before, or too much is kept
and the keys are many, it is decided once:

- it is over, or what is left of it is less than reading by the keys would be: its rows are the answer, nothing else is asked;
- else it is ended at the source, and its rows are forgotten.

It has a session of its own, which is one snapshot like any other: only a request that is alone at its source is probed.

Where nobody expects that keys pay (``Patience.beside``), it is the other way round: the scan has the request's session, and is
what would have been done without keys. It is left only if these turn out to be few, and a further session for them is there.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from hanse.errors import HanseError, InternalError
from hanse.execute.batches import Filling, filled
from hanse.execute.cancel import CancelScope
from hanse.execute.keys import ShippedKeys
from hanse.execute.limits import Limits, Meter
from hanse.execute.memory import UNCOUNTED, QueryMemory
from hanse.ir.consistency import Picture
from hanse.ir.expr import Literal
from hanse.ir.fragment import Patience
from hanse.ir.request import Request
from hanse.spi.connector import Session
from hanse.spi.dialect import Dialect

KEPT_BYTES_MAX = 64 * 1024 * 1024
"""What may be kept of a scan while it is not decided. One that is larger waits for the keys, or is the answer at once if these
are already so many that they cost a good part of it."""
GOOD_PART = 0.5
"""Of what is left to read."""
SMALL_PART = 0.1
"""Of that, where nobody expects few keys: the scan does not wait once so many have come."""
Begin = Callable[[Callable[[], bool]], Session]
"""Opens a session, as long as the given function does not say that nobody wants it any more."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a probe gets at its source."""

    begin: Begin
    dialect: Dialect
    parameters: tuple[Literal, ...]
    meter: Meter = field(default_factory=lambda: Meter(Limits()))
    """Where what it reads counts, whether or not anybody takes it."""
    memory: QueryMemory = UNCOUNTED
    """What all of the query has for rows that wait."""
    own: Session | None = None
    """The request's: where keys are only tried, the scan has this one, and ``begin`` opens one for the keys."""


def probed(request: Request, awaited: Sequence[ShippedKeys], way: Way, scope: CancelScope) -> "Probe | None":
    """Wait for the keys. If they are late, or more than expected, read all of the request meanwhile, on trial; returns that
    scan if it was begun: its rows are the answer if it can be taken (``take``). Without patience for all of the keys nothing
    is begun, and nobody waits here. Raises what ended the query."""
    if not awaited or any(keys.hole.patience is None for keys in awaited):
        return None
    waiting = _Waiting(awaited, scope)
    if not waiting.is_in_vain():
        return None
    nothing = {keys.hole.id: Filling(keys.hole, (None,) * len(keys.hole.target_columns)) for keys in awaited}
    probe = Probe(way, filled(request, nothing, way.dialect), scope, waiting.changed.set)
    probe.start()
    while not (waiting.is_over or probe.is_over or probe.is_better(awaited)):
        waiting.changed.wait(probe.seconds_left(awaited))
        waiting.changed.clear()
    scope.check()
    if not probe.is_over and waiting.is_over and any(map(probe.is_worse, awaited)) and probe.may_be_left():
        probe.leave()
    return probe


class _Waiting:
    """Someone who waits for keys."""

    def __init__(self, awaited: Sequence[ShippedKeys], scope: CancelScope) -> None:
        self.changed = threading.Event()
        self._awaited = awaited
        self._scope = scope
        self._began = time.monotonic()
        for keys in awaited:
            keys.tell(self.changed.set)
        scope.on_end(self.changed.set)

    @property
    def is_over(self) -> bool:
        """Whether all keys are known."""
        return self._scope.ended or all(keys.decided for keys in self._awaited)

    def is_in_vain(self) -> bool:
        """Wait until all keys are known (False), or there is no hope any more of few keys in time."""
        while not self.is_over:
            left = [self._patience(keys) for keys in self._awaited]
            if all(seconds is not None and seconds <= 0 for seconds in left):
                return True
            seconds = max((one for one in left if one is not None), default=0.0)
            self.changed.wait(None if None in left else min(seconds, threading.TIMEOUT_MAX))
            self.changed.clear()
        return False

    def _patience(self, keys: ShippedKeys) -> float | None:
        """For how many more seconds these keys are worth waiting for; None: however long it takes."""
        patience = keys.hole.patience
        if patience is None or keys.found > patience.keys:
            return 0.0
        if keys.decided or patience.seconds is None:
            return None
        return self._began + patience.seconds - time.monotonic()


class Probe:
    """One scan on trial, in a thread of its own."""

    def __init__(self, way: Way, request: Request, scope: CancelScope, changed: Callable[[], object]) -> None:
        """``changed`` is called when the scan is over."""
        self.statements = len(request.statements)
        self.rows = 0
        self.bytes = 0
        self.snapshot: str | None = None
        self.picture: Picture | None = None
        self.began = time.monotonic()
        self.first_row: float | None = None
        self.ended: float | None = None
        """Moments of the monotonic clock."""
        self.waited = 0.0
        """Seconds for which it waited to be decided, or for its reader."""
        self.round_trip: float | None = None
        """In seconds, as far as its session knows."""
        self.for_keys: Session | None = None
        """Another session, for the keys, where the scan had the request's."""
        self._way = way
        self._request = request
        self._scope = scope
        self._tell = changed
        self._changed = threading.Condition()
        self._kept: deque[pa.RecordBatch] = deque()
        self._kept_bytes = 0
        self._session: Session | None = None
        self._full: float | None = None
        """When no more could be kept."""
        self._is_over = False
        self._is_whole = False
        self._is_left = False
        self._is_taken = False
        self._failure: HanseError | None = None
        scope.on_end(self.leave)

    def start(self) -> threading.Thread:
        """Begin."""
        thread = threading.Thread(target=self._run, name=f"hanse-probe-{self._request.source}", daemon=True)
        thread.start()
        return thread

    @property
    def is_over(self) -> bool:
        """Whether no more rows will come."""
        return self._is_over

    def take(self) -> bool:
        """Decide for it; False if it was left or failed: then it can no longer be the answer. The failure of one that is not on
        trial, but what was to be done anyway, is the query's."""
        with self._changed:
            failed = self._is_over and not self._is_whole and self._way.own is None
            self._is_taken = not (self._is_left or failed)
            self._changed.notify_all()
            return self._is_taken

    def is_worse(self, keys: ShippedKeys) -> bool:
        """Whether what is left of it is more than reading by these keys, which are decided."""
        patience = keys.hole.patience
        return patience is not None and self._left(patience) > keys.part(patience.worth)

    def is_better(self, awaited: Sequence[ShippedKeys]) -> bool:
        """Whether it had better be the answer before the keys are known: it must not keep more, and all of them are many, or
        are not expected to be few and do not come."""
        return self._full is not None and all(map(self._is_late, awaited))

    def _is_late(self, keys: ShippedKeys) -> bool:
        patience = keys.hole.patience
        if patience is None:
            return True
        found, left = keys.found / patience.worth, self._left(patience)
        if patience.beside is None:
            return found >= GOOD_PART * left
        return found >= SMALL_PART * left or (self.seconds_left([keys]) or 0.0) <= 0.0

    def seconds_left(self, awaited: Sequence[ShippedKeys]) -> float | None:
        """For how long it waits for keys now that it must not keep more; None: it does not, or for as long as it takes."""
        limits = [keys.hole.patience.beside for keys in awaited if keys.hole.patience is not None]
        known = [limit for limit in limits if limit is not None]
        if self._full is None or not known:
            return None
        return max(0.0, self._full + max(known) - time.monotonic())

    def may_be_left(self) -> bool:
        """Whether there is a session for the keys: that of the request, or where the scan has that, another at once."""
        if self._way.own is None:
            return True
        try:
            self.for_keys = self._way.begin(lambda: self._scope.ended)
        except HanseError:
            return False
        self._scope.on_end(self.for_keys.cancel)
        return True

    def _left(self, patience: Patience) -> float:
        """The part of it that is still to be read."""
        return 1 - self.rows / patience.rows

    def leave(self) -> None:
        """End the scan, whose rows nobody wants. Idempotent; does nothing to one that is over."""
        with self._changed:
            self._is_left = True
            self._forget()
            session = self._session
            self._changed.notify_all()
        if session is not None and not self._is_over:
            session.cancel()

    def _forget(self) -> None:
        self._kept.clear()
        self._way.memory.give_back(self._kept_bytes)
        self._kept_bytes = 0

    def taken(self) -> Iterator[pa.RecordBatch]:
        """All of its rows, from the first on, when it was decided for it; it waits for its reader. Raises what ended it."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._kept or self._is_over or self._is_left)
                if not self._kept:
                    break
                batch = self._kept.popleft()
                self._kept_bytes -= batch.nbytes
                self._way.memory.give_back(batch.nbytes)
                self._changed.notify_all()
            yield batch
        self._scope.check()
        if self._failure is not None:
            raise self._failure
        if not self._is_whole:
            raise InternalError("the rows of a scan that was left are wanted", source=self._request.source)

    def _run(self) -> None:
        is_read = False
        try:
            self._read()
            is_read = True
        except HanseError as failure:
            self._failure = failure
        except Exception as failure:  # noqa: BLE001  # whatever it is, the keys are awaited as ever
            self._failure = InternalError(f"{type(failure).__name__}: {failure}", source=self._request.source)
        finally:
            if self._session is not None:
                self.round_trip = getattr(self._session, "round_trip", None)  # ``Timed``
                self._session.close()
            self.ended = time.monotonic()
            with self._changed:
                self._is_over, self._is_whole = True, is_read and not self._is_left
                if not self._is_whole:
                    self._forget()
                self._changed.notify_all()
            self._tell()

    def _read(self) -> None:
        session = self._way.own or self._way.begin(lambda: self._is_left)
        with self._changed:
            self._session = session
        if self._is_left:
            return
        batches = session.read(self._request, self._way.parameters)
        with contextlib.closing(batches):  # type: ignore[type-var]  # sessions yield generators
            for batch in batches:
                self.snapshot, self.picture = session.snapshot, getattr(session, "picture", None)
                self.first_row = self.first_row or time.monotonic()
                if not self._keep(batch):
                    return
        self.picture = getattr(session, "picture", None)

    def _keep(self, batch: pa.RecordBatch) -> bool:
        """Whether the scan goes on. It waits while too much is kept: for the reader, or for the decision."""
        self._way.meter.arrived(self._request.source)(batch)
        with self._changed:
            self.rows += batch.num_rows
            self.bytes += batch.nbytes
            if not self._has_room(batch) and not self._is_taken:
                self._full = time.monotonic()
                self._tell()
            before = time.monotonic()
            self._changed.wait_for(lambda: self._has_room(batch) or self._is_left)
            self.waited += time.monotonic() - before
            if self._is_left:
                return False
            self._way.memory.take(batch.nbytes)
            self._kept.append(batch)
            self._kept_bytes += batch.nbytes
            self._changed.notify_all()
            return True

    def _has_room(self, batch: pa.RecordBatch) -> bool:
        """Whether one more may be kept; one alone always is, once there is a reader."""
        fits = self._kept_bytes + batch.nbytes <= KEPT_BYTES_MAX and not self._way.memory.is_crowded(batch.nbytes)
        return fits or (self._is_taken and not self._kept)
