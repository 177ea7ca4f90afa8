"""The catalog: sources, their tables, their columns. What is listed is what SHOW lists."""

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hanse.commands import show
from hanse.errors import UnknownName
from hanse.server.http.failures import Refused
from hanse.server.http.place import Place
from hanse.server.http.responses import Plain


class CatalogRoutes:
    """``/v1/catalog``."""

    def __init__(self, place: Place) -> None:
        """The server's."""
        self._place = place
        self._catalog = place.engine.catalog

    async def sources(self, request: Request) -> Response:  # noqa: ARG002
        """All sources, and what is wrong with them."""
        return await self._listed("sources", self._sources)

    async def tables(self, request: Request) -> Response:
        """The tables of one source."""
        source = request.path_params["source"]
        return await self._listed("tables", lambda: show.tables(self._known(source), source))

    async def columns(self, request: Request) -> Response:
        """The columns of one table, by its name or ``schema.table``."""
        name = f"{request.path_params['source']}.{request.path_params['table']}"
        return await self._listed("columns", lambda: show.describe(self._catalog.table(name)))

    def _sources(self) -> show.Rows:
        return show.sources(self._catalog.snapshot(), self._catalog.kinds, self._place.engine.breakers())

    def _known(self, source: str) -> Any:
        snapshot = self._catalog.snapshot()
        if source not in snapshot.sources and source not in snapshot.unavailable:
            raise UnknownName(f"there is no source {source}")
        return snapshot

    async def _listed(self, name: str, rows: Callable[[], show.Rows]) -> Response:
        try:
            columns, found = await asyncio.get_running_loop().run_in_executor(self._place.pool, rows)
        except UnknownName as failure:
            raise Refused(404, failure.message, sqlstate=failure.code, hint=failure.hint) from None
        names = [column.name for column in columns]
        return Plain({name: [dict(zip(names, row, strict=True)) for row in found]})
