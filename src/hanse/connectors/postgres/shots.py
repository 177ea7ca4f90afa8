"""What is known of a snapshot: which transactions it shows, where the log was, and when it was taken."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from hanse.ir.consistency import Level, Picture
from hanse.ir.tables import Table

FOREIGN = "foreign"
"""The detail of a table whose rows (some of them) are another server's, which no snapshot of this one shows."""
EXPORT = b"""
SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_current_snapshot()::text,
       CASE WHEN r THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END::text,
       CASE WHEN r THEN coalesce(extract(epoch FROM pg_catalog.pg_last_xact_replay_timestamp())::float8, 0) END
FROM (SELECT pg_catalog.pg_is_in_recovery() AS r) AS s
"""
"""The log's position is read after the snapshot, so it is an upper bound. What a standby shows is as old as the last
transaction that it has replayed, as far as it knows."""
PLAIN = b"""
SELECT pg_catalog.pg_export_snapshot(), pg_catalog.pg_current_snapshot()::text, NULL,
       CASE WHEN pg_catalog.pg_is_in_recovery() THEN 0::float8 END
"""
"""The same where positions are not told: to this role, or by a service that has no such log."""
UNTOLD = (psycopg.errors.InsufficientPrivilege, psycopg.errors.FeatureNotSupported)


@dataclass(frozen=True, slots=True)
class Shot:
    """One snapshot. Moments are seconds since 1970."""

    before: float
    """It was not taken before we asked for it."""
    after: float
    """Nor after the answer."""
    token: str | None = None
    replayed: float | None = None
    """When the latest transaction was committed that a standby shows, by the clock of its primary; 0: unknown."""

    def picture(self, foreign: frozenset[str]) -> Picture:
        """The same for a report; ``foreign``: the tables that were read and are not in it."""
        earliest: float | None = self.before
        if self.replayed is not None:
            earliest = min(self.before, self.replayed) or None
        shown = Picture(Level.SNAPSHOT, self.token, earliest, self.after, is_copy=self.replayed is not None)
        return shown.unlike(f"{', '.join(sorted(foreign))} has rows of another server") if foreign else shown


def exported(control: "psycopg.Connection[Any]", begin: bytes, moment: Callable[[], float]) -> tuple[str, Shot]:
    """The name by which others may share the snapshot of this transaction, which is taken here, and what is known of it;
    ``begin`` begins the transaction again."""
    before = moment()
    try:
        row = control.execute(EXPORT).fetchone()
    except UNTOLD:
        control.execute(b"ROLLBACK; " + begin)
        before = moment()
        row = control.execute(PLAIN).fetchone()
    assert row is not None
    name, snapshot, position, replayed = row
    where = "" if position is None else f" {'wal' if replayed is None else 'replayed'} {position}"
    return str(name), Shot(before, moment(), f"{snapshot}{where}", replayed)


def foreign(tables: Sequence[Table]) -> frozenset[str]:
    """Those of the tables that no snapshot shows."""
    return frozenset(str(table) for table in tables if any(name == FOREIGN for name, _ in table.details))
