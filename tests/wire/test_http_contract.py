"""Requests that are made up of the contract, and ones that are not: every reply is as the contract says, none is a bug."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hanse.server.http.standing import openapi
from tests.wire.serving import Served
from tests.wire.web import call

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
STATEMENTS = st.sampled_from(
    [
        "SELECT 1",
        "SELECT $1",
        "SELECT :a",
        "SHOW TABLES",
        "SELECT * FROM ref.customers",
        "EXPLAIN SELECT 1",
        "SET a = 1",
        "",
    ]
)
FORMATS = st.sampled_from(
    ["*/*", "text/csv", "application/x-ndjson", "application/vnd.apache.arrow.stream", "text/html", ";"]
)
OPERATIONS = [
    (path, method, operation, shared.get("parameters", []))
    for path, shared in sorted(openapi()["paths"].items())
    for method, operation in sorted(shared.items())
    if method != "parameters" and not path.endswith("/events")
]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema, with what it refers to in its place."""
    while "$ref" in schema:
        found: Any = openapi()
        for word in schema["$ref"].removeprefix("#/").split("/"):
            found = found[word]
        schema = found
    return schema


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that a schema allows, of the words that the contract's requests use."""
    schema = resolved(schema)
    if "allOf" in schema:
        properties = {name: one for part in schema["allOf"] for name, one in resolved(part)["properties"].items()}
        return objects(properties | schema.get("properties", {}))
    if "oneOf" in schema:
        return st.one_of([values(one) for one in schema["oneOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema.get("type"):
        case "string":
            return STATEMENTS | st.text(max_size=30)
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", 0), min(3, schema.get("maximum", 3)))
        case "null":
            return st.none()
        case "array":
            return st.lists(ANYTHING, max_size=3)
        case "object":
            return st.dictionaries(st.sampled_from(["a", "tags", "pushdown", "batch_rows"]), PLAIN, max_size=2)
    return ANYTHING


def objects(properties: dict[str, Any]) -> st.SearchStrategy[Any]:
    given = {name: values(one) for name, one in properties.items()}
    required = {"sql": given.pop("sql")}
    return st.fixed_dictionaries(required, optional=given)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, Any, dict[str, str]]:
    """Method, path, body and headers; now and then with something that is not in the contract."""
    path, method, operation, shared = draw(st.sampled_from(OPERATIONS))
    query = []
    for parameter in map(resolved, [*shared, *operation.get("parameters", [])]):
        value = str(draw(values(parameter["schema"]) | st.text(max_size=10)))
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(value, safe="") or "x")
        elif draw(st.booleans()):
            query.append(f"{parameter['name']}={quote(value, safe='')}")
    body = None
    if "requestBody" in operation:
        schema = resolved(operation["requestBody"])["content"]["application/json"]["schema"]
        body = draw(values(schema) | values(schema) | ANYTHING | st.binary(max_size=30))
    return method.upper(), path + ("?" + "&".join(query) if query else ""), body, {"Accept": draw(FORMATS)}


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(requests())
def test_every_reply_is_in_the_contract(server: Served, asked: tuple[str, str, Any, dict[str, str]]) -> None:
    method, path, body, headers = asked
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    if data is not None:
        headers = {**headers, "Content-Type": "application/json"}
    reply = call(server, method, path, data, **headers)
    assert reply.status not in (500, 502, 503), (method, path, body)
    assert server.events("bug") == []
