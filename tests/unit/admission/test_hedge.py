"""Two servers asked the same: who answers first, what becomes of the other, and that a failure is never an answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from hanse.admission.answers import KNOWN_MIN, AnswerTimes
from hanse.admission.connector import Admission
from hanse.errors import HanseError, SourceUnreachable
from hanse.spi.protection import BreakerOptions, Protection
from tests.unit.admission.test_session import RETRY, Scripted, Source, Told, failing, values
from tests.unit.admission.wheel import Wheel


@dataclass
class WithCopy(Source):
    """A source with one replica, which may be asked too."""

    replicas: tuple[Any, ...] = field(default_factory=tuple)
    hedges: bool = True


def late(seconds: float, then: BaseException | None = None) -> Callable[[Scripted, int], Iterator[int]]:
    """Answers, or fails, after some time; a cancel ends the waiting."""

    def script(session: Scripted, fragment: int) -> Iterator[int]:
        if session.cancelled.wait(seconds):
            raise SourceUnreachable("cut by us")
        if then is not None:
            raise then
        yield from (100, 101)

    return script


def admitted(own: Source, copy: Source) -> Admission:
    admission = Admission({"shop": WithCopy(own.script, own.protection, own.sessions, replicas=(copy,))}, Wheel())  # type: ignore[dict-item]
    hedge = admission._doors["shop"].hedge
    assert hedge is not None
    for _ in range(KNOWN_MIN):
        hedge.answers.note(0.02)
    return admission


def ask(admission: Admission, told: Told) -> list[int]:
    session = admission.connectors()["shop"].begin(told.context)
    try:
        return values(session)
    finally:
        session.close()
        deadline = time.monotonic() + 5
        while any(host.limit.taken for host in admission._doors["shop"].hosts):
            assert time.monotonic() < deadline
            time.sleep(0.001)


def test_patience() -> None:
    times = AnswerTimes()
    for number in range(KNOWN_MIN - 1):
        times.note(number)
    assert times.patience() is None
    for number in range(1000):
        times.note(number)
    assert times.patience() == 990  # of the last 200
    for _ in range(200):
        times.note(0)
    assert times.patience() == 0.002


def test_the_other_wins_where_the_first_is_late() -> None:
    own, copy = Source(late(5)), Source(failing(0, lambda: SourceUnreachable("never")))
    before = time.monotonic()
    assert ask(admitted(own, copy), Told()) == [0, 1, 2]
    assert time.monotonic() - before < 2
    assert own.sessions[0].cancelled.is_set()
    assert [one.closed for one in (*own.sessions, *copy.sessions)] == [1, 1]


def test_the_first_may_still_win() -> None:
    own, copy = Source(late(0.05)), Source(late(5))
    assert ask(admitted(own, copy), Told()) == [100, 101]
    assert copy.sessions[0].cancelled.is_set()
    assert [one.closed for one in (*own.sessions, *copy.sessions)] == [1, 1]


def test_nobody_else_is_asked_in_time() -> None:
    own, copy = Source(failing(0, lambda: SourceUnreachable("never"))), Source(late(0))
    assert ask(admitted(own, copy), Told()) == [0, 1, 2]
    assert copy.sessions == []


@pytest.mark.parametrize("failure", [SourceUnreachable("lost"), RuntimeError("a driver's own")], ids=repr)
def test_a_failure_is_no_answer(failure: BaseException) -> None:
    own, copy = Source(late(0.04, failure)), Source(late(0.1))
    assert ask(admitted(own, copy), Told()) == [100, 101]
    own, copy = Source(late(0.04, failure)), Source(late(0.06, failure))
    with pytest.raises(type(failure)):
        ask(admitted(own, copy), Told())


def test_several_requests_are_one_servers() -> None:
    own, copy = Source(late(0.1)), Source(late(0))
    admission, told = admitted(own, copy), Told(2)
    session = admission.connectors()["shop"].begin(told.context)
    assert [values(session, 0), values(session, 1)] == [[100, 101], [100, 101]]
    session.close()
    assert copy.sessions == []


def test_one_in_twenty() -> None:
    """A server that is always late is not asked twice for everything."""
    own, copy = Source(late(0.03)), Source(late(0.001))
    admission = admitted(own, copy)
    for _ in range(60):
        assert ask(admission, Told()) == [100, 101]
    assert len(copy.sessions) <= 2 + 0.05 * 60


def test_a_cancel_ends_both() -> None:
    own, copy = Source(late(30)), Source(late(30))
    admission = admitted(own, copy)
    session = admission.connectors()["shop"].begin(Told().context)
    threading.Timer(0.1, session.cancel).start()
    with pytest.raises(HanseError):
        values(session)
    session.close()
    assert all(one.cancelled.is_set() for one in (*own.sessions, *copy.sessions))
    assert admission.states() == {"shop": "closed"}


def test_a_replica_that_failed_is_no_rival() -> None:
    protection = Protection(BreakerOptions(failures=1), RETRY)
    own, copy = Source(late(0.05), protection), Source(late(0))
    admission = admitted(own, copy)
    admission._doors["shop"].hosts[1].breaker.admit().failed(SourceUnreachable("down"))
    assert ask(admission, Told()) == [100, 101]
    assert copy.sessions == []
