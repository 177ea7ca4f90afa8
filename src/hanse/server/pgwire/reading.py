"""What clients send: bytes cut into messages, and the fields of a message, each within its bounds.

Whoever does not keep to the protocol gets ``Violation``; a connection is of no use after that.
"""

import struct

from hanse.errors import UserError

STARTUP_MAX = 10_000
"""Bytes of what comes first, as PostgreSQL has it."""
LOGIN_MAX = 65_536
"""Bytes of a message before somebody has logged in."""
MESSAGE_MAX = 64 * 1024 * 1024
"""Bytes of a message after that: a statement and its parameters."""
_LENGTH = struct.Struct(">i")


class Violation(UserError):
    """A client that does not keep to the protocol."""

    sqlstate = "08P01"


class Frames:
    """Cuts what arrives into messages. The first one has no kind (``b""``), and again each after ``restart``."""

    def __init__(self) -> None:
        """Nothing has arrived."""
        self._kept = bytearray()
        self._has_kind = False
        self.most = STARTUP_MAX

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits that is yet to be a message."""
        return not self._kept

    def login(self) -> None:
        """From now on messages have a kind."""
        self._has_kind, self.most = True, LOGIN_MAX

    def trust(self) -> None:
        """From now on messages may be large."""
        self.most = MESSAGE_MAX

    def add(self, data: bytes) -> None:
        """Bytes arrived."""
        self._kept += data

    def next(self) -> tuple[bytes, bytes] | None:
        """The next message, its kind and what is in it; None until all of it is here. Raises Violation."""
        head = 1 if self._has_kind else 0
        if len(self._kept) < head + 4:
            return None
        (length,) = _LENGTH.unpack_from(self._kept, head)
        if not 4 <= length <= self.most:
            raise Violation("invalid length of message")
        end = head + length
        if len(self._kept) < end:
            return None
        kind, body = bytes(self._kept[:head]), bytes(self._kept[head + 4 : end])
        del self._kept[:end]
        return kind, body


class Fields:
    """Reads the fields of one message, one after another; raises Violation beyond its end."""

    def __init__(self, body: bytes) -> None:
        """At the first."""
        self._body = body
        self._at = 0

    def text(self) -> str:
        """A text up to its zero; raises UserError (22021) where it is no UTF-8."""
        end = self._body.find(b"\0", self._at)
        if end < 0:
            raise Violation("invalid string in message")
        found, self._at = self._body[self._at : end], end + 1
        return decoded(found)

    def take(self, count: int) -> bytes:
        """So many bytes."""
        end = self._at + count
        if count < 0 or end > len(self._body):
            raise Violation("insufficient data left in message")
        found, self._at = self._body[self._at : end], end
        return found

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._body) - self._at)

    def int16(self) -> int:
        """A signed integer of two bytes."""
        return int.from_bytes(self.take(2), signed=True)

    def int32(self) -> int:
        """A signed integer of four bytes."""
        return int.from_bytes(self.take(4), signed=True)

    def count(self) -> int:
        """How many follow."""
        return int.from_bytes(self.take(2))

    def value(self) -> bytes | None:
        """A length and as many bytes; None, which is NULL, where the length is -1."""
        length = self.int32()
        return None if length == -1 else self.take(length)

    def formats(self) -> tuple[int, ...]:
        """Format codes: each is 0 or 1."""
        found = tuple(self.int16() for _ in range(self.count()))
        if any(one not in (0, 1) for one in found):
            raise UserError("unsupported format code", sqlstate="22023")
        return found

    def end(self) -> None:
        """Raise Violation where something is left."""
        if self._at != len(self._body):
            raise Violation("invalid message format")


def decoded(data: bytes) -> str:
    """UTF-8; raises UserError (22021) for what is none, or holds a character that text cannot."""
    try:
        found = data.decode()
    except UnicodeDecodeError:
        raise UserError("invalid byte sequence for encoding UTF8", sqlstate="22021") from None
    if "\0" in found:
        raise UserError("text cannot hold the character zero", sqlstate="22021")
    return found


def expanded(formats: tuple[int, ...], count: int) -> tuple[int, ...]:
    """A format for each of so many: none is text for all, one is for all."""
    if len(formats) <= 1:
        return (formats or (0,)) * count
    if len(formats) != count:
        raise Violation(f"the message has {len(formats)} formats for {count} columns or parameters")
    return formats
