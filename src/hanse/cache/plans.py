"""Plans by everything that they depend on: the least recently used leave when there are too many, or too much of them.

A plan is a function of text, parameter types, snapshot and settings (``PlanKey``), so an equal key is proof enough. A newer
snapshot makes all plans of older ones worthless, and with them the tables that they hold: they leave at once.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from hanse.ir.types import Type

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PlanKey:
    """All that a plan depends on."""

    text: str
    types: tuple[Type, ...]
    """Of the parameters; NULL where the surroundings decide."""
    snapshot: int
    settings: tuple[str, ...]
    """What planning reads of the session's settings."""


class PlanCache(Generic[T]):
    """A thread-safe store of plans with a limit on their number and on their (estimated) bytes."""

    def __init__(self, entries: int, bytes: int) -> None:
        """Keep at most so many plans, and so much; nothing at all with no entries."""
        self._entries = entries
        self._bytes = bytes
        self._lock = threading.Lock()
        self._plans: OrderedDict[PlanKey, tuple[T, int]] = OrderedDict()
        self._size = 0
        self._snapshot = 0
        self._parameters: dict[str, tuple[tuple[str, ...], int]] = {}
        """For a text with plans: the names of its parameters, and the number of its plans."""

    def __len__(self) -> int:
        """The number of plans."""
        return len(self._plans)

    def parameters(self, text: str) -> tuple[str, ...] | None:
        """The names of the parameters of a query that has a plan here, so that it need not be parsed; else None."""
        known = self._parameters.get(text)
        return known[0] if known else None

    def get(self, key: PlanKey) -> T | None:
        """The plan, which is now the most recently used; None if there is none."""
        with self._lock:
            found = self._plans.get(key)
            if found is None:
                return None
            self._plans.move_to_end(key)
            return found[0]

    def put(self, key: PlanKey, names: tuple[str, ...], plan: T, size: int) -> None:
        """Keep a plan of about ``size`` bytes, whose parameters are called ``names``; what is over the limits leaves."""
        with self._lock:
            if key.snapshot < self._snapshot or size > self._bytes or not self._entries:
                return
            if key.snapshot > self._snapshot:
                self._clear()
                self._snapshot = key.snapshot
            self._drop(key)
            self._plans[key] = plan, size
            self._size += size
            _, count = self._parameters.get(key.text, (names, 0))
            self._parameters[key.text] = names, count + 1
            while len(self._plans) > self._entries or self._size > self._bytes:
                self._drop(next(iter(self._plans)))

    def drop(self, key: PlanKey) -> None:
        """Forget a plan that has turned out to be stale, if it is here."""
        with self._lock:
            self._drop(key)

    def _clear(self) -> None:
        self._plans.clear()
        self._parameters.clear()
        self._size = 0

    def _drop(self, key: PlanKey) -> None:
        found = self._plans.pop(key, None)
        if found is None:
            return
        self._size -= found[1]
        names, count = self._parameters[key.text]
        if count > 1:
            self._parameters[key.text] = names, count - 1
        else:
            del self._parameters[key.text]
