"""A session: who asks, through which program, and what was set. All listeners have the same."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from hanse.groups import Caller
from hanse.server.login import ANONYMOUS
from hanse.server.variables import Variables
from hanse.settings import QuerySettings

CLIENT = "application_name"
"""The variable that says which program asks."""
_NO_VARIABLES = frozenset({"database", "options", "replication"})


class Checking(Protocol):
    """What a session needs of the engine."""

    @property
    def timezone(self) -> str:
        """The zone of sessions that choose none."""

    def chosen(self, settings: Mapping[str, Any]) -> QuerySettings:
        """The settings of the engine with those of the session; raises HanseError."""


@dataclass(slots=True)
class Session:
    """One client's. ``id`` is the number by which others may cancel what it runs."""

    id: int
    user: Caller
    """Who logged in."""
    variables: Variables
    database: str = ""
    """The name that the client gave for what it connects to; it selects nothing."""

    @property
    def caller(self) -> Caller:
        """Who asks, for resource groups: the user, and the program that it says that it is."""
        return replace(self.user, client=self.variables.get(CLIENT))

    @property
    def name(self) -> str:
        """The user's name."""
        return self.user.user or ANONYMOUS


def opened(id: int, user: Caller, asked: Mapping[str, str], engine: Checking) -> Session:
    """A session for somebody who has logged in; ``asked`` is what the client said at the start. Raises HanseError."""
    variables = Variables(engine.chosen, engine.timezone)
    session = Session(id, user, variables)
    session.database = asked.get("database") or session.name
    variables.own("session_authorization", session.name)
    for name, value in _options(asked.get("options", "")).items():
        variables.start(name, value)
    for name, value in asked.items():
        if name not in _NO_VARIABLES:
            variables.start(name, value)
    return session


def _options(text: str) -> dict[str, str]:
    """``-c name=value`` and ``--name=value``, as libpq's ``options`` gives them; a backslash keeps a space."""
    words = [word.replace("\0", " ") for word in text.replace("\\ ", "\0").split()]
    found: dict[str, str] = {}
    for place, word in enumerate(words):
        said = (
            words[place + 1] if word == "-c" and place + 1 < len(words) else word.removeprefix("-c").removeprefix("--")
        )
        if word.startswith("-") and "=" in said:
            name, _, value = said.partition("=")
            found[name.replace("-", "_")] = value
    return found
