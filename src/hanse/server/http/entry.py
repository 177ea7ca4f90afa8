"""What every request passes: who may come in this way, who it is, and what is said when something fails.

Names of hosts and origins are tested since a browser on this machine is used by every page that it shows: a page must neither
find the listener under a name of its own (DNS rebinding) nor have requests sent to it. No other page is let in (no CORS).
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import secrets
import time
from collections import OrderedDict
from email.utils import formatdate
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hanse.errors import Denied, HanseError, InternalError
from hanse.groups import Caller
from hanse.server import log
from hanse.server.http.failures import CHALLENGE, Refused, as_dict, headers_of, status_of
from hanse.server.http.place import Place
from hanse.server.login import is_loopback

OPEN = frozenset({"/healthz", "/readyz"})
"""What needs no login."""
CALLER = "hanse.caller"
"""Where routes find who asks."""
USER = "hanse.user"
"""The name that a client said, for the log."""
KNOWN_SECONDS, KNOWN_MOST = 300.0, 1_000
"""For how long, and of how many, a password that was right is known to be right."""
CHECKS = 4
"""Passwords that are tested at a time: a test is made to take time."""
_ALWAYS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class Entry:
    """Around all routes."""

    def __init__(self, routes: ASGIApp, place: Place) -> None:
        """``routes`` find the caller in the scope under ``CALLER``."""
        self._routes = routes
        self._place = place
        self._passwords = Passwords(place)

    def become(self, place: Place) -> None:
        """From the next request on, others may log in; nobody's password is known any more."""
        self._place = place
        self._passwords = Passwords(place)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = _Response(send)
        peer = scope["client"][0] if scope["client"] else ""
        try:
            try:
                headers = Headers(scope=scope)
                self._require_way(scope, headers, peer)
                if scope["path"] not in OPEN:
                    scope[CALLER] = await self._passwords.caller(scope, headers.get("authorization"), peer)
                scope["app"] = self
                await self._routes(scope, receive, response)
            except HTTPException as failure:
                raise _of_routes(failure) from None
        except HanseError as error:
            status = status_of(error)
            (log.warn if status in (401, 403) else log.tell)(
                "refused" if isinstance(error, Refused) or status in (401, 403) else "failed",
                peer=peer,
                user=scope.get(USER) or None,
                code=error.code,
                source=error.source,
            )
            await response.fail(error)
        except Exception as error:  # noqa: BLE001  # a bug ends one request, not the server
            log.bug(error, peer=peer)
            await response.fail(InternalError(f"a bug: {type(error).__name__}", hint="the server's log says where"))

    def _require_way(self, scope: Scope, headers: Headers, peer: str) -> None:
        if scope["http_version"] == "1.0":  # its messages end with the connection, so that a cut is taken for the end
            raise Refused(505, "HTTP/1.0 cannot tell a whole answer from a part", sqlstate="0A000", hint="HTTP/1.1")
        host = headers.get("host", "")
        if is_loopback(peer) and not self._is_ours(_name(f"//{host}")):
            hint = "listen: {http_hosts: [...]} in hanse.yaml names further ones"
            raise Refused(421, "the request is for another host", sqlstate="28000", hint=hint)
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            raise Refused(403, "pages of other origins may not ask", sqlstate="28000")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Refused(403, "pages of other origins may not ask", sqlstate="28000")

    def _is_ours(self, name: str) -> bool:
        if name == "localhost" or name in self._place.listen.http_hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _of_routes(failure: HTTPException) -> Refused:
    allowed = (failure.headers or {}).get("Allow", "")
    if failure.status_code == 405:
        return Refused(405, "the method is not one of this address", hint=allowed).saying(allow=allowed)
    hint = "GET /v1/openapi.json describes all addresses"
    return Refused(failure.status_code, "there is nothing at this address", sqlstate="42704", hint=hint)


class _Response:
    """What is sent, with the headers that all responses have."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._is_begun = True
            date = (b"date", formatdate(usegmt=True).encode())
            message["headers"] = [*message.get("headers", []), date, *_ALWAYS]
        await self._send(message)

    async def fail(self, error: HanseError) -> None:
        """Say what went wrong; where something else was said already, the message stays without its end."""
        if self._is_begun:
            return
        body = json.dumps({"error": as_dict(error)}, ensure_ascii=False).encode() + b"\n"
        more = {"content-type": "application/json", "content-length": str(len(body)), **headers_of(error)}
        headers = [(name.encode(), value.encode()) for name, value in more.items()]
        await self({"type": "http.response.start", "status": status_of(error), "headers": headers})
        await self({"type": "http.response.body", "body": body})


class Passwords:
    """Basic authentication (RFC 7617) by the users' verifiers."""

    def __init__(self, place: Place) -> None:
        """Nobody is known."""
        self._place = place
        self._secret = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()
        self._checking = asyncio.Semaphore(CHECKS)

    async def caller(self, scope: Scope, authorization: str | None, peer: str) -> Caller:
        """Who asks; raises Denied or Refused. The scope gets the name that was said."""
        logins, scheme = self._place.logins, scope["scheme"]
        logins.require_channel(peer, scheme == "https")
        user, password = ("", "") if authorization is None else _said(authorization)
        scope[USER] = user
        nobody = logins.anonymous(user, peer)
        if nobody is not None:
            return nobody
        if authorization is None:
            raise Refused(401, "a user and a password are wanted", sqlstate="28000").saying(www_authenticate=CHALLENGE)
        if scheme != "https" and not is_loopback(peer):
            hint = "tls: {cert: ..., key: ...} in hanse.yaml"
            raise Denied("passwords are taken over TLS, or from this machine", sqlstate="28000", hint=hint)
        return await self._proven(user, password)

    async def _proven(self, user: str, password: str) -> Caller:
        key = hmac.digest(self._secret, f"{len(user)}:{user}:{password}".encode(), hashlib.sha256)
        now = time.monotonic()
        until, found = self._known.get(key, (now, None))
        if found is not None and until > now:
            return found
        async with self._checking:
            caller = await asyncio.get_running_loop().run_in_executor(
                self._place.pool, self._place.logins.proven, user, password
            )
        self._known[key] = now + KNOWN_SECONDS, caller
        self._known.move_to_end(key)
        while len(self._known) > KNOWN_MOST:
            self._known.popitem(last=False)
        return caller


def _said(authorization: str) -> tuple[str, str]:
    scheme, _, rest = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise Refused(401, "only basic authentication is known here", sqlstate="28000").saying(
            www_authenticate=CHALLENGE
        )
    try:
        user, colon, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        colon, user, password = "", "", ""
    if not colon:
        raise Refused(400, "the Authorization header is malformed")
    return user, password
