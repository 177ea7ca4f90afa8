"""The network as a process of its own: one listening port for each source, bytes and statements counted, speed limited.

Every engine reaches the sources through it alone, so that all are counted in the same way. It is a process because its
threads must not share an interpreter with the engines that are measured.
"""

import contextlib
import multiprocessing
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from benchmarks.federated.link import Link, Network
from benchmarks.federated.wire import Statements, counter

SETTLE_SECONDS = 0.05
"""After an answer, how long closing words may still be under way."""


@dataclass(frozen=True)
class Upstream:
    """A source's port, and the protocol that it speaks."""

    kind: str
    port: int


@dataclass(frozen=True)
class Counts:
    """What passed between sources and engines."""

    received: int = 0
    sent: int = 0
    statements: int = 0

    def since(self, before: "Counts") -> "Counts":
        """What passed after ``before``."""
        return Counts(self.received - before.received, self.sent - before.sent, self.statements - before.statements)


class Proxy:
    """The ports to connect to, by source, and what has passed so far."""

    def __init__(self, ports: Mapping[str, int], control: Connection) -> None:
        self.ports = ports
        self._control = control

    def counts(self) -> Counts:
        """Everything so far, once closing words have passed too."""
        time.sleep(SETTLE_SECONDS)
        self._control.send("counts")
        counts: Counts = self._control.recv()
        return counts


@contextlib.contextmanager
def proxy(network: Network, upstreams: Mapping[str, Upstream]) -> Iterator[Proxy]:
    """Run the network between; everything that is connected through it is cut off at the end."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(network, dict(upstreams), theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield Proxy(ours.recv(), ours)
    finally:
        ours.close()
        process.join(5)
        process.kill()


def _serve(network: Network, upstreams: dict[str, Upstream], control: Connection) -> None:
    relays = _Relays(network)
    control.send({name: relays.listen(upstream) for name, upstream in upstreams.items()})
    with contextlib.suppress(EOFError):
        while control.recv() == "counts":
            control.send(relays.counts())


class _Relays:
    """All connections of one network."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.down, self.up = Link(network), Link(network)
        self.alone = replace(network, bits=network.connection_bits)
        self.received = self.sent = 0
        self.lock = threading.Lock()
        self.statements: list[Statements] = []

    def counts(self) -> Counts:
        with self.lock:
            return Counts(self.received, self.sent, sum(one.count for one in self.statements))

    def listen(self, upstream: Upstream) -> int:
        """Open a port for a source."""
        door = socket.create_server(("127.0.0.1", 0), backlog=64)
        _start(self._accept, door, upstream)
        return int(door.getsockname()[1])

    def _accept(self, door: socket.socket, upstream: Upstream) -> None:
        while True:
            client, _ = door.accept()
            _start(self._connect, client, upstream)

    def _connect(self, client: socket.socket, upstream: Upstream) -> None:
        time.sleep(self.network.round_trip)
        try:
            server = socket.create_connection(("127.0.0.1", upstream.port))
        except OSError:
            client.close()
            return
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        statements = counter(upstream.kind)
        with self.lock:
            self.statements.append(statements)

        def seen_up(data: memoryview) -> None:
            statements.feed(bytes(data))
            with self.lock:
                self.sent += len(data)

        def seen_down(data: memoryview) -> None:
            with self.lock:
                self.received += len(data)

        down = [Link(self.alone), self.down] if self.alone.bits else [self.down]
        _start(_pump, server, client, down, seen_down)
        _pump(client, server, [self.up], seen_up)


def _start(work: Callable[..., None], *arguments: object) -> None:
    threading.Thread(target=work, args=arguments, daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, links: list[Link], seen: Callable[[memoryview], None]) -> None:
    """Pass on what comes over one link after the other, until either end is gone."""
    network = links[-1].network
    pass_on = _Late(sink) if network.delay else sink
    view = memoryview(bytearray(min(link.network.chunk for link in links)))
    with contextlib.suppress(OSError):
        while size := source.recv_into(view):
            seen(view[:size])
            due = max(link.send(size) for link in links)
            if isinstance(pass_on, _Late):
                pass_on.add(due, bytes(view[:size]))
            else:
                pass_on.sendall(view[:size])
    if isinstance(pass_on, _Late):
        pass_on.add(time.monotonic() + network.delay, b"")
    else:
        _end(sink)


def _end(sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class _Late:
    """What is on its way: a thread delivers each piece when it is due. Its length is bounded by the link's delay."""

    def __init__(self, sink: socket.socket) -> None:
        self.sink = sink
        self.pieces: deque[tuple[float, bytes]] = deque()
        self.changed = threading.Semaphore(0)
        _start(self._deliver)

    def add(self, due: float, piece: bytes) -> None:
        """Put something on its way; nothing is the end."""
        self.pieces.append((due, piece))
        self.changed.release()

    def _deliver(self) -> None:
        while True:
            self.changed.acquire()
            due, piece = self.pieces.popleft()
            pause = due - time.monotonic()
            if pause > 0:
                time.sleep(pause)
            if not piece:
                return _end(self.sink)
            try:
                self.sink.sendall(piece)
            except OSError:
                return None


def ceiling(network: Network, seconds: float = 0.5) -> float:
    """How many megabytes a second pass through this network here: what no engine can be faster than."""
    size = int(max(1e6, (network.bits or 1.6e10) / 8 * seconds))
    door = socket.create_server(("127.0.0.1", 0))

    def pour() -> None:
        end, _ = door.accept()
        with end:
            block = bytes(262_144)
            left = size
            while left > 0:
                left -= end.send(block[:left])

    _start(pour)
    upstream = Upstream("mysql", int(door.getsockname()[1]))
    with (
        proxy(network, {"source": upstream}) as between,
        socket.create_connection(("127.0.0.1", between.ports["source"])) as reader,
    ):
        block = bytearray(262_144)
        got = reader.recv_into(block)
        started, first = time.perf_counter(), got
        while got < size and (more := reader.recv_into(block)):
            got += more
        speed = (got - first) / (time.perf_counter() - started) / 1e6
    door.close()
    return speed
