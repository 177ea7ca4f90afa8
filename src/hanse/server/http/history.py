"""What ran, as far as it is kept (``engine.observe``), for whose queries they are."""

import asyncio
import datetime as dt
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from hanse.errors import UserError
from hanse.observe.records import LEGS, OPEN, QUERIES, Record, leg_rows, query_row
from hanse.server.http.entry import CALLER
from hanse.server.http.jobs import unknown
from hanse.server.http.place import Place
from hanse.server.http.responses import Plain

LIMIT, LIMIT_MOST = 100, 10_000
_MOMENTS = frozenset({"started", "taken_from", "taken_until"})


class History:
    """``/v1/history``."""

    def __init__(self, place: Place) -> None:
        """The server's."""
        self._place = place

    async def all(self, request: Request) -> Response:
        """The user's queries, the latest first, also those through other listeners."""
        text = request.query_params.get("limit", str(LIMIT))
        if not (text.isascii() and text.isdigit() and int(text[:9]) <= LIMIT_MOST):
            raise UserError(f"limit is a whole number, at most {LIMIT_MOST}", sqlstate="22023")
        user = request.scope[CALLER].user
        found = await asyncio.get_running_loop().run_in_executor(self._place.pool, _of, self._place, user)
        return Plain({"queries": [_query(record) for record in found[: int(text)]]})

    async def one(self, request: Request) -> Response:
        """One of them, and what it asked of its sources."""
        user = request.scope[CALLER].user
        id = request.path_params["id"]
        record = await asyncio.get_running_loop().run_in_executor(self._place.pool, found, self._place, id, user)
        return Plain({**_query(record), "requests": [_dict(LEGS, row) for row in leg_rows(record)]})


def _of(place: Place, user: str) -> list[Record]:
    """A user's queries. Those of nobody have the name of who runs the process: of these only the process's own are nobody's,
    and none where somebody may log in under that name."""
    recorder = place.engine.queries
    whose = user or recorder.user
    if not user and place.logins.is_user(whose):
        return []
    condition = () if recorder.store is None else ('"user" = ?', (whose,))
    records = [record for record in recorder.records(*condition) if record.user == whose]
    return [record for record in records if user or record.process == recorder.name]


def found(place: Place, id: str, user: str) -> Record:
    """A user's query by its whole id; raises Refused (404), for those of others too."""
    record = next((one for one in _of(place, user) if one.id == id), None)
    if record is None:
        raise unknown()
    return record


def killed(place: Place, id: str, user: str) -> None:
    """End a user's query; one that has ended is let be. Raises Refused (404)."""
    if found(place, id, user).facts.state in OPEN:
        place.engine.queries.kill(id)


def _query(record: Record) -> dict[str, Any]:
    return _dict(QUERIES, query_row(record))


def _dict(fields: Any, row: tuple[Any, ...]) -> dict[str, Any]:
    return {
        field.name: _moment(value) if field.name in _MOMENTS else value
        for field, value in zip(fields, row, strict=True)
    }


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()
