"""Runs ``hanse`` as a process of its own, and builds the small world that the tests ask it about."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet
import yaml

from hanse.cli.main import main

HANSE = str(Path(sys.executable).with_name("hanse"))
SECONDS = 60
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["hanse.cli.main", "hanse.cli.output", "hanse.engine", "hanse.connectors.files.connector", __name__]
)


@dataclass(frozen=True)
class Done:
    """How a process ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def first(self) -> str:
        """The first line of standard error."""
        return self.err.partition("\n")[0]


def environment(**more: str) -> dict[str, str]:
    """The environment without what would change the commands' behaviour."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HANSE", "XDG"))}
    return {**kept, "COLUMNS": "200", "TERM": "xterm", **more}


def hanse(folder: Path, *args: str, stdin: bytes = b"", under: tuple[str, ...] = (), **more: str) -> Done:
    """Run one command to its end in a folder: in a process of its own, forked from one that has imported everything, which is
    most of what a start takes. ``under`` is a program that runs the installed command."""
    with tempfile.TemporaryDirectory() as temporary:
        files = Path(temporary, "in"), Path(temporary, "out"), Path(temporary, "err")
        files[0].write_bytes(stdin)
        place = (folder, environment(**more), files)
        code = _run((*under, HANSE, *args), *place) if under else _forked(args, *place)
        return Done(code, files[1].read_text(encoding="utf-8"), files[2].read_text(encoding="utf-8"))


Files = tuple[Path, Path, Path]
"""What a command has for standard input, output and error."""


def _run(command: tuple[str, ...], folder: Path, env: dict[str, str], files: Files) -> int:
    with files[0].open("rb") as given, files[1].open("wb") as out, files[2].open("wb") as err:
        done = subprocess.run(
            command, cwd=folder, env=env, stdin=given, stdout=out, stderr=err, timeout=SECONDS, check=False
        )
    return done.returncode


def _forked(args: tuple[str, ...], folder: Path, env: dict[str, str], files: Files) -> int:
    process = FORKS.Process(target=_command, args=(args, folder, env, files))
    process.start()
    process.join(SECONDS)
    if process.exitcode is None:
        process.kill()
        raise TimeoutError(f"hanse {' '.join(args)} takes longer than {SECONDS} s")
    return process.exitcode


def _command(args: tuple[str, ...], folder: Path, env: dict[str, str], files: Files) -> None:
    """Become the command."""
    for number, (path, flags) in enumerate(zip(files, (os.O_RDONLY, *[os.O_WRONLY] * 2), strict=True)):
        os.dup2(os.open(path, flags | (os.O_CREAT if number else 0)), number)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115  # for all of its life
        for number in range(3)
    )
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    sys.argv = ["hanse", *args]
    main()


@contextlib.contextmanager
def started(folder: Path, *args: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command that the test ends; it is killed if it is still there."""
    process = subprocess.Popen(
        [HANSE, *args],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def build(folder: Path) -> None:
    """Four stores of files and their hanse.yaml."""
    with duckdb.connect(str(folder / "wh.duckdb")) as wh:
        wh.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER NOT NULL, total DECIMAL(10,2))")
        wh.execute("INSERT INTO orders SELECT i, 1 + i % 3, i * 1.25 FROM range(1, 101) AS r(i)")
    with contextlib.closing(sqlite3.connect(folder / "ref.db")) as ref, ref:
        ref.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, region TEXT)")
        rows = [(1, "Ada", "north"), (2, "Bo", None), (3, "", "south")]
        ref.executemany("INSERT INTO customers VALUES (?, ?, ?)", rows)
    lake = folder / "data"
    lake.mkdir()
    with duckdb.connect() as maker:
        maker.execute(f"COPY (SELECT i AS n, 'x' || i AS s FROM range(300000) AS r(i)) TO '{lake}/numbers.parquet'")
    wide = pa.array([Decimal(10) ** 50], pa.decimal256(60, 0))
    pa.parquet.write_table(pa.table({"a": [1], "wide": wide}), lake / "wide.parquet")
    (lake / "cities.csv").write_text("id,city\n1,Lübeck\n2,Visby\n", encoding="utf-8")
    sources = {
        "wh": {"kind": "duckdb", "path": "wh.duckdb"},
        "ref": {"kind": "sqlite", "path": "ref.db"},
        "lake": {"kind": "files", "path": "data"},
    }
    write_config(folder / "hanse.yaml", sources)


def write_config(path: Path, sources: dict[str, dict[str, object]]) -> Path:
    """Write a hanse.yaml with these sources."""
    path.write_text(yaml.safe_dump({"sources": sources}, sort_keys=False), encoding="utf-8")
    return path
