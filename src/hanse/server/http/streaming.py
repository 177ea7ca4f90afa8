"""A statement's answer as a response: its status is known when its first rows are, its rows are sent as they are read, and a
client that goes away ends it at the sources.

What fails after the first bytes are sent ends the connection in the middle of the message: clients of HTTP call that an error
(RFC 9112, section 8), whatever they make of the bytes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from starlette.types import Receive, Scope, Send

from hanse.errors import Cancelled, HanseError
from hanse.execute.report import Report
from hanse.server import log
from hanse.server.answering import Running
from hanse.server.http.asks import Ask
from hanse.server.http.formats import CONTENT_TYPES
from hanse.server.http.pieces import Piece, Pieces
from hanse.server.http.place import Place
from hanse.server.session import Session

QUERY_ID, PARTIAL = b"hanse-query-id", b"hanse-partial"
Header = tuple[bytes, bytes]
T = TypeVar("T")


class Sending:
    """Sends the pieces of one answer."""

    def __init__(self, place: Place, media: str) -> None:
        """Nothing is sent."""
        self._place = place
        self._media = media

    async def __call__(
        self,
        start: Callable[[], Pieces],
        send: Send,
        headers: Callable[[], list[Header]] = list,
        has_left: Callable[[], bool] = bool,
    ) -> None:
        """Send all of the answer that ``start`` starts in a thread, or until the client ``has_left``. Raises HanseError as long
        as nothing is sent."""
        pieces, piece = await self._work(lambda: _begun(start))
        try:
            more = [*self._headers(pieces.answer.report, piece), *headers()]
            await send({"type": "http.response.start", "status": 200, "headers": more})
            await send({"type": "http.response.body", "body": piece.data, "more_body": not piece.is_last})
            while not (piece.is_last or has_left()):
                piece = await self._work(pieces.next)
                await send({"type": "http.response.body", "body": piece.data, "more_body": not piece.is_last})
        except HanseError as error:
            log.tell("failed", code=error.code, source=error.source)
            await send({"type": "http.response.body", "body": pieces.failed(error), "more_body": True})
        finally:
            if not piece.is_last:  # else it has closed itself
                await self._work(pieces.answer.close)

    def _headers(self, report: Report, piece: Piece) -> list[Header]:
        found = [
            (b"content-type", CONTENT_TYPES.get(self._media, self._media).encode()),
            (QUERY_ID, report.query_id.encode()),
        ]
        if report.completeness is not None:
            found.append((PARTIAL, str(report.completeness).partition("\n")[0].encode()))
        if piece.is_last:
            found.append((b"content-length", str(len(piece.data)).encode()))
        return found

    async def _work(self, do: Callable[[], T]) -> T:
        """Do what may block in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._place.pool, do)


def _begun(start: Callable[[], Pieces]) -> tuple[Pieces, Piece]:
    pieces = start()
    return pieces, pieces.next()


class Streamed:
    """The response to one statement."""

    def __init__(self, place: Place, session: Session, ask: Ask, media: str) -> None:
        """Nothing runs."""
        self._ask = ask
        self._media = media
        self._sending = Sending(place, media)
        self._running = Running(place.engine, session, place.catalogs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Run it. Raises HanseError as long as nothing is sent."""
        async with attended(self._running, receive):
            await self._sending(self._started, send)

    def _started(self) -> Pieces:
        answer = self._running.start(self._ask.sql, self._ask.parameters)
        try:
            return Pieces(answer, self._media)
        except BaseException:
            answer.close()
            raise


@asynccontextmanager
async def attended(running: Running, receive: Receive) -> AsyncIterator[None]:
    """While this holds, a client that goes away ends what is run for it."""

    async def watch() -> None:
        await gone(receive)
        running.stop(Cancelled("the client has gone"))

    watcher = asyncio.create_task(watch())
    try:
        with running.busy():
            yield
    finally:
        watcher.cancel()


async def gone(receive: Receive) -> None:
    """Return when the client has."""
    message: Any = {}
    while message.get("type") != "http.disconnect":
        message = await receive()
