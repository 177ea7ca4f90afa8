"""Servers that are stopped, killed, started again or full, and a disk of ours that is: answers are whole, or errors that say
so, and what comes afterwards is answered."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from hanse.engine import Engine
from hanse.errors import Cancelled, HanseError, ResourceLimit, SourceUnreachable
from tests.fault.conftest import World, assert_nothing_is_left
from tests.fault.test_caps import OFF, joined
from tests.servers import mariadb, postgres
from tests.servers.databases import Database, mysql_database, postgres_database
from tests.servers.process import Server

pytestmark = [pytest.mark.postgres, pytest.mark.mysql]
HANSE = Path(sys.executable).with_name("hanse")
KINDS = ("postgres", "mysql")
POINT = "SELECT n FROM own.t WHERE id = 7"
FILE_BYTES = 1 << 14
"""No file may be larger: writing more fails as on a disk that is full."""


@dataclass(frozen=True)
class Own:
    """A server of the test's own, with a table t (id = 0 ... 2999, n = 10 * id) and a view that has it a thousand times."""

    kind: str
    server: Server
    database: Database

    def signal(self, number: signal.Signals) -> None:
        """Send it to the server and all of its processes."""
        assert self.server.process is not None
        for pid in (*_children(self.server.process.pid), self.server.process.pid):
            with contextlib.suppress(ProcessLookupError):  # a child that has ended since
                os.kill(pid, number)

    def start(self, command: Any) -> None:
        self.server.start(command, lambda: self.database.connect().close())

    def engine(self, **options: object) -> Engine:
        block = {"kind": self.kind, "url": self.database.url, "tls": {"mode": "disable"}, "breaker": {"failures": 0}}
        return Engine({"sources": {"own": block | options}})

    def running(self) -> int:
        """Statements of ours at the server."""
        if self.kind == "postgres":
            where = "query LIKE '%hanse%' AND state = 'active' AND pid <> pg_backend_pid()"
            return int(self.database.rows(f"SELECT count(*) FROM pg_stat_activity WHERE {where}")[0][0])
        where = "INFO LIKE '/* hanse:%'"
        return int(self.database.rows(f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE {where}")[0][0])


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@pytest.fixture(scope="module", params=KINDS)
def own(request: pytest.FixtureRequest) -> Iterator[Own]:
    made, created = (postgres, postgres_database) if request.param == "postgres" else (mariadb, mysql_database)
    with tempfile.TemporaryDirectory(prefix="hanse-server-") as folder:
        server = made.make(Path(folder))
        try:
            with created(made.start(server)) as database:
                _fill(request.param, database)
                yield Own(request.param, server, database)
        finally:
            server.stop()


def _fill(kind: str, database: Database) -> None:
    rows = "generate_series(0, 2999) AS g(i)" if kind == "postgres" else "(SELECT seq AS i FROM seq_0_to_2999) AS g"
    many = rows.replace("2999", "999")
    database.run(
        "CREATE TABLE t (id INT PRIMARY KEY, n INT)",
        f"INSERT INTO t SELECT i, 10 * i FROM {rows}",
        f"CREATE VIEW many AS SELECT t.id, t.n FROM t, {many}"
        if kind == "postgres"
        else "CREATE VIEW many AS SELECT t.id, t.n FROM t, t AS o",
    )


def stopped(own: Own) -> None:
    """As an administrator stops it."""
    own.server.stop()


def killed(own: Own) -> None:
    """As a machine loses power."""
    assert own.server.process is not None
    own.signal(signal.SIGKILL)
    own.server.process.wait(10)


@pytest.mark.parametrize("end", [stopped, killed])
def test_a_server_that_ends_and_comes_back(own: Own, end: Callable[[Own], None]) -> None:
    assert own.server.process is not None
    command = own.server.process.args
    with own.engine() as engine:
        assert engine.query(POINT).fetchall() == [(70,)]
        with engine.query("SELECT id, n FROM own.many", settings={"batch_rows": 100}) as result:
            batches = iter(result)
            next(batches)
            try:
                end(own)
                with pytest.raises(SourceUnreachable) as failure:
                    for _ in batches:
                        pass
                assert failure.value.source == "own"
                with pytest.raises(SourceUnreachable):
                    engine.query(POINT).fetchall()
            finally:
                own.start(command)
        assert not result.report.complete
        assert engine.query(POINT).fetchall() == [(70,)]
        assert engine.query("SELECT count(*), sum(n) FROM own.t").fetchall() == [(3000, 44_985_000)]


def test_a_server_that_stands_still(own: Own) -> None:
    """Its connections stay up, and nothing comes: the deadline holds, and the statement ends as soon as it moves again."""
    with own.engine() as engine:
        assert engine.query(POINT).fetchall() == [(70,)]
        started = time.monotonic()
        with engine.query("SELECT id, n FROM own.many", settings={"batch_rows": 100, "statement_timeout": 1}) as result:
            batches = iter(result)
            next(batches)
            own.signal(signal.SIGSTOP)
            try:
                with pytest.raises(Cancelled, match="timeout of 1 s"):
                    for _ in batches:
                        pass
                took = time.monotonic() - started
            finally:
                own.signal(signal.SIGCONT)
        assert took < 1.5
        assert engine.query(POINT).fetchall() == [(70,)]
        deadline = time.monotonic() + 3
        while own.running():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_a_server_with_too_few_connections(own: Own) -> None:
    """Eight at once, where three may connect: right answers, errors that say so, and in the end answers for all."""
    if own.kind == "postgres":
        limited = "CREATE ROLE few LOGIN PASSWORD 'x' CONNECTION LIMIT 3", "GRANT SELECT ON t TO few"
    else:
        limited = (
            "CREATE USER few IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 3",
            f"GRANT SELECT ON {own.database.name}.* TO few",
        )
    own.database.run(*limited)
    parts = urlsplit(own.database.url)
    url = urlunsplit(parts._replace(netloc=f"few:x@{parts.hostname}:{parts.port}"))
    ends: list[object] = []

    def ask(engine: Engine) -> None:
        try:
            ends.extend(engine.query("SELECT sum(n) FROM own.t", settings={"work_sharing": "off"}).fetchall())
        except HanseError as failure:
            ends.append((failure.code, failure.source, str(failure.fault)))

    with own.engine(url=url, connections=8, sweep=False) as engine:
        engine.catalog.tables()
        for _ in range(5):
            clients = [threading.Thread(target=ask, args=(engine,)) for _ in range(8)]
            for client in clients:
                client.start()
            for client in clients:
                client.join(20)
        refusal = "53300" if own.kind == "postgres" else "42000"
        assert set(ends) <= {(44_985_000,), (refusal, "own", "throttled"), ("53300", "own", "throttled")}
        assert ends.count((44_985_000,)) >= 5 * 3
        ask(engine)
        assert ends[-1] == (44_985_000,)


MANY = "SELECT a.pad || b.id AS x FROM shop.t1 a, (SELECT id FROM crm.t2 WHERE id < 100) b"
FULL = {
    "sorted": (f"{MANY} ORDER BY 1", "40MB", "what operators spill"),
    "held back": (MANY, "400MB", "held back until it is complete"),
}


@pytest.mark.parametrize("what", FULL)
def test_a_disk_that_is_full(world: World, tmp_path: Path, what: str) -> None:
    sql, memory, said = FULL[what]
    spill = tmp_path / "spill"
    spill.mkdir()
    config = tmp_path / "hanse.yaml"
    config.write_text(json.dumps(world.config(connections=1, memory_limit=memory, spill_folder=str(spill))))
    chosen = {**OFF, "batch_rows": 100, "partial_results": "on" if what == "held back" else "off"}
    settings = [word for name, value in chosen.items() for word in ("--set", f"{name}={value}")]

    def no_large_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))

    done = subprocess.run(
        [HANSE, "query", "-c", config, *settings, sql],
        capture_output=True,
        text=True,
        preexec_fn=no_large_files,
        timeout=60,
        check=False,
    )
    assert done.returncode not in (0, -signal.SIGXFSZ)
    assert "error 53100" in done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in spill.rglob("*") if path.is_file()] == []
    world.wait_until_idle(3)


def test_a_disk_that_is_full_while_answers_are_kept_aside(engine: Callable[..., Engine], world: World) -> None:
    """Requests that share a connection, and are not read in the order in which they come."""
    one = engine(connections=1)
    sql = joined([("crm", number) for number in range(1, 9)])
    right = sorted(one.query(sql, settings=OFF).fetchall())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, before[1]))
    try:
        with pytest.raises(ResourceLimit, match="no room to keep an answer aside: File too large") as failure:
            one.query(sql, settings={**OFF, "batch_rows": 100}).fetchall()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (failure.value.source, failure.value.code) == ("crm", "53100")
    assert_nothing_is_left(one, world)
    assert sorted(one.query(sql, settings=OFF).fetchall()) == right
