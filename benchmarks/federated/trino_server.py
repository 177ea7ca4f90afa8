"""A Trino of one node, from the server's tarball as Maven Central has it, under a Java that is new enough."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.federated.peers.base import Unavailable
from tests.servers.process import free_port

VERSION = "476"
JAVA = 24
START_SECONDS = 180
JVM = """-server
-Xmx4G
-XX:+UseG1GC
-XX:+ExitOnOutOfMemoryError
-XX:-OmitStackTraceInFastThrow
-Djdk.attach.allowAttachSelf=true
-Djdk.nio.maxCachedBufferSize=2000000
--add-modules=jdk.incubator.vector
--enable-native-access=ALL-UNNAMED
--sun-misc-unsafe-memory-access=allow
"""
CONFIG = """coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port={port}
discovery.uri=http://127.0.0.1:{port}
node.internal-address=127.0.0.1
catalog.management=dynamic
"""


@contextlib.contextmanager
def trino(folder: Path) -> Iterator[int]:
    """The port of a server that lives until the end; raises Unavailable."""
    java = _java()
    home = _unpacked(folder)
    etc, data, port = folder / "etc", folder / "data", free_port()
    shutil.rmtree(etc, ignore_errors=True)
    shutil.rmtree(data, ignore_errors=True)
    etc.mkdir(parents=True)
    (etc / "jvm.config").write_text(JVM, encoding="utf-8")
    (etc / "config.properties").write_text(CONFIG.format(port=port), encoding="utf-8")
    (etc / "node.properties").write_text(f"node.environment=bench\nnode.id=bench\nnode.data-dir={data}\n", "utf-8")
    with (folder / "log").open("wb") as log:
        command = [str(home / "bin" / "launcher"), "run", f"--etc-dir={etc}"]
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "JAVA_HOME": str(java)})
    try:
        _wait(process, port)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with (
            contextlib.suppress(OSError, ValueError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/v1/info", timeout=2) as answer,
        ):
            if json.load(answer).get("starting") is False:
                return
        time.sleep(0.5)
    raise Unavailable("the server did not start; its log is in the folder")


def _java() -> Path:
    """The home of a Java that is new enough."""
    given = [Path(os.environ["JAVA_HOME"])] if "JAVA_HOME" in os.environ else []
    for home in [*given, *sorted(Path("/usr/lib/jvm").glob("*"), reverse=True)]:
        program = home / "bin" / "java"
        if program.exists():
            said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
            found = re.search(r'version "(\d+)', said)
            if found and int(found[1]) >= JAVA:
                return home
    raise Unavailable(f"Trino {VERSION} needs Java {JAVA}, which is not here")


def _unpacked(folder: Path) -> Path:
    home = folder / f"trino-server-{VERSION}"
    if not home.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _get(folder)
        tarball = folder / f"m2/io/trino/trino-server/{VERSION}/trino-server-{VERSION}.tar.gz"
        subprocess.run(["tar", "xzf", tarball, "-C", folder], check=True)
    return home


def _get(folder: Path) -> None:
    if shutil.which("mvn") is None:
        raise Unavailable("Maven, which would fetch Trino's tarball, is not here")
    artifact = f"-Dartifact=io.trino:trino-server:{VERSION}:tar.gz"
    command = ["mvn", "-q", "-B", "dependency:get", artifact, "-Dtransitive=false"]
    done = subprocess.run(
        [*command, f"-Dmaven.repo.local={folder / 'm2'}"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Unavailable(f"Maven does not find io.trino:trino-server:{VERSION}:tar.gz")
