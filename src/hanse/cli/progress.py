"""Live progress of a long query on a terminal: per source what has arrived, and how fast. It is drawn by ``cli.drawing``."""

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hanse.execute.report import Report


@contextmanager
def shown(report: Callable[[], Report]) -> Iterator[Callable[[], None]]:
    """Show the report on stderr, if that is a terminal, until the block ends or calls what it is given."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    # what draws is imported where something can be drawn: a script that asks once does not wait for it
    draw = importlib.import_module("hanse.cli.drawing").show
    done = threading.Event()
    thread = threading.Thread(target=draw, args=(report, done), name="hanse-progress", daemon=True)
    thread.start()

    def stop() -> None:
        done.set()
        thread.join()

    try:
        yield stop
    finally:
        stop()
