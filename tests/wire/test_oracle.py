"""The same statements to a server and to the real PostgreSQL that it reads: names, types and rows, as bytes, are the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import errors, pq

from tests.servers.databases import Database, DatabaseFactory
from tests.wire.serving import Served, configured, served

TABLE = """CREATE TABLE every (
    id integer PRIMARY KEY, b boolean, i2 smallint, i8 bigint, n numeric(12,3), wide numeric(38,0), f4 real, f8 double precision,
    t text, v varchar(20), c char(5), y bytea, d date, tm time, ts timestamp, tz timestamptz, iv interval, u uuid, j json,
    ai integer[], at text[], ab boolean[], af double precision[])"""
ROWS = [
    (
        "1, true, 7, 9007199254740993, 12.340, 12345678901234567890123456789012345678, 1.5, 0.1, 'a', 'b', 'c', '\\x00ff', '2026-02-03',"
        " '04:05:06.5', '2026-02-03 04:05:06.789', '2026-07-01 12:00:00+02', '1 year 2 mons -3 days 04:05:06.7',"
        " '00112233-4455-6677-8899-aabbccddeeff', '{\"a\": 1}', '{1,NULL,3}', '{a,\"b c\",NULL,\"\"}', '{t,f,NULL}', '{1.5,NaN,1e20}'"
    ),
    "2" + ", NULL" * 22,
    (
        "3, false, -7, -1, -0.001, -1, 1e-7, 1e-10, '', 'ünï', '', '', '0001-01-01', '00:00', '0001-01-01', '1969-12-31 23:59:59.999999Z',"
        " '-1 mons', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '[]', '{}', '{}', '{}', '{}'"
    ),
    (
        "4, true, 32767, 9223372036854775807, 999999999.999, 0, 'NaN', 'Infinity', E'line\\nbreak\\\\', 'x', 'abcde', '\\x', '9999-12-31',"
        " '23:59:59.999999', '9999-12-30 23:59:59', '9999-12-30 00:00:00Z', '0', '00000000-0000-0000-0000-000000000000', 'null',"
        " '{{1,2},{3,4}}', '{NULL}', '{f}', '{-0.0,-Infinity,123456789}'"
    ),
    (
        "5, NULL, 0, 0, 0, 5, 1234567, 1e15, 't', 'v', 'c', '\\x61', '2000-01-01', '12:00', '2000-01-01', '2000-01-01Z', '00:00:00.000001',"
        " '12345678-1234-5678-1234-567812345678', '\"x\"', '{0}', '{\"a\\\\b\",\"q\\\"\"}', '{t}', '{0.0001,0.00001}'"
    ),
]
WHOLE = "SELECT * FROM every ORDER BY id"
STATEMENTS = [
    WHOLE,
    "SELECT 1, 2::bigint AS two, 'x', true AS yes, NULL, 1.5::double precision AS f, date '2026-02-03'",
    "SELECT count(*), sum(i2), min(t), max(d), bool_and(b) FROM every",
    "SELECT id FROM every WHERE false",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT i2 + id AS added, n * 2 AS double, t || v AS both, id = 1 AS is_one FROM every ORDER BY id",
    "SELECT upper(t), length(t), d + 1, ts::date, tz, extract(year FROM d) FROM every WHERE id IN (1, 5) ORDER BY id",
    "SELECT ai[1], array_length(ai, 1), j->>'a' FROM every WHERE id < 4 ORDER BY id",
    "SELECT CASE WHEN b THEN 'yes' ELSE 'no' END AS answer, coalesce(t, v), nullif(id, 1) FROM every ORDER BY id",
]


@pytest.fixture(scope="module")
def database(pg_database: DatabaseFactory) -> Database:
    made = pg_database()
    made.run(TABLE, *(f"INSERT INTO every VALUES ({row})" for row in ROWS[:3] + ROWS[4:]))
    flat = ROWS[3].replace("{{1,2},{3,4}}", "{1,2}")
    made.run(f"INSERT INTO every VALUES ({flat})")
    return made


@pytest.fixture(scope="module")
def both(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Any]]:
    folder = tmp_path_factory.mktemp("oracle")
    config = configured(folder, {"pg": {"kind": "postgres", "url": database.url}})
    with (
        served(config) as server,
        server.connect() as ours,
        psycopg.connect(database.url, autocommit=True, options="-c timezone=UTC") as real,
    ):
        yield ours, real


def _raw(connection: Any, sql: str, format: int) -> tuple[list[tuple[bytes, int]], list[tuple[bytes | None, ...]]]:
    result = connection.pgconn.exec_params(sql.encode(), None, result_format=format)
    assert result.status == pq.ExecStatus.TUPLES_OK, result.error_message
    columns = [(result.fname(place), result.ftype(place)) for place in range(result.nfields)]
    rows = [tuple(result.get_value(row, place) for place in range(result.nfields)) for row in range(result.ntuples)]
    return columns, rows


@pytest.mark.parametrize("statement", STATEMENTS)
def test_text_is_the_same(both, statement: str) -> None:
    ours, real = (_raw(one, statement, 0) for one in both)
    assert [name for name, _ in ours[0]] == [name for name, _ in real[0]]
    types = [(name, their, mine) for (name, mine), (_, their) in zip(ours[0], real[0], strict=True) if mine != their]
    assert [one for one in types if (one[1], one[2]) not in ((1043, 25), (1042, 25))] == []
    blank = [place for place, (_, type) in enumerate(real[0]) if type == 1042]
    expected = [
        tuple(value.rstrip() if value and place in blank else value for place, value in enumerate(row))
        for row in real[1]
    ]
    assert ours[1] == expected


@pytest.mark.parametrize("statement", STATEMENTS)
def test_binary_is_the_same(both, statement: str) -> None:
    ours, real = (_raw(one, statement, 1) for one in both)
    blank = [place for place, (_, type) in enumerate(real[0]) if type == 1042]
    exact = [place for place, (_, type) in enumerate(real[0]) if type != 1700]
    for mine, theirs in zip(ours[1], real[1], strict=True):
        trimmed = [value.rstrip() if value and place in blank else value for place, value in enumerate(theirs)]
        assert [mine[place] for place in exact] == [trimmed[place] for place in exact]
    found = [one.cursor(binary=True).execute(statement).fetchall() for one in both]
    assert [_trimmed(row) for row in found[0]] == [_trimmed(row) for row in found[1]]


def _trimmed(row: tuple[Any, ...]) -> list[str]:
    return [str(value).rstrip() for value in row]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kolkata", "America/New_York"])
def test_moments_are_in_the_sessions_zone(both, zone: str) -> None:
    shown = []
    for one in both:
        one.execute(f"SET timezone = '{zone}'")
        shown.append(_raw(one, "SELECT tz FROM every WHERE id IN (1, 5) ORDER BY id", 0))
        one.execute("RESET timezone")
    assert shown[0] == shown[1]


PARAMETERS = [
    ("SELECT id FROM every WHERE id = $1", [b"1"], [0]),
    ("SELECT id FROM every WHERE t = $1", [b"a"], [0]),
    ("SELECT id FROM every WHERE d = $1 OR i8 = $2", [b"2026-02-03", b"-1"], [0, 0]),
    ("SELECT id FROM every WHERE tz < $1 ORDER BY id", [b"2000-01-02 00:00:00+05"], [0]),
    ("SELECT id FROM every WHERE id = ANY($1) ORDER BY id", [b"{1,3,5}"], [0]),
    ("SELECT id FROM every WHERE n = $1", [b"12.34"], [0]),
    ("SELECT id FROM every WHERE n > $1 ORDER BY id", [b"-0.0011"], [0]),
    ("SELECT $1::int + 1 AS next, $2::text", [b"41", b"x"], [0, 0]),
    ("SELECT id FROM every ORDER BY id LIMIT $1", [b"2"], [0]),
    ("SELECT id FROM every WHERE u = $1", [b"00112233-4455-6677-8899-aabbccddeeff"], [0]),
    ("SELECT id FROM every WHERE b = $1 AND y = $2", [b"t", b"\\x00ff"], [0, 0]),
    ("SELECT id FROM every WHERE t = $1", [None], [0]),
]


@pytest.mark.parametrize(("statement", "values", "types"), PARAMETERS, ids=[one[0][:60] for one in PARAMETERS])
def test_parameters_without_a_type_get_the_same_one(
    both, statement: str, values: list[bytes | None], types: list[int]
) -> None:
    found = []
    for one in both:
        assert one.pgconn.prepare(b"p", statement.encode(), types).status == pq.ExecStatus.COMMAND_OK
        told = one.pgconn.describe_prepared(b"p")
        result = one.pgconn.exec_prepared(b"p", values)
        assert result.status == pq.ExecStatus.TUPLES_OK, result.error_message
        rows = [result.get_value(row, 0) for row in range(result.ntuples)]
        found.append(([told.param_type(place) for place in range(told.nparams)], rows))
        one.execute("DEALLOCATE p")
    assert found[0] == found[1]


COPIES = ["", "(FORMAT csv, HEADER)", "(FORMAT csv, DELIMITER ';', NULL 'none')", "WITH CSV", "(DELIMITER '|')"]


@pytest.mark.parametrize("options", COPIES)
def test_copies_are_the_same(both, options: str) -> None:
    columns = "id, b, i8, n, f8, t, v, y, d, ts, tz, iv, u, j, ai, at, ab"
    found = []
    for one in both:
        with one.cursor().copy(f"COPY (SELECT {columns} FROM every ORDER BY id) TO STDOUT {options}") as copy:
            found.append([bytes(line) for line in copy])
    assert found[0] == found[1]


def test_binary_copies_are_the_same(both) -> None:
    found = []
    for one in both:
        with one.cursor().copy(
            "COPY (SELECT id, b, i8, f8, t, d, ts, ai FROM every ORDER BY id) TO STDOUT (FORMAT binary)"
        ) as copy:
            found.append([bytes(line) for line in copy])
    assert found[0] == found[1]


FAILURES = [
    "SELECT nope FROM every",
    "SELECT * FROM nowhere",
    "SELECT 1 +",
    "SELECT 1/0",
    "SELECT 'x'::int",
    "SELECT nosuch(1)",
    "SELECT sum(t) FROM every",
    "SELECT id FROM every GROUP BY t",
    "SHOW nonsense",
    "SET nonsense = 1",
    "SELECT 1 WHERE 1",
]


@pytest.mark.parametrize("statement", FAILURES)
def test_errors_have_the_same_code(both, statement: str) -> None:
    codes = []
    for one in both:
        with pytest.raises(errors.Error) as failure:
            one.execute(statement).fetchall()
        codes.append(failure.value.sqlstate)
    assert codes[0] == codes[1]


TAGS = ["BEGIN", "SAVEPOINT a", "SELECT 1", "ROLLBACK TO a", "COMMIT", "ROLLBACK", "SET timezone = 'UTC'", "RESET timezone",
        "SHOW timezone", "DISCARD ALL", "DEALLOCATE ALL", "START TRANSACTION READ ONLY", "END", "VALUES (1),(2)", ""]  # fmt: skip


def test_tags_and_states_are_the_same(both) -> None:
    heard = []
    for one in both:
        said = []
        for statement in TAGS:
            result = one.pgconn.exec_(statement.encode())
            said.append((result.status, result.command_status, one.info.transaction_status))
        heard.append(said)
    assert heard[0] == heard[1]


def test_a_password_of_postgresql_is_one_here(database: Database, tmp_path) -> None:
    """What PostgreSQL keeps of a password lets the same user in here."""
    name = f"hanse_{database.name[-8:]}"
    database.run(f"CREATE ROLE {name} PASSWORD 'pencil'")
    try:
        ((verifier,),) = database.rows(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{name}'")
    finally:
        database.run(f"DROP ROLE {name}")
    config = configured(tmp_path, {}, users={name: {"password": verifier}}, auth={"anonymous": "off"})
    with served(config) as server:
        assert isinstance(server, Served)
        with server.connect(user=name, password="pencil") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            server.connect(user=name, password="pen")
