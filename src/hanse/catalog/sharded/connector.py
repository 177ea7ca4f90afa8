"""A sharded source: opens its shards, and merges their catalogs. Nobody reads from it: ``optimize`` names the shards."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hanse.catalog import plugins
from hanse.catalog.sharded.lookup import LookupTable
from hanse.catalog.sharded.merging import Merger
from hanse.catalog.sharded.options import LookupOptions, Places, ShardedOptions, check, kind_of, names_of
from hanse.errors import HanseError, InternalError, SourceUnreachable
from hanse.ir.types import Kind
from hanse.spi.connector import Connector, Plugin, ReadContext, Session
from hanse.spi.snapshot import SourceCatalog

READERS_MAX = 16
"""As many shards' catalogs are read at one time."""


class ShardedConnector:
    """One sharded source; shard ``s`` of source ``sales`` is the source ``sales/s``."""

    def __init__(self, source: str, options: ShardedOptions, folder: Path) -> None:
        """Opens nothing yet; raises ConfigError."""
        where = f"sources.{source}"
        self._source = source
        self._options = options
        self._names = names_of(options, where)
        for name, table in options.tables.items():
            check(table, Places(self._names, f"{where}.tables.{name}"))
        self.kinds: Mapping[str, str] = {
            f"{source}/{name}": kind_of(block, f"{where}/{name}")
            for name, block in zip(self._names, options.shards, strict=True)
        }
        self.shards: Mapping[str, Connector] = {
            name: plugins.connect(name, {**_without_name(block), "kind": kind}, folder)
            for (name, kind), block in zip(self.kinds.items(), options.shards, strict=True)
        }
        self._lock = threading.Lock()
        self._known: dict[str, SourceCatalog] = {}
        self._others: Mapping[str, Connector] = {}
        self._lookups: dict[tuple[LookupOptions, Kind], LookupTable] = {}

    @property
    def source(self) -> str:
        """The name under which users know it."""
        return self._source

    def load_catalog(self) -> SourceCatalog:
        """Read the shards' catalogs and merge them. That of a shard which does not answer is the last one known, so that
        the others can be asked; raises SourceError naming the shard if none is known."""
        with ThreadPoolExecutor(min(READERS_MAX, len(self.shards)), thread_name_prefix="hanse-shards") as pool:
            catalogs = tuple(pool.map(self._loaded, self.shards.values()))
        merger = Merger(self._source, self._names, catalogs, self._lookup)
        tables = tuple(merger.table(name, table) for name, table in self._options.tables.items())
        first = catalogs[0]
        servers = ", ".join(dict.fromkeys(catalog.server for catalog in catalogs))
        return SourceCatalog(
            self._source,
            "sharded",
            tables,
            first.dialect,
            first.capabilities,
            f"{len(catalogs)} shards: {servers}",
            first.default_schema,
            catalogs,
            self._options.fan_out_max,
        )

    def meet(self, sources: Mapping[str, Connector]) -> None:
        """Learn of all sources that have tables of their own, by name: lookup tables are theirs. The shards are among them,
        in the form in which they are to be asked."""
        self._others = sources
        self.shards = {name: sources.get(name, shard) for name, shard in self.shards.items()}

    def _lookup(self, options: LookupOptions, kind: Kind, places: Places) -> LookupTable:
        """The lookup table, which is one for all tables that say the same of it: it is read once for all of them."""
        found = self._lookups.get((options, kind))
        if found is None:
            found = self._lookups[options, kind] = LookupTable(options, kind, places, self._others)
        return found

    def _loaded(self, shard: Connector) -> SourceCatalog:
        try:
            found = shard.load_catalog()
        except HanseError as failure:
            with self._lock:
                known = self._known.get(shard.source)
            if known is not None and isinstance(failure, SourceUnreachable):
                return known
            message = f"shard {shard.source}: {failure.message}"
            again = type(failure)(message, sqlstate=failure.code, source=self._source, hint=failure.hint)
            raise again.with_fault(failure.fault) from None
        with self._lock:
            self._known[shard.source] = found
        return found

    def begin(self, context: ReadContext) -> Session:
        """Nobody's: a query's requests go to shards."""
        raise InternalError(f"query {context.query_id} asks a sharded source, not a shard", source=self._source)

    def close(self) -> None:
        """Close every shard."""
        for shard in self.shards.values():
            shard.close()


def _without_name(block: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in block.items() if key != "name"}


def _connect(source: str, options: ShardedOptions, folder: Path) -> ShardedConnector:
    return ShardedConnector(source, options, folder)


plugin = Plugin("sharded", ShardedOptions, _connect)
