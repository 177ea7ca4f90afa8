"""The messages that the server sends (PostgreSQL's manual, section "Message Formats"), as bytes."""

import struct
from collections.abc import Mapping, Sequence

from hanse.errors import HanseError
from hanse.server.pgcatalog.types import ResultColumn

PARSE_COMPLETE = b"1\0\0\0\4"
BIND_COMPLETE = b"2\0\0\0\4"
CLOSE_COMPLETE = b"3\0\0\0\4"
NO_DATA = b"n\0\0\0\4"
PORTAL_SUSPENDED = b"s\0\0\0\4"
EMPTY_QUERY = b"I\0\0\0\4"
AUTHENTICATED = b"R\0\0\0\x08\0\0\0\0"
_SASL, _SASL_CONTINUE, _SASL_FINAL = 10, 11, 12
WARNING, NOTICE, ERROR, FATAL = "WARNING", "NOTICE", "ERROR", "FATAL"


def message(kind: bytes, body: bytes) -> bytes:
    """A message: its kind, its length, what is in it."""
    return kind + struct.pack(">i", len(body) + 4) + body


def text(value: str) -> bytes:
    """A text with the zero that ends it; one that is in it would end it too early, and is left out."""
    return value.replace("\0", "").encode("utf-8", "replace") + b"\0"


def sasl(mechanisms: Sequence[str]) -> bytes:
    """AuthenticationSASL: what the client may choose from."""
    return message(b"R", struct.pack(">i", _SASL) + b"".join(map(text, mechanisms)) + b"\0")


def sasl_continue(data: bytes) -> bytes:
    """AuthenticationSASLContinue."""
    return message(b"R", struct.pack(">i", _SASL_CONTINUE) + data)


def sasl_final(data: bytes) -> bytes:
    """AuthenticationSASLFinal."""
    return message(b"R", struct.pack(">i", _SASL_FINAL) + data)


def negotiate(minor: int, unknown: Sequence[str]) -> bytes:
    """NegotiateProtocolVersion: the newest minor version that there is here, and the options that are not."""
    return message(b"v", struct.pack(">ii", minor, len(unknown)) + b"".join(map(text, unknown)))


def backend_key(process: int, secret: bytes) -> bytes:
    """BackendKeyData: what a CancelRequest must say."""
    return message(b"K", struct.pack(">i", process) + secret)


def parameter_status(name: str, value: str) -> bytes:
    """ParameterStatus: a variable that clients want to know, and what it is now."""
    return message(b"S", text(name) + text(value))


def ready(status: bytes) -> bytes:
    """ReadyForQuery: ``I`` outside of a transaction, ``T`` in one, ``E`` in one that has failed."""
    return message(b"Z", status)


def complete(tag: str) -> bytes:
    """CommandComplete."""
    return message(b"C", text(tag))


def row_description(columns: Sequence[ResultColumn], formats: Sequence[int]) -> bytes:
    """RowDescription."""
    parts = [struct.pack(">h", len(columns))]
    for column, format in zip(columns, formats, strict=True):
        type = column.type
        sizes = type.oid, type.length, type.modifier, format
        parts.append(text(column.name) + struct.pack(">ih", 0, 0) + struct.pack(">Ihih", *sizes))
    return message(b"T", b"".join(parts))


def data_row(values: Sequence[str]) -> bytes:
    """DataRow of texts."""
    sent = [value.encode() for value in values]
    return message(b"D", struct.pack(">h", len(sent)) + b"".join(struct.pack(">i", len(one)) + one for one in sent))


def parameter_description(oids: Sequence[int]) -> bytes:
    """ParameterDescription."""
    return message(b"t", struct.pack(f">h{len(oids)}I", len(oids), *oids))


def failure(error: HanseError, severity: str = ERROR, shift: int = 0) -> bytes:
    """ErrorResponse; ``shift`` is how many characters of the text that was sent stand before the statement."""
    said = f"source {error.source}: {error.message}" if error.source else error.message
    fields = {"S": severity, "V": severity, "C": error.code, "M": said}
    if error.hint:
        fields["H"] = error.hint
    if error.position is not None:
        fields["P"] = str(error.position + shift + 1)
    return message(b"E", _fields(fields))


def notice(severity: str, code: str, said: str, detail: str = "") -> bytes:
    """NoticeResponse."""
    fields = {"S": severity, "V": severity, "C": code, "M": said}
    return message(b"N", _fields(fields | ({"D": detail} if detail else {})))


def _fields(fields: Mapping[str, str]) -> bytes:
    return b"".join(name.encode() + text(value) for name, value in fields.items()) + b"\0"
