"""Where queries wait for their turn: the only part of resource groups that blocks."""

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from hanse.admission.group import GroupState
from hanse.admission.scheduler import Scheduler
from hanse.clock import Clock
from hanse.errors import Cancelled
from hanse.groups import Caller, Kind, ResourceGroups, Selector, above, said
from hanse.guardrails import GroupGuardrails
from hanse.spi.admission import Admitted
from hanse.spi.permits import POLL_SECONDS


class Gate:
    """All groups of an engine, and how a query gets into one."""

    def __init__(self, groups: ResourceGroups, clock: Clock) -> None:
        """Open."""
        self._selectors = groups.selectors
        self.groups = groups
        self._scheduler = Scheduler(groups, clock)

    def path(self, caller: Caller, tags: str, kind: Kind) -> str:
        """The group of a query, as the first selector says that fits; empty is the root."""
        words = [word.strip() for word in tags.split(",") if word.strip()]
        fitting = (one.group for one in self._selectors if _fits(one, caller, words, kind))
        return next(fitting, "")

    def standing(self, caller: Caller, tags: str, kind: Kind) -> tuple[str, ...]:
        """The group of a query and all that it is in, by their names in the configuration."""
        return above(self.path(caller, tags, kind))

    def guardrails_of_plans(self) -> dict[str, GroupGuardrails]:
        """Those that say something of plans, by the names of their groups."""
        return {name: block for name, block in said(self.groups) if block.concerns_plans}

    def enter(self, path: str, caller: Caller, memory: int | None, is_ended: Callable[[], bool]) -> "Admitted":
        """Wait for the query's turn; raises AdmissionRefused, Cancelled when ``is_ended`` says so meanwhile."""
        place = self._scheduler.submit(path, caller, memory)
        while not place.is_running:
            if place.failure is not None:
                raise place.failure
            if is_ended():
                place.end()
                place.free()
                raise Cancelled(f"cancelled while waiting in resource group {place.group}")
            left = self._scheduler.patience(place)
            if left <= 0:
                self._scheduler.expire(place)
            else:
                place.gate.acquire(timeout=min(POLL_SECONDS, left))
        return place

    def states(self) -> list[GroupState]:
        """Every group, as it is."""
        return self._scheduler.states()


def _fits(selector: Selector, caller: Caller, tags: Sequence[str], kind: Kind) -> bool:
    return (
        (not selector.kind or kind in selector.kind)
        and _any(selector.user, [caller.user])
        and _any(selector.user_group, caller.groups)
        and _any(selector.client, [caller.client])
        and all(_any((pattern,), tags) for pattern in selector.tags)
    )


def _any(patterns: Sequence[str], names: Sequence[str]) -> bool:
    return not patterns or any(fnmatchcase(name, pattern) for name in names for pattern in patterns)
