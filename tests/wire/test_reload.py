"""SIGHUP: who may log in changes while queries run; a wrong configuration changes nothing."""

from __future__ import annotations

import signal
import ssl
import urllib.request
from pathlib import Path

import psycopg
import pytest
import yaml

from hanse.server.scram import Verifier
from tests.servers import certificate
from tests.servers.process import Owner
from tests.wire.serving import PASSWORD, USERS, Served, configured, served
from tests.wire.test_http import until
from tests.wire.test_lifecycle import sources
from tests.wire.web import basic, call

BOB = {"bob": {"password": str(Verifier.of_password("other")), "groups": ["sales"]}}


def status(server: Served, user: str, password: str) -> int:
    return call(server, "POST", "/v1/query", {"sql": "SELECT 1"}, **basic(user, password)).status


def reloaded(server: Served, event: str) -> dict[str, object]:
    count = len(server.events(event))
    server.process.send_signal(signal.SIGHUP)
    until(lambda: len(server.events(event)) > count)
    return server.events(event)[-1]


def test_users_come_and_go_and_a_wrong_configuration_changes_nothing(stores: Path, tmp_path: Path) -> None:
    off = {"auth": {"anonymous": "off"}}
    with served(configured(tmp_path, sources(stores), **off)) as server:
        assert (status(server, "ann", PASSWORD), status(server, "bob", "other")) == (200, 401)
        with server.connect(user="ann", password=PASSWORD) as before:
            configured(tmp_path, sources(stores), users=BOB, **off)
            assert reloaded(server, "reloaded") | {"time": ""} == {
                "time": "", "level": "info", "event": "reloaded", "changed": ["users"], "needs_restart": []
            }  # fmt: skip
            assert (status(server, "ann", PASSWORD), status(server, "bob", "other")) == (401, 200)
            with pytest.raises(psycopg.OperationalError, match="password"):
                server.connect(user="ann", password=PASSWORD)
            server.connect(user="bob", password="other").close()
            assert before.execute("SELECT 1").fetchone() == (1,)
        for wrong in ({"users": {"ann": {"password": "plain secret"}}}, {"users": {}}, {"sorces": {}}):
            whole = {"sources": sources(stores), "users": USERS, **off, **wrong}
            (tmp_path / "serve.yaml").write_text(yaml.safe_dump(whole), encoding="utf-8")
            told = reloaded(server, "not reloaded")
            assert told["code"] == "F0000"
            assert "plain secret" not in str(told)
        assert (status(server, "ann", PASSWORD), status(server, "bob", "other")) == (401, 200)
        configured(tmp_path, {}, users={**USERS, **BOB}, **off)
        assert reloaded(server, "reloaded")["needs_restart"] == ["sources"]
        assert (status(server, "ann", PASSWORD), status(server, "bob", "other")) == (200, 200)


def test_a_certificate_is_renewed(stores: Path, tmp_path: Path) -> None:
    certificate.write(tmp_path, Owner(()))
    tls = {"cert": str(tmp_path / "server.pem"), "key": str(tmp_path / "server.key")}
    with served(configured(tmp_path, sources(stores), tls=tls)) as server:
        _trusted(server, tmp_path)
        (tmp_path / "server.key").write_text("no key", encoding="utf-8")
        assert "tls" in str(reloaded(server, "not reloaded")["error"])
        (tmp_path / "server.key").unlink()
        certificate.write(tmp_path, Owner(()))
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            _trusted(server, tmp_path)
        reloaded(server, "reloaded")
        _trusted(server, tmp_path)


def _trusted(server: Served, folder: Path) -> None:
    """Connect through both listeners, if the authority in the folder has signed what they show."""
    context = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    url = f"https://127.0.0.1:{server.http}/healthz"
    with urllib.request.urlopen(url, context=context, timeout=60) as reply:
        assert reply.status == 200
    wanted = {"sslmode": "verify-full", "sslrootcert": str(folder / "ca.pem"), "channel_binding": "require"}
    server.connect(user="ann", password=PASSWORD, **wanted).close()
