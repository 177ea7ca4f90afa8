"""Which plans answered which queries, how often and how fast: in a small SQLite file that processes share.

In come fingerprints, shapes and figures; out go lists of them. Nothing that a user wrote as a value is kept: statements
and shapes come with ? for literals. What cannot be written is lost, never a query: the caller gets False.
"""

import sqlite3
import statistics
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from hanse.errors import UnknownName, UserError
from hanse.statefile import StateFile

RUNS_KEPT = 50
"""Latest runs of each plan, of which medians are taken."""
QUERIES_KEPT = 2_000
"""Queries that are remembered; those that were not asked for the longest time are forgotten."""
GATHER_SECONDS = 0.25
"""Runs that follow upon another within that time are written together, with the next one after it, or when somebody asks."""
TEXT_MAX = 20_000
"""Characters of a statement or a shape that are kept."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS queries (query TEXT PRIMARY KEY, statement TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plans (
    query TEXT NOT NULL, plan TEXT NOT NULL, shape TEXT NOT NULL,
    first_seen REAL NOT NULL, last_seen REAL NOT NULL, runs INTEGER NOT NULL, PRIMARY KEY (query, plan)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS choices (
    query TEXT NOT NULL, plan TEXT NOT NULL, choices TEXT NOT NULL, PRIMARY KEY (query, plan)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pins (query TEXT PRIMARY KEY, plan TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
    id INTEGER PRIMARY KEY, query TEXT NOT NULL, plan TEXT NOT NULL, ms REAL NOT NULL, bytes INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS runs_of_plan ON runs (query, plan, id);
"""


@dataclass(frozen=True, slots=True)
class Used:
    """A plan that a query is answered by."""

    query: str
    """The fingerprint of the statement in its normal form."""
    statement: str
    plan: str
    """The fingerprint of the shape."""
    shape: str
    choices: str
    """What made it this plan and no other (``ir.choices``)."""


@dataclass(frozen=True, slots=True)
class Pin:
    """The plan that a query is to have, and the choices that lead to it."""

    plan: str
    choices: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one plan of one query. Times are seconds since the epoch."""

    query: str
    statement: str
    plan: str
    shape: str
    first_seen: float
    last_seen: float
    runs: int
    median_ms: float | None
    median_bytes: float | None
    pinned: bool
    """Whether the query is to have this plan and no other."""


class PlanHistory:
    """The store in one folder. Thread-safe; several processes may hold it."""

    def __init__(self, folder: Path) -> None:
        """Keep the history in ``folder``, which is made, for its owner only, when there is something to keep."""
        self._file = StateFile(folder / "plans.db", _SCHEMA)
        self._lock = threading.Lock()
        self._gathered: list[tuple[Used, float, tuple[float, int]]] = []
        """Runs that are not written yet."""
        self._written_at = float("-inf")

    def is_change(self, used: Used) -> bool:
        """Whether the query was answered by other plans so far, and never by this one."""
        sql = "SELECT count(*), coalesce(sum(plan = ?), 0) FROM plans WHERE query = ?"
        try:
            with self._known() as store:
                plans, same = store.execute(sql, (used.plan, used.query)).fetchone()
        except (sqlite3.Error, OSError):
            return False
        return bool(plans and not same)

    def record(self, used: Used, at: float, ms: float, bytes: int) -> bool:
        """Note a run that came to its end; False if it could not be written, with those that were gathered."""
        with self._lock:
            self._gathered.append((used, at, (ms, bytes)))
            if abs(at - self._written_at) < GATHER_SECONDS:
                return True
            self._written_at = at
        return self._write()

    def _write(self) -> bool:
        """Write what is gathered."""
        with self._lock:
            runs, self._gathered = self._gathered, []
        if not runs:
            return True
        try:
            with self._file.written() as store:
                for run in runs:
                    _note(store, *run)
        except (sqlite3.Error, OSError):
            return False
        return True

    @contextmanager
    def _known(self) -> Iterator[sqlite3.Connection]:
        """The file with all that was noted; raises sqlite3.Error and OSError."""
        self._write()
        with self._file.opened() as store:
            yield store

    def entries(self, prefix: str = "") -> list[Entry]:
        """Plans whose fingerprint, or whose query's, begins so; those that were used last come first."""
        sql = (
            "SELECT query, statement, plan, shape, first_seen, last_seen, runs, "
            "EXISTS (SELECT * FROM pins WHERE pins.query = plans.query AND pins.plan = plans.plan) "
            "FROM plans JOIN queries USING (query) "
            "WHERE substr(plan, 1, ?) = ? OR substr(query, 1, ?) = ? ORDER BY last_seen DESC, query, plan"
        )
        start = len(prefix), prefix
        with self._known() as store:
            rows = store.execute(sql, (*start, *start)).fetchall()
            return [Entry(*(*row[:-1], *_medians(store, row[0], row[2]), bool(row[-1]))) for row in rows]

    def shape(self, prefix: str) -> str:
        """The shape of the plan whose fingerprint begins so; raises UnknownName if there is not exactly one."""
        shapes = {entry.plan: entry.shape for entry in self.entries(prefix) if entry.plan.startswith(prefix)}
        if len(shapes) != 1:
            raise UnknownName(
                f"{'no plan' if not shapes else f'{len(shapes)} plans'} begin with {prefix}",
                sqlstate="42704",
                hint="hanse plans lists them",
            )
        return next(iter(shapes.values()))

    def pin(self, query: str, plan: str) -> Entry:
        """Have the query answered by this plan of its own from now on; the beginnings of both fingerprints will do.

        Raises UnknownName if there is not exactly one, UserError if the plan is from before choices were noted.
        """
        found = [
            entry for entry in self.entries(query) if entry.query.startswith(query) and entry.plan.startswith(plan)
        ]
        if len(found) != 1:
            what = "several plans" if found else "no plan"
            message = f"{what} of queries that begin with {query} begin with {plan}"
            raise UnknownName(message, sqlstate="42704", hint="hanse plans lists them")
        with self._file.opened() as store:
            sql = "SELECT count(*) FROM choices WHERE query = ? AND plan = ?"
            if not store.execute(sql, (found[0].query, found[0].plan)).fetchone()[0]:
                message = f"how plan {found[0].plan} came about was not noted"
                raise UserError(message, sqlstate="55000", hint="run the query once more")
            store.execute("INSERT OR REPLACE INTO pins VALUES (?, ?)", (found[0].query, found[0].plan))
            _count_pins(store)
        return found[0]

    def unpin(self, query: str) -> str:
        """Let the query, whose fingerprint begins so, have the best plan again; returns the fingerprint.

        Raises UnknownName if not exactly one such query has a pinned plan.
        """
        with self._file.opened() as store:
            sql = "SELECT query FROM pins WHERE substr(query, 1, ?) = ?"
            found = [row[0] for row in store.execute(sql, (len(query), query))]
            if len(found) != 1:
                message = f"{'several queries' if found else 'no query'} with a pinned plan begin with {query}"
                raise UnknownName(message, sqlstate="42704", hint="hanse plans marks them")
            store.execute("DELETE FROM pins WHERE query = ?", found)
            _count_pins(store)
        return str(found[0])

    def pinned(self, query: str) -> Pin | None:
        """The plan that a query is to have; None if it may have any, or if that cannot be read."""
        sql = "SELECT plan, choices FROM pins JOIN choices USING (query, plan) WHERE query = ?"
        try:
            with self._file.opened() as store:
                row = store.execute(sql, (query,)).fetchone()
        except (sqlite3.Error, OSError):
            return None
        return Pin(*row) if row else None

    def pins_version(self) -> int:
        """A number that is another one after every change of what is pinned, by whatever process."""
        try:
            with self._file.opened() as store:
                return int(store.execute("PRAGMA user_version").fetchone()[0])
        except (sqlite3.Error, OSError):
            return 0

    def close(self) -> None:
        """Write what is gathered, and close the file. Idempotent."""
        self._write()
        self._file.close()


def _count_pins(store: sqlite3.Connection) -> None:
    version = store.execute("PRAGMA user_version").fetchone()[0]
    store.execute(f"PRAGMA user_version = {(version + 1) % 2**31}")


def _note(store: sqlite3.Connection, used: Used, at: float, figures: tuple[float, int]) -> None:
    """Add a run to its plan, and forget what is too old."""
    pair = used.query, used.plan
    texts = used.query, used.statement[:TEXT_MAX]
    is_new = store.execute("INSERT OR IGNORE INTO queries VALUES (?, ?)", texts).rowcount
    store.execute(
        "INSERT INTO plans VALUES (?, ?, ?, ?, ?, 1) ON CONFLICT (query, plan) DO UPDATE SET runs = runs + 1, "
        "first_seen = min(first_seen, excluded.first_seen), last_seen = max(last_seen, excluded.last_seen)",
        (*pair, used.shape[:TEXT_MAX], at, at),
    )
    if len(used.choices) <= TEXT_MAX:
        store.execute("INSERT OR IGNORE INTO choices VALUES (?, ?, ?)", (*pair, used.choices))
    store.execute("INSERT INTO runs (query, plan, ms, bytes) VALUES (?, ?, ?, ?)", (*pair, *figures))
    store.execute(
        "DELETE FROM runs WHERE query = ? AND plan = ? AND id NOT IN "
        "(SELECT id FROM runs WHERE query = ? AND plan = ? ORDER BY id DESC LIMIT ?)",
        (*pair, *pair, RUNS_KEPT),
    )
    if is_new:
        _forget_oldest(store)


def _medians(store: sqlite3.Connection, query: str, plan: str) -> tuple[float | None, float | None]:
    with closing(store.execute("SELECT ms, bytes FROM runs WHERE query = ? AND plan = ?", (query, plan))) as cursor:
        rows = cursor.fetchall()
    if not rows:
        return None, None
    return statistics.median(ms for ms, _ in rows), statistics.median(size for _, size in rows)


def _forget_oldest(store: sqlite3.Connection) -> None:
    """Forget queries beyond ``QUERIES_KEPT``, but none whose plan is pinned."""
    sql = (
        "SELECT query FROM plans WHERE query NOT IN (SELECT query FROM pins) "
        "GROUP BY query ORDER BY max(last_seen) DESC LIMIT -1 OFFSET ?"
    )
    for (query,) in store.execute(sql, (QUERIES_KEPT,)).fetchall():
        for table in ("runs", "choices", "plans", "queries"):
            store.execute(f"DELETE FROM {table} WHERE query = ?", (query,))
