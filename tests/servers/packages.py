"""Find the programs of a database server; as root, install the distribution's package when there are none.

The packaged service itself is neither started nor used: the tests run clusters of their own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

POLICY = Path("/usr/sbin/policy-rc.d")


class ServerMissing(RuntimeError):
    """There is no server program, and this user cannot install one."""


def programs(name: str, package: str, folders: list[Path]) -> Path:
    """Return the folder that holds the server program `name`, installing `package` if need be."""
    found = _search(name, folders)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        with _one_at_a_time():
            found = _search(name, folders)
            if found is None:
                _install(package)
                found = _search(name, folders)
    if found is None:
        raise ServerMissing(
            f"{name} is not installed, and only root can install it: run `apt-get install postgresql mariadb-server` as "
            "root, or name running servers in HANSE_TEST_PG_URL and HANSE_TEST_MYSQL_URL"
        )
    return found


def _search(name: str, folders: list[Path]) -> Path | None:
    for folder in (place for pattern in folders for place in _newest_first(pattern)):
        if (folder / name).exists():
            return folder
    on_path = shutil.which(name)
    return Path(on_path).parent if on_path else None


def _newest_first(pattern: Path) -> list[Path]:
    places = Path("/").glob(str(pattern.relative_to("/")))
    return sorted(places, key=lambda place: [int(part) for part in place.parts if part.isdigit()], reverse=True)


def _install(package: str) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    options = ["-qq", "-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    with _services_stay_down():
        for words in (["update", "-qq"], ["install", *options, package]):
            done = subprocess.run(["apt-get", *words], env=quiet, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ServerMissing(f"apt-get {words[0]} for {package} failed: {done.stderr.strip()[-500:]}")


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let two keepers install one after the other; the lock is on this very file, so nothing is left behind."""
    with Path(__file__).open() as this:
        fcntl.flock(this, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _services_stay_down() -> Iterator[None]:
    """Tell Debian not to start what it installs; the file is the documented way, and it goes afterwards."""
    ours = not POLICY.exists()
    if ours:
        POLICY.write_text("#!/bin/sh\nexit 101\n")
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)
