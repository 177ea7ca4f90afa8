"""Turns on one connection: memory while a reader is quick, a file as soon as another waits, and no deadlock."""

from __future__ import annotations

import threading

import pyarrow as pa
import pytest

from hanse.connectors.mysql.spool import BATCHES_IN_MEMORY, Lane, Spool, Stopped

COUNT = 50


def batch(number: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": pa.array([number], pa.int64())})


def fill(lane: Lane, spool: Spool, failure: Exception | None = None) -> None:
    try:
        lane.wait(spool)
        for number in range(COUNT):
            spool.put(batch(number))
        spool.finish(failure)
    except Stopped:
        spool.finish()
    finally:
        lane.leave(spool)


def start(lane: Lane, failure: Exception | None = None) -> tuple[Spool, threading.Thread]:
    spool = lane.enter()
    thread = threading.Thread(target=fill, args=(lane, spool, failure))
    thread.start()
    return spool, thread


def numbers(spool: Spool) -> list[int]:
    return [one.column(0)[0].as_py() for one in spool]


def test_a_lone_answer_waits_for_its_reader() -> None:
    spool, thread = start(Lane())
    thread.join(0.1)
    assert thread.is_alive()
    assert len(spool._memory) == BATCHES_IN_MEMORY
    assert numbers(spool) == list(range(COUNT))
    thread.join(5)
    assert spool._file is None


def test_an_answer_goes_to_a_file_when_another_waits() -> None:
    lane = Lane()
    first, one = start(lane)
    second, two = start(lane)
    assert numbers(second) == list(range(COUNT))
    one.join(5)
    assert first._file is not None
    assert numbers(first) == list(range(COUNT))
    two.join(5)
    assert first._file.closed


def test_leaving_early_frees_the_lane() -> None:
    lane = Lane()
    first, one = start(lane)
    reading = iter(first)
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    one.join(5)
    second, two = start(lane)
    assert numbers(second) == list(range(COUNT))
    two.join(5)


def test_a_failure_comes_after_what_was_read() -> None:
    spool, thread = start(Lane(), ValueError("broken"))
    reading = iter(spool)
    assert [next(reading).column(0)[0].as_py() for _ in range(COUNT)] == list(range(COUNT))
    with pytest.raises(ValueError, match="broken"):
        next(reading)
    thread.join(5)
