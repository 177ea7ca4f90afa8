"""The catalog over the wire: what psql, drivers and tools ask before they ask anything else."""

from __future__ import annotations

import contextlib
import threading

import psycopg
import pytest
from psycopg import errors
from psycopg.types import TypeInfo

from tests.wire.serving import PASSWORD, Served
from tests.wire.test_psql import psql


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (r"\d", "customers"),
        (r"\dt", "customers"),
        (r"\dt+ ref.*", "customers"),
        (r"\d+ ref.customers", "id"),
        (r"\l", "hanse"),
        (r"\dn+", "lake"),
        (r"\du", "ann"),
        (r"\di", ""),
        (r"\df", ""),
        (r"\dp", "customers"),
        (r"\conninfo", "hanse"),
    ],
)
def test_backslash_commands(server: Served, command: str, shown: str) -> None:
    done = psql(server, "-c", command)
    assert (done.returncode, done.stderr) == (0, "")
    assert shown in done.stdout


@pytest.mark.parametrize("binary", [False, True])
def test_values_in_both_formats(server: Served, binary: bool) -> None:
    sql = """SELECT c.relname, c.relkind = 'r', c.oid = %s::regclass, c.relnatts, c.reltuples, i.indkey::int2[], array_agg(a.attname ORDER BY attnum)
        FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relname = %s AND a.attnum > 0 AND c.relkind = ANY(%s) AND NOT c.relisshared = %s
        GROUP BY 1, 2, 3, 4, 5, 6"""
    with server.connect() as connection:
        cursor = connection.cursor(binary=binary)
        row = cursor.execute(sql, ("ref.customers", "customers", ["r", "v"], True)).fetchone()
        assert row is not None
        assert row[:5] == ("customers", True, True, 3, 3.0)
        assert row[6] == ["id", "name", "region"]
        described = cursor.execute("SELECT 1::int8, relname FROM pg_class LIMIT 0").description
        assert [one.type_code for one in described or ()] == [20, 19]


def test_a_prepared_statement_is_described_before_it_runs(server: Served) -> None:
    with server.connect() as connection:
        raw = connection.pgconn
        raw.prepare(b"s", b"SELECT typname, typlen FROM pg_type WHERE oid = $1 OR typname = ANY($2)")
        described = raw.describe_prepared(b"s")
        assert [described.param_type(place) for place in range(2)] == [26, 1003]
        assert [described.ftype(place) for place in range(2)] == [19, 21]
        found = raw.exec_prepared(b"s", [b"23", b"{bool}"])
        assert sorted(found.get_value(row, 0) or b"" for row in range(found.ntuples)) == [b"bool", b"int4"]


def test_who_asks_and_where(server: Served) -> None:
    with server.connect(application_name="a tool") as connection:
        row = connection.execute(
            "SELECT current_database(), current_user, version(), pg_backend_pid(), current_setting('application_name')"
        ).fetchone()
        pid = connection.info.backend_pid
    assert row is not None
    assert (row[0], row[1], row[4]) == ("hanse", "anonymous", "a tool")
    assert row[2].startswith("PostgreSQL 15.")
    assert row[3] == pid


def test_set_config_is_for_the_session_or_its_transaction(server: Served) -> None:
    with server.connect() as connection:
        connection.execute("SELECT set_config('application_name', 'one', false)")
        assert connection.info.parameter_status("application_name") == "one"
        with connection.transaction():
            connection.execute("SELECT set_config('application_name', %s, true)", ("two",))
            assert connection.execute("SHOW application_name").fetchone() == ("two",)
        assert connection.execute("SHOW application_name").fetchone() == ("one",)
        connection.execute("SELECT set_config('application_name', 'three', true)")
        assert connection.execute("SHOW application_name").fetchone() == ("one",)
        with pytest.raises(errors.UndefinedObject):
            connection.execute("SELECT set_config('no_such', 'x', false)")


def test_columns_have_their_modifiers(server: Served) -> None:
    with server.connect() as connection:
        cursor = connection.execute("SELECT 1.25::numeric(7, 3) AS n, ARRAY[1.5::numeric(4, 1)] AS a")
        assert cursor.description is not None
        assert (cursor.description[0].precision, cursor.description[0].scale) == (7, 3)
        assert cursor.pgresult is not None
        assert cursor.pgresult.fmod(1) == ((4 << 16) | 1) + 4


def test_one_query_reads_one_of_them(server: Served) -> None:
    with server.connect() as connection:
        with pytest.raises(errors.FeatureNotSupported, match="cannot read the catalog and tables"):
            connection.execute("SELECT * FROM pg_class, ref.customers")
        with pytest.raises(errors.UndefinedFunction):
            connection.execute("SELECT pg_read_file('/etc/passwd')")
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_rows_of_the_catalog_are_copied(server: Served) -> None:
    with server.connect() as connection, connection.cursor() as cursor:
        names = "SELECT nspname, oid = 11 FROM pg_namespace WHERE nspname LIKE '%%lake' OR oid = 11 ORDER BY 1"
        with cursor.copy(f"COPY ({names}) TO STDOUT (FORMAT csv, HEADER)") as rows:
            assert b"".join(rows) == b"nspname,?column?\nlake,f\npg_catalog,t\n"
        with cursor.copy(f"COPY ({names}) TO STDOUT (FORMAT binary)") as rows:
            rows.set_types(["name", "bool"])
            assert list(rows.rows()) == [("lake", False), ("pg_catalog", True)]


def test_a_long_look_is_cancelled(server: Served) -> None:
    endless = "SELECT count(*) FROM pg_attribute a, pg_attribute b, pg_attribute c, pg_attribute d"
    with server.connect() as connection:
        connection.execute("SELECT 1 FROM pg_class").fetchall()
        stopped = threading.Event()

        def cancel() -> None:
            while not stopped.wait(0.2):
                connection.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            with pytest.raises(errors.QueryCanceled, match="due to user request"):
                connection.execute(endless)
        finally:
            stopped.set()
            thread.join()
        connection.execute("SET statement_timeout = '300ms'")
        with pytest.raises(errors.QueryCanceled):
            connection.execute(endless)


def test_psycopg_finds_types(server: Served) -> None:
    with server.connect() as connection:
        found = TypeInfo.fetch(connection, "int4")
    assert found is not None
    assert (found.oid, found.array_oid) == (23, 1007)


def test_everybody_has_a_role(server: Served) -> None:
    for user in ("guest", "ann"):
        more = {"password": PASSWORD} if user == "ann" else {}
        with psycopg.connect(server.dsn(user=user, **more), autocommit=True) as connection:
            assert connection.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchall() == [
                (False,)
            ]


def test_sessions_are_seen_and_ended(server: Served) -> None:
    slow = "SELECT count(*) FROM pg_attribute a, pg_attribute b, pg_attribute c, pg_attribute d"
    with server.connect(application_name="victim") as victim, server.connect() as other:
        pid = victim.info.backend_pid
        seen = "SELECT pid, usename, state FROM pg_stat_activity WHERE application_name = 'victim' AND pid = %s"
        assert other.execute(seen, (pid,)).fetchall() == [(pid, "anonymous", "idle")]
        assert other.execute("SELECT pg_cancel_backend(%s)", (2**30,)).fetchone() == (False,)
        assert other.execute("SELECT pg_cancel_backend(%s) AS done", (pid,)).fetchone() == (True,), "though it is idle"
        found: list[BaseException] = []

        def run() -> None:
            try:
                victim.execute(slow)
            except errors.QueryCanceled as error:
                found.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        while thread.is_alive():
            other.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'")
        assert len(found) == 1
        assert victim.execute("SELECT 1").fetchone() == (1,)
        assert other.execute("SELECT pg_terminate_backend(%s)", (pid,)).fetchone() == (True,)
        while not victim.closed:
            with contextlib.suppress(psycopg.OperationalError):
                victim.execute("SELECT 1")


def test_sessions_of_others_are_left_alone(server: Served) -> None:
    with server.connect(user="ann", password=PASSWORD, application_name="hers") as hers, server.connect() as other:
        pid = hers.info.backend_pid
        row = other.execute("SELECT usename, application_name, state FROM pg_stat_activity WHERE pid = %s", (pid,))
        assert row.fetchone() == ("ann", None, None)
        for name in ("cancel", "terminate"):
            with pytest.raises(errors.InsufficientPrivilege):
                other.execute(f"SELECT pg_{name}_backend({pid})")  # type: ignore[arg-type]
        with pytest.raises(errors.FeatureNotSupported):
            other.execute(f"SELECT 1 WHERE pg_terminate_backend({pid})")  # type: ignore[arg-type]
        assert hers.execute("SELECT 1").fetchone() == (1,)
