"""The routes that run statements while the client waits."""

from starlette.requests import Request

from hanse.errors import UserError
from hanse.server.http import asks
from hanse.server.http.entry import CALLER
from hanse.server.http.explaining import Explained
from hanse.server.http.formats import chosen
from hanse.server.http.place import Place
from hanse.server.http.streaming import Streamed
from hanse.server.session import Session


class Queries:
    """``/v1/query`` and ``/v1/explain``."""

    def __init__(self, place: Place) -> None:
        """The server's."""
        self._place = place

    async def query(self, request: Request) -> Streamed:
        """Run a statement; its answer is the response."""
        media = chosen(request.headers.get("accept", ""))
        ask = await asks.read(request, self._place.listen.login_timeout)
        return Streamed(self._place, self._session(request, ask), ask, media)

    async def explain(self, request: Request) -> Explained:
        """Say how a query would be answered or, with ``analyze``, was."""
        ask = await asks.read(request, self._place.listen.login_timeout, ("analyze", "format"))
        analyze, format = ask.more.get("analyze", False), ask.more.get("format", "text")
        if not isinstance(analyze, bool) or format not in ("text", "json"):
            raise UserError("analyze is true or false, format text or json", sqlstate="22023")
        return Explained(self._place, self._session(request, ask), ask)

    def _session(self, request: Request, ask: asks.Ask) -> Session:
        started = asks.started(ask.settings, asks.client_of(request.headers))
        return self._place.session(request.scope[CALLER], started)
