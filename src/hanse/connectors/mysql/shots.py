"""What is known of a snapshot: where the binary log was, when it was, whether it is a copy's; and which tables none shows."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hanse.connectors.mysql.errors import FAILURES, number
from hanse.connectors.mysql.wire import Connection
from hanse.ir.consistency import Level, Picture
from hanse.ir.tables import Table

ENGINES = frozenset({"innodb", "rocksdb", "tokudb"})
"""Those that have snapshots."""
BEGIN = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_WHEN = "DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ')"
BARE = f"SELECT 'ID', CONNECTION_ID() UNION ALL SELECT 'AT', {_WHEN}"
PLAIN = f"{BARE} UNION ALL SELECT 'READ_ONLY', @@GLOBAL.read_only"
MYSQL = f"{PLAIN} UNION ALL SELECT 'GTID', @@GLOBAL.gtid_executed"
MARIADB = (
    f"{PLAIN} UNION ALL SELECT 'GTID', @@GLOBAL.gtid_current_pos UNION ALL"
    " SELECT VARIABLE_NAME, VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME IN"
    " ('BINLOG_SNAPSHOT_FILE', 'BINLOG_SNAPSHOT_POSITION', 'SLAVES_RUNNING', 'SLAVE_HEARTBEAT_PERIOD')"
)
"""All that a server tells of a snapshot that was just taken, in one exchange. The position of MariaDB's binary log is that of
the snapshot; transaction ids are read after it, and so are an upper bound."""
COPYING = ("READ_ONLY", "SLAVES_RUNNING", "SLAVE_HEARTBEAT_PERIOD")
"""Signs, for anybody to read, that a server's rows are another one's: each is 0 or OFF where there is nothing of it."""
OFF = frozenset({"", "OFF"})
UNTOLD = 1193
"""An unknown variable: a relative of MySQL that has no transaction ids, say."""
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
    """The binary log's position and the transactions' ids, where the server keeps them."""
    is_copy: bool = False
    """Whether the server replays another's transactions, so that what it shows is as old as nobody knows."""

    def picture(self, unlike: Mapping[str, str]) -> Picture:
        """The same for a report; ``unlike``: what was read and is not in it, with the reasons."""
        earliest = None if self.is_copy else self.before
        shown = Picture(Level.SNAPSHOT, self.token, earliest, self.after, is_copy=self.is_copy)
        return shown.unlike("; ".join(unlike.values())) if unlike else shown


def begun(connection: Connection, moment: Callable[[], float]) -> Shot:
    """Open a transaction with a snapshot; its name is the binary log's position where the server keeps it, which says what
    the data is, else which transaction it is. Raises PyMySQL's errors."""
    with connection.cursor() as cursor:
        before = moment()
        cursor.execute(BEGIN)
        after = moment()
    found = facts(connection)
    file, gtid = found.get("BINLOG_SNAPSHOT_FILE"), found["GTID"].replace("\n", "")
    position = f"{file}:{found['BINLOG_SNAPSHOT_POSITION']}" if file else ""
    token = f"{position} gtid {gtid}".strip() if gtid else position
    name = token if position else f"transaction of connection {found['ID']} at {found['AT']}"
    return Shot(before, after, name, token or None, is_copy(found))


def facts(connection: Connection) -> dict[str, str]:
    """What the server tells of itself now, by name; raises PyMySQL's errors."""
    is_mariadb = "mariadb" in str(connection.get_server_info()).lower()
    with connection.cursor() as cursor:
        for asked in (MARIADB if is_mariadb else MYSQL, PLAIN, BARE):
            try:
                cursor.execute(asked)
                break
            except FAILURES as failure:
                if number(failure) != UNTOLD or asked == BARE:
                    raise
        return {"GTID": "", **{str(name): _text(value) for name, value in cursor.fetchall()}}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "")


def is_copy(found: Mapping[str, str]) -> bool:
    """Whether these facts are those of a server that replays another's transactions: running, or set up to."""
    return any(found.get(name, "").strip("0.") not in OFF for name in COPYING)


def unlike(tables: Sequence[Table]) -> dict[str, str]:
    """The tables that no snapshot shows, each with the reason."""
    return {str(table): why for table in tables if (why := _reason(table))}


def _reason(table: Table) -> str:
    engine = dict(table.details).get("engine", "")
    if not engine:
        return f"the engine of {table} is not known"
    return "" if engine.lower() in ENGINES else f"{table} is of the engine {engine}, which has no snapshots"
