"""What running queries showed: how many rows fragments yield, and how fast each source answers. Planning asks it.

It is kept in memory, and with a folder also in a small SQLite file that processes share: read once, written in batches,
never while a query waits. Fragments are known by a digest of their signature; no value and no text of a query is kept.

A figure that plans see moves only when what was observed has left it by ``SLACK``: plans do not flap with noise.
"""

import hashlib
import math
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hanse.spi.pace import UNKNOWN, Pace
from hanse.statefile import StateFile

SLACK = 1.5
"""So many times more or less than what plans see must be observed before they see it."""
FRESH = 0.3
"""The part of a new observation in a figure that depends on parameters; what depends on nothing is replaced."""
SEEN_LEAST = 3
"""A source's pace is believed after so many statements: the first ones connect."""
BULK = 1_000_000
"""Bytes from which on an answer shows a bandwidth."""
SCANNED = 20_000
"""Rows from which on an answer shows how fast a source scans."""
FRAGMENTS_KEPT = 10_000
SECONDS_KEPT = 14 * 86_400.0
"""What was not seen again for so long is forgotten."""
FLUSH_SECONDS = 30.0
"""How long observations wait to be written, at most as long as there are others."""
PACES = ("round_trip", "bandwidth", "scan")
_SCHEMA = """
CREATE TABLE IF NOT EXISTS fragments (
    key TEXT PRIMARY KEY, tables TEXT NOT NULL, rows REAL NOT NULL, used REAL NOT NULL, seen_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sources (
    source TEXT NOT NULL, what TEXT NOT NULL, value REAL NOT NULL, used REAL NOT NULL, seen INTEGER NOT NULL,
    seen_at REAL NOT NULL, PRIMARY KEY (source, what)
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Fragment:
    """What a fragment is known by."""

    key: str
    tables: frozenset[str]
    varies: bool
    """Whether its rows depend on parameters."""
    is_scan: bool
    """Whether it reads a single table, and groups nothing."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One statement that came to its end. Times in seconds."""

    source: str
    fragment: Fragment | None
    rows: int
    bytes: int
    """Those that came after the first row, in the time of ``sending``."""
    round_trip: float | None
    """Of an exchange that gives the source nothing to do."""
    sending: float
    """From the first row to the last, without what their reader made them wait."""
    whole: float
    """From the statement to its last row, without the same."""


@dataclass(slots=True)
class _Rows:
    tables: frozenset[str]
    rows: float
    used: float
    seen_at: float


@dataclass(slots=True)
class _Figure:
    value: float
    used: float
    seen: int
    seen_at: float


@dataclass(slots=True)
class _Memory:
    fragments: OrderedDict[str, _Rows] = field(default_factory=OrderedDict)
    tables: dict[frozenset[str], int] = field(default_factory=dict)
    """How many fragments are known over each set of tables."""
    sources: dict[tuple[str, str], _Figure] = field(default_factory=dict)


def known_by(signature: str, tables: frozenset[str], is_scan: bool) -> Fragment:
    """The fragment of a signature (``ir.signature``)."""
    return Fragment(digest(signature), tables, "$" in signature, is_scan)


def digest(signature: str) -> str:
    """What stands for a signature."""
    return hashlib.sha256(signature.encode()).hexdigest()[:32]


class ObservedRuns:
    """The store. Thread-safe."""

    def __init__(self, folder: Path | None) -> None:
        """With a folder what is observed outlives the process."""
        self._file = StateFile(folder / "observed.db", _SCHEMA) if folder else None
        self._lock = threading.Lock()
        self._memory: _Memory | None = None
        self._changed: set[str] = set()
        self._paced: set[tuple[str, str]] = set()
        self._flushed_at = 0.0
        self._writer: threading.Thread | None = None

    # -- what planning asks (optimize.observed.Observed)

    @property
    def any(self) -> bool:
        """Whether there is anything at all."""
        with self._lock:
            memory = self._loaded()
            return bool(memory.fragments or memory.sources)

    def knows(self, tables: frozenset[str]) -> bool:
        """Whether something is known of plans over exactly these tables."""
        with self._lock:
            return tables in self._loaded().tables

    def rows(self, signature: str) -> float | None:
        """Rows that plans of that signature yield."""
        with self._lock:
            found = self._loaded().fragments.get(digest(signature))
            return None if found is None else found.used

    def joins(self, tables: frozenset[str]) -> Iterable[frozenset[str]]:
        """Sets of at least two of these tables over which something is known."""
        with self._lock:
            return [those for those in self._loaded().tables if len(those) > 1 and those <= tables]

    def pace(self, source: str) -> Pace:
        """How fast a source answers."""
        with self._lock:
            sources = self._loaded().sources
            found = {what: sources.get((source, what)) for what in PACES}
        if not any(found.values()):
            return UNKNOWN
        return Pace(**{what: one.used if one and one.seen >= SEEN_LEAST else None for what, one in found.items()})

    # -- what running queries tell

    def note(self, statements: Sequence[Seen], now: float) -> None:
        """Remember how statements went, at ``now`` seconds since 1970; takes some microseconds."""
        with self._lock:
            memory = self._loaded()
            for one in statements:
                self._note_rows(memory, one, now)
                self._note_pace(memory, one, now)
            is_due = self._file is not None and now - self._flushed_at >= FLUSH_SECONDS and self._writer is None
            if is_due:
                self._flushed_at = now
                self._writer = threading.Thread(target=self._write, name="hanse-observed", daemon=True)
                self._writer.start()

    def _note_rows(self, memory: _Memory, one: Seen, now: float) -> None:
        if one.fragment is None:
            return
        key, rows = one.fragment.key, float(one.rows)
        known = memory.fragments.get(key)
        if known is None:
            memory.fragments[key] = _Rows(one.fragment.tables, rows, rows, now)
            memory.tables[one.fragment.tables] = memory.tables.get(one.fragment.tables, 0) + 1
            while len(memory.fragments) > FRAGMENTS_KEPT:
                self._forget(memory, next(iter(memory.fragments)))
        else:
            known.rows = _between(known.rows, rows, FRESH) if one.fragment.varies else rows
            known.used = known.rows if _is_off(known.rows + 1, known.used + 1) else known.used
            known.seen_at = now
            memory.fragments.move_to_end(key)
        self._changed.add(key)

    def _forget(self, memory: _Memory, key: str) -> None:
        tables = memory.fragments.pop(key).tables
        memory.tables[tables] -= 1
        if not memory.tables[tables]:
            del memory.tables[tables]

    def _note_pace(self, memory: _Memory, one: Seen, now: float) -> None:
        if one.round_trip is not None:
            self._figure(memory, (one.source, "round_trip"), one.round_trip, now)
        if one.bytes >= BULK and one.sending > 0:
            self._figure(memory, (one.source, "bandwidth"), one.bytes / one.sending, now)
        if one.rows >= SCANNED and one.whole > 0 and one.fragment is not None and one.fragment.is_scan:
            self._figure(memory, (one.source, "scan"), one.rows / one.whole, now)

    def _figure(self, memory: _Memory, key: tuple[str, str], value: float, now: float) -> None:
        """The best that was seen of late: what hides it (a cold cache, a busy server, a hard question) is no distance."""
        known = memory.sources.get(key)
        if known is None:
            memory.sources[key] = _Figure(value, value, 1, now)
        else:
            is_better = value < known.value if key[1] == "round_trip" else value > known.value
            known.value = value if is_better else _between(known.value, value, 0.02)
            known.seen += 1
            known.seen_at = now
            if known.seen == SEEN_LEAST or _is_off(known.value, known.used):
                known.used = known.value
        self._paced.add(key)

    # -- the file

    def _loaded(self) -> _Memory:
        """What is known; read from the file when first asked for."""
        if self._memory is None:
            self._memory = _Memory()
            if self._file is not None and self._file.exists:
                self._read(self._memory, self._file)
        return self._memory

    def _read(self, memory: _Memory, file: StateFile) -> None:
        try:
            with file.opened() as store:
                fragments = store.execute("SELECT key, tables, rows, used, seen_at FROM fragments ORDER BY seen_at")
                for key, tables, *figures in fragments.fetchall():
                    names = frozenset(tables.split("\n"))
                    memory.fragments[key] = _Rows(names, *figures)
                    memory.tables[names] = memory.tables.get(names, 0) + 1
                for source, what, *figures in store.execute(
                    "SELECT source, what, value, used, seen, seen_at FROM sources"
                ):
                    memory.sources[source, what] = _Figure(*figures)
        except (sqlite3.Error, OSError, ValueError, TypeError):
            return

    def _write(self) -> None:
        try:
            self.flush()
        finally:
            with self._lock:
                self._writer = None

    def flush(self) -> bool:
        """Write what is new; False if it could not be written, and is lost to other processes."""
        if self._file is None:
            return True
        with self._lock:
            memory = self._loaded()
            known = [(key, memory.fragments[key]) for key in self._changed if key in memory.fragments]
            rows = [(key, "\n".join(sorted(x.tables)), x.rows, x.used, x.seen_at) for key, x in known]
            paced = [(key, memory.sources[key]) for key in self._paced]
            figures = [(*key, x.value, x.used, x.seen, x.seen_at) for key, x in paced]
            newest = max([*(x.seen_at for _, x in known), *(x.seen_at for _, x in paced)], default=0.0)
            self._changed.clear()
            self._paced.clear()
        if not rows and not figures:
            return True
        try:
            with self._file.written() as store:
                store.executemany("INSERT OR REPLACE INTO fragments VALUES (?, ?, ?, ?, ?)", rows)
                store.executemany("INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?, ?, ?)", figures)
                store.execute("DELETE FROM fragments WHERE seen_at < ?", (newest - SECONDS_KEPT,))
                store.execute("DELETE FROM sources WHERE seen_at < ?", (newest - SECONDS_KEPT,))
        except (sqlite3.Error, OSError):
            return False
        return True

    def close(self) -> None:
        """Write what is new and close the file. Idempotent."""
        if self._file is not None:
            self.flush()
            self._file.close()


def _between(old: float, new: float, part: float) -> float:
    """A mean by the order of magnitude: one answer of a million rows does not make a thousand of ten rows large."""
    return math.exp((1 - part) * math.log(old + 1) + part * math.log(new + 1)) - 1


def _is_off(value: float, used: float) -> bool:
    return value > used * SLACK or value * SLACK < used
