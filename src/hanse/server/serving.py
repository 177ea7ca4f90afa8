"""The server: engine, listeners, and how both end.

It starts when every listener listens. Told to stop, it takes nobody any more, lets what runs end for ``listen.drain``
seconds, ends what is left at its sources, and closes the engine. Told a second time, it waits for nothing.
"""

import asyncio
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hanse.access import Address
from hanse.engine import Engine
from hanse.errors import ConfigError
from hanse.server import certificate, log
from hanse.server.catalogs import Catalogs
from hanse.server.login import ANONYMOUS, Logins
from hanse.server.pgwire.connection import Connection, Place
from hanse.server.registry import Registry
from hanse.settings import Config, load

BACKLOG = 512
ABORT_SECONDS = 2.0
"""How long connections have to end that are ended."""
Ready = Callable[[Address], object]


class Server:
    """One process's listeners over one engine."""

    def __init__(self, config: Config, folder: Path, engine: Engine) -> None:
        """Nothing is listened to yet. Raises ConfigError."""
        self._listen = config.listen
        logins = Logins(config.users, config.auth, config.tls)
        tls = certificate.read(config.tls, folder) if config.tls else None
        self._registry = Registry(config.listen.connections)
        self._pool = ThreadPoolExecutor(config.listen.connections, thread_name_prefix="hanse-serve")
        catalogs = Catalogs(engine.catalog.snapshot, (*config.users, ANONYMOUS))
        self._place = Place(engine, catalogs, logins, self._registry, self._pool, tls, config.listen.login_timeout)
        self._told = asyncio.Event()
        self._told_again = asyncio.Event()

    def stop(self) -> None:
        """End gently, or at once when it is the second time."""
        (self._told_again if self._told.is_set() else self._told).set()

    async def serve(self, ready: Ready = lambda _: None) -> None:
        """Listen until ``stop``; ``ready`` is told where. Raises ConfigError where nobody can listen there."""
        address = self._listen.postgres
        loop = asyncio.get_running_loop()
        try:
            listener = await loop.create_server(
                lambda: Connection(self._place), address.host, address.port, backlog=BACKLOG
            )
        except OSError as failure:
            reason = (failure.strerror or str(failure)).lower()
            raise ConfigError(f"listen.postgres: cannot listen at {address}: {reason}") from None
        host, port = listener.sockets[0].getsockname()[:2]
        log.tell("listening", postgres=str(Address(host, port)), connections=self._listen.connections)
        ready(Address(host, port))
        try:
            await self._told.wait()
        finally:
            listener.close()
            await self._drain()
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _drain(self) -> None:
        log.tell("draining", connections=len(self._registry.connections))
        self._registry.drain()
        await self._empty(self._listen.drain)
        for connection in list(self._registry.connections):
            connection.abort()
        self._told_again.clear()
        await self._empty(ABORT_SECONDS)
        log.tell("stopped", connections=len(self._registry.connections))

    async def _empty(self, seconds: float) -> None:
        """Wait until nobody is connected, but not longer than that, nor when told again."""
        waits = [asyncio.ensure_future(event.wait()) for event in (self._registry.empty, self._told_again)]
        _, left = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for one in left:
            one.cancel()


def run(path: str, ready: Ready = lambda _: None) -> None:
    """Serve what a configuration says until SIGTERM or SIGINT. Raises ConfigError."""
    config, folder = load(path)
    with Engine(path) as engine:
        asyncio.run(_run(config, folder, engine, ready))


async def _run(config: Config, folder: Path, engine: Engine, ready: Ready) -> None:
    server = Server(config, folder, engine)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    await server.serve(ready)
