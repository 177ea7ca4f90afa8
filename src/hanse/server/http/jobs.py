"""Queries that no connection waits for: they run on, their answers are kept for a while, and clients ask how far they are.

One of which nobody has asked for ``listen.result_seconds`` is ended and forgotten, its answer too. When the server is told to
stop, all end at once: nobody could come for their answers any more.
"""

import asyncio
import datetime as dt
import secrets
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from hanse.errors import Cancelled, HanseError, InternalError, ResourceLimit
from hanse.server import log
from hanse.server.answering import Answer, Running
from hanse.server.http.asks import Ask
from hanse.server.http.failures import Refused, as_dict
from hanse.server.http.results import Kept, Room
from hanse.server.http.statement import progress_of, statement_of
from hanse.server.registry import stopped

QUEUED, PLANNING, RUNNING, FINISHED, FAILED, CANCELLED = (
    "queued", "planning", "running", "finished", "failed", "cancelled",
)  # fmt: skip
ENDED = frozenset({FINISHED, FAILED, CANCELLED})
RUNNING_MOST = 200
"""As many may not have ended."""
KEPT_MOST = 2_000
"""As many are remembered; of those that have ended, the ones go first of which nobody has asked for longest."""
BATCH_ROWS, BATCH_BYTES = 65_536, 4_000_000
ID_BYTES = 16
LEAST_SECONDS = 0.25


def unknown() -> Refused:
    """The error for what is not there, or not the user's."""
    hint = "answers are kept for a while after they were last asked for"
    return Refused(404, "there is no such query, or it is forgotten", sqlstate="42704", hint=hint)


class Job:
    """One query."""

    def __init__(self, owner: str, ask: Ask, running: Running) -> None:
        """``owner`` is the user's name, empty for nobody's."""
        self.id = secrets.token_hex(ID_BYTES)
        self.owner = owner
        self.state = QUEUED
        self.error: HanseError | None = None
        self.kept: Kept | None = None
        self.statement: dict[str, Any] | None = None
        self.looked = time.monotonic()
        self._submitted = dt.datetime.now(dt.UTC)
        self._began = time.monotonic()
        self._ended: float | None = None
        self._ask = ask
        self._running = running
        self._answer: Answer | None = None
        self._why: HanseError | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.state in ENDED

    @property
    def answer(self) -> Answer | None:
        """Its answer as it comes."""
        return self._answer

    def run(self, folder: Callable[[], Path], room: Room) -> None:
        """Run it to its end, in this thread."""
        state = FAILED
        try:
            with self._running.busy():
                self._require_wanted()
                self.state = PLANNING
                self._keep(folder, room)
            state = FINISHED
        except HanseError as error:
            self.error, state = error, CANCELLED if error.code == Cancelled.sqlstate else FAILED
        except Exception as error:  # noqa: BLE001  # a bug ends one query, not the server
            log.bug(error)
            self.error = InternalError(f"a bug: {type(error).__name__}", hint="the server's log says where")
        finally:
            if self._answer is not None:
                self._answer.close()
            if self.error is not None:
                log.tell("failed", code=self.error.code, source=self.error.source)
                self.close()
            self._ended = time.monotonic()
            self.state = state
            if (
                self._why is not None
            ):  # who forgets it looks at the state after having said why: one of both sees the other
                self.close()

    def _require_wanted(self) -> None:
        if self._why is not None:
            raise self._why

    def _keep(self, folder: Callable[[], Path], room: Room) -> None:
        answer = self._answer = self._running.start(self._ask.sql, self._ask.parameters)
        self.state = RUNNING
        kept = self.kept = Kept(folder(), room, answer.columns)
        while (batch := answer.next(BATCH_ROWS, BATCH_BYTES)) is not None:
            kept.add(batch)
        kept.end()
        self._require_wanted()
        self.statement = statement_of(answer.report)

    def stop(self, why: HanseError) -> None:
        """End it, however far it is."""
        self._why = self._why or why
        self._running.stop(why)

    def close(self) -> None:
        """Forget its answer."""
        if self.kept is not None:
            self.kept.close()

    def status(self) -> dict[str, Any]:
        """How it stands."""
        answer, ended = self._answer, self._ended
        return {
            "id": self.id,
            "query_id": None if answer is None else answer.report.query_id,
            "state": self.state,
            "submitted": self._submitted.isoformat(timespec="milliseconds"),
            "elapsed_ms": round(((time.monotonic() if ended is None else ended) - self._began) * 1000, 3),
            "rows": 0 if answer is None else answer.rows,
            "sources": [] if answer is None else progress_of(answer.report),
            "statement": self.statement,
            "error": None if self.error is None else as_dict(self.error),
        }


class Jobs:
    """All of them. Called from the event loop, but for what runs in threads of its own."""

    def __init__(self, bytes: int, seconds: float, folder: Path | None) -> None:
        """``bytes`` may be kept of answers, in a folder of its own below ``folder``, or where temporary files are."""
        self._seconds = seconds
        self._room = Room(bytes)
        self._parent = folder
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._making = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._pool = ThreadPoolExecutor(RUNNING_MOST, thread_name_prefix="hanse-job")
        self._is_draining = False
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, job: Job) -> None:
        """Run it. Raises HanseError where no more may be."""
        if self._is_draining:
            raise stopped()
        self.sweep()
        if sum(not one.has_ended for one in self._jobs.values()) >= RUNNING_MOST:
            message = f"{RUNNING_MOST} queries run that no connection waits for"
            raise ResourceLimit(message, sqlstate="53300", hint="DELETE /v1/queries/ID ends one")
        self._jobs[job.id] = job
        self._arm()
        self._pool.submit(job.run, self._place, self._room)

    def _arm(self) -> None:
        """Look again later, as long as there are any."""
        if self._timer is None and self._jobs:
            later = max(LEAST_SECONDS, self._seconds / 4)
            self._timer = asyncio.get_running_loop().call_later(later, self._late)

    def _late(self) -> None:
        self._timer = None
        self.sweep()
        self._arm()

    def _place(self) -> Path:
        with self._making:
            if self._folder is None:
                if self._parent is not None:
                    self._parent.mkdir(parents=True, exist_ok=True)
                self._folder = tempfile.TemporaryDirectory(
                    prefix="hanse-results-", dir=self._parent, ignore_cleanup_errors=True
                )
            return Path(self._folder.name)

    def find(self, id: str, owner: str) -> Job | None:
        """One by its id, for whom it belongs to; it is kept for longer then."""
        self.sweep()
        job = self._jobs.get(id)
        if job is None or job.owner != owner:
            return None
        job.looked = time.monotonic()
        return job

    def get(self, id: str, owner: str) -> Job:
        """The same; raises Refused (404)."""
        job = self.find(id, owner)
        if job is None:
            raise unknown()
        return job

    def of(self, owner: str) -> list[Job]:
        """Those of one user, the latest first."""
        self.sweep()
        return [job for job in reversed(self._jobs.values()) if job.owner == owner]

    def forget(self, job: Job) -> None:
        """End it, if it runs, and forget it."""
        job.stop(Cancelled("the query was cancelled", hint="somebody said DELETE"))
        self._jobs.pop(job.id, None)
        if job.has_ended:
            job.close()

    def sweep(self) -> None:
        """Forget those of which nobody has asked for long."""
        now = time.monotonic()
        for job in [one for one in self._jobs.values() if now - one.looked > self._seconds]:
            self.forget(job)
        ended = sorted((one for one in self._jobs.values() if one.has_ended), key=lambda one: one.looked)
        for job in ended[: max(0, len(self._jobs) - KEPT_MOST)]:
            self.forget(job)

    def drain(self) -> None:
        """End all."""
        self._is_draining = True
        for job in self._jobs.values():
            job.stop(stopped())

    def close(self) -> None:
        """Forget all."""
        self.drain()
        if self._timer is not None:
            self._timer.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)
        for job in list(self._jobs.values()):
            self.forget(job)
        if self._folder is not None:
            self._folder.cleanup()
