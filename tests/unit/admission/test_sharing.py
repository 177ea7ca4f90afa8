"""Who may have another's rows: nobody who came later, nobody whose share is not whole; and all is forgotten in the end."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pyarrow as pa
import pytest

from hanse.admission.sharing import BYTES_MAX, STALLED_SECONDS, Answer, End, Sharing, Told
from hanse.errors import Cancelled, SourceUnreachable
from hanse.ir.consistency import Level, Picture
from hanse.ir.request import Request, SqlText
from hanse.spi.connector import ReadContext
from tests.unit.admission.wheel import Wheel

REQUEST = Request(0, "shop", SqlText(("SELECT 1",)), (), ())
KEY = "key"
TOLD = ("from a replica", Picture(Level.SNAPSHOT))


def nothing() -> Told:
    return "", None


def batch(size: int = 10) -> pa.RecordBatch:
    return pa.record_batch({"c": pa.array([0] * size, pa.int8())})


def context(query: str) -> ReadContext:
    return ReadContext(query, 1)


@pytest.fixture
def wheel() -> Wheel:
    return Wheel()


@pytest.fixture
def sharing(wheel: Wheel) -> Sharing:
    found = Sharing(wheel)
    for query in ("a", "b", "c"):
        found.enter(query, wheel.time)
    return found


def asked(sharing: Sharing, query: str) -> Iterator[pa.RecordBatch]:
    joined = sharing.join(KEY, REQUEST, context(query))
    assert joined is not None
    assert joined[1]
    return sharing.handed_out(KEY, joined[0], iter([batch(), batch()]), lambda: TOLD)


def test_nobody_else_nothing_shared(wheel: Wheel) -> None:
    sharing = Sharing(wheel)
    sharing.enter("a", 0)
    assert sharing.is_alone()
    assert sharing.join(KEY, REQUEST, context("a")) is None
    assert sharing.join(KEY, REQUEST, context("unknown")) is None


def test_who_came_before_it_was_sent_has_the_rows_and_who_came_later_asks(wheel: Wheel, sharing: Sharing) -> None:
    rows = asked(sharing, "a")
    joined = sharing.join(KEY, REQUEST, context("b"))
    assert joined is not None
    assert not joined[1]
    wheel.time += 1
    sharing.enter("late", wheel.time)
    late = sharing.join(KEY, REQUEST, context("late"))
    assert late is not None
    assert late[1]  # asks himself, though the same is on its way
    assert len(list(rows)) == 2
    assert sharing.wait(joined[0], lambda: False) is End.COMPLETE
    assert len(joined[0].batches) == 2
    assert joined[0].told == TOLD
    again = sharing.join(KEY, REQUEST, context("c"))
    assert again is not None
    assert again[0] is late[0]  # newer than he needs


def test_rows_are_kept_as_long_as_somebody_may_want_them(sharing: Sharing) -> None:
    assert len(list(asked(sharing, "a"))) == 2
    sharing.leave("a")
    assert sharing.kept == 20
    sharing.leave("b")
    joined = sharing.join(KEY, REQUEST, context("c"))
    assert joined is not None
    assert joined[0].end is End.COMPLETE
    sharing.leave("c")
    assert (sharing.kept, sharing._answers) == (0, {})


def test_who_leaves_lets_another_ask(sharing: Sharing) -> None:
    rows = asked(sharing, "a")
    joined = sharing.join(KEY, REQUEST, context("b"))
    next(rows)
    rows.close()  # type: ignore[attr-defined]
    assert joined is not None
    assert sharing.wait(joined[0], lambda: False) is End.LEFT
    joined = sharing.join(KEY, REQUEST, context("b"))
    assert joined is not None
    assert joined[1]


@pytest.mark.parametrize(("failure", "end"), [(SourceUnreachable("gone"), End.APART), (Cancelled("no"), End.LEFT)])
def test_a_failure_is_its_own_querys(sharing: Sharing, failure: Exception, end: End) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield batch()
        raise failure

    joined = sharing.join(KEY, REQUEST, context("a"))
    assert joined is not None
    follower = sharing.join(KEY, REQUEST, context("b"))
    assert follower is not None
    with pytest.raises(type(failure)):
        list(sharing.handed_out(KEY, joined[0], failing(), nothing))
    assert sharing.wait(follower[0], lambda: False) is end
    assert sharing.kept == 0


def test_large_answers_are_not_shared_and_remembered(sharing: Sharing) -> None:
    joined = sharing.join(KEY, REQUEST, context("a"))
    follower = sharing.join(KEY, REQUEST, context("b"))
    assert joined is not None
    assert follower is not None
    large = [batch(BYTES_MAX // 2 + 1)] * 3
    assert len(list(sharing.handed_out(KEY, joined[0], iter(large), nothing))) == 3
    assert sharing.wait(follower[0], lambda: False) is End.APART
    assert sharing.join(KEY, REQUEST, context("c")) is None
    assert sharing.kept == 0


def test_nobody_waits_for_one_who_does_not_go_on(wheel: Wheel, sharing: Sharing) -> None:
    rows = asked(sharing, "a")
    joined = sharing.join(KEY, REQUEST, context("b"))
    assert joined is not None
    next(rows)
    wheel.time += STALLED_SECONDS + 1
    assert sharing.wait(joined[0], lambda: False) is End.APART
    assert sharing.wait(joined[0], lambda: True) is End.APART


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_nobody_has_rows_older_than_himself(seed: int) -> None:
    wheel, chance = Wheel(seed), random.Random(seed)
    sharing = Sharing(wheel)
    here: dict[str, float] = {}
    running: list[tuple[str, Iterator[pa.RecordBatch]]] = []
    followed: list[Answer] = []
    joined = whole = 0
    for number in range(500):
        wheel.time += chance.random()
        query = f"q{number}"
        here[query] = wheel.time
        sharing.enter(query, wheel.time)
        for name in [name for name in here if chance.random() < 0.4]:
            found = sharing.join(KEY, REQUEST, context(name))
            if found is None:
                continue
            answer, is_mine = found
            if is_mine:
                running.append((name, sharing.handed_out(KEY, answer, iter([batch()] * 3), nothing)))
            else:
                joined += 1
                assert answer.sent >= here[name]
                followed.append(answer)
        for answer in followed:
            if sharing.wait(answer, lambda: True) is End.COMPLETE:
                whole += 1
                assert len(answer.batches) == 3
        chance.shuffle(running)
        while running and chance.random() < 0.6:
            _, rows = running.pop()
            for _ in range(chance.randint(1, 5)):
                next(rows, None)
            rows.close()  # type: ignore[attr-defined]
        for name in [name for name in here if chance.random() < 0.3]:
            del here[name]
            sharing.leave(name)
    assert joined > 20
    assert whole > 20
    for _, rows in running:
        list(rows)
    for name in here:
        sharing.leave(name)
    assert (sharing.kept, sharing._answers) == (0, {})
