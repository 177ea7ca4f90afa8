"""Ranges of pages: every page in one of them, none for tables that are small, unknown or no heap."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from hanse.connectors.postgres.catalog import page_ranges
from hanse.connectors.shared.scans import RANGES_EACH, ParallelScans, cuts

FOUR = ParallelScans(connections=4, rows_min=1000)


def spans(conditions: tuple[str, ...]) -> list[tuple[int, int | None]]:
    found = []
    for text in conditions:
        low, high = re.search(r">= '\((\d+),0\)'", text), re.search(r"< '\((\d+),0\)'", text)
        found.append((int(low[1]) if low else 0, int(high[1]) if high else None))
    return found


@pytest.mark.parametrize("pages", [2, 3, 17, 5_000, 123_457])
def test_every_page_is_in_one_range_and_the_last_has_no_end(pages: int) -> None:
    found = spans(page_ranges(pages, 10_000, FOUR))
    assert found[0][0] == 0
    assert found[-1][1] is None
    assert all(end == start for (_, end), (start, _) in pairwise(found))
    assert all(start < end for start, end in found[:-1] if end is not None)
    assert len(found) == min(pages, 4 * RANGES_EACH)


@pytest.mark.parametrize(
    ("pages", "rows", "scans"),
    [
        (100_000, 999, FOUR),
        (100_000, None, FOUR),
        (None, 10_000, FOUR),
        (1, 10_000, FOUR),
        (0, 10_000, FOUR),
        (-1, 10_000, FOUR),
        (100_000, 10_000, ParallelScans(connections=1, rows_min=0)),
    ],
)
def test_no_ranges(pages: int | None, rows: int | None, scans: ParallelScans) -> None:
    assert page_ranges(pages, rows, scans) == ()


def test_ranges_are_as_many_as_the_connections_share_well_and_not_too_short() -> None:
    scans = ParallelScans(connections=3, rows_min=1000)
    assert len(cuts(1_000_000, 1_000_000, scans)) == 3 * RANGES_EACH - 1
    assert cuts(1_000_000, 1_000, scans) == [250_000, 500_000, 750_000]
    assert cuts(10, 1_000_000, ParallelScans(connections=2, rows_min=0)) == [1, 2, 3, 5, 6, 7, 8]
