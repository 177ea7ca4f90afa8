"""The server: engine, listeners, and how both end.

It starts when every listener listens. Told to stop, it takes nobody any more, lets what runs end for ``listen.drain``
seconds, ends what is left at its sources, and closes the engine. Told a second time, it waits for nothing. Told to read its
configuration again, it takes from it who may log in, and the certificate; a wrong one changes nothing.
"""

import asyncio
import signal
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from hanse.access import Address
from hanse.engine import Engine
from hanse.errors import ConfigError
from hanse.server import certificate, log
from hanse.server.catalogs import Catalogs
from hanse.server.http.app import app
from hanse.server.http.connection import Listening
from hanse.server.http.jobs import Jobs
from hanse.server.http.place import Place as HttpPlace
from hanse.server.login import ANONYMOUS, Logins
from hanse.server.pgwire.connection import Connection, Place
from hanse.server.registry import Registry
from hanse.settings import Config, load

BACKLOG = 512
ABORT_SECONDS = 2.0
"""How long connections have to end that are ended."""
Ready = Callable[[Mapping[str, Address]], object]
"""Is told where is listened, by the listeners' names."""
_NOW = frozenset({"users", "auth", "tls"})
"""What of a configuration counts as soon as it is read again."""
Made = Callable[[], asyncio.Protocol]


class Server:
    """One process's listeners over one engine."""

    def __init__(self, config: Config, folder: Path, engine: Engine) -> None:
        """Nothing is listened to yet. Raises ConfigError."""
        self._config = config
        self._listen = config.listen
        logins = Logins(config.users, config.auth, config.tls)
        tls = certificate.read(config.tls, folder) if config.tls else None
        self._registry = Registry(config.listen.connections)
        self._pool = ThreadPoolExecutor(config.listen.connections, thread_name_prefix="hanse-serve")
        catalogs = Catalogs(engine.catalog.snapshot, self._registry, (*config.users, ANONYMOUS))
        seconds = config.listen.login_timeout
        self._tls = tls.context if tls else None
        self._place = Place(engine, catalogs, logins, self._registry, self._pool, tls, seconds)
        self._http_place = HttpPlace(engine, catalogs, logins, self._registry, self._pool, config.listen)
        spill = config.engine.spill_folder
        self._jobs = Jobs(config.listen.result_bytes, config.listen.result_seconds, Path(spill) if spill else None)
        self._app = app(self._http_place, self._jobs)
        self._http = Listening(self._app, self._registry, seconds)
        self._told = asyncio.Event()
        self._told_again = asyncio.Event()

    def stop(self) -> None:
        """End gently, or at once when it is the second time."""
        (self._told_again if self._told.is_set() else self._told).set()

    def reload(self, path: str) -> None:
        """Read the configuration again: from the next login on its users, ``auth`` and certificate count. What else has changed
        needs another start, and is told; a configuration that is wrong changes nothing, and is told."""
        try:
            config, folder = load(path)
            logins = Logins(config.users, config.auth, config.tls)
            tls = certificate.read(config.tls, folder) if config.tls and self._tls else self._place.certificate
            if self._tls is not None and config.tls is not None:
                certificate.renew(self._tls, config.tls, folder)
        except ConfigError as error:  # its text shows no value
            log.warn("not reloaded", code=error.code, error=error.message, hint=error.hint)
            return
        changed = [name for name in Config.model_fields if getattr(config, name) != getattr(self._config, name)]
        later = [name for name in changed if name not in _NOW or (name == "tls" and None in (config.tls, self._tls))]
        self._place = replace(self._place, logins=logins, certificate=tls)
        self._http_place = replace(self._http_place, logins=logins)
        self._app.become(self._http_place)
        log.tell("reloaded", changed=[name for name in changed if name not in later], needs_restart=later)

    async def serve(self, ready: Ready = lambda _: None) -> None:
        """Listen until ``stop``; ``ready`` is told where. Raises ConfigError where nobody can listen there."""
        listeners = await self._listeners()
        where = {name: Address(*one.sockets[0].getsockname()[:2]) for name, one in listeners.items()}
        told = {name: str(address) for name, address in where.items()}
        log.tell("listening", **told, connections=self._listen.connections)
        ready(where)
        try:
            await self._told.wait()
        finally:
            for listener in listeners.values():
                listener.close()
            await self._drain()
            self._jobs.close()
            self._pool.shutdown(wait=False, cancel_futures=True)

    async def _listeners(self) -> dict[str, asyncio.Server]:
        """Those that the configuration has, once all of them listen; PostgreSQL's clients ask for TLS by themselves."""
        wanted: dict[str, tuple[Address | None, Made, ssl.SSLContext | None]] = {
            "postgres": (self._listen.postgres, lambda: Connection(self._place), None),
            "http": (self._listen.http, self._http, self._tls),
        }
        found: dict[str, asyncio.Server] = {}
        try:
            for name, (address, made, tls) in wanted.items():
                if address is not None:
                    found[name] = await _listener(name, address, made, tls)
        except ConfigError:
            for listener in found.values():
                listener.close()
            raise
        if not found:
            raise ConfigError("listen: everything is off", hint="listen: {postgres: 127.0.0.1:5439}")
        return found

    async def _drain(self) -> None:
        log.tell("draining", connections=len(self._registry.connections))
        self._jobs.drain()
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


async def _listener(name: str, address: Address, made: Made, tls: ssl.SSLContext | None) -> asyncio.Server:
    try:
        return await asyncio.get_running_loop().create_server(
            made, address.host, address.port, backlog=BACKLOG, ssl=tls
        )
    except OSError as failure:
        reason = (failure.strerror or str(failure)).lower()
        hint = f"listen: {{{name}: off}} in hanse.yaml does without it"
        raise ConfigError(f"listen.{name}: cannot listen at {address}: {reason}", hint=hint) from None


def run(path: str, ready: Ready = lambda _: None) -> None:
    """Serve what a configuration says until SIGTERM or SIGINT. Raises ConfigError."""
    config, folder = load(path)
    with Engine(path) as engine:
        asyncio.run(_run(Server(config, folder, engine), path, ready))


async def _run(server: Server, path: str, ready: Ready) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    loop.add_signal_handler(signal.SIGHUP, server.reload, path)
    await server.serve(ready)
