"""Statements over HTTP: values, formats, parameters, failures, and what a client that stops or goes means to its query."""

from __future__ import annotations

import csv
import datetime as dt
import http.client
import io
import json
import time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from tests.wire.serving import Served
from tests.wire.test_psycopg import SLOW
from tests.wire.web import ask, call, connected, rows

JSON, LINES, CSV, ARROW = "application/json", "application/x-ndjson", "text/csv", "application/vnd.apache.arrow.stream"
VALUES = (
    ("TRUE", "boolean", True, "true", True),
    ("7::smallint", "smallint", 7, "7", 7),
    ("'-2147483648'::int", "integer", -2147483648, "-2147483648", -2147483648),
    ("9007199254740991::bigint", "bigint", 2**53 - 1, "9007199254740991", 2**53 - 1),
    ("9007199254740993::bigint", "bigint", "9007199254740993", "9007199254740993", 2**53 + 1),
    ("-9007199254740993::bigint", "bigint", "-9007199254740993", "-9007199254740993", -(2**53) - 1),
    ("1.10", "numeric(3,2)", "1.10", "1.10", Decimal("1.10")),
    ("0.1::float8", "double precision", 0.1, "0.1", 0.1),
    ("'-0'::float8", "double precision", -0.0, "-0", -0.0),
    ("'-Infinity'::float8", "double precision", "-Infinity", "-Infinity", float("-inf")),
    ("1e-7::float8", "double precision", 1e-7, "1e-07", 1e-7),
    ("'tëxt\"\\,' || chr(10) || chr(1)", "text", 'tëxt"\\,\n\x01', 'tëxt"\\,\n\x01', 'tëxt"\\,\n\x01'),
    ("''", "text", "", "", ""),
    ("'\\x00ff'::bytea", "bytea", "\\x00ff", "\\x00ff", b"\0\xff"),
    ("'2026-02-03'::date", "date", "2026-02-03", "2026-02-03", dt.date(2026, 2, 3)),
    ("'04:05:06.07'::time", "time", "04:05:06.07", "04:05:06.07", dt.time(4, 5, 6, 70_000)),
    (
        "'2026-02-03 04:05:06.789'::timestamp",
        "timestamp",
        "2026-02-03T04:05:06.789",
        "2026-02-03 04:05:06.789",
        dt.datetime(2026, 2, 3, 4, 5, 6, 789_000),
    ),
    (
        "'2026-02-03 04:05:06+02'::timestamptz",
        "timestamptz",
        "2026-02-03T02:05:06+00:00",
        "2026-02-03 02:05:06+00",
        dt.datetime(2026, 2, 3, 2, 5, 6, tzinfo=dt.UTC),
    ),
    ("'{\"a\": 1.0}'::json", "json", '{"a": 1.0}', '{"a": 1.0}', '{"a": 1.0}'),
    ("ARRAY[1, NULL, 3]", "integer[]", [1, None, 3], "{1,NULL,3}", [1, None, 3]),
    ("ARRAY['a\"', '']", "text[]", ['a"', ""], '{"a\\"",""}', ['a"', ""]),
    ("NULL::int", "integer", None, "", None),
)
"""A value in SQL, its type, in JSON, in CSV, and from Arrow."""
ALL = "SELECT " + ", ".join(f"{one[0]} AS c{place}" for place, one in enumerate(VALUES))
FAILS = "SELECT n, repeat('x', 200), 10 / (n - 299999) FROM lake.numbers"
"""At the last of rows that are more than anybody keeps ready."""


def test_values_in_json_are_exact(server: Served) -> None:
    found = ask(server, ALL).json
    assert found["rows"] == [[one[2] for one in VALUES]]
    assert str(found["rows"][0][8]) == "-0.0"
    assert found["columns"] == [{"name": f"c{place}", "type": one[1]} for place, one in enumerate(VALUES)]
    assert (found["row_count"], found["complete"], found["completeness"]) == (1, True, None)


def test_nan_is_a_word(server: Served) -> None:
    assert rows(server, "SELECT 'NaN'::float8, ARRAY['NaN'::float8, 1.5]") == [["NaN", ["NaN", 1.5]]]


def test_values_in_lines_of_json(server: Served) -> None:
    head, row, statement = ask(server, ALL, accept=LINES).body.decode().splitlines()
    assert json.loads(row) == [one[2] for one in VALUES]
    assert len(json.loads(head)["columns"]) == len(VALUES)
    assert json.loads(statement)["row_count"] == 1


def test_values_in_csv(server: Served) -> None:
    reply = ask(server, ALL, accept=CSV)
    names, row = csv.reader(io.StringIO(reply.body.decode(), newline=""))
    assert names == [f"c{place}" for place in range(len(VALUES))]
    assert row == [one[3] for one in VALUES]
    assert reply.headers["content-type"].startswith("text/csv")
    assert ask(server, "SELECT NULL AS a, '' AS b", accept=CSV).body == b'a,b\n,""\n'


def test_values_in_arrow_and_the_statement_behind_them(server: Served) -> None:
    reply = ask(server, ALL, accept=ARROW)
    reader = pa.ipc.open_stream(reply.body)
    batches = [reader.read_next_batch_with_custom_metadata() for _ in range(2)]
    assert list(batches[0].batch.to_pylist()[0].values()) == [one[4] for one in VALUES]
    assert batches[1].batch.num_rows == 0
    assert json.loads(batches[1].custom_metadata[b"hanse"])["complete"] is True
    assert pa.ipc.open_stream(reply.body).read_all().num_rows == 1


def test_what_json_gave_can_be_given_back(server: Served) -> None:
    given = [
        one for one in VALUES if one[1] not in ("text", "json") and not one[1].endswith("[]") and one[2] is not None
    ]
    texts = [one[2] if isinstance(one[2], str) else json.dumps(one[2]) for one in given]
    same = ", ".join(f"(${place + 1}::text)::{one[1]} IS NOT DISTINCT FROM {one[0]}" for place, one in enumerate(given))
    assert rows(server, f"SELECT {same}", texts) == [[True] * len(given)]


def test_moments_are_shown_in_the_zone_that_is_set(server: Served) -> None:
    reply = ask(server, "SELECT '2026-02-03 04:05:06+00'::timestamptz", settings={"timezone": "Asia/Kolkata"})
    assert reply.json["rows"] == [["2026-02-03T09:35:06+05:30"]]


@pytest.mark.parametrize("media", [JSON, LINES, CSV, ARROW])
def test_no_rows_and_no_columns(server: Served, media: str) -> None:
    reply = ask(server, "SELECT id FROM ref.customers WHERE id < 0", accept=media)
    assert reply.status == 200
    found = {
        JSON: lambda: reply.json["rows"],
        LINES: lambda: reply.body.splitlines()[1:-1],
        CSV: lambda: reply.body.splitlines()[1:],
        ARROW: lambda: pa.ipc.open_stream(reply.body).read_all().to_pylist(),
    }
    assert found[media]() == []


def test_all_rows_come_in_all_formats(server: Served) -> None:
    sql = "SELECT n, s FROM lake.numbers"
    expected = {(n, f"x{n}") for n in range(300_000)}
    assert {tuple(row) for row in ask(server, sql).json["rows"]} == expected
    lines = ask(server, sql, accept=LINES).body.splitlines()
    assert {tuple(json.loads(line)) for line in lines[1:-1]} == expected
    assert json.loads(lines[-1])["row_count"] == 300_000
    table = pa.ipc.open_stream(ask(server, sql, accept=ARROW).body).read_all()
    assert set(zip(*(column.to_pylist() for column in table.columns), strict=True)) == expected
    written = csv.reader(io.StringIO(ask(server, sql, accept=CSV).body.decode()))
    assert {(int(row[0]), row[1]) for row in list(written)[1:]} == expected


def test_parameters(server: Served) -> None:
    assert rows(server, "SELECT name FROM ref.customers WHERE id = $1", [2]) == [["Bo"]]
    assert rows(server, "SELECT name FROM ref.customers WHERE id = :id", {"id": 1}) == [["Ada"]]
    given = [None, True, 2**40, 1.25, "tëxt", [1, None], 10**25]
    found = rows(server, "SELECT $1::int, $2, $3, $4, $5::text, $6::int[], $7", given)
    assert found == [[None, True, 2**40, "1.25", "tëxt", [1, None], str(10**25)]]
    assert ask(server, "SELECT $1", []).error["code"] == "07001"
    assert ask(server, "SELECT $1", [{}]).error["code"] == "07006"
    assert ask(server, "SELECT :a", {}).error["code"] == "07001"


def test_numbers_of_parameters_are_what_is_written(server: Served) -> None:
    body = b'{"sql": "SELECT $1 = 0.1, $1 + 0.2", "parameters": [0.1]}'
    assert call(server, "POST", "/v1/query", body, Content_Type=JSON).json["rows"] == [[True, "0.3"]]


def test_settings_are_those_of_set(server: Served) -> None:
    assert ask(server, "SHOW pushdown", settings={"pushdown": False}).json["rows"] == [["off"]]
    assert ask(server, "SELECT 1", settings={"pushdwn": "on"}).error["hint"] == "did you mean pushdown?"
    assert ask(server, SLOW, settings={"statement_timeout": 1}).status == 504
    assert ask(server, "SHOW pushdown").json["rows"] == [["on"]]


@pytest.mark.parametrize(
    ("sql", "status", "code", "position"),
    [
        ("SELECT nope FROM ref.customers", 400, "42703", 7),
        ("SELECT 1 FROM nowhere", 400, "42P01", 14),
        ("SELEC 1", 400, "42601", 0),
        ("", 400, "42601", 0),
        ("SELECT 1; SELECT 2", 400, "42601", 10),
        ("SELECT 1 / 0", 400, "22012", None),
        ("INSERT INTO wh.orders VALUES (1)", 400, "42601", 0),
        ("SET pushdown = off", 400, "0A000", 0),
        ("/* c */ RESET pushdown", 400, "0A000", 0),
        ("KILL 'a'", 403, "42501", None),
        ("COPY (SELECT 1) TO '/tmp/x'", 400, "42601", 0),
        ("ATTACH '/tmp/x'", 400, "42601", 0),
        ("INSTALL httpfs", 400, "42601", 0),
        ("SELECT * FROM read_text('/etc/passwd')", 400, None, None),
        ("SELECT '\0'", 400, "42601", 8),
    ],
)
def test_failures(server: Served, sql: str, status: int, code: str | None, position: int | None) -> None:
    reply = ask(server, sql)
    assert reply.status == status
    assert code is None or (reply.error["code"], reply.error["position"]) == (code, position)
    assert b"root:" not in reply.body


@pytest.mark.parametrize("media", [JSON, LINES, CSV, ARROW])
def test_an_answer_that_fails_on_its_way_never_looks_whole(server: Served, media: str) -> None:
    with connected(server) as connection:
        body = json.dumps({"sql": FAILS})
        connection.request("POST", "/v1/query", body, {"Content-Type": JSON, "Accept": media})
        response = connection.getresponse()
        assert response.status == 200
        with pytest.raises(http.client.IncompleteRead) as failure:
            response.read()
    found = failure.value.partial
    assert len(found) > 100_000
    if media == JSON:
        with pytest.raises(ValueError, match="line"):
            json.loads(found)
    elif media == LINES:
        assert json.loads(found.splitlines()[-1])["error"]["code"] == "22012"
    elif media == CSV:
        with pytest.raises(csv.Error):
            list(csv.reader(io.StringIO(found.decode()), strict=True))
    else:
        with pytest.raises((pa.ArrowInvalid, OSError)):
            pa.ipc.open_stream(found).read_all()


def test_accept_chooses(server: Served) -> None:
    def media(accept: str) -> str:
        return ask(server, "SELECT 1", accept=accept).headers["content-type"].partition(";")[0]

    assert media("text/csv;q=0.5, application/x-ndjson;q=0.9") == LINES
    assert media("*/*") == media("application/*") == media("") == JSON
    assert media("text/html, text/*;q=0.3") == CSV
    assert ask(server, "SELECT 1", accept="text/html").status == 406


def test_explain(server: Served) -> None:
    sql = "SELECT count(*) FROM ref.customers WHERE id > $1"
    plan = call(server, "POST", "/v1/explain", {"sql": sql, "parameters": [1]}).json["plan"]
    assert "@ref (sqlite)" in plan
    body = {"sql": sql, "parameters": [1], "analyze": True, "format": "json"}
    assert isinstance(call(server, "POST", "/v1/explain", body).json["plan"], dict)
    assert call(server, "POST", "/v1/explain", {"sql": "SELECT nope"}).error["position"] == 7
    assert call(server, "POST", "/v1/explain", {"sql": "SELECT 1", "format": "xml"}).status == 400
    assert call(server, "POST", "/v1/explain", {"sql": "SET a = 1"}).status == 400


def running(server: Served) -> int:
    """How many statements like SLOW run."""
    sql = "SELECT count(*) FROM system.queries WHERE state = 'running' AND statement LIKE '%c.n%'"
    return int(rows(server, sql)[0][0])


def until(is_done: Any, seconds: float = 30) -> float:
    """Wait for it; how long it took."""
    started = time.monotonic()
    while not is_done():
        assert time.monotonic() - started < seconds
        time.sleep(0.05)
    return time.monotonic() - started


def test_a_client_that_goes_ends_its_query(server: Served) -> None:
    with connected(server) as connection:
        connection.request("POST", "/v1/query", json.dumps({"sql": SLOW}), {"Content-Type": JSON})
        until(lambda: running(server) == 1)
    until(lambda: running(server) == 0)


def test_a_client_that_goes_while_it_reads_ends_its_query(server: Served) -> None:
    sql = "SELECT a.s || c.n FROM lake.numbers a, lake.numbers c"
    with connected(server) as connection:
        connection.request("POST", "/v1/query", json.dumps({"sql": sql}), {"Content-Type": JSON})
        response = connection.getresponse()
        assert len(response.read(100_000)) == 100_000
        assert running(server) == 1
        response.close()
    until(lambda: running(server) == 0)


def test_a_reader_that_stops_is_waited_for(server: Served) -> None:
    sql = "SELECT a.s || repeat('x', 200) FROM lake.numbers a, lake.numbers c"
    with connected(server) as connection:
        connection.request("POST", "/v1/query", json.dumps({"sql": sql}), {"Content-Type": JSON, "Accept": LINES})
        response = connection.getresponse()
        assert response.read(1_000)
        time.sleep(0.5)
        before = _resident(server)
        time.sleep(1.5)
        assert _resident(server) - before < 64_000_000
        response.close()


def _resident(server: Served) -> int:
    with open(f"/proc/{server.process.pid}/statm") as told:
        return int(told.read().split()[1]) * 4096


def test_metrics_and_health(server: Served) -> None:
    assert b"hanse_queries_running" in call(server, "GET", "/metrics").body
    assert call(server, "GET", "/healthz").body == b"ok\n"
    assert call(server, "GET", "/readyz").body == b"ready\n"
    assert call(server, "GET", "/v1/openapi.json").json["openapi"] == "3.1.0"
