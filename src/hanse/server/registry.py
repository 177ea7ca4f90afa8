"""Who is connected: how many there are, and what may be cancelled by whom. Lives in the server's event loop, but for what says
that it is thread-safe.
"""

import asyncio
import datetime as dt
import hmac
import itertools
import secrets
from typing import Protocol

from hanse.errors import Denied, HanseError, ResourceLimit, UserError
from hanse.server.pgcatalog import Connected as Shown
from hanse.server.session import Session

KEY_BYTES = 4
"""As many has a CancelRequest."""
ROOM = 20
"""Connections beyond those that there may be, for who cancels something or hears that there are too many."""


def stopped() -> UserError:
    """What clients are told when the server ends."""
    return UserError("terminating connection: the server is stopped", sqlstate="57P01")


def ended() -> UserError:
    """What a client is told whose session somebody has ended."""
    return UserError("terminating connection due to administrator command", sqlstate="57P01")


class Connected(Protocol):
    """One connection."""

    def drain(self) -> None:
        """End the connection as soon as nothing runs, and say why."""

    def abort(self) -> None:
        """End what runs, and the connection."""


class Numbered(Connected, Protocol):
    """One that has a session with a number, by which others end what it does."""

    @property
    def is_running(self) -> bool:
        """Whether it does something."""

    def cancel(self) -> None:
        """End the statement that runs. Thread-safe."""

    def terminate(self) -> None:
        """End what runs, and the connection, and say why. Thread-safe."""


class Registry:
    """All connections of all listeners."""

    def __init__(self, most: int) -> None:
        """``most`` is how many there may be."""
        self._most = most
        self._numbers = itertools.count(1)
        self._keys: dict[int, tuple[bytes, Numbered]] = {}
        self._sessions: dict[int, tuple[Session, str, dt.datetime]] = {}
        self.connections: set[Connected] = set()
        self.empty = asyncio.Event()
        """Set while nobody is connected."""
        self.empty.set()
        self.is_draining = False

    def refusal(self) -> HanseError | None:
        """Why who has just entered is not let in; None: he is."""
        if self.is_draining:
            return stopped()
        if len(self.connections) > self._most:
            return ResourceLimit("sorry, too many clients already", sqlstate="53300")
        return None

    @property
    def is_flooded(self) -> bool:
        """Whether so many wait to be refused that they are not even told."""
        return len(self.connections) > 2 * self._most + ROOM

    def open(self, connection: Numbered) -> tuple[int, bytes]:
        """Somebody has logged in: the number of the session, and the key with which it may be cancelled."""
        number, key = next(self._numbers), secrets.token_bytes(KEY_BYTES)
        self._keys[number] = (key, connection)
        return number, key

    def enter(self, connection: Connected) -> None:
        """Somebody has connected."""
        self.connections.add(connection)
        self.empty.clear()

    def leave(self, connection: Connected, number: int) -> None:
        """The connection is gone, and with it the session of that number; 0 is none."""
        self._keys.pop(number, None)
        self._sessions.pop(number, None)
        self.connections.discard(connection)
        if not self.connections:
            self.empty.set()

    def cancel(self, number: int, key: bytes) -> bool:
        """End what that session runs, if the key is right. Who asks is told nothing."""
        known, connection = self._keys.get(number, (b"\0" * KEY_BYTES, None))
        if not hmac.compare_digest(known, key) or connection is None:
            return False
        connection.cancel()
        return True

    def introduce(self, session: Session, address: str) -> None:
        """Whose session it is that was opened, and where from."""
        self._sessions[session.id] = (session, address, dt.datetime.now(dt.UTC))

    def activity(self) -> list[Shown]:
        """All sessions, as the catalog tells of them. Thread-safe."""
        found = []
        for number, (session, address, since) in list(self._sessions.items()):
            _, connection = self._keys.get(number, (b"", None))
            if connection is not None:
                client = session.caller.client
                found.append(Shown(number, session.name, client, address, since, connection.is_running))
        return found

    def signal(self, by: Session, number: int, is_end: bool) -> bool:
        """End what a session runs, or the session, for somebody of the same name; whether there is such a session. Raises
        Denied for another's. Thread-safe."""
        _, connection = self._keys.get(number, (b"", None))
        if connection is None or number not in self._sessions:
            return False
        if self._sessions[number][0].name != by.name:
            what = "process" if is_end else "query"
            raise Denied(f"permission denied to {'terminate' if is_end else 'cancel'} {what}", sqlstate="42501")
        if is_end:
            connection.terminate()
        else:
            connection.cancel()
        return True

    def drain(self) -> None:
        """Take nobody any more, and let all end what they do."""
        self.is_draining = True
        for connection in list(self.connections):
            connection.drain()
