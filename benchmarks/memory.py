"""Memory while a client reads slowly: the peak of a process of its own that reads one table with pauses."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import tables
from benchmarks.results import write

READER = """
import json, resource, sys, time
from hanse.engine import Engine
config, sql = json.load(open(sys.argv[1])), sys.argv[2]
with Engine(config) as engine:
    rows = 0
    with engine.query(sql) as result:
        for place, batch in enumerate(result):
            rows += batch.num_rows
            if place < 20:
                time.sleep(0.25)
print(json.dumps({"rows": rows, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


def _peak(config: dict[str, object], sql: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.json"
        file.write_text(json.dumps(config), encoding="utf-8")
        command = [sys.executable, "-c", READER, str(file), sql]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def run() -> None:
    """Measure direct reads and one through the coordinator, and write ``results/memory``."""
    rows = []
    with tables.postgres() as pg, tables.mysql() as my:
        sources = {"pg": {"kind": "postgres", "url": pg.url}, "my": {"kind": "mysql", "url": my.url}}
        config: dict[str, object] = {"sources": sources, "engine": {"memory_limit": "256MB"}}
        for name, sql in (
            ("postgres, direct", "SELECT * FROM pg.lines"),
            ("mariadb, direct", "SELECT * FROM my.lines"),
            ("both, through the coordinator", "SELECT * FROM pg.lines UNION ALL SELECT * FROM my.lines"),
        ):
            measured = _peak(config, sql)
            rows.append([name, int(measured["rows"]), f"{measured['peak_mb']:.0f}", 600])
    write("memory", "Peak memory with a client that reads slowly", ["query", "rows", "peak MB", "goal MB"], rows)
