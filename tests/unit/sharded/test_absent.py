"""Whoever would ask a shard that was never read is told why not, at once; it is tried beside that, by one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hanse.catalog.sharded import absent
from hanse.catalog.sharded.absent import AbsentShard, AbsentShards
from hanse.errors import HanseError, SourceRefused, SourceUnreachable, StaleSnapshot
from hanse.spi.connector import ReadContext
from hanse.spi.snapshot import Assumed
from tests.unit.admission.wheel import Wheel

WHY = Assumed("connection refused", "08001", "its tables are taken to be those of s/0")
CONTEXT = ReadContext("0a", 1)


class Shard:
    """Its catalog takes until somebody lets it be read."""

    source = "s/1"

    def __init__(self) -> None:
        self.tries = 0
        self.failure: Exception | None = None
        self.open = threading.Event()
        self.open.set()

    def load_catalog(self) -> Any:
        self.tries += 1
        assert self.open.wait(60)
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def clock() -> Wheel:
    return Wheel()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as it takes."""
    monkeypatch.setattr(absent, "WAIT_SECONDS", 60)


@pytest.fixture
def shard() -> Iterator[Shard]:
    made = Shard()
    yield made
    made.open.set()


@pytest.fixture
def ask(clock: Wheel, shard: Shard) -> Callable[..., HanseError]:
    gate = AbsentShards(clock)

    def refused(assumed: Assumed = WHY) -> HanseError:
        with pytest.raises(HanseError) as failure:
            AbsentShard(gate, shard, assumed).begin(CONTEXT)  # type: ignore[arg-type]
        assert failure.value.source == "s/1"
        return failure.value

    return refused


def test_it_is_tried_once_in_a_while(ask: Callable[..., HanseError], clock: Wheel, shard: Shard) -> None:
    shard.failure = SourceUnreachable("still refused")
    told = ask()
    assert (told.code, told.message) == ("08001", "connection refused; its tables are taken to be those of s/0")
    assert shard.tries == 0
    clock.sleep(absent.TRY_SECONDS)
    told = [ask().message for _ in range(3)]
    assert told == ["still refused; its tables are taken to be those of s/0"] * 3
    assert shard.tries == 1
    shard.failure = SourceRefused("wrong password")
    clock.sleep(absent.TRY_SECONDS)
    assert isinstance(ask(), SourceRefused)
    shard.failure = ValueError("broken")
    clock.sleep(absent.TRY_SECONDS)
    assert "ValueError: broken" in ask().message


def test_one_is_told_that_it_answers(ask: Callable[..., HanseError], clock: Wheel, shard: Shard) -> None:
    ask()
    clock.sleep(absent.TRY_SECONDS)
    assert isinstance(ask(), StaleSnapshot)
    assert isinstance(ask(), SourceUnreachable)
    clock.sleep(absent.TRY_SECONDS)
    assert isinstance(ask(), StaleSnapshot)
    again = Assumed("gone again", "08006", "as before")
    assert (ask(again).message, ask(again).code) == ("gone again; as before", "08006")


def test_nobody_waits_for_one_that_is_silent(
    ask: Callable[..., HanseError], clock: Wheel, shard: Shard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(absent, "WAIT_SECONDS", 0.01)
    shard.open.clear()
    ask()
    clock.sleep(absent.TRY_SECONDS)
    for _ in range(3):
        assert isinstance(ask(), SourceUnreachable)
        clock.sleep(absent.TRY_SECONDS)
    assert shard.tries == 1
    shard.open.set()
    for thread in threading.enumerate():
        if thread.name == "hanse-shards":
            thread.join(60)
    assert isinstance(ask(), StaleSnapshot)
