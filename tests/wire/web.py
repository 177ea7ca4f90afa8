"""A client of HTTP for tests: the standard library's, and every reply is held against the contract, ``openapi.yaml``."""

from __future__ import annotations

import base64
import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jsonschema

from hanse.server.http.standing import openapi
from tests.wire.serving import Served

SECONDS = 60


@dataclass(frozen=True)
class Reply:
    """A response that came whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body."""
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """What went wrong."""
        found: dict[str, Any] = self.json["error"]
        return found


def basic(user: str, password: str) -> dict[str, str]:
    """The header for a password."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@contextmanager
def connected(server: Served) -> Iterator[http.client.HTTPConnection]:
    """A connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.http, timeout=SECONDS)
    try:
        yield connection
    finally:
        connection.close()


def call(server: Served, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    """One request on a connection of its own; ``body`` is sent as JSON unless it is bytes. Headers have _ for -."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None and "Content-Type" not in sent:
        sent["Content-Type"] = "application/json"
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    with connected(server) as connection:
        connection.request(method, path, data, sent)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        reply = Reply(response.status, found, response.read())
    hold(method, path, reply)
    return reply


def ask(server: Served, sql: str, parameters: Any = None, accept: str = "application/json", **more: Any) -> Reply:
    """A statement."""
    body = {"sql": sql, "parameters": parameters, **more}
    return call(server, "POST", "/v1/query", body, Accept=accept)


def rows(server: Served, sql: str, parameters: Any = None) -> list[list[Any]]:
    """A statement's rows."""
    reply = ask(server, sql, parameters)
    assert reply.status == 200, reply.body
    found: list[list[Any]] = reply.json["rows"]
    return found


def hold(method: str, path: str, reply: Reply) -> None:
    """Test a reply against the contract: the status, the media type, and what JSON there is."""
    assert reply.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in reply.headers
    operation = operation_of(method, path)
    if operation is None:
        assert reply.status in (403, 404, 405)
        responses = {"default": {"$ref": "#/components/responses/Failure"}}
    else:
        responses = operation["responses"]
    response = responses.get(str(reply.status), responses["default"])
    if "$ref" in response:
        name = response["$ref"].rpartition("/")[2]
        assert (reply.status >= 400) == (name == "Failure")
        response = openapi()["components"]["responses"][name]
    if not response.get("content"):
        assert reply.body == b""
        return
    media = reply.headers["content-type"].partition(";")[0]
    schema = response["content"][media]["schema"]
    if media == "application/json":
        validate(reply.json, schema)
    elif media == "text/plain":
        validate(reply.body.decode(), schema)


def validate(value: Any, schema: dict[str, Any]) -> None:
    """Raise jsonschema.ValidationError for what is not as the contract says."""
    whole = {**schema, "components": openapi()["components"]}
    jsonschema.Draft202012Validator(whole).validate(value)


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """What the contract says of an address."""
    plain = path.partition("?")[0]
    for template, methods in openapi()["paths"].items():
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), plain):
            found: dict[str, Any] | None = methods.get(method.lower())
            return found
    return None
