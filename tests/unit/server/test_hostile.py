"""Whatever bytes come: an error or a close, never anything else."""

from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanse.access import AuthSettings, User
from hanse.errors import HanseError
from hanse.server.login import Logins
from hanse.server.pgwire.reading import Frames, Violation
from hanse.server.pgwire.startup import (
    CANCEL_REQUEST,
    GSS_REQUEST,
    SSL_REQUEST,
    Cancel,
    Close,
    Startup,
    Upgrade,
    Welcome,
)
from hanse.server.pgwire.values import value
from hanse.server.scram import Verifier
from tests.unit.server.machine import SYNC, Machine, bind, cut, errors, execute, fields, parse, query, text

ANN = User(password=str(Verifier.of_password("secret")))
RANDOM = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
VERSION = struct.pack(">i", 3 << 16)


def startup(**more) -> Startup:
    return Startup(Logins({"ann": ANN}, AuthSettings(anonymous="loopback")), "127.0.0.1", **more)


def test_requests_before_the_start() -> None:
    one = startup(offers_tls=True)
    assert one.take(b"", struct.pack(">i", GSS_REQUEST)) is None
    assert one.take(b"", struct.pack(">i", SSL_REQUEST)) == Upgrade()
    assert one.out == [b"N", b"S"]
    assert startup().take(b"", struct.pack(">i", SSL_REQUEST)) is None
    assert startup(offers_tls=True, has_tls=True).take(b"", struct.pack(">i", SSL_REQUEST)) is None
    assert startup().take(b"", struct.pack(">ii4s", CANCEL_REQUEST, 7, b"key!")) == Cancel(7, b"key!")


def test_somebody_without_a_password_is_welcome_where_that_is_said() -> None:
    step = startup().take(b"", VERSION + text("user") + text("bob") + text("Application_Name") + text("x") + b"\0")
    assert isinstance(step, Welcome)
    assert step.asked == {"application_name": "x"}
    assert step.caller.user == ""


def test_a_newer_minor_version_is_told_which_there_is() -> None:
    one = startup()
    one.take(b"", struct.pack(">i", (3 << 16) + 2) + text("user") + text("bob") + text("_pq_.x") + text("1") + b"\0")
    kind, body = cut(b"".join(one.out))[0]
    assert kind == "v"
    assert body == struct.pack(">ii", 0, 1) + b"_pq_.x\0"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (struct.pack(">i", 2 << 16), "0A000"),
        (VERSION + b"\0", "28000"),
        (VERSION + text("user"), "08P01"),
        (VERSION + text("user") + text("ann") + b"\0more", "08P01"),
        (VERSION + text("user") + b"\xff\0\0", "22021"),
        (VERSION + text("user") + text("bob") + text("replication") + text("true") + b"\0", "0A000"),
        (struct.pack(">ii", CANCEL_REQUEST, 7), "08P01"),
        (b"", "08P01"),
    ],
)
def test_starts_that_are_refused(body: bytes, code: str) -> None:
    one = startup()
    assert isinstance(one.take(b"", body), Close)
    (error,) = errors(cut(b"".join(one.out)))
    assert (error["S"], error["C"]) == ("FATAL", code)


def test_a_wrong_password_and_an_unknown_user_hear_the_same() -> None:
    said = []
    for user in ("ann", "eve"):
        one = Startup(Logins({"ann": ANN}, AuthSettings()), "127.0.0.1")
        assert one.take(b"", VERSION + text("user") + text(user) + b"\0") is None
        first = b"n,,n=,r=abcdef"
        assert one.take(b"p", text("SCRAM-SHA-256") + struct.pack(">i", len(first)) + first) is None
        nonce = one.out[-1].split(b"r=")[1].split(b",")[0]
        assert isinstance(one.take(b"p", b"c=biws,r=" + nonce + b",p=" + b"A" * 43 + b"="), Close)
        answers = cut(b"".join(one.out))
        said.append([(kind, len(body)) for kind, body in answers])
        assert fields(answers[-1][1])["M"] == f'password authentication failed for user "{user}"'
    assert said[0] == said[1]


@given(st.binary(max_size=60))
@RANDOM
def test_any_first_message(body: bytes) -> None:
    one = startup(offers_tls=True)
    step = one.take(b"", body)
    assert step is None or isinstance(step, Upgrade | Cancel | Close | Welcome)


@given(st.lists(st.tuples(st.sampled_from([b"p", b"Q", b"X"]), st.binary(max_size=60)), max_size=3))
@RANDOM
def test_any_answer_to_the_login(messages: list[tuple[bytes, bytes]]) -> None:
    one = Startup(Logins({"ann": ANN}, AuthSettings()), "127.0.0.1")
    one.take(b"", VERSION + text("user") + text("ann") + b"\0")
    for message in messages:
        step = one.take(*message)
        assert not isinstance(step, Welcome)
        if isinstance(step, Close):
            return


@given(st.lists(st.binary(max_size=40), max_size=6))
@RANDOM
def test_any_bytes_are_cut_or_refused(pieces: list[bytes]) -> None:
    frames = Frames()
    frames.login()
    try:
        for piece in pieces:
            frames.add(piece)
            while frames.next() is not None:
                pass
    except Violation:
        return


@given(
    st.lists(
        st.tuples(st.sampled_from([bytes([one]) for one in b"QPBDECSHXFdcfp\0?"]), st.binary(max_size=40)), max_size=8
    )
)
@RANDOM
def test_any_messages(engine, messages: list[tuple[bytes, bytes]]) -> None:
    machine = Machine(engine)
    machine.send(*messages)
    if not machine.backend.is_closed:
        assert machine.send(SYNC)[-1][0] == "Z"


@given(
    st.sampled_from(
        [
            0,
            16,
            17,
            20,
            21,
            23,
            25,
            26,
            114,
            199,
            700,
            701,
            1009,
            1016,
            1082,
            1083,
            1114,
            1184,
            1186,
            1231,
            1700,
            2950,
            3802,
            9999,
        ]
    ),
    st.sampled_from([0, 1]),
    st.binary(max_size=40),
)
@RANDOM
def test_any_parameter(oid: int, format: int, data: bytes) -> None:
    with contextlib.suppress(HanseError):
        value(data, format, oid, "UTC")


@pytest.mark.parametrize(
    "statement",
    [
        "DECLARE c CURSOR FOR SELECT 'x",
        "FETCH 'x",
        "MOVE $$x",
        'CLOSE "x',
        "EXECUTE p('x",
        "EXECUTE p(,)",
        "EXECUTE p(",
        "PREPARE p AS SELECT /* x",
        "PREPARE p() AS SELECT 1",
        'DEALLOCATE "x',
        "COPY (SELECT 'x",
        "SET search_path = 'x",
        "DECLARE",
        "FETCH ''",
        "FETCH -",
        "FETCH 99999999999999999999 c",
        "FETCH ABSOLUTE -99999999999999999999 c",
        "FETCH RELATIVE 2147483648 c",
    ],
)
def test_half_a_statement_is_an_error_of_syntax(machine, statement) -> None:
    assert [error["C"] for error in errors(machine.send(query(statement)))] == ["42601"]
    assert [error["C"] for error in errors(machine.send(parse(statement), bind(), execute(), SYNC))] == ["42601"]
    machine.send(query("BEGIN; DECLARE c SCROLL CURSOR FOR SELECT 1"))
    for far in (
        "FETCH 2147483647 c",
        "FETCH RELATIVE 2147483647 c",
        "FETCH BACKWARD 2147483647 c",
        "MOVE ABSOLUTE -2147483647 c",
    ):
        assert not errors(machine.send(query(far)))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_cancel_backend('x')",
        "SELECT pg_cancel_backend()",
        "SELECT pg_terminate_backend(1, 2, 3, 4)",
        "SELECT pg_cancel_backend(99999999999)",
        "SELECT * FROM (SELECT pg_cancel_backend(1)) AS x",
        "SELECT pg_cancel_backend(1) UNION SELECT true",
        "SELECT DISTINCT pg_cancel_backend(1)",
        "SELECT 1 FROM pg_stat_activity ORDER BY pg_terminate_backend(pid)",
        "WITH a AS (SELECT pg_terminate_backend(1)) SELECT 1 FROM a",
    ],
)
def test_sessions_are_ended_in_one_way_alone(machine, statement) -> None:
    assert len(errors(machine.send(query(statement)))) == 1
    assert not errors(machine.send(query("SELECT 1")))
