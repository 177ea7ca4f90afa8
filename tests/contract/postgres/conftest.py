"""Connectors over a real PostgreSQL whose text order is not that of bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hanse.connectors.postgres import plugin
from hanse.connectors.postgres.connector import PostgresConnector
from hanse.testing.contract import ConnectorContract
from hanse.testing.sheet import SETUP
from tests.servers.databases import Database

Connect = Callable[..., PostgresConnector]
QUICK: dict[str, Any] = {"tls": {"mode": "disable"}}
"""Most tests do without TLS, which makes a connection take several times as long."""


@pytest.fixture(scope="session")
def database(pg_database: Callable[..., Database]) -> Database:
    """A database ordered by ICU's en-US, with the table of the capability sheet."""
    found = pg_database()
    found.run(*SETUP)
    return found


@pytest.fixture(scope="session")
def connect_to() -> Iterator[Connect]:
    """`connect_to(url, **options)`; closed when the session ends."""
    with contextlib.ExitStack() as opened:

        def make(url: str, **options: Any) -> PostgresConnector:
            connector = plugin.connect("shop", plugin.options(url=url, **options), Path())
            assert isinstance(connector, PostgresConnector)
            opened.callback(connector.close)
            return connector

        yield make


@pytest.fixture(scope="session")
def contract(database: Database, connect_to: Connect) -> ConnectorContract:
    """The contract over that database, with default options."""
    return ConnectorContract(connect_to(database.url, **QUICK))


@pytest.fixture
def make(database: Database, connect_to: Connect) -> Iterator[Callable[..., ConnectorContract]]:
    """`make(*statements, **options)`: run statements in a schema of the test's own, and return a contract over it.

    Statements name things without schema; the schema's name is `s` and a number, and goes when the test is over.
    """
    made: list[str] = []
    connectors: list[PostgresConnector] = []

    def run(*statements: str, **options: Any) -> ConnectorContract:
        schema = f"s{database.rows('SELECT count(*) FROM pg_namespace')[0][0]}_{len(made)}"
        made.append(schema)
        database.run(f"CREATE SCHEMA {schema}", f"SET search_path = {schema}, public")
        with database.connect() as connection:
            connection.execute(f"SET search_path = {schema}, public")
            for statement in statements:
                connection.execute(statement)
        connector = connect_to(database.url, schemas=[schema], **{**QUICK, **options})
        connectors.append(connector)
        return ConnectorContract(connector)

    yield run
    for connector in connectors:
        connector.close()
    for schema in made:
        database.run(f"DROP SCHEMA {schema} CASCADE")
