"""Fixtures that every test may use: the real servers, and fresh databases on them.

`make test` starts the servers once, outside. A bare `pytest` starts what a test asks for; under xdist the controller
starts both before its workers, which inherit the URLs.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from tests.servers import databases
from tests.servers.databases import DatabaseFactory
from tests.servers.running import is_ours, servers

_running = contextlib.ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """As xdist's controller, start the servers that the workers will share.

    A shell has its background jobs ignore Ctrl-C, and so would the processes that tests start and interrupt.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        os.environ.update(_running.enter_context(servers("postgres", "mariadb")))


def pytest_unconfigure() -> None:
    """Stop what this process started."""
    _running.close()


@pytest.fixture(scope="session")
def pg_url() -> str:
    """Return the URL of the PostgreSQL administrator."""
    return _started("postgres", "HANSE_TEST_PG_URL")


@pytest.fixture(scope="session")
def mysql_url() -> str:
    """Return the URL of the MariaDB (or MySQL) administrator."""
    return _started("mariadb", "HANSE_TEST_MYSQL_URL")


@pytest.fixture(scope="session")
def pg_ca(pg_url: str) -> str:
    """Return the file of the authority that signed PostgreSQL's certificate."""
    return _authority("HANSE_TEST_PG_CA")


@pytest.fixture(scope="session")
def mysql_ca(mysql_url: str) -> str:
    """Return the file of the authority that signed MariaDB's certificate."""
    return _authority("HANSE_TEST_MYSQL_CA")


@pytest.fixture(scope="session")
def pg_database(pg_url: str) -> Iterator[DatabaseFactory]:
    """Return `create(collation="en-US") -> Database`; what it created is dropped when the session ends."""
    kept = is_ours("postgres")  # it goes with its server
    with contextlib.ExitStack() as created:
        yield lambda **options: created.enter_context(databases.postgres_database(pg_url, is_kept=kept, **options))


@pytest.fixture(scope="session")
def mysql_database(mysql_url: str) -> Iterator[DatabaseFactory]:
    """Return `create(collation="utf8mb4_general_ci") -> Database`; dropped when the session ends."""
    kept = is_ours("mariadb")
    with contextlib.ExitStack() as created:
        yield lambda **options: created.enter_context(databases.mysql_database(mysql_url, is_kept=kept, **options))


def _started(kind: str, variable: str) -> str:
    if not os.environ.get(variable):
        os.environ.update(_running.enter_context(servers(kind)))
    return os.environ[variable]


def _authority(variable: str) -> str:
    if not os.environ.get(variable):
        pytest.skip(f"the server was given without {variable}")
    return os.environ[variable]
