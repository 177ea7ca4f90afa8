"""Which state files are in: nothing holds them still while they are read, but it can be told that they have not changed."""

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

from hanse.ir.consistency import Level, Picture

TICK_SECONDS = 0.02
"""Two changes of a file within that time may leave the same time of change: file systems count in ticks of some milliseconds.
So of a file that has just changed nobody can tell whether it changes again."""


def version(files: Sequence[Path]) -> Picture:
    """What the files are now: a picture that is to be looked at again when they have been read."""
    facts = hashlib.sha256()
    now, latest = time.time(), 0.0
    for file in files:
        try:
            stat = file.stat()
        except FileNotFoundError:
            facts.update(f"{file}\0gone\0".encode())
            continue
        except OSError as failure:
            return Picture(Level.NONE, why=f"{file}: {failure.strerror}")
        latest = max(latest, stat.st_mtime)
        facts.update(f"{file}\0{stat.st_ino}\0{stat.st_size}\0{stat.st_mtime_ns}\0".encode())
    token = f"{len(files)} file{'' if len(files) == 1 else 's'} {facts.hexdigest()[:16]}"
    found = Picture(Level.SNAPSHOT, token, verified=False)
    return found.unlike("its files were changed a moment ago") if now - latest < TICK_SECONDS else found
