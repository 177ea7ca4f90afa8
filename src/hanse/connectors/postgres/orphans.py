"""How PostgreSQL locks for a process that asks it, and shows and ends what dead ones left."""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import psycopg

from hanse.connectors.postgres.errors import FAILURES, translate
from hanse.connectors.postgres.sockets import shut_control
from hanse.connectors.shared.attempts import Attempt
from hanse.connectors.shared.ownership import Found

T = TypeVar("T")
Connection = psycopg.Connection[Any]
CLASS = 0x48414E53
"""Of our locks among all advisory locks of a database."""
LOCK = f"SELECT pg_catalog.pg_try_advisory_lock({CLASS}, %s)"
MINE = """
SELECT a.pid, a.application_name FROM pg_catalog.pg_stat_activity AS a
WHERE a.usename = current_user AND a.datname = current_database() AND a.pid <> pg_catalog.pg_backend_pid()
"""
ORPHANS = (
    MINE
    + f"""
AND a.application_name ~ ('^' || %s || '/[0-9a-f]{{32}}~[0-9a-f]{{5}}$')
AND NOT EXISTS (
  SELECT FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_database AS d ON d.oid = l.database
  WHERE l.locktype = 'advisory' AND l.granted AND d.datname = current_database() AND l.classid = {CLASS}
  AND l.objsubid = 2 AND l.objid = ('x000' || right(a.application_name, 5))::bit(32)::int8::oid)
"""
)
TAGGED = MINE + "AND a.application_name = ANY (%s)"
END = """
SELECT pg_catalog.pg_terminate_backend(a.pid) FROM pg_catalog.pg_stat_activity AS a
WHERE a.pid = %s AND a.application_name = %s AND a.usename = current_user
"""
KEPT = (
    "SET idle_session_timeout = 0; SET statement_timeout = 0; SET search_path = pg_catalog; SET application_name = {}"
)


class PostgresOwner:
    """The ``OwnerServer`` of one source."""

    def __init__(self, source: str, name: str, connect: Callable[[Attempt], Connection]) -> None:
        """``name`` is what all tags of the source begin with."""
        self._source = source
        self._name = name
        self._connect = connect

    def connect(self, attempt: Attempt) -> Connection:
        """A connection that is not ended for being idle, and says what it is for."""
        connection = self._connect(attempt)
        try:
            self._ask(lambda: connection.execute(KEPT.format(f"'{self._name} lock'").encode()))
        except BaseException:
            connection.close()
            raise
        return connection

    def descriptor(self, connection: Connection) -> int:
        """Its socket's."""
        return connection.fileno()

    def shut(self, connection: Connection) -> None:
        """Wake whoever waits on it."""
        shut_control(connection)

    def close(self, connection: Connection) -> None:
        """End it."""
        with contextlib.suppress(*FAILURES):
            connection.close()

    def lock(self, connection: Connection, token: str) -> bool:
        """An advisory lock of the session's."""
        return bool(self._rows(connection, LOCK, (int(token, 16),))[0][0])

    def orphans(self, connection: Connection) -> list[Found]:
        """Statements of this role in this database."""
        return self._rows(connection, ORPHANS, (self._name.replace(".", "[.]"),))

    def tagged(self, connection: Connection, tags: Iterable[str]) -> list[Found]:
        """Those of these names."""
        return self._rows(connection, TAGGED, (list(tags),))

    def end(self, connection: Connection, found: Found) -> None:
        """End a session: there is nobody whom it serves."""
        self._rows(connection, END, found)

    def _rows(self, connection: Connection, sql: str, values: tuple[Any, ...]) -> list[Any]:
        return self._ask(lambda: connection.execute(sql.encode(), values).fetchall())

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except FAILURES as failure:
            raise translate(failure, self._source) from None
