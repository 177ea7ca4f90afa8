"""A sort and a join of 3 GB under a 512 MB limit: they finish, by spilling."""

import os
import tempfile
from pathlib import Path
from time import perf_counter

import duckdb

from benchmarks.results import write
from hanse.engine import Engine

GIGABYTES = float(os.environ.get("HANSE_BENCH_SPILL_GB", "3"))
ROW_BYTES = 120


def _build(folder: Path) -> int:
    rows = int(GIGABYTES * 1e9 / ROW_BYTES)
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '1GB'")
        for name, salt in (("left", 7919), ("right", 104729)):
            connection.execute(
                f"COPY (SELECT (i * {salt}) % {rows} AS k, md5(i::varchar) || md5((i + 1)::varchar) || md5((i + 2)::varchar) "
                f"AS v FROM range({rows // 2}) t(i)) TO '{folder / name}.parquet'"
            )
    return rows


def run() -> None:
    """Run both and write ``results/spill``."""
    rows = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("HANSE_BENCH_FOLDER")) as name:
        folder = Path(name)
        count = _build(folder)
        config = {
            "sources": {"d": {"kind": "files", "path": name}},
            "engine": {"memory_limit": "512MB", "spill_folder": name},
        }
        with Engine(config) as engine:
            for title, sql in (
                ("sort", "SELECT k, v FROM (SELECT * FROM d.left UNION ALL SELECT * FROM d.right) AS t ORDER BY v, k"),
                ("join", "SELECT l.k, l.v, r.v AS w FROM d.left AS l JOIN d.right AS r ON l.k = r.k"),
            ):
                started = perf_counter()
                with engine.query(sql) as result:
                    found = sum(batch.num_rows for batch in result)
                rows.append(
                    [title, count if title == "sort" else "both sides", found, f"{perf_counter() - started:.1f}"]
                )
    header = ["query", "rows in", "rows out", "seconds"]
    write("spill", f"{GIGABYTES:g} GB under a 512 MB limit", header, rows)
