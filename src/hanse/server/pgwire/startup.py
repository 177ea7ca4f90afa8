"""From the first byte until somebody has logged in: encryption, version, cancel requests, SCRAM (PostgreSQL's manual, section
"Start-up"). A machine without I/O: messages come in, bytes and what else is to be done go out.
"""

import struct
from dataclasses import dataclass, field

from hanse.errors import Denied, HanseError, Unsupported, UserError
from hanse.groups import Caller
from hanse.server.login import Logins, wrong_password
from hanse.server.pgwire import messages as m
from hanse.server.pgwire.reading import Fields, Violation
from hanse.server.scram import Exchange

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
MAJOR, MINOR = 3, 0
_SECRET = struct.Struct(">i4s")


@dataclass(frozen=True, slots=True)
class Upgrade:
    """Begin with TLS, once all that was written is sent."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """End what another connection runs; then close."""

    process: int
    secret: bytes


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection; ``error`` is what the client was told."""

    error: HanseError | None = None


@dataclass(frozen=True, slots=True)
class Welcome:
    """Somebody has logged in."""

    caller: Caller
    user: str
    """The name that was given."""
    asked: dict[str, str]
    """What else was said at the start, by lower-case name."""


Step = Upgrade | Cancel | Close | Welcome | None
"""What is to be done after a message; None: wait for the next."""


@dataclass(slots=True)
class Startup:
    """One connection until its login."""

    logins: Logins
    peer: str
    """The client's address."""
    binding: bytes | None = None
    """The hash of the certificate, where there is one to bind to."""
    offers_tls: bool = False
    has_tls: bool = False
    is_started: bool = False
    """Whether messages have a kind from now on."""
    out: list[bytes] = field(default_factory=list)
    user: str = ""
    """The name that was given."""
    _asked: dict[str, str] = field(default_factory=dict)
    _exchange: Exchange | None = None
    _is_second: bool = False

    def take(self, kind: bytes, body: bytes) -> Step:
        """A message came."""
        try:
            return self._answer(kind, body) if self.is_started else self._start(body)
        except HanseError as error:
            self.out.append(m.failure(error, m.FATAL))
            return Close(error)

    def _start(self, body: bytes) -> Step:
        fields = Fields(body)
        code = fields.int32()
        match code:
            case _ if code == SSL_REQUEST:
                fields.end()
                can = self.offers_tls and not self.has_tls
                self.out.append(b"S" if can else b"N")
                return Upgrade() if can else None
            case _ if code == GSS_REQUEST:
                fields.end()
                self.out.append(b"N")
                return None
            case _ if code == CANCEL_REQUEST:
                if len(body) != 4 + _SECRET.size:
                    raise Violation("invalid length of cancel request")
                return Cancel(*_SECRET.unpack(fields.rest()))
        if code >> 16 != MAJOR:
            hint = f"the server speaks {MAJOR}.{MINOR}"
            raise Unsupported(f"unsupported frontend protocol {code >> 16}.{code & 0xFFFF}", hint=hint)
        self._read(fields)
        self._negotiate(code & 0xFFFF)
        self.is_started = True
        self.logins.require_channel(self.peer, self.has_tls)
        caller = self.logins.anonymous(self.user, self.peer)
        return self._ask() if caller is None else self._welcome(caller)

    def _read(self, fields: Fields) -> None:
        while name := fields.text():
            self._asked[name] = fields.text()
        fields.end()
        self.user = self._asked.pop("user", "")
        if not self.user:
            raise Denied("no user name was given", sqlstate="28000")
        if self._asked.get("replication", "false").lower() not in ("false", "off", "no", "0"):
            raise Unsupported("replication connections do not exist here")

    def _negotiate(self, minor: int) -> None:
        unknown = [name for name in self._asked if name.startswith("_pq_.")]
        if minor > MINOR or unknown:
            self.out.append(m.negotiate(MINOR, unknown))
        for name in unknown:
            del self._asked[name]

    def _ask(self) -> Step:
        self._exchange = self.logins.exchange(self.user, self.binding if self.has_tls else None)
        self.out.append(m.sasl(self._exchange.mechanisms))
        return None

    def _answer(self, kind: bytes, body: bytes) -> Step:
        if kind != b"p" or self._exchange is None:
            raise Violation("expected SASL response")
        if not self._is_second:
            fields = Fields(body)
            mechanism, first = fields.text(), fields.value()
            fields.end()
            if first is None:
                raise UserError("SASL needs an initial response", sqlstate="08P01")
            self.out.append(m.sasl_continue(self._exchange.first(mechanism, first)))
            self._is_second = True
            return None
        last = self._exchange.final(body)
        if last is None:
            raise wrong_password(self.user)
        self.out.append(m.sasl_final(last))
        return self._welcome(self.logins.caller(self.user))

    def _welcome(self, caller: Caller) -> Welcome:
        self._exchange = None
        self.out.append(m.AUTHENTICATED)
        asked = {name.lower(): value for name, value in self._asked.items()}
        return Welcome(caller, self.user, asked)
