"""Which Trino runs under the Java that is here, and how its tarball comes: by Maven, once."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.federated.peers.base import Unavailable

JVMS = Path("/usr/lib/jvm")
DOWNLOAD_SECONDS = 900


@dataclass(frozen=True)
class Release:
    """A release as Maven Central has it, the oldest Java that it runs under, and what differs between releases."""

    version: str
    java: int
    jvm: tuple[str, ...]
    """Options of the virtual machine that only this Java knows."""
    local_files: tuple[tuple[str, str], ...]
    """Options of a catalog that reads files of this machine; {folder} is the one that holds them."""
    files_url: str
    """What stands before a path below that folder."""


RELEASES = (
    Release(
        "476",
        24,
        ("--sun-misc-unsafe-memory-access=allow", "--enable-native-access=ALL-UNNAMED"),
        (("fs.native-local.enabled", "true"), ("local.location", "{folder}")),
        "local:///",
    ),
    Release("435", 17, (), (), "file://{folder}/"),
)
"""Newest first. 476 is the last whose server is in Maven Central, 435 the last for Java 17."""


@dataclass(frozen=True)
class Java:
    """A Java of this machine."""

    home: Path
    version: int


def javas() -> list[Java]:
    """Every Java that is found, newest first."""
    given = [Path(os.environ["JAVA_HOME"])] if "JAVA_HOME" in os.environ else []
    found = {home.resolve() for home in [*given, *JVMS.glob("*")] if (home / "bin" / "java").exists()}
    known = [Java(home, _version(home)) for home in found]
    return sorted(known, key=lambda java: java.version, reverse=True)


def _version(home: Path) -> int:
    said = subprocess.run([home / "bin" / "java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found[1]) if found else 0


def chosen(here: list[Java]) -> tuple[Release, Java]:
    """The newest release that a Java of these runs, with that Java; raises Unavailable."""
    for release in RELEASES:
        for java in here:
            if java.version >= release.java:
                return release, java
    newest = f"the newest here is {here[0].version}" if here else "there is none here"
    raise Unavailable(f"Trino {RELEASES[-1].version} needs Java {RELEASES[-1].java}, and {newest}")


def unpacked(release: Release, folder: Path) -> Path:
    """The folder of the server's programs, fetched when it is first asked for; raises Unavailable."""
    home = folder / f"trino-server-{release.version}"
    if not home.exists():
        tarball, new = _fetched(release, folder), folder / "new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        subprocess.run(["tar", "xzf", tarball, "-C", new], check=True)
        (new / home.name).rename(home)
        shutil.rmtree(folder / "m2")
    return home


def _fetched(release: Release, folder: Path) -> Path:
    name = f"io.trino:trino-server:{release.version}:tar.gz"
    if shutil.which("mvn") is None:
        raise Unavailable(f"Maven, which would fetch {name}, is not here")
    print(f"# fetching {name}", flush=True)
    repository = folder / "m2"
    options = ["-q", "-B", f"-Dartifact={name}", "-Dtransitive=false", f"-Dmaven.repo.local={repository}"]
    try:
        done = subprocess.run(
            ["mvn", "dependency:get", *options], capture_output=True, text=True, check=False, timeout=DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"Maven did not fetch {name} within {DOWNLOAD_SECONDS} seconds") from None
    if done.returncode:
        raise Unavailable(f"Maven does not find {name}")
    return repository / f"io/trino/trino-server/{release.version}/trino-server-{release.version}.tar.gz"
