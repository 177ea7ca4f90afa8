"""Alarms: called in time and in order, or not at all, and by one thread that goes when nothing is left."""

from __future__ import annotations

import random
import threading
import time

from hanse.spi import alarms as module
from hanse.spi.alarms import Alarms
from tests.unit.admission.wheel import Wheel


def test_called_in_order() -> None:
    alarms, called, done = Alarms(), list[float](), threading.Event()
    all_are_known = time.monotonic() + 0.5
    times = [all_are_known + 0.01 * n for n in range(20)]
    for when in random.Random(1).sample(times, len(times)):
        alarms.at(when, lambda when=when: (called.append(when), done.set() if when == times[-1] else None))
    assert done.wait(5)
    assert called == times


def test_what_is_off_is_not_called() -> None:
    wheel, called = Wheel(), list[int]()
    alarms = Alarms(wheel.monotonic)
    kept = [alarms.after(10, lambda n=n: called.append(n)) for n in range(10)]
    for alarm in kept[::2]:
        alarm.off()
        alarm.off()
    assert alarms.ring() == 10
    wheel.time = 10
    assert alarms.ring() is None
    assert called == [1, 3, 5, 7, 9]


def test_an_earlier_alarm_wakes_the_thread() -> None:
    alarms, early = Alarms(), threading.Event()
    late = alarms.after(60, lambda: None)
    before = time.monotonic()
    alarms.after(0.05, early.set)
    assert early.wait(5)
    assert time.monotonic() - before < 1
    late.off()


def test_what_is_over_is_called_at_once() -> None:
    called = threading.Event()
    Alarms().after(-5, called.set)
    assert called.wait(5)


def test_one_thread_which_goes() -> None:
    before = threading.active_count()
    alarms = Alarms()
    rest, module.REST_SECONDS = module.REST_SECONDS, 0.05
    try:
        for _ in range(100):
            alarms.after(0.01, lambda: None)
        assert threading.active_count() <= before + 1
        deadline = time.monotonic() + 5
        while alarms._thread is not None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        again = threading.Event()
        alarms.after(0.01, again.set)
        assert again.wait(5)
    finally:
        module.REST_SECONDS = rest
