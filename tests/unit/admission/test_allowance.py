"""What all queries may ask of one source: permits in a fixed order, and what time gives back, under a clock that the test turns."""

from __future__ import annotations

import random
import threading
from dataclasses import replace

import pytest

from hanse.admission.allowance import Allowance, Bucket, Pass
from hanse.clock import SystemClock
from hanse.errors import Cancelled, ResourceLimit
from hanse.spi.connector import ReadContext
from hanse.spi.protection import SourceLimits
from tests.unit.admission.wheel import Wheel

ONE = ReadContext("00", 1)
FOUR = replace(ONE, requests=4)


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


def test_a_bucket_lends_and_is_owed(wheel: Wheel) -> None:
    bucket = Bucket(2, 10, wheel)
    assert bucket.seconds_until(10) == 0
    bucket.use(14)
    assert (bucket.seconds_until(), bucket.seconds_until(1)) == (2, 2.5)
    wheel.time += 100
    assert bucket.seconds_until(10) == 0
    bucket.use(1)
    assert bucket.seconds_until(50) == 0.5  # more than there ever is cannot be waited for


def test_sessions_take_what_they_need_at_once_and_no_more_than_there_is(wheel: Wheel) -> None:
    allowance = Allowance("shop", SourceLimits(statements=3), wheel)
    four, turns = allowance.enter(FOUR, in_turns=False), None
    assert (four.at_once, allowance.taken) == (3, 3)
    with pytest.raises(ResourceLimit, match="may have 3 statements at a time of it") as caught:
        allowance.enter(ONE, in_turns=False, seconds=0.02)
    assert (caught.value.code, caught.value.source) == ("53400", "shop")
    four.end()
    four.end()
    turns = allowance.enter(FOUR, in_turns=True)
    assert (turns.at_once, allowance.taken) == (1, 1)
    assert Allowance("shop", SourceLimits(rows_per_minute=5), wheel).enter(FOUR, in_turns=False).at_once is None
    with pytest.raises(Cancelled):
        allowance.enter(replace(FOUR, is_ended=lambda: True), in_turns=False)
    turns.end()
    assert allowance.taken == 0


def test_statements_per_second(wheel: Wheel) -> None:
    allowance = Allowance("shop", SourceLimits(statements_per_second=10), wheel)
    for _ in range(10):
        allowance.enter(ONE, in_turns=False)
    assert wheel.time == 0
    for _ in range(20):
        allowance.enter(ONE, in_turns=False)
    assert wheel.time == pytest.approx(2, rel=0.01)
    allowance.more(30)
    allowance.enter(ONE, in_turns=False)
    assert wheel.time == pytest.approx(5.1, rel=0.01)


def test_rows_and_bytes_per_minute(wheel: Wheel) -> None:
    allowance = Allowance("shop", SourceLimits(rows_per_minute=600, bytes_per_minute=6000), wheel)  # type: ignore[arg-type]
    allowance.took(300, 3000)
    assert allowance.owed() == 0
    allowance.took(400, 0)
    assert allowance.owed() == 10
    allowance.enter(ONE, in_turns=False)
    assert wheel.time == pytest.approx(10)
    allowance.took(0, 9000)
    with pytest.raises(ResourceLimit, match=r"600 rows per minute, 6,000 bytes per minute") as caught:
        allowance.enter(ONE, in_turns=False)
    assert "ask again in 5" in (caught.value.hint or "")
    assert allowance.owed() == pytest.approx(50)


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_the_limits_hold_and_all_is_given_back(seed: int) -> None:
    """Within any stretch of time no more statements begin than the rate and what was saved up allow."""
    wheel, chance = Wheel(seed), random.Random(seed)
    allowance = Allowance("shop", SourceLimits(statements=5, statements_per_second=4), wheel)
    held: list[Pass] = []
    began: list[float] = []
    for _ in range(400):
        wheel.time += chance.random() * 0.2
        context = replace(ONE, requests=chance.randint(1, 7), is_ended=lambda: chance.random() < 0.1)
        fits = allowance.taken + min(5, context.requests) <= 5
        try:
            held.append(allowance.enter(context, in_turns=False, seconds=30 if fits else 0.001))
            began += [wheel.time] * context.requests
        except (ResourceLimit, Cancelled):
            pass
        assert allowance.taken == sum(one.at_once or 0 for one in held) <= 5
        while held and chance.random() < 0.7:
            held.pop(chance.randrange(len(held))).end()
    for first in range(0, len(began), 7):
        for last in range(first + 1, len(began), 11):
            assert last - first <= 4 + 7 + 4 * (began[last] - began[first]) + 1e-6
    for one in held:
        one.end()
    assert allowance.taken == 0


def test_who_waits_for_time_waits_in_a_line() -> None:
    """With the machine's own clock: nobody overtakes, nobody is let in early."""

    allowance = Allowance("shop", SourceLimits(statements_per_second=50), SystemClock())
    for _ in range(50):
        allowance.enter(ONE, in_turns=False)
    done: list[int] = []
    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=lambda n=number: (allowance.enter(ONE, in_turns=False), done.append(n))))
        threads[-1].start()
    for thread in threads:
        thread.join(5)
    assert sorted(done) == list(range(5))
