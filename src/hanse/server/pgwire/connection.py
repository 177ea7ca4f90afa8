"""One TCP connection: bytes between its socket and the machines of ``startup`` and ``backend``; work in threads.

An idle connection costs no thread and no task. Reading stops when messages pile up; a statement's next rows are asked for
when the last ones have left: a client that does not read costs a few megabytes, and its sources wait.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from hanse.errors import Cancelled, HanseError, InternalError, UserError
from hanse.server import log
from hanse.server.answering import Asked, Running
from hanse.server.catalogs import Catalogs
from hanse.server.certificate import Certificate
from hanse.server.login import Logins
from hanse.server.pgwire import messages as m
from hanse.server.pgwire.backend import Backend
from hanse.server.pgwire.reading import Frames
from hanse.server.pgwire.startup import Cancel, Close, Startup, Upgrade, Welcome
from hanse.server.pgwire.work import Found, Read, Worker
from hanse.server.registry import Registry, ended, stopped
from hanse.server.session import Checking, Session, opened

UNSENT_BYTES = 2_000_000
"""As many may wait for the client before more rows are asked for."""
LINGER_SECONDS = 5.0
"""How long a client has to read what was said last."""
PILED_UP = 1_000
"""Messages that wait before no more are read; half of them: before they are again."""
ADDRESS_LENGTH = 2


class Engine(Asked, Checking, Protocol):
    """What connections need of the engine."""


@dataclass(frozen=True, slots=True)
class Place:
    """What all connections of a listener share."""

    engine: Engine
    catalogs: Catalogs
    logins: Logins
    registry: Registry
    pool: Executor
    """Has as many threads as there may be connections: one that waits for its turn never holds up one that runs."""
    certificate: Certificate | None
    login_seconds: float


class Connection(asyncio.Protocol):
    """One client's."""

    def __init__(self, place: Place) -> None:
        """Not connected yet."""
        self._place = place
        self._frames = Frames()
        self._waiting: deque[tuple[bytes, bytes]] = deque()
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._is_lost = self._is_closing = self._is_upgrading = self._is_paused = self._is_draining = False
        self._task: asyncio.Task[None] | None = None
        self._number = 0
        self._peer = ""
        self._timer: asyncio.TimerHandle | None = None
        self._refusal: HanseError | None = None
        self._transport: asyncio.Transport
        self._loop: asyncio.AbstractEventLoop
        self._startup: Startup
        self._backend: Backend | None = None
        self._running: Running | None = None
        self._goodbye: Callable[[], HanseError] = stopped
        """What is said at the end, where nothing went wrong."""
        self._worker: Callable[..., Found]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        address = transport.get_extra_info("peername")
        self._peer = str(address[0]) if isinstance(address, tuple) and len(address) >= ADDRESS_LENGTH else ""
        place, certificate = self._place, self._place.certificate
        self._startup = Startup(
            place.logins, self._peer, certificate.binding if certificate else None, certificate is not None
        )
        transport.set_write_buffer_limits(UNSENT_BYTES)
        if (connected := transport.get_extra_info("socket")) is not None:
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        place.registry.enter(self)
        self._refusal = place.registry.refusal()
        if place.registry.is_flooded:
            self.abort()
            return
        self._timer = asyncio.get_running_loop().call_later(place.login_seconds, self._late)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._is_closing:
            return
        self._frames.add(data)
        if not self._is_upgrading:  # what comes right behind a handshake waits until it is known to be over
            self._take()

    def eof_received(self) -> bool:
        """The client will send nothing any more, and so wants nothing any more."""
        self._stop()
        self._transport.abort()
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """The connection is gone: so is what it runs."""
        self._is_lost = self._is_closing = True
        self._stop()
        self._can_write.set()
        if self._timer is not None:
            self._timer.cancel()
        self._place.registry.leave(self, self._number)
        if self._backend is not None:
            log.tell("disconnected", id=self._number)
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._shut())

    def pause_writing(self) -> None:
        """The client reads more slowly than it is written to."""
        self._can_write.clear()

    def resume_writing(self) -> None:
        """It has read."""
        self._can_write.set()

    def cancel(self) -> None:
        """End the statement that runs."""
        if self._running is not None:
            self._running.stop()

    @property
    def is_running(self) -> bool:
        """Whether a message is being answered."""
        return self._task is not None

    def terminate(self) -> None:
        """End what runs, and then the connection, and say why. Thread-safe."""
        if self._running is not None:
            self._running.stop(ended())
        self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._goodbye = ended
        self.drain()

    def drain(self) -> None:
        """End the connection when nothing runs any more, and say why."""
        self._is_draining = True
        if self._task is None and not self._is_closing:
            self._leave(self._goodbye())

    def abort(self) -> None:
        """End what runs, and the connection."""
        self._stop()
        self._transport.abort()

    def _stop(self) -> None:
        if self._running is not None:
            self._running.stop(Cancelled("the client has gone"))

    def _late(self) -> None:
        late = UserError("canceling authentication due to timeout", sqlstate="57014")
        log.warn("refused", peer=self._peer, code=late.code)
        self._leave(late)

    def _leave(self, error: HanseError | None) -> None:
        """Close, once all has been sent; ``error`` is said before that."""
        self._is_closing = True
        self._write([m.failure(error, m.FATAL)] if error is not None else [])
        self._transport.close()
        asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.abort)

    def _write(self, messages: list[bytes | memoryview] | list[bytes]) -> None:
        if messages and not self._is_lost:
            self._transport.writelines(messages)

    def _take(self) -> None:
        """Go on with all that has come whole."""
        try:
            while not (self._is_closing or self._is_upgrading) and (frame := self._frames.next()) is not None:
                if self._backend is None:
                    self._start(*frame)
                else:
                    self._waiting.append(frame)
        except HanseError as error:
            log.warn("violation", peer=self._peer, id=self._number, code=error.code)
            self._stop()
            self._leave(error)
            return
        if len(self._waiting) > PILED_UP and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        if self._waiting and self._task is None and not self._is_closing:
            self._task = asyncio.get_running_loop().create_task(self._serve())

    def _start(self, kind: bytes, body: bytes) -> None:
        """A message before the login is over."""
        startup = self._startup
        step = startup.take(kind, body)
        if self._refusal is None or not startup.is_started:
            self._write(startup.out)
        startup.out = []
        if startup.is_started:
            self._frames.login()
            if self._refusal is not None:  # said where clients read it: not instead of the answer to a request for TLS
                log.warn("refused", peer=self._peer, user=startup.user, code=self._refusal.code)
                self._leave(self._refusal)
                return
        match step:
            case Upgrade():
                self._upgrade()
            case Cancel():
                done = self._place.registry.cancel(step.process, step.secret)
                log.tell("cancel", peer=self._peer, id=step.process, done=done)
                self._leave(None)
            case Close():
                code = step.error.code if step.error else None
                log.warn("refused", peer=self._peer, user=startup.user, code=code)
                self._leave(None)
            case Welcome():
                self._welcome(step)

    def _upgrade(self) -> None:
        if not self._frames.is_empty:  # sent before TLS by whoever stands between, as if the client had said it
            raise UserError("received unencrypted data after SSL request", sqlstate="08P01")
        self._is_upgrading = True
        self._transport.pause_reading()
        self._task = asyncio.get_running_loop().create_task(self._handshake())

    async def _handshake(self) -> None:
        certificate = self._place.certificate
        assert certificate is not None
        loop = asyncio.get_running_loop()
        try:
            upgraded = await loop.start_tls(
                self._transport,
                self,
                certificate.context,
                server_side=True,
                ssl_handshake_timeout=self._place.login_seconds,
            )
        except (ssl.SSLError, OSError, asyncio.CancelledError):
            log.warn("refused", peer=self._peer, code="08P01")
            self._transport.abort()
            return
        finally:
            self._task = None
        if upgraded is None or self._is_lost:
            return
        self._transport = upgraded
        upgraded.set_write_buffer_limits(UNSENT_BYTES)
        self._startup.has_tls, self._is_upgrading = True, False
        self._take()

    def _welcome(self, welcome: Welcome) -> None:
        place = self._place
        self._number, key = place.registry.open(self)
        session: Session = opened(self._number, welcome.caller, welcome.asked, place.engine)
        self._backend, self._running = Backend(session), Running(place.engine, session, place.catalogs)
        self._worker = Worker(self._running)
        place.registry.introduce(session, self._peer)
        self._frames.trust()
        if self._timer is not None:
            self._timer.cancel()
        facts = {"user": session.name, "client": session.caller.client, "tls": self._startup.has_tls}
        log.tell("connected", id=self._number, peer=self._peer, **facts)
        self._backend.greet(self._number, key)
        self._flush(self._backend)

    async def _serve(self) -> None:
        """Answer all messages that have come."""
        backend, running = self._backend, self._running
        assert backend is not None
        assert running is not None
        try:
            while self._waiting and not (self._is_closing or backend.is_closed):
                kind, body = self._waiting.popleft()
                with running.busy():
                    await self._handle(backend, kind, body)
                if self._is_paused and len(self._waiting) < PILED_UP // 2 and not self._is_closing:
                    self._is_paused = False
                    self._transport.resume_reading()
                if self._is_draining and kind in b"QS":
                    break
                await self._can_write.wait()
            self._flush(backend)
        except Exception as error:  # noqa: BLE001  # a bug ends one connection, not the server
            log.bug(error, id=self._number)
            self._leave(InternalError(f"a bug: {type(error).__name__}", hint="the server's log says where"))
        finally:
            self._task = None
        if self._is_closing:
            await self._shut()
        elif backend.is_closed or self._is_draining:
            self._leave(None if backend.is_closed else self._goodbye())
        elif self._waiting:
            self._take()

    async def _handle(self, backend: Backend, kind: bytes, body: bytes) -> None:
        """Answer one message, with all the work that it takes."""
        loop = asyncio.get_running_loop()
        steps = backend.handle(kind, body)
        found: Found = None
        failure: HanseError | None = None
        try:
            while True:
                work = steps.send(found) if failure is None else steps.throw(failure)
                found = failure = None
                if isinstance(work, Read):
                    self._flush(backend)
                    await self._can_write.wait()
                try:
                    found = await loop.run_in_executor(self._place.pool, self._worker, work)
                except HanseError as error:
                    failure = error
        except StopIteration:
            if backend.error is not None:
                log.tell("failed", id=self._number, code=backend.error.code, source=backend.error.source)
                backend.error = None
        finally:
            steps.close()
        if kind in b"QSH":
            self._flush(backend)

    def _flush(self, backend: Backend) -> None:
        self._write(backend.out)
        backend.out = []

    async def _shut(self) -> None:
        """End what nobody will read any more."""
        if self._backend is not None and (answers := self._backend.open_answers()):
            for answer in answers:
                await asyncio.get_running_loop().run_in_executor(self._place.pool, answer.close)
