"""What was observed: figures that do not flap, kept in batches, forgotten when they are old."""

from __future__ import annotations

from pathlib import Path

import pytest

from hanse.cache.observed import FRAGMENTS_KEPT, SECONDS_KEPT, Fragment, ObservedRuns, Seen, known_by
from hanse.spi.pace import NOMINAL, UNKNOWN, Pace

TABLES = frozenset({"crm.t"})
SCAN = known_by("[crm.t | crm.t.x = 1]", TABLES, is_scan=True)
VARYING = known_by("[crm.t | crm.t.x = $1]", TABLES, is_scan=True)


def seen(
    fragment: Fragment | None = SCAN, rows: int = 10, bytes: int = 100, trip: float | None = None, whole: float = 0.01
) -> Seen:
    return Seen("crm", fragment, rows, bytes, trip, whole, whole)


def test_the_last_rows_count_once_they_are_clearly_different() -> None:
    store = ObservedRuns(None)
    assert not store.any
    assert store.rows("[crm.t | crm.t.x = 1]") is None
    found = []
    for rows in (100, 120, 149, 90, 160, 150, 10):
        store.note([seen(rows=rows)], 0.0)
        found.append(store.rows("[crm.t | crm.t.x = 1]"))
    assert found == [100, 100, 100, 100, 160, 160, 10]
    assert store.any
    assert store.knows(TABLES)
    assert not store.knows(frozenset({"crm.u"}))


def test_what_depends_on_a_parameter_is_a_mean() -> None:
    store = ObservedRuns(None)
    for rows in (10, 10, 100_000):
        store.note([seen(VARYING, rows)], 0.0)
    assert 50 < (store.rows("[crm.t | crm.t.x = $1]") or 0) < 500


def test_nothing_is_known_by_its_text(tmp_path: Path) -> None:
    store = ObservedRuns(tmp_path)
    store.note([seen(known_by("[crm.t | crm.t.name = 'Miller']", TABLES, is_scan=True))], 0.0)
    store.close()
    assert b"Miller" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_pace_is_believed_after_some_statements() -> None:
    store = ObservedRuns(None)
    for trip in (0.09, 0.011, 0.010):
        assert store.pace("crm") in (UNKNOWN, Pace())
        store.note([seen(None, trip=trip)], 0.0)
    assert store.pace("crm") == Pace(round_trip=0.010)
    for _ in range(5):
        store.note([seen(None, trip=0.014)], 0.0)
    assert store.pace("crm") == Pace(round_trip=0.010)  # noise
    for _ in range(300):
        store.note([seen(None, trip=0.1)], 0.0)
    assert store.pace("crm").round_trip == pytest.approx(0.1, rel=0.5)  # it has moved away


def test_only_large_answers_show_a_bandwidth_and_only_scans_how_fast_it_scans() -> None:
    store = ObservedRuns(None)
    for _ in range(3):
        store.note([seen(None, rows=10, bytes=999_999, whole=1.0)], 0.0)
    assert store.pace("crm") == UNKNOWN
    for _ in range(3):
        store.note([seen(None, rows=50_000, bytes=2_000_000, whole=1.0)], 0.0)
    assert store.pace("crm") == Pace(bandwidth=2_000_000)
    for _ in range(3):
        store.note([seen(SCAN, rows=50_000, bytes=2_000_000, whole=1.0)], 0.0)
    assert store.pace("crm") == Pace(bandwidth=2_000_000, scan=50_000)


def test_what_is_kept_is_there_for_the_next_process(tmp_path: Path) -> None:
    store = ObservedRuns(tmp_path)
    joined = known_by("[crm.t, crm.u | crm.t.x = crm.u.x]", TABLES | {"crm.u"}, is_scan=False)
    for _ in range(3):
        store.note([seen(trip=0.02), seen(joined, rows=77)], 0.0)
    store.close()
    again = ObservedRuns(tmp_path)
    assert again.rows("[crm.t | crm.t.x = 1]") == 10
    assert again.rows("[crm.t, crm.u | crm.t.x = crm.u.x]") == 77
    assert list(again.joins(frozenset({"crm.t", "crm.u", "crm.v"}))) == [{"crm.t", "crm.u"}]
    assert list(again.joins(TABLES)) == []
    assert again.pace("crm") == Pace(round_trip=0.02)
    again.close()


def test_what_is_old_is_forgotten(tmp_path: Path) -> None:
    store = ObservedRuns(tmp_path)
    store.note([seen()], 0.0)
    store.flush()
    store.note([seen(VARYING)], SECONDS_KEPT + 1)
    store.close()
    again = ObservedRuns(tmp_path)
    assert again.rows("[crm.t | crm.t.x = 1]") is None
    assert again.rows("[crm.t | crm.t.x = $1]") == 10
    again.close()


def test_there_are_never_too_many(tmp_path: Path) -> None:
    store = ObservedRuns(None)
    for place in range(FRAGMENTS_KEPT + 5):
        store.note([seen(known_by(f"[crm.t{place}]", frozenset({f"crm.t{place}"}), is_scan=True))], 0.0)
    assert not store.knows(frozenset({"crm.t0"}))
    assert store.knows(frozenset({"crm.t5"}))


def test_a_broken_file_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "observed.db").write_text("this is no database" * 100)
    store = ObservedRuns(tmp_path)
    assert not store.any
    store.note([seen()], 0.0)
    assert store.rows("[crm.t | crm.t.x = 1]") == 10
    assert not store.flush()
    store.close()


def test_a_pace_is_told_in_words() -> None:
    assert str(UNKNOWN) == ""
    assert str(Pace(0.0123, 2.5e8, 1_234_567.8)) == "12.3 ms away, 250.0 MB/s, scans 1,234,568 rows/s"
    assert str(Pace(scan=10)) == "scans 10 rows/s"


def test_prices_and_waits() -> None:
    assert (UNKNOWN.price, UNKNOWN.wait, UNKNOWN.whole(1000, 5000)) == (1, 0, 5000)
    slow = Pace(round_trip=0.0505, bandwidth=NOMINAL / 10, scan=1000)
    assert slow.price == 10
    assert slow.wait == pytest.approx(0.1 * NOMINAL)
    assert slow.whole(10, 10**7) == 10**8
    assert slow.whole(1000, 1) == NOMINAL
