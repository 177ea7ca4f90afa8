"""How the server stands: for who watches it, and for who wants to know how to talk to it."""

import asyncio
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from hanse.errors import ConfigError
from hanse.server.http.failures import Refused
from hanse.server.http.place import Place
from hanse.server.http.responses import Plain
from hanse.server.registry import stopped

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class Standing:
    """``/healthz``, ``/readyz``, ``/metrics`` and ``/v1/openapi.json``."""

    def __init__(self, place: Place) -> None:
        """The server's."""
        self._place = place

    async def health(self, request: Request) -> Response:  # noqa: ARG002
        """The process answers."""
        return PlainTextResponse("ok\n")

    async def ready(self, request: Request) -> Response:  # noqa: ARG002
        """It takes queries: not while it is being stopped."""
        if self._place.registry.is_draining:
            raise stopped()
        return PlainTextResponse("ready\n")

    async def metrics(self, request: Request) -> Response:  # noqa: ARG002
        """As Prometheus reads them."""
        try:
            text = await asyncio.get_running_loop().run_in_executor(self._place.pool, self._place.engine.metrics)
        except ConfigError as failure:
            raise Refused(501, failure.message, sqlstate="0A000", hint=failure.hint) from None
        return Response(text, media_type=PROMETHEUS)

    async def description(self, request: Request) -> Response:  # noqa: ARG002
        """The contract."""
        return Plain(openapi())


@lru_cache(1)
def openapi() -> Mapping[str, Any]:
    """What ``openapi.yaml`` says."""
    found: dict[str, Any] = yaml.safe_load(files("hanse.server.http").joinpath("openapi.yaml").read_text("utf-8"))
    return found
