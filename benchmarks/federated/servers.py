"""A PostgreSQL and a MariaDB whose data stay in a folder between runs; for this machine only."""

import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

import psycopg
import pymysql

from tests.servers import mariadb as test_mariadb
from tests.servers import postgres as test_postgres
from tests.servers.packages import programs
from tests.servers.process import Owner, Server, free_port

POSTGRES = {**test_postgres.SETTINGS, "shared_buffers": "1GB", "effective_cache_size": "4GB", "work_mem": "64MB"}
POSTGRES |= {"max_wal_size": "4GB", "maintenance_work_mem": "512MB"}
INITDB = ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
MARIADB = [*test_mariadb.OPTIONS, "--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M"]
USER = "CREATE USER IF NOT EXISTS 'bench'@'%' IDENTIFIED BY '{0}';\nGRANT ALL PRIVILEGES ON *.* TO 'bench'@'%';\n"

T = TypeVar("T")


class WhenAsked(Generic[T]):
    """A server that starts when somebody first asks for it, and stops with the stack; one that failed is not tried again."""

    def __init__(self, stack: contextlib.ExitStack, server: Callable[[], contextlib.AbstractContextManager[T]]) -> None:
        self._stack, self._server = stack, server
        self._started: list[T] = []
        self._failure: Exception | None = None

    def __call__(self) -> T:
        """What the server yields; raises what starting it raised."""
        if self._failure is not None:
            raise self._failure
        if not self._started:
            try:
                self._started.append(self._stack.enter_context(self._server()))
            except Exception as failure:
                self._failure = failure
                raise
        return self._started[0]


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """The URL of the administrator of the PostgreSQL whose data are in ``folder``."""
    server = _server("PostgreSQL", folder, "postgres", signal.SIGINT)
    binaries = programs("postgres", "postgresql", test_postgres.PLACES)
    password = _password(server)
    if not (folder / "data" / "PG_VERSION").exists():
        options = [f"--pgdata={folder / 'data'}", f"--pwfile={folder / 'password'}", "--username=bench", "--no-sync"]
        server.run([binaries / "initdb", *options, *INITDB])
    port = free_port()
    url = f"postgresql://bench:{password}@127.0.0.1:{port}/postgres"
    settings = [word for name, value in POSTGRES.items() for word in ("-c", f"{name}={value}")]
    (folder / "data" / "postmaster.pid").unlink(missing_ok=True)
    try:
        server.start(
            [binaries / "postgres", "-D", folder / "data", "-p", str(port), *settings],
            lambda: psycopg.connect(url, connect_timeout=5).close(),
        )
        yield url
    finally:
        server.stop()


@contextlib.contextmanager
def mariadb(folder: Path) -> Iterator[str]:
    """The URL of the administrator of the MariaDB whose data are in ``folder``."""
    server = _server("MariaDB", folder, "mysql", signal.SIGTERM)
    binaries = programs("mariadbd", "mariadb-server", test_mariadb.PLACES)
    password = _password(server)
    if not (folder / "data" / "mysql").exists():
        installer = programs("mariadb-install-db", "mariadb-server", [Path("/usr/bin"), Path("/usr/local/bin")])
        options = ["--no-defaults", f"--datadir={folder / 'data'}", "--skip-test-db", "--skip-name-resolve"]
        server.run([installer / "mariadb-install-db", *options, "--auth-root-authentication-method=normal"])
    script = folder / "user.sql"
    _secret(server, script, USER.format(password))
    port = free_port()
    places = [f"--datadir={folder / 'data'}", f"--socket={folder}/socket", f"--pid-file={folder}/pid", f"--port={port}"]
    login = {"host": "127.0.0.1", "port": port, "user": "bench", "password": password}
    try:
        server.start(
            [binaries / "mariadbd", "--no-defaults", *places, f"--init-file={script}", *MARIADB],
            lambda: pymysql.connect(**login).close(),  # type: ignore[call-overload]
        )
        yield f"mysql://bench:{password}@127.0.0.1:{port}/"
    finally:
        server.stop()


def _server(name: str, folder: Path, account: str, stop: signal.Signals) -> Server:
    folder.mkdir(parents=True, exist_ok=True)
    server = Server(name, folder, Owner((account,)), stop)
    server.owner.take(folder)
    return server


def _password(server: Server) -> str:
    file = server.folder / "password"
    if not file.exists():
        _secret(server, file, secrets.token_hex(12))
    return file.read_text(encoding="utf-8")


def _secret(server: Server, file: Path, text: str) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    server.owner.take(file)
