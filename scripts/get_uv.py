"""Put a `uv` executable where `make` expects it, on a machine that may have nothing but Python's standard library.

In: the path of the executable to create. Out: that file, or one line on stderr that says what is missing. Nothing
outside that path's folder is written, except by `apt-get` in the last resort, which only root can reach. In this order:

1. a recent `uv` on PATH (linked, not copied);
2. pip, because pip knows how this machine reaches its package index;
3. the wheel itself: a wheel is a zip file, and its SHA-256 is written below, so not even certificates are needed;
4. as root, pip from the distribution, then step 2 again.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

VERSION = "0.13.9"
OLDEST = (0, 9)
FILES = "https://files.pythonhosted.org/packages"
# (system, machine) -> folder on the file host, platform tag, SHA-256
WHEELS = {
    ("Linux", "x86_64"): (
        "3d/aa/26d64642d808de4a652579ef950d7cd2d37f080a8babf9c67c6b75fc4c3f",
        "manylinux_2_17_x86_64.manylinux2014_x86_64",
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ),
    ("Linux", "aarch64"): (
        "57/15/94b6cd62ac3ff6550288328e8035288875197cbc183f51554b266a69877b",
        "manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64",
        "5435c5ce14a56431208ca0996416d310f1598e8c2c8ba707688985a16bb82dbe",
    ),
    ("Darwin", "arm64"): (
        "f3/a7/a8d7b074798c7fb3b26b37584b8fe2e29df2ccdc24ce7902caab2a53edbf",
        "macosx_11_0_arm64",
        "66c512266d633bef48384a1f53003f41f2a8e7b36fe6e7fbfd3e0fd52d96fa63",
    ),
}


def from_path(target: Path) -> bool:
    """Link to a `uv` that is already installed and new enough to read our lock file."""
    found = shutil.which("uv")
    if not found:
        return False
    answer = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
    version = re.match(r"uv (\d+)\.(\d+)", answer)
    if not version or (int(version[1]), int(version[2])) < OLDEST:
        return False
    target.symlink_to(found)
    return True


def from_pip(target: Path) -> bool:
    """Let pip fetch the wheel into a folder of its own; the interpreter's packages stay as they are."""
    folder = target.parent / "pip"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-warn-script-location", "--root-user-action=ignore", "--only-binary=:all:"]
    command += ["--no-cache-dir", "--upgrade", "--target", str(folder), f"uv=={VERSION}"]
    done = subprocess.run(command, capture_output=True, check=False)
    executable = folder / "bin" / "uv"
    if done.returncode or not executable.exists():
        return False
    target.symlink_to(executable.relative_to(target.parent))
    return True


def from_wheel(target: Path) -> bool:
    """Download the pinned wheel, check its digest, and take the one file that is needed out of it."""
    entry = WHEELS.get((platform.system(), platform.machine()))
    if entry is None:
        return False
    folder, tag, digest = entry
    try:
        content = _download(f"{FILES}/{folder}/uv-{VERSION}-py3-none-{tag}.whl")
    except OSError as error:
        print(f"get_uv: {error}", file=sys.stderr)
        return False
    if hashlib.sha256(content).hexdigest() != digest:
        print("get_uv: the downloaded wheel does not have the expected SHA-256", file=sys.stderr)
        return False
    wheel = zipfile.ZipFile(io.BytesIO(content))
    target.write_bytes(wheel.read(f"uv-{VERSION}.data/scripts/uv"))
    target.chmod(0o755)
    return True


def _download(url: str) -> bytes:
    """Fetch `url`; where this machine has no usable certificates the pinned digest alone vouches for the content."""
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:
            return bytes(answer.read())
    except urllib.error.URLError as error:
        if not isinstance(error.reason, ssl.SSLCertVerificationError):
            raise
    unverified = ssl._create_unverified_context()
    with urllib.request.urlopen(url, timeout=120, context=unverified) as answer:
        return bytes(answer.read())


def from_apt(target: Path) -> bool:
    """As root on a Debian-like system: install pip, then ask pip."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", "python3-pip"]):
        subprocess.run(["apt-get", *words], env=quiet, stdout=subprocess.DEVNULL, check=False)
    return from_pip(target)


WAYS: tuple[Callable[[Path], bool], ...] = (from_path, from_pip, from_wheel, from_apt)


def main() -> int:
    """Try each way until one of them worked."""
    target = Path(sys.argv[1]).absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if any(way(target) for way in WAYS):
        return 0
    print(
        f"get_uv: could not get uv {VERSION}: no pip here, and {FILES} could not be read.\n"
        "        Check the network, or install uv (https://docs.astral.sh/uv/) and run make again.",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
