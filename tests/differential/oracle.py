"""PostgreSQL as the judge: one database that holds every table, asked in the user's own words."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from hanse.ir.types import Kind
from hanse.testing.differential import Answer
from tests.servers.databases import Database

TIMEOUT_MS = 20_000
ROWS_MAX = 100_000
"""An answer with more is not compared: joins of everything with everything."""
UNITS = re.compile(r"([-+]?\d+) (year|mon|day)s?")
CLOCK = re.compile(r"([-+]?)(\d+):(\d\d):(\d\d)(?:\.(\d+))?$")
MONTHS = {"year": 12, "mon": 1, "day": 0}


class _Text(Loader):
    def load(self, data: Buffer) -> str:
        return bytes(data).decode()


class _Interval(Loader):
    """An interval in the three parts that PostgreSQL keeps: months, days, nanoseconds."""

    def load(self, data: Buffer) -> tuple[str, int, int, int]:
        text = bytes(data).decode()
        units = [(int(count), unit) for count, unit in UNITS.findall(text)]
        months = sum(count * MONTHS[unit] for count, unit in units)
        days = sum(count for count, unit in units if unit == "day")
        clock = CLOCK.search(text)
        return ("interval", months, days, _nanoseconds(clock) if clock else 0)


def _nanoseconds(clock: re.Match[str]) -> int:
    hours, minutes, seconds = (int(clock[i]) for i in (2, 3, 4))
    whole = ((hours * 60 + minutes) * 60 + seconds) * 10**9 + int((clock[5] or "").ljust(9, "0"))
    return -whole if clock[1] == "-" else whole


class PostgresOracle:
    """A connection to the database that holds everything."""

    def __init__(self, database: Database) -> None:
        self._connection = psycopg.connect(database.url, autocommit=True, cursor_factory=psycopg.RawCursor)
        for setting in (
            "TimeZone = 'UTC'",
            f"statement_timeout = {TIMEOUT_MS}",
            "jit = off",
        ):
            self._connection.execute(f"SET {setting}")
        self._connection.execute("SET max_parallel_workers_per_gather = 0")
        self._connection.adapters.register_loader("interval", _Interval)
        for name in ("json", "jsonb"):
            self._connection.adapters.register_loader(name, _Text)

    def answer(self, sql: str, parameters: Sequence[Any] = ()) -> Answer:
        """What PostgreSQL says."""
        try:
            cursor = self._connection.execute(sql, list(parameters) or None)
            kinds = tuple(_KINDS.get(one.type_code) for one in cursor.description or ())
            if cursor.rowcount > ROWS_MAX:
                return Answer(error="57014", message=f"more than {ROWS_MAX:,} rows")
            return Answer(cursor.fetchall(), kinds)
        except psycopg.DataError as failure:
            return Answer(error=failure.sqlstate or "22008", message=str(failure).splitlines()[0])
        except psycopg.Error as failure:
            return Answer(error=failure.sqlstate or "XX000", message=str(failure).splitlines()[0])

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


_KINDS = {114: Kind.JSON, 3802: Kind.JSON, 700: Kind.FLOAT32}


@contextlib.contextmanager
def bytewise_database(admin_url: str) -> Iterator[Database]:
    """A database whose text sorts by code point, and whose lower() and upper() know all of Unicode."""
    admin, name = Database("", admin_url), f"hanse_oracle_{secrets.token_hex(4)}"
    options = (
        "TEMPLATE template0 STRATEGY file_copy ENCODING UTF8 LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'"
    )
    admin.run(f"CREATE DATABASE {name} {options}")
    try:
        yield Database(name, admin_url.rsplit("/", 1)[0] + f"/{name}")
    finally:
        admin.run(f"DROP DATABASE {name} WITH (FORCE)")
