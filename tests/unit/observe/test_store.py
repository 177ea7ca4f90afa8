"""Records on disk: what is written is read again, what is too much leaves, a dead process's queries are lost, and no trouble of
the file's is a query's."""

from __future__ import annotations

import sqlite3
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from hanse.observe import store as stores
from hanse.observe.records import Coordination, Facts, Leg, Operator, Record
from hanse.observe.store import LOST_SECONDS, QueryStore, Retention

LEG = Leg(
    0, "shop", "postgres", "done", "SELECT ?", "public.t", False, 1, 10, 100, 1, 3, 0.5, 0.6, 1.0, 1.5, 2.0, 3.0, 0.1
)
FACTS = Facts(
    "finished",
    "p1",
    "q1",
    planned_ms=0.5,
    total_ms=4.0,
    rows=10,
    bytes=80,
    complete=True,
    stages={"parse": 0.2, "bind": 0.3},
    legs=(LEG, replace(LEG, fragment=1, embedded=True)),
    coordination=Coordination(1.0, 3.0, 4.0, (Operator("hash join", 1.0, 10, 0),)),
)
RECORD = Record("ab01", "ada", "query", "SELECT ?", "f1", 1000.0, FACTS, process="here:1")
KEPT = Retention(1000, 3600.0, 10_000_000)
NOW = 1001.0


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    store = QueryStore(tmp_path / "state", KEPT)
    assert store.records(NOW) == []
    assert not (tmp_path / "state").exists()
    failed = replace(RECORD, id="ab02", facts=Facts("failed"), error="42P01", error_source="shop", started=1000.5)
    assert store.write([RECORD, failed], "me", NOW, [("a", "[]", 1.0)])
    assert store.records(NOW) == [replace(failed, heard=NOW), replace(RECORD, heard=NOW)]
    assert store.records(NOW, "id = ?", ("ab01",)) == [replace(RECORD, heard=NOW)]
    assert store.write([], "me", NOW, [("a", "[]", 2.0), ("a", '["x"]', 1.0)])
    assert {labels: amount for _, labels, amount in store.counters()} == {"[]": 3.0, '["x"]': 1.0}
    store.close()
    assert stat.S_IMODE((tmp_path / "state" / stores.FILE).stat().st_mode) == 0o600
    assert len(QueryStore(tmp_path / "state", KEPT).records(NOW)) == 2


def test_a_running_query_is_in_the_place_of_itself(tmp_path: Path) -> None:
    store = QueryStore(tmp_path, KEPT)
    running = replace(RECORD, facts=replace(FACTS, state="running", legs=(replace(LEG, rows=1),)))
    assert store.write([running], "me", NOW, [])
    assert store.records(NOW)[0].facts.legs[0].rows == 1
    assert store.write([RECORD], "me", NOW, [])
    assert store.records(NOW) == [replace(RECORD, heard=NOW)]


def test_queries_of_a_silent_process_are_lost_until_it_is_heard_of_again(tmp_path: Path) -> None:
    store = QueryStore(tmp_path, KEPT)
    running = replace(RECORD, facts=replace(FACTS, state="running", total_ms=1.0))
    assert store.write([running], "dead", NOW, [])
    assert store.records(NOW + LOST_SECONDS - 0.1)[0].facts.state == "running"
    later = NOW + LOST_SECONDS + 0.1
    (lost,) = store.records(later)
    assert (lost.facts.state, lost.facts.total_ms) == ("lost", 1000.0)  # until it was last heard of
    assert store.write([], "dead", later, [])
    assert store.records(later)[0].facts.state == "running"


def test_old_ones_leave_and_so_do_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "RETAIN_SECONDS", 0.0)
    store = QueryStore(tmp_path, Retention(10, 100.0, 10_000_000))
    store.write([replace(RECORD, id=f"{n:04}", started=1000.0 + n) for n in range(30)], "me", 1050.0, [])
    assert [one.id for one in store.records(1050.0)] == [f"{n:04}" for n in range(29, 19, -1)]
    store.write([], "me", 1125.0, [])
    assert [one.id for one in store.records(1125.0)] == [f"{n:04}" for n in range(29, 24, -1)]
    store.write([], "me", 1200.0, [])
    assert store.records(1200.0) == []
    with store._file.opened() as file:
        assert file.execute("SELECT count(*) FROM legs").fetchone() == (0,)


def test_bytes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "RETAIN_SECONDS", 0.0)
    limit = 400_000
    store = QueryStore(tmp_path, Retention(1_000_000, 1e9, limit))
    number = 0
    for _ in range(40):
        records = [
            replace(RECORD, id=f"{number + n:08}", started=1000.0 + number + n, statement="x" * 2000) for n in range(20)
        ]
        number += 20
        assert store.write(records, "me", NOW + number, [])
    assert (tmp_path / stores.FILE).stat().st_size < 2 * limit
    found = [int(one.id) for one in store.records(NOW + number)]
    assert 50 < len(found) < 250
    assert found == sorted(found, reverse=True)
    assert found[0] == number - 1


def test_word_is_left_for_who_runs_a_query(tmp_path: Path) -> None:
    mine, other = QueryStore(tmp_path, KEPT), QueryStore(tmp_path, KEPT)
    mine.write([RECORD], "me", NOW, [])
    other.ask_to_kill("ab01", NOW)
    assert mine.to_kill() == {"ab01"}
    mine.killed("ab01")
    assert other.to_kill() == frozenset()


def test_what_cannot_be_written_is_lost_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = QueryStore(tmp_path / "file", KEPT)
    assert not store.write([RECORD], "me", NOW, [])
    assert store.records(NOW) == []
    assert store.to_kill() == frozenset()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / stores.FILE).write_bytes(b"no database " * 1000)
    broken = QueryStore(tmp_path / "broken", KEPT)
    assert not broken.write([RECORD], "me", NOW, [])
    assert broken.records(NOW) == []
    assert broken.counters() == []


def test_a_full_disk_loses_records_until_there_is_room(tmp_path: Path) -> None:
    store = QueryStore(tmp_path, KEPT)
    assert store.write([RECORD], "me", NOW, [])
    with store._file.opened() as file:
        pages = file.execute("PRAGMA page_count").fetchone()[0]
        file.execute(f"PRAGMA max_page_count = {pages}")  # SQLITE_FULL, as a full disk gives
    many = [replace(RECORD, id=f"{n:04}", statement="x" * 5000) for n in range(50)]
    assert not store.write(many, "me", NOW, [])
    assert [one.id for one in store.records(NOW)] == ["ab01"]
    with store._file.opened() as file:
        file.execute("PRAGMA max_page_count = 100000")
    assert store.write(many, "me", NOW, [])
    assert len(store.records(NOW)) == 51


def test_a_writer_that_waits_too_long_gives_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hanse.statefile.WAIT_SECONDS", 0.05)
    store = QueryStore(tmp_path, KEPT)
    assert store.write([RECORD], "me", NOW, [])
    other = sqlite3.connect(tmp_path / stores.FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert not store.write([replace(RECORD, id="ab02")], "me", NOW, [])
    assert len(store.records(NOW)) == 1
    other.execute("ROLLBACK")
    other.close()
    assert store.write([replace(RECORD, id="ab02")], "me", NOW, [])
