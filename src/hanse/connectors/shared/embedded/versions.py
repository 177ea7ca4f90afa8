"""Which state files are in: nothing holds them still while they are read, but it can be told that they have not changed."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hanse.ir.consistency import Level, Picture

TICK_SECONDS = 0.02
"""Two changes of a file within that time may leave the same time of change: file systems count in ticks of some milliseconds.
So of a file that has just changed nobody can tell whether it changes again."""


@dataclass(frozen=True)
class State:
    """What files were at a moment."""

    digest: str
    """Of names, sizes and times of change: equal digests, equal contents, once they have settled."""
    has_settled: bool
    """Whether the last change is so long ago that a further one will show in the digest."""
    failure: str = ""
    """Why one of them could not be looked at; one that is gone can be."""


def state(files: Iterable[Path]) -> State:
    """Look at each of the files once. Never raises."""
    facts = hashlib.sha256()
    latest, failure = 0.0, ""
    now = time.time()
    for file in files:
        try:
            stat = file.stat()
        except OSError as problem:
            if not isinstance(problem, FileNotFoundError):
                failure = f"{file}: {problem.strerror}"
            facts.update(f"{file}\0gone\0".encode())
            continue
        latest = max(latest, stat.st_mtime)
        facts.update(f"{file}\0{stat.st_ino}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    return State(facts.hexdigest()[:16], now - latest >= TICK_SECONDS, failure)


def version(files: Sequence[Path]) -> Picture:
    """What the files are now: a picture that is to be looked at again when they have been read."""
    now = state(files)
    if now.failure:
        return Picture(Level.NONE, why=now.failure)
    token = f"{len(files)} file{'' if len(files) == 1 else 's'} {now.digest}"
    found = Picture(Level.SNAPSHOT, token, verified=False)
    return found if now.has_settled else found.unlike("its files were changed a moment ago")
