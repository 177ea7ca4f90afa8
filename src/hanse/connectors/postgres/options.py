"""What ``hanse.yaml`` may say of a PostgreSQL source, and the connection string that follows from it."""

import re
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import BaseModel, Field, SecretStr, field_validator

from hanse.connectors.shared.scans import ParallelScans
from hanse.ir.types import Decimal, decimal
from hanse.spi.connector import ServerOptions

NUMERIC = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
KEEPALIVE = {"keepalives": "1", "keepalives_idle": "15", "keepalives_interval": "5", "keepalives_count": "3"}
"""A server that vanished is noticed after half a minute, not after the two hours of TCP's default."""


class Tls(BaseModel):
    """Whether and how the connection is encrypted, in libpq's words; file names are relative to the configuration."""

    model_config = {"extra": "forbid", "hide_input_in_errors": True}
    mode: Literal["disable", "prefer", "require", "verify-ca", "verify-full"] = "prefer"
    """How much is asked of the server: encryption if it can, encryption, a known authority, and its name too."""
    ca: str | None = None
    """File of the authorities that may sign the server's certificate."""
    cert: str | None = None
    """File of our certificate, where the server asks for one."""
    key: str | None = None
    """File of our certificate's key."""


class Options(ServerOptions):
    """The options of a PostgreSQL source. Times are in seconds, 0 is no limit."""

    model_config = {"extra": "forbid", "hide_input_in_errors": True}
    url: SecretStr
    """``postgresql://user:password@host:port/database``, with any setting of libpq after a question mark."""
    replicas: list[SecretStr] = []
    """The same of servers that have copies, to be read where the source's own is left alone because it fails."""
    hedge: bool = False
    """Whether a replica is asked, too, where the source's own server takes longer to answer than it nearly always does; whoever
    answers first wins. One query in twenty at most."""
    user: str | None = None
    """Instead of the user in the URL."""
    password: SecretStr | None = None
    """Instead of the password in the URL."""
    tls: Tls | None = None
    """Whether and how the connection is encrypted; by default as the URL says."""
    connect_timeout: int = Field(default=10, ge=1)
    """How long to wait for the server to accept a connection."""
    statement_timeout: float = Field(default=0, ge=0)
    """How long the server lets one statement run."""
    lock_timeout: float = Field(default=10, ge=0)
    """How long a statement waits for a lock."""
    idle_timeout: float = Field(default=0, ge=0)
    """How long a transaction may wait for us (``idle_in_transaction_session_timeout``)."""
    connections: int = Field(default=8, ge=1)
    """How many statements may run at once; each has a connection of its own."""
    connection_wait: float = Field(default=30, gt=0)
    """How long a statement waits for one of them."""
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

    @field_validator("replicas")
    @classmethod
    def _are_urls(cls, urls: list[SecretStr]) -> list[SecretStr]:
        return [cls._is_url(url) for url in urls]

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: SecretStr) -> SecretStr:
        try:
            conninfo_to_dict(url.get_secret_value())
        except psycopg.Error:
            raise ValueError("is not postgresql://user:password@host:port/database") from None
        return url

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
