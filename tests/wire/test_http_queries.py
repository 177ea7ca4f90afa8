"""Queries that are submitted over HTTP: how far they are, their answers, their ends; the catalog and the history."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path

import pyarrow as pa
import pytest

from tests.wire.serving import PASSWORD, Served, configured, served
from tests.wire.test_http import ARROW, CSV, JSON, LINES, running, until
from tests.wire.test_lifecycle import sources
from tests.wire.test_psycopg import SLOW
from tests.wire.web import Reply, ask, basic, call, connected

ANN = basic("ann", PASSWORD)
NUMBERS = "SELECT n, s FROM lake.numbers ORDER BY n"


def submitted(server: Served, sql: str, **headers: str) -> str:
    reply = call(server, "POST", "/v1/queries", {"sql": sql}, **headers)
    assert reply.status == 202, reply.body
    assert reply.headers["location"] == f"/v1/queries/{reply.json['id']}"
    return str(reply.json["id"])


def ended(server: Served, id: str, **headers: str) -> Reply:
    while True:
        reply = call(server, "GET", f"/v1/queries/{id}?wait=30", **headers)
        if reply.status != 200 or reply.json["state"] in ("finished", "failed", "cancelled"):
            return reply


def test_an_answer_is_kept_and_read_in_parts(server: Served) -> None:
    id = submitted(server, NUMBERS)
    status = ended(server, id).json
    assert (status["state"], status["rows"], status["statement"]["row_count"]) == ("finished", 300_000, 300_000)
    assert [one["state"] for one in status["sources"]] == ["done"]
    whole = call(server, "GET", f"/v1/queries/{id}/result").json
    assert whole["rows"] == [[n, f"x{n}"] for n in range(300_000)]
    assert (whole["offset"], whole["next_offset"], whole["query_id"]) == (0, None, status["query_id"])
    found: list[int] = []
    offset: int | None = 0
    while offset is not None:
        page = call(server, "GET", f"/v1/queries/{id}/result?offset={offset}&limit=70001")
        found += [row[0] for row in page.json["rows"]]
        offset = page.json["next_offset"]
        assert page.headers.get("hanse-next-offset") == (None if offset is None else str(offset))
    assert found == list(range(300_000))
    assert call(server, "GET", f"/v1/queries/{id}/result?offset=299999").json["rows"] == [[299_999, "x299999"]]
    assert call(server, "GET", f"/v1/queries/{id}/result?offset=300000").json["rows"] == []
    assert call(server, "GET", f"/v1/queries/{id}/result?limit=0").json["next_offset"] == 0
    path = f"/v1/queries/{id}/result?offset=5&limit=1"
    assert pa.ipc.open_stream(call(server, "GET", path, Accept=ARROW).body).read_all().to_pylist() == [
        {"n": 5, "s": "x5"}
    ]
    assert call(server, "GET", path, Accept=CSV).body == b"n,s\n5,x5\n"
    assert json.loads(call(server, "GET", path, Accept=LINES).body.splitlines()[-1])["row_count"] == 300_000
    assert call(server, "GET", path.replace("offset=5", "offset=-5")).status == 400
    assert id in [one["id"] for one in call(server, "GET", "/v1/queries").json["queries"]]
    assert call(server, "DELETE", f"/v1/queries/{id}").status == 204
    assert call(server, "GET", path).status == 404


def test_one_that_fails_says_so_wherever_it_is_asked_for(server: Served) -> None:
    id = submitted(server, "SELECT 1 / (SELECT min(n) FROM lake.numbers)")
    status = ended(server, id).json
    assert (status["state"], status["error"]["code"], status["statement"]) == ("failed", "22012", None)
    reply = call(server, "GET", f"/v1/queries/{id}/result")
    assert (reply.status, reply.error["code"]) == (400, "22012")
    id = submitted(server, "SELECT nope FROM ref.customers")
    assert ended(server, id).json["error"]["position"] == 7
    assert call(server, "POST", "/v1/queries", {"sql": "SET a = 1"}).status == 400


def test_one_that_runs_can_be_watched_and_ended(server: Served) -> None:
    id = submitted(server, SLOW)
    until(lambda: running(server) == 1)
    assert call(server, "GET", f"/v1/queries/{id}").json["state"] == "running"
    assert (reply := call(server, "GET", f"/v1/queries/{id}/result")).status == 409
    assert reply.error["code"] == "55000"
    with connected(server) as connection:
        connection.request("GET", f"/v1/queries/{id}/events")
        response = connection.getresponse()
        assert response.getheader("Content-Type") == "text/event-stream"
        assert response.readline() == b"event: progress\n"
        assert json.loads(response.readline().removeprefix(b"data: "))["id"] == id
        assert call(server, "DELETE", f"/v1/queries/{id}").status == 204
        event, data = response.read().strip().split(b"\n")[-2:]
    assert event == b"event: end"
    assert json.loads(data.removeprefix(b"data: "))["state"] == "cancelled"
    until(lambda: running(server) == 0)


def test_a_listener_that_goes_ends_nothing(server: Served) -> None:
    id = submitted(server, SLOW)
    with connected(server) as connection:
        connection.request("GET", f"/v1/queries/{id}/events")
        assert connection.getresponse().readline()
    assert call(server, "GET", f"/v1/queries/{id}").json["state"] in ("queued", "planning", "running")
    call(server, "DELETE", f"/v1/queries/{id}")
    until(lambda: running(server) == 0)


def test_nobody_sees_or_ends_what_is_anothers(server: Served) -> None:
    id = submitted(server, "SELECT 7", **ANN)
    assert ended(server, id, **ANN).json["state"] == "finished"
    for path in ("", "/result", "/events"):
        assert call(server, "GET", f"/v1/queries/{id}{path}").status == 404
    assert call(server, "DELETE", f"/v1/queries/{id}").status == 404
    assert id not in [one["id"] for one in call(server, "GET", "/v1/queries").json["queries"]]
    query_id = call(server, "GET", f"/v1/queries/{id}", **ANN).json["query_id"]
    assert call(server, "GET", f"/v1/history/{query_id}", **ANN).json["statement"] == "SELECT ?"
    assert call(server, "GET", f"/v1/history/{query_id}").status == 404
    assert {one["user"] for one in call(server, "GET", "/v1/history", **ANN).json["queries"]} == {"ann"}
    assert call(server, "GET", f"/v1/queries/{id}/result", **ANN).json["rows"] == [[7]]


def test_a_query_of_ones_own_is_ended_by_its_id_in_the_history(server: Served) -> None:
    found: list[Reply] = []
    asking = threading.Thread(target=lambda: found.append(ask_as_ann(server, SLOW)))
    asking.start()

    def ids() -> list[str]:
        queries = call(server, "GET", "/v1/history?limit=10", **ANN).json["queries"]
        return [one["id"] for one in queries if one["state"] == "running" and "c.n" in one["statement"]]

    until(ids)
    (id,) = ids()
    assert call(server, "DELETE", f"/v1/queries/{id}").status == 404
    assert call(server, "DELETE", f"/v1/queries/{id}", **ANN).status == 204
    asking.join(30)
    assert (found[0].status, found[0].error["code"]) == (409, "57014")
    assert call(server, "DELETE", f"/v1/queries/{id}", **ANN).status == 204


def ask_as_ann(server: Served, sql: str) -> Reply:
    return call(server, "POST", "/v1/query", {"sql": sql}, **ANN)


def test_the_history_has_what_a_query_asked_of_its_sources(server: Served) -> None:
    id = ask(server, "SELECT region FROM ref.customers WHERE id = 3").headers["hanse-query-id"]
    record = call(server, "GET", f"/v1/history/{id}").json
    assert record["statement"] == "SELECT region FROM ref.customers WHERE id = ?"
    assert [one["source"] for one in record["requests"]] == ["ref"]
    assert call(server, "GET", "/v1/history?limit=x").status == 400


def test_the_catalog(server: Served) -> None:
    found = {one["source"]: one["kind"] for one in call(server, "GET", "/v1/catalog").json["sources"]}
    assert found == {"wh": "duckdb", "ref": "sqlite", "lake": "files"}
    assert [one["table"] for one in call(server, "GET", "/v1/catalog/ref").json["tables"]] == ["customers"]
    columns = call(server, "GET", "/v1/catalog/wh/main.orders").json["columns"]
    assert [(one["column"], one["type"]) for one in columns][2] == ("total", "numeric(10,2)")
    assert call(server, "GET", "/v1/catalog/wh/orders").json["columns"] == columns
    for path in ("nix", "wh/nix", "wh/%22", "nix/orders"):
        assert call(server, "GET", f"/v1/catalog/{path}").status == 404


def test_what_is_kept_is_bounded_in_bytes_and_time(stores: Path, tmp_path: Path) -> None:
    listen = {"result_bytes": "1 MB", "result_seconds": 6}
    (tmp_path / "spill").mkdir()
    config = configured(tmp_path, sources(stores), listen=listen, engine={"spill_folder": str(tmp_path / "spill")})

    def kept() -> list[Path]:
        return list((tmp_path / "spill").glob("hanse-results-*/*"))

    with served(config) as server:
        id = submitted(server, NUMBERS)
        assert ended(server, id).json["error"]["code"] == "53100"
        assert kept() == []
        id = submitted(server, "SELECT 1")
        assert ended(server, id).json["state"] == "finished"
        abandoned = submitted(server, SLOW)
        until(lambda: running(server) == 1)
        until(lambda: running(server) == 0)
        until(lambda: kept() == [])
        assert call(server, "GET", f"/v1/queries/{abandoned}").status == 404
        assert call(server, "GET", f"/v1/queries/{id}/result").status == 404


def test_all_end_when_the_server_does(stores: Path, tmp_path: Path) -> None:
    with served(configured(tmp_path, sources(stores), listen={"drain": 20})) as server:
        id = submitted(server, SLOW)
        until(lambda: running(server) == 1)
        with connected(server) as connection:
            connection.request("GET", f"/v1/queries/{id}/events")
            response = connection.getresponse()
            assert response.readline()
            started = time.monotonic()
            stopping: list[int] = []
            stopper = threading.Thread(target=lambda: stopping.append(server.stop()))
            stopper.start()
            assert json.loads(response.read().strip().rpartition(b"data: ")[2])["error"]["code"] == "57P01"
            stopper.join()
        assert stopping == [0]
        assert time.monotonic() - started < 15


@pytest.mark.parametrize("path", ["/v1/queries/x", "/v1/queries/x/result", "/v1/queries/x/events", "/v1/history/x"])
def test_what_is_not_there(server: Served, path: str) -> None:
    assert call(server, "GET", path).status == 404


def test_a_partial_answer_says_so_in_every_format(stores: Path, tmp_path: Path) -> None:
    shutil.copy(stores / "ref.db", tmp_path / "ref.db")
    there = {**sources(stores), "ref": {"kind": "sqlite", "path": str(tmp_path / "ref.db")}}
    sql = "SELECT city FROM lake.cities UNION ALL SELECT name FROM ref.customers"
    with served(configured(tmp_path, there)) as server:
        whole = ask(server, sql)
        assert (whole.json["complete"], "hanse-partial" in whole.headers) == (True, False)
        (tmp_path / "ref.db").unlink()
        assert ask(server, sql).status == 502
        part = {
            media: ask(server, sql, accept=media, settings={"partial_results": True}) for media in (JSON, CSV, ARROW)
        }
    assert {one.headers["hanse-partial"] for one in part.values()} == {"partial answer: rows may be missing"}
    found = part[JSON].json
    assert (found["complete"], sorted(found["rows"])) == (False, [["Lübeck"], ["Visby"]])
    assert [one["source"] for one in found["completeness"]["lost"]] == ["ref"]
    assert part[CSV].body.decode() == "city\nLübeck\nVisby\n"
