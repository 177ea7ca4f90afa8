"""Failures: one clear line each, with the right SQLSTATE, and never a secret."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from pydantic import ValidationError

from hanse.connectors.postgres import plugin
from hanse.errors import HanseError, SourceRefused, SourceUnreachable
from hanse.ir.expr import Column
from hanse.ir.request import Request, SqlText
from hanse.ir.types import INT32, TEXT
from hanse.spi.connector import Connector, ReadContext
from hanse.testing.contract import ConnectorContract
from tests.servers.databases import Database

pytestmark = pytest.mark.postgres
Connect = Callable[..., Connector]
SECRET = "s3cret-word"


def failure_of(connector: Connector) -> HanseError:
    with pytest.raises(HanseError) as failure:
        connector.load_catalog()
    request = Request(0, "shop", SqlText(("SELECT 1",)), (Column(1, "a", INT32),), ())
    with pytest.raises(HanseError) as second:
        list(connector.begin(ReadContext("ab", 1)).read(request, ()))
    assert type(second.value) is type(failure.value)
    for found in (failure.value, second.value):
        assert found.source == "shop"
        assert SECRET not in str(found)
        assert "\n" not in found.message
    return failure.value


def changed(url: str, password: str | None = None, port: int | None = None, path: str | None = None) -> str:
    parts = urlsplit(url)
    netloc = f"{parts.username}:{password or parts.password}@{parts.hostname}:{port or parts.port}"
    return urlunsplit(parts._replace(netloc=netloc, path=path or parts.path))


def test_wrong_password(database: Database, connect_to: Connect) -> None:
    failure = failure_of(connect_to(changed(database.url, password=SECRET)))
    assert isinstance(failure, SourceRefused)
    assert "password authentication failed" in failure.message


def test_no_such_database(database: Database, connect_to: Connect) -> None:
    failure = failure_of(connect_to(changed(database.url, path="/nowhere")))
    assert isinstance(failure, SourceRefused)
    assert "nowhere" in failure.message


def test_nobody_listens(database: Database, connect_to: Connect) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        failure = failure_of(connect_to(changed(database.url, password=SECRET, port=unused.getsockname()[1])))
    assert isinstance(failure, SourceUnreachable)


def test_server_that_does_not_answer(database: Database, connect_to: Connect) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = changed(database.url, password=SECRET, port=deaf.getsockname()[1])
        with pytest.raises(SourceUnreachable):
            connect_to(url, connect_timeout=2).load_catalog()


def test_options_override_the_url(database: Database, connect_to: Connect) -> None:
    parts = urlsplit(database.url)
    bare = urlunsplit(parts._replace(netloc=f"{parts.hostname}:{parts.port}"))
    connector = connect_to(bare, user=parts.username, password=parts.password)
    assert connector.load_catalog().kind == "postgres"


def test_tls(database: Database, connect_to: Connect, pg_ca: str) -> None:
    contract = ConnectorContract(connect_to(database.url, tls={"mode": "verify-full", "ca": pg_ca}))
    sql = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl"
    request = Request(0, "shop", SqlText((sql,)), (Column(1, "a", TEXT),), ())
    assert contract.rows(request)[0][0].startswith("TLSv1")
    plain = ConnectorContract(connect_to(database.url, tls={"mode": "disable"}))
    assert plain.rows(request) == []


def test_tls_that_does_not_verify(database: Database, connect_to: Connect, pg_ca: str) -> None:
    parts = urlsplit(database.url)
    url = urlunsplit(
        parts._replace(query="hostaddr=127.0.0.1", netloc=parts.netloc.replace("127.0.0.1", "elsewhere.test"))
    )
    connector = connect_to(url, tls={"mode": "verify-full", "ca": pg_ca})
    with pytest.raises(SourceUnreachable, match="does not match host name"):
        connector.load_catalog()


@pytest.mark.parametrize(
    "options",
    [
        {"url": f"postgresql://u:{SECRET}@h:port:x/d?nonsense=1"},
        {"url": "postgresql://h/d", "numeric": "decimal(40,2)"},
        {"url": "postgresql://h/d", "numeric": "float"},
        {"url": "postgresql://h/d", "infinity": "ignore"},
        {"url": "postgresql://h/d", "speed": "high"},
        {"url": "postgresql://h/d", "tls": {"mode": "allow"}},
        {"url": "postgresql://h/d", "connections": 0},
        {},
    ],
)
def test_bad_options(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as failure:
        plugin.options(**options)
    assert SECRET not in str(failure.value)


def test_secrets_are_not_shown(connect_to: Connect) -> None:
    options = plugin.options(url=f"postgresql://u:{SECRET}@h/d", password=SECRET)
    connector = plugin.connect("shop", options, Path())
    assert SECRET not in repr(options)
    assert SECRET not in repr(connector)
    assert SECRET not in repr(plugin.connect("shop", options, Path()).begin(ReadContext("ab", 1)))
