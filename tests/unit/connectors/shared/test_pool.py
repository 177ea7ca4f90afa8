"""The pool: reuse, the cap, and what waiting ends in."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from hanse.connectors.shared.attempts import Attempt
from hanse.connectors.shared.pool import Lease, Pool
from hanse.errors import Cancelled, InternalError, ResourceLimit


def pool(size: int = 2, wait: float = 0.2) -> Pool[int]:
    numbers = count(1)
    return Pool("shop", size, wait, lambda _: next(numbers))


def never() -> bool:
    return False


def test_idle_connections_are_used_again() -> None:
    lease = pool().lease(2, never)
    assert lease.connection() == (1, False)
    assert lease.give_back(1)
    assert lease.connection() == (1, True)
    assert lease.connection() == (2, False)


def test_a_lease_is_at_most_the_whole_pool() -> None:
    connections = pool(size=2)
    lease = connections.lease(12, never)
    assert (lease.size, connections.leased) == (2, 2)
    lease.end()
    lease.end()
    assert connections.leased == 0


def test_cap_names_the_limit() -> None:
    connections = pool(size=1)
    first = connections.lease(1, never)
    with pytest.raises(ResourceLimit, match=r"all 1 connections were busy for 0\.2 s") as failure:
        connections.lease(1, never)
    assert (failure.value.code, failure.value.source) == ("53300", "shop")
    first.end()
    assert connections.lease(1, never).size == 1


def test_a_lease_is_all_or_nothing() -> None:
    connections = pool(size=2, wait=0.05)
    one = connections.lease(1, never)
    with pytest.raises(ResourceLimit, match="2 of 2 connections"):
        connections.lease(2, never)
    assert connections.leased == 1
    one.end()


def test_who_waits_can_be_cancelled() -> None:
    connections = pool(size=1, wait=30)
    held = connections.lease(1, never)
    with pytest.raises(Cancelled):
        connections.lease(1, lambda: True)
    held.end()


def test_who_waits_gets_what_comes_back() -> None:
    connections = pool(size=1, wait=10)
    held = connections.lease(1, never)
    held.connection()
    found: list[Lease[int]] = []
    waiter = threading.Thread(target=lambda: found.append(connections.lease(1, never)))
    waiter.start()
    held.give_back(1)
    held.end()
    waiter.join(5)
    assert found[0].connection() == (1, True)


def test_a_failed_connect_is_reported_each_time() -> None:
    def connect(_: Attempt) -> int:
        raise ResourceLimit("no")

    lease = Pool("shop", 1, 0.1, connect).lease(1, never)
    for _ in range(3):
        with pytest.raises(ResourceLimit, match="no"):
            lease.connection()


def test_after_its_end_a_lease_neither_gives_nor_takes() -> None:
    connections = pool()
    lease = connections.lease(1, never)
    lease.connection()
    lease.end()
    assert not lease.give_back(1)
    with pytest.raises(InternalError):
        lease.connection()


def test_a_lease_that_is_lost_is_ended() -> None:
    connections = pool()
    connections.lease(2, never)
    assert connections.leased == 0


def test_closed_pools_lease_nothing() -> None:
    connections = pool()
    lease = connections.lease(2, never)
    lease.connection()
    lease.connection()
    lease.give_back(2)
    assert connections.close() == [2]
    assert not lease.give_back(1)
    with pytest.raises(Cancelled):
        connections.lease(1, never)


def test_a_lease_grows_by_what_nobody_has_and_leaves_some() -> None:
    connections = pool(size=4)
    lease = connections.lease(1, never)
    assert lease.grow(8) == 2
    assert (lease.size, connections.leased) == (3, 3)
    assert lease.grow(1) == 0
    lease.shrink(1)
    assert (lease.size, connections.leased) == (2, 2)
    lease.end()
    lease.shrink(1)
    assert connections.leased == 0
    assert lease.grow(1) == 0


def test_nobody_grows_while_others_wait() -> None:
    connections = pool(size=3, wait=30)
    one, other = connections.lease(1, never), connections.lease(1, never)
    ended = threading.Event()
    waiter = threading.Thread(target=lambda: _refused(connections, ended))
    waiter.start()
    while not one.wanted:
        ended.wait(0.01)
    assert one.grow(1, leave=0) == 0
    ended.set()
    waiter.join(5)
    assert not one.wanted
    assert one.grow(1, leave=0) == 1
    one.end()
    other.end()
    assert connections.leased == 0


def _refused(connections: Pool[int], ended: threading.Event) -> None:
    with pytest.raises(Cancelled):
        connections.lease(3, ended.is_set)


def test_who_is_asked_is_kept_for_the_next() -> None:
    connections, dropped = pool(), list[int]()
    assert [connections.ask(lambda one: one * 10, dropped.append, Attempt()) for _ in range(3)] == [10, 10, 10]
    assert (connections.leased, dropped) == (0, [])


def test_the_next_is_asked_when_an_idle_one_was_lost() -> None:
    connections, dropped = pool(), list[int]()
    lease = connections.lease(2, never)
    for one in (lease.connection()[0], lease.connection()[0]):
        lease.give_back(one)
    lease.end()

    def asked(one: int) -> str:
        if one < 3:
            raise OSError("closed")
        return f"from {one}"

    assert connections.ask(asked, dropped.append, Attempt()) == "from 3"
    assert (connections.leased, dropped) == (0, [2, 1])


@pytest.mark.parametrize("failure", [OSError, KeyboardInterrupt])
def test_what_a_new_one_raises_is_raised_and_nothing_stays_open(failure: type[BaseException]) -> None:
    connections, dropped = pool(), list[int]()

    def asked(_: int) -> str:
        raise failure

    with pytest.raises(failure):
        connections.ask(asked, dropped.append, Attempt())
    assert (connections.leased, dropped) == (0, [1])


def test_who_asks_while_the_pool_closes_drops_the_connection() -> None:
    connections, dropped = pool(), list[int]()
    assert connections.ask(lambda _: connections.close(), dropped.append, Attempt()) == []
    assert dropped == [1]
