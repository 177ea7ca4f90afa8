"""EXPLAIN as a response."""

import asyncio
import json
from contextlib import closing

from starlette.types import Receive, Scope, Send

from hanse.errors import HanseError
from hanse.execute.cells import values
from hanse.server.answering import Running
from hanse.server.http.asks import Ask
from hanse.server.http.place import Place
from hanse.server.http.responses import Plain
from hanse.server.http.streaming import attended
from hanse.server.session import Session

BATCH = 10_000


class Explained:
    """The response to one request for a plan."""

    def __init__(self, place: Place, session: Session, ask: Ask) -> None:
        """``ask.more`` has ``analyze`` and ``format``."""
        self._place = place
        self._ask = ask
        self._running = Running(place.engine, session, place.catalogs)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Plan it. Raises HanseError."""
        async with attended(self._running, receive):
            found = await asyncio.get_running_loop().run_in_executor(self._place.pool, self._explained)
        await Plain(found)(scope, receive, send)

    def _explained(self) -> dict[str, object]:
        format = self._ask.more.get("format", "text")
        analyze = "ANALYZE, " if self._ask.more.get("analyze", False) else ""
        words = f"EXPLAIN ({analyze}FORMAT {format.upper()}) "
        try:
            with closing(self._running.start(words + self._ask.sql, self._ask.parameters)) as answer:
                lines: list[str] = []
                while (batch := answer.next(BATCH, BATCH)) is not None:
                    lines += values(batch.column(0))
        except HanseError as error:
            if error.position is not None:  # of the statement that the client sent
                error.position = max(0, error.position - len(words))
            raise
        text = "\n".join(lines)
        return {"format": format, "plan": json.loads(text) if format == "json" else text}
