"""What is known of a snapshot: where the binary log was, and when it was taken; and which tables no snapshot shows."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hanse.connectors.mysql.wire import Connection
from hanse.ir.consistency import Level, Picture
from hanse.ir.tables import Table

ENGINES = frozenset({"innodb", "rocksdb", "tokudb"})
"""Those that have snapshots."""
BEGIN = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
WHEN = "SELECT CONNECTION_ID(), DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ')"
POSITION = "SHOW STATUS WHERE Variable_name IN ('Binlog_snapshot_file', 'Binlog_snapshot_position')"
ROWS_BEFORE = re.compile(r"\bUNION\b", re.IGNORECASE)
"""A statement may send rows of constants before it reads the first table, and only then has it a snapshot."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One snapshot. Moments are seconds since 1970."""

    before: float
    """It was not taken before it was asked for."""
    after: float | None = None
    """Nor after what it gave; None: nothing yet."""
    name: str | None = None
    """What several requests share; None: it is a single statement's."""
    token: str | None = None
    """The binary log's position, where the server keeps it."""

    def picture(self, unlike: Mapping[str, str]) -> Picture:
        """The same for a report; ``unlike``: what was read and is not in it, with the reasons."""
        shown = Picture(Level.SNAPSHOT, self.token, self.before, self.after)
        return shown.unlike("; ".join(unlike.values())) if unlike else shown


def begun(connection: Connection, moment: Callable[[], float]) -> Shot:
    """Open a transaction with a snapshot; its name is the binary log's position where the server keeps it, which says what
    the data is, else which transaction it is."""
    with connection.cursor() as cursor:
        before = moment()
        cursor.execute(BEGIN)
        after = moment()
        cursor.execute(POSITION)
        position = [str(value) for _, value in sorted(cursor.fetchall()) if value]
        if len(position) == 2:
            token = ":".join(position)
            return Shot(before, after, token, token)
        cursor.execute(WHEN)
        number, when = cursor.fetchone()
        return Shot(before, after, f"transaction of connection {number} at {when}")


def unlike(tables: Sequence[Table]) -> dict[str, str]:
    """The tables that no snapshot shows, each with the reason."""
    return {str(table): why for table in tables if (why := _reason(table))}


def _reason(table: Table) -> str:
    engine = dict(table.details).get("engine", "")
    if not engine:
        return f"the engine of {table} is not known"
    return "" if engine.lower() in ENGINES else f"{table} is of the engine {engine}, which has no snapshots"
