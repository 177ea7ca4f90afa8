"""Reads the tables that say where keys live, in the name of the query that needs them newer than they are known: as long as it
lasts, under its sources' guardrails, and told and counted like all that it reads.

It is done before the query holds anything but its place in its group, so that nobody waits for it who could be waited for.
What a user's own settings allow the query is another matter: which query finds the table old is chance.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from hanse.errors import HanseError, SourceError
from hanse.execute.cancel import CancelScope
from hanse.execute.limits import Meter
from hanse.execute.report import Report, SourceReport
from hanse.execute.threads import Work
from hanse.ir.request import Request
from hanse.ir.sharding import Directory
from hanse.ir.tables import Table
from hanse.spi.connector import Session


@dataclass(frozen=True, slots=True)
class Looking:
    """What reads lookup tables for one query (``ir.sharding.Ask``)."""

    begin: Callable[[str, Meter], Session]
    """A session of the query's at a source, whose rows are counted there."""
    metered: Callable[[Table], Meter]
    """What counts the rows of a table that is read whole; raises GuardrailRefused where it may not be."""
    kinds: Callable[[str], str]
    scope: CancelScope
    report: Report
    elapsed: Callable[[], float]

    def check(self) -> None:
        """Raise what ended the query."""
        self.scope.check()

    def rows(self, request: Request) -> list[tuple[Any, ...]]:
        """All rows of a request that reads a lookup table whole."""
        (table,) = request.tables
        meter = self.metered(table)
        number = -1 - sum(one.lookup is not None for one in self.report.sources)
        request = replace(request, fragment=number)
        kind = self.kinds(request.source)
        report = SourceReport(number, request.source, kind, str(request.sql), lookup=str(table))
        self.report.sources.append(report)
        session = self.begin(request.source, meter)
        report.reserved_ms = self.elapsed()
        self.scope.on_end(session.cancel)
        try:
            return self._read(session, request, report, meter)
        finally:
            session.close()

    def _read(self, session: Session, request: Request, report: SourceReport, meter: Meter) -> list[tuple[Any, ...]]:
        report.started_ms, report.statements = self.elapsed(), 1
        found: list[tuple[Any, ...]] = []
        for batch in session.read(request, ()):
            meter.took(request.source, batch)
            if report.first_row_ms is None:
                report.first_row_ms = self.elapsed()
            report.rows += batch.num_rows
            report.bytes += batch.nbytes
            report.batches += 1
            found += zip(*(array.to_pylist() for array in batch.columns), strict=True)
        self.scope.check()  # a statement that was ended has no more rows, not all of them
        report.last_row_ms, report.finished = self.elapsed(), True
        return found


def freshen(directories: Iterable[Directory], looking: Looking, start: Callable[[Work], Work]) -> None:
    """Have those read that are too old; raises what that raises, or what ended the query meanwhile."""
    old = [directory for directory in directories if directory.is_old]
    if not old:
        return
    over, failures = threading.Event(), list[HanseError]()

    def read() -> None:
        try:
            for directory in old:
                directory.freshen(looking)
        except HanseError as failure:
            failures.append(failure)
        except Exception as failure:  # noqa: BLE001  # a driver's own failure must reach the user, not end a thread
            failures.append(SourceError(f"a lookup table: {type(failure).__name__}: {failure}"))
        finally:
            over.set()

    looking.scope.on_end(over.set)  # a thread that is stuck in a driver is left alone with that
    start(Work("hanse-lookup", read))
    over.wait()
    looking.check()
    if failures:
        raise failures[0]
