"""Asking again, over scripted sessions: what no real server can be made to do at the same step every time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa
import pytest

from hanse.admission.connector import Admission
from hanse.errors import (
    Cancelled,
    Fault,
    HanseError,
    InvalidValue,
    ResourceLimit,
    SourceResting,
    SourceUnreachable,
    StaleSnapshot,
)
from hanse.execute.limits import Limit, Limits, Meter
from hanse.ir.expr import Column, Literal
from hanse.ir.request import Request, SqlText
from hanse.ir.types import INT64
from hanse.spi.arrow import wire_schema
from hanse.spi.connector import ReadContext, Session
from hanse.spi.protection import BreakerOptions, Protection, RetryOptions
from tests.unit.admission.wheel import Wheel

ID = Column(1, "id", INT64)
RETRY = RetryOptions(attempts=4, wait=0.001, wait_max=0.001, patience=5)
Script = Callable[["Scripted", int], Iterator[int]]


def down() -> HanseError:
    return SourceUnreachable("connection lost", source="shop")


def locked() -> HanseError:
    return ResourceLimit("lock", sqlstate="55P03", source="shop").with_fault(Fault.TRANSIENT)


def refused() -> HanseError:
    return ResourceLimit("too many clients", sqlstate="53300").with_fault(Fault.THROTTLED)


def request(fragment: int) -> Request:
    return Request(fragment, "shop", SqlText(("select",)), (ID,), ())


@dataclass
class Scripted:
    """A session whose answers its source's script gives, by the session's number and the request's."""

    number: int
    script: Script
    cancelled: threading.Event = field(default_factory=threading.Event)
    closed: int = 0
    context: ReadContext | None = None

    @property
    def snapshot(self) -> str:
        return f"snapshot {self.number}"

    def read(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        for value in self.script(self, request.fragment):
            yield pa.RecordBatch.from_arrays([pa.array([value], pa.int64())], schema=wire_schema((ID,)))

    def cancel(self) -> None:
        self.cancelled.set()

    def close(self) -> None:
        self.closed += 1
        self.cancelled.set()


@dataclass
class Source:
    """A source of scripted sessions."""

    script: Script
    protection: Protection = Protection(BreakerOptions(), RETRY)
    sessions: list[Scripted] = field(default_factory=list)
    begin_failures: list[HanseError] = field(default_factory=list)
    source: str = "shop"

    def begin(self, context: ReadContext) -> Session:
        if self.begin_failures:
            raise self.begin_failures.pop(0)
        self.sessions.append(Scripted(len(self.sessions), self.script, context=context))
        return self.sessions[-1]

    def load_catalog(self) -> None:
        raise down()

    def close(self) -> None:
        return


class Told:
    """What a context is told."""

    def __init__(self, requests: int = 1, seconds_left: float = float("inf")) -> None:
        self.retried: list[tuple[int, str]] = []
        self.ended = False
        self.context = ReadContext(
            "ab",
            requests,
            is_ended=lambda: self.ended,
            retried=lambda request, failure: self.retried.append((request.fragment, failure.code)),
            seconds_left=lambda: seconds_left,
        )


def opened(source: Source, told: Told, profile: str = "batch") -> tuple[Admission, Session]:
    admission = Admission({"shop": source}, Wheel())  # type: ignore[dict-item]
    return admission, admission.connectors(profile)["shop"].begin(told.context)  # type: ignore[index]


def values(session: Session, fragment: int = 0) -> list[int]:
    return [value for batch in session.read(request(fragment), ()) for value in batch.column(0).to_pylist()]


def failing(times: int, failure: Callable[[], HanseError], after: int = 0) -> Script:
    """Fails in the first sessions, after some rows."""

    def script(session: Scripted, fragment: int) -> Iterator[int]:
        yield from range(after)
        if session.number < times:
            raise failure()
        yield from range(after, 3)

    return script


@pytest.mark.parametrize("failure", [down, locked, refused])
def test_what_passes_is_asked_again(failure: Callable[[], HanseError]) -> None:
    source, told = Source(failing(3, failure)), Told()
    admission, session = opened(source, told)
    assert values(session) == [0, 1, 2]
    session.close()
    assert len(source.sessions) == 4
    assert all(one.closed == 1 for one in source.sessions)
    assert told.retried == [(0, failure().code)] * 3
    assert session.snapshot == "snapshot 3"
    assert admission._doors["shop"].hosts[0].limit.taken == 0


def test_what_is_kept_aside_and_asked_again_counts_once_where_rows_are_limited() -> None:
    """The rows of an attempt that is made again have moved; what a query may read is not the smaller for them."""
    moved: list[tuple[int, int]] = []
    limit = Limit(4, "rows", "guardrail max_rows of shop", "a query may read")
    meter = Meter(Limits({"shop": (limit,)}))
    meter.tell(lambda rows, bytes: moved.append((rows, bytes)))
    again: list[tuple[int, int]] = []

    def script(session: Scripted, fragment: int) -> Iterator[int]:
        batch = pa.RecordBatch.from_arrays([pa.array([1, 2, 3], pa.int64())], schema=wire_schema((ID,)))
        assert session.context is not None
        session.context.arrived(batch)
        if session.number < 2:
            raise down()
        source.sessions[0].context.arrived(batch)  # type: ignore[union-attr]  # too late: nobody counts it
        yield from range(3)

    def lost(rows: int, bytes: int) -> None:
        again.append((rows, bytes))
        meter.again("shop", rows, bytes)

    source, told = Source(script), Told()
    told.context = replace(told.context, arrived=meter.arrived("shop"), again=lost)
    assert values(opened(source, told)[1]) == [0, 1, 2]
    assert again == [(3, 24), (3, 24)]
    assert tuple(map(sum, zip(*moved, strict=True))) == (9, 72)
    with pytest.raises(ResourceLimit, match="max_rows of shop"):
        meter.arrived("shop")(pa.record_batch({"c1": [4, 5]}))


@pytest.mark.parametrize(
    "failure", [InvalidValue("x"), StaleSnapshot("x"), Cancelled("x"), ResourceLimit("x")], ids=repr
)
def test_what_does_not_pass_is_not(failure: HanseError) -> None:
    def script(session: Scripted, fragment: int) -> Iterator[int]:
        raise failure
        yield 0

    source, told = Source(script), Told()
    _, session = opened(source, told)
    with pytest.raises(type(failure)):
        values(session)
    assert (len(source.sessions), told.retried) == (1, [])


def test_interactive_queries_fail_at_once() -> None:
    source, told = Source(failing(1, down)), Told()
    admission, session = opened(source, told, "interactive")
    with pytest.raises(SourceUnreachable):
        values(session)
    session.close()
    assert (len(source.sessions), told.retried, admission._doors["shop"].hosts[0].limit.taken) == (1, [], 0)


def test_not_after_a_row_has_left() -> None:
    source, told = Source(failing(1, down, after=1)), Told()
    _, session = opened(source, told)
    batches = session.read(request(0), ())
    assert next(batches).num_rows == 1
    with pytest.raises(SourceUnreachable):
        next(batches)
    assert (len(source.sessions), told.retried) == (1, [])


def test_it_ends_after_so_many_attempts() -> None:
    source, told = Source(failing(99, down)), Told()
    _, session = opened(source, told)
    with pytest.raises(SourceUnreachable) as failure:
        values(session)
    assert "asked 4 times" in str(failure.value)
    assert len(source.sessions) == 4


def test_it_ends_with_the_budget() -> None:
    """Eleven queries at a source that is down: ten repetitions among all of them."""
    source = Source(failing(999, down), Protection(BreakerOptions(failures=0), RETRY))
    admission = Admission({"shop": source}, Wheel())  # type: ignore[dict-item]
    for _ in range(11):
        session = admission.connectors("batch")["shop"].begin(Told().context)
        with pytest.raises(SourceUnreachable):
            values(session)
        session.close()
    assert len(source.sessions) == 11 + 10


def test_it_ends_where_no_time_is_left() -> None:
    source = Source(failing(99, down), Protection(BreakerOptions(), RetryOptions(wait=60, wait_max=60, patience=600)))
    told = Told(seconds_left=0.5)
    _, session = opened(source, told)
    before = time.monotonic()
    with pytest.raises(SourceUnreachable):
        values(session)
    assert time.monotonic() - before < 0.5
    assert len(source.sessions) == 1


def test_a_cancel_ends_the_waiting() -> None:
    source = Source(failing(99, down), Protection(BreakerOptions(), RetryOptions(wait=60, wait_max=60, patience=600)))
    _, session = opened(source, Told())
    timer = threading.Timer(0.05, session.cancel)
    timer.start()
    before = time.monotonic()
    with pytest.raises(Cancelled):
        values(session)
    assert time.monotonic() - before < 2
    session.close()
    assert len(source.sessions) == 1


def read_all(session: Session, fragments: int) -> list[list[int] | str]:
    """The answers of all requests, each read in a thread of its own; what failed is its name."""
    found: list[list[int] | str] = [""] * fragments

    def read(fragment: int) -> None:
        try:
            found[fragment] = values(session, fragment)
        except HanseError as failure:
            found[fragment] = type(failure).__name__

    threads = [threading.Thread(target=read, args=(fragment,)) for fragment in range(fragments)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    return found


def test_all_requests_go_to_the_new_session() -> None:
    """One fails, the others are still waiting for their first row: all are asked in one new session, under one snapshot."""

    waiting = threading.Barrier(3)

    def script(session: Scripted, fragment: int) -> Iterator[int]:
        if session.number == 0:
            waiting.wait(5)
            if fragment:
                assert session.cancelled.wait(5)
                raise Cancelled("the statement was cancelled")
            raise down()
        yield 100 * session.number + fragment

    source, told = Source(script), Told(3)
    _, session = opened(source, told)
    assert read_all(session, 3) == [[100], [101], [102]]
    session.close()
    assert len(source.sessions) == 2
    assert sorted(told.retried) == [(0, "08001"), (1, "08001"), (2, "08001")]


def test_rows_of_another_request_have_left() -> None:
    """Two snapshots would meet in one answer."""
    given = threading.Event()

    def script(session: Scripted, fragment: int) -> Iterator[int]:
        if fragment == 0:
            yield session.number
            given.set()
        else:
            assert given.wait(5)
            raise down()

    source, told = Source(script), Told(2)
    _, session = opened(source, told)
    assert read_all(session, 2) == [[0], "SourceUnreachable"]
    assert (len(source.sessions), told.retried) == (1, [])


def test_that_there_are_no_rows_has_left_too() -> None:
    def script(session: Scripted, fragment: int) -> Iterator[int]:
        if fragment:
            raise down()
        yield from ()

    source, told = Source(script), Told(2)
    _, session = opened(source, told)
    assert values(session, 0) == []
    with pytest.raises(SourceUnreachable):
        values(session, 1)
    assert len(source.sessions) == 1


def test_a_row_that_comes_too_late_is_not_handed_on() -> None:
    """A request that got its first row after the session was given up is asked again."""
    superseded, read_on = threading.Event(), threading.Event()

    def script(session: Scripted, fragment: int) -> Iterator[int]:
        if session.number == 0 and fragment == 0:
            assert read_on.wait(5)
            raise down()
        if session.number == 0:
            read_on.set()
            assert session.cancelled.wait(5)
            superseded.set()
        yield 10 * session.number + fragment

    source, told = Source(script), Told(2)
    _, session = opened(source, told)
    assert read_all(session, 2) == [[10], [11]]
    assert superseded.is_set()
    assert len(source.sessions) == 2


def test_where_no_session_can_be_begun_all_requests_fail() -> None:
    def script(session: Scripted, fragment: int) -> Iterator[int]:
        if fragment:
            assert session.cancelled.wait(5)
        raise down()
        yield 0

    source, told = Source(script), Told(3)
    _, session = opened(source, told)
    source.begin_failures.append(ResourceLimit("all connections were busy", sqlstate="53300"))
    found = read_all(session, 3)
    assert set(found) <= {"SourceUnreachable", "ResourceLimit"}
    assert len(source.sessions) == 1


def rested(source: Source) -> Admission:
    """Its breaker has opened."""
    admission = Admission({"shop": source}, Wheel())  # type: ignore[dict-item]
    for _ in range(5):
        with pytest.raises(SourceUnreachable):
            admission.connectors()["shop"].load_catalog()
    return admission


def test_a_source_that_is_left_alone_is_not_asked_and_batch_waits_for_it() -> None:
    options = BreakerOptions(wait=0.05, wait_max=0.05)
    source = Source(failing(0, down), Protection(options, RETRY))
    admission = rested(source)
    with pytest.raises(SourceResting):
        admission.check(["shop", "elsewhere"], "interactive")
    with pytest.raises(SourceResting):
        admission.connectors()["shop"].begin(Told().context)
    assert source.sessions == []
    admission.check(["shop"], "batch")
    told = Told()
    session = admission.connectors("batch")["shop"].begin(told.context)
    wheel = admission._doors["shop"].clock
    timer = threading.Timer(0.02, wheel.sleep, [1.0])
    timer.start()
    assert values(session) == [0, 1, 2]
    session.close()
    assert told.retried == []  # nothing was sent before
    assert admission.states() == {"shop": "closed"}


def test_a_probe_that_is_closed_makes_room() -> None:
    source = Source(failing(0, down))
    admission = rested(source)
    admission._doors["shop"].clock.sleep(5)
    connector = admission.connectors()["shop"]
    probe = connector.begin(Told().context)
    stuck = probe.read(request(0), ())
    ask = threading.Thread(target=lambda: next(stuck, None))
    source.sessions[0].script = lambda session, _: iter(range(int(not session.cancelled.wait(5))))
    ask.start()
    deadline = time.monotonic() + 5
    while admission._doors["shop"].hosts[0].breaker._probe is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    with pytest.raises(SourceResting, match="one query is trying it"):
        connector.begin(Told().context)
    probe.cancel()
    probe.close()
    ask.join(5)
    source.script = failing(0, down)
    again = connector.begin(Told().context)
    assert values(again) == [0, 1, 2]
    assert admission.states() == {"shop": "closed"}
    again.close()


def test_cancelled_queries_do_not_open_the_breaker() -> None:
    """A connection that is cut because its query has ended fails like one whose source has gone."""

    def script(session: Scripted, fragment: int) -> Iterator[int]:
        assert session.cancelled.wait(5)
        raise down()
        yield 0

    source = Source(script)
    admission = Admission({"shop": source}, Wheel())  # type: ignore[dict-item]
    for _ in range(100):
        session = admission.connectors()["shop"].begin(Told().context)
        timer = threading.Timer(0.001, session.cancel)
        timer.start()
        with pytest.raises(HanseError):
            values(session)
        session.close()
    assert admission.states() == {"shop": "closed"}


def test_a_source_that_refuses_more_is_asked_less() -> None:
    source = Source(failing(99, refused), Protection(BreakerOptions(failures=0), RETRY))
    admission = Admission({"shop": source}, Wheel())  # type: ignore[dict-item]
    connector = admission.connectors()["shop"]
    sessions = [connector.begin(Told().context) for _ in range(8)]
    for session in sessions:
        with pytest.raises(ResourceLimit):
            values(session)
        session.close()
    assert admission.states() == {"shop": "closed, 6 queries at a time"}
    assert admission._doors["shop"].hosts[0].limit.taken == 0
