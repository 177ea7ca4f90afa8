"""Identical requests of several queries are one statement: the others wait for its rows.

What makes that honest: nobody is given rows that are older than his own query. The statement of the one who asks must have
been sent no earlier than the query of the one who waits arrived; so whoever arrives later asks himself, even while the same
is running. A query that has several requests for a source has one snapshot for all of them, and shares nothing.

What makes it harmless: rows are handed over as a whole, when all are here, and only if they are few. Until then the one who
waits has handed on nothing, and holds what he would need to ask himself. So he neither slows the one who asks nor depends on
him: if that one ends early, stalls or reads too much, he asks. Rows are kept as long as somebody runs who may want them.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from enum import Enum

import pyarrow as pa

from hanse.clock import Clock
from hanse.errors import Cancelled
from hanse.ir.consistency import Picture
from hanse.ir.expr import Literal
from hanse.ir.request import Request
from hanse.spi.arrow import wire_schema
from hanse.spi.connector import ReadContext
from hanse.spi.permits import POLL_SECONDS

Told = tuple[str, Picture | None]
"""What is to be said of who has answered, and what the rows are a picture of."""
BYTES_MAX = 8 * 1024 * 1024
"""Of one answer; half of what a queue holds, so that whoever asks is never held up by his own reader before it is decided."""
BYTES_KEPT = 128 * 1024 * 1024
"""Of all answers."""
LARGE_MAX = 1000
"""As many requests are known to be answered by more than that."""
STALLED_SECONDS = 1.0
"""How long nothing may come, once something has."""


class End(Enum):
    """What became of an answer that somebody waits for."""

    COMPLETE = "complete"
    LEFT = "left"
    """Whoever asked wanted no more: somebody else asks."""
    APART = "apart"
    """Everybody asks for himself: it is too large, has failed, or does not go on."""


@dataclass(slots=True, eq=False)
class Answer:
    """What one statement yields, as far as it is here. The lock of ``Sharing`` guards it."""

    query_id: str
    sent: float
    tables: tuple[object, ...]
    """Kept alive, as the key names them by identity."""
    batches: list[pa.RecordBatch] = field(default_factory=list)
    bytes: int = 0
    moved: float | None = None
    """When the last batch came."""
    end: End | None = None
    told: Told = ("", None)
    """What those should know whom it answers."""

    def rows(self, request: Request) -> Iterator[pa.RecordBatch]:
        """All of it, as another query names the columns."""
        schema = wire_schema(request.columns)
        for batch in self.batches:
            yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)


class Sharing:
    """All requests of an engine that run now. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        """Nobody asks."""
        self._clock = clock
        self._changed = threading.Condition()
        self._arrived: dict[str, float] = {}
        self._answers: dict[Hashable, Answer] = {}
        self._large: OrderedDict[Hashable, None] = OrderedDict()
        self._kept = 0

    @property
    def kept(self) -> int:
        """Bytes of rows that are kept for somebody."""
        return self._kept

    def enter(self, query_id: str, arrived: float) -> None:
        """A query runs that arrived then, by the monotonic clock."""
        with self._changed:
            self._arrived[query_id] = arrived

    def is_alone(self) -> bool:
        """Whether there is no other query that could want the same."""
        return len(self._arrived) < 2

    def leave(self, query_id: str) -> None:
        """It is over. Answers go that nobody may want any more."""
        with self._changed:
            self._arrived.pop(query_id, None)
            if self._answers:
                oldest = min(self._arrived.values(), default=float("inf"))
                for key, answer in list(self._answers.items()):
                    if answer.end is not None and answer.sent < oldest:
                        self._forget(key, answer)

    def join(self, key: Hashable, request: Request, context: ReadContext) -> "tuple[Answer, bool] | None":
        """The answer to a request, and whether the caller is the one who asks; None: nobody else could want it, or it is known
        to be large."""
        with self._changed:
            arrived = self._arrived.get(context.query_id)
            if arrived is None or key in self._large:
                return None
            found = self._answers.get(key)
            if found is not None and arrived <= found.sent and found.end in (None, End.COMPLETE):
                return found, False
            if len(self._arrived) < 2 or self._kept > BYTES_KEPT:
                return None
            if found is not None and found.end is not None:
                self._forget(key, found)  # else those who wait for it still get it
            answer = Answer(context.query_id, self._clock.monotonic(), request.tables)
            self._answers[key] = answer
            return answer, True

    def add(self, key: Hashable, answer: Answer, batch: pa.RecordBatch) -> bool:
        """A batch has come; whether more of them is wanted."""
        with self._changed:
            if answer.end is not None:
                return False
            answer.moved = self._clock.monotonic()
            answer.batches.append(batch)
            answer.bytes += batch.nbytes
            self._kept += batch.nbytes
            if answer.bytes <= BYTES_MAX:
                return True
            self._large[key] = None
            while len(self._large) > LARGE_MAX:
                self._large.popitem(last=False)
            self._end(key, answer, End.APART)
            return False

    def end(self, key: Hashable, answer: Answer, how: End) -> None:
        """No more comes. Idempotent: only the first end counts."""
        with self._changed:
            if answer.end is None:
                self._end(key, answer, how)

    def _end(self, key: Hashable, answer: Answer, how: End) -> None:
        answer.end = how
        oldest = min((at for id, at in self._arrived.items() if id != answer.query_id), default=float("inf"))
        if how is not End.COMPLETE or answer.sent < oldest or self._answers.get(key) is not answer:
            self._forget(key, answer)
        self._changed.notify_all()

    def _forget(self, key: Hashable, answer: Answer) -> None:
        """Let the rows of an answer go that has ended; who waits for it, or has it, keeps them."""
        if self._answers.get(key) is answer:
            del self._answers[key]
        self._kept -= answer.bytes
        answer.bytes = 0
        if answer.end is not End.COMPLETE:
            answer.batches = []

    def handed_out(
        self, key: Hashable, answer: Answer, batches: Iterator[pa.RecordBatch], told: Callable[[], Told]
    ) -> Iterator[pa.RecordBatch]:
        """The batches of the one who asks, of which the others have the same; ``told``: what all of them should know."""
        how, is_wanted = End.APART, True
        try:
            for batch in batches:
                is_wanted = is_wanted and self.add(key, answer, batch)
                yield batch
            how, answer.told = End.COMPLETE, told()
        except (GeneratorExit, Cancelled):
            how = End.LEFT
            raise
        finally:
            self.end(key, answer, how)
            if close := getattr(batches, "close", None):
                close()

    def wait(self, answer: Answer, is_ended: Callable[[], bool]) -> End:
        """Wait for the rows of somebody else's statement, as long as they come and are wanted."""
        with self._changed:
            while answer.end is None and not is_ended():
                if answer.moved is not None and self._clock.monotonic() - answer.moved > STALLED_SECONDS:
                    break
                self._changed.wait(POLL_SECONDS)
            return answer.end or End.APART


def key_of(request: Request, parameters: tuple[Literal, ...], context: ReadContext, repeats: bool) -> Hashable:
    """What two requests have in common whose rows are the same, and come in the same shape. A source is asked with one set of
    credentials, so who the user is makes no difference to it."""
    holes = {part.index for sql in request.statements for part in sql.parameters}
    values = tuple((hole, repr(parameters[hole])) for hole in sorted(holes))
    shape = tuple(column.type for column in request.columns)
    tables = tuple(map(id, request.tables))
    how = (context.batch_rows, context.batch_bytes, context.timezone, context.ceiling, context.patience, repeats)
    return request.source, request.statements, values, shape, tables, how
