"""What one query reads is a picture of what: asked of its sessions and files, and held against what the query demands.

Where something is demanded, every source takes its snapshot at the start, in parallel, when all are connected and before
anything is read. It is tested then, again when a source's first rows are here (a session that was begun again has a newer
snapshot), and at the end. Where nothing is, sessions are only asked what they know anyway, and files are looked at that are
few.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from hanse.errors import HanseError, SourceError, StaleSnapshot
from hanse.execute.cancel import CancelScope
from hanse.execute.report import Report
from hanse.execute.threads import Work
from hanse.ir.consistency import UNKNOWN, Level, Picture, Terms, consistency_of, merged
from hanse.ir.request import RequestGraph
from hanse.ir.tables import Table
from hanse.spi.connector import Connector, Session
from hanse.spi.pictures import Pinning, Versioned

CHANGED = "its file is another one than the coordinator has open"


class Meeting:
    """Where sources wait for one another, each having done what can be done before its snapshot is taken."""

    def __init__(self, count: int, scope: CancelScope) -> None:
        """For so many; ending the scope ends every wait."""
        self._absent = count
        self._scope = scope
        self._changed = threading.Condition()
        scope.on_end(self._wake)

    def place(self) -> Callable[[], None]:
        """What one of them calls when it is as far: it waits for the others. Raises what ended the query. Calling it again
        waits no more."""
        arrived = False

        def meet() -> None:
            nonlocal arrived
            with self._changed:
                self._absent -= not arrived
                arrived = True
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._absent <= 0 or self._scope.ended)
            self._scope.check()

        return meet

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


class Pictures:
    """Those of one query."""

    def __init__(
        self,
        graph: RequestGraph,
        connectors: Mapping[str, Connector],
        terms: Terms,
        report: Report,
        moment: Callable[[], float],
    ) -> None:
        """Nothing is looked at yet. Raises NotConsistent where no snapshot can be of all that the query reads."""
        self._terms = terms
        self._report = report
        self._moment = moment
        tables: dict[str, dict[tuple[str, str], Table]] = {}
        for request in graph.requests:
            if not request.idle:
                tables.setdefault(request.source, {}).update({(one.schema, one.name): one for one in request.tables})
        self._tables = {source: tuple(found.values()) for source, found in tables.items()}
        self._versioned = {
            source: connector for source in self._tables if isinstance(connector := connectors[source], Versioned)
        }
        self._begun: dict[str, Picture] = {}
        """As they were before anything was read."""
        terms.check_sources(self._tables)

    @property
    def are_demanded(self) -> bool:
        """Whether snapshots are taken at the start, and no rows are taken from other queries."""
        return self._terms.is_any

    def look(self, attached: Mapping[str, str]) -> None:
        """Look at files before they are read; ``attached``: the states of those that the coordinator holds open. Raises
        StaleSnapshot where a newer catalog is needed for what is demanded."""
        for source, connector in self._versioned.items():
            before = self._moment()
            found = connector.version(self._tables[source], self._terms.is_any)
            found = replace(found, earliest=before, latest=self._moment())
            if attached.get(source, found.token) != found.token:
                if self._terms.is_any:
                    raise StaleSnapshot(CHANGED, source=source)
                found = found.unlike(CHANGED)
            self._set(source, found)

    def look_again(self) -> None:
        """Look at them again: they have been read."""
        for source, connector in self._versioned.items():
            before = self._begun[source]
            if before.level is not Level.SNAPSHOT:
                continue
            try:
                self._set(source, before.seen_again(connector.version(self._tables[source], self._terms.is_any)))
            except HanseError as failure:
                self._set(source, before.unlike(failure.message))

    def _set(self, source: str, picture: Picture) -> None:
        self._begun[source] = picture
        for report in self._report.sources:
            if report.source == source:
                report.picture = picture

    def pin(self, sessions: Mapping[str, Session], scope: CancelScope, start: Callable[[Work], Work]) -> None:
        """Have all sessions take their snapshots; ``start`` does work in a thread of its own. Raises what ended the query."""
        if not self._terms.is_any:
            return
        pinned = {source: session for source, session in sessions.items() if source not in self._versioned}
        able = {source: session for source, session in pinned.items() if isinstance(session, Pinning)}
        meeting = Meeting(len(able), scope)
        takes = [partial(self._pinned, *one, meeting.place(), scope) for one in able.items()]
        works = [start(Work("hanse-pin", take)) for take in takes[1:]]
        for take in takes[:1]:
            take()
        for work in works:
            work.join()
        scope.check()
        for source, session in pinned.items():
            self._begun[source] = getattr(session, "picture", None) or UNKNOWN
        self._terms.check(consistency_of(self._begun), is_over=False)

    def _pinned(self, source: str, session: Pinning, meet: Callable[[], None], scope: CancelScope) -> None:
        try:
            session.pin(self._tables[source], meet)
            meet()  # for one that has taken none
        except HanseError as failure:
            scope.end(failure)
        except Exception as failure:  # noqa: BLE001  # a driver's own failure must reach the user, not end a thread
            scope.end(SourceError(f"{type(failure).__name__}: {failure}", source=source))

    def check(self) -> None:
        """Rows have come of which it is known now what they are a picture of: raise NotConsistent if that is not enough."""
        if self._terms.is_any:
            read: dict[str, list[Picture | None]] = {}
            for report in self._report.sources:
                if report.picture is not None:
                    read.setdefault(report.source, []).append(report.picture)
            found = {**self._begun, **{source: merged(pictures) for source, pictures in read.items()}}
            self._terms.check(consistency_of(found), is_over=False)

    def check_all(self) -> None:
        """All has been read: the same, of that."""
        if self._terms.is_any:
            self._terms.check(self._report.consistency, is_over=True)
