"""Pooled DuckDB instances: the coordinator's engines, each with its own memory limit and spill folder.

A new instance costs about 12 ms and a cursor on a pooled one 0.01 ms (DESIGN.md section 3), so instances are kept. An
instance serves one query at a time: its memory limit is then that query's.
"""

import os
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import duckdb

from hanse.errors import Cancelled, HanseError, ResourceLimit, SourceError
from hanse.execute.sizes import size_in_bytes
from hanse.settings import EngineSettings
from hanse.spi.connector import Embedded
from hanse.spi.duckdb.faults import DISABLED_OPTIMIZERS
from hanse.spi.duckdb.sandbox import restrict
from hanse.spi.permits import Permits
from hanse.spi.shares import NOBODY, Share
from hanse.spi.spilling import ENDLESS, SpillSpace


def spill_share(settings: EngineSettings) -> int | None:
    """Each instance's part of the disk that all queries may fill, and that of answers that are kept aside; None: no limit."""
    return None if settings.spill_total is None else settings.spill_total // (settings.instances + 1)


def spill_limit(settings: EngineSettings) -> str:
    """As much as one instance may fill."""
    share, most = spill_share(settings), size_in_bytes(settings.spill_limit)
    return settings.spill_limit if share is None or (most is not None and most <= share) else f"{share}B"


class Instance:
    """One engine, and which embedded sources it has attached, as of which snapshot version."""

    def __init__(self, settings: EngineSettings, spill_folder: Path, paths: tuple[Path, ...] = ()) -> None:
        """Start an engine that spills into ``spill_folder``, may open ``paths``, and nothing else of this machine."""
        self.memory_limit = settings.memory_limit
        self.root = duckdb.connect(
            ":memory:",
            config={
                "memory_limit": settings.memory_limit,
                "temp_directory": str(spill_folder),
                "max_temp_directory_size": spill_limit(settings),
                "threads": str(settings.threads),
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
                "python_enable_replacements": "false",
                "preserve_insertion_order": "true",
                "disabled_optimizers": DISABLED_OPTIMIZERS,
            },
        )
        restrict(self.root, paths)
        self.paths = paths
        self._spill_folder = spill_folder
        self.has_failed = False
        """Whether a statement has failed since the engine was last known to work."""
        self.share: Share = NOBODY
        """Whose turn it was when the engine was taken."""
        self._attached: dict[str, int] = {}
        self.states: dict[str, str] = {}
        """What sources were when they were attached, of those whose files stay open since."""
        self._settings = {"memory_limit": settings.memory_limit}

    def attach(self, sources: Mapping[str, Embedded], version: int) -> None:
        """Make embedded sources readable as the snapshot of that version has them."""
        for name, connector in sources.items():
            if self._attached.get(name) == version:
                continue
            try:
                state = connector.attach(self.root)
            except HanseError:
                raise
            except duckdb.Error as failure:
                self.has_failed = True
                raise SourceError(str(failure), source=name) from None
            self._attached[name] = version
            if state is not None:
                self.states[name] = state

    def cursor(self, settings: Mapping[str, str]) -> duckdb.DuckDBPyConnection:
        """A connection for one query with these settings, of which only those are set that the last query had otherwise."""
        for name, value in settings.items():
            if self._settings.get(name) != value:
                self.root.execute(f"SET GLOBAL {name} = '{value.replace(chr(39), '')}'")
                self._settings[name] = value
        return self.root.cursor()

    def spilled(self) -> int:
        """How many bytes are on disk now."""
        try:
            with os.scandir(self._spill_folder) as found:
                return sum(entry.stat().st_size for entry in found)
        except OSError:
            return 0  # nothing was ever spilled, or it is gone in this moment

    def works(self) -> bool:
        """Whether the engine still answers: after an internal error DuckDB refuses all that follows."""
        try:
            if self.has_failed:
                self.root.execute("SELECT 1").fetchall()
        except duckdb.Error:
            return False
        self.has_failed = False
        return True

    def close(self) -> None:
        """Free the engine's memory and spill space."""
        self.root.close()


class InstancePool:
    """At most ``settings.instances`` engines; a query waits for a free one."""

    def __init__(self, settings: EngineSettings, embedded: Iterable[Embedded] = ()) -> None:
        """An empty pool: engines start when first needed, and may open what the embedded sources read."""
        self._settings = settings
        self._embedded = tuple(embedded)
        self._places = Permits(settings.instances)
        self._free: list[Instance] = []
        self._lock = threading.Lock()
        self._started = 0
        share = spill_share(settings)
        self.aside = ENDLESS if share is None else SpillSpace(share)
        """What answers that are kept aside may fill, of all queries together."""
        if settings.spill_folder:
            Path(settings.spill_folder).mkdir(parents=True, exist_ok=True)
        self._folder = tempfile.TemporaryDirectory(
            prefix="hanse-spill-", dir=settings.spill_folder, ignore_cleanup_errors=True
        )
        self.folder = Path(self._folder.name)
        """The folder under which everything is spilled; removed when the pool closes."""

    @property
    def spill_bytes(self) -> int | None:
        """How much one query may spill; None where that is not an amount."""
        return size_in_bytes(self._settings.spill_limit)

    @property
    def threads(self) -> int:
        """How many threads an engine has."""
        return self._settings.threads

    @property
    def used(self) -> int:
        """How many engines serve a query at this moment."""
        return self._places.taken

    def acquire(self, is_ended: Callable[[], bool], share: Share = NOBODY) -> Instance:
        """A free engine, for those who wait in the order of arrival.

        Raises ResourceLimit after ``engine.instance_wait`` seconds, Cancelled when ``is_ended`` says so meanwhile.
        """
        seconds = self._settings.instance_wait
        if not self._places.take(1, seconds, is_ended, share):
            if is_ended() or self._places.closed:
                raise Cancelled("cancelled while waiting for a coordinator instance")
            message = f"all {self._places.size} coordinator instances were busy for {seconds:g} s"
            raise ResourceLimit(message, sqlstate="53300", hint="raise engine.instances or engine.instance_wait")
        try:
            instance = self._taken(tuple(path for connector in self._embedded for path in connector.paths))
            instance.share = share
        except BaseException:
            self._places.give_back(share=share)
            raise
        return instance

    def _taken(self, paths: tuple[Path, ...]) -> Instance:
        """An idle engine that may open these paths; one that may open others cannot change, and ends."""
        with self._lock:
            idle = self._free.pop() if self._free else None
            if idle is not None and idle.paths == paths:
                return idle
            self._started += 1
            number = self._started
        if idle is not None:
            idle.close()
        return Instance(self._settings, self.folder / f"instance-{number}", paths)

    def release(self, instance: Instance) -> None:
        """Take an engine back for the next query, unless a fault of its own ended it."""
        works, share = instance.works(), instance.share
        with self._lock:
            keep = works and not self._places.closed
            if keep:
                self._free.append(instance)
        if not keep:
            instance.close()
        self._places.give_back(share=share)

    def close(self) -> None:
        """Close all idle engines and remove what was spilled; an engine that is in use ends with its query."""
        self._places.close()
        with self._lock:
            instances, self._free = self._free, []
        for instance in instances:
            instance.close()
        self._folder.cleanup()
