"""Drives the protocol's machine without a socket: messages in, messages out; work is done at once, by a real engine."""

from __future__ import annotations

import struct
from typing import Any

from hanse.engine import Engine
from hanse.errors import HanseError
from hanse.groups import Caller
from hanse.server.answering import Running
from hanse.server.catalogs import Catalogs
from hanse.server.pgwire.backend import Backend
from hanse.server.pgwire.reading import Frames
from hanse.server.pgwire.work import Worker
from hanse.server.registry import Registry
from hanse.server.session import opened


def text(value: str) -> bytes:
    """A text as it is sent."""
    return value.encode() + b"\0"


def parse(sql: str, name: str = "", types: tuple[int, ...] = ()) -> tuple[bytes, bytes]:
    """Parse."""
    return b"P", text(name) + text(sql) + struct.pack(f">H{len(types)}I", len(types), *types)


def bind(
    *values: bytes | None, formats: tuple[int, ...] = (), wanted: tuple[int, ...] = (), portal: str = "", name: str = ""
) -> tuple[bytes, bytes]:
    """Bind."""
    sent = b"".join(b"\xff\xff\xff\xff" if one is None else struct.pack(">i", len(one)) + one for one in values)
    given = struct.pack(f">H{len(formats)}h", len(formats), *formats)
    results = struct.pack(f">H{len(wanted)}h", len(wanted), *wanted)
    return b"B", text(portal) + text(name) + given + struct.pack(">H", len(values)) + sent + results


def describe(kind: str = "P", name: str = "") -> tuple[bytes, bytes]:
    """Describe."""
    return b"D", kind.encode() + text(name)


def execute(most: int = 0, portal: str = "") -> tuple[bytes, bytes]:
    """Execute."""
    return b"E", text(portal) + struct.pack(">i", most)


SYNC = (b"S", b"")


def query(sql: str) -> tuple[bytes, bytes]:
    """A simple query."""
    return b"Q", text(sql)


class Machine:
    """One connection that has logged in."""

    def __init__(self, engine: Engine, **asked: str) -> None:
        session = opened(1, Caller("ann"), asked, engine)
        self.backend = Backend(session)
        self.running = Running(engine, session, Catalogs(engine.catalog.snapshot, Registry(1), ("ann",)))
        self.worker = Worker(self.running)
        self.backend.greet(1, b"key!")
        self.backend.out = []

    def send(self, *messages: tuple[bytes, bytes]) -> list[tuple[str, bytes]]:
        """Send messages; what comes back, cut into its messages."""
        for kind, body in messages:
            with self.running.busy():
                self._handle(kind, body)
        sent = b"".join(self.backend.out)
        self.backend.out = []
        return cut(sent)

    def _handle(self, kind: bytes, body: bytes) -> None:
        steps = self.backend.handle(kind, body)
        found: Any = None
        failure: HanseError | None = None
        try:
            while True:
                work = steps.send(found) if failure is None else steps.throw(failure)
                found = failure = None
                try:
                    found = self.worker(work)
                except HanseError as error:
                    failure = error
        except StopIteration:
            return


def cut(sent: bytes) -> list[tuple[str, bytes]]:
    """Messages of a server, each with its kind."""
    frames = Frames()
    frames.login()
    frames.trust()
    frames.add(sent)
    found = []
    while (frame := frames.next()) is not None:
        found.append((frame[0].decode(), frame[1]))
    assert frames.is_empty
    return found


def kinds(messages: list[tuple[str, bytes]]) -> str:
    """The kinds alone."""
    return "".join(kind for kind, _ in messages)


def rows(messages: list[tuple[str, bytes]]) -> list[tuple[str | None, ...]]:
    """The rows among them, of texts."""
    return [_row(body) for kind, body in messages if kind == "D"]


def _row(body: bytes) -> tuple[str | None, ...]:
    (count,) = struct.unpack_from(">h", body)
    at, found = 2, []
    for _ in range(count):
        (length,) = struct.unpack_from(">i", body, at)
        found.append(None if length < 0 else body[at + 4 : at + 4 + length].decode())
        at += 4 + max(0, length)
    assert at == len(body)
    return tuple(found)


def fields(body: bytes) -> dict[str, str]:
    """The fields of an error or a notice."""
    return {chr(one[0]): one[1:].decode() for one in body.split(b"\0") if one}


def errors(messages: list[tuple[str, bytes]]) -> list[dict[str, str]]:
    """The errors among them."""
    return [fields(body) for kind, body in messages if kind == "E"]


def tags(messages: list[tuple[str, bytes]]) -> list[str]:
    """The tags of what is complete."""
    return [body[:-1].decode() for kind, body in messages if kind == "C"]


def status(messages: list[tuple[str, bytes]]) -> str:
    """The last status of the transaction."""
    return [body.decode() for kind, body in messages if kind == "Z"][-1]
