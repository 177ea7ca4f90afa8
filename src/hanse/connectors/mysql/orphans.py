"""How MySQL and MariaDB lock for a process that asks them, and show and end what dead ones left."""

import contextlib
import socket
from collections.abc import Callable, Iterable
from typing import Any

from hanse.connectors.mysql.errors import FAILURES, translate
from hanse.connectors.mysql.opening import shut_connection
from hanse.connectors.mysql.wire import Connection
from hanse.connectors.shared.attempts import Attempt
from hanse.connectors.shared.ownership import Found

LOCK = "SELECT GET_LOCK(CONCAT('hanse~', %s), 0)"
TAG = "SUBSTR(INFO, 4, 44)"
"""``hanse:`` with the query's id and its owner's token, in the comment that a statement begins with."""
MINE = f"""
SELECT ID, {TAG} FROM information_schema.PROCESSLIST
WHERE USER = SUBSTRING_INDEX(CURRENT_USER(), '@', 1) AND ID <> CONNECTION_ID()
"""
ORPHANS = (
    MINE
    + """
AND INFO REGEXP '^/[*] hanse:[0-9a-f]{32}~[0-9a-f]{5} [*]/' AND IS_FREE_LOCK(CONCAT('hanse~', SUBSTR(INFO, 43, 5))) = 1
"""
)
TAGGED = MINE + f"AND {TAG} IN ("
KEPT = "SET SESSION wait_timeout = 31536000, SESSION net_read_timeout = 60"
ALIVE_SECONDS = 15


class MysqlOwner:
    """The ``OwnerServer`` of one source."""

    def __init__(self, source: str, connect: Callable[[Attempt], Connection]) -> None:
        """``connect`` opens connections beside the pool."""
        self._source = source
        self._connect = connect

    def connect(self, attempt: Attempt) -> Connection:
        """A connection that is not ended for being idle, and notices in half a minute that its server has vanished."""
        connection = self._connect(attempt)
        for name, value in (("TCP_KEEPIDLE", ALIVE_SECONDS), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, name):
                connection._sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        try:
            self._rows(connection, KEPT)
        except BaseException:
            self.close(connection)
            raise
        return connection

    def descriptor(self, connection: Connection) -> int:
        """Its socket's."""
        number: int = connection._sock.fileno()
        return number

    def shut(self, connection: Connection) -> None:
        """Wake whoever waits on it."""
        shut_connection(connection)

    def close(self, connection: Connection) -> None:
        """End it."""
        with contextlib.suppress(*FAILURES):
            connection.close()

    def lock(self, connection: Connection, token: str) -> bool:
        """A lock by name, of the connection's."""
        return bool(self._rows(connection, LOCK, token)[0][0])

    def orphans(self, connection: Connection) -> list[Found]:
        """Statements of this user."""
        return self._rows(connection, ORPHANS)

    def tagged(self, connection: Connection, tags: Iterable[str]) -> list[Found]:
        """Those of these tags."""
        wanted = list(tags)
        return self._rows(connection, TAGGED + ", ".join(["%s"] * len(wanted)) + ")", *wanted)

    def end(self, connection: Connection, found: Found) -> None:
        """End a connection: there is nobody whom it serves."""
        with contextlib.suppress(*FAILURES), connection.cursor() as cursor:
            cursor.execute(f"KILL CONNECTION {found[0]}")

    def _rows(self, connection: Connection, sql: str, *values: Any) -> list[Any]:
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return list(cursor.fetchall())
        except FAILURES as failure:
            raise translate(failure, self._source) from None
