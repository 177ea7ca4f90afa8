"""SCRAM-SHA-256: the server's side against a client written from the RFC, and everything that a client may do wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from hanse.errors import Denied, HanseError
from hanse.server.scram import PLAIN, PLUS, Exchange, Verifier, prepared

SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
VERIFIER = Verifier.of_password("pencil", 4096, SALT)


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


class Client:
    """The other side (RFC 5802, section 3)."""

    def __init__(self, password: str, header: bytes = b"n,,", binding: bytes = b"") -> None:
        self.password, self.header, self.binding = password, header, binding
        self.bare = b"n=,r=rOprNGfwEbeRWgbNEkqO"

    def first(self) -> bytes:
        return self.header + self.bare

    def final(self, server_first: bytes, nonce: bytes | None = None) -> bytes:
        fields = dict(part.split(b"=", 1) for part in server_first.split(b","))
        salted = hashlib.pbkdf2_hmac(
            "sha256", prepared(self.password), base64.b64decode(fields[b"s"]), int(fields[b"i"])
        )
        key = _hmac(salted, b"Client Key")
        without = b"c=" + base64.b64encode(self.header + self.binding) + b",r=" + (nonce or fields[b"r"])
        message = self.bare + b"," + server_first + b"," + without
        signature = _hmac(hashlib.sha256(key).digest(), message)
        self.expected = b"v=" + base64.b64encode(_hmac(_hmac(salted, b"Server Key"), message))
        return without + b",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True)))


def test_the_verifier_is_that_of_the_rfc() -> None:
    # RFC 7677, section 3: with these the RFC's proof and server signature follow
    auth = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    assert base64.b64encode(_hmac(VERIFIER.server_key, auth)) == b"6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    proof = base64.b64decode(b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    key = bytes(a ^ b for a, b in zip(proof, _hmac(VERIFIER.stored_key, auth), strict=True))
    assert hashlib.sha256(key).digest() == VERIFIER.stored_key


def test_a_verifier_is_written_and_read_as_postgresql_does() -> None:
    text = str(VERIFIER)
    assert text.startswith("SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$")
    assert Verifier.of_text(text) == VERIFIER
    assert Verifier.of_password("pencil") != Verifier.of_password("pencil"), "each has a salt of its own"


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("I\u00adX", b"IX"),  # examples of RFC 4013, section 3
        ("user", b"user"),
        ("\u00aa", b"a"),
        ("\u2168", b"IX"),
        ("\u0007", b"\x07"),  # prohibited: as it is
        ("\u06271", "\u06271".encode()),  # right to left and not: as it is
        ("\u00a0x", b" x"),
    ],
)
def test_passwords_are_prepared_as_postgresql_does(password: str, expected: bytes) -> None:
    assert prepared(password) == expected


def test_the_right_password_gets_a_proof_of_the_server() -> None:
    client, exchange = Client("pencil"), Exchange(VERIFIER)
    assert exchange.mechanisms == (PLAIN,)
    answer = exchange.final(client.final(exchange.first(PLAIN, client.first())))
    assert answer == client.expected


def test_a_wrong_password_and_a_verifier_that_nobody_has_get_nothing() -> None:
    for exchange, password in ((Exchange(VERIFIER), "pen"), (Exchange(VERIFIER, is_real=False), "pencil")):
        client = Client(password)
        assert exchange.final(client.final(exchange.first(PLAIN, client.first()))) is None


def test_channel_binding_holds_the_certificate() -> None:
    for bound, fits in ((b"hash", True), (b"another", False)):
        client = Client("pencil", b"p=tls-server-end-point,,", bound)
        exchange = Exchange(VERIFIER, binding=b"hash")
        assert exchange.mechanisms == (PLUS, PLAIN)
        answer = exchange.final(client.final(exchange.first(PLUS, client.first())))
        assert (answer is not None) is fits


def test_a_client_that_was_told_of_no_binding_though_there_is_one_is_refused() -> None:
    with pytest.raises(Denied) as failure:
        Exchange(VERIFIER, binding=b"hash").first(PLAIN, Client("pencil", b"y,,").first())
    assert failure.value.code == "28000"


def test_another_nonce_gets_nothing() -> None:
    client, exchange = Client("pencil"), Exchange(VERIFIER)
    first = exchange.first(PLAIN, client.first())
    assert exchange.final(client.final(first, nonce=b"rOprNGfwEbeRWgbNEkqO")) is None


@pytest.mark.parametrize(
    ("mechanism", "message"),
    [
        ("SCRAM-SHA-1", b"n,,n=,r=abc"),
        (PLUS, b"p=tls-server-end-point,,n=,r=abc"),
        (PLAIN, b""),
        (PLAIN, b"\xff\xff"),
        (PLAIN, b"n,,"),
        (PLAIN, b"n,,n=,r="),
        (PLAIN, b"n,,m=x,n=,r=abc"),
        (PLAIN, b"n,,n=,r=a\x01c"),
        (PLAIN, b"q,,n=,r=abc"),
        (PLAIN, b"p=tls-unique,,n=,r=abc"),
    ],
)
def test_malformed_first_messages_are_violations(mechanism: str, message: bytes) -> None:
    with pytest.raises(HanseError) as failure:
        Exchange(VERIFIER).first(mechanism, message)
    assert failure.value.code == "08P01"


@pytest.mark.parametrize(
    "message", [b"", b"\xff", b"c=biws,r=x", b"c=biws,p=eA==", b"c=!,r=x,p=eA==", b"c=biws,r=x,p=eA=="]
)
def test_malformed_last_messages_are_violations(message: bytes) -> None:
    exchange = Exchange(VERIFIER)
    exchange.first(PLAIN, Client("pencil").first())
    with pytest.raises(HanseError) as failure:
        exchange.final(message)
    assert failure.value.code == "08P01"
