"""A Trino of one node that lives for one run; it opens catalogs while it runs."""

import contextlib
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.federated.peers.base import Unavailable
from benchmarks.federated.trino.client import Client
from benchmarks.federated.trino.releases import Java, Release, chosen, javas, unpacked
from tests.servers.process import Owner, Server, free_port

START_SECONDS = 180
JVM = (
    "-server",
    "-Xmx6G",
    "-XX:+UseG1GC",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-OmitStackTraceInFastThrow",
    "-XX:ReservedCodeCacheSize=512M",
    "-Djdk.attach.allowAttachSelf=true",
    "-Djdk.nio.maxCachedBufferSize=2000000",
    "--add-modules=jdk.incubator.vector",
)
CONFIG = """coordinator=true
node-scheduler.include-coordinator=true
http-server.http.port={port}
discovery.uri=http://127.0.0.1:{port}
node.internal-address=127.0.0.1
catalog.management=dynamic
query.max-memory-per-node=3GB
"""
NODE = "node.environment=bench\nnode.id=bench\nnode.bind-ip=127.0.0.1\nnode.data-dir={data}\n"


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    client: Client
    release: Release
    java: Java
    folder: Path
    """What is written there, the server may read and write."""

    @property
    def version(self) -> str:
        """Release and Java."""
        return f"{self.release.version}, Java {self.java.version}"


@contextlib.contextmanager
def trino(folder: Path) -> Iterator[Running]:
    """A server that lives until the end, its programs kept in ``folder``; raises Unavailable."""
    release, java = chosen(javas())
    folder.mkdir(parents=True, exist_ok=True)
    home = unpacked(release, folder)
    run, port = folder / "run", free_port()
    shutil.rmtree(run, ignore_errors=True)
    server = Server("Trino", run, Owner(("nobody",)), signal.SIGTERM, START_SECONDS)
    _configured(server, release, port)
    client = Client(port)
    command = ["env", f"JAVA_HOME={java.home}", str(home / "bin" / "launcher"), "run", f"--etc-dir={run / 'etc'}"]
    try:
        try:
            server.start(command, client.check_started)
        except RuntimeError:
            raise Unavailable(f"Trino {release.version} did not start: see {server.log}") from None
        yield Running(client, release, java, run)
    finally:
        server.stop()


def _configured(server: Server, release: Release, port: int) -> None:
    """A fresh folder with the server's settings."""
    etc, data = server.folder / "etc", server.folder / "data"
    for place in (server.folder, etc, data):
        place.mkdir()
        server.owner.take(place)
    (etc / "jvm.config").write_text("\n".join((*JVM, *release.jvm, "")), encoding="utf-8")
    (etc / "config.properties").write_text(CONFIG.format(port=port), encoding="utf-8")
    (etc / "node.properties").write_text(NODE.format(data=data), encoding="utf-8")
