"""The certificate of the listeners: the hash that binds to it, and what is said of files that are none."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from hanse.access import TlsSettings
from hanse.errors import ConfigError
from hanse.server.certificate import binding_of, read
from tests.servers import certificate
from tests.servers.process import Owner


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("certificate")
    certificate.write(made, Owner(()))
    return made


def test_the_hash_is_that_of_the_certificates_signature(folder: Path) -> None:
    found = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
    assert found.signature_hash_algorithm is not None
    assert found.signature_hash_algorithm.name == "sha256"
    der = found.public_bytes(serialization.Encoding.DER)
    made = read(TlsSettings(cert="server.pem", key="server.key"), folder)
    assert made.binding == binding_of(der) == hashlib.sha256(der).digest()
    assert made.context.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("der", [b"", b"0", b"0\x82", b"0\x82\xff\xff", b"0\x030\x01"])
def test_bytes_that_are_no_certificate(der: bytes) -> None:
    with pytest.raises(ValueError, match="too early"):
        binding_of(der)


@pytest.mark.parametrize(
    ("cert", "key"), [("nowhere.pem", "server.key"), ("server.key", "server.key"), ("ca.pem", "server.key")]
)
def test_files_that_do_not_do(folder: Path, cert: str, key: str) -> None:
    with pytest.raises(ConfigError, match="tls"):
        read(TlsSettings(cert=cert, key=key), folder)
