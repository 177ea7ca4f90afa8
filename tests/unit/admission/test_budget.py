"""Repetitions: bounded in number and spread over time."""

from __future__ import annotations

import random

from hanse.admission.budget import FREE, RetryBudget, backoff
from hanse.spi.protection import RetryOptions


def test_an_outage_is_asked_ten_times_more_and_no_more() -> None:
    budget = RetryBudget(0.1)
    assert [budget.spend() for _ in range(1000)].count(True) == FREE


def test_half_of_all_calls_fail_for_a_minute() -> None:
    """A storm: every failure would be repeated up to four times; the extra calls stay within a tenth."""
    chance, budget = random.Random(5), RetryBudget(0.1)
    calls = extra = 0
    for _ in range(6000):
        for attempt in range(5):
            if attempt and not budget.spend():
                break
            calls += attempt == 0
            extra += attempt > 0
            if chance.random() < 0.5:
                budget.earn()
                break
    assert calls == 6000
    assert extra <= FREE + 0.1 * calls


def test_waits_are_anything_up_to_a_limit_that_doubles() -> None:
    options = RetryOptions(wait=0.2, wait_max=1)
    assert [backoff(options, attempt, 1.0) for attempt in range(1, 6)] == [0.2, 0.4, 0.8, 1, 1]
    assert backoff(options, 3, 0.0) == 0
    assert backoff(options, 500, 0.5) == 0.5
