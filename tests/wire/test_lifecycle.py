"""How a server starts, stops, and says so; and what it does with those who are no clients."""

from __future__ import annotations

import os
import signal
import socket
import struct
import threading
import time
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from tests.cli.running import hanse
from tests.wire.conftest import SOURCES
from tests.wire.serving import PASSWORD, configured, served
from tests.wire.test_psycopg import SLOW


def sources(stores: Path) -> dict[str, dict[str, str]]:
    return {name: {**one, "path": str(stores / one["path"])} for name, one in SOURCES.items()}


def test_a_running_query_ends_before_the_server_does(stores: Path, tmp_path: Path) -> None:
    with served(configured(tmp_path, sources(stores), listen={"drain": 20})) as server:
        idle, busy = server.connect(), server.connect()
        rows: list[int] = []
        begun = threading.Event()

        def read() -> None:
            for row in busy.cursor().stream("SELECT n FROM lake.numbers"):
                if not rows:
                    begun.set()
                    time.sleep(1)  # the answer is under way while the server is told to stop
                rows.append(row[0])

        reader = threading.Thread(target=read)
        reader.start()
        assert begun.wait(20)
        assert server.stop() == 0
        reader.join()
        assert len(rows) == 300_000
        with pytest.raises(psycopg.OperationalError):
            idle.execute("SELECT 1")
        assert [one["event"] for one in server.events("draining") + server.events("stopped")] == ["draining", "stopped"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_takes_too_long_is_ended(stores: Path, tmp_path: Path, number: int) -> None:
    with served(configured(tmp_path, sources(stores), listen={"drain": 0.3})) as server:
        connection = server.connect()
        connection.pgconn.send_query(SLOW.encode())
        time.sleep(0.7)
        started = time.monotonic()
        assert server.stop(number) == 0
        assert time.monotonic() - started < 6
        connection.close()


def test_there_are_no_more_connections_than_there_may_be(stores: Path, tmp_path: Path) -> None:
    with served(configured(tmp_path, sources(stores), listen={"connections": 2, "login_timeout": 0.7})) as server:
        one, two = server.connect(), server.connect()
        with pytest.raises(psycopg.OperationalError, match="too many clients"):
            server.connect()
        one.close()
        two.close()
        time.sleep(0.2)
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as silent:
            started = time.monotonic()
            assert b"timeout" in silent.recv(1000)
            assert time.monotonic() - started < 5
        with server.connect() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_idle_connections_cost_no_thread(server) -> None:
    def threads() -> int:
        return len(os.listdir(f"/proc/{server.process.pid}/task"))

    with server.connect() as connection:
        connection.execute("SELECT 1")
        before = threads()
        many = [server.connect() for _ in range(50)]
        assert threads() < before + 10
        for one in many:
            one.close()


def test_hostile_bytes_end_a_connection_and_nothing_else(server) -> None:
    start = struct.pack(">i", 3 << 16) + b"user\0guest\0\0"
    start = struct.pack(">i", len(start) + 4) + start
    for sent in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"\0\0\0\0",
        b"\xff" * 100,
        b"\0\0\0\x08\0\0\0\0",
        start + b"Q\xff\xff\xff\xff",
        start + b"Q\0\0\0\x05",
        start + b"?\0\0\0\x04",
        start + b"Q\0\0\0\x07ab",
    ):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
            raw.sendall(sent)
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(65_536):
                pass
    with server.connect() as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert server.events("bug") == []


def test_the_log_has_no_secrets_and_no_values(server) -> None:
    with server.connect(user="ann", password=PASSWORD) as connection:
        with pytest.raises(errors.InvalidTextRepresentation):
            connection.execute("SELECT CAST(%s AS int)", ("hidden value",))
        connection.execute("SELECT %s", ("hidden value",))
    with pytest.raises(psycopg.OperationalError):
        server.connect(user="ann", password="hidden password")
    text = server.log.read_text(encoding="utf-8")
    assert server.events("failed")[-1]["code"] == "22P02"
    assert server.events("refused")[-1] | {"time": ""} == {
        "time": "", "level": "warning", "event": "refused", "peer": "127.0.0.1", "user": "ann", "code": "28P01"
    }  # fmt: skip
    assert [one for one in ("hidden", PASSWORD, "SELECT") if one in text] == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"users": {}, "auth": {"anonymous": "off"}}, "nobody may log in"),
        ({"listen": {"htttp": "127.0.0.1:8080"}}, "unknown key listen.htttp"),
        ({"listen": {"http": "nowhere"}}, "listen.http: Value error, is no address"),
        ({"listen": {"postgres": False, "http": "off"}}, "listen: everything is off"),
        ({"listen": {"postgres": "nowhere"}}, "listen.postgres: Value error, is no address"),
        ({"listen": {"postgres": "203.0.113.1:5439"}}, "listen.postgres: cannot listen at 203.0.113.1:5439"),
        ({"users": {"ann": {"password": "plain"}}}, "users.ann.password: Value error, is no SCRAM-SHA-256 verifier"),
        ({"tls": {"cert": "nowhere.pem", "key": "nowhere.key"}}, "tls: cannot use nowhere.pem"),
    ],
)
def test_a_bad_configuration_is_one_clear_line(tmp_path: Path, more: dict[str, object], said: str) -> None:
    configured(tmp_path, {}, **more)
    done = hanse(tmp_path, "serve", "-c", "serve.yaml")
    assert done.code == 2
    assert done.first.startswith(f"error F0000: {said}")
    assert "plain" not in done.err.replace("explain", "")


def test_a_port_that_is_taken(server, tmp_path: Path) -> None:
    configured(tmp_path, {}, listen={"postgres": f"127.0.0.1:{server.port}"})
    done = hanse(tmp_path, "serve", "-c", "serve.yaml")
    assert (done.code, "address already in use" in done.err) == (2, True)


def test_a_users_line_can_be_put_into_the_configuration(stores: Path, tmp_path: Path) -> None:
    done = hanse(tmp_path, "user", "add", "bo", "-g", "sales", stdin=b"pass word\n")
    assert done.code == 0
    config = configured(tmp_path, sources(stores), users={}, auth={"anonymous": "off"})
    text = config.read_text(encoding="utf-8").replace("users: {}\n", done.out)
    config.write_text(text, encoding="utf-8")
    with served(config) as server, server.connect(user="bo", password="pass word") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
