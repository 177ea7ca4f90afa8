"""The fuzzer's runs: the kept seeds, and HANSE_FUZZ_QUERIES random queries from HANSE_FUZZ_SEED on.

A difference prints its seeds, the smallest query that shows it, and the plans. To see one again::

    HANSE_FUZZ_SEED=7 HANSE_FUZZ_QUERIES=50 python -m pytest tests/differential

In ``HANSE_FUZZ_LIES`` of a hundred queries (25 by default) the plan is also made from falsified statistics: row counts,
distinct values, frequencies and histograms of every table, what earlier runs are said to have shown, and the pace of every
source are nonsense that depends on the query's seed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.differential.campaign import Tally, campaign, reporter, world

QUERIES = int(os.environ.get("HANSE_FUZZ_QUERIES", "500"))
FIRST_SEED = int(os.environ.get("HANSE_FUZZ_SEED", "1"))
PER_SCHEMA = 50
EXECUTED_SHARE_MIN = 0.8
SEEDS = [
    line.split()[:2] for line in (Path(__file__).parent / "seeds.txt").read_text().splitlines() if line[:1].isdigit()
]
SCHEMAS = range(FIRST_SEED, FIRST_SEED + -(-QUERIES // PER_SCHEMA))
pytestmark = [pytest.mark.postgres, pytest.mark.mysql, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("seed", SCHEMAS)
def test_every_way_gives_the_same_answer(
    seed: int, pg_url: str, mysql_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = seed * 1000
    count = min(PER_SCHEMA, QUERIES - (seed - FIRST_SEED) * PER_SCHEMA)
    tally = Tally()
    with world(seed, pg_url, mysql_url) as place, capsys.disabled():
        campaign(place, seed, range(first, first + count), tally, reporter(count, f"schema {seed}", tally))
    assert "\n\n".join(map(str, tally.found)) == ""
    assert tally.executed >= EXECUTED_SHARE_MIN * count, str(tally)


@pytest.mark.parametrize("schema_seed", sorted({int(schema) for schema, _ in SEEDS}))
def test_kept_seeds_stay_mended(schema_seed: int, pg_url: str, mysql_url: str) -> None:
    tally = Tally()
    with world(schema_seed, pg_url, mysql_url) as place:
        campaign(place, schema_seed, [int(query) for schema, query in SEEDS if int(schema) == schema_seed], tally)
    assert "\n\n".join(map(str, tally.found)) == ""
