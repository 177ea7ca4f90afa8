"""Snapshots behind what spares sources: taken again where that helps, and whose picture it is that has answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hanse.admission.connector import Admission
from hanse.errors import HanseError, SourceUnreachable
from hanse.ir.consistency import Level, Picture
from hanse.ir.tables import Table
from hanse.spi.connector import ReadContext, Session
from tests.unit.admission.test_session import Scripted, Source, Told, down, failing, values
from tests.unit.admission.wheel import Wheel


@dataclass
class Pinned(Scripted):
    """A scripted session with a snapshot, which some cannot take."""

    fails: int = 0
    met: int = 0

    @property
    def picture(self) -> Picture:
        return Picture(Level.SNAPSHOT, f"state {self.number}", 1.0, 2.0)

    def pin(self, tables: Sequence[Table], meet: Callable[[], object]) -> None:
        if self.number < self.fails:
            raise down()
        meet()
        self.met += 1


@dataclass
class Bank(Source):
    """A source of such sessions, perhaps with a copy."""

    fails: int = 0
    replicas: tuple[Any, ...] = field(default_factory=tuple)
    hedges: bool = False

    def begin(self, context: ReadContext) -> Session:
        assert context.pinned
        if self.begin_failures:
            raise self.begin_failures.pop(0)
        self.sessions.append(Pinned(len(self.sessions), self.script, fails=self.fails))
        return self.sessions[-1]


def opened(source: Source, profile: str = "batch") -> Any:
    admission = Admission({"shop": source}, Wheel())  # type: ignore[dict-item]
    context = replace(Told().context, pinned=True)
    return admission.connectors(profile)["shop"].begin(context)  # type: ignore[index]


def test_a_snapshot_that_cannot_be_taken_is_asked_for_again() -> None:
    source, met = Bank(failing(0, down), fails=2), []
    session = opened(source)
    session.pin((), lambda: met.append(1))
    assert (len(source.sessions), met) == (3, [1])
    assert values(session) == [0, 1, 2]
    assert len(source.sessions) == 3
    assert session.picture == Picture(Level.SNAPSHOT, "state 2", 1.0, 2.0)
    session.close()


def test_who_does_not_ask_again_fails() -> None:
    source = Bank(failing(0, down), fails=1)
    session = opened(source, "interactive")
    with pytest.raises(SourceUnreachable):
        session.pin((), lambda: None)
    session.close()
    assert source.sessions[0].closed


def test_a_session_that_is_begun_again_after_the_pin_has_its_own_picture() -> None:
    source = Bank(failing(1, down))
    session = opened(source)
    session.pin((), lambda: None)
    assert session.picture.token == "state 0"
    assert values(session) == [0, 1, 2]
    assert session.picture.token == "state 1"
    session.close()


def test_a_copy_may_be_behind() -> None:
    copy = Bank(failing(0, down))
    source = Bank(failing(9, down), fails=9, replicas=(copy,))
    session = opened(source, "interactive")
    session.pin((), lambda: None)
    assert values(session) == [0, 1, 2]
    assert (session.picture.is_copy, session.picture.earliest, session.picture.token) == (True, None, "state 0")
    session.close()


def test_a_session_that_takes_no_snapshots_says_nothing() -> None:
    session = opened(Source(failing(0, down)))
    session.pin((), lambda: None)
    assert values(session) == [0, 1, 2]
    assert session.picture is None
    session.close()


def test_what_fails_when_the_query_has_ended_is_not_begun_again() -> None:
    source = Bank(failing(0, down), fails=9)
    session = opened(source)
    session.cancel()
    with pytest.raises(HanseError):
        session.pin((), lambda: None)
    session.close()
    assert len(source.sessions) == 1


def test_two_sessions_are_never_one_picture() -> None:
    """What must not happen, a second session that hands on rows, is not claimed if it does."""

    def script(_: Scripted, __: int) -> Iterator[int]:
        yield 1

    source = Bank(script)
    session = opened(source)
    assert values(session) == [1]
    session._giver = object.__new__(type(session._giver))
    session._giver.session, session._giver.host = source.sessions[0], session._stay.host
    session._deliver(session._stay)
    assert (session.picture.level, session.picture.why) == (Level.NONE, "two of its sessions gave rows")
    session.close()
