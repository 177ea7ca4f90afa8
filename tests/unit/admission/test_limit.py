"""The limit below a source's cap: down at once, up slowly, and in the order of arrival."""

from __future__ import annotations

import random
import threading
import time

import pytest

from hanse.admission.limit import AdaptiveLimit
from hanse.errors import Cancelled, ResourceLimit


def never() -> bool:
    return False


def test_no_limit_until_the_source_refuses() -> None:
    limit = AdaptiveLimit("shop")
    for _ in range(200):
        limit.enter(never)
        limit.succeeded()
    assert (limit.limit, limit.taken) == (None, 200)


def test_a_refusal_leaves_three_quarters() -> None:
    limit = AdaptiveLimit("shop")
    rounds = [limit.enter(never) for _ in range(16)]
    for one in rounds:  # all of one round tell the same
        limit.refused(one)
        limit.leave()
    assert limit.limit == 12
    again = [limit.enter(never) for _ in range(12)]
    limit.refused(again[-1])
    assert limit.limit == 9
    for one in range(40):
        limit.refused(99 + one)
    assert limit.limit == 1


def test_who_waits_is_told() -> None:
    limit = AdaptiveLimit("shop")
    limit.refused(limit.enter(never))
    with pytest.raises(ResourceLimit, match="1 queries ask it at a time") as failure:
        limit.enter(never, 0.02)
    assert (failure.value.code, failure.value.source) == ("53300", "shop")
    with pytest.raises(Cancelled):
        limit.enter(lambda: True)
    assert limit.taken == 1
    waiter = threading.Thread(target=limit.enter, args=(never, 5))
    waiter.start()
    time.sleep(0.01)
    limit.leave()
    waiter.join(5)
    assert limit.taken == 1


def test_it_grows_only_while_it_is_used_and_is_forgotten_in_the_end() -> None:
    limit = AdaptiveLimit("shop")
    for one in [limit.enter(never) for _ in range(8)]:
        limit.refused(one)
        limit.leave()
    assert limit.limit == 6
    for _ in range(1000):
        limit.enter(never)
        limit.succeeded()
        limit.leave()
    assert limit.limit == 6  # one at a time says nothing of six
    found = []
    for _ in range(400):
        flying = limit.limit or 6
        for _ in range(flying):
            limit.enter(never)
        for _ in range(flying):
            limit.succeeded()
        for _ in range(flying):
            limit.leave()
        found.append(limit.limit)
        if limit.limit is None:
            break
    known = [one for one in found if one is not None]
    assert known == sorted(known)
    assert 10 <= len(found) <= 20  # about one more with every round, from 6 up to twice 8
    assert found[-1] is None
    assert limit.taken == 0


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_what_a_source_can_do(seed: int) -> None:
    """A source that refuses the seventh: of many rounds, few queries are refused, and most of the room is used."""
    chance, limit, room = random.Random(seed), AdaptiveLimit("shop"), 6
    asked = refused = 0
    for _ in range(2000):
        flying = min(20, limit.limit or 20)
        entered = [limit.enter(never) for _ in range(flying)]
        chance.shuffle(entered)
        for place, one in enumerate(entered):
            asked += 1
            if place < room:
                limit.succeeded()
            else:
                refused += 1
                limit.refused(one)
        for _ in entered:
            limit.leave()
    assert refused / asked < 0.15
    assert asked / 2000 > 0.7 * room
