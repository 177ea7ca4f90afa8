"""Live progress of a long query on a terminal: per source what has arrived, and how fast."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

from hanse.execute.report import Report

DELAY_SECONDS = 0.7
"""A query that is done sooner shows nothing."""


@contextmanager
def shown(report: Report) -> Iterator[None]:
    """Show the report on stderr until the block ends, if that is a terminal."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    done = threading.Event()
    thread = threading.Thread(target=_show, args=(console, report, done), name="hanse-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _show(console: Console, report: Report, done: threading.Event) -> None:
    started = time.monotonic()
    if done.wait(DELAY_SECONDS):
        return
    with Live(console=console, transient=True, refresh_per_second=4) as live:
        while not done.wait(0.25):
            live.update(_table(report, time.monotonic() - started))


def _table(report: Report, seconds: float) -> Table:
    table = Table(title=f"{seconds:.1f} s", title_justify="left", box=None, pad_edge=False)
    for name in ("source", "rows", "MB", "MB/s", "state"):
        table.add_column(name, justify="left" if name in ("source", "state") else "right")
    for source in report.sources:
        megabytes = source.bytes / 1e6
        running = seconds - (source.started_ms or 0) / 1000
        rate = f"{megabytes / running:.1f}" if running > 0 else ""
        state = (
            "in place"
            if source.embedded
            else "done"
            if source.finished
            else "waiting"
            if not source.rows
            else "reading"
        )
        table.add_row(f"{source.source} f{source.fragment}", f"{source.rows:,}", f"{megabytes:.1f}", rate, state)
    return table
