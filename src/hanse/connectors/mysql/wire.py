"""A connection's rows as they come: large blocks of the text protocol, with the place of every row in them.

PyMySQL connects, authenticates, encrypts and reads the head of a result. Its rows are not read value by value, which
costs microseconds each, but as bytes: a row is a packet (three bytes of length, one of number), so a loop of one step
per row finds them all, and ``columns`` then cuts a whole block at once. Memory is one block; a reader that stops reading
stops the server. See the manual's chapters on the client/server protocol: packets, ProtocolText::ResultsetRow, EOF_Packet.
"""

import struct
from array import array
from collections.abc import Iterator
from typing import Any

import pymysql
from pymysql.constants import CR

from hanse.connectors.mysql.errors import warned
from hanse.errors import HanseError

CHUNK_BYTES = 1 << 20
BLOCK_BYTES = 4 << 20
HEADER_BYTES = 4
LONGEST_PACKET = 0xFFFFFF
"""A packet of this length goes on in the next one."""
EOF, ERROR = 0xFE, 0xFF
EOF_BYTES = 9
"""0xFE in a longer packet is the length of a huge value."""
_HEADER = struct.Struct("<I").unpack_from
_EOF = struct.Struct("<xHH").unpack_from

Connection = Any
"""A ``pymysql.Connection``; its stubs do not know what is used of it here."""


class Block:
    """The bytes of some rows; ``starts`` are the places where their first values begin."""

    __slots__ = ("bytes", "starts")

    def __init__(self, data: bytes | bytearray, starts: "array[int]") -> None:
        self.bytes = data
        self.starts = starts


class Rows:
    """The rows of one statement on a connection of its own; iterate once, to the end or drop the connection."""

    def __init__(self, connection: Connection, sql: str, rows_max: int, bytes_max: int | None = None) -> None:
        """Send the statement and read the head of its result; raises PyMySQL's errors. A block has about ``bytes_max``."""
        self._connection = connection
        self._rows_max = rows_max
        self._bytes_max = min(BLOCK_BYTES, bytes_max or BLOCK_BYTES)
        connection.query(sql, unbuffered=True)
        result = connection._result
        self.width: int = result.field_count
        """How many columns there are."""
        self.warnings = 0
        """How many warnings the statement gave; known at the end."""
        result.unbuffered_active = False  # from here on the rows are ours to read, not PyMySQL's to drain
        connection._result = None
        self._frames = self._blocks()

    def __iter__(self) -> Iterator[Block]:
        return self._frames

    def _blocks(self) -> Iterator[Block]:
        buffer, starts, place = bytearray(), array("q"), 0
        while True:
            place, whole, state = _frame(buffer, starts, place, self._rows_max)
            if state == ERROR:
                self._fail(buffer, place)
            if whole is not None:
                if starts:
                    yield Block(buffer, starts)
                rest, row = self._continued(buffer, place)
                yield Block(row, array("q", [0]))
                buffer, starts, place = rest, array("q"), 0
                continue
            if state == EOF or place >= self._bytes_max or len(starts) >= self._rows_max:
                rest = buffer[place:]
                if starts:
                    yield Block(buffer, starts)
                if state == EOF:
                    self.warnings = _EOF(rest, HEADER_BYTES)[0]
                    return
                buffer, starts, place = rest, array("q"), 0
            else:
                buffer += self._receive()

    def drain(self) -> None:
        """Read the rest for nobody; raises what the server ends it with. Only after an iteration was left at a block."""
        for _ in self._frames:
            pass

    def _receive(self) -> bytes:
        chunk: bytes = self._connection._rfile.read1(min(CHUNK_BYTES, self._bytes_max))
        if not chunk:
            raise pymysql.err.OperationalError(CR.CR_SERVER_LOST, "Lost connection to MySQL server during query")
        return chunk

    def _fail(self, buffer: bytearray, place: int) -> None:
        size = _HEADER(buffer, place)[0] & 0xFFFFFF
        packet = bytes(buffer[place + HEADER_BYTES : place + HEADER_BYTES + size])
        pymysql.err.raise_mysql_exception(packet)

    def _continued(self, buffer: bytearray, place: int) -> tuple[bytearray, bytearray]:
        """The row of more than 16 MB at ``place``, without the headers of its packets, and what follows it."""
        row = bytearray()
        rest = buffer[place:]
        while True:
            while len(rest) < HEADER_BYTES or len(rest) < HEADER_BYTES + (_HEADER(rest)[0] & 0xFFFFFF):
                rest += self._receive()
            size = _HEADER(rest)[0] & 0xFFFFFF
            row += rest[HEADER_BYTES : HEADER_BYTES + size]
            del rest[: HEADER_BYTES + size]
            if size < LONGEST_PACKET:
                return rest, row


def _frame(buffer: bytearray, starts: "array[int]", place: int, rows_max: int) -> tuple[int, bool | None, int]:
    """Find the rows that are complete from ``place`` on. Returns where to go on, True if a row of several packets stands
    there, and EOF or ERROR if such a packet stands there (else 0)."""
    add, end = starts.append, len(buffer) - HEADER_BYTES
    room = rows_max - len(starts)
    while place < end and room:
        size = _HEADER(buffer, place)[0] & 0xFFFFFF
        first = place + HEADER_BYTES
        if size == LONGEST_PACKET:
            return place, True, 0
        following = first + size
        if following > end + HEADER_BYTES:
            break
        mark = buffer[first]
        if mark >= EOF and (mark == ERROR or size < EOF_BYTES):
            return place, None, mark
        add(first)
        room -= 1
        place = following
    return place, None, 0


def check_warnings(connection: Connection, source: str) -> None:
    """Raise what the last statement was warned of: each such warning stands for a value that is not what was asked
    (a division by zero that became NULL, a text that was cut, a date that overflowed)."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW WARNINGS")
        found: list[HanseError] = [
            warned(code, text, source) for level, code, text in cursor.fetchall() if level != "Note"
        ]
    if found:
        raise found[0]
