"""A PostgreSQL of our own: UTF-8, text ordered by ICU's en-US (so not by bytes), durable for nobody."""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg

from tests.servers import certificate
from tests.servers.packages import programs
from tests.servers.process import Owner, Server, free_port

PLACES = [Path("/usr/lib/postgresql/*/bin"), Path("/usr/pgsql-*/bin"), Path("/usr/local/pgsql/bin")]
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_prepared_transactions": "10",
    # With hundreds of databases it starts several processes a second; and statistics are to be there when a test says so.
    "autovacuum": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def make(folder: Path) -> Server:
    """Describe a server that will live in `folder`."""
    return Server("PostgreSQL", folder, Owner(("postgres",)), signal.SIGINT)


def start(server: Server) -> str:
    """Create a cluster, start it, and return the URL of its administrator."""
    folder = server.folder
    binaries = programs("postgres", "postgresql", _places())
    server.owner.take(folder)
    password = secrets.token_hex(12)
    secret = folder / "password"
    secret.write_text(password)
    secret.chmod(0o600)
    server.owner.take(secret)
    server.run([binaries / "initdb", *_initdb_options(folder / "data", secret)])
    secret.unlink()
    certificate.write(folder, server.owner)
    port = free_port()
    url = f"postgresql://hanse:{password}@127.0.0.1:{port}/postgres"
    settings = [word for name, value in {**SETTINGS, **_tls(folder)}.items() for word in ("-c", f"{name}={value}")]
    command: list[str | Path] = [binaries / "postgres", "-D", folder / "data", "-p", str(port), *settings]
    server.start(command, lambda: psycopg.connect(url, connect_timeout=5).close())
    return url


def _tls(folder: Path) -> dict[str, str]:
    files = {"ssl_cert_file": folder / "server.pem", "ssl_key_file": folder / "server.key"}
    return {"ssl": "on"} | {name: str(path) for name, path in files.items()}


def _places() -> list[Path]:
    config = shutil.which("pg_config")
    if not config:
        return PLACES
    told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False).stdout.strip()
    return [*PLACES, Path(told)] if told else PLACES


def _initdb_options(data: Path, secret: Path) -> list[str]:
    return [
        f"--pgdata={data}",
        f"--pwfile={secret}",
        "--username=hanse",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "--locale-provider=icu",
        "--icu-locale=en-US",
        "--no-sync",
        "--no-instructions",
    ]
