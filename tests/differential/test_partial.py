"""Random queries of which one source, or one shard, is lost: what is claimed of their answers is true.

HANSE_FUZZ_SEED and HANSE_FUZZ_PARTIAL say from where on, and how many.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable

import pytest

from hanse.engine import Engine
from hanse.errors import HanseError, SourceUnreachable
from hanse.ir.completeness import Completeness
from hanse.testing.differential import Answer, difference
from tests.differential.campaign import World, world
from tests.differential.choices import Choices
from tests.differential.claims import broken
from tests.differential.queries import Generator, Query
from tests.fault.proxy import Proxy

QUERIES = int(os.environ.get("HANSE_FUZZ_PARTIAL", "60"))
FIRST_SEED = int(os.environ.get("HANSE_FUZZ_SEED", "1"))
pytestmark = [pytest.mark.postgres, pytest.mark.mysql, pytest.mark.timeout(1200)]
ROWS_MAX = 3000


@pytest.mark.parametrize("choice", ["skip", "null"])
def test_what_is_claimed_is_true(choice: str, pg_url: str, mysql_url: str) -> None:
    counts: Counter[str] = Counter()
    problems: list[str] = []
    proxies: list[Proxy] = []
    with contextlib.ExitStack() as stack:

        def through(url: str) -> str:
            proxies.append(stack.enter_context(Proxy(url)))
            return proxies[-1].url

        options = {"on_failure": choice}
        place = stack.enter_context(world(FIRST_SEED, pg_url, mysql_url, through, **options))
        for engine in (place.spread, place.shards):
            engine.catalog.tables()
        lost = FIRST_SEED % 2  # pg or my, and the shard in the middle of the first, or the first of the second
        for one in (proxies[lost], proxies[2 + (1 if lost == 0 else 3)]):
            one.refuse()
        for seed in range(FIRST_SEED * 1000, FIRST_SEED * 1000 + QUERIES):
            query = Generator(place.tables, Choices(seed)).query()
            for name, ask in ways(place):
                problem = checked(place, query, ask, counts)
                if problem:
                    problems.append(f"query {seed}, {name}: {problem}\n{query.sql}\n{query.parameters}")
    assert "\n\n".join(problems) == "", counts
    assert counts["claims"] >= QUERIES / (4 if choice == "skip" else 12), counts


def ways(place: World) -> list[tuple[str, Callable[[Query], tuple[Answer, Completeness | None]]]]:
    """The ways to ask."""
    return [
        ("pushdown on", lambda query: asked(place.spread, query)),
        ("pushdown off", lambda query: asked(place.spread, query, pushdown="off")),
        ("over shards", lambda query: asked(place.shards, query)),
    ]


def asked(engine: Engine, query: Query, **settings: str) -> tuple[Answer, Completeness | None]:
    """The answer, and what is claimed of it."""
    try:
        with engine.query(query.sql, query.parameters, settings) as result:
            rows = result.fetchall()
            return Answer(rows, tuple(column.type.kind for column in result.columns)), result.report.completeness
    except SourceUnreachable as failure:
        return Answer(error=failure.code, message=failure.hint or ""), None
    except HanseError as failure:
        return Answer(error=failure.code, message=str(failure)), None


def checked(
    place: World, query: Query, ask: Callable[[Query], tuple[Answer, Completeness | None]], counts: Counter[str]
) -> str | None:
    """What is wrong with an answer."""
    truth = place.postgres.answer(query.sql, query.parameters)
    if truth.error or len(truth.rows) > ROWS_MAX:
        counts["skipped"] += 1
        return None
    found, claimed = ask(query)
    if found.error:
        is_refused = "no partial answer" in found.message
        counts["refused" if is_refused else "failed"] += 1
        return None if is_refused or found.error[:2] in ("22", "21", "53", "57") else f"{found.error} {found.message}"
    if claimed is None:
        counts["untouched"] += 1
        return difference(truth, found, ordered=query.ordered, approximate=query.approximate)
    counts["claims"] += 1
    counts[str(claimed.claim.rows)] += 1
    counts.update(str(standing) for _, standing in claimed.claim.columns)
    problem = broken(claimed.claim, truth, found, query.approximate)
    return problem and f"{problem}\n{claimed}"
