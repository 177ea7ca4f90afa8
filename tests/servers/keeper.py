"""Own one server for as long as somebody holds the other end of stdin: `python -m tests.servers.keeper postgres|mariadb`.

Out: one line of JSON, `{"url": ..., "ca": ...}` or `{"error": ...}`. The keeper stands in a session of its own, so
Ctrl-C does not reach it; the end of its parent, however sudden, closes the pipe: the server stops and its folder goes.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import Any

from tests.servers import mariadb, postgres

KINDS: dict[str, Any] = {"postgres": postgres, "mariadb": mariadb}


def main() -> int:
    """Start, say where, wait, stop."""
    signal.signal(signal.SIGTERM, _leave)
    kind = sys.argv[1]
    scratch = Path(tempfile.mkdtemp(prefix=f"hanse-{kind}-"))
    scratch.chmod(0o755)
    folder = scratch / "server"
    folder.mkdir()
    try:
        return _keep(kind, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _keep(kind: str, folder: Path) -> int:
    server = KINDS[kind].make(folder)
    try:
        url = KINDS[kind].start(server)
        print(json.dumps({"url": url, "ca": str(folder / "ca.pem")}), flush=True)
        sys.stdin.buffer.read()
    except Exception as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    finally:
        server.stop()
    return 0


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
