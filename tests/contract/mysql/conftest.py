"""Connectors over a real MariaDB (or MySQL) whose default collation ignores case and pads with spaces."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hanse.connectors.mysql import plugin
from hanse.connectors.mysql.connector import MysqlConnector
from hanse.testing.contract import ConnectorContract
from hanse.testing.sheet import SETUP
from tests.servers.databases import Database

Connect = Callable[..., MysqlConnector]


@pytest.fixture(scope="session")
def database(mysql_database: Callable[..., Database]) -> Database:
    """A database with the table of the capability sheet."""
    found = mysql_database()
    found.run(*SETUP)
    return found


@pytest.fixture(scope="session")
def connect_to() -> Iterator[Connect]:
    """`connect_to(url, **options)`; closed when the session ends."""
    with contextlib.ExitStack() as opened:

        def make(url: str, **options: Any) -> MysqlConnector:
            connector = plugin.connect("crm", plugin.options(url=url, **options), Path())
            assert isinstance(connector, MysqlConnector)
            opened.callback(connector.close)
            return connector

        yield make


@pytest.fixture(scope="session")
def contract(database: Database, connect_to: Connect) -> ConnectorContract:
    """The contract over that database, with default options."""
    return ConnectorContract(connect_to(database.url))


@pytest.fixture
def make(mysql_database: Callable[..., Database], connect_to: Connect) -> Iterator[Callable[..., ConnectorContract]]:
    """`make(*statements, **options)`: run statements in a database of the test's own, and return a contract over it."""

    connectors: list[MysqlConnector] = []

    def run(*statements: str, **options: Any) -> ConnectorContract:
        database = mysql_database()
        database.run("SET sql_mode = ''", *statements)
        connectors.append(connect_to(database.url, **options))
        contract = ConnectorContract(connectors[-1])
        contract.database = database  # type: ignore[attr-defined]
        return contract

    yield run
    for connector in connectors:
        connector.close()
