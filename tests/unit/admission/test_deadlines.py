"""How far a request is, and which of its limits is met first, on a clock that the test turns."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping

import pytest

from hanse.admission.deadlines import Leg, Limit, Stage, limits
from hanse.errors import DeadlineMissed, Fault, SourceUnreachable
from hanse.spi.alarms import Alarms
from hanse.spi.deadlines import DeadlineOptions, Patience
from tests.unit.admission.wheel import Wheel

SEED = int(os.environ.get("HANSE_FAULT_SEED", "0")) or random.SystemRandom().randrange(1 << 30)
ALL = limits(DeadlineOptions(connect=1, first_row=5, idle=2, total=20), Patience())


class Case:
    """A request, its clock and what was missed."""

    def __init__(self, found: Mapping[Stage, Limit] = ALL, tells: bool = True) -> None:
        self.wheel = Wheel()
        self.alarms = Alarms(self.wheel.monotonic)
        self.missed: list[Stage] = []
        self.leg = Leg(found, self.wheel.monotonic, self.alarms, lambda limit: self.missed.append(limit.stage), tells)

    def turn(self, seconds: float) -> list[Stage]:
        """Let time pass, in steps that are small against all limits; what was missed."""
        for _ in range(round(seconds * 10)):
            self.wheel.time += 0.1
            self.alarms.ring()
        return self.missed


def test_waiting_for_a_turn_is_nobodys_fault() -> None:
    case = Case()
    assert case.turn(100) == []
    case.leg.asking()
    assert case.turn(0.9) == []
    assert case.turn(0.2) == [Stage.CONNECT]


def test_every_stage_has_its_own_time() -> None:
    case = Case()
    case.leg.asking()
    case.turn(0.9)
    case.leg.connected()
    assert case.turn(4.8) == []
    case.leg.came()
    assert case.turn(4) == []  # the reader takes its time
    case.leg.waits()
    assert case.turn(1.9) == []
    case.leg.came()
    case.leg.waits()
    assert case.turn(2.2) == [Stage.IDLE]
    assert case.turn(100) == [Stage.IDLE]


def test_the_total_is_met_while_the_reader_holds_rows_back() -> None:
    case = Case()
    case.leg.asking()
    case.leg.connected()
    case.leg.came()
    assert case.turn(19.8) == []
    assert case.turn(0.3) == [Stage.TOTAL]


def test_a_first_row_that_does_not_come() -> None:
    case = Case()
    case.leg.asking()
    case.leg.connected()
    assert case.turn(5.1) == [Stage.FIRST_ROW]


def test_a_session_that_does_not_tell_is_only_waited_for() -> None:
    case = Case(tells=False)
    assert case.turn(4.9) == []
    assert case.leg.silent_seconds() == 0
    assert case.turn(0.2) == [Stage.FIRST_ROW]


def test_nothing_is_missed_after_the_end() -> None:
    case = Case()
    case.leg.asking()
    case.leg.over()
    assert case.turn(100) == []
    assert case.alarms.ring() is None


def test_without_limits_there_is_no_alarm() -> None:
    case = Case({})
    case.leg.asking()
    case.leg.connected()
    case.leg.came()
    case.leg.waits()
    assert case.alarms.ring() is None


def test_a_random_walk_misses_what_it_should() -> None:
    """Against a model that looks at every tenth of a second."""
    chance = random.Random(SEED)
    for _ in range(300):
        case = Case()
        case.leg.asking()
        stage, since, expected = Stage.CONNECT, 0.0, None
        while expected is None and case.wheel.time < 30:
            seconds = chance.choice((0.3, 0.8, 1.5, 2.5, 6.0))
            for _ in range(round(seconds * 10)):
                case.turn(0.1)
                now = case.wheel.time
                over = [
                    ALL[name].stage
                    for name, start in ((stage, since), (Stage.TOTAL, 0.0))
                    if start is not None and now - start >= ALL[name].seconds
                ]
                if over:
                    expected = over
                    break
            if expected:
                break
            match stage:
                case Stage.CONNECT:
                    case.leg.connected()
                    stage, since = Stage.FIRST_ROW, case.wheel.time
                case _ if since is not None:
                    case.leg.came()
                    since = None  # type: ignore[assignment]
                case _:
                    case.leg.waits()
                    stage, since = Stage.IDLE, case.wheel.time
        assert expected, SEED
        assert case.missed and case.missed[0] in expected, (SEED, case.missed, expected)


@pytest.mark.parametrize(
    ("configured", "chosen", "told"),
    [
        (5, 0, "5 s (option deadlines.first_row)"),
        (0, 2, "2 s (setting first_row_timeout)"),
        (5, 2, "setting"),
        (2, 5, "option"),
    ],
)
def test_the_narrower_limit_is_told(configured: float, chosen: float, told: str) -> None:
    found = limits(DeadlineOptions(first_row=configured), Patience(first_row=chosen))
    error = found[Stage.FIRST_ROW].error("shop")
    assert isinstance(error, DeadlineMissed)
    assert told in error.message
    assert (error.source, error.code, error.fault) == ("shop", "57014", Fault.CANCELLED)


def test_a_source_that_answers_nothing_is_down() -> None:
    error = limits(DeadlineOptions(connect=3), Patience(connect=0.5))[Stage.CONNECT].error("shop")
    assert isinstance(error, SourceUnreachable)
    assert "within 0.5 s (setting connect_timeout)" in error.message
    assert error.fault is Fault.DOWN


def test_no_limit_on_connecting_where_nobody_tells() -> None:
    assert limits(DeadlineOptions(), Patience(connect=1)) == {}
