"""The plan cache: found by equal keys only, bounded in number and bytes, emptied by a newer snapshot."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from hanse.cache import PlanCache, PlanKey
from hanse.ir.types import INT32, INT64, NULL

KEY = PlanKey("select $1", (INT32,), 1, ("on", "on", "UTC"))


def filled(*texts: str, entries: int = 10, bytes: int = 1000) -> PlanCache[str]:
    cache: PlanCache[str] = PlanCache(entries, bytes)
    for text in texts:
        cache.put(replace(KEY, text=text), ("1",), text, 100)
    return cache


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, text="select $1 "),
        replace(KEY, types=(INT64,)),
        replace(KEY, types=(NULL,)),
        replace(KEY, snapshot=2),
        replace(KEY, settings=("off", "on", "UTC")),
        replace(KEY, settings=("on", "on", "Europe/Berlin")),
    ],
)
def test_everything_that_a_plan_depends_on_tells_it_apart(other: PlanKey) -> None:
    cache = filled("select $1")
    assert cache.get(KEY) == "select $1"
    assert cache.get(other) is None


def test_the_least_recently_used_leaves() -> None:
    cache = filled("a", "b", "c", entries=3)
    assert cache.get(replace(KEY, text="a")) == "a"
    cache.put(replace(KEY, text="d"), (), "d", 100)
    assert [cache.get(replace(KEY, text=text)) for text in "abcd"] == ["a", None, "c", "d"]
    assert cache.parameters("b") is None
    assert cache.parameters("d") == ()


def test_bytes_are_limited() -> None:
    cache = filled("a", "b", bytes=250)
    cache.put(replace(KEY, text="c"), (), "c", 150)
    assert [cache.get(replace(KEY, text=text)) for text in "abc"] == [None, "b", "c"]
    cache.put(replace(KEY, text="huge"), (), "huge", 251)
    assert len(cache) == 2


def test_a_newer_snapshot_empties_it_and_an_older_one_adds_nothing() -> None:
    cache = filled("a", "b")
    cache.put(replace(KEY, text="a", snapshot=2), ("1",), "newer", 100)
    assert len(cache) == 1
    cache.put(replace(KEY, text="c", snapshot=1), (), "older", 100)
    assert len(cache) == 1
    assert cache.parameters("b") is None


def test_a_text_is_known_as_long_as_it_has_a_plan() -> None:
    cache = filled("a")
    other = replace(KEY, text="a", types=(INT64,))
    cache.put(other, ("1",), "of bigint", 100)
    cache.drop(other)
    assert cache.parameters("a") == ("1",)
    cache.drop(replace(KEY, text="a"))
    cache.drop(replace(KEY, text="a"))
    assert cache.parameters("a") is None
    assert len(cache) == 0


def test_no_entries_keep_nothing() -> None:
    assert filled("a", entries=0).get(replace(KEY, text="a")) is None


def test_threads_leave_it_consistent() -> None:
    cache = filled(entries=8)

    def work(seed: int) -> None:
        for step in range(500):
            key = replace(KEY, text=str((seed * 7 + step) % 20), snapshot=1 + step // 400)
            if cache.get(key) is None:
                cache.put(key, (), key.text, 100)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 0 < len(cache) <= 8
    assert all(cache.parameters(str(text)) in (None, ()) for text in range(20))
