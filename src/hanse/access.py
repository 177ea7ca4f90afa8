"""Who may ask, and where: ``listen``, ``users``, ``auth`` and ``tls`` as hanse.yaml says them. ``server`` acts on them.

listen: {postgres: 127.0.0.1:5439, http: 127.0.0.1:8080}
users:
  ann: {password: "SCRAM-SHA-256$4096:...", groups: [analysts]}
auth: {anonymous: loopback}
tls: {cert: server.pem, key: server.key}
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema

from hanse.guardrails import FROZEN, Bytes

VERIFIER = re.compile(
    r"SCRAM-SHA-256\$([1-9]\d{0,6}):([A-Za-z0-9+/]{4,}={0,2})\$([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)"
)
"""What PostgreSQL keeps of a password (``pg_authid.rolpassword``): iterations, salt, StoredKey and ServerKey."""
_ADDRESS = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^\[\]:\s]+)):(\d{1,5})")
_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """Where is listened. Port 0 is one that is free."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def address(value: Any) -> Any:
    """``127.0.0.1:5439`` or ``[::1]:5439``; raises ValueError."""
    if not isinstance(value, str):
        return value
    match = _ADDRESS.fullmatch(value.strip())
    if match is None or int(match[3]) > _PORT_MAX:
        raise ValueError("is no address such as 127.0.0.1:5439 or [::1]:5439")
    return Address(match[1] or match[2], int(match[3]))


def _verifier(value: Any) -> Any:
    if isinstance(value, str) and VERIFIER.fullmatch(value) is None:
        raise ValueError("is no SCRAM-SHA-256 verifier; hanse user add makes one of a password")
    return value


def listened(value: Any) -> Any:
    """An address, or None for ``off``, which YAML takes for false; raises ValueError."""
    return None if value is False or value == "off" else address(value)


Listened = Annotated[
    Address | None, BeforeValidator(listened), WithJsonSchema({"anyOf": [{"type": "string"}, {"const": False}]})
]
Verifier = Annotated[str, BeforeValidator(_verifier)]


class ListenSettings(BaseModel):
    """Where ``hanse serve`` listens, and for how many."""

    model_config = FROZEN
    postgres: Listened = Field(
        Address("127.0.0.1", 5439),
        description="host:port for clients of PostgreSQL's protocol; off: for none.",
        json_schema_extra={"default": "127.0.0.1:5439"},
    )
    http: Listened = Field(
        Address("127.0.0.1", 8080),
        description="host:port for HTTP, with `tls` for HTTPS; off: for none.",
        json_schema_extra={"default": "127.0.0.1:8080"},
    )
    http_hosts: tuple[str, ...] = Field(
        (),
        description="Names of hosts by which clients on this machine, a proxy among them, may call the HTTP listener,"
        " besides localhost and addresses.",
    )
    result_bytes: Bytes = Field(
        1_073_741_824, description="Bytes of answers that wait on disk to be read over HTTP, of all together: 1 GB."
    )
    result_seconds: float = Field(
        600,
        gt=0,
        description="Seconds after which a query over HTTP ends, and its answer is forgotten, if nobody asks.",
    )
    connections: int = Field(
        500, ge=1, le=10_000, description="Connections at a time, of all listeners; further ones are refused (53300)."
    )
    login_timeout: float = Field(30.0, gt=0, description="Seconds that a client has to log in, or to send a request.")
    drain: float = Field(
        20.0, ge=0, description="Seconds that running queries have to end when the server is stopped (SIGTERM, SIGINT)."
    )


class User(BaseModel):
    """One who may log in."""

    model_config = FROZEN
    password: Verifier = Field(description="What is kept of the password: the line that `hanse user add` prints.")
    groups: tuple[str, ...] = Field(
        (), description="The groups that the user belongs to, by which resource groups select (`user_group`)."
    )


class AuthSettings(BaseModel):
    """Who may log in besides the users."""

    model_config = FROZEN
    anonymous: Literal["off", "loopback"] = Field(
        "off",
        description="loopback: whoever connects on this machine under a name that is no user's gets in without a password,"
        " as nobody; off: only users get in.",
    )


class TlsSettings(BaseModel):
    """The certificate of the listeners."""

    model_config = FROZEN
    cert: str = Field(description="File with the certificate and those that lead to its authority, as PEM.")
    key: str = Field(description="File with its private key, as PEM, without a password.")
    required: bool = Field(False, description="true: who does not come from this machine must use TLS.")
