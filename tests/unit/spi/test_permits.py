"""Permits: all at once, in the order of arrival, and no wait without an end."""

from __future__ import annotations

import threading
import time

from hanse.spi.permits import Permits


def never() -> bool:
    return False


def wait_until_queued(permits: Permits, count: int) -> None:
    deadline = time.monotonic() + 5
    while len(permits._waiting) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_all_or_nothing() -> None:
    permits = Permits(3)
    assert permits.take(2, 1, never)
    assert not permits.take(2, 0.02, never)
    assert permits.taken == 2
    assert permits.take(1, 1, never)


def test_nobody_overtakes() -> None:
    permits = Permits(2)
    assert permits.take(1, 1, never)
    order: list[str] = []

    def take(name: str, count: int) -> None:
        assert permits.take(count, 5, never)
        order.append(name)
        permits.give_back(count)

    threads = []
    for place, (name, count) in enumerate((("both", 2), ("one", 1), ("other", 1))):
        threads.append(threading.Thread(target=take, args=(name, count)))
        threads[-1].start()
        wait_until_queued(permits, place + 1)
    assert order == []  # one is free, but the first in the queue wants two
    permits.give_back()
    for thread in threads:
        thread.join(5)
    assert order[0] == "both"
    assert permits.taken == 0


def test_who_gives_up_does_not_block_those_behind() -> None:
    permits = Permits(2)
    assert permits.take(1, 1, never)
    first = threading.Thread(target=permits.take, args=(2, 0.2, never))
    first.start()
    wait_until_queued(permits, 1)
    assert permits.take(1, 5, never)
    first.join()
    assert permits.taken == 2


def test_an_ended_or_closed_wait_ends_at_once() -> None:
    permits = Permits(1)
    assert permits.take(1, 1, never)
    started = time.monotonic()
    assert not permits.take(1, 30, lambda: True)
    closing = threading.Timer(0.05, permits.close)
    closing.start()
    assert not permits.take(1, 30, never)
    assert time.monotonic() - started < 5
    permits.give_back()
    assert not permits.take(1, 1, never)
