"""Start a server process without root's rights, wait until it answers, and stop it by its own signal."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

START_SECONDS = 60
STOP_SECONDS = 10
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Owner:
    """Whom a server runs as; servers refuse root, so root lends it the first of these accounts that exists."""

    accounts: tuple[str, ...]

    def entry(self) -> pwd.struct_passwd | None:
        """Return the account to change to, or None where we are a plain user already."""
        if os.geteuid() != 0:
            return None
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        return next(known[name] for name in (*self.accounts, "nobody") if name in known)

    def take(self, path: Path) -> None:
        """Give a file or folder to the account."""
        entry = self.entry()
        if entry:
            os.chown(path, entry.pw_uid, entry.pw_gid)


@dataclass
class Server:
    """One server to be: its programs, its scratch folder, its owner, its signal, how long it may take; then its process."""

    name: str
    folder: Path
    owner: Owner
    stop_signal: signal.Signals
    patience: float = START_SECONDS
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def log(self) -> Path:
        """Where the server's own words go."""
        return self.folder / "log"

    def run(self, command: Sequence[str | Path]) -> None:
        """Run a set-up program as the owner, to its end; raises RuntimeError with its words if it fails."""
        with self.log.open("ab") as log:
            status = self._popen(command, log.fileno()).wait()
        if status:
            raise RuntimeError(f"{command[0]} of {self.name} failed with {status}:\n{self._words()}")

    def start(self, command: Sequence[str | Path], answers: Callable[[], None]) -> None:
        """Start the server and return as soon as `answers` raises no more."""
        with self.log.open("ab") as log:
            self.process = self._popen(command, log.fileno())
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return answers()
            except Exception as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name} did not start: {error}\n{self._words()}") from error
                time.sleep(0.05)

    def _words(self) -> str:
        """The last of what the server and its programs have said."""
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self) -> None:
        """Ask the process that we started to stop; insist if it does not."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _popen(self, command: Sequence[str | Path], log: int) -> subprocess.Popen[bytes]:
        entry = self.owner.entry()
        rights: dict[str, Any] = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []} if entry else {}
        # The folder matters: the server must be able to read where it stands. HOME keeps out of the user's own files.
        return subprocess.Popen(
            [str(word) for word in command],
            cwd=self.folder,
            env={
                "PATH": os.environ.get("PATH", os.defpath),
                "HOME": str(self.folder),
                "LC_ALL": "C.UTF-8",
                "TZ": "UTC",
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=lambda: _die_with_parent(self.stop_signal),
            **rights,
        )


def _die_with_parent(stop_signal: signal.Signals) -> None:
    """Have the kernel send the signal should the keeper be killed; runs in the child, after it changed its user."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(stop_signal))


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
