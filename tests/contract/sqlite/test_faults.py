"""What real failures say of a SQLite file."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from hanse.connectors.sqlite import plugin
from hanse.errors import Fault, HanseError, SourceUnreachable


def failure_of(path: Path) -> HanseError:
    connector = plugin.connect("notes", plugin.options(path=str(path), busy_timeout_s=0), path.parent)
    with contextlib.closing(connector), pytest.raises(HanseError) as failure:
        connector.load_catalog()
    assert failure.value.source == "notes"
    return failure.value


def test_a_locked_file_passes(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        other.execute("BEGIN EXCLUSIVE")
        failure = failure_of(path)
    assert (failure.code, failure.fault) == ("55006", Fault.TRANSIENT)


def test_a_file_that_is_gone_may_come_back(tmp_path: Path) -> None:
    failure = failure_of(tmp_path / "nowhere.db")
    assert (type(failure), failure.fault) == (SourceUnreachable, Fault.DOWN)


def test_no_waiting_mends_a_broken_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(b"no database at all" * 100)
    failure = failure_of(path)
    assert failure.fault is Fault.CALLER
    assert not failure.retryable
