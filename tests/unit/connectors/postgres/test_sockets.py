"""Marks: each connection's own, for as long as it lives, and found on sockets."""

from __future__ import annotations

import gc
import socket
import threading

from hanse.connectors.postgres.sockets import OPTION, Mark


class Connection:
    """Something that lives."""


def marked(mark: Mark) -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one = socket.create_connection(listener.getsockname())
        other, _ = listener.accept()
    assert OPTION is not None
    one.setsockopt(socket.IPPROTO_TCP, OPTION, mark.value)
    return one, other


def test_no_two_have_the_same() -> None:
    marks = [Mark() for _ in range(20)]
    assert len({mark.value for mark in marks}) == 20


def test_one_that_is_nobodys_is_given_again_but_not_one_of_a_connection() -> None:
    connection = Connection()
    kept = Mark(50_000)
    value = kept.value
    kept.belongs_to(connection)
    del kept
    gc.collect()
    assert Mark(50_000).value != value
    del connection
    gc.collect()
    assert Mark(50_000).value == value


def test_who_waits_is_woken_and_nobody_else() -> None:
    mine, others = Mark(), Mark()
    assert not mine.is_seen
    (one, server), (another, _server) = marked(mine), marked(others)
    assert mine.is_seen
    ended: list[bytes] = []
    reader = threading.Thread(target=lambda: ended.append(one.recv(1)))
    reader.start()
    mine.shut()
    reader.join(5)
    assert ended == [b""]
    assert server.recv(1) == b""
    another.send(b"x")  # it is as it was
    for found in (one, server, another, _server):
        found.close()
