"""Whose turn it is where many want the same: the one whose group has least of it, by its weight, at every level of the tree.

The same rule holds at every line in which queries wait: for connections, for coordinator instances, for a source's statements.
So a group with sixty times the queries of another has no more of what is scarce than its weight says.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class Step:
    """One group below another."""

    name: str
    weight: float = 1
    """How much it gets, relative to its siblings."""
    priority: int = 0
    """Siblings of a lower one get nothing while it waits."""


Share = tuple[Step, ...]
"""The way from below the root to a group."""
NOBODY: Share = ()
"""Where there are no groups."""
OWN = Step("")
"""What waits in a group itself, beside the groups below it."""


class Taken:
    """How much each group has, with those below it. The caller's lock guards it."""

    def __init__(self) -> None:
        """Nobody has anything."""
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, share: Share, count: int) -> None:
        """Somebody of a group takes so much; below zero: gives it back."""
        if not share:
            return
        place: tuple[str, ...] = ()
        for step in (*share, OWN):
            place = (*place, step.name)
            left = self._counts.get(place, 0) + count
            if left:
                self._counts[place] = left
            else:
                self._counts.pop(place, None)

    def fairest(self, waiting: Sequence[W], share: Callable[[W], Share]) -> W:
        """Who is next of those who wait, the longest first: of equals, whoever has waited longest."""
        names: tuple[str, ...] = ()
        while len(waiting) > 1:
            depth = len(names)
            found: dict[Step, list[W]] = {}
            for one in waiting:
                path = share(one)
                found.setdefault(path[depth] if depth < len(path) else OWN, []).append(one)
            step = min(found, key=lambda step: (-step.priority, self._counts.get((*names, step.name), 0) / step.weight))
            waiting = found[step]
            if step is OWN:
                break
            names = (*names, step.name)
        return waiting[0]
