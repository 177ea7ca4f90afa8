"""What is claimed of an answer is true, of thousands of random queries: each is answered over whole tables, and over tables
from which some rows, or all, are gone. HANSE_FUZZ_SEED and HANSE_FUZZ_CLAIMS say from where on, and how many."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import duckdb

from hanse.bind.binder import allow_all, bind
from hanse.bind.tables import Tables
from hanse.engine import Engine
from hanse.errors import HanseError
from hanse.ir.completeness import Claim, Loss
from hanse.parse.parser import parse
from hanse.policy.completeness import Refused, claimed
from hanse.settings import OnFailure
from hanse.testing.differential import Answer, answer
from tests.differential.choices import Choices
from tests.differential.claims import broken
from tests.differential.losses import Losses
from tests.unit.policy.test_completeness import CONTEXT

QUERIES = int(os.environ.get("HANSE_FUZZ_CLAIMS", "240"))
FIRST_SEED = int(os.environ.get("HANSE_FUZZ_SEED", "1"))
WAYS: tuple[tuple[int, OnFailure], ...] = ((50, "skip"), (0, "skip"), (50, "null"), (0, "null"))
"""As many of a hundred rows are left, and what the configuration says."""
ROWS = 9
ROWS_MAX = 500


def filled(folder: Path, seed: int, kept: int | None) -> Engine:
    """An engine over the tables, of which ``shop.o`` has only so many of a hundred rows; None: all."""
    folder.mkdir()
    choices, dropped = Choices(seed), Choices(seed + 1)
    for source, tables in {"shop": ["o"], "crm": ["c", "d"]}.items():
        with duckdb.connect(str(folder / f"{source}.duckdb")) as store:
            for table in tables:
                store.execute(f"CREATE TABLE {table} (id INTEGER PRIMARY KEY, k INTEGER, v INTEGER, u UINTEGER)")
                for id in range(ROWS):
                    k, v, u = (None if choices.chance(15) else choices.below(5) + low for low in (0, -2, 0))
                    if table != "o" or kept is None or dropped.chance(kept):
                        store.execute(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", [id, k, v, u])
    sources = {source: {"kind": "duckdb", "path": str(folder / f"{source}.duckdb")} for source in ("shop", "crm")}
    return Engine({"sources": sources, "engine": {"threads": 1, "instances": 1}})


def test_claims_are_true(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    problems: list[str] = []
    for place, (kept, choice) in enumerate(WAYS):
        seed = FIRST_SEED * 1000 + place
        whole, rest = (
            filled(tmp_path / f"{name}{place}", seed, part) for name, part in (("all", None), ("part", kept))
        )
        with whole, rest:
            snapshot = whole.catalog.snapshot()
            tables = Tables(table for source in snapshot.sources.values() for table in source.tables)
            for number in range(QUERIES // 4):
                sql = Losses(Choices(seed * 10_000 + number)).query()
                try:
                    claim = claimed_of(sql, tables, Loss.PART if kept else Loss.WHOLE, choice)
                except Refused as refusal:
                    counts[f"refused: {str(refusal)[:20]}"] += 1
                    continue
                except HanseError:
                    counts["no query"] += 1
                    continue
                truth, found = answer(whole, sql), answer(rest, sql)
                if truth.error or found.error or len(truth.rows) > ROWS_MAX:
                    counts["skipped"] += 1
                    continue
                counts[str(claim.rows)] += 1
                counts.update(str(standing) for _, standing in claim.columns)
                problem = broken(claim, truth, found, approximate(found))
                if problem:
                    problems.append(f"query {seed * 10_000 + number}: {sql}\n{claim}\n{problem}")
    assert "\n\n".join(problems) == "", counts
    assert counts["rows may be missing"] > QUERIES / 20, counts
    assert counts["lower bound"] > QUERIES / 40, counts


def claimed_of(sql: str, tables: Tables, lost: Loss, choice: OnFailure) -> Claim:
    """What is claimed of a query; raises Refused."""
    plan = bind(parse(sql), tables, allow_all, CONTEXT).plan
    return claimed(plan, lambda one: lost if one.source == "shop" else Loss.NONE, lambda _: choice)


def approximate(one: Answer) -> frozenset[int]:
    """The columns of floats."""
    return frozenset(place for place in range(4) if any(isinstance(row[place], float) for row in one.rows))
