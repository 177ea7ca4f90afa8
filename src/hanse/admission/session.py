"""A session that its source's breaker and limit have let in, and that is begun again where a failure may have passed.

What is begun again is the whole session, for all requests of its query, since they share its snapshot; and only while none of
them has handed on anything that the snapshot showed: else two snapshots would meet in one answer.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Self, TypeVar

import pyarrow as pa

from hanse.admission.budget import backoff
from hanse.admission.deadlines import Leg, Limit, limits
from hanse.admission.hedge import Read, Runner, raced
from hanse.admission.sharing import Answer, End, Sharing, key_of
from hanse.admission.stay import Door, Host, Stay
from hanse.errors import AGAIN, AWAY, Cancelled, HanseError, SourceResting
from hanse.ir.consistency import Picture
from hanse.ir.expr import Literal
from hanse.ir.request import Request
from hanse.ir.tables import Table
from hanse.spi.arrow import end
from hanse.spi.connector import ReadContext
from hanse.spi.pictures import Pinning

T = TypeVar("T")
LEASE_SECONDS = 1.0
"""How long a session that is begun again waits for connections: its query holds others, and so must not wait for long."""
RIVAL_SECONDS = 0.05
"""How long a second server's connection is waited for."""
SPREAD_SECONDS = 0.25
"""Those who wait for a source that is left alone come back within so many seconds of its first try."""


class _Superseded(Exception):
    """The session ended under a request that had handed on nothing: it is asked again in the next one."""


class _Waiting:
    """Whether to wait no longer for a session to begin: the query has ended, or what waits has had enough."""

    def __init__(self, is_ended: Callable[[], bool], is_enough: Callable[[], bool]) -> None:
        self.had_enough = False
        self.is_over = False
        """Afterwards only the query's end counts."""
        self._is_ended = is_ended
        self._is_enough = is_enough

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over = True

    def __call__(self) -> bool:
        if self._is_ended():
            return True
        if not self.is_over and self._is_enough():
            self.had_enough = True
        return self.had_enough and not self.is_over


class ProtectedSession:
    """The session of ``spi.connector`` around another. Where it does not repeat, every failure is final."""

    def __init__(self, door: Door, context: ReadContext, repeats: bool) -> None:
        """Come in and begin; raises what beginning raises, SourceResting, ResourceLimit where the source refuses more."""
        self._door = door
        self._context = context
        self._repeats = repeats
        self._changed = threading.Condition()
        self._ended = self._delivered = False
        self._reads_left = context.requests
        self._attempts = 1
        self._rivals: list[Stay] = []
        """Sessions on other servers, while it is not decided whose answer it is."""
        self._latest: float | None = None
        """When to ask no more, once something has failed."""
        self._cause: HanseError | None = None
        """Why the session was begun again, or could not be."""
        self._is_lost = False
        self._giver: Stay | None = None
        """Whose rows have been handed on."""
        self._is_mixed = False
        self._supplied: Picture | None = None
        """That of another query's statement, which has answered."""
        self._place = ""
        """What to tell of who has answered."""
        self._limits = limits(door.deadlines, context.patience)
        self._legs: dict[int, Leg] = {}
        """By the fragment that a request is for."""
        self._stay: Stay | None = self._unless_resting(self._begun)

    def _unless_resting(self, work: Callable[[_Waiting], T]) -> T:
        """What may have to wait, as long as the source is not left alone meanwhile; who repeats waits for that, too."""
        while True:
            with _Waiting(self._context.is_ended, lambda: not self._repeats and self._door.refuses) as waiting:
                try:
                    return work(waiting)
                except Cancelled:
                    if not waiting.had_enough:
                        raise
            self._door.check()

    def _for(self, seconds: float) -> _Waiting:
        """To wait no longer than that."""
        clock = self._door.clock
        latest = clock.monotonic() + seconds
        return _Waiting(lambda: self._ended or self._context.is_ended(), lambda: clock.monotonic() > latest)

    def _begun(self, waiting: _Waiting, failed: Host | None = None) -> Stay:
        return self._begun_at(self._door.host(failed), waiting)

    def _begun_at(self, host: Host, waiting: _Waiting) -> Stay:
        context = replace(self._context, is_ended=waiting)
        stay = Stay(self._door, host, context)
        context = replace(context, answered=partial(self._answered, stay), at_once=stay.at_once)
        context = replace(context, asking=self._asking, connected=self._connected)
        context = replace(context, arrived=partial(stay.arrived, context.arrived))
        try:
            stay.session = stay.host.connector.begin(context)
        except BaseException:
            stay.over()
            raise
        return stay

    def _answered(self, stay: Stay) -> None:
        stay.answered()
        self._context.answered()

    @property
    def snapshot(self) -> str | None:
        """The session's."""
        stay = self._stay
        return None if stay is None else stay.session.snapshot

    @property
    def round_trip(self) -> float | None:
        """The session's, if it knows it."""
        found: float | None = getattr(self._stay and self._stay.session, "round_trip", None)
        return found

    @property
    def picture(self) -> Picture | None:
        """Of the session that has answered, be it another query's."""
        stay = self._giver or self._stay
        if self._supplied is not None or stay is None:
            return self._supplied
        found: Picture | None = getattr(stay.session, "picture", None)
        if found is not None and stay.host is not self._door.hosts[0]:
            found = found.of_copy()
        return found.unlike("two of its sessions gave rows") if found is not None and self._is_mixed else found

    def pin(self, tables: Sequence[Table], meet: Callable[[], object]) -> None:
        """Have the session take its snapshot, or another one in its place; one that cannot says nothing of what it reads. A
        session that is begun again later takes a new one."""
        while True:
            stay = self._current()
            leg = self._leg(stay)
            leg.asking()

            def met(leg: Leg = leg) -> None:
                leg.connected()
                leg.came()
                meet()
                leg.waits()

            try:
                stay.ask()
                if isinstance(stay.session, Pinning):
                    stay.session.pin(tables, met)
                    stay.answered()
                return
            except HanseError as failure:
                self._failed(stay, leg, failure)
            finally:
                leg.over()

    def read(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        """The request's batches: those of the same statement of another query, or its own."""
        sharing = self._door.sharing
        try:
            if sharing is None or not self._context.shares or self._context.requests > 1 or sharing.is_alone():
                yield from self._own(request, parameters)
            else:
                yield from self._shared(sharing, request, parameters)
        finally:
            self._count_read()

    def _shared(self, sharing: Sharing, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        """As ``sharing`` has it: who waits for another has handed on nothing, and can still ask himself."""
        key = key_of(request, parameters, self._context, self._repeats)
        while (joined := sharing.join(key, request, self._context)) is not None:
            answer, is_mine = joined
            if is_mine:
                told = lambda: (self._place, self.picture)  # noqa: E731
                yield from sharing.handed_out(key, answer, self._whole(request, parameters), told)
                return
            found = sharing.wait(answer, partial(self._is_waited_for_in_vain, answer))
            if self._ended:
                raise self._cancelled()
            if found is not End.COMPLETE and not self._repeats:
                self._door.check()
            if found is End.COMPLETE:
                self._context.shared(request, answer.query_id)
                notice, self._supplied = answer.told
                if notice:
                    self._context.notice(notice)
                self.close()  # others may ask, however long the reader takes
                yield from answer.rows(request)
                return
            if found is End.APART:
                break
        yield from self._own(request, parameters)

    def _is_waited_for_in_vain(self, answer: Answer) -> bool:
        """Whether nobody wants it any more, or the source is left alone meanwhile and has said nothing to the one who asks."""
        return self._ended or (answer.moved is None and not self._repeats and self._door.refuses)

    def _whole(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        """Its own, which end with a failure if they may lack something: what a cancel cuts short is for nobody."""
        yield from self._own(request, parameters)
        if self._ended:
            raise self._cancelled()

    def _own(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        """The request's batches, asked for again if that is possible and of use."""
        before: Stay | None = None
        while True:
            stay = self._current()
            if before not in (None, stay) and self._cause is not None:
                self._context.retried(request, self._cause)
            leg = self._legs[request.fragment] = self._leg(stay)
            try:
                stay, batches = self._asked(stay, request, parameters)
                yield from self._handed_on(stay, batches, leg)
                return
            except _Superseded:
                continue
            except HanseError as failure:
                self._failed(stay, leg, failure)
            finally:
                leg.over()
            before = stay

    def _leg(self, stay: Stay) -> Leg:
        """What ends a session whose request takes too long."""

        def missed(limit: Limit) -> None:
            with self._changed:
                stays = {stay, *self._rivals, *([] if self._stay is None else [self._stay])}
            for one in stays:
                one.too_late(limit.error(self._door.connector.source))

        tells = self._door.deadlines.connect is not None
        return Leg(self._limits, self._door.clock.monotonic, self._door.alarms, missed, tells)

    def _asking(self, request: Request) -> None:
        if (leg := self._legs.get(request.fragment)) is not None:
            leg.asking()
        self._context.asking(request)

    def _connected(self, request: Request) -> None:
        if (leg := self._legs.get(request.fragment)) is not None:
            leg.connected()
        self._context.connected(request)

    def _current(self) -> Stay:
        """The session to ask, waiting while it is begun again."""
        with self._changed:
            self._changed.wait_for(lambda: self._stay is not None or self._ended or self._is_lost)
            if self._stay is None:
                ended = Cancelled("the statement was cancelled", source=self._door.connector.source)
                raise self._cause if self._is_lost and self._cause is not None else ended
            return self._stay

    def _asked(
        self, stay: Stay, request: Request, parameters: tuple[Literal, ...]
    ) -> tuple[Stay, Iterator[pa.RecordBatch]]:
        """The request's batches, and the session that they are of: where another server was faster, its."""

        def read(one: Stay) -> Iterator[pa.RecordBatch]:
            one.ask()
            if self._door.allowance is not None:
                self._door.allowance.more(len(request.statements) - 1)
            return iter(one.session.read(request, parameters))

        hedge = self._door.hedge
        is_alone = self._context.requests == 1 and not self._context.pinned
        patience = hedge.answers.patience() if hedge and is_alone else None
        if patience is None:
            return stay, read(stay)
        winner, others = raced(Runner(stay, read, self._changed), patience, lambda: self._rival(stay, read))
        for other in others:
            if isinstance(other.failure, HanseError):
                other.stay.failed(other.failure, self._ended)
        with self._changed:
            self._rivals.clear()
            has_ended = self._ended and winner.stay is not stay
            if not self._ended:
                self._stay = winner.stay
        for other in (*others, winner) if has_ended else others:
            if other.stay is not self._stay:
                other.leave()
        if has_ended:
            raise self._cancelled()
        if winner.failure is not None:
            raise winner.failure
        return winner.stay, winner.batches()

    def _rival(self, stay: Stay, read: Read) -> Runner | None:
        """Another server that is asked the same, if one is well, has a connection, and it is not too often so."""
        host, hedge = self._door.rival(stay.host), self._door.hedge
        if host is None or hedge is None or not hedge.budget.spend():
            return None
        try:
            with self._for(RIVAL_SECONDS) as waiting:
                rival = self._begun_at(host, waiting)
        except HanseError:
            return None
        runner = Runner(rival, read, self._changed)
        with self._changed:
            if not self._ended:
                self._rivals.append(rival)
                return runner
        rival.session.close()
        rival.over()
        return None

    def _handed_on(self, stay: Stay, batches: Iterator[pa.RecordBatch], leg: Leg) -> Iterator[pa.RecordBatch]:
        try:
            for batch in batches:
                leg.came()
                self._pause()
                self._deliver(stay)
                if self._door.allowance is not None:
                    self._door.allowance.took(batch.num_rows, batch.nbytes)
                yield batch
                leg.waits()
        finally:
            end(batches)
        self._deliver(stay)  # that there is nothing is something that the snapshot shows

    def _pause(self) -> None:
        """Go on only when the source's rows and bytes per minute allow it, or nobody wants more."""
        seconds = self._door.allowance.owed() if self._door.allowance else 0.0
        if seconds > 0:
            with self._changed:
                self._changed.wait_for(lambda: self._ended, seconds)

    def _deliver(self, stay: Stay) -> None:
        """Hand something on; from then on the session cannot be begun again."""
        with self._changed:
            if stay is not self._stay and not self._ended:
                raise _Superseded
            is_first, self._delivered = not self._delivered, True
            self._is_mixed |= self._giver not in (None, stay)
            self._giver = self._giver or stay
        stay.answered()
        if is_first and self._door.hedge:
            self._door.hedge.answers.note(self._door.clock.monotonic() - stay.asked_at)
        if is_first and (place := self._door.place(stay.host)):
            self._place = place
            self._context.notice(place)

    # asking again

    def _failed(self, stay: Stay, leg: Leg, failure: HanseError) -> None:
        """A leg of the session: return when there is a session to ask again, or raise what ended it."""
        if self._ended:
            stay.gave_up(leg.silent_seconds())
        self._recover(stay, stay.overdue or failure)

    def _recover(self, stay: Stay, failure: HanseError) -> None:
        """After a failure: return when there is a session to ask again, or raise it."""
        is_resting = isinstance(failure, SourceResting)
        if not is_resting:
            stay.failed(failure, self._ended)
        can_move = self._can_move(stay, failure)
        with self._changed:
            if not self._ended and stay is not self._stay:
                return  # another request's failure has ended the session, and so this one
            may_repeat = can_move or (self._repeats and failure.fault in AGAIN)
            if self._ended or self._delivered or not may_repeat:
                raise failure
            if can_move or not is_resting:
                self._stay, self._cause = None, failure
        if isinstance(failure, SourceResting) and not can_move:
            self._wait(failure.seconds + SPREAD_SECONDS * self._door.clock.random(), failure)
        else:
            self._begin_again(stay, failure, can_move)

    def _can_move(self, stay: Stay, failure: HanseError) -> bool:
        """Whether another server has what this one cannot give: each is asked once, whatever the query's profile."""
        is_left = self._attempts < len(self._door.hosts)
        return is_left and failure.fault in AWAY and self._door.host(stay.host) is not stay.host

    def _begin_again(self, stay: Stay, failure: HanseError, elsewhere: bool) -> None:
        """Replace the session, at once if it is begun ``elsewhere``; all requests that asked it go to the new one, or end if
        there is none."""
        try:
            stay.session.cancel()
            stay.session.close()
            stay.over()
            self._count_again(*stay.leave_aside())
            retry = self._door.retry
            if not elsewhere:
                if self._attempts >= retry.attempts or not self._door.budget.spend():
                    raise self._exhausted(failure)
                self._wait(backoff(retry, self._attempts, self._door.clock.random()), failure)
            self._attempts += 1
            self._put(self._begun_soon(stay.host, failure))
        except HanseError:
            with self._changed:
                self._is_lost = True
                self._changed.notify_all()
            raise

    def _count_again(self, rows: int, bytes: int) -> None:
        if rows and self._door.allowance is not None:
            self._door.allowance.took(rows, bytes)
        self._context.again(rows, bytes)

    def _begun_soon(self, failed: Host, failure: HanseError) -> Stay:
        with self._for(LEASE_SECONDS) as waiting:
            try:
                return self._begun(waiting, failed)
            except Cancelled:
                raise (self._exhausted(failure) if waiting.had_enough else self._cancelled()) from None

    def _put(self, stay: Stay) -> None:
        with self._changed:
            if not self._ended:
                self._stay = stay
                self._changed.notify_all()
                return
        stay.session.close()
        stay.over()
        raise self._cancelled()

    def _wait(self, seconds: float, failure: HanseError) -> None:
        """Wait, if somebody will still want the answer then; raises the failure, or Cancelled."""
        now = self._door.clock.monotonic()
        self._latest = self._latest or now + self._door.retry.patience
        if now + seconds > self._latest or seconds >= self._context.seconds_left():
            raise self._exhausted(failure)
        with self._changed:
            if self._changed.wait_for(lambda: self._ended, seconds):
                raise self._cancelled()

    def _exhausted(self, failure: HanseError) -> HanseError:
        """The failure, which says that it was not the first."""
        if self._attempts > 1:
            asked = f"asked {self._attempts} times"
            failure.hint = f"{failure.hint}; {asked}" if failure.hint else asked
        return failure

    def _cancelled(self) -> Cancelled:
        return Cancelled("cancelled while waiting to ask again", source=self._door.connector.source)

    # the end

    def cancel(self) -> None:
        """End every running statement, and every wait."""
        stay = self._end()
        with self._changed:
            rivals = list(self._rivals)
        for rival in rivals:
            threading.Thread(target=rival.session.cancel, name="hanse-hedge-left", daemon=True).start()
        if stay is not None:
            stay.session.cancel()

    def close(self) -> None:
        """End what still runs and give everything back."""
        stay = self._end()
        with self._changed:
            stays = [*self._rivals, *([] if stay is None else [stay])]
        for one in stays:
            one.session.close()
            one.over()

    def _end(self) -> Stay | None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
            return self._stay

    def _count_read(self) -> None:
        """After the last answer others may ask the source, however long the query goes on."""
        with self._changed:
            self._reads_left -= 1
            stay = self._stay
            is_last = self._reads_left <= 0
        if is_last and stay is not None:
            stay.over()
