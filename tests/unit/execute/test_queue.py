"""The queue between a source and its reader: bounds in bytes, and how far a writer may read ahead of what it puts."""

import threading
import time

import pyarrow as pa
import pytest

from hanse.errors import Cancelled
from hanse.execute.cancel import CancelScope
from hanse.execute.queue import BatchQueue

SIZE = 1000
HALF = 2 * SIZE


@pytest.fixture
def queue() -> BatchQueue:
    return BatchQueue(CancelScope(), bytes_max=2 * HALF)


def batch() -> pa.RecordBatch:
    return pa.record_batch({"c": pa.array([0] * SIZE, pa.int8())})


def held(target, *args) -> tuple[threading.Thread, bool]:
    """Start a call in a thread; whether it is still waiting after a while."""
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    thread.join(0.3)
    return thread, thread.is_alive()


def test_a_batch_is_the_size_that_these_tests_count_with():
    assert batch().nbytes == SIZE


def test_a_full_queue_holds_its_writer_until_something_is_taken(queue):
    for _ in range(4):
        queue.put(batch())
    thread, waits = held(queue.put, batch())
    assert waits
    assert queue.get() is not None
    thread.join(1)
    assert not thread.is_alive()


def test_a_batch_larger_than_the_queue_is_let_into_an_empty_one(queue):
    queue.put(pa.record_batch({"c": pa.array(["x" * 100 * SIZE])}))
    assert queue.bytes > 100 * SIZE


def test_a_writer_that_puts_nothing_may_read_all_of_its_input(queue):
    for _ in range(20):
        queue.wait_until_wanted(SIZE)
    assert queue.bytes == 0


def test_a_writer_that_has_read_half_a_queue_waits_while_the_reader_has_something(queue):
    queue.put(batch())
    for _ in range(2):
        queue.wait_until_wanted(SIZE)
    thread, waits = held(queue.wait_until_wanted, SIZE)
    assert waits
    queue.get()
    thread.join(1)
    assert not thread.is_alive()


def test_putting_lets_the_writer_read_on(queue):
    queue.put(batch())
    for _ in range(2):
        queue.wait_until_wanted(SIZE)
    thread, waits = held(queue.wait_until_wanted, SIZE)
    assert waits
    queue.put(batch())
    thread.join(1)
    assert not thread.is_alive()


def test_a_queue_more_than_half_full_holds_whoever_would_read_ahead(queue):
    for _ in range(3):
        queue.put(batch())
    thread, waits = held(queue.wait_until_wanted, 0)
    assert waits
    queue.get()
    thread.join(1)
    assert not thread.is_alive()


def test_ending_the_query_wakes_both_sides():
    scope = CancelScope()
    queue = BatchQueue(scope, bytes_max=SIZE)
    queue.put(batch())
    failures = []

    def put() -> None:
        try:
            queue.put(batch())
        except Cancelled as failure:
            failures.append(failure)

    thread, waits = held(put)
    assert waits
    scope.end(Cancelled("enough"))
    thread.join(1)
    assert len(failures) == 1
    with pytest.raises(Cancelled):
        queue.get()


def test_whoever_wants_it_whole_waits_for_the_last_batch(queue):
    found: list[bool] = []
    thread, waits = held(lambda: found.append(queue.wait_until_whole(HALF, time.monotonic() + 60)))
    assert waits
    queue.put(batch())
    queue.finish()
    thread.join(5)
    assert found == [True]


def test_what_is_more_than_little_is_not_waited_for(queue):
    queue.put(batch())
    queue.put(batch())
    assert not queue.wait_until_whole(HALF - 1, time.monotonic() + 60)


def test_what_does_not_come_soon_is_not_waited_for(queue):
    assert not queue.wait_until_whole(HALF, time.monotonic() + 0.01)


def test_nobody_waits_for_the_rest_of_a_query_that_has_ended():
    scope = CancelScope()
    queue = BatchQueue(scope)
    thread, waits = held(queue.wait_until_whole, HALF, time.monotonic() + 60)
    assert waits
    scope.end()
    thread.join(5)
    assert not thread.is_alive()
