"""A TCP proxy before a server, which can cut connections at any byte, swallow everything, or let bytes drip."""

from __future__ import annotations

import contextlib
import itertools
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

CHUNK_BYTES = 1 << 16
ESTABLISHED = ("01", "02", "08")
"""States of TCP in which a client has not closed: established, connecting, and told of the end by the other side alone."""
AT_ONCE = struct.pack("ii", 1, 0)
"""For SO_LINGER: closing is a reset."""


@dataclass(frozen=True)
class Fault:
    """What befalls the connection that would pass one byte more in a direction than so many, counted over all: `cut` ends it,
    `reset` drops it, `half-close` ends this direction alone, `silence` passes nothing more in this direction."""

    kind: str
    at: int
    is_answer: bool


class Proxy:
    """Passes bytes on, until a test says otherwise. A context manager; leaving it cuts everything."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._open = threading.Event()
        self._open.set()
        self._ended = threading.Event()
        self.pause = 0.0
        """Seconds between two chunks from the server."""
        self.chunk = CHUNK_BYTES
        self.asked = 0
        """Bytes that clients have sent."""
        self.answered = 0
        """Bytes that the server has sent."""
        self.accepted = 0
        """Connections so far."""
        self.cut_next = 0
        """As many connections are cut as soon as they are made."""
        self.fault: Fault | None = None
        """What waits for its byte; nothing more after that."""
        self._start(self._accept, self._listener)

    @property
    def url(self) -> str:
        """The server's URL with the proxy's port."""
        parts, port = self._parts, self._port
        return urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"))

    def _start(self, work, *args) -> None:
        thread = threading.Thread(target=work, args=args, name="proxy", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
                self.accepted += 1
                if self.cut_next:
                    self.cut_next -= 1
                    client.close()
                    continue
                server = socket.create_connection((self._parts.hostname, self._parts.port))
            except OSError:
                return
            with self._lock:
                self._sockets += [client, server]
            last = itertools.count(1)
            self._start(self._pump, client, server, False, last)
            self._start(self._pump, server, client, True, last)

    def _pump(self, source: socket.socket, target: socket.socket, is_answer: bool, last: Iterator[int]) -> None:
        """Pass on until one side ends. Who ends second closes both, which tells a server that its window, full of what
        nobody reads, will never open; while the other still reads, a closed number might be a new connection's."""
        fault: Fault | None = None
        with contextlib.suppress(OSError):
            while fault is None and (data := source.recv(self.chunk)):
                if is_answer and self.pause:
                    self._ended.wait(self.pause)
                self._open.wait()
                if self._ended.is_set():
                    break
                data, fault = self._passing(data, is_answer)
                target.sendall(data)
        if fault is not None and fault.kind == "silence":
            self._ended.wait()
        self._end(source, target, fault)
        if next(last) == len((source, target)):
            source.close()
            target.close()

    def _passing(self, data: bytes, is_answer: bool) -> tuple[bytes, Fault | None]:
        """What of the data passes, and what comes then."""
        with self._lock:
            before, fault = self.answered if is_answer else self.asked, self.fault
            if fault is not None and fault.is_answer == is_answer and before + len(data) > fault.at:
                data, self.fault = data[: max(0, fault.at - before)], None
            else:
                fault = None
            self.answered += len(data) if is_answer else 0
            self.asked += 0 if is_answer else len(data)
            return data, fault

    def _end(self, source: socket.socket, target: socket.socket, fault: Fault | None) -> None:
        with contextlib.suppress(OSError):
            match fault.kind if fault else "cut":
                case "half-close":
                    target.shutdown(socket.SHUT_WR)
                    return
                case "reset":
                    for one in (source, target):
                        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
                        one.shutdown(socket.SHUT_RD)
                    return
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def clients(self) -> int:
        """How many TCP connections to the proxy there are, in whatever process."""
        rows = Path("/proc/self/net/tcp").read_text(encoding="ascii").splitlines()[1:]
        found = [line.split() for line in rows]
        return sum(words[2].endswith(f":{self._port:04X}") and words[3] in ESTABLISHED for words in found)

    def swallow(self) -> None:
        """From now on nothing passes, and nobody is told: connections stay up, new ones are accepted."""
        self._open.clear()

    def cut(self) -> None:
        """End every connection; new ones work as before."""
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def refuse(self) -> None:
        """End every connection, and accept no more."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def resume(self) -> None:
        """Accept connections again, at the same port."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        self._start(self._accept, self._listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._open.set()
        self.refuse()
        for thread in self._threads:
            thread.join(5)
