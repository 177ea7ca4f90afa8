"""Who may come in over HTTP, which requests are none, and how the listener ends."""

from __future__ import annotations

import json
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from hanse.server.http.app import routes
from hanse.server.http.standing import openapi
from tests.wire.serving import PASSWORD, Served, configured, served
from tests.wire.test_http import JSON, LINES, until
from tests.wire.test_lifecycle import sources
from tests.wire.web import ask, basic, call, connected

ONE = {"sql": "SELECT 1"}


def test_the_contract_has_the_routes_that_there_are(server: Served) -> None:
    found = {
        (one.path, method.lower())
        for one in routes(SimpleNamespace(engine=SimpleNamespace(catalog=None)), None)
        for method in one.methods
    }
    told = {
        (path, method) for path, methods in openapi()["paths"].items() for method in methods if method != "parameters"
    }
    assert told == {one for one in found if one[1] != "head"}


def test_a_user_by_password(server: Served) -> None:
    reply = call(server, "POST", "/v1/query", ONE, **basic("ann", PASSWORD))
    assert reply.json["rows"] == [[1]]
    record = "SELECT \"user\" FROM system.queries WHERE statement = 'SELECT ?' AND \"user\" = 'ann'"
    assert ["ann"] in ask(server, record).json["rows"]


@pytest.mark.parametrize(("user", "password"), [("ann", "wrong"), ("ann", "")])
def test_a_wrong_password(server: Served, user: str, password: str) -> None:
    reply = call(server, "POST", "/v1/query", ONE, **basic(user, password))
    assert (reply.status, reply.error["code"]) == (401, "28P01")
    assert reply.headers["www-authenticate"].startswith("Basic ")


@pytest.mark.parametrize("header", ["Basic", "Basic !", "Basic YQ==", "Bearer x", "x"])
def test_what_is_no_password(server: Served, header: str) -> None:
    assert call(server, "POST", "/v1/query", ONE, Authorization=header).status in (400, 401)


def test_a_wrong_password_and_nobody_look_alike(stores: Path, tmp_path: Path) -> None:
    with served(configured(tmp_path, sources(stores), auth={"anonymous": "off"})) as server:
        assert call(server, "POST", "/v1/query", ONE).status == 401
        assert call(server, "GET", "/metrics").status == 401
        assert call(server, "GET", "/healthz").status == 200
        replies = [call(server, "POST", "/v1/query", ONE, **basic(name, "wrong")) for name in ("ann", "bob")]
        assert replies[0].body.replace(b"ann", b"") == replies[1].body.replace(b"bob", b"")
        assert replies[0].headers | {"date": ""} == replies[1].headers | {"date": ""}
        assert call(server, "POST", "/v1/query", ONE, **basic("ann", PASSWORD)).status == 200
        assert {one["user"] for one in server.events("refused")} >= {"ann", "bob"}
        text = server.log.read_text(encoding="utf-8")
    assert [one for one in ("wrong", PASSWORD, "SELECT") if one in text] == []


def test_pages_of_others_may_not_ask(server: Served) -> None:
    def status(**headers: str) -> int:
        return call(server, "POST", "/v1/query", ONE, **headers).status

    assert status(Host="rebound.example") == 421
    assert status(Host="") == 421
    assert status(Host=f"localhost:{server.http}") == 200
    assert status(Host=f"[::1]:{server.http}") == 200
    assert status(Origin="https://evil.example") == 403
    assert status(Origin="null") == 403
    assert status(Origin=f"http://127.0.0.1:{server.http}", Host=f"127.0.0.1:{server.http}") == 200
    assert status(Sec_Fetch_Site="cross-site") == 403
    assert status(Content_Type="text/plain") == 415
    assert call(server, "OPTIONS", "/v1/query", Origin="https://evil.example").status == 403


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "22032"),
        (b"{", "22032"),
        (b"[]", "22032"),
        (b"\xff", "22021"),
        (b'{"sql": 1}', "22023"),
        (b'{"sql": "SELECT 1", "parameter": []}', "22023"),
        (b'{"sql": "SELECT 1", "parameters": 1}', "07001"),
        (b'{"sql": "SELECT 1", "settings": []}', "22023"),
        (b'{"sql": "SELECT 1", "settings": {"tags": {}}}', "22023"),
        (b'{"sql": "SELECT $1", "parameters": [NaN]}', "22032"),
        (b'{"sql": "SELECT $1", "parameters": [1e999999999999999999]}', "22003"),
        (b'{"sql": "SELECT $1", "parameters": [' + b"9" * 5000 + b"]}", "22032"),
        (b'{"sql": "SELECT $1", "parameters": [1e400]}', "22003"),
        (b"[" * 100_000, "22032"),
    ],
)
def test_bodies_that_are_none(server: Served, body: bytes, code: str) -> None:
    reply = call(server, "POST", "/v1/query", body, Content_Type=JSON)
    assert (reply.status, reply.error["code"]) == (400, code)


def test_a_body_that_is_too_large(server: Served) -> None:
    with connected(server) as connection:
        connection.putrequest("POST", "/v1/query")
        connection.putheader("Content-Type", JSON)
        connection.putheader("Content-Length", str(10**9))
        connection.endheaders()
        try:
            for _ in range(40):
                connection.send(b" " * 1_000_000)
        except OSError:  # the server has said so, and closed
            pass
    assert server.events("bug") == []
    assert ask(server, "SELECT 1").status == 200


def test_hostile_bytes_end_a_connection_and_nothing_else(server: Served) -> None:
    for sent in (
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"\xff" * 1000,
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: x\r\n\r\n",
        b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nx: " + b"a" * 200_000,
        b"GET /%ff%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ):
        with socket.create_connection(("127.0.0.1", server.http), timeout=20) as raw:
            try:
                raw.sendall(sent)
                raw.shutdown(socket.SHUT_WR)
                while raw.recv(65_536):
                    pass
            except OSError:  # closed while more was sent
                pass
    assert call(server, "GET", "/healthz").status == 200
    assert server.events("bug") == []


def test_http_1_0_is_refused(server: Served) -> None:
    with socket.create_connection(("127.0.0.1", server.http), timeout=20) as raw:
        raw.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        assert b" 505 " in raw.recv(1000)


def test_a_client_has_its_time_for_a_request(stores: Path, tmp_path: Path) -> None:
    head = b"POST /v1/query HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
    with served(configured(tmp_path, sources(stores), listen={"login_timeout": 0.7})) as server:
        for sent, said in ((b"", b""), (b"GET / HT", b""), (head, b" 408 ")):
            with socket.create_connection(("127.0.0.1", server.http), timeout=20) as raw:
                raw.sendall(sent)
                assert said in raw.recv(1000)


def test_there_are_no_more_connections_than_there_may_be(stores: Path, tmp_path: Path) -> None:
    with served(configured(tmp_path, sources(stores), listen={"connections": 2})) as server:
        with connected(server) as one, server.connect():
            one.connect()
            assert call_raw(server).startswith(b"HTTP/1.1 429 ")
        until(lambda: not call_raw(server).startswith(b"HTTP/1.1 429 "))


def call_raw(server: Served) -> bytes:
    with socket.create_connection(("127.0.0.1", server.http), timeout=20) as raw:
        raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return raw.recv(1000)


def test_an_answer_ends_before_the_server_does(stores: Path, tmp_path: Path) -> None:
    config = configured(tmp_path, sources(stores), listen={"drain": 20})
    with served(config) as server, connected(server) as idle, connected(server) as busy:
        idle.request("GET", "/healthz")
        assert idle.getresponse().read() == b"ok\n"
        body = json.dumps({"sql": "SELECT n, repeat('x', 100) FROM lake.numbers"})
        busy.request("POST", "/v1/query", body, {"Content-Type": JSON, "Accept": LINES})
        response = busy.getresponse()
        found = [response.read(1000)]
        ended: list[int] = []
        stopping = threading.Thread(target=lambda: ended.append(server.stop()))
        stopping.start()
        while not server.events("draining"):
            time.sleep(0.05)
        found.append(response.read())
        assert json.loads(b"".join(found).splitlines()[-1])["row_count"] == 300_000
        stopping.join()
        assert ended == [0]
