"""One connection: uvicorn's protocol (h11, which bounds what a head may be), counted among those of all listeners, ended when
its client is too slow with a request, and drained like the others.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any

import h11
from starlette.types import ASGIApp
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from hanse.errors import HanseError
from hanse.server import log
from hanse.server.http.failures import as_dict, status_of
from hanse.server.http.formats import dumped
from hanse.server.registry import Registry

LINGER_SECONDS = 1.0
"""How long a client that is refused has to read why, while what it sends is thrown away."""
HEAD_BYTES = 65_536
"""As many may a request's line and headers have."""


class Listening:
    """What the connections of a listener share."""

    def __init__(self, app: ASGIApp, registry: Registry, seconds: float) -> None:
        """``seconds`` is how long a client may take for a request, and be idle between two."""
        self.registry = registry
        self.seconds = seconds
        self.state = ServerState()
        self.config = Config(
            app,
            interface="asgi3",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            # whoever is on this machine could say that he comes from elsewhere, or the reverse
            proxy_headers=False,
            server_header=False,
            date_header=False,
            h11_max_incomplete_event_size=HEAD_BYTES,
        )
        self.config.load()
        for name in ("uvicorn", "uvicorn.error"):  # it would write texts of errors, in which there may be values
            logging.getLogger(name).handlers[:] = [logging.NullHandler()]
            logging.getLogger(name).propagate = False

    def __call__(self) -> "Connection":
        """A connection that is about to be made."""
        return Connection(self)


class Connection(H11Protocol):
    """One client's."""

    def __init__(self, listening: Listening) -> None:
        """Not connected yet."""
        super().__init__(listening.config, listening.state, {})
        self._listening = listening
        self._late: asyncio.TimerHandle | None = None
        self._refusal: HanseError | None = None
        self._is_told = False

    @property
    def _is_busy(self) -> bool:
        cycle: Any = self.cycle  # uvicorn has None for none, and does not say so
        return cycle is not None and not cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """A client has connected."""
        super().connection_made(transport)
        registry = self._listening.registry
        registry.enter(self)
        if registry.is_flooded:
            transport.abort()
        else:
            self._refusal = registry.refusal()
            self._time()

    def _refuse(self, refusal: HanseError) -> None:
        """Say why, to a client that has asked, and so reads: one that is closed before may never see it."""
        log.warn("refused", peer=self.client[0] if self.client else "", code=refusal.code)
        body = dumped({"error": as_dict(refusal)}).encode() + b"\n"
        status = status_of(refusal)
        head = f"HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        self.transport.write(f"{head}connection: close\r\n\r\n".encode() + body)
        self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._refusal is None:
            super().data_received(data)
            self._time()
        elif not self._is_told:
            self._is_told = True
            self._refuse(self._refusal)

    def on_response_complete(self) -> None:
        """A response has been given to the socket."""
        super().on_response_complete()
        self._unset_keepalive_if_required()  # the time for the next request is ours
        self._time()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: so is what it runs."""
        super().connection_lost(exc)
        self._listening.registry.leave(self, 0)
        self._time()

    def _time(self) -> None:
        """Give the client its time for a request, from the moment that nothing is answered any more."""
        if self._is_busy or self.transport.is_closing():
            if self._late is not None:
                self._late.cancel()
                self._late = None
        elif self._late is None:
            self._late = self.loop.call_later(self._listening.seconds, self._leave)

    def _leave(self) -> None:
        with suppress(h11.LocalProtocolError):
            self.conn.send(h11.ConnectionClosed())
        self.transport.close()

    def drain(self) -> None:
        """End it when nothing runs any more."""
        if self._is_busy:
            self.cycle.keep_alive = False
        else:
            self._leave()

    def abort(self) -> None:
        """End it, and so what runs."""
        self.transport.abort()
