"""Whether what an engine claims of a partial answer is true, by the answer that there would have been."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from hanse.ir.completeness import Claim, Rows, Standing
from hanse.testing.differential import Answer, close, plain, same

Row = tuple[Any, ...]


def broken(claim: Claim, truth: Answer, found: Answer, approximate: frozenset[int]) -> str | None:
    """What is not as it is claimed: the first row for which there is no row of the truth left; None: all is."""
    if claim.rows is Rows.ANY:
        return None
    ours, theirs = _rows(found, truth), _rows(truth, truth)
    if claim.rows is Rows.ALL and len(ours) != len(theirs):
        return f"all rows are claimed: {len(ours)} of {len(theirs)}"
    standings = [standing for _, standing in claim.columns]
    exact = [i for i, one in enumerate(standings) if one is Standing.EXACT and i not in approximate]
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in theirs:
        groups[_key(row, exact)].append(row)
    left: defaultdict[str, list[Row]] = defaultdict(list)
    for row in ours:
        left[_key(row, exact)].append(row)
    for key, rows in left.items():
        fits = [
            [place for place, other in enumerate(groups[key]) if _fits(row, other, standings, approximate)]
            for row in rows
        ]
        alone = _unmatched(fits)
        if alone is not None:
            return f"no row is left for {rows[alone]} among {groups[key][:5]}"
    return None


def _rows(one: Answer, like: Answer) -> list[Row]:
    kinds = [*like.kinds, *[None] * (len(one.rows[0]) - len(like.kinds) if one.rows else 0)]
    return [tuple(plain(value, kind) for value, kind in zip(row, kinds, strict=False)) for row in one.rows]


def _key(row: Row, places: Sequence[int]) -> str:
    return repr([row[place] for place in places])


def _fits(row: Row, other: Row, standings: Sequence[Standing], approximate: frozenset[int]) -> bool:
    return all(
        _holds(one, two, standing, place in approximate)
        for place, (one, two, standing) in enumerate(zip(row, other, standings, strict=True))
    )


def _holds(value: Any, truth: Any, standing: Standing, is_approximate: bool) -> bool:
    match standing:
        case Standing.UNKNOWN:
            return True
        case Standing.UNAVAILABLE | Standing.LOWER if value is None:
            return True
        case Standing.LOWER if truth is not None:
            return bool(value <= truth) or (is_approximate and close(value, truth)) or truth != truth  # NaN is greatest
        case _:
            return close(value, truth) if is_approximate else same(value, truth)


def _unmatched(fits: Sequence[Sequence[int]]) -> int | None:
    """The first row that gets no partner of its own, where each can have one of several (augmenting paths)."""
    taken: dict[int, int] = {}

    def place(row: int, seen: set[int]) -> bool:
        for partner in fits[row]:
            if partner not in seen:
                seen.add(partner)
                if partner not in taken or place(taken[partner], seen):
                    taken[partner] = row
                    return True
        return False

    return next((row for row in range(len(fits)) if not place(row, set())), None)
