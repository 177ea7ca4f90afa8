"""One group as it is at a moment: what runs in it and below, who waits, and what it has used. ``scheduler`` moves queries."""

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hanse.admission.quota import Usage
from hanse.groups import Caller, Limits, ResourceGroup, resolved
from hanse.spi.shares import OWN, Share, Step

if TYPE_CHECKING:
    from hanse.admission.scheduler import Place

ROOT = "all"
QUEUE_SECONDS = 60.0
"""How long a query waits where nothing else is said."""
SMOOTH = 0.2
"""The part of the last query in the expected time of the next."""


@dataclass(frozen=True, slots=True)
class GroupState:
    """A group, for people and for ``system.resource_groups``."""

    group: str
    running: int
    concurrency: int | None
    queued: int
    queue: int
    memory: int
    """Bytes that its running queries may have."""
    memory_max: int | None
    weight: float
    priority: int
    quota: str | None
    admitted: int
    """Queries that it has let in so far."""
    refused: int
    """Queries that it did not."""
    waited_seconds: float
    """All waits of those let in, together."""


class Group:
    """A node of the tree. The scheduler's lock guards it."""

    def __init__(self, key: tuple[str, str], limits: Limits, parent: "Group | None" = None) -> None:
        """Nobody is in it; ``key``: its name in the configuration, and what that stands for here."""
        self.key = key
        self.is_template = key[0] != key[1]
        self.limits = limits
        self.parent = parent
        self.children: dict[tuple[str, str], Group] = {}
        self.own: deque[Place] = deque()
        """Those who wait in the group itself."""
        self.running = self.running_own = self.waiting = self.memory = 0
        self.admitted = self.refused = 0
        self.waited = 0.0
        self.seconds = 0.0
        """About what a query takes here."""
        self.usage = Usage(limits.quota) if limits.quota else None
        self.step = Step(key[1], limits.weight, limits.priority) if isinstance(limits, ResourceGroup) else Step(key[1])
        self.share: Share = () if parent is None else (*parent.share, self.step)
        self._chain: tuple[Group, ...] = (self, *(parent.chain() if parent else ()))
        self.path = ".".join(one.name for one in self.share) or ROOT

    def chain(self) -> "tuple[Group, ...]":
        """The group, and those that it is in."""
        return self._chain

    def child(self, name: str, caller: Caller) -> "Group":
        """The one of that name in the configuration, for a caller."""
        key = (name, resolved(name, caller))
        found = self.children.get(key)
        if found is None:
            found = self.children[key] = Group(key, self.limits.groups[name], self)
        return found

    @property
    def queue_seconds(self) -> float:
        """How long a query waits at most."""
        given = next((one.limits.queue_timeout for one in self.chain() if one.limits.queue_timeout), None)
        return QUEUE_SECONDS if given is None else given.total_seconds()

    @property
    def is_counted(self) -> bool:
        """Whether it has a quota, or is in a group that has one."""
        return any(one.usage for one in self.chain())

    @property
    def is_full(self) -> bool:
        """Whether as many run as may."""
        return self.limits.concurrency is not None and self.running >= self.limits.concurrency

    def holds(self, memory: int) -> bool:
        """Whether a query with so much memory fits, too."""
        return self.limits.memory is None or self.memory + memory <= self.limits.memory

    def next(self) -> "Place | None":
        """Whose turn it is below here, of those who may run. Whoever is next and waits for memory is passed by nobody of the
        same group."""
        if self.is_full or not self.waiting:
            return None
        candidates: list[tuple[tuple[float, float, int], Group | None]]
        candidates = [(self._order(group), group) for group in self.children.values() if group.waiting]
        candidates += [(self._own_order(), None)] if self.own else []
        for _, group in sorted(candidates, key=lambda one: one[0]):
            found = self.own[0] if group is None else group.next()
            if found is not None:
                return found if self.holds(found.held) else None
        return None

    def _order(self, child: "Group") -> tuple[float, float, int]:
        return -child.step.priority, child.running / child.step.weight, child.oldest()

    def _own_order(self) -> tuple[float, float, int]:
        return -OWN.priority, self.running_own / OWN.weight, self.own[0].number

    def oldest(self) -> int:
        """The number of whoever waits longest here and below."""
        found = [one.oldest() for one in self.children.values() if one.waiting]
        return min([*found, *(place.number for place in list(self.own)[:1])])

    def state(self, now: float) -> GroupState:
        """As people see it."""
        return GroupState(
            self.path,
            self.running,
            self.limits.concurrency,
            self.waiting,
            self.limits.queue,
            self.memory,
            self.limits.memory,
            self.step.weight,
            self.step.priority,
            self.usage.told(now) if self.usage else None,
            self.admitted,
            self.refused,
            self.waited,
        )

    def is_idle(self, now: float) -> bool:
        """Whether it can be forgotten: nothing runs, waits, or counts against its quota."""
        is_used = self.usage is not None and self.usage.is_used(now)
        return not (self.running or self.waiting or self.memory or is_used or self.children)
