"""A clock that a test turns, with chance from a seed."""

from __future__ import annotations

import random


class Wheel:
    """Time moves only when it is told to."""

    def __init__(self, seed: int = 1) -> None:
        self.time = 0.0
        self._chance = random.Random(seed)

    def now(self) -> float:
        return 1_760_000_000.0 + self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds

    def new_id(self) -> str:
        return f"{self._chance.getrandbits(128):032x}"

    def random(self) -> float:
        return self._chance.random()
