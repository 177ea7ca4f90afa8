"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's side (RFC 5802, RFC 7677; PostgreSQL's manual, "SASL Authentication").

A verifier is what PostgreSQL keeps of a password, so that the two can be exchanged. The name inside of SCRAM's messages is
ignored, as PostgreSQL does: libpq sends none. Nothing here does I/O.
"""

import base64
import hashlib
import hmac
import secrets
import stringprep
import unicodedata
from binascii import Error as Base64Error
from dataclasses import dataclass

from hanse.access import VERIFIER
from hanse.errors import Denied, InternalError, UserError

PLAIN = "SCRAM-SHA-256"
PLUS = "SCRAM-SHA-256-PLUS"
BINDING = "p=tls-server-end-point"
ITERATIONS = 4096
SALT_BYTES = 16
NONCE_BYTES = 18


@dataclass(frozen=True, slots=True)
class Verifier:
    """What is kept of a password: from it nobody can log in, and the password cannot be told."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes

    def __str__(self) -> str:
        return f"{PLAIN}${self.iterations}:{_text(self.salt)}${_text(self.stored_key)}:{_text(self.server_key)}"

    @classmethod
    def of_text(cls, text: str) -> "Verifier":
        """Read one; the settings have tested that it is one."""
        match = VERIFIER.fullmatch(text)
        if match is None:
            raise InternalError("no SCRAM-SHA-256 verifier")
        salt, stored_key, server_key = (base64.b64decode(part) for part in match.groups()[1:])
        return cls(int(match[1]), salt, stored_key, server_key)

    @classmethod
    def of_password(cls, password: str, iterations: int = ITERATIONS, salt: bytes | None = None) -> "Verifier":
        """Make one; takes as long as the iterations take. Without a salt it gets a fresh one."""
        salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
        salted = hashlib.pbkdf2_hmac("sha256", prepared(password), salt, iterations)
        stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
        return cls(iterations, salt, stored_key, _hmac(salted, b"Server Key"))

    def fits(self, password: str) -> bool:
        """Whether it is the password; takes as long as the iterations take, and as long for one as for another."""
        salted = hashlib.pbkdf2_hmac("sha256", prepared(password), self.salt, self.iterations)
        stored_key = hashlib.sha256(_hmac(salted, b"Client Key")).digest()
        return hmac.compare_digest(stored_key, self.stored_key)


def prepared(password: str) -> bytes:
    """The password by SASLprep (RFC 4013), or as it is where that refuses it, as PostgreSQL does."""
    kept = "".join(" " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c))
    normal = unicodedata.normalize("NFKC", kept)
    is_right = [stringprep.in_table_d1(c) for c in normal]
    mixes = any(is_right) and (any(map(stringprep.in_table_d2, normal)) or not (is_right[0] and is_right[-1]))
    if not normal or mixes or any(map(_is_prohibited, normal)):
        return password.encode()
    return normal.encode()


def _is_prohibited(c: str) -> bool:
    tables = (
        stringprep.in_table_a1,
        stringprep.in_table_c12,
        stringprep.in_table_c21_c22,
        stringprep.in_table_c3,
        stringprep.in_table_c4,
        stringprep.in_table_c5,
        stringprep.in_table_c6,
        stringprep.in_table_c7,
        stringprep.in_table_c8,
        stringprep.in_table_c9,
    )
    return any(table(c) for table in tables)


class Exchange:
    """One attempt to log in: ``first`` answers the client's first message, ``final`` its second.

    Whoever has no verifier is given one that no password fits (``is_real`` false): messages and time are the same.
    """

    def __init__(self, verifier: Verifier, is_real: bool = True, binding: bytes | None = None) -> None:
        """``binding`` is the hash of the server's certificate where the connection has TLS, and so may be bound to it."""
        self._verifier = verifier
        self._is_real = is_real
        self._binding = binding
        self._mechanism = PLAIN
        self._header = ""
        self._bare = ""
        self._server_first = ""
        self._nonce = ""

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """What the client may choose from, the best first."""
        return (PLUS, PLAIN) if self._binding is not None else (PLAIN,)

    def first(self, mechanism: str, message: bytes) -> bytes:
        """The server's first message; raises UserError (08P01) for a client's that is none."""
        if mechanism not in self.mechanisms:
            raise malformed("the client chose an authentication mechanism that was not offered")
        self._mechanism = mechanism
        flag, identity, self._bare = _parts(message, 3)
        self._require(flag)
        self._header = f"{flag},{identity},"
        given = _attributes(self._bare)
        nonce = given.get("r", "")
        if "m" in given or not nonce or any(not "!" <= c <= "~" for c in nonce):
            raise malformed("malformed SCRAM message")
        self._nonce = nonce + _text(secrets.token_bytes(NONCE_BYTES))
        verifier = self._verifier
        self._server_first = f"r={self._nonce},s={_text(verifier.salt)},i={verifier.iterations}"
        return self._server_first.encode()

    def _require(self, flag: str) -> None:
        """The client's words on channel binding must fit what was offered, or somebody stands between (RFC 5802, section 6)."""
        if self._mechanism == PLUS:
            if flag != BINDING:
                raise malformed("unsupported SCRAM channel-binding type")
        elif flag == "y" and self._binding is not None:
            raise Denied("SCRAM channel binding negotiation error", sqlstate="28000")
        elif flag not in ("n", "y"):
            raise malformed("malformed SCRAM message")

    def final(self, message: bytes) -> bytes | None:
        """The server's last message, which proves that it knows the verifier; None where the password is wrong."""
        try:
            text = message.decode()
        except UnicodeDecodeError:
            raise malformed("malformed SCRAM message") from None
        without, mark, proof_text = text.rpartition(",p=")
        given = _attributes(without)
        if not mark or "c" not in given or "r" not in given:
            raise malformed("malformed SCRAM message")
        bound = self._binding if self._mechanism == PLUS and self._binding is not None else b""
        is_bound = hmac.compare_digest(_bytes(given["c"]), self._header.encode() + bound)
        is_same = hmac.compare_digest(given["r"].encode(), self._nonce.encode())
        signed = f"{self._bare},{self._server_first},{without}".encode()
        signature = _hmac(self._verifier.stored_key, signed)
        proof = _bytes(proof_text)
        if len(proof) != len(signature):
            raise malformed("malformed SCRAM message")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        fits = hmac.compare_digest(hashlib.sha256(client_key).digest(), self._verifier.stored_key)
        answer = b"v=" + _text(_hmac(self._verifier.server_key, signed)).encode()
        return answer if fits and is_bound and is_same and self._is_real else None


def malformed(message: str) -> UserError:
    """What a client is told that does not keep to the protocol."""
    return UserError(message, sqlstate="08P01")


def _parts(message: bytes, count: int) -> list[str]:
    try:
        parts = message.decode().split(",", count - 1)
    except UnicodeDecodeError:
        parts = []
    if len(parts) != count:
        raise malformed("malformed SCRAM message")
    return parts


def _attributes(text: str) -> dict[str, str]:
    return {part[:1]: part[2:] for part in text.split(",") if part[1:2] == "="}


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (Base64Error, ValueError):
        raise malformed("malformed SCRAM message") from None
