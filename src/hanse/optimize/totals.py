"""What count, sum and avg of a group come to: for HAVING, of which no source has statistics.

A group has at least one row, and as many more as chance gives it (Poisson), each with a value like any other of the column.
So with n rows a group, values of mean m and variance v: count n +- sqrt(n - 1), sum n m +- sqrt(n v + (n - 1) m m),
avg m +- sqrt(v / n). Groups of real data are less even, so that the share beyond a bound is that of the logistic
distribution, whose tails are heavier than a normal one's, and never below ``TAIL``; it remains a guess.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from hanse.ir.tables import ColumnStatistics

TAIL = 0.01
"""The least share of groups that may be beyond any bound, or within it."""
STEEPNESS = math.pi / math.sqrt(3)
"""Of the logistic distribution of deviation 1."""
FAR = 30.0
NUMBER = int | float | Decimal


@dataclass(frozen=True, slots=True)
class Total:
    """The mean of an aggregate over all groups, and how far a group is from it."""

    mean: float
    deviation: float

    def above(self, bound: float) -> float:
        """The share of groups with more than ``bound``."""
        distance = (bound - self.mean) / max(self.deviation, abs(self.mean) * 1e-9, 1e-9)
        share = 1 / (1 + math.exp(min(max(STEEPNESS * distance, -FAR), FAR)))
        return min(max(share, TAIL), 1 - TAIL)


def total_of(name: str, size: float, moments: tuple[float, float]) -> Total | None:
    """What groups of ``size`` rows come to, of values with that mean and variance; None for other aggregates."""
    mean, variance = moments
    size = max(1.0, size)
    match name:
        case "count":
            return Total(size, math.sqrt(size - 1))
        case "sum":
            return Total(size * mean, math.sqrt(size * variance + (size - 1) * mean * mean))
        case "avg":
            return Total(mean, math.sqrt(variance / size))
    return None


def moments_of(known: ColumnStatistics) -> tuple[float, float] | None:
    """Mean and variance of a column of numbers: of its common values and buckets, else of an even spread; None: unknown."""
    parts = [(_number(value), _number(value), share) for value, share in known.common]
    rest = max(0.0, 1 - (known.null_fraction or 0.0) - sum(share for _, share in known.common))
    bounds = known.histogram if len(known.histogram) > 1 else (known.minimum, known.maximum)
    if None not in bounds:
        each = rest / (len(bounds) - 1)
        parts += [(_number(low), _number(high), each) for low, high in pairwise(bounds)]
    weight = sum(share for _, _, share in parts)
    if weight <= 0 or not all(math.isfinite(low + high) for low, high, _ in parts):
        return None
    mean = sum((low + high) / 2 * share for low, high, share in parts) / weight
    square = sum((low * low + low * high + high * high) / 3 * share for low, high, share in parts) / weight
    return mean, max(0.0, square - mean * mean)


def _number(value: object) -> float:
    return float(value) if isinstance(value, NUMBER) and not isinstance(value, bool) else math.nan
