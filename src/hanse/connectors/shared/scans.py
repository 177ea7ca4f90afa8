"""A large table in ranges of its own order: the option that says when, and into how many."""

from pydantic import BaseModel, Field

RANGES_EACH = 4
"""Ranges for each connection: so that the last one is not long alone where ranges are not equally full."""


class ParallelScans(BaseModel):
    """Whether and when one large table is read by several connections at once."""

    model_config = {"extra": "forbid", "frozen": True}
    connections: int = Field(default=4, ge=1, le=64)
    """With how many, where the source has them to spare: with one, no table is divided."""
    rows_min: int = Field(default=1_000_000, ge=0)
    """Tables of fewer rows, as the source counts them, are read by one."""


def cuts(size: int, rows: int, scans: ParallelScans) -> list[int]:
    """Where to cut ``size`` units, which hold so many rows, into ranges: the beginnings of all ranges but the first. As many
    as the connections can share well, of a quarter of ``rows_min`` at least; empty if the table is not to be divided."""
    if scans.connections == 1 or rows < scans.rows_min:
        return []
    count = min(RANGES_EACH * scans.connections, rows // max(1, scans.rows_min // RANGES_EACH), size)
    return [size * place // count for place in range(1, count)]
