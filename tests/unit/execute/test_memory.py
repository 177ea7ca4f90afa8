"""What a query may have in memory: who waits, who is refused, and that nobody waits for another."""

from __future__ import annotations

import threading
from typing import Any

import pyarrow as pa
import pytest

from hanse.errors import ResourceLimit
from hanse.execute.cancel import CancelScope
from hanse.execute.instances import spill_limit, spill_share
from hanse.execute.memory import DIRECT_BYTES, QueryMemory, wanted
from hanse.execute.queue import BatchQueue
from hanse.settings import EngineSettings, validated
from hanse.spi.spilling import SpillSpace

SIZE = 1000


def batch(times: int = 1) -> pa.RecordBatch:
    return pa.record_batch({"c": pa.array([0] * SIZE * times, pa.int8())})


def held(target: Any, *args: Any) -> tuple[threading.Thread, bool]:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    thread.join(0.2)
    return thread, thread.is_alive()


def test_a_coordinator_has_three_quarters_and_rows_the_rest() -> None:
    memory = QueryMemory(40 * SIZE, has_coordinator=True)
    assert memory.coordinator == 30 * SIZE
    memory.take(10 * SIZE)
    other = QueryMemory(40 * SIZE, "people", has_coordinator=True)
    with pytest.raises(ResourceLimit, match="group people lets one query have 40,000 bytes") as caught:
        other.take(10 * SIZE + 1)
    assert (caught.value.code, other.taken) == ("53200", 0)
    alone = QueryMemory(40 * SIZE)
    assert alone.coordinator is None
    alone.take(40 * SIZE)


def test_what_a_query_wants() -> None:
    assert wanted("3GB", has_coordinator=True) == 4 * 10**9
    assert wanted("3GB", has_coordinator=False) == DIRECT_BYTES
    assert wanted("80%", has_coordinator=True) > DIRECT_BYTES


def test_queues_share_what_their_query_has_and_each_holds_one_batch() -> None:
    scope, memory = CancelScope(), QueryMemory(8 * SIZE)
    first, second = (BatchQueue(scope, memory=memory) for _ in range(2))
    for _ in range(4):
        first.put(batch())
    second.put(batch())  # else whoever wants this one first would wait for ever
    thread, waits = held(second.put, batch())
    assert waits
    assert memory.taken == 5 * SIZE
    for _ in range(3):
        assert first.get() is not None  # room that another queue has made
    thread.join(1)
    assert not thread.is_alive()
    with pytest.raises(ResourceLimit):
        first.put(batch(6), wait=False)
    assert memory.taken == 3 * SIZE


def test_a_writer_that_waits_for_room_ends_with_its_query() -> None:
    scope, memory = CancelScope(), QueryMemory(4 * SIZE)
    queue = BatchQueue(scope, memory=memory)
    queue.put(batch(2))
    ended: list[BaseException] = []

    def put() -> None:
        try:
            queue.put(batch())
        except BaseException as failure:
            ended.append(failure)

    thread, waits = held(put)
    assert waits
    scope.end()
    thread.join(1)
    assert len(ended) == 1


def test_batches_are_small_where_memory_is() -> None:
    assert QueryMemory().batch_bytes(None) is None
    assert QueryMemory().batch_bytes(5) == 5
    assert QueryMemory(160_000_000).batch_bytes(None) == 10_000_000
    assert QueryMemory(160_000_000).batch_bytes(5) == 5


def test_disk_is_divided_among_all() -> None:
    settings = validated(EngineSettings, {"instances": 3, "spill_total": "4 GB", "spill_limit": "2GB"}, "engine")
    assert (spill_share(settings), spill_limit(settings)) == (10**9, "1000000000B")
    settings = validated(EngineSettings, {"instances": 3, "spill_total": "4 GB", "spill_limit": "500MB"}, "engine")
    assert spill_limit(settings) == "500MB"
    assert spill_share(EngineSettings()) is None  # type: ignore[call-arg]
    space = SpillSpace(10)
    assert [space.take(6), space.take(6), space.taken] == [True, False, 6]
    space.give_back(6)
    assert space.take(10)
