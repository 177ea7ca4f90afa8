"""Turns on few connections: memory while a reader is quick, a file as soon as another waits, and no deadlock."""

from __future__ import annotations

import random
import resource
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from hanse.connectors.shared import lanes as lanes_module
from hanse.connectors.shared.lanes import BATCHES_IN_MEMORY, Lanes
from hanse.errors import Cancelled, ResourceLimit
from hanse.spi.connector import ReadContext

COUNT = 50


def batch(number: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": pa.array([number], pa.int64())})


class Statement:
    """Counts how far it was read, and whether it was closed."""

    def __init__(self, running: set[Statement], failure: Exception | None = None) -> None:
        self.running, self.failure = running, failure
        self.sent = 0
        self.most = 0
        self.closed = threading.Event()

    def __call__(self) -> Iterator[pa.RecordBatch]:
        self.running.add(self)
        self.most = len(self.running)
        try:
            for number in range(COUNT):
                self.sent += 1
                yield batch(number)
            if self.failure:
                raise self.failure
        finally:
            self.running.discard(self)
            self.closed.set()


class Endless(Statement):
    """Has more rows than anybody keeps: it cannot be over before it is stopped."""

    def __call__(self) -> Iterator[pa.RecordBatch]:
        while True:
            yield batch(0)
            time.sleep(0.001)


def lanes(width: int = 1, folder: Path | None = None, size: int | None = None) -> Lanes:
    return Lanes("shop", width, ReadContext("ab", 9, spill_folder=folder, spill_bytes=size))


def numbers(batches: Iterator[pa.RecordBatch]) -> list[int]:
    return [one.column(0)[0].as_py() for one in batches]


def test_a_lone_answer_waits_for_its_reader() -> None:
    statement = Statement(set())
    batches = lanes().read(0, statement)
    assert not statement.closed.wait(0.1)
    assert statement.sent == BATCHES_IN_MEMORY + 1
    assert numbers(batches) == list(range(COUNT))


def test_an_answer_goes_to_a_file_when_another_waits() -> None:
    turns = lanes()
    one, two = Statement(set()), Statement(set())
    first, second = turns.read(0, one), turns.read(0, two)
    assert numbers(second) == list(range(COUNT))
    assert one.closed.wait(5)
    assert numbers(first) == list(range(COUNT))


@pytest.mark.parametrize("seed", range(8))
def test_any_number_in_any_order(seed: int) -> None:
    print("seed", seed)
    dice = random.Random(seed)
    width, count, running = dice.randint(1, 4), dice.randint(1, 12), set[Statement]()
    turns = lanes(width)
    statements = [Statement(running) for _ in range(count)]
    answers = [turns.read(0, one) for one in statements]
    for answer in dice.sample(answers, count):
        assert numbers(answer) == list(range(COUNT))
    assert max(one.most for one in statements) <= width
    assert all(one.closed.is_set() for one in statements)


def test_turns_are_taken_in_the_order_of_the_query_whoever_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes_module, "PATIENCE_SECONDS", 30.0)
    turns = Lanes("shop", 1, ReadContext("ab", 3, at_start=(4, 7, 9)))
    begun: list[int] = []

    def answer(fragment: int) -> Iterator[pa.RecordBatch]:
        begun.append(fragment)
        yield batch(fragment)

    answers = [turns.read(fragment, partial(answer, fragment)) for fragment in (11, 9, 7, 4)]
    assert [numbers(one) for one in answers] == [[11], [9], [7], [4]]
    assert begun == [4, 7, 9, 11]


def test_nobody_lets_those_first_for_ever_that_do_not_come() -> None:
    turns = Lanes("shop", 1, ReadContext("ab", 3, at_start=(4, 7)))
    statement = Statement(set())
    assert numbers(turns.read(7, statement)) == list(range(COUNT))


def test_leaving_early_ends_the_turn() -> None:
    turns = lanes()
    one = Statement(set())
    reading = turns.read(0, one)
    next(reading)
    reading.close()  # type: ignore[attr-defined]
    assert one.closed.is_set()
    assert one.sent < COUNT
    assert numbers(turns.read(0, Statement(set()))) == list(range(COUNT))


def test_a_failure_comes_after_what_was_read() -> None:
    reading = lanes().read(0, Statement(set(), ValueError("broken")))
    assert [next(reading).column(0)[0].as_py() for _ in range(COUNT)] == list(range(COUNT))
    with pytest.raises(ValueError, match="broken"):
        next(reading)


def test_stop_ends_turns_and_waits_for_turns() -> None:
    turns = lanes()
    statements = [Statement(set()) for _ in range(3)]
    answers = [turns.read(0, one) for one in statements]
    assert numbers(answers[2]) == list(range(COUNT))
    endless = [turns.read(0, Endless(set())) for _ in range(3)]
    turns.stop()
    for answer in endless:
        with pytest.raises(Cancelled):
            list(answer)
    with pytest.raises(Cancelled):
        list(turns.read(0, Statement(set())))


def test_a_limit_on_what_is_kept() -> None:
    turns = lanes(size=1000)
    first = turns.read(0, Statement(set()))
    second = turns.read(0, Statement(set()))
    assert numbers(second) == list(range(COUNT))
    with pytest.raises(ResourceLimit, match="space to spill") as failure:
        list(first)
    assert failure.value.code == "53400"


def test_a_full_disk(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        turns = lanes(folder=tmp_path)
        first = turns.read(0, Statement(set()))
        assert numbers(turns.read(0, Statement(set()))) == list(range(COUNT))
        with pytest.raises(ResourceLimit, match="no room") as failure:
            list(first)
        assert failure.value.code == "53100"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    turns = lanes(folder=tmp_path / "gone")
    first = turns.read(0, Statement(set()))
    assert numbers(turns.read(0, Statement(set()))) == list(range(COUNT))
    with pytest.raises(ResourceLimit):
        list(first)
