"""Trino's HTTP protocol: a statement is posted, and its pages are fetched until none follows."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from benchmarks.federated.peers.base import Rows

HEADERS = {"X-Trino-User": "bench"}
PAGE_SECONDS = 60


class Client:
    """Asks the server at a port of loopback."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def check_started(self) -> None:
        """Raise unless the server takes statements."""
        with urllib.request.urlopen(f"{self.url}/v1/info", timeout=2) as answer:
            if json.load(answer).get("starting") is not False:
                raise ConnectionError("still starting")

    def ask(self, sql: str, timeout: float) -> Rows:
        """The whole answer; raises RuntimeError with the server's words, TimeoutError after so many seconds."""
        deadline = time.monotonic() + timeout
        page = _call("POST", f"{self.url}/v1/statement", sql)
        rows: Rows = []
        while True:
            if "error" in page:
                raise RuntimeError(page["error"]["message"])
            rows += [_typed(row, page["columns"]) for row in page.get("data") or ()]
            following = page.get("nextUri")
            if following is None:
                return rows
            if time.monotonic() > deadline:
                _call("DELETE", following)
                raise TimeoutError(f"no answer after {timeout:g} s")
            page = _call("GET", following)


def _call(method: str, url: str, sql: str = "") -> dict[str, Any]:
    request = urllib.request.Request(url, sql.encode() or None, HEADERS, method=method)
    with urllib.request.urlopen(request, timeout=PAGE_SECONDS) as answer:
        said: dict[str, Any] = json.loads(answer.read() or b"{}")
        return said


def _typed(row: Sequence[Any], columns: Sequence[dict[str, Any]]) -> tuple[Any, ...]:
    """Decimals come as text."""
    decimals = [str(column["type"]).startswith("decimal") for column in columns]
    return tuple(
        float(value) if decimal and value is not None else value for value, decimal in zip(row, decimals, strict=True)
    )
