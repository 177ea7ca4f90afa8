"""How fast a source answers, as it was observed; planning weighs what moves by it. None of it is needed."""

from dataclasses import dataclass

NOMINAL = 100e6
"""Bytes in a second that a source on the same machine sends: what the planner takes every source to be until it knows."""
NEAR = 0.0005
"""Seconds that an exchange with a source on the same machine takes."""
EXCHANGES = 2
"""With the source for each request: a transaction and a statement."""


@dataclass(frozen=True, slots=True)
class Pace:
    """One source's. None is unknown."""

    round_trip: float | None = None
    """Seconds that an exchange takes which gives the source nothing to do."""
    bandwidth: float | None = None
    """Bytes in a second, as Arrow has them."""
    scan: float | None = None
    """Rows in a second that scans of single tables yield."""

    @property
    def price(self) -> float:
        """What a byte from there costs, in bytes from a source at the nominal pace."""
        return 1.0 if self.bandwidth is None else min(1000.0, max(0.5, NOMINAL / max(1.0, self.bandwidth)))

    @property
    def wait(self) -> float:
        """What a request costs by its source's distance, in the same bytes."""
        return 0.0 if self.round_trip is None else max(0.0, self.round_trip - NEAR) * EXCHANGES * NOMINAL

    def whole(self, rows: float, bytes: float) -> float:
        """What reading so many rows costs, in the same bytes: what they weigh, or longer where the source scans slowly."""
        moved = bytes * self.price
        return moved if self.scan is None else max(moved, rows / max(1.0, self.scan) * NOMINAL)

    def __str__(self) -> str:
        parts = [] if self.round_trip is None else [f"{self.round_trip * 1000:.1f} ms away"]
        parts += [] if self.bandwidth is None else [f"{self.bandwidth / 1e6:,.1f} MB/s"]
        parts += [] if self.scan is None else [f"scans {self.scan:,.0f} rows/s"]
        return ", ".join(parts)


UNKNOWN = Pace()
