"""Counters: each query once, bounded labels, and Prometheus reads what is exposed."""

from __future__ import annotations

import socket
import urllib.request
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from hanse.errors import ConfigError
from hanse.observe.exposition import Collected, Gauge
from hanse.observe.metrics import Metrics, totals_of
from tests.unit.observe.test_store import FACTS, LEG, RECORD


def counted() -> Metrics:
    metrics = Metrics()
    metrics.ended(RECORD, None)
    metrics.ended(
        replace(RECORD, facts=replace(FACTS, state="failed", total_ms=1e6), error="08001", error_source="shop"), None
    )
    return metrics


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def exposed(metrics: Metrics, gauges: tuple[Gauge, ...] = ()) -> Collected:
    return Collected(metrics.totals, lambda: gauges)


def test_prometheus_reads_what_was_counted() -> None:
    gauge = Gauge("hanse_queries_running", "Now.", ("source",), ((("shop",), 2),))
    found = samples(exposed(counted(), (gauge,)).text())
    assert found["hanse_queries_total", ("", "query", "finished")] == 1
    assert found["hanse_queries_total", ("08", "query", "failed")] == 1
    assert found["hanse_query_seconds_count", ("query",)] == 2
    assert found["hanse_query_seconds_bucket", ("query", "0.005")] == 1
    assert found["hanse_query_seconds_bucket", ("query", "300.0")] == 1
    assert found["hanse_query_seconds_bucket", ("query", "+Inf")] == 2
    assert found["hanse_query_seconds_sum", ("query",)] == pytest.approx(1000.004)
    assert found["hanse_source_rows_total", ("shop",)] == 40
    assert found["hanse_source_errors_total", ("08", "shop")] == 1
    assert found["hanse_source_first_row_seconds_count", ("shop",)] == 4
    assert found["hanse_queries_running", ("shop",)] == 2
    assert LEG.sql not in exposed(counted()).text()


def test_labels_are_bounded() -> None:
    """Of a thousand users' queries with values of their own there are no more series than of one."""
    one, many = counted(), counted()
    for number in range(1000):
        many.ended(replace(RECORD, id=f"{number:04}", user=f"u{number}", statement=f"SELECT {number}"), None)
    assert one.totals().keys() == many.totals().keys()


def test_what_is_taken_is_taken_once_and_adds_up() -> None:
    metrics = counted()
    first = totals_of(metrics.taken())
    assert metrics.taken() == []
    metrics.ended(RECORD, None)
    second = totals_of(metrics.taken())
    assert second["hanse_query_rows", ()] == 10
    both = {key: first.get(key, 0) + second.get(key, 0) for key in first.keys() | second.keys()}
    assert both == {key: amount for key, amount in metrics.totals().items() if amount}


def test_over_http() -> None:
    with pytest.raises(ConfigError, match="cannot serve metrics at nowhere"):
        exposed(counted()).serve("nowhere")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stop = exposed(counted()).serve(f"127.0.0.1:{port}")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        assert samples(answer.read().decode())["hanse_query_rows_total", ()] == 20
    with pytest.raises(ConfigError, match="cannot serve metrics"):
        exposed(counted()).serve(f"127.0.0.1:{port}")
    stop()
    exposed(counted()).serve(f"127.0.0.1:{port}")()
