"""What ``hanse.yaml`` may say of a MySQL or MariaDB source, and what PyMySQL must be told in consequence."""

import ssl
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr

from hanse.connectors.shared.remote import RemoteOptions, Tls
from hanse.errors import ConfigError

PORT = 3306
SCHEMES = ("mysql", "mariadb")


class Options(RemoteOptions):
    """The options of a MySQL or MariaDB source. Times are in seconds, 0 is no limit."""

    url: SecretStr
    """``mysql://user:password@host:port/database``, special characters percent-encoded."""
    tls: Tls = Tls()
    """Whether and how the connection is encrypted."""
    statement_timeout: float = Field(default=0, ge=0)
    """MariaDB's ``max_statement_time``, MySQL's ``max_execution_time``."""
    lock_timeout: int = Field(default=10, ge=1)
    """How long a statement waits for somebody who changes a table's definition."""
    connections: int = Field(default=8, ge=1)
    """How many connections the source is given at most."""
    trust_foreign_keys: bool = False
    """Whether joins are left out that foreign keys of InnoDB make superfluous: only where no row was ever changed with
    ``foreign_key_checks = 0``, as a restored dump's rows were."""
    zero_dates: Literal["error", "null"] = "error"
    """What dates with a year, month or day of zero become."""

    @classmethod
    def check_url(cls, url: str) -> None:
        """It names a host, and a port that is a number; raises ValueError."""
        try:
            parts = urlsplit(url)
            usable = parts.scheme in SCHEMES and parts.hostname and (parts.port or PORT)
        except ValueError:
            usable = False
        if not usable:
            raise ValueError("is not mysql://user:password@host:port/database") from None


def database(options: Options) -> str:
    """The database that the URL names; empty if it names none."""
    return unquote(urlsplit(options.url.get_secret_value()).path.strip("/"))


def login(options: Options, folder: Path) -> dict[str, Any]:
    """The arguments of ``pymysql.connect``; they hold the password, so they are never shown."""
    parts = urlsplit(options.url.get_secret_value())
    password = options.password.get_secret_value() if options.password else unquote(parts.password or "")
    return {
        "host": parts.hostname,
        "port": parts.port or PORT,
        "user": options.user if options.user is not None else unquote(parts.username or ""),
        "password": password,
        "database": database(options) or None,
        "charset": "utf8mb4",
        "connect_timeout": options.connect_timeout,
        "read_timeout": options.connect_timeout,  # of the handshake, which PyMySQL's connect_timeout leaves out
        "autocommit": True,
        "local_infile": False,
        **_tls(options.tls, folder),
    }


def _tls(tls: Tls, folder: Path) -> dict[str, Any]:
    """An SSLContext makes PyMySQL refuse a server without TLS; without one it prefers TLS and checks nothing."""
    if tls.mode == "disable":
        return {"ssl_disabled": True}
    if tls.mode == "prefer" and not (tls.ca or tls.cert or tls.key):
        return {}
    try:
        context = ssl.create_default_context(cafile=_path(tls.ca, folder))
        context.verify_flags &= (
            ~ssl.VERIFY_X509_STRICT
        )  # the authorities that servers make for themselves are not strict
        context.check_hostname = tls.mode == "verify-full"
        if tls.mode in ("prefer", "require"):
            context.verify_mode = ssl.CERT_NONE
        if tls.cert:
            context.load_cert_chain(str(_path(tls.cert, folder)), _path(tls.key, folder))
    except (OSError, ssl.SSLError) as failure:
        raise ConfigError(f"a certificate file of option tls cannot be used: {failure}") from None
    return {"ssl": context}


def _path(name: str | None, folder: Path) -> str | None:
    return None if name is None else str(folder / name)


def session_settings(options: Options, is_mariadb: bool, version: tuple[int, int, int] = (0, 0, 0)) -> str:
    """The statement that fixes everything on which the meaning of our SQL or of an answer depends.

    NO_BACKSLASH_ESCAPES leaves the doubled quote as the only escape in a literal; without PAD_CHAR_TO_FULL_LENGTH a
    CHAR is blank-trimmed; ERROR_FOR_DIVISION_BY_ZERO makes a division by zero a warning, which ends a request as an
    error (``wire``). A long list of keys stays a list: MariaDB would join it as a temporary table, MySQL would read the
    whole table when its optimizer's memory for ranges is spent.

    MariaDB keeps the answers of a correlated subquery by the column's collation: one for 'a', 'A' and 'a ', even where the
    subquery tells them apart. That cache is off.

    A client may read as slowly as it likes: the server's patience with it is a day, not a minute.
    """
    modes = "STRICT_ALL_TABLES,NO_BACKSLASH_ESCAPES,ERROR_FOR_DIVISION_BY_ZERO"
    sets = {
        "sql_mode": f"'{modes}'",
        "time_zone": "'+00:00'",
        "sql_notes": "0",
        "sql_select_limit": "DEFAULT",
        "max_sort_length": str(SORT_BYTES),
        "net_write_timeout": "86400",
        "lock_wait_timeout": str(options.lock_timeout),
    }
    if is_mariadb:
        sets["max_statement_time"] = f"{options.statement_timeout:g}"
        sets["optimizer_switch"] = "'subquery_cache=off'"
        if version >= KEEPS_LISTS:
            sets["in_predicate_conversion_threshold"] = "0"
    else:
        sets["max_execution_time"] = str(round(options.statement_timeout * 1000))
        sets["range_optimizer_max_mem_size"] = "0"
    return "SET " + ", ".join(f"SESSION {name} = {value}" for name, value in sets.items())


KEEPS_LISTS = (10, 4, 8)
"""The first MariaDB of which every release can be told so."""
SORT_BYTES = 16_384
"""``max_sort_length``: sorts, and groups that are found by sorting, look at no more bytes of a value. Longer text is
never sorted or grouped at the source (1024 by default, which merges groups: 'b' and 'c' after 1100 equal letters)."""
