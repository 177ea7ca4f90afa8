"""``/v1/queries``: statements that are submitted, and asked for later."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hanse.errors import UserError
from hanse.execute.report import Report
from hanse.ir.expr import Column
from hanse.server.answering import Running
from hanse.server.http import asks
from hanse.server.http.entry import CALLER
from hanse.server.http.failures import Refused
from hanse.server.http.formats import chosen, dumped
from hanse.server.http.history import killed
from hanse.server.http.jobs import Job, Jobs, unknown
from hanse.server.http.pieces import Pieces
from hanse.server.http.place import Place
from hanse.server.http.responses import Plain
from hanse.server.http.streaming import Header, Sending, gone

LOOK_SECONDS = 0.25
"""How often is looked how far a query is."""
BEAT_SECONDS = 15.0
"""How long nothing is said to who listens to events, so that a connection that is gone is noticed."""
WAIT_MOST = 60.0
NOT_ENDED = "55000"
EVENTS: list[Header] = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
"""What events are sent with; the second keeps nginx from holding them back."""


class Waiting:
    """The routes."""

    def __init__(self, place: Place, jobs: Jobs) -> None:
        """The server's."""
        self._place = place
        self._jobs = jobs

    async def queries(self, request: Request) -> Response:
        """All, or one more."""
        return await self.submit(request) if request.method == "POST" else self.all(request)

    async def query(self, request: Request) -> Response:
        """How one stands, or its end."""
        return await (self.cancel if request.method == "DELETE" else self.status)(request)

    async def submit(self, request: Request) -> Response:
        """Run a statement; the response does not wait for it."""
        ask = await asks.read(request, self._place.listen.login_timeout)
        session = self._place.session(
            request.scope[CALLER], asks.started(ask.settings, asks.client_of(request.headers))
        )
        job = Job(session.user.user, ask, Running(self._place.engine, session, self._place.catalogs))
        self._jobs.submit(job)
        return Plain(job.status(), 202, {"location": f"/v1/queries/{job.id}"})

    def all(self, request: Request) -> Response:
        """Those of the user that are remembered."""
        found = self._jobs.of(request.scope[CALLER].user)
        return Plain({"queries": [job.status() for job in found]})

    async def status(self, request: Request) -> Response:
        """How one stands; ``wait`` is for how many seconds the response may wait for its end."""
        job = self._job(request)
        seconds = _number(request, "wait", WAIT_MOST) or 0.0
        if seconds and not job.has_ended:
            await _ended(job, seconds, request.receive)
        return Plain(job.status())

    async def result(self, request: Request) -> "Result":
        """Its answer, or the rows of it from ``offset`` on, ``limit`` at most."""
        media = chosen(request.headers.get("accept", ""))
        job = self._job(request)
        offset, limit = _number(request, "offset"), _number(request, "limit")
        if job.error is not None:
            raise job.error
        if not job.has_ended:
            raise Refused(409, "the query has not ended", sqlstate=NOT_ENDED, hint=f"GET /v1/queries/{job.id}?wait=30")
        try:
            page = Page(job, int(offset or 0), None if limit is None else int(limit))
        except FileNotFoundError:  # forgotten at this moment
            raise unknown() from None
        return Result(self._place, page, media)

    async def events(self, request: Request) -> "Events":
        """How far it is, as it gets on (Server-Sent Events)."""
        return Events(self._job(request))

    async def cancel(self, request: Request) -> Response:
        """End one and forget it; one that runs elsewhere is ended by the id that ``system.queries`` knows it by."""
        id, user = request.path_params["id"], request.scope[CALLER].user
        job = self._jobs.find(id, user)
        if job is not None:
            self._jobs.forget(job)
        else:
            await asyncio.get_running_loop().run_in_executor(self._place.pool, killed, self._place, id, user)
        return Response(status_code=204)

    def _job(self, request: Request) -> Job:
        return self._jobs.get(request.path_params["id"], request.scope[CALLER].user)


async def _ended(job: Job, seconds: float, receive: Receive) -> None:
    """Wait for the end of a query, but not longer than that, nor for a client that has gone."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    leaving = asyncio.create_task(gone(receive))
    try:
        while not (job.has_ended or leaving.done() or loop.time() > until):
            await asyncio.wait({leaving}, timeout=LOOK_SECONDS)
    finally:
        leaving.cancel()


def _number(request: Request, name: str, most: float = 2**53) -> float | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and float(text) <= most):
        raise UserError(f"{name} is a whole number, at most {most:,.0f}", sqlstate="22023")
    return float(text)


class Page:
    """Some rows of an answer that is kept."""

    def __init__(self, job: Job, offset: int, most: int | None) -> None:
        """The answer has ended."""
        assert job.kept is not None
        assert job.answer is not None
        kept = self._kept = job.kept
        self._batches: Iterator[pa.RecordBatch] = kept.read(offset, most)
        self.columns: tuple[Column, ...] = kept.columns
        self.report: Report = job.answer.report
        end = kept.rows if most is None else min(kept.rows, offset + most)
        self.next_offset = end if end < kept.rows else None
        self._statement = {**(job.statement or {}), "offset": offset, "next_offset": self.next_offset}

    def next(self, rows: int, bytes: int) -> pa.RecordBatch | None:  # noqa: ARG002  # a batch was made to fit
        """The next rows."""
        return next(self._batches, None)

    def statement(self) -> dict[str, Any]:
        """Of the whole answer, and where the page is in it."""
        return self._statement

    def close(self) -> None:
        """Nothing is held but a file."""
        self._batches = iter(())


class Result:
    """A page as a response."""

    def __init__(self, place: Place, page: Page, media: str) -> None:
        """Nothing is read."""
        self._sending = Sending(place, media)
        self._page = page
        self._media = media

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send it."""
        leaving = asyncio.create_task(gone(receive))
        try:
            await self._sending(self._pieces, send, self._headers, leaving.done)
        finally:
            leaving.cancel()

    def _pieces(self) -> Pieces:
        return Pieces(self._page, self._media, self._page.statement)

    def _headers(self) -> list[Header]:
        following = self._page.next_offset
        return [] if following is None else [(b"hanse-next-offset", str(following).encode())]


class Events:
    """How far a query is: an event ``progress`` when that has changed, and ``end`` at the end."""

    def __init__(self, job: Job) -> None:
        """Nothing is said."""
        self._job = job

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Say it until the query ends or the client goes."""
        await send({"type": "http.response.start", "status": 200, "headers": EVENTS})
        leaving = asyncio.create_task(gone(receive))
        try:
            await self._tell(send, leaving)
        finally:
            leaving.cancel()

    async def _tell(self, send: Send, leaving: "asyncio.Task[None]") -> None:
        loop = asyncio.get_running_loop()
        told: Any = None
        beat = loop.time()
        while not leaving.done():
            self._job.looked = loop.time()
            has_ended = self._job.has_ended
            status = self._job.status()
            seen = (status["state"], status["rows"], status["sources"])
            if has_ended:
                await send({"type": "http.response.body", "body": _event("end", status)})
                return
            if seen != told:
                told, beat = seen, loop.time()
                await send({"type": "http.response.body", "body": _event("progress", status), "more_body": True})
            elif loop.time() - beat > BEAT_SECONDS:
                beat = loop.time()
                await send({"type": "http.response.body", "body": b":\n\n", "more_body": True})
            await asyncio.wait({leaving}, timeout=LOOK_SECONDS)


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {dumped(data)}\n\n".encode()
