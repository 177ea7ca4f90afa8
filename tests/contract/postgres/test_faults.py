"""What real failures say of a PostgreSQL server: whether the same statement may succeed, and what is to be spared."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from hanse.connectors.postgres import plugin
from hanse.connectors.postgres.connector import PostgresConnector
from hanse.connectors.postgres.errors import FAULTS, translate
from hanse.errors import Fault, HanseError, ResourceLimit, SourceRefused, SourceUnreachable
from hanse.ir.expr import Column
from hanse.ir.request import Request, SqlText
from hanse.ir.types import INT32
from hanse.spi.connector import ReadContext
from tests.servers.databases import Database, DatabaseFactory

pytestmark = pytest.mark.postgres
Open = Callable[..., PostgresConnector]


@pytest.fixture(scope="module")
def shop(pg_database: DatabaseFactory) -> Database:
    found = pg_database(collation="C")
    found.run("CREATE TABLE t AS SELECT 1 AS id", "CREATE TABLE slow AS SELECT pg_sleep(0) IS NULL AS id")
    return found


@pytest.fixture
def connector(shop: Database) -> Iterator[Open]:
    with contextlib.ExitStack() as opened:

        def make(url: str = shop.url, **options: object) -> PostgresConnector:
            found = plugin.connect("shop", plugin.options(url=url, tls={"mode": "disable"}, **options), Path())
            assert isinstance(found, PostgresConnector)
            opened.callback(found.close)
            return found

        yield make


def failure_of(connector: PostgresConnector, sql: str) -> HanseError:
    session = connector.begin(ReadContext("fa", 1))
    with contextlib.closing(session), pytest.raises(HanseError) as failure:
        list(session.read(Request(0, "shop", SqlText((sql,)), (Column(1, "a", INT32),), ()), ()))
    assert failure.value.source == "shop"
    return failure.value


@contextlib.contextmanager
def role(shop: Database, limit: int) -> Iterator[str]:
    """The URL for somebody who may have so many connections."""
    name = f"few_{limit}_{shop.name[-8:]}"
    shop.run(f"CREATE ROLE {name} LOGIN PASSWORD 'x' CONNECTION LIMIT {limit}", f"GRANT SELECT ON t TO {name}")
    parts = urlsplit(shop.url)
    try:
        yield urlunsplit(parts._replace(netloc=f"{name}:x@{parts.hostname}:{parts.port}"))
    finally:
        shop.run(f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def test_too_many_connections(shop: Database, connector: Open) -> None:
    with role(shop, 1) as url, psycopg.connect(url):
        failure = failure_of(connector(url), "SELECT 1")
        assert (type(failure), failure.code, failure.fault) == (ResourceLimit, "53300", Fault.THROTTLED)
        with pytest.raises(ResourceLimit) as again:
            connector(url).load_catalog()
        assert (again.value.code, again.value.fault) == ("53300", Fault.THROTTLED)
        assert again.value.retryable


def test_a_wrong_password_says_nothing_of_the_server(shop: Database, connector: Open) -> None:
    parts = urlsplit(shop.url)
    url = urlunsplit(parts._replace(netloc=f"{parts.username}:wrong@{parts.hostname}:{parts.port}"))
    failure = failure_of(connector(url), "SELECT 1")
    assert (type(failure), failure.code, failure.fault) == (SourceRefused, "28P01", Fault.CALLER)
    assert not failure.retryable


def test_nobody_listens(shop: Database, connector: Open) -> None:
    parts = urlsplit(shop.url)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        netloc = f"{parts.username}:{parts.password}@{parts.hostname}:{unused.getsockname()[1]}"
        failure = failure_of(connector(urlunsplit(parts._replace(netloc=netloc))), "SELECT 1")
    assert (type(failure), failure.fault) == (SourceUnreachable, Fault.DOWN)


def test_a_server_that_never_answers_is_asked_once(shop: Database, connector: Open) -> None:
    parts = urlsplit(shop.url)
    arrived: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as deaf:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    arrived.append(deaf.accept())

        threading.Thread(target=accept, daemon=True).start()
        netloc = f"{parts.username}:{parts.password}@{parts.hostname}:{deaf.getsockname()[1]}"
        failure = failure_of(connector(urlunsplit(parts._replace(netloc=netloc)), connect_timeout=2), "SELECT 1")
    assert failure.fault is Fault.DOWN
    assert len(arrived) == 1


def test_a_lock_passes(shop: Database, connector: Open) -> None:
    with contextlib.closing(shop.connect()) as other:
        other.autocommit = False
        other.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        failure = failure_of(connector(lock_timeout=0.1), f"SELECT id FROM {shop.name}.public.t")
    assert (failure.code, failure.fault) == ("55P03", Fault.TRANSIENT)


def test_a_killed_connection_is_a_server_that_went_away(shop: Database, connector: Open) -> None:
    killed = threading.Timer(
        0.3,
        shop.run,
        [
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(9)%' AND pid <> pg_backend_pid()"
        ],
    )
    killed.start()
    failure = failure_of(connector(), "SELECT 1 FROM (SELECT pg_sleep(9)) q")
    killed.join()
    assert (type(failure), failure.code, failure.fault) == (SourceUnreachable, "57P01", Fault.DOWN)


@pytest.mark.parametrize("sql", ["SELECT 1/0", "SELEC", "SELECT 'x'::int", "SELECT pg_reload_conf() FROM nothing(1)"])
def test_the_callers_own(connector: Open, sql: str) -> None:
    failure = failure_of(connector(), sql)
    assert failure.fault in (Fault.CALLER, Fault.STALE)
    assert failure.fault is Fault.STALE or not failure.retryable


def test_a_statement_that_takes_too_long_is_the_callers(connector: Open) -> None:
    failure = failure_of(connector(statement_timeout=0.1), "SELECT 1 FROM (SELECT pg_sleep(9)) q")
    assert (failure.code, failure.fault) == ("57014", Fault.CALLER)


@pytest.mark.parametrize("code", sorted(FAULTS))
def test_codes_that_pass(code: str) -> None:
    failure = psycopg.errors.lookup(code)("x") if code != "72000" else psycopg.errors.SnapshotTooOld("x")
    assert translate(failure, "shop").fault is FAULTS[code]
    assert translate(failure, "shop").retryable
