"""Threads that stay for the next query."""

import gc
import threading
import time
import weakref
from collections.abc import Iterator

import pytest

from hanse.execute.threads import RESTING, Threads, Work


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads()
    yield made
    made.close()


def who(threads: Threads) -> threading.Thread:
    """The thread that does the next work."""
    found: list[threading.Thread] = []
    threads.start(Work("hanse-test", lambda: found.append(threading.current_thread()))).join(5)
    return found[0]


def rested(thread: threading.Thread, threads: Threads) -> None:
    deadline = time.monotonic() + 5
    while not threads._resting:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    assert thread.name == RESTING


def test_the_thread_of_one_work_does_the_next(threads) -> None:
    first = who(threads)
    rested(first, threads)
    assert who(threads) is first


def test_what_lasts_at_once_has_threads_of_its_own(threads) -> None:
    met = threading.Barrier(3, timeout=5)
    works = [threads.start(Work(f"hanse-{number}", met.wait)) for number in range(3)]
    for work in works:
        work.join(5)
        assert work.is_over


def test_work_has_its_name_while_it_lasts_and_knows_its_thread(threads) -> None:
    seen: list[object] = []
    work = Work("hanse-test", lambda: seen.extend((threading.current_thread().name, work.is_mine)))
    threads.start(work).join(5)
    assert seen == ["hanse-test", True]
    assert not work.is_mine


def test_joining_waits_no_longer_than_it_should(threads) -> None:
    go_on = threading.Event()
    work = threads.start(Work("hanse-test", lambda: go_on.wait(5)))
    work.join(0.01)
    assert not work.is_over
    go_on.set()
    work.join()
    work.join()
    assert work.is_over


def test_nothing_of_a_work_lives_on_in_a_thread_that_rests(threads) -> None:
    class Thing:
        def do(self) -> None:
            """Nothing."""

    thing = Thing()
    gone = weakref.ref(thing)
    work = threads.start(Work("hanse-test", thing.do))
    work.join(5)
    del thing
    gc.collect()
    assert gone() is None


def test_a_failure_ends_its_work_and_others_go_on(threads, monkeypatch) -> None:
    told: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda failure: told.append(failure.exc_type))

    def fail() -> None:
        raise SystemError

    work = threads.start(Work("hanse-test", fail))
    work.join(5)
    assert work.is_over
    assert who(threads).name == RESTING
    assert told == [SystemError]


def test_a_thread_that_nobody_wants_ends() -> None:
    threads = Threads(rest_seconds=0.01)
    thread = who(threads)
    thread.join(5)
    assert not thread.is_alive()
    assert who(threads) is not thread


def test_closing_ends_those_that_rest_and_lets_the_others_finish(threads) -> None:
    go_on = threading.Event()
    work = threads.start(Work("hanse-test", lambda: go_on.wait(5)))
    other = who(threads)
    rested(other, threads)
    threads.close()
    threads.close()
    other.join(5)
    assert not other.is_alive()
    assert not work.is_over
    go_on.set()
    work.join(5)
    assert work.is_over
