"""The listeners' certificate: the context for TLS, and the hash by which SCRAM binds a login to it.

That is the channel binding ``tls-server-end-point`` (RFC 5929).
The hash is that of the certificate's signature, where MD5 and SHA-1 count as SHA-256. Of a certificate whose signature names no
hash (Ed25519) or hides it (RSASSA-PSS) there is none, and SCRAM-SHA-256-PLUS is then not offered.
"""

import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path

from hanse.access import TlsSettings
from hanse.errors import ConfigError

HASHES = {
    bytes.fromhex("2a864886f70d010104"): "sha256",  # md5WithRSAEncryption
    bytes.fromhex("2a864886f70d010105"): "sha256",  # sha1WithRSAEncryption
    bytes.fromhex("2a864886f70d01010b"): "sha256",
    bytes.fromhex("2a864886f70d01010c"): "sha384",
    bytes.fromhex("2a864886f70d01010d"): "sha512",
    bytes.fromhex("2a8648ce3d0401"): "sha256",  # ecdsa-with-SHA1
    bytes.fromhex("2a8648ce3d040302"): "sha256",
    bytes.fromhex("2a8648ce3d040303"): "sha384",
    bytes.fromhex("2a8648ce3d040304"): "sha512",
}
"""A signature's object identifier, as DER writes it, and the hash that binds to it (RFC 3279, RFC 4055, RFC 5758)."""
_END = "-----END CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a listener needs for TLS."""

    context: ssl.SSLContext
    binding: bytes | None
    """The hash of the certificate; None where there is none to bind to."""


def read(settings: TlsSettings, folder: Path) -> Certificate:
    """Read both files; relative paths start at the folder. Raises ConfigError."""
    cert, key = folder / settings.cert, folder / settings.key
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key, password=_no_password)
        text = cert.read_text(encoding="ascii")
        return Certificate(
            context, binding_of(ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN") :].partition(_END)[0] + _END))
        )
    except OSError as failure:  # ssl.SSLError is one
        reason = failure.strerror or "no certificate and key that belong together"
        raise ConfigError(f"tls: cannot use {settings.cert} and {settings.key}: {reason}") from None
    except ValueError:
        raise ConfigError(f"tls.cert: {settings.cert} is no certificate as PEM") from None


def renew(context: ssl.SSLContext, settings: TlsSettings, folder: Path) -> None:
    """Have connections that are made from now on use the files as they are, which have been read already."""
    context.load_cert_chain(folder / settings.cert, folder / settings.key, password=_no_password)


def _no_password() -> str:
    raise ValueError("the key has a password")


def binding_of(der: bytes) -> bytes | None:
    """The hash of a certificate (DER) for ``tls-server-end-point``; None where its signature names none.

    Raises ValueError for what is no certificate."""
    content = _value(der, 0)[0]  # Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue }
    after = _value(der, content)[1]
    algorithm = _value(der, after)[0]
    start, end = _value(der, algorithm)  # AlgorithmIdentifier ::= SEQUENCE { algorithm OBJECT IDENTIFIER, ... }
    name = HASHES.get(der[start:end])
    return None if name is None else hashlib.new(name, der).digest()


def _value(der: bytes, at: int) -> tuple[int, int]:
    """Where the content of the value at that place starts and ends (X.690, definite lengths)."""
    try:
        length, start = der[at + 1], at + 2
        if length >= 0x80:
            size = length & 0x7F
            length, start = int.from_bytes(der[start : start + size]), start + size
    except IndexError:
        raise ValueError("a certificate ends too early") from None
    if start + length > len(der):
        raise ValueError("a certificate ends too early")
    return start, start + length
