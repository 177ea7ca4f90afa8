"""Decides which query runs next. It waits for nothing and starts no thread: given the same calls and the same clock it decides
the same. ``gate`` waits.

Of the groups that may run one more, the one with the highest priority is next, then the one with the fewest running for its
weight, then the one that has waited longest; the same at every level. Within a group the order is that of arrival. (Weighted
fair, as Trino's resource groups have it.)
"""

import threading
from collections.abc import Iterator

from hanse.admission.group import SMOOTH, Group, GroupState
from hanse.admission.quota import moment
from hanse.clock import Clock
from hanse.errors import AdmissionRefused, HanseError, ResourceLimit
from hanse.groups import Caller, ResourceGroups, names
from hanse.spi.shares import Share

FULL, WAITED, QUOTA = "53300", "53300", "53400"


class Place:
    """One query in its group: waiting, then running, then over."""

    def __init__(self, scheduler: "Scheduler", group: Group, memory: int | None) -> None:
        """Neither yet; ``memory``: bytes that it may have, and holds as long as it runs; None: nobody counts."""
        self._scheduler = scheduler
        self._group = group
        self.memory = memory
        self.held = memory or 0
        self.number = 0
        """In the order of arrival."""
        self.since = 0.0
        self.gate = threading.Lock()
        """Opens when it is decided."""
        self.gate.acquire()
        self.is_running = self.is_freed = False
        self.failure: HanseError | None = None

    @property
    def group(self) -> str:
        """The group's name."""
        return self._group.path

    @property
    def share(self) -> Share:
        """Whose turn it takes in lines."""
        return self._group.share

    @property
    def is_counted(self) -> bool:
        """Whether there is a quota."""
        return self._group.is_counted

    def used(self, rows: int = 0, bytes: int = 0) -> None:
        """So much was read; raises ResourceLimit where a quota is used up."""
        self._scheduler.charge(self._group, {"rows": rows, "bytes": bytes})

    def answered(self, rows: int, bytes: int) -> None:
        """So much was answered; raises ResourceLimit where a quota is used up."""
        self._scheduler.charge(self._group, {"result_rows": rows, "result_bytes": bytes})

    def end(self, cpu_seconds: float = 0.0) -> None:
        """Let the next one run. Idempotent."""
        self._scheduler.end(self, self._group, cpu_seconds)

    def free(self) -> None:
        """Let others have its memory. Idempotent."""
        self._scheduler.free(self, self._group)


class Scheduler:
    """The tree, and who waits where. Thread-safe; nothing here waits."""

    def __init__(self, groups: ResourceGroups, clock: Clock) -> None:
        """Nobody is here."""
        self._root = Group(("", ""), groups)
        self._clock = clock
        self._lock = threading.Lock()
        self._count = 0
        self._known(self._root)

    def _known(self, group: Group) -> None:
        """Make the groups whose names stand for themselves, so that they are told of before they are used."""
        for name in group.limits.groups:
            if "${" not in name:
                self._known(group.child(name, Caller()))

    def submit(self, path: str, caller: Caller, memory: int | None = None) -> Place:
        """A query comes, which would like to have so many bytes of memory: it runs at once, or waits. Raises AdmissionRefused
        where the queue is full, or a quota used up."""
        with self._lock:
            group = self._root
            for name in names(path) if path else ():
                group = group.child(name, caller)
            self._refuse_exhausted(group)
            place = Place(self, group, self._allowed(group, memory))
            self._count += 1
            place.number, place.since = self._count, self._clock.monotonic()
            self._enqueue(place, group)
            self._serve()
            full = None if place.is_running else next((one for one in group.chain() if _overflows(one)), None)
            if full is not None:
                self._dequeue(place, group)
                group.refused += 1
                self._forget(group)
                raise _full(full)
            return place

    def _allowed(self, group: Group, memory: int | None) -> int | None:
        """What one query may have: no more than its groups let one, or all together, have; None: nobody counts."""
        given = (most for one in group.chain() for most in (one.limits.query_memory, one.limits.memory))
        found = [most for most in given if most is not None]
        return min([*found, *([] if memory is None else [memory])]) if found else None

    def _refuse_exhausted(self, group: Group) -> None:
        for one in group.chain():
            if (failure := self._exhausted(one)) is not None:
                group.refused += 1
                self._forget(group)
                raise failure

    def _exhausted(self, group: Group, *, beyond: bool = False) -> HanseError | None:
        """What a query is told whose group has used up its quota; one that runs is told ResourceLimit, as it is not to be
        asked again as it is."""
        if group.usage is None:
            return None
        now = self._clock.now()
        used_up = group.usage.exhausted(now, beyond=beyond)
        if used_up is None:
            return None
        opens = group.usage.opens(now)
        message = f"resource group {group.path} has used up its quota of {used_up}; it opens again at {moment(opens)}"
        hint = f"ask again after {opens - now:,.0f} s, or raise the quota of the group in resource_groups"
        if beyond:
            return ResourceLimit(f"{message}; the query was ended, without an answer", sqlstate=QUOTA, hint=hint)
        return AdmissionRefused(message, sqlstate=QUOTA, hint=hint).after(opens - now)

    def charge(self, group: Group, amounts: dict[str, int]) -> None:
        """Count what a query of the group uses; raises ResourceLimit where that is more than its quota."""
        with self._lock:
            self._add(group, amounts)
            failures = [self._exhausted(one, beyond=True) for one in group.chain()]
        for failure in failures:
            if failure is not None:
                raise failure

    def _add(self, group: Group, amounts: dict[str, int] | dict[str, float]) -> None:
        now = self._clock.now()
        for one in group.chain():
            if one.usage is not None:
                for what, amount in amounts.items():
                    one.usage.add(what, amount, now)

    def _enqueue(self, place: Place, group: Group) -> None:
        group.own.append(place)
        for one in group.chain():
            one.waiting += 1

    def _dequeue(self, place: Place, group: Group) -> None:
        group.own.remove(place)
        for one in group.chain():
            one.waiting -= 1

    def _serve(self) -> None:
        """Let all run that may."""
        while (place := self._root.next()) is not None:
            group = place._group
            self._dequeue(place, group)
            failures = (self._exhausted(one) for one in group.chain())
            place.failure = next((failure for failure in failures if failure is not None), None)
            if place.failure is None:
                self._start(place, group)
            else:
                group.refused += 1
            place.gate.release()

    def _start(self, place: Place, group: Group) -> None:
        now = self._clock.monotonic()
        group.running_own += 1
        for one in group.chain():
            one.running += 1
            one.memory += place.held
            one.admitted += 1
            one.waited += now - place.since
        place.is_running, place.since = True, now

    def end(self, place: Place, group: Group, cpu_seconds: float) -> None:
        """A query does not run any more, or does not want to. Idempotent."""
        with self._lock:
            if place.is_running:
                place.is_running = False
                took = self._clock.monotonic() - place.since
                group.running_own -= 1
                for one in group.chain():
                    one.running -= 1
                    one.seconds += (took - one.seconds) * (SMOOTH if one.seconds else 1)
                self._add(group, {"cpu": cpu_seconds})
                self._serve()
            elif place in group.own:
                place.is_freed = True
                self._dequeue(place, group)
                self._serve()
            self._forget(group)

    def free(self, place: Place, group: Group) -> None:
        """A query has no memory any more. Idempotent."""
        with self._lock:
            if place.is_freed or place.failure is not None:
                return
            place.is_freed = True
            for one in group.chain():
                one.memory -= place.held
            self._serve()
            self._forget(group)

    def expire(self, place: Place) -> None:
        """Take a query out of the queue that has waited for too long, or for nobody; it then has a ``failure``."""
        with self._lock:
            group = place._group
            if place not in group.own:
                return
            waited = self._clock.monotonic() - place.since
            self._dequeue(place, group)
            place.is_freed = True
            group.refused += 1
            place.failure = _waited(group, waited).after(_again(group))
            self._serve()
            self._forget(group)

    def patience(self, place: Place) -> float:
        """Seconds that a query waits, from now on."""
        return place.since + place._group.queue_seconds - self._clock.monotonic()

    def _forget(self, group: Group) -> None:
        """Drop groups that stand for somebody of whom there is nothing left to know."""
        now = self._clock.now()
        for one in group.chain():
            if one.parent is not None and one.is_template and one.is_idle(now):
                one.parent.children.pop(one.key, None)

    def states(self) -> list[GroupState]:
        """Every group, the root first, each before those below it."""
        with self._lock:
            now = self._clock.now()
            for group in list(_all(self._root)):
                self._forget(group)
            return [group.state(now) for group in _all(self._root)]


def _all(group: Group) -> Iterator[Group]:
    yield group
    for _, child in sorted(group.children.items()):
        yield from _all(child)


def _overflows(group: Group) -> bool:
    return group.waiting > group.limits.queue


def _again(group: Group) -> float:
    """Seconds after which there is probably room, from what its queries have taken so far."""
    full = next((one for one in group.chain() if one.is_full), group)
    took = next((one.seconds for one in group.chain() if one.seconds), 0.0)
    return max(0.1, took * (full.waiting + 1) / max(1, full.running))


def _full(group: Group) -> AdmissionRefused:
    seconds = _again(group)
    message = (
        f"the queue of resource group {group.path} is full: {group.running} of its queries run and {group.waiting} wait"
    )
    hint = f"ask again in about {seconds:.1f} s, or raise concurrency or queue of the group in resource_groups"
    return AdmissionRefused(message, sqlstate=FULL, hint=hint).after(seconds)


def _waited(group: Group, seconds: float) -> AdmissionRefused:
    full = next((one for one in group.chain() if one.is_full), None)
    why = f"{full.running} queries of {full.path} ran" if full else "others had the memory"
    message = f"the query waited {seconds:.1f} s in resource group {group.path} while {why}"
    hint = "ask again later, or raise concurrency, memory or queue_timeout of the group in resource_groups"
    return AdmissionRefused(message, sqlstate=WAITED, hint=hint)
