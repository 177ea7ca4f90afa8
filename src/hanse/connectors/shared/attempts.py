"""Waiting for a source that another thread can end: while a connection is made, and while it answers.

Drivers wait for a silent network as long as TCP does, and know no way to stop them. Their sockets do: once it is shut, whoever
waits for one is woken with an error. So whoever waits says beforehand how his socket is shut.
"""

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator


class Attempt:
    """One thread's waiting for a source, which others may give up. Thread-safe."""

    def __init__(self) -> None:
        """Nothing is waited for yet."""
        self._lock = threading.Lock()
        self._shut: Callable[[], object] | None = None
        self.is_given_up = False

    def ends_by(self, shut: Callable[[], object] | None) -> None:
        """From now on ``shut`` wakes who waits; it is called at once if the attempt has been given up. None: nobody waits."""
        with self._lock:
            self._shut = shut
            is_late = self.is_given_up
        if is_late and shut is not None:
            shut()

    def give_up(self) -> None:
        """Wake who waits. May be called again, since a driver may go on to the next address of a host."""
        with self._lock:
            self.is_given_up = True
            shut = self._shut
        if shut is not None:
            shut()


@contextlib.contextmanager
def given_up_after(seconds: float) -> Iterator[Attempt]:
    """An attempt that is given up where it takes longer."""
    attempt = Attempt()
    timer = threading.Timer(seconds, attempt.give_up)
    timer.daemon = True
    timer.start()
    try:
        yield attempt
    finally:
        timer.cancel()


def shut(found: socket.socket) -> None:
    """Shut a connection in both directions; whoever waits for it is woken. Never raises."""
    with contextlib.suppress(OSError):
        found.shutdown(socket.SHUT_RDWR)


def shut_descriptor(number: int) -> None:
    """The same for a connection of which there is only the number of its descriptor."""
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(number)) as found:
        shut(found)
