"""Asking sources for what they expect: only of guesses, each once, within a second, and never a reason to fail."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hanse.asking import QUESTIONS_MAX, RemoteEstimates
from hanse.clock import SystemClock
from hanse.errors import SourceUnreachable
from hanse.ir import plan as p
from hanse.ir.expr import Literal
from hanse.ir.request import Request, RequestGraph
from hanse.optimize.estimate import Estimator, estimated
from hanse.optimize.observed import NOTHING_SEEN, Observed
from hanse.render import render
from hanse.spi.duckdb.dialect import DuckDBDialect
from hanse.split import split
from tests.unit.plans import SOURCES, Plans, call, ref


@dataclass
class Server:
    """Says what a test tells it to; only ``expected`` is ever called."""

    answers: list[float | Exception | None]
    asked: list[str] = field(default_factory=list)
    slow: float = 0.0

    source = "crm"

    def load_catalog(self) -> Any: ...
    def begin(self, context: Any) -> Any: ...
    def close(self) -> None: ...

    def expected(self, request: Request, parameters: tuple[Literal, ...], seconds: float) -> float | None:
        self.asked.append(str(request.sql))
        time.sleep(self.slow)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def make() -> Plans:
    return Plans()


def over(remote: RemoteEstimates, plan: p.Plan) -> Observed:
    graph = estimated(split(plan, SOURCES, key_shipping="off", sizes=Estimator()))
    dialects = {name: source.dialect for name, source in SOURCES.items()}
    capabilities = {name: source.capabilities for name, source in SOURCES.items()}
    requests: RequestGraph = render(graph, dialects, capabilities, DuckDBDialect(), plan.columns)
    return remote.over(NOTHING_SEEN, graph, requests, ())


def guess(make: Plans, value: int = 5) -> p.Plan:
    scan = make.scan("crm.t")
    return p.Filter(scan, call("<", ref(scan, "x"), value))


def test_a_guess_is_asked_for_once(make: Plans) -> None:
    server = Server([42.0])
    remote = RemoteEstimates({"crm": server}, SystemClock())
    for _ in range(2):
        plan = guess(make)
        found = Estimator(over(remote, plan))
        assert (found.rows(plan), found.is_guess(plan)) == (42, False)
    assert len(server.asked) == 1


def test_who_knows_nothing_or_fails_changes_nothing(make: Plans) -> None:
    server = Server([None, SourceUnreachable("gone")])
    remote = RemoteEstimates({"crm": server}, SystemClock())
    for value in (1, 2, 1, 2):
        assert over(remote, guess(make, value)) is NOTHING_SEEN
    assert len(server.asked) == 2  # and is not asked again for some minutes


def test_only_guesses_are_asked_for(make: Plans) -> None:
    server = Server([])
    scan = make.scan("crm.t")
    known = replace(scan, table=replace(scan.table, row_count=100))
    assert over(RemoteEstimates({"crm": server}, SystemClock()), known) is NOTHING_SEEN
    assert server.asked == []


def test_a_source_that_cannot_say_is_not_asked(make: Plans) -> None:
    assert over(RemoteEstimates({}, SystemClock()), guess(make)) is NOTHING_SEEN


def test_nobody_waits_for_a_slow_source(make: Plans) -> None:
    server = Server([42.0], slow=1.6)
    remote = RemoteEstimates({"crm": server}, SystemClock())
    before = time.monotonic()
    assert over(remote, guess(make)) is NOTHING_SEEN
    assert time.monotonic() - before < 1.5
    deadline = time.monotonic() + 5
    while over(remote, guess(make)) is NOTHING_SEEN and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(server.asked) == 1
    assert Estimator(over(remote, plan := guess(make))).rows(plan) == 42


def test_there_are_never_too_many_questions(make: Plans) -> None:
    server = Server([1.0] * 20)
    sides: list[p.Plan] = []
    for place in range(QUESTIONS_MAX + 4):
        scan = make.scan(f"crm.t{place}" if place % 2 else f"bare.t{place}")
        sides.append(scan)
    plan = sides[0]
    for side in sides[1:]:
        plan = p.Join(p.JoinKind.INNER, plan, side, call("=", ref(plan, "id@0"), ref(side, "id@0")))
    over(RemoteEstimates({"crm": server, "bare": server}, SystemClock()), plan)
    assert 0 < len(server.asked) <= QUESTIONS_MAX
