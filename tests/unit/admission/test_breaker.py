"""The breaker: one probe and no more, whatever happens in which order; and who may not open it."""

from __future__ import annotations

import os
import random
import threading

import pytest

from hanse.admission.breaker import Breaker, State, Ticket
from hanse.clock import SystemClock
from hanse.errors import Cancelled, Fault, HanseError, InvalidValue, ResourceLimit, SourceResting, SourceUnreachable
from hanse.spi.protection import BreakerOptions
from tests.unit.admission.wheel import Wheel

SEED = int(os.environ.get("HANSE_FAULT_SEED", "0")) or random.SystemRandom().randrange(1 << 30)
OPTIONS = BreakerOptions(failures=5, share=0.5, within=10, wait=1, wait_max=5)
DOWN = SourceUnreachable("connection refused", source="shop")
THROTTLED = ResourceLimit("too many clients", sqlstate="53300").with_fault(Fault.THROTTLED)


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


@pytest.fixture
def breaker(wheel: Wheel) -> Breaker:
    return Breaker("shop", OPTIONS, wheel)


def fail(breaker: Breaker, times: int = 1, failure: HanseError = DOWN) -> None:
    for _ in range(times):
        breaker.admit().failed(failure)


def succeed(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.admit().succeeded()


def test_enough_failures_open_it(breaker: Breaker) -> None:
    fail(breaker, 4)
    assert breaker.standing().state is State.CLOSED
    fail(breaker)
    assert breaker.standing().state is State.OPEN
    with pytest.raises(SourceResting) as refused:
        breaker.admit()
    error = refused.value
    assert (error.code, error.source, error.fault) == ("57P03", "shop", Fault.DOWN)
    assert (
        "not asked since 08:53:20 UTC: 5 calls failed one after another, the last one: connection refused"
        in error.message
    )
    assert "the first query after 08:53:2" in error.message
    assert "SET profile = batch" in str(error)
    assert 0.5 <= error.seconds <= 1


def test_an_outage_after_many_successes_is_noticed_as_soon(breaker: Breaker) -> None:
    succeed(breaker, 10_000)
    fail(breaker, 5)
    assert breaker.standing().state is State.OPEN


def test_failures_that_are_few_among_all_do_not(breaker: Breaker) -> None:
    for _ in range(200):
        succeed(breaker, 3)
        fail(breaker, 2)
    assert breaker.standing().state is State.CLOSED


def test_half_of_all_calls_fail(breaker: Breaker) -> None:
    for _ in range(3):
        fail(breaker)
        succeed(breaker)
    fail(breaker)
    assert breaker.standing().state is State.CLOSED
    fail(breaker)
    assert breaker.standing().state is State.OPEN
    with pytest.raises(SourceResting, match="5 of 8 calls within 10 s failed"):
        breaker.check()


def test_failures_are_forgotten(breaker: Breaker, wheel: Wheel) -> None:
    for _ in range(30):
        fail(breaker, 4)
        wheel.time += 10
        succeed(breaker)
    assert breaker.standing().state is State.CLOSED


@pytest.mark.parametrize("failure", [Cancelled("by the user"), InvalidValue("division by zero"), None], ids=repr)
def test_callers_errors_and_cancellations_are_neutral(
    breaker: Breaker, wheel: Wheel, failure: HanseError | None
) -> None:
    def end(ticket: Ticket) -> None:
        ticket.failed(failure) if failure else ticket.released()

    for _ in range(1000):
        end(breaker.admit())
    assert breaker.standing().state is State.CLOSED
    fail(breaker, 5)
    wheel.time += 1
    for _ in range(10):  # each gives its permit back, and neither closes nor opens
        end(breaker.admit())
        assert breaker.standing().state is State.HALF_OPEN
    breaker.admit().succeeded()
    assert breaker.standing().state is State.CLOSED


def test_a_source_that_refuses_more_counts(breaker: Breaker) -> None:
    fail(breaker, 5, THROTTLED)
    assert breaker.standing().state is State.OPEN


def test_one_probe(breaker: Breaker, wheel: Wheel) -> None:
    fail(breaker, 5)
    wheel.time += 1
    probe = breaker.admit()
    for _ in range(50):
        with pytest.raises(SourceResting, match="one query is trying it at this moment"):
            breaker.admit()
        with pytest.raises(SourceResting):
            breaker.check()
        assert breaker.refuses
    probe.succeeded()
    assert breaker.standing().state is State.CLOSED
    breaker.check()


def test_fifty_threads_and_one_probe() -> None:
    options = OPTIONS.model_copy(update={"wait": 0.001, "wait_max": 0.001})
    for _ in range(20):
        breaker = Breaker("shop", options, SystemClock())
        fail(breaker, 5)
        gate, admitted = threading.Barrier(50), list[Ticket]()

        def ask(breaker: Breaker = breaker, gate: threading.Barrier = gate, admitted: list[Ticket] = admitted) -> None:
            gate.wait()
            try:
                admitted.append(breaker.admit())
            except SourceResting:
                return

        threading.Event().wait(0.002)
        threads = [threading.Thread(target=ask) for _ in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(admitted) == 1


def test_the_time_grows_up_to_a_limit_and_differs(wheel: Wheel) -> None:
    waits = []
    for seed in range(200):
        wheel = Wheel(seed)
        breaker = Breaker("shop", OPTIONS, wheel)
        fail(breaker, 5)
        found = []
        for _ in range(6):
            with pytest.raises(SourceResting) as refused:
                breaker.admit()
            found.append(refused.value.seconds)
            wheel.time += refused.value.seconds
            breaker.admit().failed(DOWN)
        waits.append(found)
    for place, whole in enumerate((1, 2, 4, 5, 5, 5)):
        column = [found[place] for found in waits]
        assert whole / 2 <= min(column) < 0.55 * whole
        assert 0.95 * whole < max(column) <= whole


def test_after_it_closed_the_time_is_short_again(breaker: Breaker, wheel: Wheel) -> None:
    fail(breaker, 5)
    for _ in range(4):
        wheel.time += 5
        fail(breaker)
    wheel.time += 5
    succeed(breaker)
    fail(breaker, 5)
    with pytest.raises(SourceResting) as refused:
        breaker.admit()
    assert refused.value.seconds <= 1


def test_what_was_let_in_before_tells_nothing(breaker: Breaker, wheel: Wheel) -> None:
    early = [breaker.admit() for _ in range(10)]
    fail(breaker, 5)
    early[0].succeeded()
    early[1].failed(DOWN)
    assert breaker.standing().state is State.OPEN
    wheel.time += 1
    probe = breaker.admit()
    early[2].succeeded()
    early[3].failed(DOWN)
    early[4].released()
    with pytest.raises(SourceResting):
        breaker.admit()
    probe.succeeded()
    for ticket in early[5:]:
        ticket.failed(DOWN)
    assert breaker.standing().state is State.CLOSED


def test_a_probe_that_was_given_up_fails_late(breaker: Breaker, wheel: Wheel) -> None:
    fail(breaker, 5)
    wheel.time += 1
    lost = breaker.admit()
    lost.released()
    probe = breaker.admit()
    lost.failed(DOWN)
    lost.succeeded()
    with pytest.raises(SourceResting):
        breaker.admit()
    probe.succeeded()
    assert breaker.standing().state is State.CLOSED


def test_never() -> None:
    breaker = Breaker("shop", BreakerOptions(failures=0), Wheel())
    fail(breaker, 1000)
    assert breaker.standing().state is State.CLOSED


def test_any_schedule() -> None:
    """Whatever callers do, in whatever order: one probe at a time, none before its time, and what opens it is counted right."""
    for seed in range(SEED, SEED + 60):
        _run_schedule(seed)


def _run_schedule(seed: int) -> None:
    wheel, chance = Wheel(seed), random.Random(seed)
    breaker = Breaker("shop", OPTIONS, wheel)
    flying: list[tuple[Ticket, bool]] = []
    allowed_at = 0.0
    for _ in range(2000):
        wheel.time += chance.choice((0, 0.01, 0.1, 1.0))
        before = breaker.standing().state
        if chance.random() < 0.5 or not flying:
            try:
                ticket = breaker.admit()
            except SourceResting as refused:
                assert before is not State.CLOSED, seed
                if before is State.HALF_OPEN:
                    assert any(is_probe for _, is_probe in flying), seed
                else:
                    allowed_at = wheel.time + refused.seconds
            else:
                is_probe = before is not State.CLOSED
                assert before is not State.OPEN, seed
                assert wheel.time >= allowed_at - 1e-9, seed
                assert not (is_probe and any(other for _, other in flying)), seed
                flying.append((ticket, is_probe))
            continue
        ticket, is_probe = flying.pop(chance.randrange(len(flying)))
        end = chance.choice(("succeeded", "failed", "failed", "failed", "caller", "released"))
        match end:
            case "succeeded":
                ticket.succeeded()
                ticket.released()
            case "failed":
                ticket.failed(DOWN)
            case "caller":
                ticket.failed(InvalidValue("x"))
            case _:
                ticket.released()
        after = breaker.standing().state
        if is_probe and end == "succeeded":
            assert after is State.CLOSED, seed
        if is_probe and end == "failed":
            assert after is State.OPEN, seed
        if end in ("caller", "released"):
            assert after is before, seed
