"""What all requests of the HTTP listener share."""

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from hanse.access import ListenSettings
from hanse.catalog.browse import Catalog
from hanse.groups import Caller
from hanse.observe.recorder import Recorder
from hanse.server.answering import Asked
from hanse.server.catalogs import Catalogs
from hanse.server.login import Logins
from hanse.server.registry import Registry
from hanse.server.session import Checking, Session, opened


class Engine(Asked, Checking, Protocol):
    """What requests need of the engine."""

    catalog: Catalog

    @property
    def queries(self) -> Recorder:
        """What is kept of queries."""

    def breakers(self) -> Mapping[str, str]:
        """How each source's breaker stands."""

    def metrics(self) -> str:
        """As Prometheus reads them; raises ConfigError."""


@dataclass(frozen=True, slots=True)
class Place:
    """The server's parts, as far as they concern requests."""

    engine: Engine
    catalogs: Catalogs
    logins: Logins
    registry: Registry
    pool: Executor
    """Has as many threads as there may be connections."""
    listen: ListenSettings

    def session(self, caller: Caller, started: Mapping[str, str]) -> Session:
        """A session for one request; raises HanseError for settings that cannot be."""
        return opened(0, caller, started, self.engine)
