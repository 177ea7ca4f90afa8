"""Random choices as a recorded list, so that a failure is replayed, and made smaller, by editing that list.

Whatever draws from ``Choices`` puts its simplest alternative first: a list with zeros and without tails is a simpler
query, and every list of numbers at all is a well-formed one. Shrinking needs to know nothing about queries.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
BLOCKS = (64, 32, 16, 8, 4, 2, 1)


class Choices:
    """A stream of small numbers: recorded while random, zeros after the end while replayed."""

    def __init__(self, seed: int | None = None, recorded: Sequence[int] = ()) -> None:
        self._random = random.Random(seed) if seed is not None else None
        self._replayed = list(recorded)
        self.taken: list[int] = []

    def below(self, limit: int) -> int:
        """A number from 0 to ``limit`` - 1."""
        if self._random is not None:
            value = self._random.randrange(limit)
        else:
            at = len(self.taken)
            value = self._replayed[at] % limit if at < len(self._replayed) else 0
        self.taken.append(value)
        return value

    def pick(self, items: Sequence[T]) -> T:
        """One of the items; the first is the simplest."""
        return items[self.below(len(items))]

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred cases; False is simpler."""
        return self.below(100) >= 100 - percent

    def between(self, low: int, high: int) -> int:
        """A number from low to high, both included; low is simplest."""
        return low + self.below(high - low + 1)

    def some(self, items: Sequence[T], low: int, high: int) -> list[T]:
        """From low to high different items, in their order."""
        count = min(len(items), self.between(low, high))
        rest = list(range(len(items)))
        chosen = sorted(rest.pop(self.below(len(rest))) for _ in range(count))
        return [items[i] for i in chosen]


def shrunk(taken: Sequence[int], fails: Callable[[Sequence[int]], bool], attempts: int) -> list[int]:
    """A simpler list for which ``fails`` still holds, after at most so many attempts."""
    best, left = list(taken), attempts
    improved = True
    while improved and left > 0:
        improved = False
        for candidate in _simpler(best):
            left -= 1
            if left < 0:
                break
            if fails(candidate):
                best, improved = candidate, True
                break
    return best


def _simpler(taken: list[int]) -> list[list[int]]:
    """Lists with a block removed, then zeroed, the largest blocks first; then single numbers made smaller."""
    found: list[list[int]] = []
    for size in BLOCKS:
        for start in range(0, len(taken), size):
            found.append(taken[:start] + taken[start + size :])
            if any(taken[start : start + size]):
                found.append(taken[:start] + [0] * len(taken[start : start + size]) + taken[start + size :])
    for at, value in enumerate(taken):
        if value > 1:
            found += [[*taken[:at], smaller, *taken[at + 1 :]] for smaller in (1, value // 2)]
    return found
