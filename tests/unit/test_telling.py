"""What an engine tells others: spans to a collector by OTLP, spans to the provider of the program around, metrics over HTTP."""

from __future__ import annotations

import contextlib
import socket
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import hanse
from hanse.errors import ConfigError

SQL = "SELECT name FROM ref.customers WHERE name <> 'canary'"


class Collector(BaseHTTPRequestHandler):
    """Keeps what is sent to it."""

    received: list[bytes]

    def do_POST(self) -> None:
        self.received.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def collector() -> Iterator[tuple[str, list[bytes]]]:
    received: list[bytes] = []
    server = HTTPServer(("127.0.0.1", 0), type("Mine", (Collector,), {"received": received}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1/traces", received
    server.shutdown()
    server.server_close()
    thread.join()


def config(folder: Path, **observe: Any) -> dict[str, Any]:
    with contextlib.closing(sqlite3.connect(folder / "ref.db")) as ref, ref:
        ref.execute("CREATE TABLE IF NOT EXISTS customers (name TEXT)")
        ref.execute("INSERT INTO customers VALUES ('Ada')")
    return {"sources": {"ref": {"kind": "sqlite", "path": str(folder / "ref.db")}}, "engine": {"observe": observe}}


def test_spans_reach_a_collector(tmp_path: Path, collector: tuple[str, list[bytes]]) -> None:
    endpoint, received = collector
    with hanse.connect(config(tmp_path, traces="otlp", otlp_endpoint=endpoint)) as engine:
        result = engine.query(SQL)
        assert result.fetchall() == [("Ada",)]
    requests = [ExportTraceServiceRequest.FromString(one) for one in received]
    spans = [s for one in requests for r in one.resource_spans for scope in r.scope_spans for s in scope.spans]
    leg, root = sorted(spans, key=lambda span: span.name == "SELECT main.customers" and not span.parent_span_id)
    assert leg.parent_span_id == root.span_id
    told = {one.key: one.value.string_value for one in root.attributes}
    assert told["hanse.query.id"] == result.report.query_id
    assert told["db.query.text"] == SQL.replace("'canary'", "?")
    assert b"canary" not in b"".join(received)


def test_no_collector_is_no_trouble_of_the_querys(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{free.getsockname()[1]}/v1/traces"
    engine = hanse.connect(config(tmp_path, traces="otlp", otlp_endpoint=nowhere))
    assert engine.query("SELECT 1").fetchall() == [(1,)]
    engine.queries.flush()
    before = time.monotonic()
    engine.close()
    assert time.monotonic() - before < 5


def test_metrics_are_served_while_the_engine_is_open(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with hanse.connect(config(tmp_path, metrics_listen=f":{port}")) as engine:
        engine.query(SQL).fetchall()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        assert 'hanse_source_rows_total{source="ref"} 1.0' in text
        assert "canary" not in text
        with pytest.raises(ConfigError, match="cannot serve metrics"):
            hanse.connect(config(tmp_path, metrics_listen=f":{port}"))
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)
