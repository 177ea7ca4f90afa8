"""A scan that is begun while keys are late: it is the answer, or it is left, and never both."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from hanse.connectors.postgres.dialect import PostgresDialect
from hanse.errors import Cancelled, HanseError, SourceError
from hanse.execute import probing
from hanse.execute.cancel import CancelScope
from hanse.execute.keys import ShippedKeys
from hanse.execute.memory import QueryMemory
from hanse.execute.probing import Probe, Way, probed
from hanse.ir import types as t
from hanse.ir.expr import Column, Literal
from hanse.ir.fragment import Hole, KeyOrigin, Patience
from hanse.ir.request import KeyHole, KeyOperand, Request, SqlText
from hanse.ir.tables import Collation

WAIT_S = 20.0
NONE = Patience(0.0, 3.0, 10, 100)
"""No patience; three rows are expected, and ten keys are worth reading them all."""
OPERAND = KeyOperand("x", t.INT64, Collation())
REQUEST = Request(
    1, "shop", SqlText(("SELECT x FROM t WHERE ", KeyHole(0, (OPERAND,)))), (Column(2, "x", t.INT64),), ()
)


@dataclass
class Scan:
    """A source whose rows come one by one, each when the test says so, and which can be ended."""

    count: int = 3
    fails: bool = False
    steps: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    texts: list[str] = field(default_factory=list)
    asked: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)
    closed: threading.Event = field(default_factory=threading.Event)
    snapshot: str | None = "s"

    def read(self, request: Request, parameters: tuple[Literal, ...]) -> Iterator[pa.RecordBatch]:
        self.texts.append(str(request.sql))
        self.asked.set()
        for number in range(self.count):
            self.steps.acquire(timeout=WAIT_S)
            if self.cancelled.is_set():
                raise Cancelled("ended")
            yield pa.record_batch({"c2": pa.array([number], pa.int64())})
        if self.fails:
            raise SourceError("broken")

    def wait_for_read(self) -> None:
        assert self.asked.wait(WAIT_S)

    def cancel(self) -> None:
        self.cancelled.set()
        self.steps.release(self.count + 1)

    def close(self) -> None:
        self.closed.set()

    def begin(self, is_unwanted: Callable[[], bool]) -> Scan:
        return self

    @property
    def way(self) -> Way:
        return Way(self.begin, PostgresDialect(), ())


def awaited(scope: CancelScope, patience: Patience | None = NONE) -> ShippedKeys:
    return ShippedKeys(Hole(0, (KeyOrigin(0, (1,)),), 1, (2,), 100, patience=patience), [t.INT64], scope)


class Asking:
    """Who waits for keys, in a thread of its own."""

    def __init__(self, scan: Scan, patience: Patience | None = NONE) -> None:
        self.scope = CancelScope()
        self.keys = awaited(self.scope, patience)
        self._found: Probe | None = None
        self._failure: HanseError | None = None
        self._thread = threading.Thread(target=self._ask, args=(scan,))
        self._thread.start()

    def _ask(self, scan: Scan) -> None:
        try:
            self._found = probed(REQUEST, [self.keys], scan.way, self.scope)
        except HanseError as failure:
            self._failure = failure

    @property
    def is_over(self) -> bool:
        return not self._thread.is_alive()

    def found(self) -> Probe | None:
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        if self._failure is not None:
            raise self._failure
        return self._found

    def deliver(self, *keys: int) -> None:
        self.keys.add([pa.array(keys, pa.int64())])
        self.keys.finish()


def rows(probe: Probe) -> list[int]:
    return [value for batch in probe.taken() for value in batch.column(0).to_pylist()]


@pytest.mark.parametrize("seconds", [WAIT_S, 1e15])
def test_keys_in_time_begin_nothing(seconds: float) -> None:
    scan = Scan()
    asking = Asking(scan, Patience(seconds, 3.0, 10, 100))
    asking.deliver(1)
    assert asking.found() is None
    assert scan.texts == []


def test_without_patience_nobody_waits() -> None:
    scan = Scan()
    assert Asking(scan, None).found() is None
    assert scan.texts == []


def test_a_scan_that_is_over_first_is_the_answer() -> None:
    scan = Scan()
    asking = Asking(scan)
    scan.steps.release(3)
    probe = asking.found()
    assert probe is not None
    assert probe.take()
    assert rows(probe) == [0, 1, 2]
    assert scan.texts == ["SELECT x FROM t WHERE (1 = 1)"]
    assert scan.closed.is_set()


def test_few_keys_end_a_scan_that_has_just_begun() -> None:
    scan = Scan()
    asking = Asking(scan)
    scan.steps.release(1)
    asking.deliver(1)
    probe = asking.found()
    assert probe is not None
    assert not probe.take()
    assert scan.cancelled.is_set() or scan.texts == []
    assert scan.closed.wait(WAIT_S) or scan.texts == []


def test_many_keys_leave_the_scan_alone() -> None:
    scan = Scan()
    asking = Asking(scan)
    asking.deliver(*range(0, 30, 3))
    probe = asking.found()
    if probe is None:  # the keys were there before anything was begun
        return
    assert probe.take()
    scan.steps.release(3)
    assert rows(probe) == [0, 1, 2]
    assert not scan.cancelled.is_set()


def test_a_scan_that_is_nearly_over_is_not_ended_for_few_keys() -> None:
    scope = CancelScope()
    scan = Scan(count=4)
    probe = Probe(scan.way, REQUEST, scope, lambda: None)
    keys = awaited(scope)
    keys.add([pa.array([1, 2, 5], pa.int64())])
    keys.finish()
    assert probe.is_worse(keys)
    probe.start()
    scan.steps.release(3)
    while probe.rows < 3:
        threading.Event().wait(0.001)
    assert not probe.is_worse(keys)
    scan.steps.release(1)
    assert probe.take()
    assert rows(probe) == [0, 1, 2, 3]


def test_without_a_list_of_keys_the_scan_goes_on() -> None:
    scan = Scan()
    asking = Asking(scan)
    scan.wait_for_read()
    asking.keys.give_up()
    probe = asking.found()
    assert probe is not None
    assert probe.take()
    scan.steps.release(3)
    assert rows(probe) == [0, 1, 2]


def test_a_scan_that_fails_on_trial_is_left_and_the_keys_are_awaited() -> None:
    scan = Scan(fails=True)
    asking = Asking(scan)
    scan.steps.release(3)
    probe = asking.found()
    assert probe is not None
    assert not probe.take()
    assert not asking.keys.decided


def test_a_scan_that_fails_when_it_is_the_answer_fails_the_query() -> None:
    scan = Scan(fails=True)
    asking = Asking(scan)
    scan.wait_for_read()
    asking.keys.give_up()
    probe = asking.found()
    assert probe is not None
    assert probe.take()
    scan.steps.release(3)
    with pytest.raises(SourceError, match="broken"):
        rows(probe)


def test_more_keys_than_expected_begin_a_scan_whatever_time_is_left() -> None:
    scan = Scan()
    asking = Asking(scan, Patience(None, 3.0, 10, 2))
    asking.keys.add([pa.array([1, 5], pa.int64())])
    threading.Event().wait(0.05)
    assert scan.texts == []
    asking.keys.add([pa.array([9, 13], pa.int64())])
    scan.steps.release(3)
    probe = asking.found()
    assert probe is not None
    assert probe.take()
    assert rows(probe) == [0, 1, 2]


def test_keys_that_are_few_hold_back_a_scan_while_others_are_late() -> None:
    scope, scan = CancelScope(), Scan()
    few, late = awaited(scope, Patience(0.0, 3.0, 10, 2)), awaited(scope)
    few.add([pa.array([1], pa.int64())])
    few.finish()
    thread = threading.Thread(target=probed, args=(REQUEST, [few, late], scan.way, scope))
    thread.start()
    threading.Event().wait(0.05)
    late.finish()
    thread.join(WAIT_S)
    assert not thread.is_alive()
    assert scan.texts == []


def test_a_range_that_leaves_out_much_ends_a_scan() -> None:
    scope, scan = CancelScope(), Scan()
    probe = Probe(scan.way, REQUEST, scope, lambda: None)
    near, far = (Hole(0, (KeyOrigin(0, (1,)),), 1, (2,), 3, patience=NONE, spans=((0, end),)) for end in (100, 8))
    for hole, is_worse in ((near, True), (far, False)):
        keys = ShippedKeys(hole, [t.INT64], scope)
        keys.add([pa.array([0, 1, 2, 3, 5], pa.int64())])
        keys.finish()
        probe.rows = 0 if is_worse else 2
        assert probe.is_worse(keys) == is_worse


def test_a_scan_that_grows_too_large_waits_for_the_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "KEPT_BYTES_MAX", 10)
    scan = Scan()
    asking = Asking(scan)
    scan.steps.release(3)
    while len(scan.texts) < 1:
        threading.Event().wait(0.001)
    threading.Event().wait(0.05)
    assert not asking.is_over
    asking.deliver(*range(0, 30, 3))
    probe = asking.found()
    assert probe is not None
    assert probe.take()
    assert rows(probe) == [0, 1, 2]


def test_a_scan_that_grows_too_large_is_the_answer_where_keys_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probing, "KEPT_BYTES_MAX", 10)
    scan = Scan()
    asking = Asking(scan, Patience(None, 3.0, 10, 2))
    asking.keys.add([pa.array(range(0, 18, 3), pa.int64())])
    scan.steps.release(3)
    probe = asking.found()
    assert probe is not None
    assert not asking.keys.decided
    assert probe.take()
    assert rows(probe) == [0, 1, 2]


def test_the_end_of_the_query_ends_the_scan() -> None:
    scan = Scan()
    asking = Asking(scan)
    scan.wait_for_read()
    asking.scope.end()
    with contextlib.suppress(Cancelled):  # unless the scan ends before anybody asks for its keys
        probe = asking.found()
        assert probe is not None
        assert not probe.take()
    assert scan.cancelled.wait(WAIT_S)
    assert scan.closed.wait(WAIT_S)


# -- keys that are tried: the scan has the request's own session, and keys another one


BESIDE = Patience(0.0, 3.0, 10, 100, beside=WAIT_S)


class Trying(Asking):
    """Who reads all, and may have a further session for keys."""

    def __init__(self, scan: Scan, other: Scan | None, patience: Patience = BESIDE) -> None:
        self.other = other
        super().__init__(scan, patience)

    def _ask(self, scan: Scan) -> None:
        try:
            self._found = probed(REQUEST, [self.keys], Way(self._begin, PostgresDialect(), (), own=scan), self.scope)
        except HanseError as failure:
            self._failure = failure

    def _begin(self, is_unwanted: Callable[[], bool]) -> Scan:
        if self.other is None:
            raise Cancelled("no connection is free")
        return self.other


def test_few_keys_end_the_scan_that_was_not_on_trial() -> None:
    scan, other = Scan(), Scan()
    asking = Trying(scan, other)
    scan.wait_for_read()
    asking.deliver(1)
    probe = asking.found()
    assert probe is not None
    assert not probe.take()
    assert probe.for_keys is other
    assert scan.cancelled.is_set()
    assert not other.texts


def test_without_a_session_for_keys_the_scan_goes_on() -> None:
    scan = Scan()
    asking = Trying(scan, None)
    scan.wait_for_read()
    asking.deliver(1)
    probe = asking.found()
    assert probe is not None
    assert probe.take()
    scan.steps.release(3)
    assert rows(probe) == [0, 1, 2]


def test_more_keys_than_are_worth_it_decide_at_once_for_the_scan() -> None:
    scan = Scan()
    asking = Trying(scan, Scan())
    scan.wait_for_read()
    asking.keys.add([pa.array(range(0, 999, 3), pa.int64())])
    probe = asking.found()
    assert probe is not None
    assert asking.keys.decided
    assert probe.take()
    scan.steps.release(3)
    assert rows(probe) == [0, 1, 2]


@pytest.mark.parametrize(("seconds", "count"), [(WAIT_S, 2), (0.02, 0)])
def test_a_scan_that_was_not_on_trial_waits_a_little_for_keys(
    monkeypatch: pytest.MonkeyPatch, seconds: float, count: int
) -> None:
    monkeypatch.setattr(probing, "KEPT_BYTES_MAX", 10)
    scan = Scan()
    asking = Trying(scan, Scan(), Patience(0.0, 3.0, 10, 100, beside=seconds))
    scan.steps.release(3)
    asking.keys.add([pa.array(range(0, 3 * count, 3), pa.int64())])
    asking.keys._columns[0].count()
    asking.keys._told()
    probe = asking.found()
    assert probe is not None
    assert not asking.keys.decided
    assert probe.take()
    assert rows(probe) == [0, 1, 2]


def test_the_failure_of_a_scan_that_was_not_on_trial_is_the_querys() -> None:
    scan = Scan(fails=True)
    asking = Trying(scan, Scan())
    scan.steps.release(3)
    probe = asking.found()
    assert probe is not None
    assert probe.take()
    with pytest.raises(SourceError, match="broken"):
        rows(probe)


def test_what_a_scan_keeps_counts_as_the_querys_memory() -> None:
    memory = QueryMemory(1_000_000, "g")
    scan = Scan()
    probe = Probe(Way(scan.begin, PostgresDialect(), (), memory=memory), REQUEST, CancelScope(), lambda: None)
    probe.start()
    scan.steps.release(2)
    while probe.rows < 2:
        threading.Event().wait(0.001)
    assert memory.taken > 0
    probe.leave()
    assert memory.taken == 0
