"""PostgreSQL as the oracle: a database whose text is ordered by code point and whose letters are Unicode's."""

import os
from collections.abc import Callable, Iterator

import duckdb
import psycopg
import pytest

Oracle = Callable[[str], tuple[str | None, str | None]]


@pytest.fixture(scope="session")
def oracle(pg_url: str) -> Iterator[Oracle]:
    """Return `ask(expression) -> (its text, None)` or `(None, SQLSTATE)`."""
    name = f"functions_{os.getpid()}"
    with psycopg.connect(pg_url, autocommit=True) as admin:
        admin.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER libc LOCALE 'C.UTF-8'"
        )
        try:
            with psycopg.connect(pg_url, dbname=name, autocommit=True) as connection:
                connection.execute("SET timezone = 'UTC'")

                def ask(expression: str) -> tuple[str | None, str | None]:
                    try:
                        row = connection.execute(f"SELECT ({expression})::text").fetchone()
                    except psycopg.Error as error:
                        return None, error.sqlstate
                    return (None if row is None else row[0]), None

                yield ask
        finally:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def coordinator() -> Iterator[duckdb.DuckDBPyConnection]:
    """A DuckDB as the coordinator runs it: the session's zone is UTC."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
