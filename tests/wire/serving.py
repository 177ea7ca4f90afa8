"""Starts ``hanse serve`` as a process of its own, and reads what it says."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import yaml

from hanse.server.scram import Verifier
from tests.cli.running import HANSE, environment

START_SECONDS = 60
PASSWORD = "a secret: ünïcode"
USERS = {"ann": {"password": str(Verifier.of_password(PASSWORD)), "groups": ["analysts"]}}


@dataclass
class Served:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    log: Path
    port: int
    """Of PostgreSQL's listener; 0: there is none."""
    http: int = 0

    def dsn(self, **more: Any) -> str:
        """What clients connect with: nobody's name, unless it is given."""
        given = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": "guest",
            "dbname": "hanse",
            "connect_timeout": 20,
            **more,
        }
        return psycopg.conninfo.make_conninfo("", **given)

    def connect(self, **more: Any) -> psycopg.Connection[Any]:
        """A connection of psycopg's, with autocommit."""
        return psycopg.connect(self.dsn(**more), autocommit=True)

    def events(self, name: str) -> list[dict[str, Any]]:
        """What the server has said of that name."""
        return [one for one in read(self.log) if one["event"] == name]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell it to stop; its exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


def read(log: Path) -> list[dict[str, Any]]:
    """Every line that is whole."""
    return [json.loads(line) for line in log.read_text(encoding="utf-8").split("\n")[:-1] if line.startswith("{")]


def configured(folder: Path, sources: dict[str, Any], **more: Any) -> Path:
    """A hanse.yaml with these sources, whose server listens where it is free."""
    whole = {
        "listen": {"postgres": "127.0.0.1:0", "http": "127.0.0.1:0", "drain": 2},
        "users": USERS,
        "auth": {"anonymous": "loopback"},
    }
    for key, value in more.items():
        whole[key] = {**whole[key], **value} if key == "listen" else value
    path = folder / "serve.yaml"
    path.write_text(yaml.safe_dump({"sources": sources, **whole}, sort_keys=False), encoding="utf-8")
    return path


@contextlib.contextmanager
def served(config: Path) -> Iterator[Served]:
    """The server of a configuration, until the end of the block."""
    log = config.with_name(f"log-{os.urandom(4).hex()}")
    with log.open("wb") as written:
        process = subprocess.Popen(
            [HANSE, "serve", "-c", str(config)], env=environment(), stdin=subprocess.DEVNULL, stderr=written
        )
    with process:
        try:
            yield Served(process, log, *_ports(process, log))
        finally:
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(15)
                except subprocess.TimeoutExpired:
                    process.kill()


def _ports(process: subprocess.Popen[bytes], log: Path) -> tuple[int, int]:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if found := [one for one in read(log) if one["event"] == "listening"]:
            postgres, http = (int(found[0].get(name, ":0").rpartition(":")[2]) for name in ("postgres", "http"))
            return postgres, http
        time.sleep(0.02)
    raise RuntimeError(f"hanse serve did not start: {log.read_text(encoding='utf-8')}")
