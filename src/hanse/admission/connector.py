"""Connectors behind their breakers: what execution and planning get in the place of those that ask sources over a network."""

from collections.abc import Iterable, Mapping

from hanse.admission.breaker import State
from hanse.admission.session import ProtectedSession
from hanse.admission.sharing import Sharing
from hanse.admission.stay import Door, Host
from hanse.clock import Clock
from hanse.errors import HanseError
from hanse.ir.expr import Literal
from hanse.ir.request import Request
from hanse.settings import Profile
from hanse.spi.alarms import Alarms
from hanse.spi.connector import Composite, Connector, Embedded, Estimating, ReadContext, Session
from hanse.spi.protection import Protected, Protection
from hanse.spi.snapshot import SourceCatalog


class ProtectedConnector:
    """The connector of ``spi.connector`` around another: the same source, spared when it fails."""

    def __init__(self, door: Door, repeats: bool) -> None:
        """``repeats``: whether sessions ask again what failed."""
        self._door = door
        self._repeats = repeats

    @property
    def source(self) -> str:
        """The name under which users know it."""
        return self._door.connector.source

    def load_catalog(self) -> SourceCatalog:
        """The source's catalog; raises SourceResting where it is left alone."""
        ticket = self._door.hosts[0].breaker.admit()
        try:
            found = self._door.connector.load_catalog()
            ticket.succeeded()
            return found
        except HanseError as failure:
            ticket.failed(failure)
            raise
        finally:
            ticket.released()

    def begin(self, context: ReadContext) -> Session:
        """Open a session for one query; raises SourceResting where the source is left alone."""
        if not self._repeats:
            self._door.check()
        return ProtectedSession(self._door, context, self._repeats)

    def close(self) -> None:
        """Drop every connection."""
        self._door.connector.close()


class ProtectedEstimating(ProtectedConnector):
    """One whose source can say how many rows it expects."""

    def expected(self, request: Request, parameters: tuple[Literal, ...], seconds: float) -> float | None:
        """Rows that the source expects; raises SourceResting where it is left alone."""
        connector = self._door.connector
        if not isinstance(connector, Estimating):
            return None
        self._door.hosts[0].breaker.check()
        return connector.expected(request, parameters, seconds)


class Admission:
    """All sources of an engine, behind what spares them."""

    def __init__(self, connectors: Mapping[str, Connector], clock: Clock, alarms: Alarms | None = None) -> None:
        """Around every source that requests can go to; those that are read in place stay as they are."""
        alarms = alarms or Alarms(clock.monotonic)
        self.sharing = Sharing(clock)
        """What queries that run at the same time need not ask twice."""
        self._doors = {
            name: _door(connector, clock, self.sharing, alarms)
            for name, connector in connectors.items()
            if not isinstance(connector, Embedded | Composite)
        }
        self._connectors: dict[Profile, Mapping[str, Connector]] = {
            "interactive": {**connectors, **self._around(False)},
            "batch": {**connectors, **self._around(True)},
        }

    def _around(self, repeats: bool) -> dict[str, Connector]:
        return {
            name: ProtectedEstimating(door, repeats)
            if isinstance(door.connector, Estimating)
            else ProtectedConnector(door, repeats)
            for name, door in self._doors.items()
        }

    def connectors(self, profile: Profile = "interactive") -> Mapping[str, Connector]:
        """Every source by name, as queries of that profile ask it."""
        return self._connectors[profile]

    def check(self, sources: Iterable[str], profile: Profile) -> None:
        """Before anything is taken or begun: raises SourceResting if one of the sources is left alone now, and nobody would
        wait for it."""
        for name in sources:
            if profile == "interactive" and name in self._doors:
                self._doors[name].check()

    def states(self) -> dict[str, str]:
        """How each source's breaker stands, and the limit that it has shown; of replicas, where there is something to tell."""
        return {name: _told(door) for name, door in self._doors.items()}


def _told(door: Door) -> str:
    first, *others = map(_state, door.hosts)
    replicas = [f"replica {number} {state}" for number, state in enumerate(others, 1) if state != State.CLOSED]
    return "; ".join((first, *replicas))


def _state(host: Host) -> str:
    limit = host.limit.limit
    return str(host.breaker.standing()) + ("" if limit is None else f", {limit} queries at a time")


def _door(connector: Connector, clock: Clock, sharing: Sharing, alarms: Alarms) -> Door:
    protection = connector.protection if isinstance(connector, Protected) else Protection()
    door = Door(connector, protection, clock, sharing)
    door.alarms = alarms
    return door
