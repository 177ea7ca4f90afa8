"""Trino, by its HTTP protocol: a catalog for each source, tables by their whole names."""

import json
import time
import urllib.request
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import sqlglot
from sqlglot import exp

from benchmarks.federated.loading import Source
from benchmarks.federated.peers.base import Rows, Unavailable
from benchmarks.federated.trino_server import VERSION

CONNECTORS = {"postgres": "postgresql", "mysql": "mariadb"}
URLS = {
    "postgres": "jdbc:postgresql://{host}:{port}/{database}?sslmode=disable",
    "mysql": "jdbc:mariadb://{host}:{port}?sslMode=disable",
}
_numbers = count()


class Trino:
    """The sources as catalogs of a server that runs already."""

    version = VERSION

    def __init__(self, port: Callable[[], int], sources: Sequence[Source]) -> None:
        if any(source.kind not in CONNECTORS for source in sources):
            raise Unavailable("Trino reads files only through a metastore")
        self.port = port()
        self.names: dict[str, tuple[str, str]] = {}
        self.catalogs: list[str] = []
        for source in sources:
            self._attach(source)

    def _attach(self, source: Source) -> None:
        parts = urlsplit(source.url)
        database = parts.path.strip("/")
        catalog = f"{source.name}_{next(_numbers)}"
        options = {
            "connection-url": URLS[source.kind].format(host=parts.hostname, port=parts.port, database=database),
            "connection-user": parts.username,
            "connection-password": parts.password,
            "metadata.statistics.cache-ttl": "1h",
            "metadata.cache-ttl": "1h",
        }
        spelled = ", ".join(f"\"{name}\" = '{value}'" for name, value in options.items())
        self._statement(f"CREATE CATALOG {catalog} USING {CONNECTORS[source.kind]} WITH ({spelled})", 60)
        self.catalogs.append(catalog)
        schema = "public" if source.kind == "postgres" else database
        self.names |= dict.fromkeys(source.tables, (catalog, schema))

    def ask(self, sql: str, timeout: float) -> Rows:
        """The whole answer."""
        return self._statement(self._qualified(sql), timeout)

    def _qualified(self, sql: str) -> str:
        tree = sqlglot.parse_one(sql, read="postgres")
        for table in tree.find_all(exp.Table):
            place = self.names.get(table.name)
            if place and not table.db:
                table.set("catalog", exp.to_identifier(place[0]))
                table.set("db", exp.to_identifier(place[1]))
        return tree.sql(dialect="trino")

    def _statement(self, sql: str, timeout: float) -> Rows:
        deadline = time.monotonic() + timeout
        headers = {"X-Trino-User": "bench"}
        url = f"http://127.0.0.1:{self.port}/v1/statement"
        answer = _call(urllib.request.Request(url, sql.encode(), headers, method="POST"))
        rows: Rows = []
        while True:
            if "error" in answer:
                raise RuntimeError(answer["error"]["message"])
            rows += [tuple(row) for row in answer.get("data") or ()]
            following = answer.get("nextUri")
            if following is None:
                return [_typed(row, answer.get("columns") or ()) for row in rows]
            if time.monotonic() > deadline:
                urllib.request.urlopen(urllib.request.Request(following, headers=headers, method="DELETE")).close()
                raise TimeoutError(f"no answer after {timeout:g} s")
            answer = _call(urllib.request.Request(following, headers=headers))

    def close(self) -> None:
        """Drop the catalogs."""
        for catalog in self.catalogs:
            self._statement(f"DROP CATALOG {catalog}", 60)


def _call(request: urllib.request.Request) -> dict[str, Any]:
    with urllib.request.urlopen(request, timeout=60) as answer:
        said: dict[str, Any] = json.load(answer)
        return said


def _typed(row: tuple[Any, ...], columns: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
    """Decimals come as text."""
    decimals = [str(column["type"]).startswith("decimal") for column in columns]
    return tuple(
        float(value) if decimal and value is not None else value for value, decimal in zip(row, decimals, strict=True)
    )
