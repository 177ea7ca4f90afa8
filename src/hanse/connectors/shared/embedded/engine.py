"""A DuckDB of the source's own, for its catalog and for queries that it answers alone: it opens nothing but the source."""

import tempfile
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import duckdb

from hanse.spi.duckdb.faults import DISABLED_OPTIMIZERS
from hanse.spi.duckdb.sandbox import restrict

CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "memory_limit": "1GB",
    "disabled_optimizers": DISABLED_OPTIMIZERS,
}


class Engine:
    """Starts with the first cursor; ``forget`` ends it, so that the next cursor sees the source as it is then."""

    def __init__(self, paths: Callable[[], Iterable[Path]], attach: Callable[[Any], object]) -> None:
        """``paths`` are the files and folders that may be read; ``attach`` makes the relations readable."""
        self._paths = paths
        self._attach = attach
        self._lock = threading.Lock()
        self._root: duckdb.DuckDBPyConnection | None = None
        self._spill: tempfile.TemporaryDirectory[str] | None = None

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own on the engine, with the clock of the house (UTC)."""
        with self._lock:
            if self._root is None:
                self._root = self._start()
            cursor = self._root.cursor()
        try:
            cursor.execute("SET TimeZone = 'UTC'")
        except duckdb.FatalException:  # an internal error ended the engine, which refuses all that follows
            self.forget()
            return self.cursor()
        return cursor

    def _start(self) -> duckdb.DuckDBPyConnection:
        self._spill = tempfile.TemporaryDirectory(prefix="hanse-source-", ignore_cleanup_errors=True)
        root = duckdb.connect(":memory:", config={**CONFIG, "temp_directory": self._spill.name})
        try:
            restrict(root, self._paths())
            self._attach(root)
        except BaseException:
            root.close()
            raise
        return root

    def forget(self) -> None:
        """Close the engine; running statements keep their own connection to it."""
        with self._lock:
            root, self._root = self._root, None
            spill, self._spill = self._spill, None
        if root is not None:
            root.close()
        if spill is not None:
            spill.cleanup()
