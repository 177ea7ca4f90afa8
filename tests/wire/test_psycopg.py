"""psycopg 3 against a server: logins, text and binary, parameters, streams, cancels, errors."""

from __future__ import annotations

import datetime as dt
import threading
import time
import uuid
from decimal import Decimal

import psycopg
import pytest
from psycopg import errors

from tests.wire.serving import PASSWORD, Served

SLOW = "SELECT count(*) FROM lake.numbers a, lake.numbers b, lake.numbers c WHERE a.n + b.n + c.n = 7"
"""Takes hours."""


def test_a_user_by_password(server: Served) -> None:
    with server.connect(user="ann", password=PASSWORD) as connection:
        assert connection.info.server_version == 150000
        assert connection.info.parameter_status("session_authorization") == "ann"
        rows = connection.execute(
            "SELECT region, count(*) FROM ref.customers c JOIN wh.orders o ON o.customer = c.id GROUP BY region"
        ).fetchall()
    assert sorted(rows, key=str) == [("north", 33), ("south", 33), (None, 34)] or len(rows) == 3


@pytest.mark.parametrize(("user", "password"), [("ann", "wrong"), ("ann", "")])
def test_a_wrong_password(server: Served, user: str, password: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        server.connect(user=user, password=password)


@pytest.mark.parametrize("is_binary", [False, True])
def test_values_and_parameters_come_back_as_they_are(server: Served, is_binary: bool) -> None:
    given = [
        True, 7, -(2**40), 1.5, Decimal("12.340"), "tëxt'\\\n", b"\0\xff", dt.date(2026, 2, 3), dt.time(4, 5, 6, 70),
        dt.datetime(2026, 2, 3, 4, 5, 6, 789), dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=dt.UTC), dt.timedelta(days=3, seconds=4),
        uuid.UUID(int=7), [1, None, 3], [Decimal("1.5"), Decimal("22.25")], None,
        ["a", 'b"c'] if is_binary else "a",  # in text psycopg leaves the type of such a list open
    ]  # fmt: skip
    mark = "%b" if is_binary else "%t"
    with server.connect() as connection:
        cursor = connection.cursor(binary=is_binary)
        row = cursor.execute("SELECT " + ", ".join(mark for _ in given), given).fetchone()
    assert row is not None
    assert list(row) == given


def test_rows_stream_and_a_stream_may_be_left(server: Served) -> None:
    with server.connect() as connection:
        cursor = connection.cursor()
        for place, row in enumerate(cursor.stream("SELECT n, s FROM lake.numbers ORDER BY n")):
            assert row == (place, f"x{place}")
            if place == 5000:
                break
        cursor.close()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_all_rows_come_in_both_formats(server: Served) -> None:
    with server.connect() as connection:
        found = [
            connection.cursor(binary=one).execute("SELECT n, s FROM lake.numbers").fetchall() for one in (False, True)
        ]
    assert sorted(found[0]) == sorted(found[1]) == [(n, f"x{n}") for n in range(300_000)]


def test_a_prepared_statement_is_used_again(server: Served) -> None:
    with server.connect() as connection:
        for place in range(5):
            row = connection.execute("SELECT name FROM ref.customers WHERE id = %s", (place,), prepare=True).fetchone()
            assert row == {1: ("Ada",), 2: ("Bo",), 3: ("",)}.get(place)


def test_errors_are_psycopgs(server: Served) -> None:
    with server.connect() as connection:
        with pytest.raises(errors.UndefinedTable) as failure:
            connection.execute("SELECT 1 FROM nowhere")
        assert failure.value.diag.statement_position == "15"
        with pytest.raises(errors.DivisionByZero):
            connection.execute("SELECT 1 / (SELECT min(n) FROM lake.numbers)").fetchall()
        with pytest.raises(errors.SyntaxError, match="Hanse only reads"):
            connection.execute("INSERT INTO wh.orders VALUES (1)")


def test_transactions_are_no_obstacle(server: Served) -> None:
    with psycopg.connect(server.dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
        assert connection.info.transaction_status.name == "INTRANS"
        connection.commit()
        with pytest.raises(errors.UndefinedColumn):
            connection.execute("SELECT nope FROM wh.orders")
        with pytest.raises(errors.InFailedSqlTransaction):
            connection.execute("SELECT 1")
        connection.rollback()
        with connection.transaction():
            assert connection.execute("SELECT 2").fetchone() == (2,)


def test_notices_arrive(server: Served) -> None:
    heard: list[str] = []
    with server.connect() as connection:
        connection.add_notice_handler(lambda one: heard.append(str(one.message_primary)))
        connection.execute("SET LOCAL timezone = 'UTC'")
    assert len(heard) == 1
    assert "transaction blocks" in heard[0]


def _running(server: Served) -> int:
    with server.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM system.queries WHERE state = 'running' AND statement LIKE '%c.n%'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def _until(is_done, seconds: float) -> float:
    started = time.monotonic()
    while not is_done():
        assert time.monotonic() - started < seconds
        time.sleep(0.05)
    return time.monotonic() - started


def test_a_cancelled_query_ends(server: Served) -> None:
    with server.connect() as connection:
        timer = threading.Timer(0.7, connection.cancel_safe)
        timer.start()
        started = time.monotonic()
        with pytest.raises(errors.QueryCanceled, match="user request"):
            connection.execute(SLOW).fetchall()
        assert time.monotonic() - started < 3
        timer.join()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_cancel_with_another_key_does_nothing(server: Served) -> None:
    with server.connect() as connection:
        process = connection.info.backend_pid
        assert process > 0
        with psycopg.connect(server.dsn()) as other:
            other.cancel_safe()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_statement_has_its_time(server: Served) -> None:
    with server.connect(options="-c statement_timeout=300") as connection, pytest.raises(errors.QueryCanceled):
        connection.execute(SLOW).fetchall()


def test_a_client_that_goes_ends_its_query(server: Served) -> None:
    connection = server.connect()
    connection.pgconn.send_query(SLOW.encode())
    _until(lambda: _running(server) == 1, 20)
    connection.close()
    assert _until(lambda: _running(server) == 0, 5) < 2


def test_a_reader_that_stops_is_waited_for(server: Served) -> None:
    with server.connect() as connection:
        wide = "SELECT a.s || repeat('x', 200) FROM lake.numbers a, lake.numbers b"
        connection.pgconn.send_query(wide.encode())
        time.sleep(1.0)
        before = _resident(server)
        time.sleep(1.5)
        assert _resident(server) - before < 64_000_000
        connection.pgconn.finish()


def _resident(server: Served) -> int:
    with open(f"/proc/{server.process.pid}/statm") as told:
        return int(told.read().split()[1]) * 4096
