"""What real failures say of a MariaDB or MySQL server: whether the same statement may succeed, and what is to be spared."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pymysql
import pytest

from hanse.connectors.mysql import plugin
from hanse.connectors.mysql.connector import MysqlConnector
from hanse.connectors.mysql.errors import BY_CODE, FAULTS, translate
from hanse.errors import Fault, HanseError, ResourceLimit, SourceRefused, SourceUnreachable
from hanse.ir.expr import Column
from hanse.ir.request import Request, SqlText
from hanse.ir.types import INT32
from hanse.spi.connector import ReadContext
from tests.servers.databases import Database, DatabaseFactory

pytestmark = pytest.mark.mysql
Open = Callable[..., MysqlConnector]


@pytest.fixture(scope="module")
def crm(mysql_database: DatabaseFactory) -> Database:
    found = mysql_database()
    found.run("CREATE TABLE t (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1), (2)")
    return found


@pytest.fixture
def connector(crm: Database) -> Iterator[Open]:
    with contextlib.ExitStack() as opened:

        def make(url: str = crm.url, **options: object) -> MysqlConnector:
            found = plugin.connect("crm", plugin.options(url=url, tls={"mode": "disable"}, **options), Path())
            assert isinstance(found, MysqlConnector)
            opened.callback(found.close)
            return found

        yield make


def failure_of(connector: MysqlConnector, sql: str) -> HanseError:
    session = connector.begin(ReadContext("fa", 1))
    with contextlib.closing(session), pytest.raises(HanseError) as failure:
        list(session.read(Request(0, "crm", SqlText((sql,)), (Column(1, "a", INT32),), ()), ()))
    assert failure.value.source == "crm"
    return failure.value


@contextlib.contextmanager
def user(crm: Database, limit: int) -> Iterator[str]:
    """The URL for somebody who may have so many connections."""
    name = f"few_{limit}_{crm.name[-8:]}"
    crm.run(
        f"CREATE USER {name} IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS {limit}",
        f"GRANT SELECT ON {crm.name}.* TO {name}",
    )
    parts = urlsplit(crm.url)
    try:
        yield urlunsplit(parts._replace(netloc=f"{name}:x@{parts.hostname}:{parts.port}"))
    finally:
        crm.run(f"DROP USER {name}")


def test_too_many_connections(crm: Database, connector: Open) -> None:
    with user(crm, 1) as url, contextlib.closing(Database(crm.name, url).connect()):
        failure = failure_of(connector(url), "SELECT 1")
    assert (type(failure), failure.code, failure.fault) == (ResourceLimit, "53300", Fault.THROTTLED)
    assert failure.retryable


def test_a_wrong_password_says_nothing_of_the_server(crm: Database, connector: Open) -> None:
    parts = urlsplit(crm.url)
    url = urlunsplit(parts._replace(netloc=f"{parts.username}:wrong@{parts.hostname}:{parts.port}"))
    failure = failure_of(connector(url), "SELECT 1")
    assert (type(failure), failure.fault) == (SourceRefused, Fault.CALLER)


def test_nobody_listens(crm: Database, connector: Open) -> None:
    parts = urlsplit(crm.url)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        netloc = f"{parts.username}:{parts.password}@{parts.hostname}:{unused.getsockname()[1]}"
        failure = failure_of(connector(urlunsplit(parts._replace(netloc=netloc))), "SELECT 1")
    assert (type(failure), failure.fault) == (SourceUnreachable, Fault.DOWN)


def test_a_lock_passes(crm: Database, connector: Open) -> None:
    with contextlib.closing(crm.connect()) as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLES t WRITE")
        failure = failure_of(connector(lock_timeout=1), "SELECT id FROM t")
    assert (failure.code, failure.fault) == ("55P03", Fault.TRANSIENT)


def test_a_killed_connection_is_a_server_that_went_away(crm: Database, connector: Open) -> None:
    def kill() -> None:
        mine = f"SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{crm.name}' AND INFO LIKE '/* hanse:fa%'"
        crm.run(*(f"KILL CONNECTION {number}" for (number,) in crm.rows(mine)))

    timer = threading.Timer(0.3, kill)
    timer.start()
    failure = failure_of(connector(), "SELECT 1 FROM (SELECT SLEEP(9)) q")
    timer.join()
    assert (type(failure), failure.fault) == (SourceUnreachable, Fault.DOWN)


@pytest.mark.parametrize("sql", ["SELEC", "SELECT 1 DIV 0"])
def test_the_callers_own(connector: Open, sql: str) -> None:
    failure = failure_of(connector(), sql)
    assert failure.fault is Fault.CALLER
    assert not failure.retryable


def test_a_statement_that_takes_too_long_is_the_callers(connector: Open) -> None:
    failure = failure_of(connector(statement_timeout=0.1), "SELECT 1 FROM (SELECT SLEEP(9)) q")
    assert (failure.code, failure.fault) == ("57014", Fault.CALLER)


@pytest.mark.parametrize("code", sorted(FAULTS))
def test_numbers_that_pass(code: int) -> None:
    assert translate(pymysql.err.OperationalError(code, "x"), "crm").fault is FAULTS[code]


@pytest.mark.parametrize(
    "code", sorted({code for code, kind in BY_CODE.items() if kind is SourceUnreachable} - set(FAULTS))
)
def test_numbers_of_a_server_that_is_away(code: int) -> None:
    assert translate(pymysql.err.OperationalError(code, "x"), "crm").fault is Fault.DOWN
