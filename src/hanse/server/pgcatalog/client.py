"""Who asks, as far as the catalog tells different people different things."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hanse.parse.path import entries
from hanse.server.pgcatalog.naming import DATABASE
from hanse.server.pgcatalog.seed import ROWS

_DEFAULTS: Mapping[str, str | None] = {str(row[0]).lower(): row[1] for row in ROWS["pg_settings"]}


@dataclass(frozen=True, slots=True)
class Connected:
    """A session that somebody has, whoever it is."""

    pid: int
    user: str
    application: str
    address: str
    since: dt.datetime
    """In UTC."""
    is_running: bool


def _nobody(pid: int, is_end: bool) -> bool:  # noqa: ARG001
    return False


@dataclass(frozen=True, slots=True)
class Client:
    """A session. ``settings`` are its settings by name in any case, over those of PostgreSQL; ``pid`` is its BackendKeyData."""

    user: str
    database: str = DATABASE
    settings: Mapping[str, str] = field(default_factory=dict)
    pid: int = 0
    version: str = ""
    """What version() returns; it begins with ``PostgreSQL``."""
    sessions: Sequence[Connected] = ()
    """All that there are."""
    signal: Callable[[int, bool], bool] = _nobody
    """Ends what a session runs or, where the second is True, the session; whether there is such a one. Raises Denied."""

    def setting(self, name: str) -> str | None:
        """The value of a setting; None where there is no such."""
        given = {key.lower(): value for key, value in self.settings.items()}
        found = given.get(name.lower(), _DEFAULTS.get(name.lower()))
        return found if found is not None else "" if name.lower() in _DEFAULTS else None

    def seconds(self, most: float) -> float:
        """How long a statement may take: ``most``, or what ``statement_timeout`` (milliseconds) says."""
        said = self.setting("statement_timeout") or "0"
        return min(most, int(said) / 1000) if said.isdigit() and int(said) else most

    def path(self) -> list[str]:
        """The schemas of search_path, in order."""
        return [self.user if word == "$user" else word for word in entries(self.setting("search_path") or "")]
