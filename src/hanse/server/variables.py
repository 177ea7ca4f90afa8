"""A session's variables: those that clients of PostgreSQL set and read, and the engine's settings, ``hanse.*``.

What PostgreSQL's variables would change and cannot here is refused (22023), so that nobody takes an answer for another: texts
are UTF-8, dates ISO, bytes hexadecimal. SET in a transaction is undone by its ROLLBACK, SET LOCAL by its end.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hanse import __version__
from hanse.errors import UnknownName, UserError
from hanse.settings import QuerySettings, nearest

SERVER_VERSION = f"15.0 (Hanse {__version__})"
"""PostgreSQL's version that clients take us for: its catalog and its protocol are what they find."""
PREFIX = "hanse."
Accept = Callable[[str], str]
_UNITS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000, "": 1}
_TIME = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*")
_CUSTOM = re.compile(r"[a-z_][a-z0-9_$]*(\.[a-z_][a-z0-9_$]*)+")


def _any(value: str) -> str:
    return value


def _only(*allowed: str, canonical: str | None = None) -> Accept:
    def accept(value: str) -> str:
        if value.strip().lower() not in allowed:
            raise ValueError(f"only {', '.join(allowed)}")
        return canonical if canonical is not None else value.strip().lower()

    return accept


def _encoding(value: str) -> str:
    """PostgreSQL looks at letters and digits alone: ``'utf-8'`` in quotes is UTF8, too."""
    if "".join(filter(str.isalnum, value.lower())) not in ("utf8", "unicode", "sqlascii"):
        raise ValueError("only UTF8")
    return "UTF8"


def _datestyle(value: str) -> str:
    words = [word.strip().upper() for word in value.split(",")]
    if any(word not in ("ISO", "MDY", "DMY", "YMD", "US", "EURO", "EUROPEAN", "DEFAULT") for word in words):
        raise ValueError("only ISO")
    order = {"DMY": "DMY", "EURO": "DMY", "EUROPEAN": "DMY", "YMD": "YMD"}
    return "ISO, " + next((order[word] for word in words if word in order), "MDY")


def _milliseconds(value: str) -> str:
    match = _TIME.fullmatch(value)
    if match is None or match[2] not in _UNITS:
        raise ValueError("a time such as 5000, 500ms, 5s or 2min")
    return str(round(float(match[1]) * _UNITS[match[2]]))


def _zone(value: str) -> str:
    return "UTC" if value.strip().lower() in ("utc", "gmt", "z", "zulu") else value.strip()


def _fixed(value: str) -> str:  # noqa: ARG001
    raise UserError("the parameter cannot be changed", sqlstate="55P02")


_BOOLEAN = ("on", "off", "true", "false", "yes", "no", "1", "0")


@dataclass(frozen=True, slots=True)
class Variable:
    """One of PostgreSQL's variables."""

    name: str
    default: str
    accept: Accept = _any
    """What a value becomes; raises ValueError for one that cannot be."""
    is_reported: bool = False
    """Whether clients are told when it changes (``GUC_REPORT``)."""


_VARIABLES = (
    Variable("server_version", SERVER_VERSION, _fixed, True),
    Variable("server_encoding", "UTF8", _fixed, True),
    Variable("client_encoding", "UTF8", _encoding, True),
    Variable("application_name", "", _any, True),
    Variable("is_superuser", "off", _fixed, True),
    Variable("session_authorization", "", _fixed, True),
    Variable("DateStyle", "ISO, MDY", _datestyle, True),
    Variable("IntervalStyle", "postgres", _only("postgres"), True),
    Variable("TimeZone", "UTC", _zone, True),
    Variable("integer_datetimes", "on", _fixed, True),
    Variable("standard_conforming_strings", "on", _only("on", "true", "yes", "1", canonical="on"), True),
    Variable("default_transaction_read_only", "on", _only(*_BOOLEAN), True),
    Variable("in_hot_standby", "off", _fixed, True),
    Variable("transaction_read_only", "on", _only(*_BOOLEAN)),
    Variable("transaction_isolation", "read committed", _any),
    Variable("default_transaction_isolation", "read committed", _any),
    Variable("transaction_deferrable", "off", _only(*_BOOLEAN)),
    Variable("statement_timeout", "0", _milliseconds),
    Variable("lock_timeout", "0", _milliseconds),
    Variable("idle_in_transaction_session_timeout", "0", _milliseconds),
    Variable("search_path", '"$user", public', _any),
    Variable("extra_float_digits", "1", _any),
    Variable("bytea_output", "hex", _only("hex")),
    Variable("client_min_messages", "notice", _any),
    Variable("row_security", "on", _any),
    Variable("synchronize_seqscans", "on", _any),
    Variable("jit", "off", _any),
    Variable("geqo", "on", _any),
    Variable("server_version_num", "150000", _fixed),
    Variable("max_identifier_length", "63", _fixed),
    Variable("max_index_keys", "32", _fixed),
    Variable("lc_collate", "C", _fixed),
    Variable("lc_ctype", "C.UTF-8", _fixed),
    Variable("lc_monetary", "C", _any),
    Variable("lc_messages", "C", _any),
)
VARIABLES = {variable.name.lower(): variable for variable in _VARIABLES}
ALIASES = {
    "time zone": "timezone",
    "transaction isolation level": "transaction_isolation",
    "session authorization": "session_authorization",
    "names": "client_encoding",
}


class Variables:
    """All variables of one session. ``check`` raises what is wrong with the engine's settings."""

    def __init__(self, check: Callable[[Mapping[str, Any]], QuerySettings], timezone: str = "UTC") -> None:
        """``timezone`` is that of sessions that choose none."""
        self._check = check
        self._zone = timezone
        self._defaults = {name: one.default for name, one in VARIABLES.items()} | {"timezone": timezone}
        self._values: dict[str, str] = {}
        self._kept: dict[str, str] = {}
        """What they are after the transaction."""
        self._before: dict[str, str] | None = None
        """What they were before it; None outside of one."""
        self._told = dict(self._reported())
        self._settings: dict[str, Any] | None = None

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the engine's settings are for this session, as far as it has said something."""
        if self._settings is None:
            self._settings = self._chosen({})
        return self._settings

    def _chosen(self, more: Mapping[str, str]) -> dict[str, Any]:
        """The engine's settings among the variables; of two time limits the one in PostgreSQL's unit, milliseconds, counts."""
        values = {**self._defaults, **self._values, **more}
        found: dict[str, Any] = {
            name.removeprefix(PREFIX): value for name, value in values.items() if name.startswith(PREFIX)
        }
        if values["timezone"] != self._zone:
            found["timezone"] = values["timezone"]
        if values["search_path"] != VARIABLES["search_path"].default:
            found["search_path"] = values["search_path"]
        if int(values["statement_timeout"]):
            found["statement_timeout"] = int(values["statement_timeout"]) / 1000
        return found

    def begin(self) -> None:
        """A transaction begins."""
        self._before = dict(self._values)

    def end(self, is_undone: bool) -> None:
        """It ends."""
        before, self._before = self._before, None
        if before is not None:
            self._become(before if is_undone else dict(self._kept))

    def start(self, name: str, value: str) -> None:
        """Say at the beginning what RESET comes back to; raises what ``set`` raises."""
        name = self._named(name)
        self._defaults[name] = self._accepted(name, value)
        self._settings = None

    def set(self, name: str, value: str | None, is_local: bool = False) -> None:
        """SET or, without a value, RESET. Raises UnknownName (42704), UserError (22023, 55P02)."""
        name = self._named(name)
        if value is None:
            self._values.pop(name, None)
            self._kept.pop(name, None)
        else:
            value = self._accepted(name, value)
            self._values[name] = value
            if not is_local:
                self._kept[name] = value
        self._settings = None

    def configure(self, name: str, value: str, is_local: bool) -> None:
        """As set_config() does: what is local is over with its statement where there is no transaction. Raises what ``set``
        raises."""
        if is_local and self._before is None:
            self._accepted(self._named(name), value)
        else:
            self.set(name, value, is_local)

    def reset(self) -> None:
        """RESET ALL."""
        self._kept = {}
        self._become({})

    def own(self, name: str, value: str) -> None:
        """Say what a variable is that nobody can change."""
        self._defaults[name] = value

    def show(self, name: str) -> tuple[str, str] | None:
        """A variable's name and value as SHOW yields them; None for what is none of PostgreSQL's and none of the session's."""
        name = ALIASES.get(name.lower(), name.lower())
        if name not in VARIABLES and name not in self._values and name not in self._defaults:
            return None
        value = self.get(name)
        shown = _time(int(value)) if name in VARIABLES and VARIABLES[name].accept is _milliseconds else value
        return (VARIABLES[name].name if name in VARIABLES else name), shown

    def get(self, name: str) -> str:
        """The value of a variable, by its lower-case name."""
        return self._values.get(name, self._defaults.get(name, ""))

    def all(self) -> list[tuple[str, str]]:
        """Those of PostgreSQL and the session's own, by name."""
        names = sorted({*VARIABLES, *(name for name in self._values if not name.startswith(PREFIX))})
        return [found for name in names if (found := self.show(name)) is not None]

    def texts(self) -> dict[str, str]:
        """Every variable's value by its name, as ``pg_settings`` has it."""
        known = {one.name: self.get(name) for name, one in VARIABLES.items()}
        return known | {name: value for name, value in self._values.items() if name not in VARIABLES}

    def changes(self) -> list[tuple[str, str]]:
        """Reported variables that are not what was last told, which is told now."""
        now = dict(self._reported())
        found = [(name, value) for name, value in now.items() if self._told[name] != value]
        self._told = now
        return found

    def reported(self) -> list[tuple[str, str]]:
        """All that clients are told at the beginning."""
        self._told = dict(self._reported())
        return list(self._told.items())

    def _reported(self) -> Iterator[tuple[str, str]]:
        return ((one.name, self.get(name)) for name, one in VARIABLES.items() if one.is_reported)

    def _become(self, values: dict[str, str]) -> None:
        self._values, self._kept, self._settings = dict(values), dict(values), None

    def _named(self, name: str) -> str:
        name = ALIASES.get(name.lower(), name.lower())
        if name in VARIABLES or name.startswith(PREFIX):
            return name
        if name in QuerySettings.model_fields:
            return PREFIX + name
        if _CUSTOM.fullmatch(name):
            return name
        guess = nearest(name, [*VARIABLES, *QuerySettings.model_fields])
        hint = f"did you mean {guess}?" if guess else "SHOW ALL lists them"
        raise UnknownName(f'unrecognized configuration parameter "{name}"', sqlstate="42704", hint=hint)

    def _accepted(self, name: str, value: str) -> str:
        variable = VARIABLES.get(name)
        if variable is not None:
            try:
                value = variable.accept(value)
            except ValueError as failure:
                message = f'invalid value for parameter "{name}"'
                raise UserError(message, sqlstate="22023", hint=f"possible here: {failure}") from None
        if variable is None or name in ("timezone", "statement_timeout"):
            self._check(self._chosen({name: value}))
        return value


def _time(milliseconds: int) -> str:
    """As PostgreSQL shows it: the largest unit in which it is a whole number."""
    if not milliseconds:
        return "0"
    unit = next(unit for unit in ("d", "h", "min", "s", "ms") if milliseconds % _UNITS[unit] == 0)
    return f"{int(milliseconds / _UNITS[unit])}{unit}"
