"""The pool: reuse, the cap, and what waiting ends in."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from hanse.connectors.shared.pool import Pool
from hanse.errors import Cancelled, ResourceLimit


def pool(size: int = 2, wait: float = 0.2) -> Pool[int]:
    return Pool("shop", size, wait, count(1).__next__)


def never() -> bool:
    return False


def test_idle_connections_are_used_again() -> None:
    connections = pool()
    assert connections.lease(never) == (1, False)
    assert connections.give_back(1)
    assert connections.lease(never) == (1, True)
    assert connections.lease(never) == (2, False)


def test_cap_names_the_limit() -> None:
    connections = pool(size=1)
    connections.lease(never)
    with pytest.raises(ResourceLimit, match=r"all 1 connections were busy for 0\.2 s"):
        connections.lease(never)
    connections.forget()
    assert connections.lease(never) == (2, False)


def test_who_waits_can_be_cancelled() -> None:
    connections = pool(size=1, wait=30)
    connections.lease(never)
    with pytest.raises(Cancelled):
        connections.lease(lambda: True)


def test_who_waits_gets_what_comes_back() -> None:
    connections = pool(size=1, wait=10)
    connections.lease(never)
    found: list[tuple[int, bool]] = []
    waiter = threading.Thread(target=lambda: found.append(connections.lease(never)))
    waiter.start()
    connections.give_back(1)
    waiter.join(5)
    assert found == [(1, True)]


def test_a_failed_connect_frees_its_place() -> None:
    def connect() -> int:
        raise ResourceLimit("no")

    connections: Pool[int] = Pool("shop", 1, 0.1, connect)
    for _ in range(3):
        with pytest.raises(ResourceLimit, match="no"):
            connections.lease(never)


def test_closed_pools_lease_nothing() -> None:
    connections = pool()
    connections.lease(never)
    connections.lease(never)
    connections.give_back(2)
    assert connections.close() == [2]
    assert not connections.give_back(1)
    with pytest.raises(Cancelled):
        connections.lease(never)
