"""Servers for one run: those that the environment names, and keepers of our own for the rest."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
VARIABLES = {"postgres": "HANSE_TEST_PG_URL", "mariadb": "HANSE_TEST_MYSQL_URL"}
# The authority that signed the server's certificate; whoever gives a server may give this as well.
AUTHORITIES = {"postgres": "HANSE_TEST_PG_CA", "mariadb": "HANSE_TEST_MYSQL_CA"}
# The kinds of servers that were started for the run.
OURS = "HANSE_TEST_OURS"
STOP_SECONDS = 30


@contextlib.contextmanager
def servers(*kinds: str) -> Iterator[dict[str, str]]:
    """Yield environment variables that name a running server of every kind; stop the ones that we started."""
    given = {VARIABLES[kind]: os.environ[VARIABLES[kind]] for kind in kinds if os.environ.get(VARIABLES[kind])}
    missing = [kind for kind in kinds if VARIABLES[kind] not in given]
    keepers = {kind: _keeper(kind) for kind in missing}
    try:
        for kind, keeper in keepers.items():
            answer = _answer(keeper)
            given |= {VARIABLES[kind]: answer["url"], AUTHORITIES[kind]: answer["ca"]}
        if keepers:
            given[OURS] = " ".join({*keepers, *os.environ.get(OURS, "").split()})
        yield given
    finally:
        for keeper in keepers.values():
            _pipe(keeper.stdin).close()
        for keeper in keepers.values():
            _end(keeper)


def is_ours(kind: str) -> bool:
    """Whether the server of the kind goes when the run is over, with all that is in it."""
    return kind in os.environ.get(OURS, "").split()


def _keeper(kind: str) -> subprocess.Popen[bytes]:
    """Start a keeper; it lives in a session of its own and watches the pipe that we hold."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.servers.keeper", kind],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def _answer(keeper: subprocess.Popen[bytes]) -> dict[str, str]:
    line = _pipe(keeper.stdout).readline()
    answer: dict[str, str] = json.loads(line) if line else {"error": "the keeper of a test server ended early"}
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer


def _end(keeper: subprocess.Popen[bytes]) -> None:
    try:
        keeper.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
    _pipe(keeper.stdout).close()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
