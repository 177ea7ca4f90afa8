"""Records on disk, in a small SQLite file that processes share, never more of them than may be.

What cannot be written is lost, never a query: the caller gets False. A query whose process was not heard of for some seconds
is ``lost``: that is found when it is read, so that nobody has to clean up after a crash.
"""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hanse.observe.records import (
    LEGS,
    LOST,
    OPEN,
    QUERIES,
    Coordination,
    Facts,
    Operator,
    Record,
    leg_of,
    leg_rows,
    query_row,
)
from hanse.statefile import StateFile

LOST_SECONDS = 5.0
"""After such a silence a process is taken to be dead."""
RETAIN_SECONDS = 10.0
"""How often it is looked for what is too old or too much."""
TEXT_MAX = 20_000
"""Characters of a statement that are kept."""
KILL_SECONDS = 60.0
PART = 0.1
"""What leaves at once where there are too many bytes."""
FILE = "queries2.db"
"""Another schema needs another name: processes of several versions may share the folder."""
_TYPES = {"text": "TEXT", "boolean": "INTEGER", "bigint": "INTEGER"}


def _columns(fields: Sequence[Any]) -> str:
    return ", ".join(f'"{one.name}" {_TYPES.get(str(one.type), "REAL")}' for one in fields)


_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS queries ({_columns(QUERIES)}, process_id TEXT, details TEXT, PRIMARY KEY (id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS queries_by_start ON queries (started);
CREATE TABLE IF NOT EXISTS legs ({_columns(LEGS)}, PRIMARY KEY (query_id, fragment)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS processes (key TEXT PRIMARY KEY, heard REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kills (query_id TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counters (name TEXT, labels TEXT, value REAL, PRIMARY KEY (name, labels)) WITHOUT ROWID;
"""
_NAMES = tuple(one.name for one in QUERIES)
_PLACES = {name: place for place, name in enumerate(_NAMES)}


@dataclass(frozen=True, slots=True)
class Retention:
    """How much is kept."""

    queries: int
    seconds: float
    bytes: int


class QueryStore:
    """The store in one folder. Thread-safe; several processes may hold it."""

    def __init__(self, folder: Path, retention: Retention) -> None:
        """Keep records in ``folder``, which is made, for its owner only, when there is something to keep."""
        self._file = StateFile(folder / FILE, _SCHEMA)
        self._retention = retention
        self._retained_at = float("-inf")

    def write(
        self, records: Iterable[Record], process: str, now: float, counted: Iterable[tuple[str, str, float]]
    ) -> bool:
        """Keep the records, each in the place of an earlier one of the same query; the process is alive. ``counted`` is what
        is added to counters: name, labels, amount. False if nothing could be written."""
        found = list(records)
        try:
            with self._file.written() as store:
                store.execute("INSERT OR REPLACE INTO processes VALUES (?, ?)", (process, now))
                _put(store, found, process)
                store.executemany(
                    "INSERT INTO counters VALUES (?, ?, ?) "
                    "ON CONFLICT (name, labels) DO UPDATE SET value = value + excluded.value",
                    counted,
                )
                if now - self._retained_at >= RETAIN_SECONDS:
                    self._retained_at = now
                    _retain(store, self._retention, now)
        except (sqlite3.Error, OSError):
            return False
        return True

    def records(self, now: float, where: str = "", values: Sequence[Any] = ()) -> list[Record]:
        """All queries, or those of an SQL condition over the columns of ``QUERIES``, the latest first. Empty where nothing
        can be read."""
        if not self._file.exists:
            return []
        condition = f"WHERE {where}" if where else ""
        chosen = f"SELECT id FROM queries {condition}"
        names = ", ".join(f'queries."{name}"' for name in _NAMES)
        try:
            with self._file.opened() as store:
                store.execute("BEGIN")
                try:
                    rows = store.execute(
                        f"SELECT {names}, process_id, details, coalesce(heard, 0) FROM queries "
                        f"LEFT JOIN processes ON key = process_id {condition} ORDER BY started DESC",
                        values,
                    ).fetchall()
                    legs = store.execute(
                        f"SELECT * FROM legs WHERE query_id IN ({chosen}) ORDER BY query_id, fragment", values
                    ).fetchall()
                finally:
                    store.execute("COMMIT")
        except (sqlite3.Error, OSError):
            return []
        by_query: dict[str, list[Any]] = {}
        for leg in legs:
            by_query.setdefault(leg[0], []).append(leg)
        return [_record(row, by_query.get(row[0], []), now) for row in rows]

    def ask_to_kill(self, query: str, now: float) -> None:
        """Leave word for the process that runs a query; raises sqlite3.Error, OSError."""
        with self._file.written() as store:
            store.execute("INSERT OR REPLACE INTO kills VALUES (?, ?)", (query, now))

    def to_kill(self) -> frozenset[str]:
        """The queries that somebody wants to be ended."""
        try:
            with self._file.opened() as store:
                return frozenset(row[0] for row in store.execute("SELECT query_id FROM kills"))
        except (sqlite3.Error, OSError):
            return frozenset()

    def killed(self, query: str) -> None:
        """Take the word away."""
        try:
            with self._file.written() as store:
                store.execute("DELETE FROM kills WHERE query_id = ?", (query,))
        except (sqlite3.Error, OSError):
            return

    def counters(self) -> list[tuple[str, str, float]]:
        """What all processes have counted: name, labels, amount."""
        if not self._file.exists:
            return []
        try:
            with self._file.opened() as store:
                return store.execute("SELECT name, labels, value FROM counters ORDER BY name, labels").fetchall()
        except (sqlite3.Error, OSError):
            return []

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._file.close()


def _put(store: sqlite3.Connection, records: list[Record], process: str) -> None:
    rows = []
    for one in records:
        details = json.dumps({"stages": one.facts.stages, "coordination": _described(one.facts.coordination)})
        row = list(query_row(one))
        row[_PLACES["statement"]] = one.statement[:TEXT_MAX]
        rows.append((*row, process, details))
        for leg in one.facts.legs:
            leg.sql = leg.sql[:TEXT_MAX]
    marks = ", ".join("?" * (len(QUERIES) + 2))
    store.executemany(f"INSERT OR REPLACE INTO queries VALUES ({marks})", rows)
    marks = ", ".join("?" * len(LEGS))
    store.executemany(
        f"INSERT OR REPLACE INTO legs VALUES ({marks})", [leg for one in records for leg in leg_rows(one)]
    )


def _described(done: Coordination | None) -> dict[str, Any] | None:
    if done is None:
        return None
    moments = {"started_ms": done.started_ms, "first_batch_ms": done.first_batch_ms, "ended_ms": done.ended_ms}
    return {**moments, "operators": [asdict(one) for one in done.operators]}


def _record(row: tuple[Any, ...], legs: list[Any], now: float) -> Record:
    found = dict(zip(_NAMES, row, strict=False))
    details, heard = json.loads(row[-2] or "{}"), float(row[-1])
    done = details.get("coordination")
    if done is not None:
        done = Coordination(**{**done, "operators": tuple(Operator(**one) for one in done["operators"])})
    taken = {name: found[name] for name in _NAMES if name in Facts.__dataclass_fields__ and found[name] is not None}
    facts = Facts(
        **{**taken, "complete": bool(found["complete"])},
        stages=details.get("stages", {}),
        legs=tuple(leg_of(_typed(leg)) for leg in legs),
        coordination=done,
    )
    if facts.state in OPEN and now - heard > LOST_SECONDS:
        facts = replace(facts, state=LOST, total_ms=max(facts.total_ms, (heard - found["started"]) * 1000))
    own = {name: found[name] for name in _NAMES if name in Record.__dataclass_fields__}
    return Record(**own, facts=facts, heard=heard)


def _typed(leg: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(bool(value) if str(one.type) == "boolean" else value for one, value in zip(LEGS, leg, strict=True))


def _retain(store: sqlite3.Connection, retention: Retention, now: float) -> None:
    """Forget what is too old, then what is too much, the oldest first."""
    store.execute("DELETE FROM queries WHERE started < ?", (now - retention.seconds,))
    store.execute(
        "DELETE FROM queries WHERE id IN (SELECT id FROM queries ORDER BY started DESC LIMIT -1 OFFSET ?)",
        (retention.queries,),
    )
    while _bytes(store) > retention.bytes:
        count = store.execute("SELECT count(*) FROM queries").fetchone()[0]
        if not count:
            break
        store.execute(
            "DELETE FROM queries WHERE id IN (SELECT id FROM queries ORDER BY started LIMIT ?)",
            (max(1, int(count * PART)),),
        )
        store.execute("DELETE FROM legs WHERE query_id NOT IN (SELECT id FROM queries)")
    store.execute("DELETE FROM legs WHERE query_id NOT IN (SELECT id FROM queries)")
    store.execute("DELETE FROM kills WHERE at < ?", (now - KILL_SECONDS,))
    store.execute(
        "DELETE FROM processes WHERE heard < ? AND key NOT IN (SELECT process_id FROM queries)", (now - 60.0,)
    )


def _bytes(store: sqlite3.Connection) -> int:
    """What the kept pages take; what was deleted is used again."""
    pages, free, size = (
        store.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)
