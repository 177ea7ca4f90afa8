"""TLS: with the certificate checked, with SCRAM bound to it, and nothing before it taken for what came after."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.servers import certificate
from tests.servers.process import Owner
from tests.wire.conftest import SOURCES
from tests.wire.serving import PASSWORD, Served, configured, served
from tests.wire.web import basic

SSL_REQUEST = struct.pack(">ii", 8, 80877103)


@pytest.fixture(scope="module")
def secure(stores: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, str]]:
    folder = tmp_path_factory.mktemp("secure")
    certificate.write(folder, Owner(()))
    sources = {name: {**one, "path": str(stores / one["path"])} for name, one in SOURCES.items()}
    config = configured(folder, sources, tls={"cert": "server.pem", "key": "server.key"}, auth={"anonymous": "off"})
    with served(config) as started:
        yield started, str(folder / "ca.pem")


def test_a_login_is_bound_to_the_certificate(secure) -> None:
    server, authority = secure
    wanted = {"sslmode": "verify-full", "sslrootcert": authority, "channel_binding": "require"}
    with server.connect(user="ann", password=PASSWORD, **wanted) as connection:
        assert connection.pgconn.ssl_in_use
        rows = connection.execute("SELECT n, s FROM lake.numbers").fetchall()
    assert len(rows) == 300_000
    assert server.events("connected")[-1]["tls"] is True


def test_without_binding_and_without_tls(secure) -> None:
    server, _ = secure
    for mode in ("require", "disable"):
        with server.connect(user="ann", password=PASSWORD, sslmode=mode, channel_binding="disable") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_nobody_gets_in_without_being_a_user(secure) -> None:
    server, _ = secure
    said = []
    for user in ("ann", "eve"):
        with pytest.raises(psycopg.OperationalError) as failure:
            server.connect(user=user, password="wrong", sslmode="require")
        said.append(str(failure.value).replace(user, "x"))
    assert said[0] == said[1]


def test_what_is_sent_before_tls_is_not_taken_as_if_it_came_after(secure) -> None:
    server, _ = secure
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(SSL_REQUEST + b"\0\0\0\x08\x04\xd2\x16\x2f")
        answer = raw.recv(1000)
        assert answer[:1] == b"S"
        assert raw.recv(1000)[:1] in (b"E", b"") or b"unencrypted" in answer
    with server.connect(user="ann", password=PASSWORD) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_handshake_that_is_none(secure) -> None:
    server, _ = secure
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as raw:
        raw.sendall(SSL_REQUEST)
        assert raw.recv(1) == b"S"
        raw.sendall(b"this is no handshake at all, and never will be")
        while raw.recv(1000):
            pass
    with server.connect(user="ann", password=PASSWORD) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_http_is_https_and_takes_passwords_there(secure) -> None:
    server, authority = secure
    context = ssl.create_default_context(cafile=authority)
    url = f"https://127.0.0.1:{server.http}/v1/query"
    headers = {"Content-Type": "application/json", **basic("ann", PASSWORD)}
    request = urllib.request.Request(url, b'{"sql": "SELECT 1"}', headers)
    with urllib.request.urlopen(request, context=context, timeout=60) as reply:
        assert json.load(reply)["rows"] == [[1]]
    with pytest.raises(OSError, match=r".+"), urllib.request.urlopen(url.replace("https", "http"), timeout=60):
        pass
