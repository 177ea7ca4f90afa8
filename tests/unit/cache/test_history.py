"""The history of plans: medians, changes, limits, several holders of one file, and no failure that a query would see."""

from __future__ import annotations

import multiprocessing
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from hanse.cache import Pin, PlanHistory, Used, history
from hanse.errors import UnknownName, UserError

USED = Used("q1", "select ?", "p1", "here:\n  Scan", "{}")


def test_runs_are_counted_and_their_medians_taken(tmp_path: Path) -> None:
    store = PlanHistory(tmp_path)
    for at, ms in ((10.0, 5.0), (30.0, 100.0), (20.0, 7.0)):
        assert store.record(USED, at, ms, int(ms) * 10)
    (entry,) = store.entries()
    assert (entry.first_seen, entry.last_seen, entry.runs) == (10.0, 30.0, 3)
    assert (entry.median_ms, entry.median_bytes) == (7.0, 70)
    assert (entry.statement, entry.shape) == ("select ?", "here:\n  Scan")
    store.close()
    assert PlanHistory(tmp_path).entries() == [entry]


def test_runs_close_upon_one_another_are_written_together_and_lost_to_nobody(tmp_path: Path) -> None:
    store, other = PlanHistory(tmp_path), PlanHistory(tmp_path)
    for at in (10.0, 10.1, 10.2):
        assert store.record(USED, at, 1.0, 1)
    assert [entry.runs for entry in other.entries()] == [1]
    store.record(USED, 10.3, 1.0, 1)
    assert [entry.runs for entry in other.entries()] == [4]
    store.record(USED, 10.4, 1.0, 1)
    assert [entry.runs for entry in store.entries()] == [5]
    store.record(USED, 10.5, 1.0, 1)
    store.record(USED, 9.0, 1.0, 1)  # a clock that was set back
    assert [entry.runs for entry in other.entries()] == [7]
    store.record(USED, 9.1, 1.0, 1)
    store.close()
    assert [(entry.runs, entry.last_seen) for entry in other.entries()] == [(8, 10.5)]
    other.close()


def test_a_change_is_a_plan_that_a_known_query_never_had(tmp_path: Path) -> None:
    store = PlanHistory(tmp_path)
    other = replace(USED, plan="p2", shape="here:\n  Join")
    assert not store.is_change(USED)
    store.record(USED, 1.0, 1.0, 1)
    assert not store.is_change(USED)
    assert store.is_change(other)
    assert not store.is_change(replace(other, query="q2"))
    store.record(other, 2.0, 1.0, 1)
    assert not store.is_change(other)
    assert not store.is_change(USED)
    assert [entry.plan for entry in store.entries("q1")] == ["p2", "p1"]


def test_shapes_are_found_by_the_beginning_of_a_fingerprint(tmp_path: Path) -> None:
    store = PlanHistory(tmp_path)
    store.record(USED, 1.0, 1.0, 1)
    store.record(replace(USED, plan="p2", shape="other"), 1.0, 1.0, 1)
    assert store.shape("p2") == "other"
    for prefix in ("p", "q1", "x"):
        with pytest.raises(UnknownName):
            store.shape(prefix)


def test_old_runs_and_old_queries_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "RUNS_KEPT", 3)
    monkeypatch.setattr(history, "QUERIES_KEPT", 2)
    store = PlanHistory(tmp_path)
    for at, ms in enumerate((1000.0, 1000.0, 1.0, 2.0, 3.0)):
        store.record(USED, at, ms, 1)
    (entry,) = store.entries()
    assert (entry.runs, entry.median_ms) == (5, 2.0)
    for number in (2, 3):
        store.record(replace(USED, query=f"q{number}"), 10.0 + number, 1.0, 1)
    assert [entry.query for entry in store.entries()] == ["q3", "q2"]


def test_only_its_owner_reads_it(tmp_path: Path) -> None:
    store = PlanHistory(tmp_path / "state")
    store.record(USED, 1.0, 1.0, 1)
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "state" / "plans.db").stat().st_mode) == 0o600


def test_what_cannot_be_written_is_lost_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    store = PlanHistory(tmp_path / "file" / "state")
    assert not store.record(USED, 1.0, 1.0, 1)
    assert not store.is_change(USED)
    (tmp_path / "plans.db").write_text("this is no database, but long enough to be taken for one" * 20)
    assert not PlanHistory(tmp_path).record(USED, 1.0, 1.0, 1)


def _write(folder: Path, number: int) -> None:
    store = PlanHistory(folder)
    for step in range(20):
        assert store.record(USED, number * 100.0 + step, 1.0, 1)


def test_processes_share_it(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    (entry,) = PlanHistory(tmp_path).entries()
    assert (entry.runs, entry.first_seen, entry.last_seen) == (60, 0.0, 219.0)


def test_a_pinned_plan_is_that_of_its_query_until_it_is_unpinned(tmp_path: Path) -> None:
    store, reader = PlanHistory(tmp_path), PlanHistory(tmp_path)
    store.record(replace(USED, choices='{"swap":true}'), 1.0, 1.0, 1)
    store.record(replace(USED, query="q2"), 1.0, 1.0, 1)
    before = reader.pins_version()
    assert store.pin("q1", "p").plan == "p1"
    assert reader.pinned("q1") == Pin("p1", '{"swap":true}')
    assert reader.pinned("q2") is None
    assert [entry.query for entry in reader.entries() if entry.pinned] == ["q1"]
    between = reader.pins_version()
    assert store.unpin("q") == "q1"
    assert reader.pinned("q1") is None
    assert len({before, between, reader.pins_version()}) == 3


def test_one_plan_of_a_query_is_pinned(tmp_path: Path) -> None:
    store = PlanHistory(tmp_path)
    store.record(USED, 1.0, 1.0, 1)
    store.record(replace(USED, plan="p2"), 1.0, 1.0, 1)
    for query, plan in (("q1", "p"), ("q1", "x"), ("x", "p1")):
        with pytest.raises(UnknownName):
            store.pin(query, plan)
    with pytest.raises(UnknownName):
        store.unpin("q1")
    store.pin("q1", "p1")
    store.pin("q1", "p2")
    assert [entry.plan for entry in store.entries() if entry.pinned] == ["p2"]


def test_a_pinned_query_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "QUERIES_KEPT", 1)
    store = PlanHistory(tmp_path)
    store.record(USED, 1.0, 1.0, 1)
    store.pin("q1", "p1")
    for number in range(2, 5):
        store.record(replace(USED, query=f"q{number}"), float(number), 1.0, 1)
    assert {entry.query for entry in store.entries()} == {"q1", "q4"}


def test_a_plan_from_before_choices_were_noted_must_be_used_once_more(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "plans.db") as old:
        old.execute(
            "CREATE TABLE plans (query TEXT NOT NULL, plan TEXT NOT NULL, shape TEXT NOT NULL, first_seen REAL NOT NULL, "
            "last_seen REAL NOT NULL, runs INTEGER NOT NULL, PRIMARY KEY (query, plan)) WITHOUT ROWID"
        )
        old.execute("CREATE TABLE queries (query TEXT PRIMARY KEY, statement TEXT NOT NULL) WITHOUT ROWID")
        old.execute("INSERT INTO plans VALUES ('q1', 'p1', 'here', 1, 1, 1)")
        old.execute("INSERT INTO queries VALUES ('q1', 'select')")
    old.close()
    store = PlanHistory(tmp_path)
    with pytest.raises(UserError, match="run the query once more"):
        store.pin("q1", "p1")
    store.record(USED, 2.0, 1.0, 1)
    assert store.pin("q1", "p1").runs == 2
