"""Demands over scripted sources: who has no snapshots, who waits for whom, and what ends a wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from hanse.errors import Cancelled, HanseError, NotConsistent, SourceUnreachable
from hanse.execute.cancel import CancelScope
from hanse.execute.consistency import Meeting
from hanse.execute.executor import Run, execute
from hanse.execute.instances import InstancePool
from hanse.execute.report import Report
from hanse.ir.consistency import Level, Picture, Terms
from hanse.ir.request import RequestGraph, SqlText
from hanse.ir.tables import Table
from hanse.settings import EngineSettings
from hanse.spi.duckdb.dialect import DuckDBDialect
from tests.unit.execute.test_executor import ID, NAME, ScriptedSource, numbered, request

SNAPSHOT = Terms(snapshot=True)
JOIN = SqlText(("SELECT f1.c1, f2.c2 FROM f1 JOIN f2 ON f1.c1 = f2.c1 ORDER BY 1",))


class Shown(ScriptedSource):
    """A source whose pictures a script gives: the first when its snapshot is taken, then one for each look."""

    def __init__(self, *pictures: Picture, pinning: Callable[[Callable[[], object]], object] | None = None) -> None:
        super().__init__(numbered(3))
        self.pictures = list(pictures)
        self.pinning = pinning
        self.looks = 0

    @property
    def picture(self) -> Picture:
        self.looks += 1
        return self.pictures[min(self.looks, len(self.pictures)) - 1]

    def pin(self, tables: Sequence[Table], meet: Callable[[], object]) -> None:
        if self.pinning is not None:
            self.pinning(meet)
        else:
            meet()


def taken(at: float, token: str = "t") -> Picture:
    return Picture(Level.SNAPSHOT, token, at, at + 0.01)


@pytest.fixture
def pool() -> Iterator[InstancePool]:
    pool = InstancePool(EngineSettings(memory_limit="200MB", instances=1))
    yield pool
    pool.close()


def asked(pool: InstancePool, terms: Terms, timeout_s: float = 0, **sources: ScriptedSource):
    requests = tuple(request(place, source=name) for place, name in enumerate(sources, 1))
    graph = RequestGraph(requests, (ID, NAME), JOIN if len(requests) == 2 else None, 1 if len(requests) == 1 else None)
    began = time.monotonic()
    run = Run(
        connectors=sources,  # type: ignore[arg-type]
        kinds=dict.fromkeys(sources, "scripted"),
        snapshot_version=1,
        dialect=DuckDBDialect(),
        parameters=(),
        timezone="UTC",
        batch_rows=1000,
        timeout_s=timeout_s,
        report=Report("0" * 32),
        elapsed=lambda: (time.monotonic() - began) * 1000,
        terms=terms,
    )
    return execute(graph, pool, run)


def refused(pool: InstancePool, terms: Terms, code: str, source: str | None, **sources: ScriptedSource) -> None:
    with pytest.raises(NotConsistent) as caught:
        asked(pool, terms, **sources).fetchall()
    assert (caught.value.code, caught.value.source) == (code, source)
    assert all(one.closed == 1 for one in sources.values())


def test_who_says_nothing_of_what_it_reads_has_no_snapshot(pool: InstancePool) -> None:
    assert len(asked(pool, Terms(), a=ScriptedSource(numbered(3))).fetchall()) == 3
    refused(pool, SNAPSHOT, "HC001", "a", a=ScriptedSource(numbered(3)))
    silent = ScriptedSource(numbered(3))
    refused(pool, Terms(skew=9), "HC001", "b", a=Shown(taken(1)), b=silent)
    assert silent.sent == 0


def test_strict_begins_nothing(pool: InstancePool) -> None:
    sources = {"a": Shown(taken(1)), "b": Shown(taken(1))}
    with pytest.raises(NotConsistent) as caught:
        asked(pool, Terms(strict=True), **sources)
    assert caught.value.code == "HC003"
    assert all(one.closed == one.looks == 0 for one in sources.values())
    assert len(asked(pool, Terms(strict=True), a=Shown(taken(1))).fetchall()) == 3


def test_snapshots_are_held_against_one_another(pool: InstancePool) -> None:
    result = asked(pool, Terms(skew=0.5), a=Shown(taken(1.0)), b=Shown(taken(1.4)))
    assert len(result.fetchall()) == 3
    assert result.report.consistency is not None
    assert result.report.consistency.skew == pytest.approx(0.41)
    refused(pool, Terms(skew=0.4), "HC002", "b", a=Shown(taken(1.0)), b=Shown(taken(1.4)))


def test_a_newer_snapshot_than_the_one_that_was_taken(pool: InstancePool) -> None:
    """Found with the first rows, or at the end where the session says it only then; never a complete answer."""
    fresh = Shown(taken(1.0), taken(9.0, "u"))
    refused(pool, Terms(skew=1.0), "HC002", "b", a=Shown(taken(1.0)), b=fresh)
    late = Shown(taken(1.0), taken(1.0), taken(1.0).unlike("a table without snapshots"))
    refused(pool, SNAPSHOT, "HC001", "a", a=late)


def test_sources_meet_before_they_take_their_snapshots(pool: InstancePool) -> None:
    order: list[str] = []

    def slowly(meet: Callable[[], object]) -> None:
        time.sleep(0.1)
        order.append("slow is ready")
        meet()

    def fast(meet: Callable[[], object]) -> None:
        order.append("fast is ready")
        meet()
        order.append("fast takes it")

    result = asked(pool, SNAPSHOT, a=Shown(taken(1.0), pinning=fast), b=Shown(taken(1.0), pinning=slowly))
    assert len(result.fetchall()) == 3
    assert order == ["fast is ready", "slow is ready", "fast takes it"]


def test_who_meets_nobody_and_who_fails_hold_up_nobody(pool: InstancePool) -> None:
    result = asked(pool, SNAPSHOT, a=Shown(taken(1.0), pinning=lambda _: None), b=Shown(taken(1.0)))
    assert len(result.fetchall()) == 3

    def fail(_: Callable[[], object]) -> None:
        raise SourceUnreachable("gone", source="a")

    for sources in ({"a": fail, "b": None}, {"b": None, "a": fail}):
        with pytest.raises(SourceUnreachable, match="gone"):
            asked(pool, SNAPSHOT, **{name: Shown(taken(1.0), pinning=one) for name, one in sources.items()})


def test_a_source_that_never_comes_is_left_at_the_deadline(pool: InstancePool) -> None:
    gate = threading.Event()
    began = time.monotonic()
    stuck = Shown(taken(1.0), pinning=lambda _: gate.wait(5))
    stuck.cancel = gate.set  # type: ignore[method-assign]
    with pytest.raises(HanseError) as caught:
        asked(pool, SNAPSHOT, timeout_s=0.2, a=Shown(taken(1.0)), b=stuck)
    assert isinstance(caught.value, Cancelled)
    assert time.monotonic() - began < 2


def test_a_meeting_is_over_once_all_have_come() -> None:
    scope = CancelScope()
    meeting = Meeting(2, scope)
    first, second = meeting.place(), meeting.place()
    waits = threading.Thread(target=first)
    waits.start()
    waits.join(0.05)
    assert waits.is_alive()
    second()
    waits.join(2)
    assert not waits.is_alive()
    first()
    second()
    scope.end()
    with pytest.raises(Cancelled):
        first()
