"""What the server's own planner expects: from EXPLAIN (FORMAT JSON)."""

from collections.abc import Iterator, Mapping
from typing import Any

from hanse.spi.ceiling import Planned


def planned(answer: Any) -> Planned:
    """The rows of the step that has most, and the cost of the whole."""
    plan = answer[0]["Plan"]
    return Planned(max(_rows(plan)), float(plan["Total Cost"]))


def _rows(plan: Mapping[str, Any]) -> Iterator[float]:
    yield float(plan["Plan Rows"])
    for below in plan.get("Plans", ()):
        yield from _rows(below)
