"""What a client asks: the body of a request, and the session that its statement runs in."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from hanse.errors import Denied, SyntaxFailure, Unsupported, UserError
from hanse.parameters import Given
from hanse.parse.script import pieces
from hanse.server.http.failures import Refused
from hanse.server.session import CLIENT
from hanse.server.variables import PREFIX
from hanse.settings import nearest

BODY_BYTES = 16_000_000
"""As many may a request have."""
LARGE_BYTES = 100_000
"""From then on it is read in a thread, so that nobody else waits."""
KEYS = ("sql", "parameters", "settings")
_JSON = "application/json"
_WORDS = {True: "on", False: "off"}


class Body(Protocol):
    """What is needed of a request."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers."""

    def stream(self) -> Any:
        """Its body, as it comes."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One statement."""

    sql: str
    parameters: Given = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    """What else the request says."""


async def read(request: Body, seconds: float, more: tuple[str, ...] = ()) -> Ask:
    """The body of a request within that time; ``more`` are keys that it may have besides. Raises HanseError."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _JSON:
        raise Refused(415, f"a request's body is {_JSON}", hint=f"-H 'Content-Type: {_JSON}'")
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES:
                    raise Refused(413, f"a request has at most {BODY_BYTES:,} bytes", sqlstate="54000")
    except TimeoutError:
        raise Refused(408, "the request did not come in time", sqlstate="57014") from None
    if len(body) < LARGE_BYTES:
        return _ask(bytes(body), more)
    return await asyncio.to_thread(_ask, bytes(body), more)


def _ask(body: bytes, more: tuple[str, ...]) -> Ask:
    return _checked(_parsed(body), more)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_constant)
    except UnicodeDecodeError as failure:
        raise UserError(f"the request is not UTF-8 at byte {failure.start}", sqlstate="22021") from None
    except (ValueError, ArithmeticError, RecursionError) as failure:
        where = f" at character {failure.pos}" if isinstance(failure, json.JSONDecodeError) else ""
        raise UserError(f"the request is no JSON{where}", sqlstate="22032") from None


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _checked(found: Any, more: tuple[str, ...]) -> Ask:
    if not isinstance(found, dict):
        raise UserError("the request is no JSON object", sqlstate="22032", hint='{"sql": "SELECT 1"}')
    known = (*KEYS, *more)
    for name in found:
        if name not in known:
            guess = nearest(name, known)
            hint = f"did you mean {guess}?" if guess else f"known here: {', '.join(known)}"
            raise UserError("the request has an unknown key", sqlstate="22023", hint=hint)
    sql, parameters, settings = (found.get(name) for name in KEYS)
    if not isinstance(sql, str):
        raise UserError("the request has no text sql", sqlstate="22023", hint='{"sql": "SELECT 1"}')
    if "\0" in sql:
        raise SyntaxFailure("a statement has no character 0", position=sql.index("\0"))
    if parameters is not None and not isinstance(parameters, list | dict):
        raise UserError("parameters are an array for $1, or an object for :name", sqlstate="07001")
    if settings is not None and not isinstance(settings, dict):
        raise UserError("settings are an object", sqlstate="22023")
    _require_plain(sql)
    return Ask(sql, parameters, settings or {}, {name: found[name] for name in more if name in found})


def _require_plain(sql: str) -> None:
    """Raise for statements that would be for others, or for a session that lasts."""
    first = next(iter(pieces(sql)), None)
    match first.verb if first is not None else "":
        case "SET" | "RESET":
            hint = 'the request has settings: {"sql": "...", "settings": {"partial_results": "on"}}'
            raise Unsupported("there is no session that SET could change", hint=hint, position=0)
        case "KILL":
            raise Denied("KILL is for who runs the server", hint="DELETE /v1/queries/ID ends a query of your own")


def started(settings: Mapping[str, Any], client: str) -> dict[str, str]:
    """What a session starts with: settings by the engine's names, and the program that asks. Raises UserError."""
    found = {CLIENT: client} if client else {}
    for name, value in settings.items():
        if isinstance(value, bool):
            value = _WORDS[value]
        if not isinstance(value, str | int | Decimal):
            raise UserError(f"the setting {name[:60]} is no text, number or truth value", sqlstate="22023")
        found[PREFIX + name.removeprefix(PREFIX)] = str(value)
    return found


def client_of(headers: Mapping[str, str]) -> str:
    """The program that asks: as it says in ``Hanse-Client``, else the first word of its User-Agent."""
    said = headers.get("hanse-client")
    return (said if said is not None else headers.get("user-agent", "").partition(" ")[0].partition("/")[0])[:200]
