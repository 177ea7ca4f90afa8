"""Draws the progress of a query on a terminal."""

import threading
import time
from collections.abc import Callable

from rich.console import Console
from rich.live import Live
from rich.table import Table

from hanse.execute.report import Report, SourceReport

DELAY_SECONDS = 0.7
"""A query that is done sooner shows nothing."""


def show(report: Callable[[], Report], done: threading.Event) -> None:
    """Draw the report on stderr from time to time, until ``done``."""
    console = Console(stderr=True)
    started = time.monotonic()
    if done.wait(DELAY_SECONDS):
        return
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        while True:
            live.update(_table(report(), time.monotonic() - started))
            if done.wait(0.25):
                return


def _table(report: Report, seconds: float) -> Table:
    table = Table(title=f"{seconds:.1f} s", title_justify="left", box=None, pad_edge=False)
    for name in ("source", "rows", "MB", "MB/s", "state"):
        table.add_column(name, justify="left" if name in ("source", "state") else "right")
    for source in report.sources:
        megabytes = source.bytes / 1e6
        running = seconds - (source.started_ms or 0) / 1000
        rate = f"{megabytes / running:.1f}" if running > 0 else ""
        table.add_row(
            f"{source.source} f{source.fragment}", f"{source.rows:,}", f"{megabytes:.1f}", rate, _state(source)
        )
    return table


def _state(source: SourceReport) -> str:
    if source.embedded:
        return "in place"
    if source.finished:
        return "done"
    return "reading" if source.rows else "waiting"
