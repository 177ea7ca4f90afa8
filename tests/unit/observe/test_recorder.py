"""Noting: nobody waits for it, what is too much is counted, processes see one another, who is killed is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hanse.clock import SystemClock
from hanse.errors import Cancelled, HanseError, UnknownName, UserError
from hanse.observe import recorder as recorders
from hanse.observe.recorder import Recorder
from hanse.observe.records import Facts, Record
from hanse.observe.store import QueryStore, Retention

KEPT = Retention(1000, 3600.0, 10_000_000)
Opened = Callable[[], Recorder]


def described(sql: str) -> tuple[str, str]:
    return f"of {sql}", "f1"


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Recorders that share a folder, as processes do."""
    made: list[Recorder] = []

    def make() -> Recorder:
        made.append(Recorder(QueryStore(tmp_path, KEPT), SystemClock(), described))
        return made[-1]

    yield make
    for one in made:
        one.close()


def until(found: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_query_is_seen_from_its_beginning_to_its_end(opened: Opened) -> None:
    recorder = opened()
    noted = recorder.begin("SELECT 1")
    (running,) = recorder.records()
    assert (running.id, running.facts.state, running.statement) == (noted.id, "planning", "of SELECT 1")
    noted.kind = "query"
    noted.runs(lambda _: None, lambda: Facts("running", rows=3))
    assert recorder.records()[0].facts.state == "running"
    noted.finished()
    noted.failed(UserError("too late"))  # it has ended: what comes later counts for nothing
    (ended,) = recorder.records()
    assert (ended.facts.state, ended.facts.rows, ended.error, ended.kind) == ("finished", 3, None, "query")
    assert recorder.running == 0


@pytest.mark.parametrize(
    ("failure", "state", "code"),
    [
        (UserError("a secret", sqlstate="22012", source="shop"), "failed", "22012"),
        (Cancelled("enough"), "cancelled", "57014"),
        (KeyboardInterrupt(), "cancelled", "57014"),
        (ZeroDivisionError("a secret"), "failed", "XX000"),
    ],
)
def test_how_it_failed(opened: Opened, failure: BaseException, state: str, code: str) -> None:
    recorder = opened()
    with pytest.raises(type(failure)), recorder.begin("SELECT 1"):
        raise failure
    (record,) = recorder.records()
    assert (record.facts.state, record.error) == (state, code)
    assert record.error_source == getattr(failure, "source", None)
    assert "secret" not in repr(record)


def test_it_is_written_soon_and_others_read_it(opened: Opened) -> None:
    mine, other = opened(), opened()
    mine.begin("SELECT 1").finished()
    until(lambda: [one.facts.state for one in other.records()] == ["finished"])


def test_what_waits_to_be_written_is_bounded(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorders, "PENDING_MAX", 5)
    recorder = opened()
    recorder._stop.set()  # as if the disk took for ever
    began = time.monotonic()
    for _ in range(2000):
        recorder.begin("SELECT 1").finished()
    assert time.monotonic() - began < 2
    assert (len(recorder._pending), recorder.dropped, recorder.running) == (5, 1995, 0)


def test_what_cannot_be_written_is_counted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    recorder = Recorder(QueryStore(tmp_path / "file", KEPT), SystemClock(), described)
    recorder.begin("SELECT 1").finished()
    noted = recorder.begin("SELECT 2")
    assert [one.id for one in recorder.records()] == [noted.id]  # running ones are known all the same
    assert recorder.dropped == 1
    noted.finished()
    recorder.close()


def test_killed_here(opened: Opened) -> None:
    recorder, told = opened(), []
    noted = recorder.begin("SELECT 1")
    asking = recorder.begin("KILL")
    noted.runs(told.append, Facts)
    assert recorder.kill(noted.id[:12], but=asking.id) == noted.id
    assert [failure.code for failure in told] == ["57014"]
    with pytest.raises(UnknownName, match="no running query begins with"):
        recorder.kill(asking.id, but=asking.id)


def test_killed_while_it_is_planned(opened: Opened) -> None:
    recorder, told = opened(), []
    noted = recorder.begin("SELECT 1")
    recorder.kill(noted.id)
    assert not told
    noted.runs(told.append, Facts)
    assert isinstance(told[0], Cancelled)


def test_killed_by_another_process_within_a_second(opened: Opened) -> None:
    mine, other = opened(), opened()
    ended = threading.Event()
    noted = mine.begin("SELECT 1")
    noted.runs(lambda _: ended.set(), lambda: Facts("running"))
    until(lambda: [one.id for one in other.records()] == [noted.id])
    asked = time.monotonic()
    assert other.kill(noted.id[:8]) == noted.id
    assert ended.wait(2)
    assert time.monotonic() - asked < 1
    noted.stopped("57014", None)
    mine.flush()
    with pytest.raises(UnknownName):
        other.kill(noted.id)
    assert other.find(noted.id[:8]).facts.state == "cancelled"


def test_several_that_begin_so(opened: Opened) -> None:
    recorder = opened()
    first, second = recorder.begin("SELECT 1"), recorder.begin("SELECT 2")
    with pytest.raises(UnknownName, match="2 running queries begin with"):
        recorder.kill("")
    with pytest.raises(UnknownName, match="2 queries begin with"):
        recorder.find("")
    first.finished()
    second.finished()


class Listener:
    """Remembers, and fails."""

    def __init__(self) -> None:
        self.told: list[tuple[Record, object]] = []

    def began(self) -> object:
        return "context"

    def ended(self, record: Record, context: object) -> None:
        self.told.append((record, context))
        raise HanseError("no exporter")


def test_listeners_are_told_and_their_trouble_is_theirs(opened: Opened) -> None:
    recorder, listener = opened(), Listener()
    recorder.listeners.append(listener)
    noted = recorder.begin("SELECT 1")
    noted.finished()
    until(lambda: bool(listener.told))
    (record, context), *more = listener.told
    assert (record.id, context, more) == (noted.id, "context", [])
    assert [one.id for one in recorder.records()] == [noted.id]


def test_no_thread_is_left(opened: Opened) -> None:
    recorder = opened()
    assert recorder._thread is None
    recorder.begin("SELECT 1").finished()
    assert recorder._thread is not None
    assert not recorder._thread.name.startswith("hanse")  # what waits for queries' threads waits for no writer
    recorder.close()
    assert not recorder._thread.is_alive()
    recorder.close()
    assert len(QueryStore(recorder.store._file._path.parent, KEPT).records(time.time())) == 1  # type: ignore[union-attr]
