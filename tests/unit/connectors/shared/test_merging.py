"""Several producers, one answer: everything arrives once, a slow reader holds all back, a failure ends all."""

from __future__ import annotations

import threading

import pyarrow as pa
import pytest

from hanse.connectors.shared.merging import Merged, Put
from hanse.errors import SourceError

SECONDS = 5.0


def batch(value: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"x": [value]})


def numbers(start: int, end: int):
    def produce(put: Put) -> None:
        for value in range(start, end):
            put(batch(value))

    return produce


def test_all_batches_of_all_producers_arrive_once() -> None:
    merged = Merged("test", 2)

    def first(put: Put) -> None:
        merged.start(numbers(100, 200))
        merged.start(numbers(200, 300))
        numbers(0, 100)(put)

    merged.start(first)
    assert sorted(one.column(0)[0].as_py() for one in merged) == list(range(300))
    assert merged.producing == 0


def test_producers_wait_for_a_slow_reader() -> None:
    merged, produced = Merged("test", 2), []

    def produce(put: Put) -> None:
        for value in range(100):
            put(batch(value))
            produced.append(value)

    merged.start(produce)
    batches = iter(merged)
    next(batches)
    assert not merged.wait(0.2)
    assert len(produced) <= 3
    merged.stop()
    assert merged.wait(SECONDS)


def test_the_first_failure_is_the_readers_and_ends_the_others() -> None:
    merged = Merged("test", 2)

    def fails(put: Put) -> None:
        put(batch(1))
        raise SourceError("broken", source="shop")

    merged.start(numbers(0, 1_000_000))
    merged.start(fails)
    with pytest.raises(SourceError, match="broken"):
        for _ in merged:
            pass
    assert merged.wait(SECONDS)


def test_who_stops_wakes_producers_that_wait() -> None:
    merged, waiting = Merged("test", 1), threading.Event()

    def waits(put: Put) -> None:
        merged.start(numbers(0, 10))
        waiting.set()
        merged.wait_for_others()

    merged.start(waits)
    assert waiting.wait(SECONDS)
    merged.stop()
    assert merged.wait(SECONDS)


def test_the_last_one_waits_for_the_others() -> None:
    merged, order = Merged("test", 4), []

    def other(put: Put) -> None:
        put(batch(1))
        order.append("other")

    def first(put: Put) -> None:
        merged.start(other)
        merged.wait_for_others()
        order.append("first")

    merged.start(first)
    assert len(list(merged)) == 1
    assert order == ["other", "first"]
