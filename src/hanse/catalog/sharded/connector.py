"""A sharded source: opens its shards, and merges their catalogs. Nobody reads from it: ``optimize`` names the shards."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hanse.catalog import plugins
from hanse.catalog.sharded.assuming import Known, Recall, assumed
from hanse.catalog.sharded.lookup import LookupTable
from hanse.catalog.sharded.merging import Merger
from hanse.catalog.sharded.options import LookupOptions, Places, ShardedOptions, check, kind_of, names_of
from hanse.errors import AGAIN, HanseError, InternalError, SourceUnreachable
from hanse.ir.types import Kind
from hanse.spi.connector import Connector, Embedded, Plugin, ReadContext, Session
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
        self._recall: Recall = _nobody
        self._lookups: dict[tuple[LookupOptions, Kind], LookupTable] = {}

    @property
    def source(self) -> str:
        """The name under which users know it."""
        return self._source

    def load_catalog(self) -> SourceCatalog:
        """Read the shards' catalogs and merge them. That of a shard which does not answer is the last one known, or else
        assumed, so that the others can be asked; raises SourceError naming the shard if no shard's is known."""
        with ThreadPoolExecutor(min(READERS_MAX, len(self.shards)), thread_name_prefix="hanse-shards") as pool:
            catalogs = self._completed(list(pool.map(self._loaded, self.shards.values())))
        merger = Merger(self._source, self._names, catalogs, self._lookup)
        tables = tuple(merger.table(name, table) for name, table in self._options.tables.items())
        first = next(catalog for catalog in catalogs if catalog.assumed is None)
        servers = ", ".join(dict.fromkeys(catalog.server for catalog in catalogs if catalog.assumed is None))
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

    def meet(self, sources: Mapping[str, Connector], recall: Recall) -> None:
        """Learn of all sources that have tables of their own, by name: lookup tables are theirs. The shards are among them,
        in the form in which they are to be asked. ``recall`` knows what catalogs were when they were last read."""
        self._others, self._recall = sources, recall
        self.shards = {name: sources.get(name, shard) for name, shard in self.shards.items()}

    def _lookup(self, options: LookupOptions, kind: Kind, places: Places) -> LookupTable:
        """The lookup table, which is one for all tables that say the same of it: it is read once for all of them."""
        found = self._lookups.get((options, kind))
        if found is None:
            found = self._lookups[options, kind] = LookupTable(options, kind, places, self._others)
        return found

    def _loaded(self, shard: Connector) -> SourceCatalog | HanseError:
        """What the shard is, or was when this process last read it; the failure of one that is away and was never read. Raises
        what is no outage."""
        try:
            found = shard.load_catalog()
        except HanseError as failure:
            with self._lock:
                known = self._known.get(shard.source)
            if known is not None and (failure.fault in AGAIN or isinstance(failure, SourceUnreachable)):
                return known
            if failure.fault not in AGAIN or isinstance(shard, Embedded):  # a file that is away is none to plan with
                raise self._named(shard.source, failure) from None
            failure.source = shard.source
            return failure
        with self._lock:
            self._known[shard.source] = found
        return found

    def _named(self, shard: str, failure: HanseError) -> HanseError:
        """The failure of a shard as that of the whole."""
        message = f"shard {shard}: {failure.message}"
        again = type(failure)(message, sqlstate=failure.code, source=self._source, hint=failure.hint)
        return again.with_fault(failure.fault)

    def _completed(self, found: list[SourceCatalog | HanseError]) -> tuple[SourceCatalog, ...]:
        """Every shard's catalog: those that were read, and what the others' are taken to be; raises the first failure if none
        was read."""
        read = [catalog for catalog in found if isinstance(catalog, SourceCatalog)]
        catalogs: list[SourceCatalog] = []
        for (name, kind), one in zip(self.kinds.items(), found, strict=True):
            if isinstance(one, SourceCatalog):
                catalogs.append(one)
                continue
            if not read:
                raise self._named(name, one) from None
            like = next((catalog for catalog in read if catalog.kind == kind), read[0])
            catalogs.append(assumed(kind, like, self._recall(name), one))
        return tuple(catalogs)

    def begin(self, context: ReadContext) -> Session:
        """Nobody's: a query's requests go to shards."""
        raise InternalError(f"query {context.query_id} asks a sharded source, not a shard", source=self._source)

    def close(self) -> None:
        """Close every shard."""
        for shard in self.shards.values():
            shard.close()


def _nobody(source: str) -> Known | None:  # noqa: ARG001  # one who recalls
    """Recalls nothing."""
    return None


def _without_name(block: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in block.items() if key != "name"}


def _connect(source: str, options: ShardedOptions, folder: Path) -> ShardedConnector:
    return ShardedConnector(source, options, folder)


plugin = Plugin("sharded", ShardedOptions, _connect)
