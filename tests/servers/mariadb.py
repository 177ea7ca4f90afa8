"""A MariaDB of our own: utf8mb4 under its default collation, no binary log, durable for nobody."""

from __future__ import annotations

import secrets
import signal
from pathlib import Path
from typing import Any

import pymysql

from tests.servers import certificate
from tests.servers.packages import programs
from tests.servers.process import Owner, Server, free_port

PLACES = [Path("/usr/sbin"), Path("/usr/libexec"), Path("/usr/local/sbin")]
OPTIONS = [
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--performance-schema=OFF",
    "--max-connections=200",
    "--max-allowed-packet=64M",
    "--character-set-server=utf8mb4",
    "--default-time-zone=+00:00",
    "--local-infile=ON",
    "--innodb-buffer-pool-size=128M",
    "--innodb-log-file-size=48M",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=nosync",
]
ADMINISTRATOR = """\
CREATE USER IF NOT EXISTS 'hanse'@'%' IDENTIFIED BY '{password}';
GRANT ALL PRIVILEGES ON *.* TO 'hanse'@'%' WITH GRANT OPTION;
"""


def make(folder: Path) -> Server:
    """Describe a server that will live in `folder`."""
    return Server("MariaDB", folder, Owner(("mysql",)), signal.SIGTERM)


def start(server: Server, *more: str) -> str:
    """Create a data folder, start a server on it with ``more`` options, and return the URL of its administrator."""
    folder = server.folder
    binaries = programs("mariadbd", "mariadb-server", PLACES)
    installer = programs("mariadb-install-db", "mariadb-server", [Path("/usr/bin"), Path("/usr/local/bin")])
    server.owner.take(folder)
    data, temporary = folder / "data", folder / "temporary"
    temporary.mkdir()
    server.owner.take(temporary)
    # A server that starts removes what others have in a folder for temporary tables that they share.
    own = [f"--datadir={data}", f"--tmpdir={temporary}"]
    server.run([installer / "mariadb-install-db", "--no-defaults", *own, *_install_options()])
    password = secrets.token_hex(12)
    script = folder / "administrator.sql"
    script.write_text(ADMINISTRATOR.format(password=password))
    script.chmod(0o600)
    server.owner.take(script)
    certificate.write(folder, server.owner)
    port = free_port()
    places = [*own, f"--socket={folder}/socket", f"--pid-file={folder}/pid", f"--port={port}"]
    tls = [f"--ssl-cert={folder}/server.pem", f"--ssl-key={folder}/server.key", f"--ssl-ca={folder}/ca.pem"]
    command: list[str | Path] = [
        binaries / "mariadbd",
        "--no-defaults",
        *places,
        f"--init-file={script}",
        *OPTIONS,
        *more,
        *tls,
    ]
    login: dict[str, Any] = {"host": "127.0.0.1", "port": port, "user": "hanse", "password": password}
    server.start(command, lambda: pymysql.connect(**login, connect_timeout=5).close())
    return f"mysql://hanse:{password}@127.0.0.1:{port}/"


def _install_options() -> list[str]:
    return ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"]
