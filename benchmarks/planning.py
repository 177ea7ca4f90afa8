"""Planning time: parse to render of joins of 1, 2, 4 and 8 tables, without touching a source."""

import statistics
import tempfile
from pathlib import Path

import duckdb

from benchmarks.results import write
from hanse.engine import Engine

ROUNDS = 200


def _sql(tables: int) -> str:
    joins = "".join(f" JOIN w.t{i} ON t{i}.id = t{i - 1}.ref AND t{i}.kind = 'x{i}'" for i in range(1, tables))
    return (
        f"SELECT t0.grp, count(*), sum(t0.amount * (1 - t{tables - 1}.rate)) FROM w.t0{joins} "
        f"WHERE t0.placed >= DATE '2026-01-01' AND t0.placed < DATE '2026-04-01' GROUP BY t0.grp ORDER BY 2 DESC LIMIT 10"
    )


def run() -> None:
    """Measure the engine's own stage times and write ``results/planning``."""
    rows = []
    stages = ("parse", "bind", "optimize", "split", "render")
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "w.duckdb"
        with duckdb.connect(str(file)) as connection:
            for i in range(8):
                connection.execute(
                    f"CREATE TABLE t{i} (id bigint, ref bigint, grp int, kind varchar, amount decimal(15,2), "
                    f"rate decimal(15,2), placed date)"
                )
        with Engine({"sources": {"w": {"kind": "duckdb", "path": str(file)}}}) as engine:
            for tables in (1, 2, 4, 8):
                measured = [_stages(engine, _sql(tables), "off") for _ in range(ROUNDS)]
                kept = [_stages(engine, _sql(tables), "on") for _ in range(ROUNDS)][1:]
                medians = [statistics.median(m[stage] for m in measured) for stage in stages]
                totals = [statistics.median(sum(m.values()) for m in times) for times in (measured, kept)]
                rows.append([tables, *(f"{value:.2f}" for value in (*medians, *totals))])
    columns = ["tables", *stages, "all", "kept plan found"]
    notes = ["Goals: 8 tables under 10 ms; a kept plan under 0.5 ms."]
    write("planning", "Planning, milliseconds", columns, rows, notes)


def _stages(engine: Engine, sql: str, plan_cache: str) -> dict[str, float]:
    """The engine's own times for one query, from parse to render."""
    with engine.query(sql, settings={"plan_cache": plan_cache}) as result:
        list(result)
    return result.report.stages_ms
