"""What ``hanse.yaml`` may say of a PostgreSQL source, and the connection string that follows from it."""

import re
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import Field, SecretStr, field_validator

from hanse.connectors.shared.remote import RemoteOptions, Tls
from hanse.connectors.shared.scans import ParallelScans
from hanse.ir.types import Decimal, decimal

NUMERIC = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
KEEPALIVE = {"keepalives": "1", "keepalives_idle": "15", "keepalives_interval": "5", "keepalives_count": "3"}
"""A server that vanished is noticed after half a minute, not after the two hours of TCP's default."""


class Options(RemoteOptions):
    """The options of a PostgreSQL source. Times are in seconds, 0 is no limit."""

    model_config = {"extra": "forbid", "hide_input_in_errors": True}
    url: SecretStr
    """``postgresql://user:password@host:port/database``, with any setting of libpq after a question mark."""
    tls: Tls | None = None
    """Whether and how the connection is encrypted; by default as the URL says."""
    statement_timeout: float = Field(default=0, ge=0)
    """How long the server lets one statement run."""
    lock_timeout: float = Field(default=10, ge=0)
    """How long a statement waits for a lock."""
    idle_timeout: float = Field(default=0, ge=0)
    """How long a transaction may wait for us (``idle_in_transaction_session_timeout``)."""
    connections: int = Field(default=8, ge=1)
    """How many statements may run at once; each has a connection of its own."""
    fetch_bytes: int = Field(default=4 << 20, ge=1024)
    """About how large a batch gets, in bytes."""
    parallel_scans: ParallelScans = ParallelScans()
    """Whether and when one large table is read by several connections at once."""
    numeric: str = "decimal(38,18)"
    """How ``numeric`` without precision is read: a decimal type, or ``text``."""
    infinity: Literal["error", "null", "clamp"] = "error"
    """What infinite dates and timestamps become."""
    trust_foreign_keys: bool = True
    """Whether joins are left out that validated foreign keys make superfluous. Not where somebody has changed rows while
    triggers were disabled, or with ``session_replication_role = replica``."""
    application_name: str = Field(default="hanse", max_length=24, pattern=r"^[\w.-]+$")
    """What ``pg_stat_activity`` shows, followed by ``/`` and the query's id."""

    @classmethod
    def check_url(cls, url: str) -> None:
        """As libpq reads it; raises ValueError."""
        try:
            conninfo_to_dict(url)
        except psycopg.Error:
            raise ValueError("is not postgresql://user:password@host:port/database") from None

    @field_validator("numeric")
    @classmethod
    def _is_numeric(cls, text: str) -> str:
        if text != "text":
            unbounded(text)
        return text


def unbounded(text: str) -> Decimal | None:
    """The type for ``numeric`` without precision; None for ``text``; ValueError for anything else."""
    if text == "text":
        return None
    match = NUMERIC.fullmatch(text)
    if match is None:
        raise ValueError("is text or decimal(p,s)")
    return decimal(int(match[1]), int(match[2]))


def conninfo(options: Options, folder: Path) -> str:
    """The connection string for libpq; it holds the password, so it is never shown."""
    settings: dict[str, Any] = dict(conninfo_to_dict(options.url.get_secret_value()))
    if options.user is not None:
        settings["user"] = options.user
    if options.password is not None:
        settings["password"] = options.password.get_secret_value()
    if options.tls is not None:
        files = {"sslrootcert": options.tls.ca, "sslcert": options.tls.cert, "sslkey": options.tls.key}
        settings["sslmode"] = options.tls.mode
        settings |= {name: str(folder / path) for name, path in files.items() if path is not None}
    fixed = {"client_encoding": "UTF8", "application_name": options.application_name}
    return make_conninfo("", **{"connect_timeout": options.connect_timeout, **KEEPALIVE, **settings, **fixed})


def session_settings(options: Options, name: str) -> dict[str, str]:
    """What every transaction of ours sets for itself, so that no role's or database's default changes an answer."""
    return {
        "application_name": name,
        "search_path": "pg_catalog",
        "DateStyle": "ISO, YMD",
        "IntervalStyle": "postgres",
        "bytea_output": "hex",
        "extra_float_digits": "1",
        "standard_conforming_strings": "on",
        "xmlbinary": "base64",
        "statement_timeout": str(round(options.statement_timeout * 1000)),
        "lock_timeout": str(round(options.lock_timeout * 1000)),
        "idle_in_transaction_session_timeout": str(round(options.idle_timeout * 1000)),
    }
