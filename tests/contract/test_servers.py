"""The test servers are what the other tests rely on: their encodings, collations and limits, and that they go away."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pymysql

from tests.servers.databases import DatabaseFactory
from tests.servers.running import ROOT

WORDS = "(VALUES ('b'), ('a'), ('B'), ('A')) AS word(w)"


def test_postgres_orders_text_like_people_do(pg_database: DatabaseFactory) -> None:
    rows = pg_database().rows(f"SELECT w FROM {WORDS} ORDER BY w")
    assert [row[0] for row in rows] == ["a", "A", "b", "B"]


def test_postgres_orders_text_by_bytes_on_demand(pg_database: DatabaseFactory) -> None:
    rows = pg_database(collation="C").rows(f"SELECT w FROM {WORDS} ORDER BY w")
    assert [row[0] for row in rows] == ["A", "B", "a", "b"]


def test_postgres_is_a_supported_version(pg_database: DatabaseFactory) -> None:
    database = pg_database()
    assert int(database.rows("SHOW server_version_num")[0][0]) >= 150000
    assert database.rows("SHOW server_encoding") == [("UTF8",)]


def test_mysql_keeps_every_character_and_ignores_case(mysql_database: DatabaseFactory) -> None:
    database = mysql_database()
    database.run("CREATE TABLE t (w varchar(20))", "INSERT INTO t VALUES ('Straße 🚢'), ('gold ')")
    assert database.rows("SELECT w FROM t WHERE w = 'GOLD'") == [("gold ",)]
    assert database.rows("SELECT w FROM t WHERE w LIKE '%🚢'") == [("Straße 🚢",)]


def test_databases_are_separate(pg_database: DatabaseFactory) -> None:
    first, second = pg_database(), pg_database()
    first.run("CREATE TABLE only_here (i int)")
    assert second.rows("SELECT count(*) FROM pg_tables WHERE tablename = 'only_here'") == [(0,)]


def test_postgres_speaks_tls(pg_url: str, pg_ca: str) -> None:
    with psycopg.connect(pg_url, sslmode="verify-full", sslrootcert=pg_ca) as connection:
        assert connection.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone() == (True,)


def test_mysql_speaks_tls(mysql_url: str, mysql_ca: str) -> None:
    context = ssl.create_default_context(cafile=mysql_ca)
    parts = urlsplit(mysql_url)
    assert parts.hostname and parts.port and parts.username and parts.password
    login: dict[str, Any] = {"user": parts.username, "password": parts.password, "ssl": context}
    with pymysql.connect(host=parts.hostname, port=parts.port, **login) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
        assert str(cursor.fetchone()[1]).startswith("TLSv1")


def test_server_goes_when_its_user_is_killed() -> None:
    code = (
        "import os, signal\n"
        "from tests.servers.running import servers\n"
        "os.environ.pop('HANSE_TEST_PG_URL', None)\n"
        "with servers('postgres') as found:\n"
        "    print(found['HANSE_TEST_PG_URL'], flush=True)\n"
        "    signal.pause()\n"
    )
    user = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    port = user.stdout.readline().strip().rpartition(":")[2].partition("/")[0]
    assert _listens(port)
    os.kill(user.pid, signal.SIGKILL)
    user.wait()
    user.stdout.close()
    deadline = time.monotonic() + 10
    while _listens(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _listens(port)


def _listens(port: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(port))) == 0
