"""The federated benchmark's own parts: what it counts, how fast its network is, when two answers are the same."""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import struct
import threading
from collections.abc import Iterator
from decimal import Decimal
from time import monotonic

import pytest

from benchmarks.federated.answers import digest
from benchmarks.federated.link import NETWORKS, Link, Network
from benchmarks.federated.measure import Cell
from benchmarks.federated.proxy import Upstream, proxy
from benchmarks.federated.report import races, rows, summary
from benchmarks.federated.splits import SPLITS, TABLES
from benchmarks.federated.wire import MySQLStatements, PostgresStatements


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack(">I", len(body) + 4) + body


def startup(code: int = 196608) -> bytes:
    return struct.pack(">II", 8, code)


@pytest.mark.parametrize("step", [1, 3, 10_000])
def test_statements_of_postgresql_are_counted_however_bytes_are_cut(step: int) -> None:
    sent = startup(80877103) + startup()
    for text in (
        b"BEGIN",
        b"SET x = 1",
        b"SELECT 1",
        b"/* q */ COPY (SELECT 1) TO STDOUT",
        b"FETCH 10 FROM c",
        b"COMMIT",
    ):
        sent += message(b"Q", text + b"\0")
    sent += message(b"P", b"s\0SELECT $1\0\0\0") + message(b"B", b"p\0s\0rest") + 2 * message(b"E", b"p\0\0\0\0\0")
    sent += message(b"P", b"\0SHOW x\0\0\0") + message(b"B", b"\0\0rest") + message(b"E", b"\0\0\0\0\0")
    counter = PostgresStatements()
    for start in range(0, len(sent), step):
        counter.feed(sent[start : start + step])
    assert counter.count == 5


def test_statements_of_mysql_are_packets_with_number_zero() -> None:
    def packet(number: int, body: bytes) -> bytes:
        return struct.pack("<I", len(body))[:3] + bytes([number]) + body

    counter = MySQLStatements()
    counter.feed(packet(1, b"\x03SELECT login"))
    counter.feed(
        packet(0, b"\x03SET NAMES x") + packet(0, b"\x03SELECT 1") + packet(0, b"\x17\1\0\0\0") + packet(0, b"\x0e")
    )
    counter.feed(packet(0, b"\x1c\1\0\0\0\x10\x27\0\0"))
    assert counter.count == 3


def test_a_link_is_as_slow_as_its_network() -> None:
    link = Link(Network("slow", bits=8e6, round_trip=0.05))
    started = monotonic()
    due = [link.send(10_000) for _ in range(10)]
    assert monotonic() - started >= 0.09
    assert due[-1] - started >= 0.1 + 0.02
    assert Link(NETWORKS["loopback"]).send(10**9) <= monotonic()


@contextlib.contextmanager
def echo() -> Iterator[int]:
    door = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        end, _ = door.accept()
        with end:
            while data := end.recv(65536):
                end.sendall(data * 3)

    worker = threading.Thread(target=serve)
    worker.start()
    yield int(door.getsockname()[1])
    worker.join(10)
    door.close()


@pytest.mark.parametrize("trip", [0.0, 0.02])
def test_the_proxy_counts_and_delays(trip: float) -> None:
    with echo() as port, proxy(Network("test", 1e9, trip), {"a": Upstream("postgres", port)}) as between:
        with socket.create_connection(("127.0.0.1", between.ports["a"])) as end:
            sent = startup() + message(b"Q", b"SELECT 1\0")
            started = monotonic()
            end.sendall(sent)
            end.shutdown(socket.SHUT_WR)
            back = b"".join(iter(lambda: end.recv(65536), b""))
            assert monotonic() - started >= trip
        assert back == sent * 3
        counts = between.counts()
    assert (counts.received, counts.sent, counts.statements) == (3 * len(sent), len(sent), 1)


def test_answers_are_equal_whatever_types_an_engine_uses() -> None:
    one = [(1, Decimal("2.50"), "x ", dt.date(2026, 1, 2), None), (3, 0.1 + 0.2, "y", None, None)]
    other = [(3.0, 0.3, "y", None, None), (Decimal(1), 2.5, "x", "2026-01-02", None)]
    assert digest(one) == digest(other)
    assert digest(one) != digest(one[:1])
    assert digest([(None,)]) != digest([(0,)])


def test_every_split_holds_every_table_once() -> None:
    for split in SPLITS.values():
        assert sorted(table for place in split.places.values() for table in place.tables) == list(TABLES)


def test_sums_compare_only_what_both_answered_and_name_what_differs() -> None:
    cells = [
        Cell("hanse", "A", "loopback", 3, [1.0], received=10, digest="good"),
        Cell("duckdb", "A", "loopback", 3, [2.0], received=1000, digest="good"),
        Cell("hanse", "A", "loopback", 5, [9.0], received=10, digest="bad"),
        Cell("duckdb", "A", "loopback", 5, failure="TimeoutError: slow"),
    ]
    text = "\n".join(summary(cells, {3: "good", 5: "good"}))
    assert "| loopback | A | hanse | 2 | 10.00 | 0.00 | 0 | 0.50 | 100.0 |" in text
    assert "Answers unlike the reference: 1; hanse Q5 A loopback" in text
    assert "| loopback | A | 2 of 2 | 2 of 2 |" in text
    assert rows(cells, {3: "good", 5: "good"})[3][-1] == "bad DIFFERS from good"


def test_a_peer_that_fails_has_lost_and_one_that_could_not_try_has_not_raced() -> None:
    cells = [
        Cell("hanse", "A", "1gbit", 3, [1.0], digest="good"),
        Cell("duckdb", "A", "1gbit", 3, [0.5], digest="good"),
        Cell("fdw", "A", "1gbit", 3, failure="QueryCanceled: timeout"),
        Cell("hanse", "A", "1gbit", 5, [1.0], digest="good"),
        Cell("duckdb", "A", "1gbit", 5, [2.0], digest="good"),
        Cell("fdw", "A", "1gbit", 5, failure="Unavailable: lake is left out"),
        Cell("hanse", "A", "1gbit", 7, failure="Error: wrong"),
        Cell("duckdb", "A", "1gbit", 7, failure="Error: wrong"),
    ]
    assert races(cells)[0] == "| network | split | under every peer | under duckdb | under fdw |"
    assert races(cells)[2:] == ["| 1gbit | A | 1 of 3 | 1 of 3 | 1 of 1 |"]
