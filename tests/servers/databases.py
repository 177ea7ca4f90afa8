"""Fresh databases on a test server: each has a name that nobody else uses, and goes when its test is over."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg

from hanse.connectors.mysql.opening import PreferringTls


@dataclass(frozen=True)
class Database:
    """One database: its name, its URL as `hanse.yaml` takes it, and two short ways to fill and read it."""

    name: str
    url: str

    def connect(self) -> Any:
        """Open a connection of the source's own driver, with autocommit."""
        return _connect(self.url)

    def run(self, *statements: str) -> None:
        """Execute statements that set something up."""
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the source itself, without Hanse."""
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())


# What the fixtures `pg_database` and `mysql_database` are: create(collation=...) -> Database
DatabaseFactory = Callable[..., Database]


@contextlib.contextmanager
def postgres_database(admin_url: str, collation: str = "en-US", *, is_kept: bool = False) -> Iterator[Database]:
    """Create a UTF-8 database whose text order is ICU's `collation`, or the bytes' for "C"; drop it unless it is kept."""
    admin, one = Database("", admin_url), _fresh(admin_url)
    order = "LOCALE_PROVIDER libc" if collation == "C" else f"LOCALE_PROVIDER icu ICU_LOCALE '{collation}'"
    locale = "LC_COLLATE 'C' LC_CTYPE 'C'" if collation == "C" else "LOCALE 'C.UTF-8'"
    # Copying files is half as much work as writing all of them to the log too, which is the default.
    admin.run(f"CREATE DATABASE {one.name} TEMPLATE template0 STRATEGY file_copy ENCODING UTF8 {order} {locale}")
    try:
        yield one
    finally:
        if not is_kept:
            admin.run(f"DROP DATABASE {one.name} WITH (FORCE)")


@contextlib.contextmanager
def mysql_database(
    admin_url: str, collation: str = "utf8mb4_general_ci", *, is_kept: bool = False
) -> Iterator[Database]:
    """Create a utf8mb4 database with a default collation that ignores case and pads with spaces; drop it unless it is kept."""
    admin, one = Database("", admin_url), _fresh(admin_url)
    admin.run(f"CREATE DATABASE {one.name} CHARACTER SET utf8mb4 COLLATE {collation}")
    try:
        yield one
    finally:
        if not is_kept:
            admin.run(f"DROP DATABASE {one.name}")


def _fresh(admin_url: str) -> Database:
    name = f"hanse_test_{os.getpid()}_{secrets.token_hex(4)}"
    return Database(name, urlunsplit(urlsplit(admin_url)._replace(path=f"/{name}")))


def _connect(url: str) -> Any:
    parts = urlsplit(url)
    if parts.scheme in ("postgres", "postgresql"):
        return psycopg.connect(url, autocommit=True, sslmode="allow")
    return PreferringTls(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=parts.path.strip("/") or None,
        charset="utf8mb4",
        autocommit=True,
    )
