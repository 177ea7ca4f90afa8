"""A whole table through Hanse, against the source's own client writing it to nowhere: the price of reading."""

import subprocess
from functools import partial
from urllib.parse import unquote, urlsplit

from benchmarks import tables
from benchmarks.results import interleaved, write
from hanse.engine import Engine

ROUNDS = 5


def _consume(engine: Engine, sql: str) -> int:
    with engine.query(sql) as result:
        for _ in result:
            pass
    assert result.report.rows == tables.ROWS, result.report.rows
    return result.report.bytes_moved


def _psql(url: str) -> None:
    command = ["psql", "-X", "-d", url, "-c", "COPY (SELECT * FROM lines) TO STDOUT (FORMAT binary)"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def _mariadb(url: str) -> None:
    parts = urlsplit(url)
    command = ["mariadb", "-q", "--protocol=tcp", f"-h{parts.hostname}", f"-P{parts.port}", f"-u{parts.username}"]
    command += [f"-p{unquote(parts.password)}"] if parts.password else []
    command += [parts.path.strip("/"), "-e", "SELECT * FROM `lines`"]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def run() -> None:
    """Measure both databases and write ``results/scans``."""
    rows = []
    with tables.postgres() as pg, tables.mysql() as my:
        config = {"sources": {"pg": {"kind": "postgres", "url": pg.url}, "my": {"kind": "mysql", "url": my.url}}}
        with Engine(config) as engine:
            bytes_moved = {}

            def scan(source: str) -> None:
                bytes_moved[source] = _consume(engine, f"SELECT * FROM {source}.lines")

            for source, peer, limit, work in (
                ("pg", "psql COPY binary", 1.6, lambda: _psql(pg.url)),
                ("my", "mariadb -q", 2.0, lambda: _mariadb(my.url)),
            ):
                series = interleaved({peer: work, "hanse": partial(scan, source)}, ROUNDS)
                ratio = series["hanse"].median / series[peer].median
                seconds = [f"{series[name].median:.2f}" for name in (peer, "hanse")]
                rows.append([source, peer, *seconds, f"{ratio:.2f}", limit, bytes_moved[source]])
    header = ["source", "peer", "peer s", "hanse s", "ratio", "goal", "bytes moved"]
    write(
        "scans",
        f"SELECT of {tables.ROWS:,} rows x 7 columns",
        header,
        rows,
        [f"Medians of {ROUNDS} interleaved rounds."],
    )
