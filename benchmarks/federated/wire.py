"""Statements as they pass by: counted from what an engine writes to a source, without touching it.

What only opens, closes or configures (BEGIN, COMMIT, SET ...) is not counted; each FETCH from a cursor is, because it is a
round trip of its own.
"""

import re
from typing import Protocol

CONTROL = {"ABORT", "BEGIN", "CLOSE", "COMMIT", "DEALLOCATE", "DISCARD", "END", "RELEASE", "RESET", "ROLLBACK"}
CONTROL |= {"SAVEPOINT", "SET", "SHOW", "START", "USE", "KILL"}
FIRST_WORD = re.compile(rb"(?:\s|/\*.*?\*/|--[^\n]*\n|\()*([A-Za-z]+)", re.DOTALL)
SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
COM_QUERY, COM_EXECUTE, COM_FETCH = 0x03, 0x17, 0x1C


class Statements(Protocol):
    """Counts the statements in one connection's bytes."""

    count: int

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""


def counter(kind: str) -> Statements:
    """A fresh counter for the protocol of that kind of source."""
    return PostgresStatements() if kind == "postgres" else MySQLStatements()


def _works(text: bytes) -> bool:
    found = FIRST_WORD.match(text)
    return found is not None and found[1].decode().upper() not in CONTROL


class PostgresStatements:
    """Frontend messages of PostgreSQL's protocol 3: simple queries, and executed portals by their statements' texts."""

    def __init__(self) -> None:
        self.count = 0
        self._rest = bytearray()
        self._started = False
        self._statements: dict[bytes, bool] = {}
        self._portals: dict[bytes, bool] = {}

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        self._rest += data
        while True:
            head = 1 if self._started else 0
            if len(self._rest) < head + 4:
                return
            end = head + int.from_bytes(self._rest[head : head + 4], "big")
            if len(self._rest) < end:
                return
            kind, body = bytes(self._rest[:head]), bytes(self._rest[head + 4 : end])
            del self._rest[:end]
            if self._started:
                self._message(kind, body)
            else:
                self._started = int.from_bytes(body[:4], "big") not in (SSL_REQUEST, GSS_REQUEST)

    def _message(self, kind: bytes, body: bytes) -> None:
        match kind:
            case b"Q":
                self.count += _works(body)
            case b"P":
                name, text = body.split(b"\0", 1)
                self._statements[name] = _works(text)
            case b"B":
                portal, name, _ = body.split(b"\0", 2)
                self._portals[portal] = self._statements.get(name, False)
            case b"E":
                self.count += self._portals.get(body.split(b"\0", 1)[0], False)


class MySQLStatements:
    """Commands of MySQL's protocol: each begins a packet with number 0."""

    def __init__(self) -> None:
        self.count = 0
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        """Take the next bytes, cut anywhere."""
        self._rest += data
        while len(self._rest) >= 4:
            end = 4 + int.from_bytes(self._rest[:3], "little")
            if len(self._rest) < end:
                return
            number, body = self._rest[3], bytes(self._rest[4:end])
            del self._rest[:end]
            if number == 0 and body:
                self.count += body[0] in (COM_EXECUTE, COM_FETCH) or (body[0] == COM_QUERY and _works(body[1:]))
