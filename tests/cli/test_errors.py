"""Every failure is one clear line, then where, then what to do; never a traceback, never a password."""

from __future__ import annotations

import os
import re
import signal
import socket
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from tests.cli.running import Done, hanse, started, write_config
from tests.servers.databases import DatabaseFactory

SECRET = "s3cr3t-pa55word"
ORDINARY = ("setpriv", "--inh-caps=-all", "--bounding-set=-all") if os.geteuid() == 0 else ()
"""Root may read every file, so it has to give that right up."""
LINE = re.compile(r"error [0-9A-Z]{5}( \[\w+\])?: \S.*")


@dataclass(frozen=True)
class Case:
    """A statement and what is said about it."""

    sql: str
    first: str
    rest: str = ""
    code: int = 1


WRONG = {
    "unknown table": Case(
        "SELECT *\nFROM wh.ordrs",
        'error 42P01: relation "wh.ordrs" does not exist',
        "line 2: FROM wh.ordrs\n             ^\nhint: did you mean wh.main.orders?\n",
    ),
    "unknown column": Case(
        "SELECT totl FROM wh.orders",
        'error 42703: column "totl" does not exist',
        "line 1: SELECT totl FROM wh.orders\n               ^\nhint: did you mean total?\n",
    ),
    "wrong type": Case(
        "SELECT name + 1 FROM ref.customers",
        "error 42883: operator does not exist: text + integer",
        "line 1: SELECT name + 1 FROM ref.customers\n               ^\n"
        "hint: no operator takes these types; add explicit type casts\n",
    ),
    "wrong value": Case(
        "SELECT 'abc'::int",
        'error 22P02: invalid input for type integer: "abc"',
        "line 1: SELECT 'abc'::int\n               ^\n",
    ),
    "syntax": Case("SELEC 1", 'error 42601: syntax error at or near "SELEC"', "line 1: SELEC 1\n        ^\n"),
    "write": Case("DELETE FROM wh.orders", "error 42601: ", "line 1: DELETE FROM wh.orders\n        ^\n"),
    "empty": Case(" ", "error 42601: the statement is empty"),
    "division": Case("SELECT 1 / (id - 1) FROM wh.orders", "error 22012: division by zero"),
}


def clear(done: Done, *secrets: str) -> None:
    """What holds for every failure."""
    assert done.code != 0
    assert LINE.fullmatch(done.first), done.err
    assert "Traceback" not in done.err and "Traceback" not in done.out
    for secret in (SECRET, *secrets):
        assert secret not in done.out + done.err


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_statement(world: Path, name: str) -> None:
    case = WRONG[name]
    done = hanse(world, "query", case.sql)
    clear(done)
    assert done.code == case.code
    assert done.first.startswith(case.first)
    if case.rest:
        assert case.rest in done.err
    assert done.out == ""


def _with_password(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.hostname}:{parts.port}"))


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_bad_password(tmp_path: Path, kind: str, pg_url: str, mysql_url: str) -> None:
    url = _with_password(pg_url if kind == "postgres" else mysql_url, "hanse", SECRET)
    write_config(tmp_path / "hanse.yaml", {"s": {"kind": kind, "url": url}})
    done = hanse(tmp_path, "query", "SELECT * FROM s.t")
    clear(done)
    assert done.first.startswith("error 28") and " [s]: " in done.first, done.err
    checked = hanse(tmp_path, "check")
    assert checked.code == 1 and SECRET not in checked.out + checked.err
    assert re.match(rf"s \({kind}\): error 28\w\w\w \[s\]: ", checked.out)


@pytest.mark.parametrize("kind", ["postgres", "mysql"])
def test_a_source_that_is_down(tmp_path: Path, kind: str) -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        url = f"{'postgresql' if kind == 'postgres' else kind}://u:{SECRET}@127.0.0.1:{free.getsockname()[1]}/db"
        write_config(tmp_path / "hanse.yaml", {"s": {"kind": kind, "url": url, "connect_timeout": 2}})
        done = hanse(tmp_path, "query", "SELECT * FROM s.t")
    clear(done)
    assert done.first.startswith("error 08001 [s]: ")
    assert "line 1: SELECT * FROM s.t\n                      ^" in done.err


def test_a_wrong_configuration_never_shows_its_values(tmp_path: Path) -> None:
    for block in (
        {"kind": "postgres", "url": f"nonsense://u:{SECRET}@h"},
        {"kind": "mysql", "url": "mysql://h", "password": [SECRET]},
    ):
        write_config(tmp_path / "hanse.yaml", {"s": block})
        done = hanse(tmp_path, "check")
        clear(done)
        assert done.code == 2 and done.first.startswith("error F0000: ")
        assert "sources.s." in done.first


def test_unreadable_files(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "broken.parquet").write_bytes(b"PAR1" + b"\0" * 64 + b"PAR1")
    (tmp_path / "broken.duckdb").write_bytes(b"no database" * 1000)
    (tmp_path / "broken.db").write_bytes(b"no database" * 1000)
    sources = {
        "lake": {"kind": "files", "path": "data"},
        "wh": {"kind": "duckdb", "path": "broken.duckdb"},
        "ref": {"kind": "sqlite", "path": "broken.db"},
        "gone": {"kind": "files", "path": "nowhere"},
    }
    write_config(tmp_path / "hanse.yaml", sources)
    for table in ("lake.broken", "wh.t", "ref.t", "gone.t"):
        done = hanse(tmp_path, "query", f"SELECT * FROM {table}")
        clear(done)
        assert f" [{table.partition('.')[0]}]: " in done.first, done.err
        assert "^" in done.err


@pytest.mark.parametrize("name", ["ref.db", "wh.duckdb", "t.parquet"])
def test_a_file_without_the_right_to_read_it(world: Path, tmp_path: Path, name: str) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    with closing(sqlite3.connect(closed / "ref.db")) as db:
        db.execute("CREATE TABLE t (a INTEGER)")
    (closed / "wh.duckdb").write_bytes((world / "wh.duckdb").read_bytes())
    (closed / "t.parquet").write_bytes((world / "data" / "wide.parquet").read_bytes())
    kind = {"ref.db": "sqlite", "wh.duckdb": "duckdb", "t.parquet": "files"}[name]
    write_config(tmp_path / "hanse.yaml", {"s": {"kind": kind, "path": f"closed/{name}"}})
    (closed / name).chmod(0)
    done = hanse(tmp_path, "query", "SELECT * FROM s.t", under=ORDINARY)
    clear(done)
    assert " [s]: " in done.first


def test_ctrl_c_ends_the_statement_at_the_source(tmp_path: Path, pg_database: DatabaseFactory) -> None:
    database = pg_database()
    database.run("CREATE TABLE t AS SELECT i, repeat('x', 500) AS s FROM generate_series(1, 20000) AS r(i)")
    write_config(tmp_path / "hanse.yaml", {"pg": {"kind": "postgres", "url": database.url}})
    running = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'hanse%%' AND datname = current_database()"
        " AND state = 'active'"
    ).replace("%%", "%")
    slow = "SELECT count(*) FROM pg.t a JOIN pg.t b ON a.s || b.s || 'x' = b.s || a.s || 'y'"
    with psycopg.connect(database.url, autocommit=True) as watching, started(tmp_path, "query", slow) as process:
        _until(lambda: watching.execute(running).fetchone() == (1,), 60)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        asked = time.monotonic()
        _until(lambda: watching.execute(running).fetchone() == (0,), 10)
        assert time.monotonic() - asked < 1
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (130, b"", b"cancelled\n")


def test_sigterm_leaves_no_half_written_file(world: Path, tmp_path: Path) -> None:
    slow = "SELECT a.n + b.n + c.n AS n FROM lake.numbers a, lake.numbers b, lake.numbers c"
    with started(world, "query", "-o", str(tmp_path / "out.csv"), slow) as process:
        _until(lambda: bool(os.listdir(tmp_path)), 60)
        process.terminate()
        assert process.wait(20) == 143
    assert os.listdir(tmp_path) == []


def _until(happened: object, seconds: float) -> None:
    assert callable(happened)
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
